/* SPDX-License-Identifier: MIT */
/* aml: ACPI's bytecode, as far as a table of devices needs it: ACPI 6.5 chapter 20 */
#ifndef SNUG_TABLE_AML_H
#define SNUG_TABLE_AML_H

#include <stdbool.h>
#include <stdint.h>

struct snug__aml {
	uint8_t *at;
	unsigned len, room;
	bool full; /* something did not fit */
};

void snug__aml_byte(struct snug__aml *a, uint8_t byte);
void snug__aml_bytes(struct snug__aml *a, const void *bytes, unsigned len);
void snug__aml_integer(struct snug__aml *a, uint64_t value);
void snug__aml_string(struct snug__aml *a, const char *s);

/* Four letters, or fewer that are filled up: a NameSeg. */
void snug__aml_name(struct snug__aml *a, const char *name);

/* DefName: what follows is its value. */
void snug__aml_define(struct snug__aml *a, const char *name);

/* "PNP0501" as a number of 32 bits: ACPI 6.5 19.6.37 EISAID; anything else as a string. */
void snug__aml_hid(struct snug__aml *a, const char *hid);

/* What has a length: give what begin returned to end.  Lengths are below 4096. */
unsigned snug__aml_begin(struct snug__aml *a, unsigned opcode);
void snug__aml_end(struct snug__aml *a, unsigned begun);

/* Of begin: 20.2.5 */
#define SNUG__AML_SCOPE 0x10u
#define SNUG__AML_BUFFER 0x11u
#define SNUG__AML_PACKAGE 0x12u
#define SNUG__AML_METHOD 0x14u
#define SNUG__AML_DEVICE 0x5b82u

#endif

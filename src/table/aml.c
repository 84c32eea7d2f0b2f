/* SPDX-License-Identifier: MIT */
#include "table/aml.h"

#include <string.h>

#include "base/bytes.h"

#define LENGTH_BYTES 2u /* of a PkgLength: 20.2.4 */

void snug__aml_byte(struct snug__aml *a, uint8_t byte)
{
	if (a->len < a->room)
		a->at[a->len++] = byte;
	else
		a->full = true;
}

void snug__aml_bytes(struct snug__aml *a, const void *bytes, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		snug__aml_byte(a, ((const uint8_t *)bytes)[i]);
}

static void little(struct snug__aml *a, uint8_t prefix, uint64_t value, unsigned bytes)
{
	uint8_t le[8];

	snug__aml_byte(a, prefix);
	snug__le_store(le, 8, value);
	snug__aml_bytes(a, le, bytes);
}

/* 20.2.3: ZeroOp, OneOp, and prefixes for 1, 2, 4 and 8 bytes */
void snug__aml_integer(struct snug__aml *a, uint64_t value)
{
	if (value <= 1)
		snug__aml_byte(a, (uint8_t)value);
	else if (value <= UINT8_MAX)
		little(a, 0x0a, value, 1);
	else if (value <= UINT16_MAX)
		little(a, 0x0b, value, 2);
	else if (value <= UINT32_MAX)
		little(a, 0x0c, value, 4);
	else
		little(a, 0x0e, value, 8);
}

void snug__aml_string(struct snug__aml *a, const char *s)
{
	snug__aml_byte(a, 0x0d);
	snug__aml_bytes(a, s, (unsigned)strlen(s) + 1);
}

void snug__aml_name(struct snug__aml *a, const char *name)
{
	for (unsigned i = 0, end = 0; i < 4; i++) {
		end |= name[i < 4 && !end ? i : 0] == 0;
		snug__aml_byte(a, end ? '_' : (uint8_t)name[i]);
	}
}

void snug__aml_define(struct snug__aml *a, const char *name)
{
	snug__aml_byte(a, 0x08);
	snug__aml_name(a, name);
}

static unsigned hex(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'A') + 10;
}

void snug__aml_hid(struct snug__aml *a, const char *hid)
{
	uint8_t id[4];

	if (strlen(hid) != 7) {
		snug__aml_string(a, hid);
		return;
	}
	/* Three letters of 5 bits, four digits of 4, the first in the highest bits. */
	id[0] = (uint8_t)((hid[0] - '@') << 2 | (hid[1] - '@') >> 3);
	id[1] = (uint8_t)((hid[1] - '@') << 5 | (hid[2] - '@'));
	id[2] = (uint8_t)(hex(hid[3]) << 4 | hex(hid[4]));
	id[3] = (uint8_t)(hex(hid[5]) << 4 | hex(hid[6]));
	snug__aml_byte(a, 0x0c);
	snug__aml_bytes(a, id, sizeof(id));
}

unsigned snug__aml_begin(struct snug__aml *a, unsigned opcode)
{
	unsigned begun;

	if (opcode > UINT8_MAX)
		snug__aml_byte(a, (uint8_t)(opcode >> 8));
	snug__aml_byte(a, (uint8_t)opcode);
	begun = a->len;
	for (unsigned i = 0; i < LENGTH_BYTES; i++)
		snug__aml_byte(a, 0);
	return begun;
}

void snug__aml_end(struct snug__aml *a, unsigned begun)
{
	unsigned len = a->len - begun;

	if (a->full)
		return;
	a->at[begun] = (uint8_t)(1u << 6 | (len & 0xf));
	a->at[begun + 1] = (uint8_t)(len >> 4);
}

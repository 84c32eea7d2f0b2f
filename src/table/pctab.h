/* SPDX-License-Identifier: MIT */
/*
 * pctab: what firmware tells a kernel of a PC: the memory map, ACPI's tables, the MP table
 *
 * All of it is made from one description, which core fills from the machine table.
 */
#ifndef SNUG_TABLE_PCTAB_H
#define SNUG_TABLE_PCTAB_H

#include "guest/boot.h"
#include "guest/mem.h"

/* A PC's hole below 1 MiB.  Firmware's tables lie in its upper part, where kernels look for them. */
#define SNUG__EBDA_GPA 0x9fc00ull
#define SNUG__HOLE_GPA 0xa0000ull
#define SNUG__ACPI_GPA 0xe0000ull
#define SNUG__MPTABLE_GPA 0xf0000ull
#define SNUG__HOLE_END 0x100000ull

#define SNUG__IOAPIC_GPA 0xfec00000ull /* KVM's, as a PC's: Intel 82093AA, 3.0 */
#define SNUG__LAPIC_GPA 0xfee00000ull  /* SDM 3A 10.4.1 */

/* A device that ACPI tells of. */
struct snug__pc_dev {
	char name[5];    /* four letters: "COM1" */
	const char *hid; /* "PNP0501", or a name of its own */
	uint16_t port, count;
	uint8_t irq; /* 0: none */
};

struct snug__pc {
	unsigned cpus; /* their APIC ids are their numbers */
	const struct snug__pc_dev *devs;
	unsigned dev_count;
	uint16_t
	    pm_port; /* ACPI's power management: 4 bytes of events, 2 of control, at 8 the timer; 0: there is no ACPI */
	uint8_t sci;         /* its interrupt line */
	uint16_t reset_port; /* takes 6 */
	uint8_t renew_irq;   /* edge: the VM's generation is another one now; 0: nobody tells */
};

/* e820.c: the map, in order; the number of rows. */
unsigned snug__e820_make(const struct snug__mem *mem, struct snug__e820 rows[SNUG__E820_MAX]);

/*
 * acpi.c: writes the tables (ACPI 6.5) to SNUG__ACPI_GPA; *rsdp is where to start, *generation 64 bytes for the VM's
 * generation.  mptable.c: writes Intel's MP table (MultiProcessor Specification 1.4) to SNUG__MPTABLE_GPA.
 * -EFAULT: there is no memory; -E2BIG: more vCPUs than fit.
 */
int snug__acpi_write(const struct snug__pc *pc, struct snug__mem *mem, snug_gpa *rsdp, snug_gpa *generation);
int snug__mptable_write(const struct snug__pc *pc, struct snug__mem *mem);

/* Makes all bytes of a table add up to 0, by the one at `at`. */
static inline void snug__pc_checksum(uint8_t *table, unsigned len, unsigned at)
{
	uint8_t sum = 0;

	table[at] = 0;
	for (unsigned i = 0; i < len; i++)
		sum = (uint8_t)(sum + table[i]);
	table[at] = (uint8_t)-sum;
}

/* A field of fixed width: text, and blanks. */
static inline void snug__put_text(uint8_t *at, size_t len, const char *text)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(*text ? *text++ : ' ');
}

#endif

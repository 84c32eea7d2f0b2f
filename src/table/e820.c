/* SPDX-License-Identifier: MIT */
/* e820: the memory map, as a PC's INT 15H AX=E820H gives it: ACPI 6.5 chapter 15 */
#include "table/pctab.h"

static void add(struct snug__e820 *rows, unsigned *n, uint64_t from, uint64_t to, uint32_t type)
{
	if (from < to && *n < SNUG__E820_MAX)
		rows[(*n)++] = (struct snug__e820){from, to - from, type};
}

/* Regions that are not RAM from 0 on or from 4 GiB on are the caller's own: a kernel hears of them as reserved. */
unsigned snug__e820_make(const struct snug__mem *mem, struct snug__e820 rows[SNUG__E820_MAX])
{
	uint64_t low = snug__mem_low_end(mem);
	unsigned n = 0;

	add(rows, &n, 0, snug__min(low, SNUG__EBDA_GPA), SNUG__E820_RAM);
	add(rows, &n, SNUG__EBDA_GPA, SNUG__HOLE_GPA, SNUG__E820_RESERVED);
	add(rows, &n, SNUG__ACPI_GPA, SNUG__HOLE_END, SNUG__E820_RESERVED);
	add(rows, &n, SNUG__HOLE_END, low, SNUG__E820_RAM);
	for (unsigned i = 0; i < mem->count; i++) {
		const struct snug__region *r = &mem->regions[i];
		bool ram = r->gpa >= SNUG__RAM_HIGH_GPA && !(r->flags & SNUG_MEM_READONLY);

		if (r->gpa >= low && r->gpa >= SNUG__HOLE_END)
			add(rows, &n, r->gpa, r->gpa + r->bytes, ram ? SNUG__E820_RAM : SNUG__E820_RESERVED);
	}
	return n;
}

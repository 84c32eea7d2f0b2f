/* SPDX-License-Identifier: MIT */
#include "table/table.h"

#include <errno.h>

#include "base/err.h"

enum page { IDT64, STUBS64, IDT32, STUBS32, DIR32, PML4, PDPT, DIRECTORIES };

#define GIB (1ull << 30)
#define MIN_DIRECTORIES 4 /* the first 4 GiB are always mapped: devices and the tables are there */

int snug__tables_plan(struct snug__tables *t, uint64_t top, unsigned cpus, struct snug_error *err)
{
	uint64_t gib = top / GIB + (top % GIB != 0);
	uint64_t pages;

	gib = snug__max(gib, MIN_DIRECTORIES);
	pages = DIRECTORIES + gib + (uint64_t)cpus * SNUG__CPU_PAGES;
	if (gib > 512 || pages > SNUG__TABLES_MAX / SNUG_PAGE)
		return snug__err(err, -ERANGE, SNUG_STEP_SET_SREGS,
		                 "give the guest less memory or fewer vCPUs, or start it in real mode",
		                 "page tables for %llu GiB and %u vCPUs do not fit into their %llu pages",
		                 (unsigned long long)gib, cpus, SNUG__TABLES_MAX / SNUG_PAGE);
	*t = (struct snug__tables){.directories = (unsigned)gib, .cpus = cpus, .bytes = pages * SNUG_PAGE};
	return 0;
}

static uint64_t page_gpa(unsigned page)
{
	return SNUG__TABLES_GPA + page * SNUG_PAGE;
}

int snug__tables_write(const struct snug__tables *t, enum snug_mode mode, unsigned cpu, struct snug__mem *mem,
                       struct snug__mode_tables *out)
{
	bool wide = snug__mode_is_long(mode);
	unsigned own = DIRECTORIES + t->directories + cpu * SNUG__CPU_PAGES;
	uint8_t *base = snug__mem_ptr(mem, SNUG__TABLES_GPA, t->bytes, false);
	unsigned idt = wide ? IDT64 : IDT32, stubs = wide ? STUBS64 : STUBS32;

	if (!base || cpu >= t->cpus)
		return -EFAULT;
	snug__gdt_write(base + own * SNUG_PAGE, page_gpa(own), wide);
	snug__idt_write(base + idt * SNUG_PAGE, base + stubs * SNUG_PAGE, page_gpa(stubs), wide);
	if (wide)
		snug__paging64_write(base + PML4 * SNUG_PAGE, base + PDPT * SNUG_PAGE, base + DIRECTORIES * SNUG_PAGE,
		                     t->directories, page_gpa(PDPT), page_gpa(DIRECTORIES));
	else if (mode == SNUG_MODE_PAGED32)
		snug__paging32_write(base + DIR32 * SNUG_PAGE);
	*out = (struct snug__mode_tables){
	    .gdt = page_gpa(own),
	    .tss = page_gpa(own) + SNUG__TSS_OFFSET,
	    .idt = page_gpa(idt),
	    .cr3 = page_gpa(wide ? PML4 : DIR32),
	    .idt_limit = wide ? SNUG__VECTORS * 16 - 1 : SNUG__VECTORS * 8 - 1,
	    .tss_limit = SNUG__TSS_LIMIT,
	};
	/* Written through the checked pointer above; every page of the region may have changed. */
	return snug__mem_mark(mem, SNUG__TABLES_GPA, t->bytes);
}

int snug__stub_vector(uint64_t rip, bool wide)
{
	uint64_t first = page_gpa(wide ? STUBS64 : STUBS32);

	if (rip < first || rip - first >= SNUG__VECTORS * SNUG__STUB_BYTES)
		return -1;
	return (int)((rip - first) / SNUG__STUB_BYTES);
}

/* SPDX-License-Identifier: MIT */
#include "table/table.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
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

void snug__tables_where(const struct snug__tables *t, enum snug_mode mode, unsigned cpu,
                        struct snug__mode_tables *out)
{
	bool wide = snug__mode_is_long(mode);
	unsigned own = DIRECTORIES + t->directories + cpu * SNUG__CPU_PAGES;

	*out = (struct snug__mode_tables){
	    .gdt = page_gpa(own),
	    .tss = page_gpa(own) + SNUG__TSS_OFFSET,
	    .idt = page_gpa(wide ? IDT64 : IDT32),
	    .cr3 = page_gpa(wide ? PML4 : DIR32),
	    .idt_limit = wide ? SNUG__VECTORS * 16 - 1 : SNUG__VECTORS * 8 - 1,
	    .tss_limit = SNUG__TSS_LIMIT,
	};
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
	snug__tables_where(t, mode, cpu, out);
	/* Written through the checked pointer above; every page of the region may have changed. */
	return snug__mem_mark(mem, SNUG__TABLES_GPA, t->bytes);
}

/* SDM 3A 4.8: accessed and dirty flags; 3.5 table 3-2 and 3.4.5.1: a TSS's busy and a segment's accessed flag. */
#define PTE_NOTES 0x60ull
#define DESCRIPTOR_NOTES (3ull << 40)

/* Words of 8 bytes of a page of these that are no longer what they were. */
static bool same_page(const uint8_t *a, const uint8_t *b, size_t bytes, uint64_t notes)
{
	for (size_t i = 0; i < bytes; i += 8)
		if ((snug__le_load(a + i, 8) | notes) != (snug__le_load(b + i, 8) | notes))
			return false;
	return true;
}

static bool same_tables(const struct snug__tables *t, const uint8_t *a, const uint8_t *b)
{
	for (unsigned page = 0; page < DIRECTORIES + t->directories; page++) {
		bool wide = page == IDT64 || page == STUBS64 || page >= PML4;

		if (wide &&
		    !same_page(a + page * SNUG_PAGE, b + page * SNUG_PAGE, SNUG_PAGE, page >= PML4 ? PTE_NOTES : 0))
			return false;
	}
	for (unsigned cpu = 0; cpu < t->cpus; cpu++) {
		size_t own = (size_t)(DIRECTORIES + t->directories + cpu * SNUG__CPU_PAGES) * SNUG_PAGE;
		size_t tss = own + SNUG__TSS_OFFSET, tss_end = tss + SNUG__TSS_LIMIT + 1;

		if (!same_page(a + own, b + own, SNUG__TSS_OFFSET, DESCRIPTOR_NOTES) ||
		    memcmp(a + tss, b + tss, tss_end - tss) != 0)
			return false;
	}
	return true;
}

bool snug__tables_intact(const struct snug__tables *t, const uint8_t *now)
{
	struct snug_region region = {.gpa = SNUG__TABLES_GPA, .bytes = t->bytes, .name = "tables"};
	struct snug__mode_tables unused;
	struct snug__mem fresh;
	bool same;

	snug__mem_init(&fresh, 1, NULL, NULL);
	same = snug__mem_add(&fresh, &region, NULL) == 0;
	for (unsigned cpu = 0; same && cpu < t->cpus; cpu++)
		same = snug__tables_write(t, SNUG_MODE_USER, cpu, &fresh, &unused) == 0;
	same = same && same_tables(t, now, snug__mem_ptr(&fresh, SNUG__TABLES_GPA, t->bytes, false));
	snug__mem_destroy(&fresh);
	return same;
}

int snug__stub_vector(uint64_t rip, bool wide)
{
	uint64_t first = page_gpa(wide ? STUBS64 : STUBS32);

	if (rip < first || rip - first >= SNUG__VECTORS * SNUG__STUB_BYTES)
		return -1;
	return (int)((rip - first) / SNUG__STUB_BYTES);
}

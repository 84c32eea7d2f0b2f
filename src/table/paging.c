/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"
#include "table/table.h"
#include "x86/x86.h"

/*
 * Identity maps.  All is open to CPL 3 but for the large page that holds the tables themselves.  Accessed and dirty are
 * set from the start, so that the CPU has nothing to write here.
 */
#define LINK (X86_PTE_P | X86_PTE_W | X86_PTE_U | X86_PTE_A)
#define LEAF (X86_PTE_P | X86_PTE_W | X86_PTE_A | X86_PTE_D | X86_PTE_PS)

#define MIB2 (2ull << 20)
#define MIB4 (4ull << 20)

static uint64_t leaf(uint64_t gpa, uint64_t bytes)
{
	bool ours = snug__overlap(gpa, bytes, SNUG__TABLES_GPA, SNUG__TABLES_MAX);

	return gpa | LEAF | (ours ? 0 : X86_PTE_U);
}

/* SDM 3A table 4-4: 1024 pages of 4 MiB. */
void snug__paging32_write(uint8_t *directory)
{
	for (unsigned i = 0; i < 1024; i++)
		snug__le_store(directory + 4ul * i, 4, leaf(i * MIB4, MIB4));
}

/* SDM 3A tables 4-15, 4-16, 4-18: pages of 2 MiB, 512 of them in each directory. */
void snug__paging64_write(uint8_t *pml4, uint8_t *pdpt, uint8_t *directories, unsigned count, uint64_t pdpt_gpa,
                          uint64_t directories_gpa)
{
	snug__le_store(pml4, 8, pdpt_gpa | LINK);
	for (unsigned d = 0; d < count; d++) {
		uint8_t *directory = directories + d * SNUG_PAGE;

		snug__le_store(pdpt + 8ul * d, 8, (directories_gpa + d * SNUG_PAGE) | LINK);
		for (unsigned i = 0; i < 512; i++)
			snug__le_store(directory + 8ul * i, 8, leaf((d * 512ull + i) * MIB2, MIB2));
	}
}

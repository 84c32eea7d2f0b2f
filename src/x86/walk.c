/* SPDX-License-Identifier: MIT */
#include "x86/walk.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/err.h"
#include "x86/x86.h"

/* How a paging mode walks: levels, bits of index per level, bytes per entry. */
struct shape {
	const char *name;
	unsigned levels, index_bits, entry_bytes;
};

static const struct shape none = {"no paging", 0, 0, 0};
static const struct shape two = {"32-bit paging", 2, 10, 4};
static const struct shape pae = {"PAE paging", 3, 9, 8};
static const struct shape four = {"4-level paging", 4, 9, 8};
static const struct shape five = {"5-level paging", 5, 9, 8};

static const struct shape *shape_of(const struct snug_sregs *s)
{
	if (!(s->cr0 & X86_CR0_PG))
		return &none;
	if (!(s->cr4 & X86_CR4_PAE))
		return &two;
	if (!(s->efer & X86_EFER_LMA))
		return &pae;
	return s->cr4 & X86_CR4_LA57 ? &five : &four;
}

static bool canonical(uint64_t linear, unsigned levels)
{
	unsigned bits = 12 + 9 * levels;
	uint64_t top = linear >> (bits - 1);

	return top == 0 || top == UINT64_MAX >> (bits - 1);
}

/* May an entry of this level be a large page?  SDM 3A tables 4-4 to 4-19. */
static bool leaf_here(const struct shape *sh, const struct snug_sregs *s, unsigned level, uint64_t entry)
{
	if (level == 1)
		return true;
	if (!(entry & X86_PTE_PS))
		return false;
	if (sh == &two)
		return (s->cr4 & X86_CR4_PSE) != 0;
	return level == 2 || (level == 3 && sh != &pae);
}

static snug_gpa leaf_address(const struct shape *sh, unsigned level, uint64_t entry, uint64_t linear)
{
	unsigned shift = 12 + sh->index_bits * (level - 1);
	uint64_t offset = linear & ((1ull << shift) - 1);

	/* A 4 MiB page has bits 39:32 of its address in bits 20:13 (SDM 3A table 4-4). */
	if (sh == &two && level == 2)
		return (entry & 0xffc00000) | (entry & 0x1fe000) << 19 | offset;
	return (entry & X86_PTE_ADDR & ~((1ull << shift) - 1)) | offset;
}

int snug__walk(const struct snug__mem *mem, const struct snug_sregs *s, uint64_t linear, snug_gpa *out,
               struct snug_error *err)
{
	const struct shape *sh = shape_of(s);
	uint64_t table;

	if (sh->levels < 4)
		linear &= 0xffffffff;
	else if (!canonical(linear, sh->levels))
		return snug__err(err, -EFAULT, SNUG_STEP_NONE, NULL, "linear address 0x%llx is not canonical",
		                 (unsigned long long)linear);
	if (sh == &none) {
		*out = linear;
		return 0;
	}
	/* Where CR3 has its table: SDM 3A tables 4-3, 4-7, 4-12. */
	table = sh == &two ? s->cr3 & 0xfffff000 : sh == &pae ? s->cr3 & 0xffffffe0 : s->cr3 & X86_PTE_ADDR;
	for (unsigned level = sh->levels; level > 0; level--) {
		unsigned shift = 12 + sh->index_bits * (level - 1);
		uint64_t index = linear >> shift & ((1u << sh->index_bits) - 1);
		snug_gpa at = table + index * sh->entry_bytes;
		uint8_t bytes[8];
		uint64_t entry;

		if (snug__mem_read(mem, at, bytes, sh->entry_bytes) < 0)
			return snug__err(err, -EFAULT, SNUG_STEP_NONE, NULL,
			                 "%s: table of level %u at 0x%llx is outside memory", sh->name, level,
			                 (unsigned long long)at);
		entry = snug__le_load(bytes, sh->entry_bytes);
		if (!(entry & X86_PTE_P))
			return snug__err(err, -EFAULT, SNUG_STEP_NONE, NULL,
			                 "%s: 0x%llx is not mapped: entry of level %u at 0x%llx is not present",
			                 sh->name, (unsigned long long)linear, level, (unsigned long long)at);
		if (leaf_here(sh, s, level, entry)) {
			*out = leaf_address(sh, level, entry, linear);
			return 0;
		}
		table = sh == &two ? entry & 0xfffff000 : entry & X86_PTE_ADDR;
	}
	return -EFAULT; /* not reached: level 1 is always a leaf */
}

size_t snug__walk_read(const struct snug__mem *mem, const struct snug_sregs *s, uint64_t linear, void *to, size_t len)
{
	uint8_t *p = to;
	size_t done = 0;

	while (done < len) {
		uint64_t at = linear + done; /* may wrap: then the walk says what it thinks of address 0 */
		size_t n = (size_t)snug__min(len - done, SNUG_PAGE - (at & (SNUG_PAGE - 1)));
		snug_gpa gpa = 0;

		if (snug__walk(mem, s, at, &gpa, NULL) < 0 || snug__mem_read(mem, gpa, p + done, n) < 0)
			break;
		done += n;
	}
	return done;
}

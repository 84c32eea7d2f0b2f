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

/* Where CR3 has its first table: SDM 3A tables 4-3, 4-7, 4-12. */
static snug_gpa root_of(const struct shape *sh, const struct snug_sregs *s)
{
	return sh == &two ? s->cr3 & 0xfffff000 : sh == &pae ? s->cr3 & 0xffffffe0 : s->cr3 & X86_PTE_ADDR;
}

/* One entry of a table; false where it lies outside memory. */
static bool read_entry(const struct shape *sh, const struct snug__mem *mem, snug_gpa at, uint64_t *entry)
{
	uint8_t bytes[8];

	if (snug__mem_read(mem, at, bytes, sh->entry_bytes) < 0)
		return false;
	*entry = snug__le_load(bytes, sh->entry_bytes);
	return true;
}

/* Walks level after level; how it ends. */
static enum snug_walk_end descend(const struct shape *sh, const struct snug__mem *mem, const struct snug_sregs *s,
                                  struct snug_walk *w)
{
	uint64_t table = root_of(sh, s);

	for (unsigned level = sh->levels; level > 0; level--) {
		unsigned shift = 12 + sh->index_bits * (level - 1);
		uint64_t index = w->linear >> shift & ((1u << sh->index_bits) - 1);
		struct snug_walk_step *step = &w->step[w->steps++];

		step->level = level;
		step->at = table + index * sh->entry_bytes;
		if (!read_entry(sh, mem, step->at, &step->entry))
			return SNUG_WALK_OUTSIDE;
		if (!(step->entry & X86_PTE_P))
			return SNUG_WALK_ABSENT;
		if (leaf_here(sh, s, level, step->entry)) {
			w->page = 1ull << shift;
			w->gpa = leaf_address(sh, level, step->entry, w->linear);
			break;
		}
		table = sh == &two ? step->entry & 0xfffff000 : step->entry & X86_PTE_ADDR;
	}
	return SNUG_WALK_MAPPED;
}

void snug__walk_path(const struct snug__mem *mem, const struct snug_sregs *s, uint64_t linear, struct snug_walk *out)
{
	const struct shape *sh = shape_of(s);

	*out = (struct snug_walk){.linear = sh->levels < 4 ? linear & 0xffffffff : linear, .paging = sh->name};
	if (sh == &none)
		out->gpa = out->linear;
	else if (sh->levels >= 4 && !canonical(linear, sh->levels))
		out->end = SNUG_WALK_NOT_CANONICAL;
	else
		out->end = descend(sh, mem, s, out);
	out->memory = out->end == SNUG_WALK_MAPPED && snug__mem_find(mem, out->gpa);
}

int snug__walk(const struct snug__mem *mem, const struct snug_sregs *s, uint64_t linear, snug_gpa *out,
               struct snug_error *err)
{
	const struct snug_walk_step *last;
	struct snug_walk w;

	snug__walk_path(mem, s, linear, &w);
	last = &w.step[w.steps ? w.steps - 1 : 0];
	switch (w.end) {
	case SNUG_WALK_MAPPED:
		*out = w.gpa;
		return 0;
	case SNUG_WALK_NOT_CANONICAL:
		return snug__err(err, -EFAULT, SNUG_STEP_NONE, NULL, "linear address 0x%llx is not canonical",
		                 (unsigned long long)linear);
	case SNUG_WALK_OUTSIDE:
		return snug__err(err, -EFAULT, SNUG_STEP_NONE, NULL,
		                 "%s: table of level %u at 0x%llx is outside memory", w.paging, last->level,
		                 (unsigned long long)last->at);
	case SNUG_WALK_ABSENT:
	default:
		return snug__err(err, -EFAULT, SNUG_STEP_NONE, NULL,
		                 "%s: 0x%llx is not mapped: entry of level %u at 0x%llx is not present", w.paging,
		                 (unsigned long long)w.linear, last->level, (unsigned long long)last->at);
	}
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

bool snug__walk_access(const struct snug__mem *mem, const struct snug_sregs *s, uint64_t linear, unsigned access,
                       snug_gpa *out)
{
	bool bare_root = shape_of(s) == &pae; /* its first entries have no such bits (SDM 3A table 4-8) */
	uint64_t need = access & SNUG__ACCESS_USER ? X86_PTE_U : 0;
	struct snug_walk w;

	if ((access & SNUG__ACCESS_WRITE) && (access & SNUG__ACCESS_USER || s->cr0 & X86_CR0_WP))
		need |= X86_PTE_W;
	snug__walk_path(mem, s, linear, &w);
	if (w.end != SNUG_WALK_MAPPED)
		return false;
	for (unsigned i = bare_root ? 1 : 0; i < w.steps; i++)
		if ((w.step[i].entry & need) != need)
			return false;
	*out = w.gpa;
	return true;
}

/* A scan of all tables: one table of each level is open at a time. */
struct scan {
	const struct snug__mem *mem;
	const struct snug_sregs *s;
	const struct shape *sh;
	unsigned budget;
	snug__page_fn page;
	void *ctx;
};

static bool scan_table(struct scan *sc, unsigned level, snug_gpa table, uint64_t base, bool write, bool exec)
{
	const struct shape *sh = sc->sh;
	unsigned shift = 12 + sh->index_bits * (level - 1);
	unsigned count = sh == &pae && level == 3 ? 4 : 1u << sh->index_bits; /* SDM 3A 4.4.1: four PDPTEs */

	for (unsigned i = 0; i < count; i++) {
		uint64_t linear = base + ((uint64_t)i << shift), entry;
		bool w, x;

		if (!sc->budget--) {
			sc->budget = 0;
			return false;
		}
		if (!read_entry(sh, sc->mem, table + (uint64_t)i * sh->entry_bytes, &entry))
			return true; /* so is the rest of the table */
		if (!(entry & X86_PTE_P))
			continue;
		/* PAE's first level has no such bit (SDM 3A table 4-8); without EFER.NXE bit 63 is reserved. */
		w = write && ((entry & X86_PTE_W) || (sh == &pae && level == 3));
		x = exec && !(sh->entry_bytes == 8 && entry >> 63);
		if (level == sh->levels && level >= 4 && linear >> (shift + sh->index_bits - 1) & 1)
			linear |= UINT64_MAX << shift << sh->index_bits; /* the upper half is sign-extended */
		if (leaf_here(sh, sc->s, level, entry)) {
			struct snug__page p = {linear, leaf_address(sh, level, entry, linear), 1ull << shift, w, x};

			if (!sc->page(sc->ctx, &p))
				return false;
		} else if (!scan_table(sc, level - 1, sh == &two ? entry & 0xfffff000 : entry & X86_PTE_ADDR, linear,
		                       w, x)) {
			return false;
		}
	}
	return true;
}

bool snug__walk_pages(const struct snug__mem *mem, const struct snug_sregs *s, unsigned budget, snug__page_fn page,
                      void *ctx)
{
	const struct shape *sh = shape_of(s);
	struct scan sc = {mem, s, sh, budget, page, ctx};
	struct snug__page all = {0, 0, 1ull << 32, true, true};

	return sh == &none ? page(ctx, &all) : scan_table(&sc, sh->levels, root_of(sh, s), 0, true, true);
}

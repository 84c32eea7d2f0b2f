/* SPDX-License-Identifier: MIT */
/* access: memory as the CPU sees it */
#include <string.h>

#include "base/bytes.h"
#include "x86/assist/assist.h"
#include "x86/walk.h"
#include "x86/x86.h"

#define PKRU_BYTES 4u

enum snug__assist_result snug__assist_raise_code(struct snug__assist *a, uint8_t vector, uint32_t code)
{
	a->fault = (struct snug__assist_fault){.vector = vector, .has_code = true, .code = code};
	return SNUG__ASSIST_FAULT;
}

enum snug__assist_result snug__assist_raise(struct snug__assist *a, uint8_t vector)
{
	a->fault = (struct snug__assist_fault){.vector = vector};
	return SNUG__ASSIST_FAULT;
}

unsigned snug__assist_cpl(const struct snug__assist *a)
{
	if (!(a->sregs.cr0 & X86_CR0_PE))
		return 0;
	return a->regs.rflags & X86_RFLAGS_VM ? 3 : a->sregs.ss.dpl;
}

/* An access: what the rights are asked for. */
struct want {
	bool write, user, implicit; /* implicit: the CPU's own, to a table */
};

/* SDM 3A 4.6.2: two bits for a key: no access, no write.  The key is in bits 62:59 of the last entry. */
static bool key_denies(struct snug__assist *a, uint64_t leaf, struct want w)
{
	uint8_t area[4096];
	uint32_t at[4], pkru;
	unsigned key = leaf >> 59 & 15;

	if (!key || !a->ops->cpuid(a->ctx, 0xd, 9, at) || at[1] > sizeof(area) - PKRU_BYTES ||
	    a->ops->get_xsave(a->ctx, area) < 0)
		return false;
	pkru = (uint32_t)snug__le_load(area + at[1], PKRU_BYTES);
	if (pkru >> (2 * key) & 1)
		return true;
	return w.write && (pkru >> (2 * key) & 2) && (w.user || (a->sregs.cr0 & X86_CR0_WP));
}

/* SDM 3A 4.6.1.  PAE's first entries have no rights (table 4-8); they are at level 3 of 3. */
static bool allowed(struct snug__assist *a, const struct snug_walk *walk, struct want w)
{
	const struct snug_sregs *s = &a->sregs;
	bool user = true, write = true, pae = walk->steps && walk->step[0].level == 3;
	uint64_t leaf = walk->steps ? walk->step[walk->steps - 1].entry : 0;

	for (unsigned i = pae ? 1 : 0; i < walk->steps; i++) {
		user &= (walk->step[i].entry & X86_PTE_U) != 0;
		write &= (walk->step[i].entry & X86_PTE_W) != 0;
	}
	if (w.user && !user)
		return false;
	if (!w.user && user && (s->cr4 & X86_CR4_SMAP) && (w.implicit || !(a->regs.rflags & X86_RFLAGS_AC)))
		return false;
	if (w.write && !write && (w.user || (s->cr0 & X86_CR0_WP)))
		return false;
	return !(user && (s->cr4 & X86_CR4_PKE) && (s->efer & X86_EFER_LMA) && key_denies(a, leaf, w));
}

/* SDM 3A 4.8.  Another CPU may change the entry: that the page was used is said of what is there then. */
static void mark(struct snug__assist *a, const struct snug_walk *walk, bool write)
{
	bool wide = walk->steps != 2; /* 32-bit paging has entries of 4 bytes */

	for (unsigned i = 0; i < walk->steps; i++) {
		const struct snug_walk_step *step = &walk->step[i];
		uint64_t bits = X86_PTE_A | (write && i + 1 == walk->steps ? X86_PTE_D : 0);
		void *p;

		if ((step->entry & bits) == bits || (walk->steps == 3 && step->level == 3))
			continue;
		p = snug__mem_ptr(a->mem, step->at, wide ? 8 : 4, true);
		if (p && wide)
			__atomic_fetch_or((uint64_t *)p, bits, __ATOMIC_SEQ_CST);
		else if (p)
			__atomic_fetch_or((uint32_t *)p, (uint32_t)bits, __ATOMIC_SEQ_CST);
	}
}

static bool page_fault(struct snug__assist *a, uint64_t linear, bool present, struct want w)
{
	snug__assist_raise_code(a, X86_VECTOR_PF,
	                        (present ? X86_PF_PRESENT : 0) | (w.write ? X86_PF_WRITE : 0) |
	                            (w.user ? X86_PF_USER : 0));
	a->fault.cr2 = linear;
	return false;
}

/* One page, up to its end. */
static bool translate(struct snug__assist *a, uint64_t linear, struct want w, struct snug_walk *walk)
{
	snug__walk_path(a->mem, &a->sregs, linear, walk);
	if (walk->end == SNUG_WALK_NOT_CANONICAL) {
		snug__assist_raise_code(a, X86_VECTOR_GP, 0);
		return false;
	}
	if (walk->end == SNUG_WALK_OUTSIDE) {
		a->fault.vector = 0;
		return false;
	}
	if (walk->end != SNUG_WALK_MAPPED)
		return page_fault(a, walk->linear, false, w);
	return allowed(a, walk, w) ? true : page_fault(a, walk->linear, true, w);
}

/* What is no RAM is nothing we can do. */
static bool no_ram(struct snug__assist *a)
{
	a->fault = (struct snug__assist_fault){.vector = 0};
	return false;
}

static bool access_bytes(struct snug__assist *a, uint64_t linear, uint8_t *bytes, unsigned len, struct want w)
{
	struct snug_walk walk[2];
	unsigned first = (unsigned)snug__min(len, SNUG_PAGE - (linear & (SNUG_PAGE - 1))),
	         count = first < len ? 2 : 1;
	unsigned part[2] = {first, len - first};

	if (len == 0 || len > SNUG_PAGE)
		return no_ram(a);
	for (unsigned i = 0; i < count; i++)
		if (!translate(a, linear + (i ? first : 0), w, &walk[i]))
			return false;
	for (unsigned i = 0; i < count; i++)
		if (!(w.write ? (const void *)snug__mem_ptr(a->mem, walk[i].gpa, part[i], true) != NULL
		              : snug__mem_has(a->mem, walk[i].gpa, part[i])))
			return no_ram(a);
	for (unsigned i = 0; i < count; i++) {
		mark(a, &walk[i], w.write);
		if (w.write)
			snug__mem_write(a->mem, walk[i].gpa, bytes + (i ? first : 0), part[i]);
		else
			snug__mem_read(a->mem, walk[i].gpa, bytes + (i ? first : 0), part[i]);
	}
	return true;
}

bool snug__assist_read(struct snug__assist *a, uint64_t linear, void *to, unsigned len)
{
	return access_bytes(a, linear, to, len, (struct want){.user = snug__assist_cpl(a) == 3});
}

bool snug__assist_read_system(struct snug__assist *a, uint64_t linear, void *to, unsigned len)
{
	return access_bytes(a, linear, to, len, (struct want){.implicit = true});
}

bool snug__assist_write(struct snug__assist *a, uint64_t linear, const void *from, unsigned len)
{
	uint8_t bytes[SNUG_PAGE];

	if (len > sizeof(bytes))
		return no_ram(a);
	memcpy(bytes, from, len);
	return access_bytes(a, linear, bytes, len, (struct want){.write = true, .user = snug__assist_cpl(a) == 3});
}

void *snug__assist_lock(struct snug__assist *a, uint64_t linear, unsigned len)
{
	struct want w = {.write = true, .user = snug__assist_cpl(a) == 3};
	struct snug_walk walk;
	void *p;

	if (!translate(a, linear, w, &walk))
		return NULL;
	p = snug__mem_ptr(a->mem, walk.gpa, len, true);
	if (!p)
		no_ram(a);
	else
		mark(a, &walk, true);
	return p;
}

/* SPDX-License-Identifier: MIT */
/*
 * sealed: can a guest change nothing but what user-mode code can?
 *
 * At CPL 3 under tables of ours all ways into CPL 0 end in stubs of ours, which change nothing either.  Then MSRs, debug
 * registers and XCR0 are after a run what they were before it, and a reset can leave them alone: three calls into KVM
 * less.  Whatever else might have touched them (a fault, the host) is noted in vcpu->touched.
 */
#include "core/frozen.h"
#include "x86/x86.h"

static bool cpu_sealed(const struct snug__tables *tables, unsigned cpu, const struct snug_sregs *s)
{
	/* No system calls, no FSGSBASE, no protection keys: nothing user-mode code could use on more than its registers. */
	const uint64_t efer = X86_EFER_LME | X86_EFER_LMA;
	const uint64_t cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;
	struct snug__mode_tables t;

	snug__tables_where(tables, SNUG_MODE_USER, cpu, &t);
	return s->cs.dpl == 3 && s->ss.dpl == 3 && s->cs.l && s->efer == efer && !(s->cr4 & ~cr4) &&
	       s->cr3 == t.cr3 && s->idt.base == t.idt && s->idt.limit == t.idt_limit && s->gdt.base == t.gdt &&
	       s->gdt.limit < SNUG__GDT_BYTES && (s->ldt.unusable || !s->ldt.present) && s->tr.base == t.tss &&
	       s->tr.limit == t.tss_limit;
}

static bool look(const struct snug__frozen *f)
{
	const struct snug__frozen_region *r = NULL;
	struct snug__tables tables;

	for (unsigned i = 0; i < f->region_count; i++)
		if (f->regions[i].gpa == SNUG__TABLES_GPA)
			r = &f->regions[i];
	if (!f->has_tables || !r || snug__tables_plan(&tables, f->ram_top, f->cpus, NULL) < 0 ||
	    r->bytes != tables.bytes)
		return false;
	for (unsigned i = 0; i < f->cpus; i++)
		if (!cpu_sealed(&tables, i, &f->cpu[i].sregs))
			return false;
	return snug__tables_intact(&tables, f->view + r->offset);
}

/* The answer is the same whoever finds it first. */
bool snug__user_sealed(struct snug__frozen *f)
{
	int known = atomic_load_explicit(&f->sealed, memory_order_relaxed);

	if (!known) {
		known = look(f) ? 1 : -1;
		atomic_store_explicit(&f->sealed, known, memory_order_relaxed);
	}
	return known > 0;
}

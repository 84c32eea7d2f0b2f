/* SPDX-License-Identifier: MIT */
/* msrs: a vCPU's model-specific registers: which there are, got, set, and returned to */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "core/core.h"
#include "core/frozen.h"
#include "x86/x86.h"

/*
 * MSRs that KVM keeps for a guest and does not name (Linux arch/x86/kvm/mtrr.c; set_msr_mce of x86.c, with its 32 banks);
 * those a host does not have after all are left out when they are read.  A new vCPU has 0 in all of them.
 */
static const struct {
	uint32_t first, count;
} unnamed[] = {
    {0x200, 16},     {0x250, 1}, {0x258, 2}, {0x268, 8}, {0x2ff, 1}, /* MTRRs: SDM 3A 11.11 */
    {0x400, 128},                                                    /* MCi_CTL, STATUS, ADDR, MISC: SDM 3B 15.3.2 */
    {0xc0000103, 1},                                                 /* TSC_AUX, which kvm_pvm does not name */
};
#define UNNAMED_MAX 160

static bool is_unnamed(uint32_t msr)
{
	for (size_t i = 0; i < sizeof(unnamed) / sizeof(unnamed[0]); i++)
		if (msr - unnamed[i].first < unnamed[i].count)
			return true;
	return false;
}

static bool is_named(const snug_vm *vm, uint32_t msr)
{
	for (unsigned i = 0; i < vm->msr_count; i++)
		if (vm->msrs[i] == msr)
			return true;
	return false;
}

static int no_memory(struct snug_error *err)
{
	return snug__err(err, -ENOMEM, SNUG_STEP_GET_SREGS, "free some memory", "MSRs: out of memory");
}

int snug__msrs_get(snug_vcpu *vcpu, struct snug__cpu_state *out, struct snug_error *err)
{
	const snug_vm *vm = vcpu->vm;
	unsigned n = vm->msr_count;
	int got;

	out->msrs = calloc(vm->msr_count + UNNAMED_MAX, sizeof(*out->msrs));
	if (!out->msrs)
		return no_memory(err);
	for (unsigned i = 0; i < vm->msr_count; i++)
		out->msrs[i].index = vm->msrs[i];
	for (size_t i = 0; i < sizeof(unnamed) / sizeof(unnamed[0]); i++)
		for (uint32_t k = 0; k < unnamed[i].count; k++)
			if (!is_named(vm, unnamed[i].first + k))
				out->msrs[n++].index = unnamed[i].first + k;
	got = snug__kvm_get_msrs(vcpu->kvm.fd, out->msrs, n, &vm->watch, err);
	out->msr_count = got < 0 ? 0 : (uint32_t)got;
	return got < 0 ? got : 0;
}

static int msr_refused(const snug_vcpu *vcpu, const struct kvm_msr_entry *row, struct snug_error *err)
{
	return snug__err(err, -ENOTSUP, SNUG_STEP_SET_SREGS,
	                 "this host's KVM does not take the state back: use one like the one it was made on",
	                 "vCPU %u: MSR 0x%x cannot be set to 0x%llx", vcpu->index, row->index,
	                 (unsigned long long)row->data);
}

/* Where the vCPU has these values already, there is nothing to set; most of a new one's are so. */
static int only_different(snug_vcpu *vcpu, struct kvm_msr_entry *rows, unsigned *n, struct snug_error *err)
{
	struct kvm_msr_entry *now = calloc(*n + 1ul, sizeof(*now));
	unsigned kept = 0, at = 0;
	int got;

	if (!now)
		return no_memory(err);
	for (unsigned i = 0; i < *n; i++)
		now[i].index = rows[i].index;
	got = snug__kvm_get_msrs(vcpu->kvm.fd, now, *n, &vcpu->vm->watch, err);
	/* Those it does not have at all are left out of now, in order: they are kept, and KVM says what it thinks of them. */
	for (unsigned i = 0; got >= 0 && i < *n; i++) {
		bool same = at < (unsigned)got && now[at].index == rows[i].index;

		if (!same || now[at].data != rows[i].data)
			rows[kept++] = rows[i];
		at += same;
	}
	*n = kept;
	free(now);
	return got < 0 ? got : 0;
}

static int set_rows(snug_vcpu *vcpu, const struct kvm_msr_entry *rows, unsigned n, struct snug_error *err)
{
	for (unsigned at = 0; at < n;) {
		int r = snug__kvm_set_msrs(vcpu->kvm.fd, rows + at, n - at, &vcpu->vm->watch, err);

		if (r <= 0)
			return r < 0 ? r : msr_refused(vcpu, &rows[at], err);
		at += (unsigned)r;
	}
	return 0;
}

/* All but the TSC, which is set where there is a value for it.  A fresh vCPU has 0 where KVM names none. */
static unsigned rows_of(const struct snug__cpu_state *in, bool fresh, struct kvm_msr_entry *rows)
{
	unsigned n = 0;

	for (unsigned i = 0; i < in->msr_count; i++) {
		if (in->msrs[i].index == X86_MSR_TSC)
			continue;
		if (!fresh || in->msrs[i].data != 0 || !is_unnamed(in->msrs[i].index))
			rows[n++] = in->msrs[i];
	}
	return n;
}

/* What to set in a new vCPU, kept with the state for the next one: all are alike.  NULL: no memory, or *r says what failed. */
static const struct snug__msr_rows *fresh_rows(snug_vcpu *vcpu, struct snug__cpu_state *in, int *r,
                                               struct snug_error *err)
{
	struct snug__msr_rows *known = atomic_load_explicit(&in->fresh, memory_order_acquire), *mine;

	if (known)
		return known;
	mine = calloc(1, sizeof(*mine) + in->msr_count * sizeof(*mine->rows));
	if (!mine) {
		*r = no_memory(err);
		return NULL;
	}
	mine->count = rows_of(in, true, mine->rows);
	*r = only_different(vcpu, mine->rows, &mine->count, err);
	if (*r < 0) {
		free(mine);
		return NULL;
	}
	if (atomic_compare_exchange_strong_explicit(&in->fresh, &known, mine, memory_order_acq_rel,
	                                            memory_order_acquire))
		return mine;
	free(mine); /* another thread was first */
	return known;
}

int snug__msrs_put(snug_vcpu *vcpu, struct snug__cpu_state *in, uint64_t tsc, struct snug_error *err)
{
	const struct kvm_msr_entry counter = {.index = X86_MSR_TSC, .data = tsc};
	int r = 0;
	const struct snug__msr_rows *fresh = fresh_rows(vcpu, in, &r, err);

	if (fresh)
		r = set_rows(vcpu, fresh->rows, fresh->count, err);
	return r >= 0 && tsc ? set_rows(vcpu, &counter, 1, err) : r;
}

/*
 * What KVM takes of the baseline's MSRs, found out once for a vCPU, so that a reset is one call: some can be read and not
 * written, and are fine where they have their value anyway.
 */
static int learn_msrs(snug_vcpu *vcpu, const struct snug__cpu_state *in, struct snug_error *err)
{
	const struct snug__kvm_watch *w = &vcpu->vm->watch;
	struct kvm_msr_entry *rows = calloc(in->msr_count + 1ul, sizeof(*rows));
	unsigned n, at = 0;
	int r = 0;

	if (!rows)
		return no_memory(err);
	n = rows_of(in, false, rows);
	while (r >= 0 && at < n) {
		struct kvm_msr_entry now = {.index = rows[at].index};

		r = snug__kvm_set_msrs(vcpu->kvm.fd, rows + at, n - at, w, err);
		if (r > 0) {
			at += (unsigned)r;
			continue;
		}
		if (r == 0)
			r = snug__kvm_get_msrs(vcpu->kvm.fd, &now, 1, w, err);
		if (r >= 0 && (r == 0 || now.data != rows[at].data))
			r = msr_refused(vcpu, &rows[at], err);
		memmove(rows + at, rows + at + 1, (--n - at) * sizeof(*rows));
	}
	if (r < 0) {
		free(rows);
		return r;
	}
	vcpu->msrs = rows;
	vcpu->msr_count = n;
	return 0;
}

/*
 * A guest that wrote TSC or TSC_ADJUST moved both by as much (SDM 3B 17.17.3), and KVM_SET_MSRS of the second leaves the
 * first: so it is moved back.  KVM itself smooths what passed between the two calls.
 */
static int return_tsc(const snug_vcpu *vcpu, const struct snug__cpu_state *in, struct snug_error *err)
{
	const struct snug__kvm_watch *w = &vcpu->vm->watch;
	struct kvm_msr_entry now[] = {{.index = X86_MSR_TSC_ADJUST}, {.index = X86_MSR_TSC}};
	uint64_t adjust = 0;
	int r = snug__kvm_get_msrs(vcpu->kvm.fd, now, 2, w, err);

	for (unsigned i = 0; i < in->msr_count; i++)
		if (in->msrs[i].index == X86_MSR_TSC_ADJUST)
			adjust = in->msrs[i].data;
	if (r < 2 || now[0].data == adjust) /* negative: broken; fewer: it has no TSC_ADJUST */
		return r < 0 ? r : 0;
	now[1].data -= now[0].data - adjust;
	return snug__kvm_set_msrs(vcpu->kvm.fd, &now[1], 1, w, err);
}

int snug__msrs_return(snug_vcpu *vcpu, const struct snug__cpu_state *in, uint64_t tsc, struct snug_error *err)
{
	const struct kvm_msr_entry counter = {.index = X86_MSR_TSC, .data = tsc};
	int r = tsc ? 0 : return_tsc(vcpu, in, err);

	if (r >= 0)
		r = vcpu->msrs ? set_rows(vcpu, vcpu->msrs, vcpu->msr_count, err) : learn_msrs(vcpu, in, err);
	return r >= 0 && tsc ? set_rows(vcpu, &counter, 1, err) : r;
}

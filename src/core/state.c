/* SPDX-License-Identifier: MIT */
/* state: all that KVM holds of a vCPU, got, set, and returned to */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "core/core.h"
#include "core/frozen.h"
#include "host/cpu.h"
#include "x86/x86.h"

static int no_memory(struct snug_error *err)
{
	return snug__err(err, -ENOMEM, SNUG_STEP_GET_SREGS, "free some memory", "vCPU state: out of memory");
}

static int get_msrs(snug_vcpu *vcpu, struct snug__cpu_state *out, struct snug_error *err)
{
	const snug_vm *vm = vcpu->vm;
	int n;

	out->msrs = calloc(vm->msr_count + 1ul, sizeof(*out->msrs));
	if (!out->msrs)
		return no_memory(err);
	for (unsigned i = 0; i < vm->msr_count; i++)
		out->msrs[i].index = vm->msrs[i];
	n = snug__kvm_get_msrs(vcpu->kvm.fd, out->msrs, vm->msr_count, &vm->watch, err);
	out->msr_count = n < 0 ? 0 : (uint32_t)n;
	return n;
}

static int get_cpuid(snug_vcpu *vcpu, struct snug__cpu_state *out, struct snug_error *err)
{
	struct snug__kvm_cpuid table;
	int r = snug__kvm_get_cpuid(vcpu->kvm.fd, &table, &vcpu->vm->watch, err);

	if (r < 0)
		return r;
	out->cpuid = calloc(table.nent + 1ul, sizeof(*out->cpuid));
	if (!out->cpuid)
		return no_memory(err);
	memcpy(out->cpuid, table.rows, table.nent * sizeof(*out->cpuid));
	out->cpuid_count = table.nent;
	return 0;
}

/*
 * A state in its first form has no bit in XSTATE_BV (offset 512), and KVM_SET_XSAVE leaves PKRU alone then, and on CPUs
 * without XSAVES MXCSR: so that a reset sets them, they get their bits, and x87 and SSE what they start with (SDM 1 13.6).
 */
static void name_states(uint8_t *area)
{
	uint64_t there = snug__le_load(area + 512, 8), name = X86_XSTATE_X87 | X86_XSTATE_SSE;
	uint32_t leaf[4];

	if (!(there & X86_XSTATE_X87)) {
		memset(area, 0, 24); /* up to MXCSR */
		memset(area + 32, 0, 128);
		snug__le_store(area, 2, 0x37f);
	}
	if (!(there & X86_XSTATE_SSE))
		memset(area + 160, 0, 256);
	snug__host_cpuid(7, 0, leaf);
	if (leaf[2] & X86_CPUID7_ECX_OSPKE)
		name |= X86_XSTATE_PKRU;
	snug__le_store(area + 512, 8, there | name);
}

int snug__state_get(snug_vcpu *vcpu, struct snug__cpu_state *out, struct snug_error *err)
{
	const struct snug__kvm_watch *w = &vcpu->vm->watch;
	int fd = vcpu->kvm.fd, r;

	vcpu->touched = true; /* asked for events, KVM may put half of a pending #DB into DR6 */
	r = snug__kvm_get_regs(fd, &out->regs, w, err);
	if (r >= 0)
		r = snug__kvm_get_sregs(fd, &out->sregs, w, err);
	if (r >= 0)
		r = snug__kvm_get_events(fd, &out->events, w, err);
	if (r >= 0)
		r = snug__kvm_get_debugregs(fd, &out->debug, w, err);
	if (r >= 0)
		r = snug__kvm_get_xcrs(fd, &out->xcrs, w, err);
	if (r >= 0)
		r = snug__kvm_get_mp_state(fd, &out->mp, w, err);
	if (r >= 0)
		r = snug__kvm_get_xsave(fd, out->xsave, w, err);
	if (r >= 0)
		name_states(out->xsave);
	if (r >= 0)
		r = get_msrs(vcpu, out, err);
	if (r >= 0)
		r = get_cpuid(vcpu, out, err);
	out->mark_len = vcpu->mark_len;
	memcpy(out->mark, vcpu->mark, sizeof(out->mark));
	return r < 0 ? r : 0;
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

/* The TSC is set where there is a value for it, and never compared: it goes on. */
static unsigned rows_of(const struct snug__cpu_state *in, uint64_t tsc, struct kvm_msr_entry *rows)
{
	unsigned n = 0;

	for (unsigned i = 0; i < in->msr_count; i++) {
		if (in->msrs[i].index != X86_MSR_TSC)
			rows[n++] = in->msrs[i];
		else if (tsc)
			rows[n++] = (struct kvm_msr_entry){.index = X86_MSR_TSC, .data = tsc};
	}
	return n;
}

static int put_msrs(snug_vcpu *vcpu, const struct snug__cpu_state *in, uint64_t tsc, struct snug_error *err)
{
	struct kvm_msr_entry *rows = calloc(in->msr_count + 1ul, sizeof(*rows));
	unsigned n;
	int r;

	if (!rows)
		return no_memory(err);
	n = rows_of(in, tsc, rows);
	r = only_different(vcpu, rows, &n, err);
	if (r >= 0)
		r = set_rows(vcpu, rows, n, err);
	free(rows);
	return r;
}

static void put_mark(snug_vcpu *vcpu, const struct snug__cpu_state *in)
{
	vcpu->mark_len = in->mark_len;
	memcpy(vcpu->mark, in->mark, sizeof(vcpu->mark));
}

/* CPUID is set already: what registers and MSRs there are goes by it. */
int snug__state_put(snug_vcpu *vcpu, const struct snug__cpu_state *in, uint64_t tsc, struct snug_error *err)
{
	const struct snug__kvm_watch *w = &vcpu->vm->watch;
	int fd = vcpu->kvm.fd, r;

	vcpu->kvm.run->kvm_dirty_regs = 0;
	vcpu->kvm.run->cr8 = in->sregs.cr8; /* see snug__sync_set */
	r = snug__kvm_set_xcrs(fd, &in->xcrs, w, err);
	if (r >= 0)
		r = snug__kvm_set_xsave(fd, in->xsave, w, err);
	if (r >= 0)
		r = snug__kvm_set_sregs(fd, &in->sregs, w, err);
	if (r >= 0)
		r = snug__kvm_set_regs(fd, &in->regs, w, err);
	if (r >= 0)
		r = snug__kvm_set_debugregs(fd, &in->debug, w, err);
	if (r >= 0)
		r = put_msrs(vcpu, in, tsc, err);
	if (r >= 0)
		r = snug__kvm_set_events(fd, &in->events, w, err);
	if (r >= 0)
		r = snug__kvm_set_mp_state(fd, &in->mp, w, err);
	put_mark(vcpu, in);
	vcpu->ran = true; /* its registers are not those of a new CPU */
	vcpu->touched = false;
	return r < 0 ? r : 0;
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
	n = rows_of(in, 0, rows);
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

static int return_msrs(snug_vcpu *vcpu, const struct snug__cpu_state *in, uint64_t tsc, struct snug_error *err)
{
	const struct kvm_msr_entry counter = {.index = X86_MSR_TSC, .data = tsc};
	int r = vcpu->msrs ? set_rows(vcpu, vcpu->msrs, vcpu->msr_count, err) : learn_msrs(vcpu, in, err);

	return r >= 0 && tsc ? set_rows(vcpu, &counter, 1, err) : r;
}

int snug__state_return_rest(snug_vcpu *vcpu, const struct snug__cpu_state *in, uint64_t tsc, struct snug_error *err)
{
	const struct snug__kvm_watch *w = &vcpu->vm->watch;
	int fd = vcpu->kvm.fd, r;

	r = snug__kvm_set_xcrs(fd, &in->xcrs, w, err);
	if (r >= 0)
		r = snug__kvm_set_debugregs(fd, &in->debug, w, err);
	if (r >= 0 && !tsc)
		r = return_tsc(vcpu, in, err);
	if (r >= 0)
		r = return_msrs(vcpu, in, tsc, err);
	if (r >= 0)
		r = snug__kvm_set_mp_state(fd, &in->mp, w, err);
	return r < 0 ? r : 0;
}

int snug__state_return(snug_vcpu *vcpu, const struct snug__cpu_state *in, struct snug_error *err)
{
	int r = snug__kvm_set_xsave(vcpu->kvm.fd, in->xsave, &vcpu->vm->watch, err);

	if (r >= 0)
		r = snug__sync_set(vcpu, &in->regs, &in->sregs, &in->events, err);
	put_mark(vcpu, in);
	if (r >= 0)
		vcpu->touched = false;
	return r < 0 ? r : 0;
}

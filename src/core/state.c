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
#include "host/kvmpc.h"
#include "x86/x86.h"

static int no_memory(struct snug_error *err)
{
	return snug__err(err, -ENOMEM, SNUG_STEP_GET_SREGS, "free some memory", "vCPU state: out of memory");
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

/* What KVM holds of a guest's own guests (KVM 4.114) is not saved, so a guest that may have some is refused. */
static int check_nested(const snug_vcpu *vcpu, const struct snug_sregs *s, struct snug_error *err)
{
	if (!(s->cr4 & X86_CR4_VMXE) && !(s->efer & X86_EFER_SVME))
		return 0;
	return snug__err(err, -ENOTSUP, SNUG_STEP_GET_SREGS,
	                 "take the state before the guest switches virtualization on, or hide vmx and svm in CPUID",
	                 "vCPU %u: the guest uses virtualization itself, whose state cannot be saved", vcpu->index);
}

int snug__state_get(snug_vcpu *vcpu, struct snug__cpu_state *out, struct snug_error *err)
{
	const struct snug__kvm_watch *w = &vcpu->vm->watch;
	int fd = vcpu->kvm.fd, r;

	vcpu->touched = true; /* asked for events, KVM may put half of a pending #DB into DR6 */
	/* Events first: as KVM gives them, it may put the address of a page fault that waits into CR2. */
	r = snug__kvm_get_events(fd, &out->events, w, err);
	if (r >= 0)
		r = snug__kvm_get_regs(fd, &out->regs, w, err);
	if (r >= 0)
		r = snug__kvm_get_sregs(fd, &out->sregs, w, err);
	if (r >= 0)
		r = check_nested(vcpu, &out->sregs, err);
	if (r >= 0)
		r = snug__kvm_get_debugregs(fd, &out->debug, w, err);
	if (r >= 0)
		r = snug__kvm_get_xcrs(fd, &out->xcrs, w, err);
	if (r >= 0)
		r = snug__kvm_get_mp_state(fd, &out->mp, w, err);
	if (r >= 0 && vcpu->vm->pc)
		r = snug__kvm_get_lapic(fd, &out->lapic, w, err);
	if (r >= 0)
		r = snug__kvm_get_xsave(fd, out->xsave, w, err);
	if (r >= 0)
		name_states(out->xsave);
	if (r >= 0)
		r = snug__msrs_get(vcpu, out, err);
	if (r >= 0)
		r = get_cpuid(vcpu, out, err);
	out->mark_len = vcpu->mark_len;
	memcpy(out->mark, vcpu->mark, sizeof(out->mark));
	return r < 0 ? r : 0;
}

static void put_mark(snug_vcpu *vcpu, const struct snug__cpu_state *in)
{
	vcpu->mark_len = in->mark_len;
	memcpy(vcpu->mark, in->mark, sizeof(vcpu->mark));
}

/* What a new vCPU has need not be set: four ioctls less for most clones (SDM 3A table 9-1; SDM 1 13.3 for XCR0). */

static bool new_xcrs(const struct kvm_xcrs *x)
{
	return x->nr_xcrs == 1 && x->xcrs[0].xcr == 0 && x->xcrs[0].value == X86_XSTATE_X87;
}

static bool new_debugregs(const struct kvm_debugregs *d)
{
	return !(d->db[0] | d->db[1] | d->db[2] | d->db[3] | d->flags) && d->dr6 == 0xffff0ff0 && d->dr7 == 0x400;
}

static bool new_events(const struct kvm_vcpu_events *e)
{
	static const struct kvm_vcpu_events none;
	struct kvm_vcpu_events copy = *e;

	copy.flags = 0; /* they say what is meant */
	return memcmp(&copy, &none, sizeof(copy)) == 0;
}

/* CPUID is set already: what registers and MSRs there are goes by it.  The vCPU is new. */
int snug__state_put(snug_vcpu *vcpu, struct snug__cpu_state *in, uint64_t tsc, struct snug_error *err)
{
	const struct snug__kvm_watch *w = &vcpu->vm->watch;
	int fd = vcpu->kvm.fd, r = 0;

	vcpu->kvm.run->kvm_dirty_regs = 0;
	vcpu->kvm.run->cr8 = in->sregs.cr8; /* see snug__sync_set */
	if (!new_xcrs(&in->xcrs))
		r = snug__kvm_set_xcrs(fd, &in->xcrs, w, err);
	if (r >= 0)
		r = snug__kvm_set_xsave(fd, in->xsave, w, err);
	if (r >= 0)
		r = snug__kvm_set_sregs(fd, &in->sregs, w, err);
	if (r >= 0)
		r = snug__kvm_set_regs(fd, &in->regs, w, err);
	if (r >= 0 && !new_debugregs(&in->debug))
		r = snug__kvm_set_debugregs(fd, &in->debug, w, err);
	if (r >= 0 && vcpu->vm->pc)
		r = snug__kvm_set_lapic(fd, &in->lapic, w, err); /* before the MSR of its deadline */
	if (r >= 0)
		r = snug__msrs_put(vcpu, in, tsc, err);
	if (r >= 0 && !new_events(&in->events))
		r = snug__kvm_set_events(fd, &in->events, w, err);
	/* Of a PC all but the first wait for the first. */
	if (r >= 0 && (in->mp.mp_state != KVM_MP_STATE_RUNNABLE || vcpu->vm->pc))
		r = snug__kvm_set_mp_state(fd, &in->mp, w, err);
	put_mark(vcpu, in);
	vcpu->ran = true; /* its registers are not those of a new CPU */
	vcpu->touched = false;
	return r < 0 ? r : 0;
}

int snug__state_return_rest(snug_vcpu *vcpu, const struct snug__cpu_state *in, uint64_t tsc, struct snug_error *err)
{
	const struct snug__kvm_watch *w = &vcpu->vm->watch;
	int fd = vcpu->kvm.fd, r;

	r = snug__kvm_set_xcrs(fd, &in->xcrs, w, err);
	if (r >= 0)
		r = snug__kvm_set_debugregs(fd, &in->debug, w, err);
	if (r >= 0 && vcpu->vm->pc)
		r = snug__kvm_set_lapic(fd, &in->lapic, w, err);
	if (r >= 0)
		r = snug__msrs_return(vcpu, in, tsc, err);
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

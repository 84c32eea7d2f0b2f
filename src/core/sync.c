/* SPDX-License-Identifier: MIT */
/*
 * sync: registers that travel with KVM_RUN
 *
 * What waits in kvm_run for KVM to take it is what kvm_run->kvm_dirty_regs says: KVM takes the bits off as it enters.
 */
#include "core/core.h"

#define ALL (KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS)

_Static_assert(sizeof(((struct kvm_run *)0)->s.regs.regs) == sizeof(struct snug_regs), "regs");
_Static_assert(sizeof(((struct kvm_run *)0)->s.regs.sregs) == sizeof(struct snug_sregs), "sregs");

/* snug.h's structs are the kernel's under names of its own (host/kvmstate.c asserts it). */
static struct snug_regs *regs_of(const snug_vcpu *vcpu)
{
	return (struct snug_regs *)(void *)&vcpu->kvm.run->s.regs.regs;
}

static struct snug_sregs *sregs_of(const snug_vcpu *vcpu)
{
	return (struct snug_sregs *)(void *)&vcpu->kvm.run->s.regs.sregs;
}

void snug__sync_want(snug_vcpu *vcpu, bool want)
{
	vcpu->kvm.run->kvm_valid_regs = want ? vcpu->vm->sync_regs & KVM_SYNC_X86_REGS : 0;
}

int snug__sync_get_regs(snug_vcpu *vcpu, struct snug_regs **regs, struct snug_error *err)
{
	bool enters = false;
	int r;

	/* The KVM_RUN that retires what is pending brings them along. */
	if (!snug__kick_running(&vcpu->kick))
		enters = vcpu->pending != SNUG__PENDING_NONE && (vcpu->vm->sync_regs & KVM_SYNC_X86_REGS);
	if (enters)
		snug__sync_want(vcpu, true);
	r = snug__vcpu_retire(vcpu, err);
	if (enters)
		snug__sync_want(vcpu, false);
	if (r < 0)
		return r;
	*regs = regs_of(vcpu);
	if (enters || (vcpu->kvm.run->kvm_dirty_regs & KVM_SYNC_X86_REGS))
		return 0;
	return snug__kvm_get_regs(vcpu->kvm.fd, *regs, &vcpu->vm->watch, err);
}

/* Makes these sets in kvm_run the vCPU's, at the next KVM_RUN or where KVM does not take them so, now. */
static int commit(snug_vcpu *vcpu, uint64_t sets, struct snug_error *err)
{
	vcpu->kvm.run->kvm_dirty_regs |= sets;
	return (vcpu->vm->sync_regs & sets) == sets ? 0 : snug__sync_flush(vcpu, err);
}

int snug__sync_set_regs(snug_vcpu *vcpu, struct snug_error *err)
{
	return commit(vcpu, KVM_SYNC_X86_REGS, err);
}

int snug__sync_set(snug_vcpu *vcpu, const struct snug_regs *regs, const struct snug_sregs *sregs,
                   const struct kvm_vcpu_events *events, struct snug_error *err)
{
	*regs_of(vcpu) = *regs;
	*sregs_of(vcpu) = *sregs;
	vcpu->kvm.run->cr8 = sregs->cr8; /* without a local APIC KVM_RUN takes CR8 from here: KVM 5 */
	vcpu->kvm.run->s.regs.events = *events;
	return commit(vcpu, ALL, err);
}

int snug__sync_seen(snug_vcpu *vcpu, struct snug_regs *out, struct snug_error *err)
{
	if (!(vcpu->kvm.run->kvm_valid_regs & KVM_SYNC_X86_REGS))
		return snug__kvm_get_regs(vcpu->kvm.fd, out, &vcpu->vm->watch, err);
	*out = *regs_of(vcpu);
	return 0;
}

/* What was given is not given again should a later one fail. */
int snug__sync_flush(snug_vcpu *vcpu, struct snug_error *err)
{
	const struct snug__kvm_watch *w = &vcpu->vm->watch;
	struct kvm_run *run = vcpu->kvm.run;
	int fd = vcpu->kvm.fd, r = 0;

	for (uint64_t bit = 1; bit <= KVM_SYNC_X86_EVENTS; bit <<= 1) {
		if (!(run->kvm_dirty_regs & bit))
			continue;
		if (bit == KVM_SYNC_X86_REGS)
			r = snug__kvm_set_regs(fd, regs_of(vcpu), w, err);
		else if (bit == KVM_SYNC_X86_SREGS)
			r = snug__kvm_set_sregs(fd, sregs_of(vcpu), w, err);
		else
			r = snug__kvm_set_events(fd, &run->s.regs.events, w, err);
		if (r < 0)
			return r;
		run->kvm_dirty_regs &= ~bit;
	}
	return 0;
}

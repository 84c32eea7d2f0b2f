/* SPDX-License-Identifier: MIT */
/* sync: registers that wait in kvm_run for the next KVM_RUN */
#include <string.h>

#include "core/core.h"

/* kvm_run has room for what KVM_CAP_SYNC_REGS names; ours are the kernel's structs under other names (host/kvm.c). */
static struct kvm_sync_regs *place(const snug_vcpu *vcpu)
{
	return &vcpu->kvm.run->s.regs;
}

int snug__sync_flush(snug_vcpu *vcpu, struct snug_error *err)
{
	const struct snug__kvm_watch *w = &vcpu->vm->watch;
	struct kvm_sync_regs *s = place(vcpu);
	uint64_t *dirty = (uint64_t *)&vcpu->kvm.run->kvm_dirty_regs;
	struct snug_sregs sregs;
	struct snug_regs regs;
	int r = 0;

	if (!*dirty)
		return 0;
	memcpy(&regs, &s->regs, sizeof(regs));
	memcpy(&sregs, &s->sregs, sizeof(sregs));
	if (*dirty & KVM_SYNC_X86_SREGS)
		r = snug__kvm_set_sregs(vcpu->kvm.fd, &sregs, w, err);
	if (r >= 0 && (*dirty & KVM_SYNC_X86_REGS))
		r = snug__kvm_set_regs(vcpu->kvm.fd, &regs, w, err);
	if (r >= 0 && (*dirty & KVM_SYNC_X86_EVENTS))
		r = snug__kvm_set_events(vcpu->kvm.fd, &s->events, w, err);
	if (r >= 0)
		*dirty = 0;
	return r < 0 ? r : 0;
}

int snug__sync_regs(snug_vcpu *vcpu, struct snug_regs **out, struct snug_error *err)
{
	struct kvm_run *run = vcpu->kvm.run;
	int r = 0;

	*out = (struct snug_regs *)(void *)&place(vcpu)->regs;
	if (!(run->kvm_dirty_regs & KVM_SYNC_X86_REGS))
		r = snug__kvm_get_regs(vcpu->kvm.fd, *out, &vcpu->vm->watch, err);
	if (r >= 0)
		run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
	return r < 0 ? r : 0;
}

int snug__sync_set(snug_vcpu *vcpu, const struct snug_regs *regs, const struct snug_sregs *sregs,
                   const struct kvm_vcpu_events *events, struct snug_error *err)
{
	const uint64_t all = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS;
	struct kvm_sync_regs *s = place(vcpu);

	memcpy(&s->regs, regs, sizeof(*regs));
	memcpy(&s->sregs, sregs, sizeof(*sregs));
	s->events = *events;
	vcpu->kvm.run->kvm_dirty_regs = all;
	return (vcpu->vm->sync_regs & all) == all ? 0 : snug__sync_flush(vcpu, err);
}

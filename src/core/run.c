/* SPDX-License-Identifier: MIT */
/* run: step 8, the run loop */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "core/core.h"
#include "core/pvm.h"

static int stop(snug_vcpu *vcpu, struct snug_exit *x, enum snug_exit_kind kind)
{
	x->kind = kind;
	x->reason = KVM_EXIT_INTR;
	x->vcpu = vcpu;
	return 1;
}

/*
 * The one policy for a KVM_RUN that gave no exit.  1: *x is for the caller, 0: try again, negative: broken.
 *
 * EINTR: a kick, the end of the time, or some other signal, which the caller is told of; a SIGURG of somebody else's is
 *        kept for after the run.
 * EAGAIN: the vCPU waits to be started by another one; KVM has waited already, so just try again.
 * EFAULT: the guest touched memory that the host cannot give; with KVM_CAP_MEMORY_FAULT_INFO kvm_run says where.
 *         EHWPOISON is the same for memory that broke.
 */
static int run_failed(snug_vcpu *vcpu, int code, struct snug_exit *x, struct snug_error *err)
{
	bool claimed;

	switch (-code) {
	case EINTR:
		if (snug__kick_take(&vcpu->kick))
			return stop(vcpu, x, SNUG_EXIT_KICKED);
		if (snug__kick_expired(&vcpu->kick))
			return stop(vcpu, x, SNUG_EXIT_TIMEOUT);
		if (!snug__kick_foreign(&vcpu->kick))
			return stop(vcpu, x, SNUG_EXIT_SIGNAL);
		if (snug__kick_expired(&vcpu->kick))
			return stop(vcpu, x, SNUG_EXIT_TIMEOUT);
		return vcpu->vm->pvm ? snug__pvm_look(vcpu, err) : 0;
	case EAGAIN:
		return 0;
	case EFAULT:
	case EHWPOISON:
		if (vcpu->kvm.run->exit_reason == KVM_EXIT_MEMORY_FAULT)
			return snug__exit_handle(vcpu, x, &claimed, err);
		memset(&x->memory, 0, sizeof(x->memory));
		stop(vcpu, x, SNUG_EXIT_MEMORY);
		x->reason = KVM_EXIT_UNKNOWN; /* the kernel gave none */
		return 1;
	default:
		return snug__kvm_run_failed(code, err);
	}
}

/* Once round: 1: *x is for the caller, 0: go on, negative: broken. */
static int run_once(snug_vcpu *vcpu, struct snug_exit *x, struct snug_error *err)
{
	bool watched = vcpu->vm->watcher_count != 0, claimed;
	int r;

	if (watched)
		snug__watch_enter(vcpu);
	vcpu->pending = SNUG__PENDING_NONE;
	r = snug__kvm_run(&vcpu->kvm, &vcpu->vm->watch);
	if (r < 0) {
		vcpu->touched = true; /* it may have come between a fault and the stub that tells of it */
		return run_failed(vcpu, r, x, err);
	}
	if (watched)
		snug__watch_exited(vcpu);
	r = snug__exit_handle(vcpu, x, &claimed, err);
	if (watched)
		snug__watch_handled(vcpu, claimed);
	return r;
}

static int loop(snug_vcpu *vcpu, struct snug_exit *x, struct snug_error *err)
{
	int r;

	vcpu->ran = true;
	do {
		if (snug__kick_take(&vcpu->kick))
			r = stop(vcpu, x, SNUG_EXIT_KICKED);
		else
			r = run_once(vcpu, x, err);
	} while (r == 0 && !vcpu->once);
	if (r == 0)
		r = stop(vcpu, x, SNUG_EXIT_NONE);
	if (vcpu->vm->watcher_count)
		snug__watch_left(vcpu);
	return r;
}

/* The signals KVM_RUN lets through are those of the running thread, so they are told to KVM when they change. */
static int set_mask(snug_vcpu *vcpu, uint64_t blocked, struct snug_error *err)
{
	int r;

	if (vcpu->has_mask && vcpu->mask == blocked)
		return 0;
	r = snug__kvm_set_sigmask(vcpu->kvm.fd, blocked, &vcpu->vm->watch, err);
	vcpu->has_mask = r >= 0;
	vcpu->mask = blocked;
	return r;
}

int snug_vcpu_run(snug_vcpu *vcpu, uint64_t timeout_ns, struct snug_exit *exit, struct snug_error *err)
{
	uint64_t blocked;
	int r = snug__kick_begin(&vcpu->kick, timeout_ns, vcpu->vm->pvm ? SNUG__PVM_LOOK_NS : 0, &blocked);

	if (r == -EBUSY)
		return snug__err(err, r, SNUG_STEP_RUN, "one thread at a time may run it",
		                 "vCPU %u runs in another thread already", vcpu->index);
	if (r < 0)
		return snug__err(err, r, SNUG_STEP_RUN, "raise the limit on pending signals: ulimit -i",
		                 "no timer for the time limit: %s (%s)", snug__errno_text(-r), snug__errno_name(-r));
	if (vcpu->has_held) {
		vcpu->has_held = false;
		*exit = vcpu->held;
		snug__kick_end(&vcpu->kick);
		return 0;
	}
	r = set_mask(vcpu, blocked, err);
	if (r >= 0)
		r = loop(vcpu, exit, err);
	snug__kick_end(&vcpu->kick);
	return r < 0 ? r : 0;
}

int snug_run(snug_vm *vm, struct snug_exit *exit)
{
	return snug_vcpu_run(&vm->vcpus[0], 0, exit, NULL);
}

void snug_vcpu_kick(snug_vcpu *vcpu)
{
	snug__kick(&vcpu->kick);
}

static int another_access(const snug_vcpu *vcpu, struct snug_error *err)
{
	return snug__err(err, -EBUSY, SNUG_STEP_RUN, "run the vCPU: it returns that access",
	                 "vCPU %u: its instruction made another access", vcpu->index);
}

/*
 * KVM_RUN with immediate_exit finishes what is pending and comes back with EINTR.  An instruction that makes several
 * accesses (MMIO over a page, a string) may come back with the next one instead.
 */
int snug_vcpu_complete(snug_vcpu *vcpu, struct snug_error *err)
{
	bool claimed;
	int r = 0;

	if (vcpu->has_held)
		return another_access(vcpu, err);
	while (vcpu->pending != SNUG__PENDING_NONE) {
		vcpu->kvm.run->immediate_exit = 1;
		r = snug__kvm_run(&vcpu->kvm, &vcpu->vm->watch);
		vcpu->kvm.run->immediate_exit = 0;
		if (r < 0 && r != -EINTR && r != -EAGAIN)
			return snug__kvm_run_failed(r, err); /* it is pending still */
		vcpu->pending = SNUG__PENDING_NONE;
		if (r < 0)
			return 0;
		r = snug__exit_handle(vcpu, &vcpu->held, &claimed, err);
		if (r < 0)
			return r;
		if (r > 0) {
			vcpu->has_held = true;
			return another_access(vcpu, err);
		}
	}
	return 0;
}

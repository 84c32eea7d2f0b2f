/* SPDX-License-Identifier: MIT */
/* core: a VM's core file */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/err.h"
#include "core/core.h"
#include "svc/autopsy.h"
#include "svc/corefile.h"
#include "x86/x86.h"

/* What a program would have got for such an end: gdb says it. */
static int signal_of(const struct snug_exit *x)
{
	if (!x)
		return 0;
	if (x->kind != SNUG_EXIT_FAULT)
		return SIGABRT;
	switch (x->fault.vector) {
	case X86_VECTOR_DE:
	case X86_VECTOR_MF:
	case X86_VECTOR_XM:
		return SIGFPE;
	case X86_VECTOR_DB:
	case X86_VECTOR_BP:
		return SIGTRAP;
	case X86_VECTOR_UD:
		return SIGILL;
	default:
		return SIGSEGV;
	}
}

static int read_cpu(snug_vcpu *vcpu, struct snug__core_cpu *out, struct snug_error *err)
{
	int r = snug_vcpu_get_sregs(vcpu, &out->sregs, err);

	out->index = vcpu->index;
	return r < 0 ? r : snug_vcpu_get_regs(vcpu, &out->regs, err);
}

int snug_core_write(snug_vcpu *first, const struct snug_exit *exit, snug_core_fn write, void *ctx, uint64_t *bytes,
                    struct snug_error *err)
{
	snug_vm *vm = first->vm;
	struct snug__core_cpu *cpus;
	unsigned n = 1;
	int r;

	if (exit && exit->vcpu != first)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "pass exit.vcpu",
		                 "core file: the exit is not of vCPU %u", first->index);
	cpus = calloc(vm->cpus, sizeof(*cpus));
	if (!cpus)
		return snug__err(err, -ENOMEM, SNUG_STEP_NONE, "free some memory", "core file: out of memory");
	r = read_cpu(first, &cpus[0], err);
	for (unsigned i = 0; r >= 0 && i < vm->cpus; i++)
		if (&vm->vcpus[i] != first)
			r = read_cpu(&vm->vcpus[i], &cpus[n++], err);
	if (r >= 0 && exit && exit->kind == SNUG_EXIT_FAULT)
		snug__autopsy_unwind(&vm->mem, &exit->fault, &cpus[0].regs, &cpus[0].sregs);
	if (r >= 0)
		r = snug__corefile_write(&vm->mem, cpus, n, signal_of(exit), write, ctx, bytes, err);
	free(cpus);
	return r;
}

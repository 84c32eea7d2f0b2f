/* SPDX-License-Identifier: MIT */
/* exit: step 9, what each exit reason means: one row, one function */
#include <string.h>

#include "core/core.h"
#include "core/pvm.h"

/* true: *x is for the caller. */
typedef bool (*handler)(snug_vcpu *vcpu, const struct kvm_run *run, struct snug_exit *x, bool *claimed);

/* One access, of one element of a string too.  false: a device asked for the run to end; *x says why. */
static bool access_range(snug_vcpu *vcpu, const struct snug__range *range, uint64_t addr, uint8_t *data,
                         unsigned size, bool write, struct snug_exit *x)
{
	snug_vm *vm = vcpu->vm;
	/* A VM of one vCPU without threads of its own belongs to one thread. */
	bool shared = vm->cpus > 1 || vm->smp, asked;

	if (shared)
		pthread_mutex_lock(&vm->bus_lock);
	vm->bus_cpu = vcpu->index;
	snug__range_access(range, addr, data, size, write);
	asked = vm->ask.kind != SNUG_EXIT_NONE;
	if (asked) {
		vm->ask.reason = x->reason;
		vm->ask.vcpu = x->vcpu;
		*x = vm->ask;
		vm->ask.kind = SNUG_EXIT_NONE;
	}
	if (shared)
		pthread_mutex_unlock(&vm->bus_lock);
	return !asked;
}

static bool to_caller(snug_vcpu *vcpu, bool write)
{
	if (vcpu->vm->unclaimed != SNUG_UNCLAIMED_EXIT)
		return false;
	vcpu->pending = write ? SNUG__PENDING_DONE : SNUG__PENDING_READ;
	return true;
}

static bool on_io(snug_vcpu *vcpu, const struct kvm_run *run, struct snug_exit *x, bool *claimed)
{
	uint8_t *data = (uint8_t *)vcpu->kvm.run + run->io.data_offset;
	const struct snug__range *range = snug__bus_find(&vcpu->vm->pio, run->io.port);
	bool write = run->io.direction == KVM_EXIT_IO_OUT;
	unsigned size = run->io.size;
	uint32_t count = run->io.count;
	bool ends = false;

	vcpu->pending = SNUG__PENDING_DONE;
	*claimed = range != NULL;
	if (!*claimed) {
		if (!write)
			memset(data, 0xff, (size_t)size * count);
		x->kind = SNUG_EXIT_PIO;
		x->pio.port = run->io.port;
		x->pio.size = (uint8_t)size;
		x->pio.write = write;
		x->pio.count = count;
		x->pio.data = data;
		return to_caller(vcpu, write);
	}
	/* KVM has done with all elements of the string: after a mark, from where the guest goes on, none may be lost. */
	for (uint32_t i = 0; i < count && (!ends || x->kind == SNUG_EXIT_MARK); i++, data += size)
		ends |= !access_range(vcpu, range, run->io.port, data, size, write, x);
	return ends;
}

static bool on_mmio(snug_vcpu *vcpu, const struct kvm_run *run, struct snug_exit *x, bool *claimed)
{
	struct kvm_run *shared = vcpu->kvm.run;
	const struct snug__range *range = snug__bus_find(&vcpu->vm->mmio, run->mmio.phys_addr);
	unsigned size = (unsigned)snug__min(run->mmio.len, sizeof(run->mmio.data));
	bool write = run->mmio.is_write;

	vcpu->pending = SNUG__PENDING_DONE;
	*claimed = range != NULL;
	if (*claimed)
		return !access_range(vcpu, range, run->mmio.phys_addr, shared->mmio.data, size, write, x);
	if (!write)
		memset(shared->mmio.data, 0xff, sizeof(shared->mmio.data));
	x->kind = SNUG_EXIT_MMIO;
	x->mmio.gpa = run->mmio.phys_addr;
	x->mmio.size = (uint8_t)size;
	x->mmio.write = write;
	x->mmio.data = shared->mmio.data;
	return to_caller(vcpu, write);
}

static bool on_hlt(snug_vcpu *vcpu, const struct kvm_run *run, struct snug_exit *x, bool *claimed)
{
	(void)vcpu;
	(void)claimed;
	x->kind = SNUG_EXIT_HLT;
	x->hlt.interrupts = run->if_flag;
	return true;
}

static bool on_shutdown(snug_vcpu *vcpu, const struct kvm_run *run, struct snug_exit *x, bool *claimed)
{
	(void)vcpu;
	(void)run;
	(void)claimed;
	x->kind = SNUG_EXIT_SHUTDOWN;
	return true;
}

static bool on_internal(snug_vcpu *vcpu, const struct kvm_run *run, struct snug_exit *x, bool *claimed)
{
	(void)claimed;
	x->kind = SNUG_EXIT_INTERNAL;
	x->internal.suberror = run->internal.suberror;
	x->internal.ndata = (uint32_t)snug__min(run->internal.ndata, 16);
	memcpy(x->internal.data, run->internal.data, sizeof(x->internal.data));
	x->internal.insn_len = 0;
	if (vcpu->vm->insn_bytes && run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION &&
	    run->internal.ndata >= 3 &&
	    (run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES)) {
		x->internal.insn_len = (uint32_t)snug__min(run->emulation_failure.insn_size, 15);
		memcpy(x->internal.insn, run->emulation_failure.insn_bytes, x->internal.insn_len);
	}
	return true;
}

static bool on_fail_entry(snug_vcpu *vcpu, const struct kvm_run *run, struct snug_exit *x, bool *claimed)
{
	(void)vcpu;
	(void)claimed;
	x->kind = SNUG_EXIT_FAIL_ENTRY;
	x->fail_entry.hardware_reason = run->fail_entry.hardware_entry_failure_reason;
	x->fail_entry.cpu = run->fail_entry.cpu;
	return true;
}

static bool on_memory(snug_vcpu *vcpu, const struct kvm_run *run, struct snug_exit *x, bool *claimed)
{
	struct snug__kvm_memory_fault f;

	(void)vcpu;
	(void)claimed;
	memcpy(&f, &run->hw, sizeof(f)); /* the start of kvm_run's union */
	x->kind = SNUG_EXIT_MEMORY;
	x->memory.flags = f.flags;
	x->memory.gpa = f.gpa;
	x->memory.bytes = f.size;
	return true;
}

static bool on_msr(snug_vcpu *vcpu, const struct kvm_run *run, struct snug_exit *x, bool *claimed)
{
	(void)claimed;
	x->kind = SNUG_EXIT_MSR;
	x->msr.index = run->msr.index;
	x->msr.write = run->exit_reason == KVM_EXIT_X86_WRMSR;
	x->msr.data = (uint64_t *)(void *)&vcpu->kvm.run->msr.data;
	vcpu->pending = x->msr.write ? SNUG__PENDING_DONE : SNUG__PENDING_READ;
	return true;
}

static bool on_debug(snug_vcpu *vcpu, const struct kvm_run *run, struct snug_exit *x, bool *claimed)
{
	(void)vcpu;
	(void)claimed;
	x->kind = SNUG_EXIT_DEBUG;
	x->debug.exception = run->debug.arch.exception;
	x->debug.pc = run->debug.arch.pc;
	x->debug.dr6 = run->debug.arch.dr6;
	x->debug.dr7 = run->debug.arch.dr7;
	return true;
}

static bool on_system(snug_vcpu *vcpu, const struct kvm_run *run, struct snug_exit *x, bool *claimed)
{
	(void)vcpu;
	(void)claimed;
	x->kind = SNUG_EXIT_SYSTEM;
	x->system.type = run->system_event.type;
	x->system.ndata = (uint32_t)snug__min(run->system_event.ndata, 16);
	memcpy(x->system.data, run->system_event.data, sizeof(x->system.data));
	return true;
}

static bool on_dirty_full(snug_vcpu *vcpu, const struct kvm_run *run, struct snug_exit *x, bool *claimed)
{
	(void)vcpu;
	(void)run;
	(void)claimed;
	x->kind = SNUG_EXIT_DIRTY_FULL;
	return true;
}

/* Exits that mean only "KVM wants to go round once more". */
static bool on_nothing(snug_vcpu *vcpu, const struct kvm_run *run, struct snug_exit *x, bool *claimed)
{
	(void)vcpu;
	(void)run;
	(void)x;
	(void)claimed;
	return false;
}

static bool on_other(snug_vcpu *vcpu, const struct kvm_run *run, struct snug_exit *x, bool *claimed)
{
	(void)claimed;
	x->kind = SNUG_EXIT_OTHER;
	x->other.run = run;
	x->other.bytes = vcpu->kvm.run_bytes;
	return true;
}

/* KVM 5 "The kvm_run structure".  A reason without a row goes to the caller as it is. */
static const handler handlers[] = {
    [KVM_EXIT_IO] = on_io,
    [KVM_EXIT_MMIO] = on_mmio,
    [KVM_EXIT_HLT] = on_hlt,
    [KVM_EXIT_SHUTDOWN] = on_shutdown,
    [KVM_EXIT_FAIL_ENTRY] = on_fail_entry,
    [KVM_EXIT_INTERNAL_ERROR] = on_internal,
    [KVM_EXIT_MEMORY_FAULT] = on_memory,
    [KVM_EXIT_X86_RDMSR] = on_msr,
    [KVM_EXIT_X86_WRMSR] = on_msr,
    [KVM_EXIT_DEBUG] = on_debug,
    [KVM_EXIT_SYSTEM_EVENT] = on_system,
    [KVM_EXIT_DIRTY_RING_FULL] = on_dirty_full,
    [KVM_EXIT_IRQ_WINDOW_OPEN] = on_nothing,
    [KVM_EXIT_INTR] = on_nothing,
    [KVM_EXIT_SET_TPR] = on_nothing,
};

/* Could this be the `out` of a fault's stub? */
static bool may_be_fault(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_IO && run->io.port == SNUG__FAULT_PORT && run->io.size == 1 &&
	       run->io.direction == KVM_EXIT_IO_OUT;
}

int snug__exit_handle(snug_vcpu *vcpu, struct snug_exit *x, bool *claimed, struct snug_error *err)
{
	const struct kvm_run *run = vcpu->kvm.run;
	uint32_t reason = run->exit_reason;
	handler h;

	x->reason = reason;
	x->vcpu = vcpu;
	*claimed = true;
	/* Anything but an access or a halt may have left marks that user-mode code cannot. */
	vcpu->touched |= reason != KVM_EXIT_IO && reason != KVM_EXIT_MMIO && reason != KVM_EXIT_HLT;
	if (may_be_fault(run)) {
		vcpu->touched = true;
		int r = snug__fault_decode(vcpu, x, err);

		vcpu->pending = SNUG__PENDING_DONE;
		if (r != 0)
			return r;
	}
	if (vcpu->vm->pvm) {
		int r = snug__pvm_exit(vcpu, err);

		if (r != 0)
			return r < 0 ? r : 0;
		x->reason = reason = run->exit_reason; /* a step that was done for KVM is another exit now */
	}
	h = reason < sizeof(handlers) / sizeof(handlers[0]) ? handlers[reason] : NULL;
	return (h ? h : on_other)(vcpu, run, x, claimed);
}

/* SPDX-License-Identifier: MIT */
#include "core/pc.h"

#include <errno.h>

#include "base/err.h"
#include "core/frozen.h"
#include "core/pvm.h"
#include "host/kvmpc.h"

int snug__pc_create(snug_vm *vm, struct snug_error *err)
{
	int r;

	if (!snug__kvm_cap(vm->fd, KVM_CAP_IRQCHIP, &vm->watch) || !snug__kvm_cap(vm->fd, KVM_CAP_PIT2, &vm->watch))
		return snug__err(
		    err, -ENOTSUP, SNUG_STEP_VERSION, "use a host whose KVM has them",
		    "KVM_CAP_IRQCHIP or KVM_CAP_PIT2 is absent: no interrupt controllers and timer for a PC");
	r = snug__kvm_create_irqchip(vm->fd, &vm->watch, err);
	if (r >= 0)
		r = snug__kvm_create_pit(vm->fd, &vm->watch, err);
	vm->pc = r >= 0;
	return r;
}

int snug__pc_irq(const snug_vm *vm, unsigned irq, bool level, struct snug_error *err)
{
	return snug__kvm_irq_line(vm->fd, irq, level, &vm->watch, err);
}

int snug__pc_get(const snug_vm *vm, struct snug__pc_state *out, struct snug_error *err)
{
	int r = 0;

	for (unsigned i = 0; vm->pc && r >= 0 && i < SNUG__IRQCHIPS; i++) {
		out->chip[i] = (struct kvm_irqchip){.chip_id = i};
		r = snug__kvm_get_irqchip(vm->fd, &out->chip[i], &vm->watch, err);
	}
	return vm->pc && r >= 0 ? snug__kvm_get_pit(vm->fd, &out->pit, &vm->watch, err) : r;
}

int snug__pc_put(const snug_vm *vm, const struct snug__pc_state *in, struct snug_error *err)
{
	int r = 0;

	for (unsigned i = 0; vm->pc && r >= 0 && i < SNUG__IRQCHIPS; i++)
		r = snug__kvm_set_irqchip(vm->fd, &in->chip[i], &vm->watch, err);
	return vm->pc && r >= 0 ? snug__kvm_set_pit(vm->fd, &in->pit, &vm->watch, err) : r;
}

int snug__pc_resume(snug_vm *vm, struct snug_error *err)
{
	int r = 0;

	if (!vm->pc)
		return 0;
	snug__machine_resume(vm);
	for (unsigned i = 0; r >= 0 && i < vm->cpus; i++)
		r = snug__pvm_resume(&vm->vcpus[i], err);
	return r;
}

int snug__pc_tables(snug_vm *vm, struct snug__boot_machine *out, struct snug_error *err)
{
	struct snug__pc_dev devs[SNUG__MACHINE_MAX];
	struct snug__pc pc;
	snug_gpa generation = 0;
	int r;

	*out = (struct snug__boot_machine){0};
	snug__machine_describe(vm, &pc, devs);
	out->e820_count = snug__e820_make(&vm->mem, out->e820);
	r = snug__mptable_write(&pc, &vm->mem);
	if (r >= 0)
		r = snug__acpi_write(&pc, &vm->mem, &out->rsdp, &generation);
	if (r == -E2BIG)
		return snug__err(err, r, SNUG_STEP_NONE, "use fewer (--cpus)",
		                 "%u vCPUs: the tables of a PC hold 254", vm->cpus);
	if (r < 0)
		return snug__err(err, -ERANGE, SNUG_STEP_NONE, "give the guest more memory (--mem)",
		                 "no memory at 0x%llx for the tables of a PC", SNUG__ACPI_GPA);
	return snug__generation_place(vm, generation, err);
}

/*
 * Linux Documentation/virt/kvm/x86/cpuid.rst, leaf 0x40000001 EAX: what a guest would use by hypercalls, which kvm_pvm does
 * not end, and what it costs there more than it gives.
 */
#define KVM_LEAF_FEATURES 0x40000001u
#define BY_HYPERCALL (1u << 7 | 1u << 11 | 1u << 13) /* PV_UNHALT, PV_SEND_IPI, PV_SCHED_YIELD */
#define CX16 (1u << 13)                              /* SDM 2A table 3-10: leaf 1 ECX */

void snug__pc_cpuid(const snug_vm *vm, struct snug__kvm_cpuid *table)
{
	for (uint32_t i = 0; vm->pvm && i < table->nent; i++) {
		struct kvm_cpuid_entry2 *e = &table->rows[i];

		if (e->function == KVM_LEAF_FEATURES)
			e->eax &= ~BY_HYPERCALL;
		else if (e->function == 1)
			e->ecx &= ~CX16;
	}
}

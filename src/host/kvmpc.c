/* SPDX-License-Identifier: MIT */
/* kvmpc: what KVM has of a PC in the kernel: interrupt controllers, timer, local APICs */
#include "host/kvmpc.h"

#include <string.h>

#include "host/kvmcall.h"

int snug__kvm_create_irqchip(int vm_fd, const struct snug__kvm_watch *w, struct snug_error *err)
{
	return snug__kvm_call(vm_fd, SNUG__C_CREATE_IRQCHIP, NULL, 0, w, err);
}

int snug__kvm_create_pit(int vm_fd, const struct snug__kvm_watch *w, struct snug_error *err)
{
	struct kvm_pit_config c = {.flags = KVM_PIT_SPEAKER_DUMMY};

	return snug__kvm_call(vm_fd, SNUG__C_CREATE_PIT2, &c, 0, w, err);
}

int snug__kvm_irq_line(int vm_fd, unsigned gsi, bool level, const struct snug__kvm_watch *w, struct snug_error *err)
{
	struct kvm_irq_level l = {.irq = gsi, .level = level};

	return snug__kvm_call(vm_fd, SNUG__C_IRQ_LINE, &l, gsi, w, err);
}

int snug__kvm_get_irqchip(int vm_fd, struct kvm_irqchip *chip, const struct snug__kvm_watch *w,
                          struct snug_error *err)
{
	return snug__kvm_call(vm_fd, SNUG__C_GET_IRQCHIP, chip, chip->chip_id, w, err);
}

int snug__kvm_set_irqchip(int vm_fd, const struct kvm_irqchip *chip, const struct snug__kvm_watch *w,
                          struct snug_error *err)
{
	struct kvm_irqchip copy = *chip;

	return snug__kvm_call(vm_fd, SNUG__C_SET_IRQCHIP, &copy, chip->chip_id, w, err);
}

int snug__kvm_get_pit(int vm_fd, struct kvm_pit_state2 *pit, const struct snug__kvm_watch *w, struct snug_error *err)
{
	return snug__kvm_call(vm_fd, SNUG__C_GET_PIT2, pit, 0, w, err);
}

int snug__kvm_set_pit(int vm_fd, const struct kvm_pit_state2 *pit, const struct snug__kvm_watch *w,
                      struct snug_error *err)
{
	struct kvm_pit_state2 copy = *pit;

	return snug__kvm_call(vm_fd, SNUG__C_SET_PIT2, &copy, 0, w, err);
}

int snug__kvm_get_lapic(int vcpu_fd, struct kvm_lapic_state *out, const struct snug__kvm_watch *w,
                        struct snug_error *err)
{
	return snug__kvm_call(vcpu_fd, SNUG__C_GET_LAPIC, out, 0, w, err);
}

int snug__kvm_set_lapic(int vcpu_fd, const struct kvm_lapic_state *in, const struct snug__kvm_watch *w,
                        struct snug_error *err)
{
	struct kvm_lapic_state copy = *in;

	return snug__kvm_call(vcpu_fd, SNUG__C_SET_LAPIC, &copy, 0, w, err);
}

/* KVM 4.97: one range, writes alone, whose bits of 0 say that user space decides. */
int snug__kvm_watch_msrs(int vm_fd, uint32_t first, unsigned count, const struct snug__kvm_watch *w,
                         struct snug_error *err)
{
	uint8_t bitmap[1] = {0};
	struct kvm_msr_filter f = {
	    .flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
	    .ranges = {{.flags = KVM_MSR_FILTER_WRITE, .nmsrs = count, .base = first, .bitmap = bitmap}},
	};
	int r = snug__kvm_enable_cap(vm_fd, KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_FILTER, w, err);

	return r < 0 ? r : snug__kvm_call(vm_fd, SNUG__C_MSR_FILTER, &f, first, w, err);
}

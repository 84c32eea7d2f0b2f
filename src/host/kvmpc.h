/* SPDX-License-Identifier: MIT */
/* kvmpc: what KVM has of a PC in the kernel: interrupt controllers, timer, local APICs */
#ifndef SNUG_HOST_KVMPC_H
#define SNUG_HOST_KVMPC_H

#include "host/kvm.h"

/* Two 8259A, an I/O APIC, and a local APIC for each vCPU made later: KVM 4.24.  A PIT i8254: KVM 4.71. */
int snug__kvm_create_irqchip(int vm_fd, const struct snug__kvm_watch *w, struct snug_error *err);
int snug__kvm_create_pit(int vm_fd, const struct snug__kvm_watch *w, struct snug_error *err);

/* The level of an interrupt line: KVM 4.25. */
int snug__kvm_irq_line(int vm_fd, unsigned gsi, bool level, const struct snug__kvm_watch *w, struct snug_error *err);

/* Their states: KVM 4.26, 4.27 (chip->chip_id says which), 4.72, 4.73, 4.57, 4.58. */
int snug__kvm_get_irqchip(int vm_fd, struct kvm_irqchip *chip, const struct snug__kvm_watch *w,
                          struct snug_error *err);
int snug__kvm_set_irqchip(int vm_fd, const struct kvm_irqchip *chip, const struct snug__kvm_watch *w,
                          struct snug_error *err);
int snug__kvm_get_pit(int vm_fd, struct kvm_pit_state2 *pit, const struct snug__kvm_watch *w, struct snug_error *err);
int snug__kvm_set_pit(int vm_fd, const struct kvm_pit_state2 *pit, const struct snug__kvm_watch *w,
                      struct snug_error *err);
int snug__kvm_get_lapic(int vcpu_fd, struct kvm_lapic_state *out, const struct snug__kvm_watch *w,
                        struct snug_error *err);
int snug__kvm_set_lapic(int vcpu_fd, const struct kvm_lapic_state *in, const struct snug__kvm_watch *w,
                        struct snug_error *err);

/* From now on a guest's write to one of 8 MSRs at most, from first on, comes out as KVM_EXIT_X86_WRMSR: KVM 4.97, 7.21. */
int snug__kvm_watch_msrs(int vm_fd, uint32_t first, unsigned count, const struct snug__kvm_watch *w,
                         struct snug_error *err);

#endif

/* SPDX-License-Identifier: MIT */
/* pc: what of a PC is KVM's: interrupt controllers, timer, local APICs, clock; and what a kernel is told of the machine */
#ifndef SNUG_CORE_PC_H
#define SNUG_CORE_PC_H

#include "core/core.h"
#include "guest/boot.h"

/* Before any vCPU is made: KVM 4.24. */
int snug__pc_create(snug_vm *vm, struct snug_error *err);

/* [any thread] */
int snug__pc_irq(const snug_vm *vm, unsigned irq, bool level, struct snug_error *err);

/* Writes what firmware would tell a kernel into guest memory, and says where it is.  -ERANGE: there is no memory for it. */
int snug__pc_tables(snug_vm *vm, struct snug__boot_machine *out, struct snug_error *err);

/* The state of what KVM has of a PC, besides the local APICs, which are the vCPUs' (state.c).  Nothing to do on others. */
struct snug__pc_state;
int snug__pc_get(const snug_vm *vm, struct snug__pc_state *out, struct snug_error *err);
int snug__pc_put(const snug_vm *vm, const struct snug__pc_state *in, struct snug_error *err);

/* All states were put: interrupt lines, timers and breakpoints follow them. */
int snug__pc_resume(snug_vm *vm, struct snug_error *err);

/* Takes out of a CPUID table what this host cannot do for a kernel. */
void snug__pc_cpuid(const snug_vm *vm, struct snug__kvm_cpuid *table);

#endif

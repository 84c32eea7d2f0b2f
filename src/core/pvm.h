/* SPDX-License-Identifier: MIT */
/*
 * pvm: guests on kvm_pvm, whose code at CPL 0 KVM emulates
 *
 * Three things are done for them.  An instruction the emulator lacks is carried out (x86/assist).  A `syscall` of user-mode
 * code, which the CPU leaves at CPL 3 with RIP = LSTAR, faults on that page, and a breakpoint on the guest's page-fault
 * handler lets us enter the kernel as the instruction would have; docs/kvm-pvm.md has the whole of it.  And a vCPU is looked
 * at now and then, since vmcall never ends there.
 *
 * On other hosts vm->pvm is false, and none of it costs anything.
 */
#ifndef SNUG_CORE_PVM_H
#define SNUG_CORE_PVM_H

#include "core/core.h"

#define SNUG__PVM_LOOK_NS 100000000ull /* how often */

/* Is it such a host?  Then what is needed is made ready. */
int snug__pvm_open(snug_vm *vm, enum snug_host_kind kind, struct snug_error *err);

/* A vCPU got its CPUID table, and its end. */
int snug__pvm_cpuid(snug_vcpu *vcpu, const struct snug__kvm_cpuid *table, struct snug_error *err);
void snug__pvm_close(snug_vcpu *vcpu);

/* An exit that may be ours.  1: it was, and the guest goes on; 0: it is the caller's; negative: broken. */
int snug__pvm_exit(snug_vcpu *vcpu, struct snug_error *err);

/* KVM could not emulate the instruction: does it.  As of snug__pvm_exit. */
int snug__pvm_emulate(snug_vcpu *vcpu, struct snug_error *err);

/* KVM_RUN was interrupted: is the vCPU on a vmcall?  Then that is done.  0 or a negative errno. */
int snug__pvm_look(snug_vcpu *vcpu, struct snug_error *err);

/* Adds to what a debugger wants the breakpoint of ours. */
void snug__pvm_debug(const snug_vcpu *vcpu, struct kvm_guest_debug *d);

/* Its state was loaded from elsewhere: reads the MSRs and puts the breakpoint. */
int snug__pvm_resume(snug_vcpu *vcpu, struct snug_error *err);

#endif

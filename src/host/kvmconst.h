/* SPDX-License-Identifier: MIT */
/*
 * kvmconst: what newer kernels' linux/kvm.h has and an older build machine's lacks
 *
 * Numbers are ABI and never change; each row names the Linux version whose include/uapi/linux/kvm.h defines it.
 */
#ifndef SNUG_HOST_KVMCONST_H
#define SNUG_HOST_KVMCONST_H

#include <linux/kvm.h>

#ifndef KVM_EXIT_LOONGARCH_IOCSR
#define KVM_EXIT_LOONGARCH_IOCSR 38 /* Linux 6.7 */
#endif
#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT 39 /* Linux 6.8; data in kvm_run: see struct snug__kvm_memory_fault */
#endif
#ifndef KVM_EXIT_TDX
#define KVM_EXIT_TDX 40 /* Linux 6.16 */
#endif
#ifndef KVM_EXIT_ARM_SEA
#define KVM_EXIT_ARM_SEA 41 /* Linux 6.19 */
#endif

#ifndef KVM_CAP_MEMORY_FAULT_INFO
#define KVM_CAP_MEMORY_FAULT_INFO 232 /* Linux 6.8 */
#endif

/* kvm_run.memory_fault, Linux 6.8: starts where the union of kvm_run starts. */
struct snug__kvm_memory_fault {
	__u64 flags;
	__u64 gpa;
	__u64 size;
};

#endif

/* SPDX-License-Identifier: MIT */
/* kvmcall: how kvm.c and kvmstate.c make their calls */
#ifndef SNUG_HOST_KVMCALL_H
#define SNUG_HOST_KVMCALL_H

#include "host/kvm.h"

enum snug__kvm_c {
	SNUG__C_OPEN,
	SNUG__C_API_VERSION,
	SNUG__C_CHECK_EXTENSION,
	SNUG__C_CREATE_VM,
	SNUG__C_ENABLE_CAP,
	SNUG__C_IDENTITY,
	SNUG__C_TSS,
	SNUG__C_MAP,
	SNUG__C_MEMORY,
	SNUG__C_CREATE_VCPU,
	SNUG__C_MMAP_SIZE,
	SNUG__C_MMAP,
	SNUG__C_SUPPORTED_CPUID,
	SNUG__C_SET_CPUID,
	SNUG__C_GET_CPUID,
	SNUG__C_GET_SREGS,
	SNUG__C_SET_SREGS,
	SNUG__C_GET_REGS,
	SNUG__C_SET_REGS,
	SNUG__C_EVENTS,
	SNUG__C_XSAVE,
	SNUG__C_XCRS,
	SNUG__C_DEBUGREGS,
	SNUG__C_MSRS,
	SNUG__C_STATS_FD,
	SNUG__C_SIGMASK,
	SNUG__C_RUN,
	SNUG__C_GET_XSAVE,
	SNUG__C_GUEST_DEBUG,
	SNUG__C_GET_EVENTS,
	SNUG__C_GET_XCRS,
	SNUG__C_GET_DEBUGREGS,
	SNUG__C_GET_MSRS,
	SNUG__C_GET_MP_STATE,
	SNUG__C_SET_MP_STATE,
	SNUG__C_GET_CLOCK,
	SNUG__C_SET_CLOCK,
	SNUG__C_GET_TSC_KHZ,
	SNUG__C_MSR_LIST,
	SNUG__C_DIRTY_LOG,
	SNUG__C_CLEAR_LOG,
	SNUG__C_CREATE_IRQCHIP,
	SNUG__C_CREATE_PIT2,
	SNUG__C_IRQ_LINE,
	SNUG__C_GET_IRQCHIP,
	SNUG__C_SET_IRQCHIP,
	SNUG__C_GET_PIT2,
	SNUG__C_SET_PIT2,
	SNUG__C_GET_LAPIC,
	SNUG__C_SET_LAPIC,
	SNUG__C_MSR_FILTER,
};

/* One ioctl.  shown is the number a watcher sees; the result is what the ioctl gave, or a negative errno. */
int snug__kvm_call_raw(int fd, enum snug__kvm_c c, void *arg, uint64_t shown, const struct snug__kvm_watch *w);

/* The same; a failure fills err. */
int snug__kvm_call(int fd, enum snug__kvm_c c, void *arg, uint64_t shown, const struct snug__kvm_watch *w,
                   struct snug_error *err);

/* The message for a call that failed with errno e; what may be NULL.  Returns -e. */
int snug__kvm_fail(enum snug__kvm_c c, int e, const char *what, struct snug_error *err);

/* Plain numbers are passed where a pointer would go (KVM 4.4, 4.34). */
static inline void *snug__kvm_number(uint64_t v)
{
	return (void *)(uintptr_t)v;
}

#endif

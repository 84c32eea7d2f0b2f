/* SPDX-License-Identifier: MIT */
/* ioctls: the names of the ioctls the library makes */
#ifndef IOCTLS_H
#define IOCTLS_H

#include <linux/kvm.h>
#include <stddef.h>

#define IOCTL_ROW(r)                                                                                                 \
	{                                                                                                            \
		r, #r                                                                                                \
	}

static inline const char *ioctl_name(unsigned long request)
{
	static const struct {
		unsigned long request;
		const char *name;
	} rows[] = {
	    IOCTL_ROW(KVM_GET_API_VERSION),
	    IOCTL_ROW(KVM_CHECK_EXTENSION),
	    IOCTL_ROW(KVM_CREATE_VM),
	    IOCTL_ROW(KVM_ENABLE_CAP),
	    IOCTL_ROW(KVM_SET_IDENTITY_MAP_ADDR),
	    IOCTL_ROW(KVM_SET_TSS_ADDR),
	    IOCTL_ROW(KVM_SET_USER_MEMORY_REGION),
	    IOCTL_ROW(KVM_CREATE_VCPU),
	    IOCTL_ROW(KVM_GET_VCPU_MMAP_SIZE),
	    IOCTL_ROW(KVM_GET_SUPPORTED_CPUID),
	    IOCTL_ROW(KVM_SET_CPUID2),
	    IOCTL_ROW(KVM_GET_CPUID2),
	    IOCTL_ROW(KVM_GET_SREGS),
	    IOCTL_ROW(KVM_SET_SREGS),
	    IOCTL_ROW(KVM_GET_REGS),
	    IOCTL_ROW(KVM_SET_REGS),
	    IOCTL_ROW(KVM_SET_SIGNAL_MASK),
	    IOCTL_ROW(KVM_RUN),
	    IOCTL_ROW(KVM_SET_VCPU_EVENTS),
	    IOCTL_ROW(KVM_SET_XSAVE),
	    IOCTL_ROW(KVM_SET_XCRS),
	    IOCTL_ROW(KVM_SET_DEBUGREGS),
	    IOCTL_ROW(KVM_SET_MSRS),
	    IOCTL_ROW(KVM_GET_STATS_FD),
	    IOCTL_ROW(KVM_GET_XSAVE),
	    IOCTL_ROW(KVM_SET_GUEST_DEBUG),
	    IOCTL_ROW(KVM_GET_VCPU_EVENTS),
	    IOCTL_ROW(KVM_GET_XCRS),
	    IOCTL_ROW(KVM_GET_DEBUGREGS),
	    IOCTL_ROW(KVM_GET_MSRS),
	    IOCTL_ROW(KVM_GET_MSR_INDEX_LIST),
	    IOCTL_ROW(KVM_GET_MP_STATE),
	    IOCTL_ROW(KVM_SET_MP_STATE),
	    IOCTL_ROW(KVM_GET_CLOCK),
	    IOCTL_ROW(KVM_SET_CLOCK),
	    IOCTL_ROW(KVM_GET_TSC_KHZ),
	    IOCTL_ROW(KVM_GET_MSR_INDEX_LIST),
	    IOCTL_ROW(KVM_GET_DIRTY_LOG),
	    IOCTL_ROW(KVM_CLEAR_DIRTY_LOG),
	    IOCTL_ROW(KVM_SET_TSC_KHZ),
	    IOCTL_ROW(KVM_CREATE_IRQCHIP),
	    IOCTL_ROW(KVM_CREATE_PIT2),
	    IOCTL_ROW(KVM_X86_SET_MSR_FILTER),
	    IOCTL_ROW(KVM_ENABLE_CAP),
	    IOCTL_ROW(KVM_GET_IRQCHIP),
	    IOCTL_ROW(KVM_SET_IRQCHIP),
	    IOCTL_ROW(KVM_GET_PIT2),
	    IOCTL_ROW(KVM_SET_PIT2),
	    IOCTL_ROW(KVM_GET_LAPIC),
	    IOCTL_ROW(KVM_SET_LAPIC),
	    IOCTL_ROW(KVM_IRQ_LINE),
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].request == request)
			return rows[i].name;
	return "an ioctl without a row in ioctls.h";
}

#endif

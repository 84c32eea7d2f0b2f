/* SPDX-License-Identifier: MIT */
/*
 * kvm: every call into /dev/kvm, typed.  No other file issues a KVM ioctl.
 *
 * A failure names the step, the ioctl, the errno and what to do.  Each call may be watched (snug_config.on_call).
 */
#ifndef SNUG_HOST_KVM_H
#define SNUG_HOST_KVM_H

#include <snug.h>

#include "host/kvmconst.h"

#define SNUG__KVM_CPUID_MAX 256 /* rows: KVM_MAX_CPUID_ENTRIES, Linux arch/x86/include/asm/kvm_host.h */

/* An XSAVE area as KVM_GET_XSAVE gives it; larger ones exist only where the process asked for AMX.  KVM 4.42 */
#define SNUG__XSAVE_BYTES 4096

struct snug__kvm_watch {
	void (*fn)(void *ctx, const struct snug_call *call); /* NULL: nobody watches */
	void *ctx;
};

struct snug__kvm_vcpu {
	int fd;
	struct kvm_run *run;
	size_t run_bytes;
};

/* struct kvm_cpuid2 with its room. */
struct snug__kvm_cpuid {
	uint32_t nent, padding;
	struct kvm_cpuid_entry2 rows[SNUG__KVM_CPUID_MAX];
};
_Static_assert(offsetof(struct snug__kvm_cpuid, rows) == offsetof(struct kvm_cpuid2, entries), "kvm_cpuid2");

/* Step 1 and 2: opens the device and checks that it speaks API version 12.  Returns its fd, owned by the caller. */
int snug__kvm_open(const char *path, const struct snug__kvm_watch *w, struct snug_error *err);

/* KVM_CHECK_EXTENSION on the device's or a VM's fd: 0 or more; a failure counts as 0. */
int snug__kvm_cap(int fd, int cap, const struct snug__kvm_watch *w);

int snug__kvm_create_vm(int fd, const struct snug__kvm_watch *w, struct snug_error *err);
int snug__kvm_enable_cap(int vm_fd, int cap, uint64_t arg, const struct snug__kvm_watch *w, struct snug_error *err);
int snug__kvm_set_identity(int vm_fd, uint64_t gpa, const struct snug__kvm_watch *w, struct snug_error *err);
int snug__kvm_set_tss(int vm_fd, uint64_t gpa, const struct snug__kvm_watch *w, struct snug_error *err);
int snug__kvm_set_memory(int vm_fd, const struct kvm_userspace_memory_region *r, const struct snug__kvm_watch *w,
                         struct snug_error *err);
/* snug__map_anon, watched: the first half of step 4. */
int snug__kvm_map(uint64_t bytes, void **out, const struct snug__kvm_watch *w, struct snug_error *err);

int snug__kvm_supported_cpuid(int fd, struct snug__kvm_cpuid *out, const struct snug__kvm_watch *w,
                              struct snug_error *err);

/* Size of a vCPU's kvm_run mapping, asked of the device. */
int snug__kvm_run_bytes(int fd, const struct snug__kvm_watch *w, struct snug_error *err);

/* Creates vCPU `index` and maps its kvm_run; vcpu->fd is -1 and vcpu->run NULL before and after a failure. */
int snug__kvm_create_vcpu(int vm_fd, unsigned index, size_t run_bytes, struct snug__kvm_vcpu *vcpu,
                          const struct snug__kvm_watch *w, struct snug_error *err);
void snug__kvm_close_vcpu(struct snug__kvm_vcpu *vcpu);

int snug__kvm_set_cpuid(int vcpu_fd, struct snug__kvm_cpuid *table, const struct snug__kvm_watch *w,
                        struct snug_error *err);
int snug__kvm_get_cpuid(int vcpu_fd, struct snug__kvm_cpuid *table, const struct snug__kvm_watch *w,
                        struct snug_error *err);
int snug__kvm_get_regs(int vcpu_fd, struct snug_regs *out, const struct snug__kvm_watch *w, struct snug_error *err);
int snug__kvm_set_regs(int vcpu_fd, const struct snug_regs *in, const struct snug__kvm_watch *w,
                       struct snug_error *err);
int snug__kvm_get_sregs(int vcpu_fd, struct snug_sregs *out, const struct snug__kvm_watch *w, struct snug_error *err);
int snug__kvm_set_sregs(int vcpu_fd, const struct snug_sregs *in, const struct snug__kvm_watch *w,
                        struct snug_error *err);

/* KVM 4.32 "KVM_SET_VCPU_EVENTS" */
int snug__kvm_set_events(int vcpu_fd, const struct kvm_vcpu_events *in, const struct snug__kvm_watch *w,
                         struct snug_error *err);

/*
 * The rest of a vCPU's state, put back to what a reset leaves (SDM 3A table 9-1): pending events, x87, SSE and AVX,
 * XCR0, debug registers, and the MSRs that guests use.  MSRs this host does not have are passed over.
 */
int snug__kvm_reset_rest(int vcpu_fd, const struct snug__kvm_watch *w, struct snug_error *err);

/* A fd of the binary statistics of a VM or vCPU, owned by the caller. */
int snug__kvm_stats_fd(int fd, const struct snug__kvm_watch *w, struct snug_error *err);

/* The signals blocked during KVM_RUN: a kernel sigset of 64 bits, bit n - 1 for signal n. */
int snug__kvm_set_sigmask(int vcpu_fd, uint64_t blocked, const struct snug__kvm_watch *w, struct snug_error *err);

/* KVM_RUN: 0, or a negative errno and no message: the run loop knows what each means. */
int snug__kvm_run(const struct snug__kvm_vcpu *vcpu, const struct snug__kvm_watch *w);

/* The message for a KVM_RUN that failed for good. */
int snug__kvm_run_failed(int code, struct snug_error *err);

/* KVM 4.22, 4.23 (x87 and SSE registers) and 4.87 (the host's debugging of the guest). */
int snug__kvm_get_fpu(int vcpu_fd, struct kvm_fpu *out, const struct snug__kvm_watch *w, struct snug_error *err);
int snug__kvm_set_fpu(int vcpu_fd, const struct kvm_fpu *in, const struct snug__kvm_watch *w, struct snug_error *err);
int snug__kvm_set_debug(int vcpu_fd, const struct kvm_guest_debug *in, const struct snug__kvm_watch *w,
                        struct snug_error *err);

/*
 * A vCPU's state, set by set: KVM 4.31 (events), 4.42, 4.43 (XSAVE), 4.48, 4.49 (XCRS), 4.33 (debug registers), 4.38, 4.39
 * (MP state).  An XSAVE area is SNUG__XSAVE_BYTES long.  On a CPU without XSAVE there are no XCRs, and nr_xcrs is 0.
 */
int snug__kvm_get_events(int fd, struct kvm_vcpu_events *out, const struct snug__kvm_watch *w,
                         struct snug_error *err);
int snug__kvm_set_events(int fd, const struct kvm_vcpu_events *in, const struct snug__kvm_watch *w,
                         struct snug_error *err);
int snug__kvm_get_xsave(int fd, uint8_t *area, const struct snug__kvm_watch *w, struct snug_error *err);
int snug__kvm_set_xsave(int fd, const uint8_t *area, const struct snug__kvm_watch *w, struct snug_error *err);
int snug__kvm_get_xcrs(int fd, struct kvm_xcrs *out, const struct snug__kvm_watch *w, struct snug_error *err);
int snug__kvm_set_xcrs(int fd, const struct kvm_xcrs *in, const struct snug__kvm_watch *w, struct snug_error *err);
int snug__kvm_get_debugregs(int fd, struct kvm_debugregs *out, const struct snug__kvm_watch *w,
                            struct snug_error *err);
int snug__kvm_set_debugregs(int fd, const struct kvm_debugregs *in, const struct snug__kvm_watch *w,
                            struct snug_error *err);
int snug__kvm_get_mp_state(int fd, struct kvm_mp_state *out, const struct snug__kvm_watch *w, struct snug_error *err);
int snug__kvm_set_mp_state(int fd, const struct kvm_mp_state *in, const struct snug__kvm_watch *w,
                           struct snug_error *err);

#define SNUG__KVM_MSRS_MAX 1024 /* that a host names; more than any has */
#define SNUG__KVM_MSRS_CALL 256 /* MAX_IO_MSRS, Linux arch/x86/kvm/x86.c: so many in one call */

/* The MSRs a guest's state consists of, asked of the device (KVM 4.3): their number; index has SNUG__KVM_MSRS_MAX rows. */
int snug__kvm_msr_list(int dev_fd, uint32_t *index, const struct snug__kvm_watch *w, struct snug_error *err);

/* Fills rows whose index is set; those the vCPU does not have are left out, the rest moves up.  The number left. */
int snug__kvm_get_msrs(int fd, struct kvm_msr_entry *rows, unsigned n, const struct snug__kvm_watch *w,
                       struct snug_error *err);

/* Sets the first of them: how many it was until one was refused, at most SNUG__KVM_MSRS_CALL. */
int snug__kvm_set_msrs(int fd, const struct kvm_msr_entry *rows, unsigned n, const struct snug__kvm_watch *w,
                       struct snug_error *err);

/* The VM's clock (KVM 4.29, 4.30), and the frequency of a vCPU's TSC, 0 if unknown (KVM 4.56). */
int snug__kvm_get_clock(int vm_fd, struct kvm_clock_data *out, const struct snug__kvm_watch *w,
                        struct snug_error *err);
int snug__kvm_set_clock(int vm_fd, const struct kvm_clock_data *in, const struct snug__kvm_watch *w,
                        struct snug_error *err);
uint32_t snug__kvm_tsc_khz(int vcpu_fd, const struct snug__kvm_watch *w);

/*
 * Which pages of a slot the guest wrote: a bit a page, in whole words (KVM 4.8); and taking marks back, for pages
 * [first, first + pages) where bits, which starts at `first`, has them (KVM 4.117): first is a multiple of 64, and so is
 * pages, unless they end with the slot.
 */
int snug__kvm_dirty_log(int vm_fd, uint32_t slot, uint64_t *bits, const struct snug__kvm_watch *w,
                        struct snug_error *err);
int snug__kvm_clear_log(int vm_fd, uint32_t slot, uint64_t first, uint32_t pages, uint64_t *bits,
                        const struct snug__kvm_watch *w, struct snug_error *err);

#endif

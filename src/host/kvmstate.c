/* SPDX-License-Identifier: MIT */
/* kvmstate: what KVM holds of a vCPU and a VM, got and set */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/kvm.h"
#include "host/kvmcall.h"

/* snug.h's structs are the kernel's under names of its own, so they go through as they are. */
_Static_assert(sizeof(struct snug_regs) == sizeof(struct kvm_regs), "regs");
_Static_assert(offsetof(struct snug_regs, rflags) == offsetof(struct kvm_regs, rflags), "regs");
_Static_assert(offsetof(struct snug_regs, rsp) == offsetof(struct kvm_regs, rsp), "regs");
_Static_assert(sizeof(struct snug_segment) == sizeof(struct kvm_segment), "segment");
_Static_assert(offsetof(struct snug_segment, unusable) == offsetof(struct kvm_segment, unusable), "segment");
_Static_assert(sizeof(struct snug_dtable) == sizeof(struct kvm_dtable), "dtable");
_Static_assert(sizeof(struct snug_sregs) == sizeof(struct kvm_sregs), "sregs");
_Static_assert(offsetof(struct snug_sregs, tr) == offsetof(struct kvm_sregs, tr), "sregs");
_Static_assert(offsetof(struct snug_sregs, idt) == offsetof(struct kvm_sregs, idt), "sregs");
_Static_assert(offsetof(struct snug_sregs, efer) == offsetof(struct kvm_sregs, efer), "sregs");

int snug__kvm_get_regs(int vcpu_fd, struct snug_regs *out, const struct snug__kvm_watch *w, struct snug_error *err)
{
	return snug__kvm_call(vcpu_fd, SNUG__C_GET_REGS, out, 0, w, err);
}

int snug__kvm_set_regs(int vcpu_fd, const struct snug_regs *in, const struct snug__kvm_watch *w,
                       struct snug_error *err)
{
	struct snug_regs copy = *in;

	return snug__kvm_call(vcpu_fd, SNUG__C_SET_REGS, &copy, in->rip, w, err);
}

int snug__kvm_get_sregs(int vcpu_fd, struct snug_sregs *out, const struct snug__kvm_watch *w, struct snug_error *err)
{
	return snug__kvm_call(vcpu_fd, SNUG__C_GET_SREGS, out, 0, w, err);
}

int snug__kvm_set_sregs(int vcpu_fd, const struct snug_sregs *in, const struct snug__kvm_watch *w,
                        struct snug_error *err)
{
	struct snug_sregs copy = *in;

	return snug__kvm_call(vcpu_fd, SNUG__C_SET_SREGS, &copy, in->cr0, w, err);
}

/* FCW and MXCSR after a reset, and that x87 and SSE are in use: SDM 1 13.4.1, 13.4.2; all else is in its first state. */
static int reset_fpu(int vcpu_fd, const struct snug__kvm_watch *w, struct snug_error *err)
{
	uint8_t area[4096] = {0};

	snug__le_store(area + 0, 2, 0x37f);
	snug__le_store(area + 24, 4, 0x1f80);
	snug__le_store(area + 512, 8, 3); /* XSTATE_BV */
	return snug__kvm_call(vcpu_fd, SNUG__C_XSAVE, area, 0, w, err);
}

/* Not every CPU or KVM has every one: KVM_SET_MSRS says how many it set, and 0 is no failure here. */
static int reset_msrs(int vcpu_fd, const struct snug__kvm_watch *w, struct snug_error *err)
{
	static const struct {
		uint32_t index;
		uint64_t value;
	} msrs[] = {
	    {0x174, 0},
	    {0x175, 0},
	    {0x176, 0},                  /* SYSENTER CS, ESP, EIP: SDM 4 table 2-2 */
	    {0x277, 0x0007040600070406}, /* PAT: SDM 3A 11.12.4 */
	    {0xc0000081, 0},
	    {0xc0000082, 0},
	    {0xc0000083, 0},
	    {0xc0000084, 0}, /* STAR, LSTAR, CSTAR, FMASK */
	    {0xc0000102, 0},
	    {0xc0000103, 0}, /* KERNEL_GS_BASE, TSC_AUX */
	};

	for (size_t i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
		struct {
			uint32_t count, pad; /* struct kvm_msrs with its room */
			struct kvm_msr_entry entry;
		} set = {.count = 1, .entry = {.index = msrs[i].index, .data = msrs[i].value}};
		int r = snug__kvm_call(vcpu_fd, SNUG__C_MSRS, &set, msrs[i].index, w, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int snug__kvm_reset_rest(int vcpu_fd, const struct snug__kvm_watch *w, struct snug_error *err)
{
	struct kvm_vcpu_events events = {.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW};
	struct kvm_debugregs debug = {.dr6 = 0xffff0ff0, .dr7 = 0x400}; /* SDM 3A table 9-1 */
	struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs = {{.value = 1}}};  /* XCR0: x87 alone, SDM 1 13.3 */
	int r = snug__kvm_call(vcpu_fd, SNUG__C_EVENTS, &events, 0, w, err);

	if (r >= 0)
		r = reset_fpu(vcpu_fd, w, err);
	if (r < 0)
		return r;
	r = snug__kvm_call_raw(vcpu_fd, SNUG__C_XCRS, &xcrs, 1, w);
	if (r < 0 && r != -EINVAL) /* which says that the CPU has no XSAVE, so no XCR0 */
		return snug__kvm_fail(SNUG__C_XCRS, -r, NULL, err);
	r = snug__kvm_call(vcpu_fd, SNUG__C_DEBUGREGS, &debug, debug.dr7, w, err);
	return r < 0 ? r : reset_msrs(vcpu_fd, w, err);
}

/*
 * The legacy region of an XSAVE area: SDM 1 table 10-2, XSTATE_BV at 512: 13.4.2.  KVM_GET_FPU and KVM_SET_FPU leave out
 * MXCSR, and know nothing of parts that the CPU did not save because they were in their first state.
 */
int snug__kvm_get_fpu(int vcpu_fd, struct kvm_fpu *out, const struct snug__kvm_watch *w, struct snug_error *err)
{
	uint8_t area[4096];
	int r = snug__kvm_call(vcpu_fd, SNUG__C_GET_XSAVE, area, 0, w, err);

	if (r < 0)
		return r;
	memset(out, 0, sizeof(*out));
	out->fcw = (uint16_t)snug__le_load(area + 0, 2);
	out->fsw = (uint16_t)snug__le_load(area + 2, 2);
	out->ftwx = area[4];
	out->last_opcode = (uint16_t)snug__le_load(area + 6, 2);
	out->last_ip = snug__le_load(area + 8, 8);
	out->last_dp = snug__le_load(area + 16, 8);
	out->mxcsr = (uint32_t)snug__le_load(area + 24, 4);
	memcpy(out->fpr, area + 32, sizeof(out->fpr));
	memcpy(out->xmm, area + 160, sizeof(out->xmm));
	return 0;
}

int snug__kvm_set_fpu(int vcpu_fd, const struct kvm_fpu *in, const struct snug__kvm_watch *w, struct snug_error *err)
{
	uint8_t area[4096];
	int r = snug__kvm_call(vcpu_fd, SNUG__C_GET_XSAVE, area, 0, w, err); /* what else is in it stays */

	if (r < 0)
		return r;
	snug__le_store(area + 0, 2, in->fcw);
	snug__le_store(area + 2, 2, in->fsw);
	area[4] = in->ftwx;
	snug__le_store(area + 6, 2, in->last_opcode);
	snug__le_store(area + 8, 8, in->last_ip);
	snug__le_store(area + 16, 8, in->last_dp);
	snug__le_store(area + 24, 4, in->mxcsr);
	memcpy(area + 32, in->fpr, sizeof(in->fpr));
	memcpy(area + 160, in->xmm, sizeof(in->xmm));
	snug__le_store(area + 512, 8, snug__le_load(area + 512, 8) | 3); /* x87 and SSE */
	return snug__kvm_call(vcpu_fd, SNUG__C_XSAVE, area, in->mxcsr, w, err);
}

int snug__kvm_set_debug(int vcpu_fd, const struct kvm_guest_debug *in, const struct snug__kvm_watch *w,
                        struct snug_error *err)
{
	struct kvm_guest_debug copy = *in;

	return snug__kvm_call(vcpu_fd, SNUG__C_GUEST_DEBUG, &copy, in->control, w, err);
}

int snug__kvm_get_events(int fd, struct kvm_vcpu_events *out, const struct snug__kvm_watch *w, struct snug_error *err)
{
	return snug__kvm_call(fd, SNUG__C_GET_EVENTS, out, 0, w, err);
}

int snug__kvm_set_events(int fd, const struct kvm_vcpu_events *in, const struct snug__kvm_watch *w,
                         struct snug_error *err)
{
	struct kvm_vcpu_events copy = *in;

	return snug__kvm_call(fd, SNUG__C_EVENTS, &copy, 0, w, err);
}

int snug__kvm_get_xsave(int fd, uint8_t *area, const struct snug__kvm_watch *w, struct snug_error *err)
{
	return snug__kvm_call(fd, SNUG__C_GET_XSAVE, area, 0, w, err);
}

int snug__kvm_set_xsave(int fd, const uint8_t *area, const struct snug__kvm_watch *w, struct snug_error *err)
{
	/* The kernel only reads it. */
	return snug__kvm_call(fd, SNUG__C_XSAVE, (void *)(uintptr_t)area, 0, w, err);
}

/* EINVAL says that the CPU has no XSAVE, so no XCR0: none is got, none set. */
int snug__kvm_get_xcrs(int fd, struct kvm_xcrs *out, const struct snug__kvm_watch *w, struct snug_error *err)
{
	int r = snug__kvm_call_raw(fd, SNUG__C_GET_XCRS, out, 0, w);

	if (r == -EINVAL)
		memset(out, 0, sizeof(*out));
	return r < 0 && r != -EINVAL ? snug__kvm_fail(SNUG__C_GET_XCRS, -r, NULL, err) : 0;
}

int snug__kvm_set_xcrs(int fd, const struct kvm_xcrs *in, const struct snug__kvm_watch *w, struct snug_error *err)
{
	struct kvm_xcrs copy = *in;

	return in->nr_xcrs ? snug__kvm_call(fd, SNUG__C_XCRS, &copy, in->xcrs[0].value, w, err) : 0;
}

int snug__kvm_get_debugregs(int fd, struct kvm_debugregs *out, const struct snug__kvm_watch *w,
                            struct snug_error *err)
{
	return snug__kvm_call(fd, SNUG__C_GET_DEBUGREGS, out, 0, w, err);
}

int snug__kvm_set_debugregs(int fd, const struct kvm_debugregs *in, const struct snug__kvm_watch *w,
                            struct snug_error *err)
{
	struct kvm_debugregs copy = *in;

	return snug__kvm_call(fd, SNUG__C_DEBUGREGS, &copy, in->dr7, w, err);
}

int snug__kvm_get_mp_state(int fd, struct kvm_mp_state *out, const struct snug__kvm_watch *w, struct snug_error *err)
{
	return snug__kvm_call(fd, SNUG__C_GET_MP_STATE, out, 0, w, err);
}

int snug__kvm_set_mp_state(int fd, const struct kvm_mp_state *in, const struct snug__kvm_watch *w,
                           struct snug_error *err)
{
	struct kvm_mp_state copy = *in;

	return snug__kvm_call(fd, SNUG__C_SET_MP_STATE, &copy, in->mp_state, w, err);
}

/* struct kvm_msr_list and struct kvm_msrs with their room. */
struct msr_list {
	uint32_t count;
	uint32_t index[SNUG__KVM_MSRS_MAX];
};
struct msrs {
	uint32_t count, pad;
	struct kvm_msr_entry rows[SNUG__KVM_MSRS_CALL];
};
_Static_assert(offsetof(struct msr_list, index) == offsetof(struct kvm_msr_list, indices), "kvm_msr_list");
_Static_assert(offsetof(struct msrs, rows) == offsetof(struct kvm_msrs, entries), "kvm_msrs");

int snug__kvm_msr_list(int dev_fd, uint32_t *index, const struct snug__kvm_watch *w, struct snug_error *err)
{
	struct msr_list list = {.count = SNUG__KVM_MSRS_MAX};
	int r = snug__kvm_call(dev_fd, SNUG__C_MSR_LIST, &list, 0, w, err);

	if (r < 0)
		return r;
	memcpy(index, list.index, list.count * sizeof(*index));
	return (int)list.count;
}

/* KVM stops at the first one that it does not have after all: that one is left out. */
int snug__kvm_get_msrs(int fd, struct kvm_msr_entry *rows, unsigned n, const struct snug__kvm_watch *w,
                       struct snug_error *err)
{
	unsigned at = 0, kept = 0;
	struct msrs m;

	while (at < n) {
		m.count = n - at < SNUG__KVM_MSRS_CALL ? n - at : SNUG__KVM_MSRS_CALL;
		m.pad = 0;
		memcpy(m.rows, rows + at, m.count * sizeof(*rows));
		int got = snug__kvm_call(fd, SNUG__C_GET_MSRS, &m, m.count, w, err);

		if (got < 0)
			return got;
		memcpy(rows + kept, m.rows, (size_t)got * sizeof(*rows));
		kept += (unsigned)got;
		at += (unsigned)got + ((unsigned)got < m.count);
	}
	return (int)kept;
}

int snug__kvm_set_msrs(int fd, const struct kvm_msr_entry *rows, unsigned n, const struct snug__kvm_watch *w,
                       struct snug_error *err)
{
	struct msrs m = {.count = n < SNUG__KVM_MSRS_CALL ? n : SNUG__KVM_MSRS_CALL};

	memcpy(m.rows, rows, m.count * sizeof(*rows));
	return snug__kvm_call(fd, SNUG__C_MSRS, &m, m.count, w, err);
}

int snug__kvm_get_clock(int vm_fd, struct kvm_clock_data *out, const struct snug__kvm_watch *w,
                        struct snug_error *err)
{
	return snug__kvm_call(vm_fd, SNUG__C_GET_CLOCK, out, 0, w, err);
}

int snug__kvm_set_clock(int vm_fd, const struct kvm_clock_data *in, const struct snug__kvm_watch *w,
                        struct snug_error *err)
{
	struct kvm_clock_data copy = *in;

	return snug__kvm_call(vm_fd, SNUG__C_SET_CLOCK, &copy, in->clock, w, err);
}

uint32_t snug__kvm_tsc_khz(int vcpu_fd, const struct snug__kvm_watch *w)
{
	int r = snug__kvm_call_raw(vcpu_fd, SNUG__C_GET_TSC_KHZ, NULL, 0, w);

	return r < 0 ? 0 : (uint32_t)r;
}

int snug__kvm_dirty_log(int vm_fd, uint32_t slot, uint64_t *bits, const struct snug__kvm_watch *w,
                        struct snug_error *err)
{
	struct kvm_dirty_log log = {.slot = slot, .dirty_bitmap = bits};

	return snug__kvm_call(vm_fd, SNUG__C_DIRTY_LOG, &log, slot, w, err);
}

int snug__kvm_clear_log(int vm_fd, uint32_t slot, uint64_t first, uint32_t pages, uint64_t *bits,
                        const struct snug__kvm_watch *w, struct snug_error *err)
{
	struct kvm_clear_dirty_log log = {
	    .slot = slot, .num_pages = pages, .first_page = first, .dirty_bitmap = bits};

	return snug__kvm_call(vm_fd, SNUG__C_CLEAR_LOG, &log, slot, w, err);
}

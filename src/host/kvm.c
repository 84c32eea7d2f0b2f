/* SPDX-License-Identifier: MIT */
#include "host/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/clock.h"
#include "host/map.h"

enum call {
	C_OPEN,
	C_API_VERSION,
	C_CHECK_EXTENSION,
	C_CREATE_VM,
	C_ENABLE_CAP,
	C_IDENTITY,
	C_TSS,
	C_MAP,
	C_MEMORY,
	C_CREATE_VCPU,
	C_MMAP_SIZE,
	C_MMAP,
	C_SUPPORTED_CPUID,
	C_SET_CPUID,
	C_GET_CPUID,
	C_GET_SREGS,
	C_SET_SREGS,
	C_GET_REGS,
	C_SET_REGS,
	C_EVENTS,
	C_XSAVE,
	C_XCRS,
	C_DEBUGREGS,
	C_MSRS,
	C_STATS_FD,
	C_SIGMASK,
	C_RUN,
	C_GET_XSAVE,
	C_GUEST_DEBUG,
};

#define HINT_LIMITS                                                                                                  \
	"the kernel is out of memory or file descriptors: close VMs, or raise the limits (ulimit -n, cgroup)"
#define HINT_KERNEL "update the kernel; `snug check` shows what this one can do"

/* Every call: its request, name, step, and what to do where no errno says better. */
static const struct call_row {
	unsigned long request;
	const char *name;
	int step;
	const char *hint;
} calls[] = {
    [C_OPEN] = {0, "open", SNUG_STEP_INIT, "`snug check` looks closer"},
    [C_API_VERSION] = {KVM_GET_API_VERSION, "KVM_GET_API_VERSION", SNUG_STEP_VERSION,
                       "this is no KVM device: name the right one, /dev/kvm"},
    [C_CHECK_EXTENSION] = {KVM_CHECK_EXTENSION, "KVM_CHECK_EXTENSION", SNUG_STEP_VERSION, HINT_KERNEL},
    [C_CREATE_VM] = {KVM_CREATE_VM, "KVM_CREATE_VM", SNUG_STEP_INIT, HINT_LIMITS},
    [C_ENABLE_CAP] = {KVM_ENABLE_CAP, "KVM_ENABLE_CAP", SNUG_STEP_VERSION, HINT_KERNEL},
    [C_IDENTITY] = {KVM_SET_IDENTITY_MAP_ADDR, "KVM_SET_IDENTITY_MAP_ADDR", SNUG_STEP_TSS, HINT_KERNEL},
    [C_TSS] = {KVM_SET_TSS_ADDR, "KVM_SET_TSS_ADDR", SNUG_STEP_TSS, HINT_KERNEL},
    [C_MAP] = {0, "mmap", SNUG_STEP_MEMORY, NULL},
    [C_MEMORY] = {KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION", SNUG_STEP_MEMORY,
                  "give the guest less memory, or put the region where the CPU can address it"},
    [C_CREATE_VCPU] = {KVM_CREATE_VCPU, "KVM_CREATE_VCPU", SNUG_STEP_INIT, HINT_LIMITS},
    [C_MMAP_SIZE] = {KVM_GET_VCPU_MMAP_SIZE, "KVM_GET_VCPU_MMAP_SIZE", SNUG_STEP_INIT, HINT_KERNEL},
    [C_MMAP] = {0, "mmap", SNUG_STEP_INIT, "raise the limit on address space (ulimit -v)"},
    [C_SUPPORTED_CPUID] = {KVM_GET_SUPPORTED_CPUID, "KVM_GET_SUPPORTED_CPUID", SNUG_STEP_INIT, HINT_KERNEL},
    [C_SET_CPUID] = {KVM_SET_CPUID2, "KVM_SET_CPUID2", SNUG_STEP_INIT,
                     "the host refuses this CPUID table: start from what snug_vcpu_get_cpuid gives"},
    [C_GET_CPUID] = {KVM_GET_CPUID2, "KVM_GET_CPUID2", SNUG_STEP_INIT, HINT_KERNEL},
    [C_GET_SREGS] = {KVM_GET_SREGS, "KVM_GET_SREGS", SNUG_STEP_GET_SREGS, HINT_KERNEL},
    [C_SET_SREGS] = {KVM_SET_SREGS, "KVM_SET_SREGS", SNUG_STEP_SET_SREGS,
                     "the host refuses these values: compare CR0, CR4 and EFER with SDM 3A 2.5"},
    [C_GET_REGS] = {KVM_GET_REGS, "KVM_GET_REGS", SNUG_STEP_REGS, HINT_KERNEL},
    [C_SET_REGS] = {KVM_SET_REGS, "KVM_SET_REGS", SNUG_STEP_REGS, HINT_KERNEL},
    [C_EVENTS] = {KVM_SET_VCPU_EVENTS, "KVM_SET_VCPU_EVENTS", SNUG_STEP_SET_SREGS, HINT_KERNEL},
    [C_XSAVE] = {KVM_SET_XSAVE, "KVM_SET_XSAVE", SNUG_STEP_SET_SREGS, HINT_KERNEL},
    [C_XCRS] = {KVM_SET_XCRS, "KVM_SET_XCRS", SNUG_STEP_SET_SREGS, HINT_KERNEL},
    [C_DEBUGREGS] = {KVM_SET_DEBUGREGS, "KVM_SET_DEBUGREGS", SNUG_STEP_SET_SREGS, HINT_KERNEL},
    [C_MSRS] = {KVM_SET_MSRS, "KVM_SET_MSRS", SNUG_STEP_SET_SREGS, HINT_KERNEL},
    [C_STATS_FD] = {KVM_GET_STATS_FD, "KVM_GET_STATS_FD", SNUG_STEP_EXIT, HINT_LIMITS},
    [C_SIGMASK] = {KVM_SET_SIGNAL_MASK, "KVM_SET_SIGNAL_MASK", SNUG_STEP_RUN, HINT_KERNEL},
    [C_RUN] = {KVM_RUN, "KVM_RUN", SNUG_STEP_RUN, "the kernel log (dmesg) may say more"},
    [C_GET_XSAVE] = {KVM_GET_XSAVE, "KVM_GET_XSAVE", SNUG_STEP_REGS, HINT_KERNEL},
    [C_GUEST_DEBUG] = {KVM_SET_GUEST_DEBUG, "KVM_SET_GUEST_DEBUG", SNUG_STEP_RUN, HINT_KERNEL},
};

/* What to do where the errno tells; call and errno both count. */
static const struct hint_row {
	enum call call;
	int err;
	const char *hint;
} hints[] = {
    {C_OPEN, ENOENT,
     "load the module (modprobe kvm_intel or kvm_amd), or switch on virtualization in the BIOS or cloud machine"},
    {C_OPEN, ENXIO, "load the module: modprobe kvm_intel or kvm_amd"},
    {C_OPEN, ENODEV, "the CPU has no virtualization, or the BIOS has it switched off"},
    {C_OPEN, EACCES, "join the device's group: sudo usermod -aG kvm $USER, then log in again"},
    {C_OPEN, EPERM, "the container or its device cgroup keeps the device away: pass /dev/kvm in"},
    {C_OPEN, EMFILE, "raise the limit on open files: ulimit -n"},
    {C_CREATE_VM, EBUSY, "another hypervisor holds the CPU's virtualization: stop it"},
    {C_CREATE_VM, ENODEV, "the CPU has no virtualization, or the BIOS has it switched off"},
    {C_CREATE_VM, EMFILE, "raise the limit on open files: ulimit -n"},
    {C_CREATE_VCPU, EMFILE, "raise the limit on open files: ulimit -n"},
    {C_CREATE_VCPU, EINVAL, "ask for fewer vCPUs; `snug check` shows how many the host allows"},
};

static const char *hint_for(enum call c, int e)
{
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (hints[i].call == c && hints[i].err == e)
			return hints[i].hint;
	return calls[c].hint;
}

static int fail(enum call c, int e, const char *what, struct snug_error *err)
{
	const struct call_row *row = &calls[c];

	return snug__err(err, -e, row->step, hint_for(c, e), "step %d, %s: %s%s%s: %s (%s)", row->step,
	                 snug_step_name((enum snug_step)row->step), row->name, what ? " " : "", what ? what : "",
	                 snug__errno_text(e), snug__errno_name(e));
}

static void tell(const struct snug__kvm_watch *w, enum call c, long result, int e, uint64_t arg, uint64_t start)
{
	struct snug_call call = {
	    .step = calls[c].step,
	    .err = result < 0 ? e : 0,
	    .name = calls[c].name,
	    .result = result,
	    .arg = arg,
	    .ns = snug__now_ns() - start,
	};

	w->fn(w->ctx, &call);
}

/* One ioctl.  shown is the number a watcher sees; the result is what the ioctl gave, or a negative errno. */
static int call_raw(int fd, enum call c, void *arg, uint64_t shown, const struct snug__kvm_watch *w)
{
	uint64_t start = w->fn ? snug__now_ns() : 0;
	int r = ioctl(fd, calls[c].request, arg);
	int e = errno;

	if (w->fn)
		tell(w, c, r, e, shown, start);
	return r < 0 ? -e : r;
}

static int call_kvm(int fd, enum call c, void *arg, uint64_t shown, const struct snug__kvm_watch *w,
                    struct snug_error *err)
{
	int r = call_raw(fd, c, arg, shown, w);

	return r < 0 ? fail(c, -r, NULL, err) : r;
}

/* Plain numbers are passed where a pointer would go (KVM 4.4, 4.34). */
static void *number(uint64_t v)
{
	return (void *)(uintptr_t)v;
}

static int check_version(int fd, const char *path, const struct snug__kvm_watch *w, struct snug_error *err)
{
	int v = call_raw(fd, C_API_VERSION, NULL, 0, w);

	if (v < 0)
		return fail(C_API_VERSION, -v, path, err);
	if (v != KVM_API_VERSION)
		return snug__err(err, -EPROTO, SNUG_STEP_VERSION, "use a kernel of Linux 2.6.22 or later",
		                 "step 2, %s: KVM_GET_API_VERSION gave %d, only %d will do",
		                 snug_step_name(SNUG_STEP_VERSION), v, KVM_API_VERSION);
	return 0;
}

int snug__kvm_open(const char *path, const struct snug__kvm_watch *w, struct snug_error *err)
{
	uint64_t start = w->fn ? snug__now_ns() : 0;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	int e = errno, r;

	if (w->fn)
		tell(w, C_OPEN, fd, e, 0, start);
	if (fd < 0)
		return fail(C_OPEN, e, path, err);
	r = check_version(fd, path, w, err);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

int snug__kvm_cap(int fd, int cap, const struct snug__kvm_watch *w)
{
	int r = call_raw(fd, C_CHECK_EXTENSION, number((uint64_t)cap), (uint64_t)cap, w);

	return r < 0 ? 0 : r;
}

int snug__kvm_create_vm(int fd, const struct snug__kvm_watch *w, struct snug_error *err)
{
	int r;

	/* A signal can interrupt it before anything was made; it is then simply tried again. */
	do
		r = call_raw(fd, C_CREATE_VM, NULL, 0, w);
	while (r == -EINTR);
	return r < 0 ? fail(C_CREATE_VM, -r, NULL, err) : r;
}

int snug__kvm_enable_cap(int vm_fd, int cap, uint64_t arg, const struct snug__kvm_watch *w, struct snug_error *err)
{
	struct kvm_enable_cap c = {.cap = (uint32_t)cap, .args = {arg}};

	return call_kvm(vm_fd, C_ENABLE_CAP, &c, (uint64_t)cap, w, err);
}

int snug__kvm_set_identity(int vm_fd, uint64_t gpa, const struct snug__kvm_watch *w, struct snug_error *err)
{
	return call_kvm(vm_fd, C_IDENTITY, &gpa, gpa, w, err);
}

int snug__kvm_set_tss(int vm_fd, uint64_t gpa, const struct snug__kvm_watch *w, struct snug_error *err)
{
	return call_kvm(vm_fd, C_TSS, number(gpa), gpa, w, err);
}

int snug__kvm_set_memory(int vm_fd, const struct kvm_userspace_memory_region *r, const struct snug__kvm_watch *w,
                         struct snug_error *err)
{
	struct kvm_userspace_memory_region copy = *r;

	return call_kvm(vm_fd, C_MEMORY, &copy, r->guest_phys_addr, w, err);
}

int snug__kvm_map(uint64_t bytes, void **out, const struct snug__kvm_watch *w, struct snug_error *err)
{
	uint64_t start = w->fn ? snug__now_ns() : 0;
	int r = snug__map_anon(bytes, out, err);

	if (w->fn)
		tell(w, C_MAP, r, -r, bytes, start);
	return r;
}

int snug__kvm_supported_cpuid(int fd, struct snug__kvm_cpuid *out, const struct snug__kvm_watch *w,
                              struct snug_error *err)
{
	out->nent = SNUG__KVM_CPUID_MAX;
	out->padding = 0;
	return call_kvm(fd, C_SUPPORTED_CPUID, out, 0, w, err);
}

int snug__kvm_run_bytes(int fd, const struct snug__kvm_watch *w, struct snug_error *err)
{
	int r = call_kvm(fd, C_MMAP_SIZE, NULL, 0, w, err);

	if (r >= 0 && (size_t)r < sizeof(struct kvm_run))
		return fail(C_MMAP_SIZE, EPROTO, NULL, err);
	return r;
}

int snug__kvm_create_vcpu(int vm_fd, unsigned index, size_t run_bytes, struct snug__kvm_vcpu *vcpu,
                          const struct snug__kvm_watch *w, struct snug_error *err)
{
	int fd = call_kvm(vm_fd, C_CREATE_VCPU, number(index), index, w, err);
	uint64_t start;
	void *run;
	int e;

	if (fd < 0)
		return fd;
	start = w->fn ? snug__now_ns() : 0;
	run = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	e = errno;
	if (w->fn)
		tell(w, C_MMAP, run == MAP_FAILED ? -1 : 0, e, run_bytes, start);
	if (run == MAP_FAILED) {
		close(fd);
		return fail(C_MMAP, e, "of the vCPU's kvm_run", err);
	}
	*vcpu = (struct snug__kvm_vcpu){.fd = fd, .run = run, .run_bytes = run_bytes};
	return 0;
}

void snug__kvm_close_vcpu(struct snug__kvm_vcpu *vcpu)
{
	if (vcpu->run)
		munmap(vcpu->run, vcpu->run_bytes);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
	*vcpu = (struct snug__kvm_vcpu){.fd = -1};
}

int snug__kvm_set_cpuid(int vcpu_fd, struct snug__kvm_cpuid *table, const struct snug__kvm_watch *w,
                        struct snug_error *err)
{
	return call_kvm(vcpu_fd, C_SET_CPUID, table, table->nent, w, err);
}

int snug__kvm_get_cpuid(int vcpu_fd, struct snug__kvm_cpuid *table, const struct snug__kvm_watch *w,
                        struct snug_error *err)
{
	table->nent = SNUG__KVM_CPUID_MAX;
	table->padding = 0;
	return call_kvm(vcpu_fd, C_GET_CPUID, table, 0, w, err);
}

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
	return call_kvm(vcpu_fd, C_GET_REGS, out, 0, w, err);
}

int snug__kvm_set_regs(int vcpu_fd, const struct snug_regs *in, const struct snug__kvm_watch *w,
                       struct snug_error *err)
{
	struct snug_regs copy = *in;

	return call_kvm(vcpu_fd, C_SET_REGS, &copy, in->rip, w, err);
}

int snug__kvm_get_sregs(int vcpu_fd, struct snug_sregs *out, const struct snug__kvm_watch *w, struct snug_error *err)
{
	return call_kvm(vcpu_fd, C_GET_SREGS, out, 0, w, err);
}

int snug__kvm_set_sregs(int vcpu_fd, const struct snug_sregs *in, const struct snug__kvm_watch *w,
                        struct snug_error *err)
{
	struct snug_sregs copy = *in;

	return call_kvm(vcpu_fd, C_SET_SREGS, &copy, in->cr0, w, err);
}

int snug__kvm_set_events(int vcpu_fd, const struct kvm_vcpu_events *in, const struct snug__kvm_watch *w,
                         struct snug_error *err)
{
	struct kvm_vcpu_events copy = *in;

	return call_kvm(vcpu_fd, C_EVENTS, &copy, 0, w, err);
}

/* FCW and MXCSR after a reset, and that x87 and SSE are in use: SDM 1 13.4.1, 13.4.2; all else is in its first state. */
static int reset_fpu(int vcpu_fd, const struct snug__kvm_watch *w, struct snug_error *err)
{
	uint8_t area[4096] = {0};

	snug__le_store(area + 0, 2, 0x37f);
	snug__le_store(area + 24, 4, 0x1f80);
	snug__le_store(area + 512, 8, 3); /* XSTATE_BV */
	return call_kvm(vcpu_fd, C_XSAVE, area, 0, w, err);
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
		int r = call_kvm(vcpu_fd, C_MSRS, &set, msrs[i].index, w, err);

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
	int r = snug__kvm_set_events(vcpu_fd, &events, w, err);

	if (r >= 0)
		r = reset_fpu(vcpu_fd, w, err);
	if (r < 0)
		return r;
	r = call_raw(vcpu_fd, C_XCRS, &xcrs, 1, w);
	if (r < 0 && r != -EINVAL) /* which says that the CPU has no XSAVE, so no XCR0 */
		return fail(C_XCRS, -r, NULL, err);
	r = call_kvm(vcpu_fd, C_DEBUGREGS, &debug, debug.dr7, w, err);
	return r < 0 ? r : reset_msrs(vcpu_fd, w, err);
}

int snug__kvm_stats_fd(int fd, const struct snug__kvm_watch *w, struct snug_error *err)
{
	return call_kvm(fd, C_STATS_FD, NULL, 0, w, err);
}

int snug__kvm_set_sigmask(int vcpu_fd, uint64_t blocked, const struct snug__kvm_watch *w, struct snug_error *err)
{
	struct {
		uint32_t len; /* struct kvm_signal_mask with its room */
		uint8_t set[8];
	} mask = {.len = 8};

	memcpy(mask.set, &blocked, sizeof(blocked));
	return call_kvm(vcpu_fd, C_SIGMASK, &mask, blocked, w, err);
}

int snug__kvm_run(const struct snug__kvm_vcpu *vcpu, const struct snug__kvm_watch *w)
{
	if (w->fn)
		return call_raw(vcpu->fd, C_RUN, NULL, 0, w);
	return ioctl(vcpu->fd, KVM_RUN, NULL) < 0 ? -errno : 0;
}

int snug__kvm_run_failed(int code, struct snug_error *err)
{
	return fail(C_RUN, -code, NULL, err);
}

/*
 * The legacy region of an XSAVE area: SDM 1 table 10-2, XSTATE_BV at 512: 13.4.2.  KVM_GET_FPU and KVM_SET_FPU leave out
 * MXCSR, and know nothing of parts that the CPU did not save because they were in their first state.
 */
int snug__kvm_get_fpu(int vcpu_fd, struct kvm_fpu *out, const struct snug__kvm_watch *w, struct snug_error *err)
{
	uint8_t area[4096];
	int r = call_kvm(vcpu_fd, C_GET_XSAVE, area, 0, w, err);

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
	int r = call_kvm(vcpu_fd, C_GET_XSAVE, area, 0, w, err); /* what else is in it stays */

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
	return call_kvm(vcpu_fd, C_XSAVE, area, in->mxcsr, w, err);
}

int snug__kvm_set_debug(int vcpu_fd, const struct kvm_guest_debug *in, const struct snug__kvm_watch *w,
                        struct snug_error *err)
{
	struct kvm_guest_debug copy = *in;

	return call_kvm(vcpu_fd, C_GUEST_DEBUG, &copy, in->control, w, err);
}

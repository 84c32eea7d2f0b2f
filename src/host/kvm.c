/* SPDX-License-Identifier: MIT */
#include "host/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "host/clock.h"
#include "host/kvmcall.h"
#include "host/map.h"

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
    [SNUG__C_OPEN] = {0, "open", SNUG_STEP_INIT, "`snug check` looks closer"},
    [SNUG__C_API_VERSION] = {KVM_GET_API_VERSION, "KVM_GET_API_VERSION", SNUG_STEP_VERSION,
                             "this is no KVM device: name the right one, /dev/kvm"},
    [SNUG__C_CHECK_EXTENSION] = {KVM_CHECK_EXTENSION, "KVM_CHECK_EXTENSION", SNUG_STEP_VERSION, HINT_KERNEL},
    [SNUG__C_CREATE_VM] = {KVM_CREATE_VM, "KVM_CREATE_VM", SNUG_STEP_INIT, HINT_LIMITS},
    [SNUG__C_ENABLE_CAP] = {KVM_ENABLE_CAP, "KVM_ENABLE_CAP", SNUG_STEP_VERSION, HINT_KERNEL},
    [SNUG__C_IDENTITY] = {KVM_SET_IDENTITY_MAP_ADDR, "KVM_SET_IDENTITY_MAP_ADDR", SNUG_STEP_TSS, HINT_KERNEL},
    [SNUG__C_TSS] = {KVM_SET_TSS_ADDR, "KVM_SET_TSS_ADDR", SNUG_STEP_TSS, HINT_KERNEL},
    [SNUG__C_MAP] = {0, "mmap", SNUG_STEP_MEMORY, NULL},
    [SNUG__C_MEMORY] = {KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION", SNUG_STEP_MEMORY,
                        "give the guest less memory, or put the region where the CPU can address it"},
    [SNUG__C_CREATE_VCPU] = {KVM_CREATE_VCPU, "KVM_CREATE_VCPU", SNUG_STEP_INIT, HINT_LIMITS},
    [SNUG__C_MMAP_SIZE] = {KVM_GET_VCPU_MMAP_SIZE, "KVM_GET_VCPU_MMAP_SIZE", SNUG_STEP_INIT, HINT_KERNEL},
    [SNUG__C_MMAP] = {0, "mmap", SNUG_STEP_INIT, "raise the limit on address space (ulimit -v)"},
    [SNUG__C_SUPPORTED_CPUID] = {KVM_GET_SUPPORTED_CPUID, "KVM_GET_SUPPORTED_CPUID", SNUG_STEP_INIT, HINT_KERNEL},
    [SNUG__C_SET_CPUID] = {KVM_SET_CPUID2, "KVM_SET_CPUID2", SNUG_STEP_INIT,
                           "the host refuses this CPUID table: start from what snug_vcpu_get_cpuid gives"},
    [SNUG__C_GET_CPUID] = {KVM_GET_CPUID2, "KVM_GET_CPUID2", SNUG_STEP_INIT, HINT_KERNEL},
    [SNUG__C_GET_SREGS] = {KVM_GET_SREGS, "KVM_GET_SREGS", SNUG_STEP_GET_SREGS, HINT_KERNEL},
    [SNUG__C_SET_SREGS] = {KVM_SET_SREGS, "KVM_SET_SREGS", SNUG_STEP_SET_SREGS,
                           "the host refuses these values: compare CR0, CR4 and EFER with SDM 3A 2.5"},
    [SNUG__C_GET_REGS] = {KVM_GET_REGS, "KVM_GET_REGS", SNUG_STEP_REGS, HINT_KERNEL},
    [SNUG__C_SET_REGS] = {KVM_SET_REGS, "KVM_SET_REGS", SNUG_STEP_REGS, HINT_KERNEL},
    [SNUG__C_EVENTS] = {KVM_SET_VCPU_EVENTS, "KVM_SET_VCPU_EVENTS", SNUG_STEP_SET_SREGS, HINT_KERNEL},
    [SNUG__C_XSAVE] = {KVM_SET_XSAVE, "KVM_SET_XSAVE", SNUG_STEP_SET_SREGS, HINT_KERNEL},
    [SNUG__C_XCRS] = {KVM_SET_XCRS, "KVM_SET_XCRS", SNUG_STEP_SET_SREGS, HINT_KERNEL},
    [SNUG__C_DEBUGREGS] = {KVM_SET_DEBUGREGS, "KVM_SET_DEBUGREGS", SNUG_STEP_SET_SREGS, HINT_KERNEL},
    [SNUG__C_MSRS] = {KVM_SET_MSRS, "KVM_SET_MSRS", SNUG_STEP_SET_SREGS, HINT_KERNEL},
    [SNUG__C_STATS_FD] = {KVM_GET_STATS_FD, "KVM_GET_STATS_FD", SNUG_STEP_EXIT, HINT_LIMITS},
    [SNUG__C_SIGMASK] = {KVM_SET_SIGNAL_MASK, "KVM_SET_SIGNAL_MASK", SNUG_STEP_RUN, HINT_KERNEL},
    [SNUG__C_RUN] = {KVM_RUN, "KVM_RUN", SNUG_STEP_RUN, "the kernel log (dmesg) may say more"},
    [SNUG__C_GET_XSAVE] = {KVM_GET_XSAVE, "KVM_GET_XSAVE", SNUG_STEP_REGS, HINT_KERNEL},
    [SNUG__C_GUEST_DEBUG] = {KVM_SET_GUEST_DEBUG, "KVM_SET_GUEST_DEBUG", SNUG_STEP_RUN, HINT_KERNEL},
    [SNUG__C_GET_EVENTS] = {KVM_GET_VCPU_EVENTS, "KVM_GET_VCPU_EVENTS", SNUG_STEP_GET_SREGS, HINT_KERNEL},
    [SNUG__C_GET_XCRS] = {KVM_GET_XCRS, "KVM_GET_XCRS", SNUG_STEP_GET_SREGS, HINT_KERNEL},
    [SNUG__C_GET_DEBUGREGS] = {KVM_GET_DEBUGREGS, "KVM_GET_DEBUGREGS", SNUG_STEP_GET_SREGS, HINT_KERNEL},
    [SNUG__C_GET_MSRS] = {KVM_GET_MSRS, "KVM_GET_MSRS", SNUG_STEP_GET_SREGS, HINT_KERNEL},
    [SNUG__C_GET_MP_STATE] = {KVM_GET_MP_STATE, "KVM_GET_MP_STATE", SNUG_STEP_GET_SREGS, HINT_KERNEL},
    [SNUG__C_SET_MP_STATE] = {KVM_SET_MP_STATE, "KVM_SET_MP_STATE", SNUG_STEP_SET_SREGS, HINT_KERNEL},
    [SNUG__C_GET_CLOCK] = {KVM_GET_CLOCK, "KVM_GET_CLOCK", SNUG_STEP_GET_SREGS, HINT_KERNEL},
    [SNUG__C_SET_CLOCK] = {KVM_SET_CLOCK, "KVM_SET_CLOCK", SNUG_STEP_SET_SREGS, HINT_KERNEL},
    [SNUG__C_GET_TSC_KHZ] = {KVM_GET_TSC_KHZ, "KVM_GET_TSC_KHZ", SNUG_STEP_GET_SREGS, HINT_KERNEL},
    [SNUG__C_MSR_LIST] = {KVM_GET_MSR_INDEX_LIST, "KVM_GET_MSR_INDEX_LIST", SNUG_STEP_INIT, HINT_KERNEL},
    [SNUG__C_DIRTY_LOG] = {KVM_GET_DIRTY_LOG, "KVM_GET_DIRTY_LOG", SNUG_STEP_MEMORY, HINT_KERNEL},
    [SNUG__C_CLEAR_LOG] = {KVM_CLEAR_DIRTY_LOG, "KVM_CLEAR_DIRTY_LOG", SNUG_STEP_MEMORY, HINT_KERNEL},
    [SNUG__C_CREATE_IRQCHIP] = {KVM_CREATE_IRQCHIP, "KVM_CREATE_IRQCHIP", SNUG_STEP_INIT, HINT_KERNEL},
    [SNUG__C_CREATE_PIT2] = {KVM_CREATE_PIT2, "KVM_CREATE_PIT2", SNUG_STEP_INIT, HINT_KERNEL},
    [SNUG__C_IRQ_LINE] = {KVM_IRQ_LINE, "KVM_IRQ_LINE", SNUG_STEP_EXIT, HINT_KERNEL},
    [SNUG__C_GET_IRQCHIP] = {KVM_GET_IRQCHIP, "KVM_GET_IRQCHIP", SNUG_STEP_GET_SREGS, HINT_KERNEL},
    [SNUG__C_SET_IRQCHIP] = {KVM_SET_IRQCHIP, "KVM_SET_IRQCHIP", SNUG_STEP_SET_SREGS, HINT_KERNEL},
    [SNUG__C_GET_PIT2] = {KVM_GET_PIT2, "KVM_GET_PIT2", SNUG_STEP_GET_SREGS, HINT_KERNEL},
    [SNUG__C_SET_PIT2] = {KVM_SET_PIT2, "KVM_SET_PIT2", SNUG_STEP_SET_SREGS, HINT_KERNEL},
    [SNUG__C_GET_LAPIC] = {KVM_GET_LAPIC, "KVM_GET_LAPIC", SNUG_STEP_GET_SREGS, HINT_KERNEL},
    [SNUG__C_SET_LAPIC] = {KVM_SET_LAPIC, "KVM_SET_LAPIC", SNUG_STEP_SET_SREGS, HINT_KERNEL},
    [SNUG__C_MSR_FILTER] = {KVM_X86_SET_MSR_FILTER, "KVM_X86_SET_MSR_FILTER", SNUG_STEP_INIT, HINT_KERNEL},
};

/* What to do where the errno tells; call and errno both count. */
static const struct hint_row {
	enum snug__kvm_c call;
	int err;
	const char *hint;
} hints[] = {
    {SNUG__C_OPEN, ENOENT,
     "load the module (modprobe kvm_intel or kvm_amd), or switch on virtualization in the BIOS or cloud machine"},
    {SNUG__C_OPEN, ENXIO, "load the module: modprobe kvm_intel or kvm_amd"},
    {SNUG__C_OPEN, ENODEV, "the CPU has no virtualization, or the BIOS has it switched off"},
    {SNUG__C_OPEN, EACCES, "join the device's group: sudo usermod -aG kvm $USER, then log in again"},
    {SNUG__C_OPEN, EPERM, "the container or its device cgroup keeps the device away: pass /dev/kvm in"},
    {SNUG__C_OPEN, EMFILE, "raise the limit on open files: ulimit -n"},
    {SNUG__C_CREATE_VM, EBUSY, "another hypervisor holds the CPU's virtualization: stop it"},
    {SNUG__C_CREATE_VM, ENODEV, "the CPU has no virtualization, or the BIOS has it switched off"},
    {SNUG__C_CREATE_VM, EMFILE, "raise the limit on open files: ulimit -n"},
    {SNUG__C_CREATE_VCPU, EMFILE, "raise the limit on open files: ulimit -n"},
    {SNUG__C_CREATE_VCPU, EINVAL, "ask for fewer vCPUs; `snug check` shows how many the host allows"},
};

static const char *hint_for(enum snug__kvm_c c, int e)
{
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (hints[i].call == c && hints[i].err == e)
			return hints[i].hint;
	return calls[c].hint;
}

int snug__kvm_fail(enum snug__kvm_c c, int e, const char *what, struct snug_error *err)
{
	const struct call_row *row = &calls[c];

	return snug__err(err, -e, row->step, hint_for(c, e), "step %d, %s: %s%s%s: %s (%s)", row->step,
	                 snug_step_name((enum snug_step)row->step), row->name, what ? " " : "", what ? what : "",
	                 snug__errno_text(e), snug__errno_name(e));
}

static void tell(const struct snug__kvm_watch *w, enum snug__kvm_c c, long result, int e, uint64_t arg,
                 uint64_t start)
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
int snug__kvm_call_raw(int fd, enum snug__kvm_c c, void *arg, uint64_t shown, const struct snug__kvm_watch *w)
{
	uint64_t start = w->fn ? snug__now_ns() : 0;
	int r = ioctl(fd, calls[c].request, arg);
	int e = errno;

	if (w->fn)
		tell(w, c, r, e, shown, start);
	return r < 0 ? -e : r;
}

int snug__kvm_call(int fd, enum snug__kvm_c c, void *arg, uint64_t shown, const struct snug__kvm_watch *w,
                   struct snug_error *err)
{
	int r = snug__kvm_call_raw(fd, c, arg, shown, w);

	return r < 0 ? snug__kvm_fail(c, -r, NULL, err) : r;
}

static int check_version(int fd, const char *path, const struct snug__kvm_watch *w, struct snug_error *err)
{
	int v = snug__kvm_call_raw(fd, SNUG__C_API_VERSION, NULL, 0, w);

	if (v < 0)
		return snug__kvm_fail(SNUG__C_API_VERSION, -v, path, err);
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
		tell(w, SNUG__C_OPEN, fd, e, 0, start);
	if (fd < 0)
		return snug__kvm_fail(SNUG__C_OPEN, e, path, err);
	r = check_version(fd, path, w, err);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

int snug__kvm_cap(int fd, int cap, const struct snug__kvm_watch *w)
{
	int r = snug__kvm_call_raw(fd, SNUG__C_CHECK_EXTENSION, snug__kvm_number((uint64_t)cap), (uint64_t)cap, w);

	return r < 0 ? 0 : r;
}

int snug__kvm_create_vm(int fd, const struct snug__kvm_watch *w, struct snug_error *err)
{
	int r;

	/* A signal can interrupt it before anything was made; it is then simply tried again. */
	do
		r = snug__kvm_call_raw(fd, SNUG__C_CREATE_VM, NULL, 0, w);
	while (r == -EINTR);
	return r < 0 ? snug__kvm_fail(SNUG__C_CREATE_VM, -r, NULL, err) : r;
}

int snug__kvm_enable_cap(int vm_fd, int cap, uint64_t arg, const struct snug__kvm_watch *w, struct snug_error *err)
{
	struct kvm_enable_cap c = {.cap = (uint32_t)cap, .args = {arg}};

	return snug__kvm_call(vm_fd, SNUG__C_ENABLE_CAP, &c, (uint64_t)cap, w, err);
}

int snug__kvm_set_identity(int vm_fd, uint64_t gpa, const struct snug__kvm_watch *w, struct snug_error *err)
{
	return snug__kvm_call(vm_fd, SNUG__C_IDENTITY, &gpa, gpa, w, err);
}

int snug__kvm_set_tss(int vm_fd, uint64_t gpa, const struct snug__kvm_watch *w, struct snug_error *err)
{
	return snug__kvm_call(vm_fd, SNUG__C_TSS, snug__kvm_number(gpa), gpa, w, err);
}

int snug__kvm_set_memory(int vm_fd, const struct kvm_userspace_memory_region *r, const struct snug__kvm_watch *w,
                         struct snug_error *err)
{
	struct kvm_userspace_memory_region copy = *r;

	return snug__kvm_call(vm_fd, SNUG__C_MEMORY, &copy, r->guest_phys_addr, w, err);
}

int snug__kvm_map(uint64_t bytes, void **out, const struct snug__kvm_watch *w, struct snug_error *err)
{
	uint64_t start = w->fn ? snug__now_ns() : 0;
	int r = snug__map_anon(bytes, out, err);

	if (w->fn)
		tell(w, SNUG__C_MAP, r, -r, bytes, start);
	return r;
}

int snug__kvm_supported_cpuid(int fd, struct snug__kvm_cpuid *out, const struct snug__kvm_watch *w,
                              struct snug_error *err)
{
	out->nent = SNUG__KVM_CPUID_MAX;
	out->padding = 0;
	return snug__kvm_call(fd, SNUG__C_SUPPORTED_CPUID, out, 0, w, err);
}

int snug__kvm_run_bytes(int fd, const struct snug__kvm_watch *w, struct snug_error *err)
{
	int r = snug__kvm_call(fd, SNUG__C_MMAP_SIZE, NULL, 0, w, err);

	if (r >= 0 && (size_t)r < sizeof(struct kvm_run))
		return snug__kvm_fail(SNUG__C_MMAP_SIZE, EPROTO, NULL, err);
	return r;
}

int snug__kvm_create_vcpu(int vm_fd, unsigned index, size_t run_bytes, struct snug__kvm_vcpu *vcpu,
                          const struct snug__kvm_watch *w, struct snug_error *err)
{
	int fd = snug__kvm_call(vm_fd, SNUG__C_CREATE_VCPU, snug__kvm_number(index), index, w, err);
	uint64_t start;
	void *run;
	int e;

	if (fd < 0)
		return fd;
	start = w->fn ? snug__now_ns() : 0;
	run = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	e = errno;
	if (w->fn)
		tell(w, SNUG__C_MMAP, run == MAP_FAILED ? -1 : 0, e, run_bytes, start);
	if (run == MAP_FAILED) {
		close(fd);
		return snug__kvm_fail(SNUG__C_MMAP, e, "of the vCPU's kvm_run", err);
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
	return snug__kvm_call(vcpu_fd, SNUG__C_SET_CPUID, table, table->nent, w, err);
}

int snug__kvm_get_cpuid(int vcpu_fd, struct snug__kvm_cpuid *table, const struct snug__kvm_watch *w,
                        struct snug_error *err)
{
	table->nent = SNUG__KVM_CPUID_MAX;
	table->padding = 0;
	return snug__kvm_call(vcpu_fd, SNUG__C_GET_CPUID, table, 0, w, err);
}

int snug__kvm_stats_fd(int fd, const struct snug__kvm_watch *w, struct snug_error *err)
{
	return snug__kvm_call(fd, SNUG__C_STATS_FD, NULL, 0, w, err);
}

int snug__kvm_set_sigmask(int vcpu_fd, uint64_t blocked, const struct snug__kvm_watch *w, struct snug_error *err)
{
	struct {
		uint32_t len; /* struct kvm_signal_mask with its room */
		uint8_t set[8];
	} mask = {.len = 8};

	memcpy(mask.set, &blocked, sizeof(blocked));
	return snug__kvm_call(vcpu_fd, SNUG__C_SIGMASK, &mask, blocked, w, err);
}

int snug__kvm_run(const struct snug__kvm_vcpu *vcpu, const struct snug__kvm_watch *w)
{
	if (w->fn)
		return snug__kvm_call_raw(vcpu->fd, SNUG__C_RUN, NULL, 0, w);
	return ioctl(vcpu->fd, KVM_RUN, NULL) < 0 ? -errno : 0;
}

int snug__kvm_run_failed(int code, struct snug_error *err)
{
	return snug__kvm_fail(SNUG__C_RUN, -code, NULL, err);
}

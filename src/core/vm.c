/* SPDX-License-Identifier: MIT */
/* vm: making and ending a VM: steps 1 to 4 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/sized.h"
#include "base/text.h"
#include "core/core.h"
#include "core/frozen.h"
#include "core/hostcalls.h"
#include "core/pc.h"
#include "core/pvm.h"
#include "core/smp.h"
#include "host/kind.h"
#include "host/pagemap.h"
#include "x86/cpuid.h"

#define DEFAULT_MEM (16ull << 20)
#define MIN_SLOTS 32 /* what KVM had before it could say (Linux 2.6.2x) */

/* What no VM can be made without; KVM 4.4. */
static const struct {
	int cap;
	const char *name;
} needed[] = {
    {KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
    {KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR"},
    {KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID"},
    {KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
};

static int bad_field(struct snug_error *err, const char *hint, const char *field, unsigned long long value)
{
	return snug__err(err, -EINVAL, SNUG_STEP_NONE, hint, "config: %s 0x%llx", field, value);
}

enum snug_host_kind snug__vm_kind(const snug_vm *vm)
{
	return vm->kind ? vm->kind : snug__host_kind();
}

int snug__vm_check_flags(const struct snug_config *c, struct snug_error *err)
{
	if (c->flags & ~(uint32_t)(SNUG_CONFIG_KEEP | SNUG_CONFIG_DUMP | SNUG_CONFIG_OWNED))
		return bad_field(err, "use the bits of enum snug_config_flag", "flags", c->flags);
	return 0;
}

static int check_config(struct snug_config *c, struct snug_error *err)
{
	if (!c->mem_bytes)
		c->mem_bytes = DEFAULT_MEM;
	if (!c->cpus)
		c->cpus = 1;
	if (!c->kvm_path)
		c->kvm_path = "/dev/kvm";
	if (!snug__aligned(c->mem_bytes, SNUG_PAGE))
		return bad_field(err, "use a multiple of 4096", "mem_bytes", c->mem_bytes);
	if (c->devices & ~(uint32_t)SNUG__DEV_KNOWN)
		return bad_field(err, "use the bits of enum snug_device_bit", "devices", c->devices);
	if (c->unclaimed > SNUG_UNCLAIMED_IGNORE)
		return bad_field(err, "use enum snug_unclaimed", "unclaimed", c->unclaimed);
	return snug__vm_check_flags(c, err);
}

/* A device under memory would never be reached, so neither may lie over the other: tables and ROM too. */
static int set_slot(void *ctx, uint32_t slot, const struct snug__region *r, uint64_t bytes, struct snug_error *err)
{
	snug_vm *vm = ctx;
	const struct snug__range *device = snug__bus_overlap(&vm->mmio, r->gpa, bytes);
	struct kvm_userspace_memory_region kr = {
	    .slot = slot,
	    .flags = (r->flags & SNUG_MEM_READONLY ? KVM_MEM_READONLY : 0) | (r->log ? KVM_MEM_LOG_DIRTY_PAGES : 0),
	    .guest_phys_addr = r->gpa,
	    .memory_size = bytes,
	    .userspace_addr = (uint64_t)(uintptr_t)r->host,
	};

	if (device)
		return snug__err(err, -EEXIST, SNUG_STEP_MEMORY, "put the memory where no device is",
		                 "memory '%s' at 0x%llx overlaps a device at 0x%llx", r->name,
		                 (unsigned long long)r->gpa, (unsigned long long)device->base);
	return snug__kvm_set_memory(vm->fd, &kr, &vm->watch, err);
}

static int pages(void *ctx, uint64_t bytes, void **out, struct snug_error *err)
{
	return snug__kvm_map(bytes, out, &((snug_vm *)ctx)->watch, err);
}

/* Steps 1 to 3 on the device's fd: the VM, its capabilities, the pages KVM keeps for itself. */
static int create(snug_vm *vm, int dev, struct snug_error *err)
{
	int slots, r;

	vm->fd = snug__kvm_create_vm(dev, &vm->watch, err);
	if (vm->fd < 0)
		return vm->fd;
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!snug__kvm_cap(vm->fd, needed[i].cap, &vm->watch))
			return snug__err(err, -ENOTSUP, SNUG_STEP_VERSION,
			                 "update the kernel; `snug check` shows more", "this KVM lacks %s",
			                 needed[i].name);
	slots = snug__kvm_cap(vm->fd, KVM_CAP_NR_MEMSLOTS, &vm->watch);
	snug__mem_init(&vm->mem, slots ? (unsigned)slots : MIN_SLOTS, set_slot, vm);
	vm->mem.pages = pages;
	if (snug__kvm_cap(vm->fd, KVM_CAP_EXIT_ON_EMULATION_FAILURE, &vm->watch)) {
		r = snug__kvm_enable_cap(vm->fd, KVM_CAP_EXIT_ON_EMULATION_FAILURE, 1, &vm->watch, err);
		if (r < 0)
			return r;
		vm->insn_bytes = true;
	}
	vm->sync_regs = (uint64_t)snug__kvm_cap(vm->fd, KVM_CAP_SYNC_REGS, &vm->watch);
	if (snug__kvm_cap(vm->fd, KVM_CAP_SET_IDENTITY_MAP_ADDR, &vm->watch)) {
		r = snug__kvm_set_identity(vm->fd, SNUG__IDENTITY_GPA, &vm->watch, err);
		if (r < 0)
			return r;
	}
	return snug__kvm_set_tss(vm->fd, SNUG__TSS_GPA, &vm->watch, err);
}

/* The MSRs there are, asked while the device is open. */
static int list_msrs(snug_vm *vm, int dev, struct snug_error *err)
{
	uint32_t index[SNUG__KVM_MSRS_MAX];
	int n = snug__kvm_msr_list(dev, index, &vm->watch, err);

	if (n < 0)
		return n;
	vm->msrs = malloc((size_t)n * sizeof(*index) + 1);
	if (!vm->msrs)
		return snug__err(err, -ENOMEM, SNUG_STEP_INIT, "free some memory", "MSRs: out of memory");
	memcpy(vm->msrs, index, (size_t)n * sizeof(*index));
	vm->msr_count = (unsigned)n;
	return 0;
}

/* A frozen vCPU's own table, which was taken by KVM once: so there is no need to ask what it supports. */
static void frozen_cpuid(const struct snug__cpu_state *state, struct snug__kvm_cpuid *out)
{
	out->nent = (uint32_t)snug__min(state->cpuid_count, SNUG__KVM_CPUID_MAX);
	out->padding = 0;
	memcpy(out->rows, state->cpuid, out->nent * sizeof(*out->rows));
}

/*
 * The CPU the caller wants, out of what a vCPU made without a wish has: kvm_pvm shows more than it says it supports.  Then
 * it is looked at what KVM made of it.
 */
static int choose_cpu(snug_vm *vm, const char *want, struct snug__kvm_cpuid *table, struct snug_error *err)
{
	int fd = vm->vcpus[0].kvm.fd, r = snug__kvm_get_cpuid(fd, table, &vm->watch, err);

	if (r >= 0)
		r = snug__cpuid_choose(want, table, err);
	for (unsigned i = 0; r >= 0 && i < vm->cpus; i++)
		r = snug__vcpu_cpuid(&vm->vcpus[i], table, vm->cpus, err);
	if (r >= 0)
		r = snug__kvm_get_cpuid(fd, table, &vm->watch, err);
	return r < 0 ? r : snug__cpuid_verify(want, table, err);
}

static int add_vcpus(snug_vm *vm, int dev, unsigned count, const char *cpu, const struct snug__frozen *from,
                     struct snug_error *err)
{
	int max = count > 1 ? snug__kvm_cap(vm->fd, KVM_CAP_MAX_VCPUS, &vm->watch) : 1; /* one there is always */
	struct snug__kvm_cpuid *cpuid;
	int bytes, r;

	if (count > 1 && count > (unsigned)max)
		return snug__err(err, -EINVAL, SNUG_STEP_INIT, "ask for fewer", "%u vCPUs: this host allows %d",
		                 count, max);
	bytes = snug__kvm_run_bytes(dev, &vm->watch, err);
	if (bytes < 0)
		return bytes;
	vm->vcpus = calloc(count, sizeof(*vm->vcpus));
	cpuid = malloc(sizeof(*cpuid));
	if (!vm->vcpus || !cpuid) {
		r = snug__err(err, -ENOMEM, SNUG_STEP_INIT, "free some memory", "vCPUs: out of memory");
		goto out;
	}
	r = from ? 0 : snug__kvm_supported_cpuid(dev, cpuid, &vm->watch, err);
	if (r >= 0 && !from)
		snug__pc_cpuid(vm, cpuid);
	for (unsigned i = 0; r >= 0 && i < count; i++) {
		if (from)
			frozen_cpuid(&from->cpu[i], cpuid);
		r = snug__vcpu_init(&vm->vcpus[i], vm, i, (size_t)bytes, cpuid, count, from != NULL, err);
		vm->cpus += r >= 0;
	}
	if (r >= 0 && !from && cpu && *cpu)
		r = choose_cpu(vm, cpu, cpuid, err);
out:
	free(cpuid);
	return r;
}

static int add_frozen(snug_vm *vm, const struct snug__frozen *from, bool log, struct snug_error *err)
{
	int r = 0;

	vm->ram_top = from->ram_top;
	for (unsigned i = 0; r >= 0 && i < from->region_count; i++) {
		const struct snug__frozen_region *fr = &from->regions[i];
		struct snug_region want = {.gpa = fr->gpa, .bytes = fr->bytes, .flags = fr->flags, .name = fr->name};
		struct snug__mem_frozen frozen = {from->fd, from->base + fr->offset, from->view + fr->offset, log};

		r = snug__mem_add_frozen(&vm->mem, &want, &frozen, err);
	}
	return r;
}

static int add_ram(snug_vm *vm, uint64_t bytes, struct snug_error *err)
{
	const struct snug__region *last;
	int r = snug__mem_add_ram(&vm->mem, bytes, err);

	if (r < 0)
		return r;
	last = &vm->mem.regions[vm->mem.count - 1];
	vm->ram_top = last->gpa + last->bytes;
	return 0;
}

/* All that needs the device itself; later calls go to the VM and vCPU alone, so its fd need not be kept. */
static int build(snug_vm *vm, const struct snug_config *c, const struct snug__frozen *from, int dev, bool log,
                 struct snug_error *err)
{
	uint32_t devices = from ? from->devices : c->devices;
	bool pc = devices & SNUG_DEV_PC;
	/*
	 * A PC's MSR filter and memory come before its devices: KVM waits for its readers with each, which takes microseconds
	 * now, and milliseconds once the devices have put something on that queue (synchronize_srcu).
	 */
	int r = create(vm, dev, err);

	vm->mem.dump = c->flags & SNUG_CONFIG_DUMP;
	/* What a confined process cannot read any more is in what the VM is made from. */
	if (r >= 0 && pc)
		r = snug__pvm_open(vm, from ? from->origin.kind : snug__host_kind(), err);
	if (r >= 0)
		r = from ? add_frozen(vm, from, log, err) : add_ram(vm, c->mem_bytes, err);
	if (r >= 0 && pc)
		r = snug__pc_create(vm, err);
	if (r >= 0)
		r = list_msrs(vm, dev, err);
	if (r >= 0)
		r = add_vcpus(vm, dev, from ? from->cpus : c->cpus, c->cpu, from, err);
	return r < 0 ? r : snug__machine_build(vm, devices, &c->console, err);
}

/* The device is asked for while the VM is made; kept, it makes clones too. */
static int open_and_build(snug_vm *vm, const struct snug_config *c, const struct snug__frozen *from, bool log,
                          struct snug_error *err)
{
	int dev = snug__kvm_open(c->kvm_path, &vm->watch, err);
	int r;

	if (dev < 0)
		return dev;
	if (c->flags & SNUG_CONFIG_KEEP) {
		vm->dev = dev;
		vm->kind = snug__host_kind();
		snug__host_kernel(vm->kernel);
		vm->pagemap = snug__pagemap_open(); /* without it more of memory is looked at */
		return build(vm, c, from, dev, log, err);
	}
	r = build(vm, c, from, dev, log, err);
	close(dev);
	return r;
}

static int init(snug_vm *vm, const struct snug_config *c, struct snug_error *err)
{
	int r;

	vm->fd = vm->dev = vm->pagemap = -1;
	vm->watch = (struct snug__kvm_watch){c->on_call, c->on_call_ctx};
	vm->unclaimed = (enum snug_unclaimed)c->unclaimed;
	snug__mem_init(&vm->mem, 0, NULL, NULL);
	snug__bus_init(&vm->pio, "port", UINT16_MAX);
	snug__bus_init(&vm->mmio, "mmio", UINT64_MAX);
	r = -pthread_mutex_init(&vm->bus_lock, NULL);
	if (r < 0)
		return snug__err(err, r, SNUG_STEP_INIT, "free some memory", "VM: no lock");
	vm->has_lock = true;
	vm->kvm_path = snug__text_copy(c->kvm_path);
	return vm->kvm_path ? 0 : snug__err(err, -ENOMEM, SNUG_STEP_INIT, "free some memory", "VM: out of memory");
}

int snug__vm_make(const struct snug_config *c, const struct snug__frozen *from, int dev, bool log, snug_vm **out,
                  struct snug_error *err)
{
	snug_vm *vm = calloc(1, sizeof(*vm));
	int r;

	if (!vm)
		return snug__err(err, -ENOMEM, SNUG_STEP_INIT, "free some memory", "VM: out of memory");
	r = init(vm, c, err);
	if (from)
		vm->kind = from->origin.kind; /* it would not be here on another */
	if (r >= 0)
		r = dev >= 0 ? build(vm, c, from, dev, log, err) : open_and_build(vm, c, from, log, err);
	if (r < 0)
		snug_vm_free(vm);
	else
		*out = vm;
	return r < 0 ? r : 0;
}

int snug_vm_new(const struct snug_config *cfg, snug_vm **out, struct snug_error *err)
{
	static const struct snug_config defaults;
	struct snug_config c;
	int r;

	if (!out)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "pass a snug_vm **", "out is NULL");
	if (!cfg)
		cfg = &defaults;
	if (!snug__sized_copy(&c, sizeof(c), cfg))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "set it to sizeof(struct snug_config) or 0",
		                 "config: size %zu", cfg->size);
	r = check_config(&c, err);
	return r < 0 ? r : snug__vm_make(&c, NULL, -1, false, out, err);
}

int snug__vm_log(snug_vm *vm, struct snug_error *err)
{
	int r = 0;

	if (!vm->manual_log && snug__kvm_cap(vm->fd, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, &vm->watch)) {
		r = snug__kvm_enable_cap(vm->fd, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, 1, &vm->watch, err);
		vm->manual_log = r >= 0;
	}
	return r;
}

int snug__vm_idle(const snug_vm *vm, struct snug_error *err)
{
	for (unsigned i = 0; i < vm->cpus; i++)
		if (snug__kick_running(&vm->vcpus[i].kick))
			return snug__err(err, -EBUSY, SNUG_STEP_NONE, "stop it first: snug_vcpu_kick",
			                 "vCPU %u is running", i);
	return 0;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

/*
 * The VM goes with its last fd, vCPUs included, and guest memory may only be unmapped once nothing in KVM looks at it:
 * so fds first, then memory.
 */
void snug_vm_free(snug_vm *vm)
{
	if (!vm)
		return;
	snug__smp_free(vm);
	for (unsigned i = 0; i < vm->cpus; i++)
		snug__vcpu_destroy(&vm->vcpus[i]);
	free(vm->vcpus);
	close_if_open(vm->fd);
	close_if_open(vm->dev);
	close_if_open(vm->pagemap);
	vm->mem.set_slot = NULL; /* the slots went with the VM */
	snug__mem_destroy(&vm->mem);
	snug__watch_free(vm);
	snug__machine_destroy(vm);
	snug__hostcalls_drop(vm->host_calls);
	snug__bus_destroy(&vm->pio);
	snug__bus_destroy(&vm->mmio);
	snug__frozen_drop(vm->baseline);
	snug__symbols_drop(vm->symbols);
	free(vm->kvm_path);
	free(vm->msrs);
	free(vm->dirty);
	snug__decoder_close(&vm->decoder);
	if (vm->has_lock)
		pthread_mutex_destroy(&vm->bus_lock);
	free(vm);
}

uint32_t snug_vm_devices(const snug_vm *vm)
{
	return vm->devices;
}

snug_vcpu *snug_vm_vcpu(snug_vm *vm, unsigned index)
{
	return index < vm->cpus ? &vm->vcpus[index] : NULL;
}

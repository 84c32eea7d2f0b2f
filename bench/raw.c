/* SPDX-License-Identifier: MIT */
#include "raw.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define IDENTITY 0xfeffc000ull
#define TSS 0xfeffd000ul

/* Page tables of long mode, in guest memory: 1 GiB in pages of 2 MiB.  SDM 3A 4.5 */
#define PML4 0x10000u
#define PDPT 0x11000u
#define DIRECTORY 0x12000u
#define LINK 0x7u  /* present, writable, for user mode too */
#define LEAF 0x87u /* and a large page */

const uint8_t raw_guest[5] = {0xb0, '.', 0xe6, 0xe9, 0xf4};

static int set_cpuid(int dev, int vcpu, const struct raw_cpuid *given)
{
	struct raw_cpuid t;

	if (given) {
		t.nent = given->nent;
		memcpy(t.rows, given->rows, t.nent * sizeof(t.rows[0]));
	} else {
		t.nent = sizeof(t.rows) / sizeof(t.rows[0]);
	}
	t.padding = 0;
	if (!given && ioctl(dev, KVM_GET_SUPPORTED_CPUID, &t) < 0)
		return -1;
	return ioctl(vcpu, KVM_SET_CPUID2, &t);
}

static int build(struct raw_vm *vm, int dev, const struct raw_how *how)
{
	const uint64_t gap = 3ull << 30; /* what exceeds it continues at 4 GiB, as on a PC */
	struct kvm_userspace_memory_region r = {.memory_size = how->mem_bytes < gap ? how->mem_bytes : gap};
	struct kvm_userspace_memory_region high = {
	    .slot = 1, .guest_phys_addr = 4ull << 30, .memory_size = how->mem_bytes - r.memory_size};
	int flags = MAP_PRIVATE | MAP_NORESERVE | (how->fd < 0 ? MAP_ANONYMOUS : 0);
	uint64_t identity = IDENTITY;
	int bytes;

	if (ioctl(dev, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return -1;
	vm->fd = ioctl(dev, KVM_CREATE_VM, 0);
	if (vm->fd < 0 || ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0 ||
	    ioctl(vm->fd, KVM_SET_TSS_ADDR, TSS) < 0)
		return -1;
	if (how->prepare && how->prepare(vm) < 0)
		return -1;
	vm->mem_bytes = how->mem_bytes;
	vm->mem = mmap(NULL, vm->mem_bytes, PROT_READ | PROT_WRITE, flags, how->fd, (off_t)how->offset);
	if (vm->mem == MAP_FAILED)
		return -1;
	r.userspace_addr = (uint64_t)(uintptr_t)vm->mem;
	high.userspace_addr = r.userspace_addr + gap;
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &r) < 0 ||
	    (high.memory_size && ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &high) < 0))
		return -1;
	vm->vcpu = ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	bytes = ioctl(dev, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vm->vcpu < 0 || bytes < 0)
		return -1;
	vm->run_bytes = (size_t)bytes;
	vm->run = mmap(NULL, vm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (vm->run == MAP_FAILED)
		return -1;
	return set_cpuid(dev, vm->vcpu, how->cpuid);
}

int raw_new_how(struct raw_vm *vm, const struct raw_how *how)
{
	int dev = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int r;

	if (dev < 0)
		return -1;
	r = build(vm, dev, how);
	close(dev);
	return r;
}

int raw_new(struct raw_vm *vm)
{
	const struct raw_how how = {.mem_bytes = RAW_MEM, .fd = -1};

	return raw_new_how(vm, &how);
}

static void long_mode(struct raw_vm *vm, struct kvm_sregs *s)
{
	struct kvm_segment code = {
	    .limit = 0xffffffff, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};
	struct kvm_segment data = {
	    .limit = 0xffffffff, .selector = 16, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1};
	uint64_t entry = PDPT | LINK;

	memcpy(vm->mem + PML4, &entry, sizeof(entry));
	entry = DIRECTORY | LINK;
	memcpy(vm->mem + PDPT, &entry, sizeof(entry));
	for (unsigned i = 0; i < 512; i++) {
		entry = (uint64_t)i << 21 | LEAF;
		memcpy(vm->mem + DIRECTORY + 8ul * i, &entry, sizeof(entry));
	}
	s->cr0 = 0x80010033; /* PG WP NE ET MP PE */
	s->cr3 = PML4;
	s->cr4 = 0x620;  /* OSXMMEXCPT OSFXSR PAE */
	s->efer = 0x500; /* LMA LME */
	s->cs = code;
	s->ds = s->es = s->fs = s->gs = s->ss = data;
}

int raw_load(struct raw_vm *vm, bool wide, const void *code, size_t len)
{
	struct kvm_regs regs = {.rflags = 2};
	struct kvm_sregs s;

	regs.rip = wide ? RAW_ENTRY_LONG : RAW_ENTRY_REAL;
	regs.rsp = wide ? RAW_MEM : 0x7000;
	memcpy(vm->mem + regs.rip, code, len);
	if (ioctl(vm->vcpu, KVM_GET_SREGS, &s) < 0)
		return -1;
	if (wide)
		long_mode(vm, &s);
	else
		s.cs.base = s.cs.selector = 0;
	if (ioctl(vm->vcpu, KVM_SET_SREGS, &s) < 0)
		return -1;
	return ioctl(vm->vcpu, KVM_SET_REGS, &regs);
}

int raw_step(struct raw_vm *vm)
{
	return ioctl(vm->vcpu, KVM_RUN, 0) < 0 ? -1 : (int)vm->run->exit_reason;
}

int raw_run(struct raw_vm *vm, struct raw_port *port)
{
	struct kvm_run *run = vm->run;

	for (;;) {
		if (ioctl(vm->vcpu, KVM_RUN, 0) < 0)
			return -1;
		switch (run->exit_reason) {
		case KVM_EXIT_IO:
			if (run->io.port != port->port)
				return -1;
			port->writes++;
			port->last = *((uint8_t *)run + run->io.data_offset);
			break;
		case KVM_EXIT_HLT:
			return 0;
		default:
			return -1;
		}
	}
}

void raw_free(struct raw_vm *vm)
{
	munmap(vm->run, vm->run_bytes);
	close(vm->vcpu);
	close(vm->fd);
	munmap(vm->mem, vm->mem_bytes);
}

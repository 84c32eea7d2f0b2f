/* SPDX-License-Identifier: MIT */
#include "rawlife.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u
#define TSS_AT 0x20000u
#define TSS_LIMIT (0x68u + 0x2000u) /* with a bit for each port, all open: kvm_pvm runs CPL 3 without IOPL */

static int user_mode(struct raw_life *l, const struct kvm_regs *regs)
{
	struct kvm_segment *const data[] = {&l->sregs.ds, &l->sregs.es, &l->sregs.fs, &l->sregs.gs, &l->sregs.ss};

	if (ioctl(l->vm.vcpu, KVM_GET_SREGS, &l->sregs) < 0)
		return -1;
	l->sregs.cs.selector |= 3;
	l->sregs.cs.dpl = 3;
	for (size_t i = 0; i < sizeof(data) / sizeof(*data); i++) {
		data[i]->selector |= 3;
		data[i]->dpl = 3;
	}
	l->sregs.tr =
	    (struct kvm_segment){.base = TSS_AT, .limit = TSS_LIMIT, .selector = 0x28, .type = 11, .present = 1};
	l->vm.mem[TSS_AT + 0x66] = 0x68;
	l->vm.mem[TSS_AT + TSS_LIMIT] = 0xff;
	l->regs = *regs;
	l->regs.rip = RAW_ENTRY_LONG;
	l->regs.rflags = 0x3002; /* IOPL 3 */
	if (ioctl(l->vm.vcpu, KVM_SET_SREGS, &l->sregs) < 0 || ioctl(l->vm.vcpu, KVM_SET_REGS, &l->regs) < 0 ||
	    ioctl(l->vm.vcpu, KVM_GET_SREGS, &l->sregs) < 0 || ioctl(l->vm.vcpu, KVM_GET_REGS, &l->regs) < 0)
		return -1;
	return ioctl(l->vm.vcpu, KVM_GET_XSAVE, l->xsave);
}

static int freeze(struct raw_life *l)
{
	struct kvm_enable_cap cap = {.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = {1}};
	struct kvm_userspace_memory_region r = {.flags = KVM_MEM_LOG_DIRTY_PAGES,
	                                        .memory_size = l->vm.mem_bytes,
	                                        .userspace_addr = (uint64_t)(uintptr_t)l->vm.mem};
	size_t all = l->vm.mem_bytes;

	l->memfd = memfd_create("raw", MFD_CLOEXEC);
	/* What the guest has is in its first megabytes. */
	if (l->memfd < 0 || ftruncate(l->memfd, (off_t)all) < 0 || pwrite(l->memfd, l->vm.mem, 2 << 20, 0) != 2 << 20)
		return -1;
	l->view = mmap(NULL, all, PROT_READ, MAP_SHARED, l->memfd, 0);
	if (l->view == MAP_FAILED || mmap(l->vm.mem, all, PROT_READ | PROT_WRITE,
	                                  MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, l->memfd, 0) == MAP_FAILED)
		return -1;
	l->log = calloc(all / PAGE / 64 + 1, sizeof(*l->log));
	l->cpuid.nent = sizeof(l->cpuid.rows) / sizeof(l->cpuid.rows[0]);
	if (!l->log || ioctl(l->vm.vcpu, KVM_GET_CPUID2, &l->cpuid) < 0 || ioctl(l->vm.fd, KVM_ENABLE_CAP, &cap) < 0)
		return -1;
	return ioctl(l->vm.fd, KVM_SET_USER_MEMORY_REGION, &r);
}

int raw_life_new(struct raw_life *l, size_t mem_bytes, const void *code, size_t len, const struct kvm_regs *regs)
{
	const struct raw_how how = {.mem_bytes = mem_bytes, .fd = -1};

	memset(l, 0, sizeof(*l));
	if (raw_new_how(&l->vm, &how) < 0 || raw_load(&l->vm, true, code, len) < 0 || user_mode(l, regs) < 0)
		return -1;
	return freeze(l);
}

void raw_life_free(struct raw_life *l)
{
	raw_free(&l->vm);
	munmap(l->view, l->vm.mem_bytes);
	close(l->memfd);
	free(l->log);
}

/* Copies the pages of the log's bits, and says which words have any. */
static size_t copy_back(const struct raw_life *l, size_t *first)
{
	size_t words = l->vm.mem_bytes / PAGE / 64, end = 0;

	*first = words;
	for (size_t w = 0; w < words; w++) {
		if (!l->log[w])
			continue;
		if (*first == words)
			*first = w;
		end = w + 1;
		for (uint64_t bits = l->log[w]; bits; bits &= bits - 1) {
			size_t at = (w * 64 + (size_t)__builtin_ctzll(bits)) * PAGE;

			memcpy(l->vm.mem + at, l->view + at, PAGE);
		}
	}
	return end;
}

int raw_life_reset(struct raw_life *l)
{
	struct kvm_dirty_log log = {.dirty_bitmap = l->log};
	struct kvm_clear_dirty_log clear = {0};
	size_t first, end;

	l->vm.run->immediate_exit = 1;
	ioctl(l->vm.vcpu, KVM_RUN, 0);
	l->vm.run->immediate_exit = 0;
	if (ioctl(l->vm.fd, KVM_GET_DIRTY_LOG, &log) < 0)
		return -1;
	end = copy_back(l, &first);
	if (end) {
		clear.first_page = first * 64;
		clear.num_pages = (uint32_t)(end - first) * 64;
		clear.dirty_bitmap = l->log + first;
		if (ioctl(l->vm.fd, KVM_CLEAR_DIRTY_LOG, &clear) < 0)
			return -1;
	}
	if (ioctl(l->vm.vcpu, KVM_SET_REGS, &l->regs) < 0 || ioctl(l->vm.vcpu, KVM_SET_SREGS, &l->sregs) < 0)
		return -1;
	return ioctl(l->vm.vcpu, KVM_SET_XSAVE, l->xsave);
}

int raw_life_clone(const struct raw_life *l, int fd, uint64_t offset, struct raw_vm *out)
{
	const struct raw_how how = {
	    .mem_bytes = l->vm.mem_bytes, .fd = fd < 0 ? l->memfd : fd, .offset = offset, .cpuid = &l->cpuid};
	struct kvm_sregs s = l->sregs;
	struct kvm_regs r = l->regs;

	memset(out, 0, sizeof(*out));
	if (raw_new_how(out, &how) < 0 || ioctl(out->vcpu, KVM_SET_SREGS, &s) < 0)
		return -1;
	return ioctl(out->vcpu, KVM_SET_REGS, &r);
}

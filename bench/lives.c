/* SPDX-License-Identifier: MIT */
#include "lives.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "rawlife.h"

#define MIB (1u << 20)
#define DATA 0x200000u /* where the guest writes */
#define STUB 0x1f0000u /* of the raw call: what the function returns to */

/* 1: movb $1, (%rdi); add $0x1000, %rdi; dec %ecx; jnz 1b; 2: out %al, $0x10; jmp 2b */
static const uint8_t touch[] = {0xc6, 0x07, 0x01, 0x48, 0x81, 0xc7, 0x00, 0x10, 0,
                                0,    0xff, 0xc9, 0x75, 0xf2, 0xe6, 0x10, 0xeb, 0xfc};
/* out %al, $0x10; jmp back */
static const uint8_t idle[] = {0xe6, 0x10, 0xeb, 0xfc};
/* lea (%rdi,%rsi), %rax; ret */
static const uint8_t add[] = {0x48, 0x8d, 0x04, 0x37, 0xc3};
/* out %al, $0x10; jmp back: as snug's own stub but for the port */
static const uint8_t stub[] = {0xe6, 0x10, 0xeb, 0xfc};

struct pair {
	struct raw_life raw;
	snug_vm *vm, *other;
	snug_pool *pool;
	struct bench *b;
	char path[64], raw_path[64];
	int raw_fd;
};

static snug_vm *guest(uint64_t mem, const uint8_t *code, size_t len, uint64_t pages)
{
	struct snug_config c = {.size = sizeof(c), .mem_bytes = mem, .devices = SNUG_DEV_GUEST};
	struct snug_image im = {.data = code, .len = len, .kind = SNUG_KIND_FLAT, .mode = SNUG_MODE_USER};
	snug_vm *vm;

	if (snug_vm_new(&c, &vm, NULL) < 0)
		return NULL;
	if (snug_load(vm, &im, NULL) == 0 && snug_vcpu_set_reg(snug_vm_vcpu(vm, 0), "rdi", DATA, NULL) == 0 &&
	    snug_vcpu_set_reg(snug_vm_vcpu(vm, 0), "rcx", pages, NULL) == 0 && snug_baseline(vm, NULL) == 0)
		return vm;
	snug_vm_free(vm);
	return NULL;
}

static void end(struct pair *p)
{
	snug_pool_free(p->pool);
	snug_vm_free(p->vm);
	snug_vm_free(p->other);
	if (p->raw.log)
		raw_life_free(&p->raw);
	free(p);
}

static double reset_floor(void *ctx)
{
	struct pair *p = ctx;
	double start;

	if (raw_step(&p->raw.vm) != KVM_EXIT_IO)
		return -1;
	start = now_ns();
	return raw_life_reset(&p->raw) < 0 ? -1 : now_ns() - start;
}

static double reset_of(snug_vm *vm)
{
	struct snug_exit x;
	double start;

	if (snug_run(vm, &x) < 0 || x.kind != SNUG_EXIT_PIO)
		return -1;
	start = now_ns();
	return snug_reset(vm, NULL, NULL) < 0 ? -1 : now_ns() - start;
}

static double reset_ours(void *ctx)
{
	return reset_of(((struct pair *)ctx)->vm);
}

static double reset_other(void *ctx)
{
	return reset_of(((struct pair *)ctx)->other);
}

/* A raw and a snug guest that dirty so many pages and then exit. */
static struct pair *touchers(struct bench *b, uint64_t mem, unsigned pages)
{
	struct pair *p = calloc(1, sizeof(*p));
	struct kvm_regs regs = {.rdi = DATA, .rcx = pages, .rsp = STUB};

	if (!p)
		return NULL;
	p->b = b;
	p->vm = guest(mem, touch, sizeof(touch), pages);
	if (p->vm && raw_life_new(&p->raw, mem, touch, sizeof(touch), &regs) == 0)
		return p;
	end(p);
	return NULL;
}

const char *lives_reset(struct bench *b, struct figure *f)
{
	struct pair *p = touchers(b, 64 * MIB, b->arg);
	const char *why = NULL;

	if (!p)
		return "the guests cannot be made";
	if (measure(reset_ours, reset_floor, p, b->blocks, f) < 0)
		why = "a run failed";
	end(p);
	return why;
}

const char *lives_clean(struct bench *b, struct figure *f)
{
	struct pair *p = calloc(1, sizeof(*p));
	const char *why = "the guests cannot be made";

	if (!p)
		return why;
	p->vm = guest(1024ull * MIB, idle, sizeof(idle), 0);
	p->other = guest(16ull * MIB, idle, sizeof(idle), 0);
	if (p->vm && p->other)
		why = measure(reset_ours, reset_other, p, b->blocks, f) < 0 ? "a run failed" : NULL;
	end(p);
	return why;
}

/* One KVM_RUN of the function, its result, and the floor of a reset. */
static double call_floor(void *ctx)
{
	struct pair *p = ctx;
	double start = now_ns();
	struct kvm_regs r;

	if (raw_step(&p->raw.vm) != KVM_EXIT_IO || ioctl(p->raw.vm.vcpu, KVM_GET_REGS, &r) < 0 || r.rax != 42)
		return -1;
	return raw_life_reset(&p->raw) < 0 ? -1 : now_ns() - start;
}

static double call_ours(void *ctx)
{
	static const struct snug_function f = {
	    .address = RAW_ENTRY_LONG, .count = 2, .args = {{.value = 40}, {.value = 2}}};
	struct pair *p = ctx;
	double start = now_ns();
	uint64_t result = 0;

	if (snug_call(p->vm, &f, &result, NULL, NULL) != 0 || result != 42)
		return -1;
	return snug_reset(p->vm, NULL, NULL) < 0 ? -1 : now_ns() - start;
}

/* The raw guest's stack: its return address leads to the stub. */
static int raw_adder(struct raw_life *l)
{
	struct kvm_regs regs = {.rdi = 40, .rsi = 2, .rsp = STUB - 8};
	uint8_t code[STUB - RAW_ENTRY_LONG + sizeof(stub)] = {0};
	uint64_t back = STUB;

	memcpy(code, add, sizeof(add));
	memcpy(code + STUB - 8 - RAW_ENTRY_LONG, &back, sizeof(back));
	memcpy(code + STUB - RAW_ENTRY_LONG, stub, sizeof(stub));
	return raw_life_new(l, 16 * MIB, code, sizeof(code), &regs);
}

const char *lives_call(struct bench *b, struct figure *f)
{
	struct pair *p = calloc(1, sizeof(*p));
	const char *why = "the guests cannot be made";

	if (!p)
		return why;
	p->vm = guest(16 * MIB, add, sizeof(add), 0);
	if (p->vm && raw_adder(&p->raw) == 0)
		why = measure(call_ours, call_floor, p, b->blocks, f) < 0 ? "a run failed" : NULL;
	end(p);
	return why;
}

static double clone_floor(void *ctx)
{
	struct pair *p = ctx;
	double start = now_ns(), took;
	struct raw_vm vm;

	if (raw_life_clone(&p->raw, -1, 0, &vm) < 0)
		return -1;
	took = now_ns() - start;
	raw_free(&vm);
	return took;
}

static double clone_ours(void *ctx)
{
	struct pair *p = ctx;
	double start = now_ns(), took;
	snug_vm *vm;

	if (snug_clone(p->vm, 1, &vm, NULL) < 0)
		return -1;
	took = now_ns() - start;
	snug_vm_free(vm);
	return took;
}

static double pool_ours(void *ctx)
{
	struct pair *p = ctx;
	double start = now_ns(), took;
	struct snug_exit x;
	snug_vm *vm;

	if (snug_pool_get(p->pool, &vm, NULL) < 0)
		return -1;
	took = now_ns() - start;
	if (snug_run(vm, &x) < 0 || x.kind != SNUG_EXIT_PIO)
		return -1;
	snug_pool_put(p->pool, vm);
	return took;
}

const char *lives_clone(struct bench *b, struct figure *f)
{
	struct pair *p = touchers(b, 16 * MIB, 4);
	const char *why = NULL;

	if (!p)
		return "the guests cannot be made";
	if (measure(clone_ours, clone_floor, p, b->blocks, f) < 0)
		why = "a clone failed";
	end(p);
	return why;
}

const char *lives_pool(struct bench *b, struct figure *f)
{
	struct pair *p = touchers(b, 16 * MIB, 4);
	const char *why = NULL;

	if (!p)
		return "the guests cannot be made";
	if (snug_pool_new(p->vm, 4, &p->pool, NULL) < 0 || measure(pool_ours, clone_floor, p, b->blocks, f) < 0)
		why = "a clone failed";
	end(p);
	return why;
}

static double restore_ours(void *ctx)
{
	struct pair *p = ctx;
	double start = now_ns(), took;
	struct snug_exit x;
	snug_vm *vm;
	bool good;

	if (snug_restore(p->path, NULL, &vm, NULL) < 0)
		return -1;
	good = snug_run(vm, &x) == 0 && x.kind == SNUG_EXIT_PIO;
	took = now_ns() - start;
	snug_vm_free(vm);
	return good ? took : -1;
}

static double restore_floor(void *ctx)
{
	struct pair *p = ctx;
	double start = now_ns(), took;
	int fd = open(p->raw_path, O_RDONLY | O_CLOEXEC);
	struct raw_vm vm;
	bool good;

	if (fd < 0 || raw_life_clone(&p->raw, fd, 0, &vm) < 0)
		return -1;
	close(fd);
	good = raw_step(&vm) == KVM_EXIT_IO;
	took = now_ns() - start;
	raw_free(&vm);
	return good ? took : -1;
}

/* A file for each: the guest, and `fill` bytes of data that is not zero. */
static bool restore_files(struct pair *p, uint64_t fill)
{
	static uint8_t block[MIB];
	int fd;

	memset(block, 0x5a, sizeof(block));
	snprintf(p->path, sizeof(p->path), "/tmp/snug-bench-a-%d", getpid());
	snprintf(p->raw_path, sizeof(p->raw_path), "/tmp/snug-bench-b-%d", getpid());
	fd = open(p->raw_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	if (ftruncate(fd, (off_t)p->raw.vm.mem_bytes) < 0 || pwrite(fd, p->raw.view, DATA, 0) != DATA)
		fill = 0;
	for (uint64_t at = 4 * MIB; at + MIB <= fill; at += MIB)
		if (pwrite(fd, block, MIB, (off_t)at) != MIB || snug_mem_write(p->vm, at, block, MIB) < 0)
			fill = 0;
	close(fd);
	return fill && snug_save(p->vm, p->path, NULL) == 0;
}

/* A 64 MiB image is all data; of a 4 GiB one, as of most guests, a part. */
const char *lives_restore(struct bench *b, struct figure *f)
{
	uint64_t mem = (uint64_t)b->arg * MIB;
	struct pair *p = touchers(b, mem > 3072ull * MIB ? 3072ull * MIB : mem, 1);
	const char *why = "the files cannot be made";

	if (p && mem > 3072ull * MIB) {
		/* snug's RAM continues at 4 GiB; the floor's is one piece, and cheaper for it */
		snug_vm_free(p->vm);
		p->vm = guest(mem, touch, sizeof(touch), 1);
	}
	if (p && p->vm && restore_files(p, mem > 256 * MIB ? 256 * MIB : mem))
		why = measure(restore_ours, restore_floor, p, b->blocks, f) < 0 ? "a restore failed" : NULL;
	if (p) {
		unlink(p->path);
		unlink(p->raw_path);
		end(p);
	}
	return why;
}

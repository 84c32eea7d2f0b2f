/* SPDX-License-Identifier: MIT */
/*
 * raw: the floor of the benchmarks: a guest run by ioctls and nothing else
 *
 * The same set-up as snug's: API version, VM, identity map, TSS, 16 MiB of memory, vCPU, CPUID, sregs, regs.  No error
 * is explained: a failure is -1.
 */
#ifndef BENCH_RAW_H
#define BENCH_RAW_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RAW_MEM (16u << 20)
#define RAW_ENTRY_REAL 0x1000u
#define RAW_ENTRY_LONG 0x100000u

struct raw_vm {
	int fd, vcpu;
	struct kvm_run *run;
	size_t run_bytes;
	uint8_t *mem;
	size_t mem_bytes;
};

/* struct kvm_cpuid2 with its room. */
struct raw_cpuid {
	uint32_t nent, padding;
	struct kvm_cpuid_entry2 rows[256]; /* KVM_MAX_CPUID_ENTRIES, Linux arch/x86/include/asm/kvm_host.h */
};

struct raw_vm;

/* How a VM is made: its memory anonymous or a private mapping of fd at offset; with a CPUID table or the host's. */
struct raw_how {
	size_t mem_bytes;
	int fd; /* -1: anonymous */
	uint64_t offset;
	const struct raw_cpuid *cpuid;     /* NULL: asks what the host supports */
	int (*prepare)(struct raw_vm *vm); /* between VM and vCPU; NULL: nothing */
};

/* What the raw loop's switch does with a port write: one case, one counter. */
struct raw_port {
	uint16_t port;
	uint64_t writes;
	uint8_t last;
};

int raw_new(struct raw_vm *vm);
int raw_new_how(struct raw_vm *vm, const struct raw_how *how);
int raw_load(struct raw_vm *vm, bool wide, const void *code, size_t len);
void raw_free(struct raw_vm *vm);

/* Runs until the guest halts: 0. */
int raw_run(struct raw_vm *vm, struct raw_port *port);

/* One KVM_RUN: the exit reason. */
int raw_step(struct raw_vm *vm);

/* mov $'.', %al; out %al, $0xe9; hlt: the same bytes in every mode */
extern const uint8_t raw_guest[5];

#endif

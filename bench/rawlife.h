/* SPDX-License-Identifier: MIT */
/*
 * rawlife: the floor of reset, call, clone and restore: raw ioctls, madvise and memcpy
 *
 * A guest in user mode is frozen once: its memory in a memfd with a private mapping in its place, its registers kept.  It
 * does what a reset cannot do without: retire the access, harvest the dirty log, copy the pages, set what user-mode code
 * can change: general and special registers, XSAVE area.
 */
#ifndef BENCH_RAWLIFE_H
#define BENCH_RAWLIFE_H

#include "raw.h"

struct raw_life {
	struct raw_vm vm;
	int memfd;
	uint8_t *view;
	uint64_t *log;
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	uint8_t xsave[4096];
	struct raw_cpuid cpuid;
};

/* Code at RAW_ENTRY_LONG, in user mode with these registers besides rip; memory as large as that. */
int raw_life_new(struct raw_life *l, size_t mem_bytes, const void *code, size_t len, const struct kvm_regs *regs);
void raw_life_free(struct raw_life *l);

/* Back to where it was frozen. */
int raw_life_reset(struct raw_life *l);

/* Another VM on its memory, or on that of fd at offset, with its registers: to be freed with raw_free. */
int raw_life_clone(const struct raw_life *l, int fd, uint64_t offset, struct raw_vm *out);

#endif

/* SPDX-License-Identifier: MIT */
/* fuzz: what the parts of the guest-side fuzzer share */
#ifndef GUESTFUZZ_FUZZ_H
#define GUESTFUZZ_FUZZ_H

#include <snug.h>

#include "plan.h"

#define MS 1000000ull /* nanoseconds */
#define RAM_BYTES 0x400000u
#define REAL_RAM_BYTES 0x80000u /* in real mode, so that it reaches beyond */
#define EXIT_KINDS (SNUG_EXIT_RETURN + 1)

enum { DO_TIDY, DO_REGISTERS, DO_TABLES, DO_KINDS };

/* Everything of one run.  digest is over what a seed determines: see docs/fuzzing.md. */
struct fuzz {
	uint64_t state, digest, seed;
	uint64_t want, accesses, io_exits, mem_exits, returned[EXIT_KINDS], hostile[EXIT_KINDS];
	uint64_t rounds[DO_KINDS], lives, looked;
	unsigned failures;
	bool silent; /* nothing goes into the digest: what a hostile guest does may hang on the clock */
	snug_vm *vm;
	snug_vcpu *cpu;
	enum snug_mode mode;
};

void reseed(struct fuzz *f, unsigned round); /* each round of a life has random numbers of its own */
uint64_t rnd(struct fuzz *f);
unsigned below(struct fuzz *f, unsigned n);
uint64_t odd_value(struct fuzz *f); /* one of those that programs get wrong, or any */
void mix(struct fuzz *f, uint64_t value);
void failed(struct fuzz *f, const char *what, const struct snug_error *e);

/* life.c: a machine with all devices, ready for rounds in f->mode, and its end. */
int life_begin(struct fuzz *f);
void life_end(struct fuzz *f);
void life_plan(struct fuzz *f, struct gf_plan *plan);

/* hostile.c: one round on a machine that has been reset; what the registers or page tables say is nonsense. */
void hostile_round(struct fuzz *f, int what);

/* look.c: calls the functions that look inside a guest, some of them, on a guest in any state. */
void look_inside(struct fuzz *f, const struct snug_exit *x);

#endif

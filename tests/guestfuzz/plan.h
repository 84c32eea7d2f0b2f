/* SPDX-License-Identifier: MIT */
/* plan: what the host tells the guest to do, and what the guest counted; the same bytes in every mode */
#ifndef GUESTFUZZ_PLAN_H
#define GUESTFUZZ_PLAN_H

#include <stdint.h>

/* Places in guest memory that every mode reaches. */
#define GF_PLAN 0x9000
#define GF_BLOCK 0x9e00  /* a call of a host function, as snug/guest.h has it */
#define GF_BUFFER 0xa000 /* two pages for string instructions */
#define GF_PORTS 64
#define GF_WINDOWS 16

/* Addresses base + (0 to mask), of which [mem_from, mem_to) is memory and the rest the monitor's. */
struct gf_window {
	uint64_t base;
	uint32_t mask, mem_from, mem_to, readonly;
};

struct gf_plan {
	uint32_t seed, todo, strings;
	uint32_t top; /* the highest port */
	/* The guest's own figures. */
	uint32_t done;              /* accesses: instructions */
	uint32_t io_lo, io_hi;      /* exits they must cost: KVM may hand over several elements of a string at once */
	uint32_t mem_lo, mem_hi;    /* the same for MMIO */
	uint32_t sum;               /* of all that was read */
	uint32_t finished, padding; /* 64-bit fields lie the same in 32-bit code */
	uint16_t ports[GF_PORTS];
	struct gf_window windows[GF_WINDOWS];
};

_Static_assert(sizeof(struct gf_plan) == 48 + 2 * GF_PORTS + 24 * GF_WINDOWS, "the same in every mode");

#endif

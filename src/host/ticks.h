/* SPDX-License-Identifier: MIT */
/*
 * ticks: time stamps that cost next to nothing
 *
 * The time-stamp counter where it counts evenly (SDM 3B 17.17.1 "Invariant TSC"), else nanoseconds.  A stamp is turned
 * into nanoseconds later, by two readings of both clocks: no calibration, no state.
 */
#ifndef SNUG_HOST_TICKS_H
#define SNUG_HOST_TICKS_H

#include <stdbool.h>
#include <stdint.h>

#include "host/clock.h"

struct snug__ticks {
	bool tsc;
	uint64_t start, start_ns; /* both clocks at the same time */
};

static inline uint64_t snug__ticks_now(const struct snug__ticks *t)
{
	return t->tsc ? __builtin_ia32_rdtsc() : snug__now_ns();
}

void snug__ticks_init(struct snug__ticks *t);

/* Nanoseconds a tick, from the time since init; call it once for many conversions. */
double snug__ticks_ns(const struct snug__ticks *t);

#endif

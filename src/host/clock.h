/* SPDX-License-Identifier: MIT */
/* clock: time in nanoseconds */
#ifndef SNUG_HOST_CLOCK_H
#define SNUG_HOST_CLOCK_H

#include <stdint.h>
#include <time.h>

#define SNUG__NS_PER_S 1000000000ull

static inline uint64_t snug__now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SNUG__NS_PER_S + (uint64_t)t.tv_nsec;
}

/* Nanoseconds since 1970. */
static inline uint64_t snug__real_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * SNUG__NS_PER_S + (uint64_t)t.tv_nsec;
}

#endif

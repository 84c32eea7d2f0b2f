/* SPDX-License-Identifier: MIT */
/*
 * hist: how long things took, in little room
 *
 * Eight buckets to each power of two, so a percentile read back is within 1/16 of the truth; times above 2^40 ticks
 * share the last one.  Sum and maximum are exact.
 */
#ifndef SNUG_SVC_HIST_H
#define SNUG_SVC_HIST_H

#include <stdint.h>

#define SNUG__HIST_SUB 8u
#define SNUG__HIST_BUCKETS (38u * SNUG__HIST_SUB)

struct snug__hist {
	uint64_t sum, max;
	uint64_t counts[SNUG__HIST_BUCKETS];
};

static inline unsigned snug__hist_bucket(uint64_t v)
{
	unsigned e, b;

	if (v < SNUG__HIST_SUB)
		return (unsigned)v;
	e = 63u - (unsigned)__builtin_clzll(v);
	b = (e - 2) * SNUG__HIST_SUB + (unsigned)(v >> (e - 3) & (SNUG__HIST_SUB - 1));
	return b < SNUG__HIST_BUCKETS ? b : SNUG__HIST_BUCKETS - 1;
}

static inline void snug__hist_add(struct snug__hist *h, uint64_t v)
{
	h->sum += v;
	h->max = v > h->max ? v : h->max;
	h->counts[snug__hist_bucket(v)]++;
}

void snug__hist_merge(struct snug__hist *to, const struct snug__hist *from);

/* The value that `percent` of all are at or below; the middle of its bucket, never above the maximum; 0 if empty. */
uint64_t snug__hist_percentile(const struct snug__hist *h, unsigned percent);

#endif

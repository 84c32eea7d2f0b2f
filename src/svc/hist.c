/* SPDX-License-Identifier: MIT */
#include "svc/hist.h"

void snug__hist_merge(struct snug__hist *to, const struct snug__hist *from)
{
	to->sum += from->sum;
	to->max = to->max > from->max ? to->max : from->max;
	for (unsigned i = 0; i < SNUG__HIST_BUCKETS; i++)
		to->counts[i] += from->counts[i];
}

/* The middle of a bucket. */
static uint64_t middle(unsigned bucket)
{
	unsigned e = bucket / SNUG__HIST_SUB + 2;

	if (bucket < SNUG__HIST_SUB)
		return bucket;
	return ((uint64_t)(SNUG__HIST_SUB + bucket % SNUG__HIST_SUB) << (e - 3)) + ((1ull << (e - 3)) >> 1);
}

uint64_t snug__hist_percentile(const struct snug__hist *h, unsigned percent)
{
	uint64_t all = 0, seen = 0, want;

	for (unsigned i = 0; i < SNUG__HIST_BUCKETS; i++)
		all += h->counts[i];
	want = all / 100 * percent + (all % 100 * percent + 99) / 100;
	for (unsigned i = 0; want && i < SNUG__HIST_BUCKETS - 1; i++) {
		seen += h->counts[i];
		if (seen >= want)
			return middle(i) < h->max ? middle(i) : h->max;
	}
	return h->max; /* the last bucket is open above */
}

/* SPDX-License-Identifier: MIT */
/* measure: two things in turn, A B A B, and the median of what one costs in terms of the other */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdint.h>

#define BLOCKS_MAX 512

/* One block of work: what it cost, or below 0 where it failed. */
typedef double (*measure_fn)(void *ctx);

struct figure {
	double ours, floor;   /* medians, in the unit of the work */
	double ratio, diff;   /* medians over the blocks of ours / floor and ours - floor */
	double ratio0, diff0; /* the same of each floor and the floor before it: what noise alone does */
	double p99;           /* of ours: 99 of 100 blocks cost no more */
	char note[96];        /* for a line of its own; may be empty */
};

/* Runs floor and ours in turn, `blocks` times each, after one of each that does not count.  0, or -1. */
int measure(measure_fn ours, measure_fn floor, void *ctx, unsigned blocks, struct figure *out);

double now_ns(void);

#endif

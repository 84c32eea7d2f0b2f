/* SPDX-License-Identifier: MIT */
#include "measure.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *v, unsigned n)
{
	double sorted[BLOCKS_MAX];

	memcpy(sorted, v, n * sizeof(*v));
	qsort(sorted, n, sizeof(*sorted), by_size);
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static double percentile99(const double *v, unsigned n)
{
	double sorted[BLOCKS_MAX];

	memcpy(sorted, v, n * sizeof(*v));
	qsort(sorted, n, sizeof(*sorted), by_size);
	return sorted[(n - 1) * 99 / 100];
}

/* Medians of a[i] / b[i] and a[i] - b[i]. */
static void compare(const double *a, const double *b, unsigned n, double *ratio, double *diff)
{
	double ratios[BLOCKS_MAX], diffs[BLOCKS_MAX];

	for (unsigned i = 0; i < n; i++) {
		ratios[i] = a[i] / b[i];
		diffs[i] = a[i] - b[i];
	}
	*ratio = median(ratios, n);
	*diff = median(diffs, n);
}

int measure(measure_fn ours, measure_fn floor, void *ctx, unsigned blocks, struct figure *out)
{
	double a[BLOCKS_MAX], b[BLOCKS_MAX];

	if (blocks < 2 || blocks > BLOCKS_MAX || floor(ctx) < 0 || ours(ctx) < 0)
		return -1;
	for (unsigned i = 0; i < blocks; i++) {
		b[i] = floor(ctx);
		a[i] = ours(ctx);
		if (a[i] < 0 || b[i] <= 0)
			return -1;
	}
	out->ours = median(a, blocks);
	out->floor = median(b, blocks);
	out->p99 = percentile99(a, blocks);
	compare(a, b, blocks, &out->ratio, &out->diff);
	compare(b + 1, b, blocks - 1, &out->ratio0, &out->diff0);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* times: what a number of times have in common */
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "times.h"

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

struct cli_times cli_times(uint64_t *ns, size_t n)
{
	if (n == 0)
		return (struct cli_times){0};
	qsort(ns, n, sizeof *ns, by_value);
	/* The nearest rank: the least time that so many of a hundred do not exceed. */
	return (struct cli_times){
	    .p50 = ns[(n * 50 + 99) / 100 - 1], .p99 = ns[(n * 99 + 99) / 100 - 1], .max = ns[n - 1]};
}

const char *cli_times_text(char out[64], const struct cli_times *t)
{
	char text[3][16];

	snprintf(out, 64, "p50 %s, p99 %s, max %s", cli_time(text[0], t->p50), cli_time(text[1], t->p99),
	         cli_time(text[2], t->max));
	return out;
}

/* SPDX-License-Identifier: MIT */
/* times: what a number of times have in common */
#ifndef SNUG_CLI_TIMES_H
#define SNUG_CLI_TIMES_H

#include <stddef.h>
#include <stdint.h>

struct cli_times {
	uint64_t p50, p99, max;
};

/* Of n times, which are sorted by it; zeros where n is 0. */
struct cli_times cli_times(uint64_t *ns, size_t n);

/* "p50 1.2 us, p99 3.4 us, max 5.6 us" */
const char *cli_times_text(char out[64], const struct cli_times *t);

#endif

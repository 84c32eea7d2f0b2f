/* SPDX-License-Identifier: MIT */
/* stats: the exits of a run, over all its reboots */
#ifndef SNUG_CLI_STATS_H
#define SNUG_CLI_STATS_H

#include <snug.h>

enum {
	CLI_STATS_KEPT = 512,                 /* rows with a key of their own, as many as one VM keeps */
	CLI_STATS_MAX = CLI_STATS_KEPT + 128, /* and room for each reason's SNUG_STAT_REST */
};

enum { CLI_KERNEL_MAX = 128, CLI_ASSIST_MAX = 16 };

struct cli_stats {
	struct snug_stat rows[CLI_STATS_MAX];
	size_t count;
	/* The kernel's figures that are not 0, and memory, of the last machine. */
	struct snug_kernel_stat kernel[CLI_KERNEL_MAX];
	size_t kernel_count;
	struct snug_assist_stat assist[CLI_ASSIST_MAX];
	size_t assist_count;
	struct snug_mem_usage memory; /* size 0: not known */
};

/*
 * Adds a VM's rows; keeps them costliest first.  Percentiles do not add up: over reboots a row has those of the machine
 * that had most of its exits.
 */
void cli_stats_add(struct cli_stats *s, const struct snug_stat *rows, size_t count);

/* Takes all a VM has to tell. */
void cli_stats_gather(struct cli_stats *s, snug_vm *vm);

/* "port 0x03f8 out", into a buffer of 32. */
const char *cli_stats_key(char out[32], const struct snug_stat *row);

/* The tables, to stderr, at most 100 columns. */
void cli_stats_print(const struct cli_stats *s);

#endif

/* SPDX-License-Identifier: MIT */
/* stats: the exits of a run, over all its reboots */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "stats.h"

static struct snug_stat *find(struct cli_stats *s, const struct snug_stat *r, uint32_t group)
{
	for (size_t i = 0; i < s->count; i++) {
		struct snug_stat *have = &s->rows[i];

		if (have->reason == r->reason && have->group == group &&
		    (group == SNUG_STAT_REST || (have->key == r->key && have->write == r->write)))
			return have;
	}
	return NULL;
}

static int by_cost(const void *a, const void *b)
{
	const struct snug_stat *x = a, *y = b;
	uint64_t cost_x = x->run_ns + x->host_ns, cost_y = y->run_ns + y->host_ns;

	return (cost_x < cost_y) - (cost_x > cost_y);
}

static void add_row(struct cli_stats *s, const struct snug_stat *r)
{
	struct snug_stat *to = find(s, r, r->group);
	uint32_t group = r->group;

	if (!to && s->count >= CLI_STATS_KEPT && group != SNUG_STAT_REASON) {
		group = SNUG_STAT_REST;
		to = find(s, r, group);
	}
	if (!to) {
		if (s->count == CLI_STATS_MAX)
			return;
		to = &s->rows[s->count++];
		*to = *r;
		to->group = group;
		return;
	}
	to->count += r->count;
	to->unclaimed += r->unclaimed;
	to->run_ns += r->run_ns;
	to->host_ns += r->host_ns;
}

void cli_stats_add(struct cli_stats *s, const struct snug_stat *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add_row(s, &rows[i]);
	qsort(s->rows, s->count, sizeof *s->rows, by_cost);
}

void cli_stats_gather(struct cli_stats *s, snug_vm *vm)
{
	struct snug_stat rows[CLI_STATS_MAX];
	int n = snug_stats_read(vm, rows, CLI_STATS_MAX);

	if (n > 0)
		cli_stats_add(s, rows, n < CLI_STATS_MAX ? (size_t)n : CLI_STATS_MAX);
}

const char *cli_stats_key(char out[32], const struct snug_stat *row)
{
	out[0] = 0;
	if (row->group == SNUG_STAT_PORT)
		snprintf(out, 32, "port 0x%04" PRIx64 " %s", row->key, row->write ? "out" : "in");
	else if (row->group == SNUG_STAT_PAGE)
		snprintf(out, 32, "page 0x%08" PRIx64 " %s", row->key, row->write ? "wr" : "rd");
	else if (row->group == SNUG_STAT_REST)
		snprintf(out, 32, "all further ones");
	return out;
}

static void print_row(const char *name, const char *key, const struct snug_stat *r)
{
	char t[4][16];
	uint64_t n = r->count ? r->count : 1;

	fprintf(stderr, "%-14s %-23s %10" PRIu64 " %9" PRIu64 " %9s %9s %9s %9s\n", name, key, r->count, r->unclaimed,
	        cli_time(t[0], r->run_ns), cli_time(t[1], r->run_ns / n), cli_time(t[2], r->host_ns),
	        cli_time(t[3], r->host_ns / n));
}

void cli_stats_print(const struct cli_stats *s)
{
	struct snug_stat sum = {0};
	char key[32];

	fprintf(stderr, "\n%-14s %-23s %10s %9s %19s %19s\n", "", "", "", "", "in KVM_RUN", "in snug");
	fprintf(stderr, "%-14s %-23s %10s %9s %9s %9s %9s %9s\n", "exit", "where", "count", "unclaimed", "total",
	        "mean", "total", "mean");
	for (size_t i = 0; i < s->count; i++) {
		const struct snug_stat *r = &s->rows[i];
		const char *name = snug_reason_name(r->reason);

		sum.count += r->count;
		sum.unclaimed += r->unclaimed;
		sum.run_ns += r->run_ns;
		sum.host_ns += r->host_ns;
		if (!strncmp(name, "KVM_EXIT_", 9))
			name += 9;
		print_row(name, cli_stats_key(key, r), r);
	}
	print_row("all", "", &sum);
}

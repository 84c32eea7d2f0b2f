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
	uint64_t cost_x = x->run.total + x->host.total, cost_y = y->run.total + y->host.total;

	return (cost_x < cost_y) - (cost_x > cost_y);
}

static void add_time(struct snug_stat_time *to, const struct snug_stat_time *t, bool more)
{
	to->total += t->total;
	to->max = to->max > t->max ? to->max : t->max;
	if (!more)
		return;
	to->p50 = t->p50;
	to->p99 = t->p99;
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
	add_time(&to->run, &r->run, r->count > to->count);
	add_time(&to->host, &r->host, r->count > to->count);
	to->count += r->count;
	to->unclaimed += r->unclaimed;
}

void cli_stats_add(struct cli_stats *s, const struct snug_stat *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add_row(s, &rows[i]);
	qsort(s->rows, s->count, sizeof *s->rows, by_cost);
}

static void gather_kernel(struct cli_stats *s, snug_vm *vm, snug_vcpu *vcpu)
{
	struct snug_kernel_stat rows[CLI_KERNEL_MAX];
	int n = snug_kernel_stats(vm, vcpu, rows, CLI_KERNEL_MAX, NULL);

	for (int i = 0; i < n && i < CLI_KERNEL_MAX && s->kernel_count < CLI_KERNEL_MAX; i++)
		if (rows[i].value)
			s->kernel[s->kernel_count++] = rows[i];
}

void cli_stats_gather(struct cli_stats *s, snug_vm *vm)
{
	struct snug_stat rows[CLI_STATS_MAX];
	int n = snug_stats_read(vm, rows, CLI_STATS_MAX);

	if (n > 0)
		cli_stats_add(s, rows, n < CLI_STATS_MAX ? (size_t)n : CLI_STATS_MAX);
	s->kernel_count = 0;
	gather_kernel(s, vm, NULL);
	gather_kernel(s, vm, snug_vm_vcpu(vm, 0));
	n = snug_assist_stats(vm, s->assist, CLI_ASSIST_MAX);
	s->assist_count = n < CLI_ASSIST_MAX ? (size_t)n : CLI_ASSIST_MAX;
	s->memory = (struct snug_mem_usage){0};
	snug_mem_used(vm, &s->memory, NULL);
}

const char *cli_stats_key(char out[32], const struct snug_stat *row)
{
	out[0] = 0;
	if (row->group == SNUG_STAT_PORT)
		snprintf(out, 32, "port 0x%04" PRIx64 " %s", row->key, row->write ? "out" : "in");
	else if (row->group == SNUG_STAT_PAGE)
		snprintf(out, 32, "page 0x%08" PRIx64 " %s", row->key, row->write ? "wr" : "rd");
	else if (row->group == SNUG_STAT_MSR)
		snprintf(out, 32, "msr 0x%" PRIx64 " %s", row->key, row->write ? "wr" : "rd");
	else if (row->group == SNUG_STAT_REST)
		snprintf(out, 32, "all further ones");
	return out;
}

static const char *short_name(const struct snug_stat *r)
{
	const char *name = snug_reason_name(r->reason);

	return strncmp(name, "KVM_EXIT_", 9) ? name : name + 9;
}

static void print_times(const char *name, const char *key, uint64_t number, uint64_t count,
                        const struct snug_stat_time *t)
{
	char text[5][16];

	fprintf(stderr, "%-14s %-23s %10" PRIu64 " %9s %9s %9s %9s %9s\n", name, key, number,
	        cli_time(text[0], t->total), cli_time(text[1], t->total / (count ? count : 1)),
	        cli_time(text[2], t->p50), cli_time(text[3], t->p99), cli_time(text[4], t->max));
}

static void print_head(const char *title, const char *number)
{
	fprintf(stderr, "\n%s\n%-14s %-23s %10s %9s %9s %9s %9s %9s\n", title, "exit", "where", number, "total",
	        "mean", "p50", "p99", "max");
}

static void print_sums(const struct cli_stats *s, bool host)
{
	uint64_t count = 0, unclaimed = 0, total = 0;
	char text[2][16];

	for (size_t i = 0; i < s->count; i++) {
		count += s->rows[i].count;
		unclaimed += s->rows[i].unclaimed;
		total += host ? s->rows[i].host.total : s->rows[i].run.total;
	}
	fprintf(stderr, "%-14s %-23s %10" PRIu64 " %9s %9s\n", "all", "", host ? unclaimed : count,
	        cli_time(text[0], total), cli_time(text[1], total / (count ? count : 1)));
}

static void print_kernel(const struct cli_stats *s)
{
	unsigned column = 0;

	fprintf(stderr, "\nthe kernel's own figures (KVM_GET_STATS_FD), those that are not 0\n");
	for (size_t i = 0; i < s->kernel_count; i++) {
		const struct snug_kernel_stat *k = &s->kernel[i];
		bool last = column == 1 || i + 1 == s->kernel_count;

		fprintf(stderr, "%-30.30s %14" PRIu64 "%s", k->name, k->value, last ? "\n" : "     ");
		column = last ? 0 : 1;
	}
}

static void print_assist(const struct cli_stats *s)
{
	fprintf(stderr, "\ninstructions done for KVM's emulator (docs/kvm-pvm.md)\n");
	for (size_t i = 0; i < s->assist_count; i++)
		fprintf(stderr, "%-30s %14" PRIu64 "\n", s->assist[i].name, s->assist[i].count);
}

void cli_stats_print(const struct cli_stats *s)
{
	char key[32], text[3][32];

	print_head("time in KVM_RUN, guest and kernel", "count");
	for (size_t i = 0; i < s->count; i++)
		print_times(short_name(&s->rows[i]), cli_stats_key(key, &s->rows[i]), s->rows[i].count,
		            s->rows[i].count, &s->rows[i].run);
	print_sums(s, false);
	print_head("time in snug after it", "unclaimed");
	for (size_t i = 0; i < s->count; i++)
		print_times(short_name(&s->rows[i]), cli_stats_key(key, &s->rows[i]), s->rows[i].unclaimed,
		            s->rows[i].count, &s->rows[i].host);
	print_sums(s, true);
	if (s->kernel_count)
		print_kernel(s);
	if (s->assist_count)
		print_assist(s);
	if (s->memory.size)
		fprintf(stderr, "\nguest memory: %s given, %s touched, %s resident\n",
		        cli_size(text[0], s->memory.given), cli_size(text[1], s->memory.touched),
		        cli_size(text[2], s->memory.resident));
}

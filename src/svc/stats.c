/* SPDX-License-Identifier: MIT */
/* stats: which exits there were, and what they cost */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "core/core.h"

#define ROWS 512u           /* of one vCPU; a power of two */
#define KEYED (ROWS - 128u) /* beyond that only rows for whole reasons are made, so that these always find room */

/* One vCPU's counters: an open-addressed table, used by its thread alone.  Times are in ticks of the VM. */
struct counter {
	struct snug_stat rows[ROWS];
	unsigned used;
	uint64_t entered, left; /* when KVM_RUN was last entered, and last came back with an exit */
	struct snug_stat *last; /* the row of the exit being dealt with */
};

struct stats {
	unsigned cpus;
	struct counter counters[];
};

static struct snug_stat key_of(const struct kvm_run *run)
{
	struct snug_stat k = {.reason = run->exit_reason};

	if (run->exit_reason == KVM_EXIT_IO) {
		k.group = SNUG_STAT_PORT;
		k.key = run->io.port;
		k.write = run->io.direction == KVM_EXIT_IO_OUT;
	} else if (run->exit_reason == KVM_EXIT_MMIO) {
		k.group = SNUG_STAT_PAGE;
		k.key = run->mmio.phys_addr & ~(SNUG_PAGE - 1);
		k.write = run->mmio.is_write;
	}
	return k;
}

static bool same_key(const struct snug_stat *a, const struct snug_stat *b)
{
	return a->reason == b->reason && a->group == b->group && a->key == b->key && a->write == b->write;
}

static uint64_t hash(const struct snug_stat *k)
{
	uint64_t h = k->key ^ (uint64_t)k->reason << 32 ^ (uint64_t)k->group << 40 ^ (uint64_t)k->write << 48;

	h *= 0x9e3779b97f4a7c15ull; /* Fibonacci hashing */
	return h >> 32;
}

/* The row of a key, or the free one where it would go, or NULL: the table is full. */
static struct snug_stat *probe(struct snug_stat *rows, const struct snug_stat *k)
{
	uint64_t h = hash(k);

	for (unsigned i = 0; i < ROWS; i++) {
		struct snug_stat *row = &rows[(h + i) % ROWS];

		if (row->count == 0 || same_key(row, k))
			return row;
	}
	return NULL;
}

/* Finds or makes the row.  A guest can make up keys without end: past KEYED rows a new one counts under its reason. */
static struct snug_stat *row_for(struct snug_stat *rows, unsigned *used, struct snug_stat k)
{
	struct snug_stat *row = probe(rows, &k);

	if (row && row->count)
		return row;
	if (k.group != SNUG_STAT_REASON && *used >= KEYED) {
		k.group = SNUG_STAT_REST;
		k.key = 0;
		row = probe(rows, &k);
	}
	if (row && !row->count) {
		*row = k;
		++*used;
	}
	return row; /* the caller counts: a row without a count is free */
}

/* The exit is dealt with: what passed since is user space's. */
static void settle(struct counter *c, uint64_t now)
{
	if (c->last)
		c->last->host_ns += now - c->left;
	c->last = NULL;
}

static void on_enter(void *ctx, unsigned cpu, uint64_t now)
{
	struct counter *c = &((struct stats *)ctx)->counters[cpu];

	settle(c, now);
	c->entered = now;
}

static void on_exited(void *ctx, unsigned cpu, uint64_t now, const struct kvm_run *run)
{
	struct counter *c = &((struct stats *)ctx)->counters[cpu];

	c->left = now;
	c->last = row_for(c->rows, &c->used, key_of(run));
	if (!c->last)
		return;
	c->last->count++;
	c->last->run_ns += now - c->entered;
}

static void on_handled(void *ctx, unsigned cpu, bool claimed)
{
	struct counter *c = &((struct stats *)ctx)->counters[cpu];

	if (c->last)
		c->last->unclaimed += !claimed;
}

static void on_left(void *ctx, unsigned cpu, uint64_t now)
{
	settle(&((struct stats *)ctx)->counters[cpu], now);
}

int snug_stats_start(snug_vm *vm, struct snug_error *err)
{
	struct snug__watcher w = {
	    .enter = on_enter, .exited = on_exited, .handled = on_handled, .left = on_left, .free = free};
	struct stats *s;
	int r;

	if (snug__watch_find(vm, on_enter))
		return 0;
	s = calloc(1, sizeof(*s) + vm->cpus * sizeof(s->counters[0]));
	if (!s)
		return snug__err(err, -ENOMEM, SNUG_STEP_NONE, "free some memory", "statistics: out of memory");
	s->cpus = vm->cpus;
	w.ctx = s;
	r = snug__watch_add(vm, &w, err);
	if (r < 0)
		free(s);
	return r;
}

static int by_cost(const void *a, const void *b)
{
	const struct snug_stat *x = a, *y = b;
	uint64_t cx = x->run_ns + x->host_ns, cy = y->run_ns + y->host_ns;

	return cx < cy ? 1 : cx > cy ? -1 : 0;
}

/* All vCPUs' rows in one table, packed and sorted; each has room for every key of all, so none is lost. */
int snug_stats_read(snug_vm *vm, struct snug_stat *rows, size_t max)
{
	const struct stats *s = snug__watch_find(vm, on_enter);
	double ns;
	struct snug_stat *sum;
	unsigned used = 0;
	size_t n = 0;

	if (!s)
		return 0;
	sum = calloc(ROWS, sizeof(*sum));
	if (!sum)
		return -ENOMEM;
	for (unsigned cpu = 0; cpu < s->cpus; cpu++) {
		for (unsigned i = 0; i < ROWS; i++) {
			const struct snug_stat *from = &s->counters[cpu].rows[i];
			struct snug_stat k = *from, *to;

			if (!from->count)
				continue;
			k.count = k.unclaimed = k.run_ns = k.host_ns = 0;
			to = row_for(sum, &used, k);
			if (!to)
				continue;
			to->count += from->count;
			to->unclaimed += from->unclaimed;
			to->run_ns += from->run_ns;
			to->host_ns += from->host_ns;
		}
	}
	ns = snug__ticks_ns(&vm->ticks);
	for (unsigned i = 0; i < ROWS; i++) {
		if (!sum[i].count)
			continue;
		sum[i].run_ns = (uint64_t)((double)sum[i].run_ns * ns);
		sum[i].host_ns = (uint64_t)((double)sum[i].host_ns * ns);
		sum[n++] = sum[i];
	}
	qsort(sum, n, sizeof(*sum), by_cost);
	if (max && rows)
		memcpy(rows, sum, snug__min(n, max) * sizeof(*rows));
	free(sum);
	return (int)n;
}

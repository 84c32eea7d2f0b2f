/* SPDX-License-Identifier: MIT */
/* stats: which exits there were, and what they cost */
#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "core/core.h"
#include "svc/hist.h"

#define ROWS 512u           /* of one vCPU; a power of two */
#define KEYED (ROWS - 128u) /* beyond that only rows for whole reasons are made, so that these always find room */

/* A row of the table.  Times are in ticks of the VM. */
struct row {
	struct snug_stat key; /* its times are not used */
	struct snug__hist run, host;
};

/* One vCPU's counters: an open-addressed table, used by its thread alone. */
struct counter {
	struct row rows[ROWS];
	unsigned used;
	uint64_t entered, left; /* when KVM_RUN was last entered, and last came back with an exit */
	struct row *last;       /* the row of the exit being dealt with */
};

struct stats {
	unsigned cpus;
	struct counter counters[];
};

static struct snug_stat key_of(const struct kvm_run *run)
{
	struct snug_stat k = {.reason = run->exit_reason};

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		k.group = SNUG_STAT_PORT;
		k.key = run->io.port;
		k.write = run->io.direction == KVM_EXIT_IO_OUT;
		break;
	case KVM_EXIT_MMIO:
		k.group = SNUG_STAT_PAGE;
		k.key = run->mmio.phys_addr & ~(SNUG_PAGE - 1);
		k.write = run->mmio.is_write;
		break;
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR:
		k.group = SNUG_STAT_MSR;
		k.key = run->msr.index;
		k.write = run->exit_reason == KVM_EXIT_X86_WRMSR;
		break;
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
static struct row *probe(struct row *rows, const struct snug_stat *k)
{
	uint64_t h = hash(k);

	for (unsigned i = 0; i < ROWS; i++) {
		struct row *row = &rows[(h + i) % ROWS];

		if (row->key.count == 0 || same_key(&row->key, k))
			return row;
	}
	return NULL;
}

/*
 * Finds or makes the row; the caller counts, and a row without a count is free.  A guest can make up keys without end:
 * past KEYED rows a new one counts under its reason.
 */
static struct row *row_for(struct row *rows, unsigned *used, struct snug_stat k)
{
	struct row *row = probe(rows, &k);

	if (row && row->key.count)
		return row;
	if (k.group != SNUG_STAT_REASON && *used >= KEYED) {
		k.group = SNUG_STAT_REST;
		k.key = 0;
		row = probe(rows, &k);
	}
	if (row && !row->key.count) {
		row->key = k;
		++*used;
	}
	return row;
}

static struct counter *counter_of(void *ctx, unsigned cpu)
{
	return &((struct stats *)ctx)->counters[cpu];
}

/* The exit is dealt with: what passed since is user space's. */
static void settle(struct counter *c, uint64_t now)
{
	if (c->last)
		snug__hist_add(&c->last->host, now - c->left);
	c->last = NULL;
}

static void on_enter(void *ctx, unsigned cpu, uint64_t now)
{
	struct counter *c = counter_of(ctx, cpu);

	settle(c, now);
	c->entered = now;
}

static void on_exited(void *ctx, unsigned cpu, uint64_t now, const struct kvm_run *run)
{
	struct counter *c = counter_of(ctx, cpu);

	c->left = now;
	c->last = row_for(c->rows, &c->used, key_of(run));
	if (!c->last)
		return;
	c->last->key.count++;
	snug__hist_add(&c->last->run, now - c->entered);
}

static void on_handled(void *ctx, unsigned cpu, bool claimed)
{
	struct counter *c = counter_of(ctx, cpu);

	if (c->last)
		c->last->key.unclaimed += !claimed;
}

static void on_left(void *ctx, unsigned cpu, uint64_t now)
{
	settle(counter_of(ctx, cpu), now);
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
	const struct row *x = a, *y = b;
	uint64_t cx = x->run.sum + x->host.sum, cy = y->run.sum + y->host.sum;

	return cx < cy ? 1 : cx > cy ? -1 : 0;
}

static struct snug_stat_time times(const struct snug__hist *h, double ns)
{
	return (struct snug_stat_time){
	    .total = (uint64_t)((double)h->sum * ns),
	    .p50 = (uint64_t)((double)snug__hist_percentile(h, 50) * ns),
	    .p99 = (uint64_t)((double)snug__hist_percentile(h, 99) * ns),
	    .max = (uint64_t)((double)h->max * ns),
	};
}

static void add_counter(struct row *sum, unsigned *used, const struct counter *c)
{
	for (unsigned i = 0; i < ROWS; i++) {
		const struct row *from = &c->rows[i];
		struct snug_stat k = from->key;
		struct row *to;

		if (!k.count)
			continue;
		k.count = k.unclaimed = 0;
		to = row_for(sum, used, k);
		if (!to)
			continue;
		to->key.count += from->key.count;
		to->key.unclaimed += from->key.unclaimed;
		snug__hist_merge(&to->run, &from->run);
		snug__hist_merge(&to->host, &from->host);
	}
}

/* The counters of vCPUs [first, end) in one table, packed and sorted. */
static int read_range(const snug_vm *vm, unsigned first, unsigned end, struct snug_stat *rows, size_t max)
{
	const struct stats *s = snug__watch_find(vm, on_enter);
	struct row *sum;
	unsigned used = 0;
	size_t n = 0;
	double ns;

	if (!s)
		return 0;
	sum = calloc(ROWS, sizeof(*sum));
	if (!sum)
		return -ENOMEM;
	for (unsigned cpu = first; cpu < end; cpu++)
		add_counter(sum, &used, &s->counters[cpu]);
	for (unsigned i = 0; i < ROWS; i++)
		if (sum[i].key.count)
			sum[n++] = sum[i];
	qsort(sum, n, sizeof(*sum), by_cost);
	ns = snug__ticks_ns(&vm->ticks);
	for (size_t i = 0; rows && i < n && i < max; i++) {
		rows[i] = sum[i].key;
		rows[i].run = times(&sum[i].run, ns);
		rows[i].host = times(&sum[i].host, ns);
	}
	free(sum);
	return (int)n;
}

int snug_stats_read(snug_vm *vm, struct snug_stat *rows, size_t max)
{
	return read_range(vm, 0, vm->cpus, rows, max);
}

int snug_stats_read_vcpu(snug_vcpu *vcpu, struct snug_stat *rows, size_t max)
{
	return read_range(vcpu->vm, vcpu->index, vcpu->index + 1, rows, max);
}

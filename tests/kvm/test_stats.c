/* SPDX-License-Identifier: MIT */
/* stats: exits are counted by what they were, exactly, and timed */
#include <errno.h>
#include <linux/kvm.h>
#include <time.h>

#include "../vmtest.h"

#define MAX 512

/* Five writes to a device's port, three to nobody's, two reads of memory that is nowhere, and the end. */
GUEST64(story,
        "mov $5, %ecx\n1: out %al, $0xe9\ndec %ecx\njnz 1b\nmov $3, %ecx\nmov $0x330, %edx\n"
        "2: out %al, %dx\ndec %ecx\njnz 2b\nmov $0xd0000000, %ebx\nmov (%rbx), %al\nmov 0xfff(%rbx), %al\nhlt");

static const struct snug_stat *find(const struct snug_stat *rows, int n, uint32_t reason, uint32_t group,
                                    uint64_t key)
{
	for (int i = 0; i < n; i++)
		if (rows[i].reason == reason && rows[i].group == group && rows[i].key == key)
			return &rows[i];
	fail_msg("no row for reason %u, group %u, key 0x%llx", reason, group, (unsigned long long)key);
	return NULL;
}

static int tell_story(struct box *b, struct snug_stat *rows, size_t max)
{
	box_open(b, (struct snug_config){.devices = SNUG_DEV_ALL, .unclaimed = SNUG_UNCLAIMED_IGNORE});
	BOX_LOAD(b, SNUG_MODE_LONG, story);
	assert_int_equal(snug_stats_start(b->vm, &b->e), 0);
	assert_exit(b, SNUG_EXIT_HLT);
	return snug_stats_read(b->vm, rows, max);
}

static void exact_counts(void **state)
{
	static struct snug_stat rows[MAX];
	const struct snug_stat *r;
	struct box b;
	int n = tell_story(&b, rows, MAX);

	(void)state;
	assert_int_equal(n, 4);
	r = find(rows, n, KVM_EXIT_IO, SNUG_STAT_PORT, 0xe9);
	assert_int_equal(r->count, 5);
	assert_int_equal(r->unclaimed, 0);
	assert_true(r->write);
	assert_true(r->run.total > 0 && r->host.total > 0);
	r = find(rows, n, KVM_EXIT_IO, SNUG_STAT_PORT, 0x330);
	assert_int_equal(r->count, 3);
	assert_int_equal(r->unclaimed, 3);
	r = find(rows, n, KVM_EXIT_MMIO, SNUG_STAT_PAGE, 0xd0000000);
	assert_int_equal(r->count, 2);
	assert_int_equal(r->unclaimed, 2);
	assert_false(r->write);
	r = find(rows, n, KVM_EXIT_HLT, SNUG_STAT_REASON, 0);
	assert_int_equal(r->count, 1);
	assert_int_equal(r->unclaimed, 0);
	box_close(&b);
}

static void costliest_first(void **state)
{
	static struct snug_stat rows[MAX];
	struct box b;
	int n = tell_story(&b, rows, MAX);

	(void)state;
	for (int i = 1; i < n; i++)
		assert_true(rows[i - 1].run.total + rows[i - 1].host.total >= rows[i].run.total + rows[i].host.total);
	box_close(&b);
}

/* `max` bounds what is written, not what is told; reading does not forget. */
static void small_tables(void **state)
{
	struct snug_stat rows[3] = {{0}};
	struct box b;

	(void)state;
	assert_int_equal(tell_story(&b, rows, 2), 4);
	assert_true(rows[1].count > 0);
	assert_int_equal(rows[2].count, 0);
	assert_int_equal(snug_stats_read(b.vm, NULL, 0), 4);
	assert_int_equal(snug_stats_read(b.vm, rows, 1), 4);
	box_close(&b);
}

static void nothing_before_the_start(void **state)
{
	struct snug_stat row;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, story);
	assert_int_equal(snug_stats_read(b.vm, &row, 1), 0);
	assert_exit(&b, SNUG_EXIT_PIO); /* 0x330: the five before are not counted */
	assert_int_equal(snug_stats_start(b.vm, &b.e), 0);
	assert_int_equal(snug_stats_start(b.vm, &b.e), 0); /* on already */
	assert_exit(&b, SNUG_EXIT_PIO);
	assert_int_equal(snug_stats_read(b.vm, &row, 1), 1);
	assert_int_equal(row.count, 1);
	assert_int_equal(row.key, 0x330);
	assert_int_equal(row.unclaimed, 1);
	box_close(&b);
}

/* Reads and writes of one port are two rows. */
GUEST64(both_ways, "in $0xe9, %al\nin $0xe9, %al\nout %al, $0xe9\nhlt");

static void directions_are_kept_apart(void **state)
{
	struct snug_stat rows[8];
	unsigned reads = 0, writes = 0;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, both_ways);
	assert_int_equal(snug_stats_start(b.vm, &b.e), 0);
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_int_equal(snug_stats_read(b.vm, rows, 8), 3);
	for (int i = 0; i < 3; i++) {
		if (rows[i].reason != KVM_EXIT_IO)
			continue;
		*(rows[i].write ? &writes : &reads) += (unsigned)rows[i].count;
	}
	assert_int_equal(reads, 2);
	assert_int_equal(writes, 1);
	box_close(&b);
}

/* All vCPUs are added up. */
static void several_vcpus(void **state)
{
	static struct snug_stat rows[MAX];
	struct box b;
	int n;

	(void)state;
	box_open(&b, (struct snug_config){.cpus = 3, .devices = SNUG_DEV_ALL, .unclaimed = SNUG_UNCLAIMED_IGNORE});
	BOX_LOAD(&b, SNUG_MODE_LONG, story);
	assert_int_equal(snug_stats_start(b.vm, &b.e), 0);
	for (unsigned i = 0; i < 3; i++) {
		b.cpu = snug_vm_vcpu(b.vm, i);
		assert_int_equal(snug_vcpu_boot(b.cpu, SNUG_MODE_LONG, BASE, 0x800000, &b.e), 0);
		assert_exit(&b, SNUG_EXIT_HLT);
	}
	n = snug_stats_read(b.vm, rows, MAX);
	assert_int_equal(n, 4);
	assert_int_equal(find(rows, n, KVM_EXIT_IO, SNUG_STAT_PORT, 0xe9)->count, 15);
	assert_int_equal(find(rows, n, KVM_EXIT_HLT, SNUG_STAT_REASON, 0)->count, 3);
	n = snug_stats_read_vcpu(b.cpu, rows, MAX);
	assert_int_equal(n, 4);
	assert_int_equal(find(rows, n, KVM_EXIT_IO, SNUG_STAT_PORT, 0xe9)->count, 5);
	box_close(&b);
}

static void check_time(const struct snug_stat_time *t, uint64_t count)
{
	assert_true(t->p50 > 0 && t->p50 <= t->p99 && t->p99 <= t->max);
	assert_true(t->max <= t->total && t->total <= t->max * count);
}

/* The times are of the run: no more than it took in all. */
static void times_hold_together(void **state)
{
	static struct snug_stat rows[MAX];
	struct timespec from, to;
	uint64_t sum = 0, took;
	struct box b;
	int n;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &from);
	n = tell_story(&b, rows, MAX);
	clock_gettime(CLOCK_MONOTONIC, &to);
	took = (uint64_t)((to.tv_sec - from.tv_sec) * 1000000000 + (to.tv_nsec - from.tv_nsec));
	for (int i = 0; i < n; i++) {
		check_time(&rows[i].run, rows[i].count);
		check_time(&rows[i].host, rows[i].count);
		sum += rows[i].run.total + rows[i].host.total;
	}
	assert_in_range(sum, 1, took + took / 10);
	box_close(&b);
}

static uint64_t kernel_figure(const struct snug_kernel_stat *rows, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(rows[i].name, name))
			return rows[i].value;
	fail_msg("the kernel has no figure '%s'", name);
	return 0;
}

static void the_kernels_own(void **state)
{
	static struct snug_kernel_stat rows[256];
	static struct snug_stat ours[MAX];
	struct box b;
	int n;

	(void)state;
	tell_story(&b, ours, MAX);
	n = snug_kernel_stats(b.vm, b.cpu, rows, 256, &b.e);
	if (n == -ENOTSUP) {
		box_close(&b);
		skip();
	}
	assert_in_range(n, 10, 256);
	assert_true(kernel_figure(rows, n, "exits") >= 11);
	assert_int_equal(snug_kernel_stats(b.vm, b.cpu, rows, 2, &b.e), n);
	n = snug_kernel_stats(b.vm, NULL, rows, 256, &b.e);
	assert_in_range(n, 5, 256);
	assert_int_equal(snug_kernel_stats(b.vm, NULL, NULL, 0, &b.e), n);
	box_close(&b);
}

static void memory_in_use(void **state)
{
	struct snug_mem_usage u, before;
	struct snug_region ro = {.gpa = 0xe0000000, .bytes = 0x10000, .flags = SNUG_MEM_READONLY};
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.mem_bytes = 8 << 20});
	assert_int_equal(snug_mem_used(b.vm, &before, &b.e), 0);
	assert_int_equal(before.given, 8 << 20);
	assert_int_equal(before.touched, 0);
	for (uint64_t gpa = 0x10000; gpa < 0x10000 + 5 * 4096; gpa += 4096)
		assert_int_equal(snug_mem_write(b.vm, gpa, "x", 1), 0);
	assert_int_equal(snug_mem_add(b.vm, &ro, &b.e), 0);
	assert_int_equal(snug_mem_used(b.vm, &u, &b.e), 0);
	assert_int_equal(u.given, (8 << 20) + 0x10000);
	assert_int_equal(u.touched, 5 * 4096);
	assert_int_equal(u.resident, u.touched);
	box_close(&b);
}

/* A write to each of 1000 pages, then one to a page that has a row. */
GUEST64(many_pages,
        "mov $0xd0000000, %ebx\nmov $1000, %ecx\n1: mov %al, (%rbx)\nadd $0x1000, %ebx\ndec %ecx\njnz 1b\n"
        "mov $0xd0000000, %ebx\nmov %al, (%rbx)\nhlt");

static void keys_without_end(void **state)
{
	static struct snug_stat rows[MAX + 1];
	const struct snug_stat *rest;
	uint64_t count = 0;
	struct box b;
	int n;

	(void)state;
	box_open(&b, (struct snug_config){.unclaimed = SNUG_UNCLAIMED_IGNORE});
	BOX_LOAD(&b, SNUG_MODE_LONG, many_pages);
	assert_int_equal(snug_stats_start(b.vm, &b.e), 0);
	assert_exit(&b, SNUG_EXIT_HLT);
	n = snug_stats_read(b.vm, rows, MAX + 1);
	assert_in_range(n, 100, MAX);
	for (int i = 0; i < n; i++)
		count += rows[i].count;
	assert_int_equal(count, 1002);
	rest = find(rows, n, KVM_EXIT_MMIO, SNUG_STAT_REST, 0);
	assert_int_equal(rest->count, 1000 - (n - 2));
	assert_int_equal(find(rows, n, KVM_EXIT_MMIO, SNUG_STAT_PAGE, 0xd0000000)->count, 2);
	assert_int_equal(find(rows, n, KVM_EXIT_HLT, SNUG_STAT_REASON, 0)->count, 1);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST(exact_counts),
	    KVM_TEST(costliest_first),
	    KVM_TEST(small_tables),
	    KVM_TEST(nothing_before_the_start),
	    KVM_TEST(directions_are_kept_apart),
	    KVM_TEST(several_vcpus),
	    KVM_TEST(times_hold_together),
	    KVM_TEST(the_kernels_own),
	    KVM_TEST(memory_in_use),
	    KVM_TEST(keys_without_end),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}

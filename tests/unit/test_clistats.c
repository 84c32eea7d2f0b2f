/* SPDX-License-Identifier: MIT */
/* stats: rows of several machines added up, never more than there is room for */
#include "check.h"

#include <linux/kvm.h>
#include <stdlib.h>

#include "stats.h"

static struct snug_stat port(uint64_t key, uint64_t ns)
{
	return (struct snug_stat){.reason = KVM_EXIT_IO,
	                          .group = SNUG_STAT_PORT,
	                          .key = key,
	                          .count = 1,
	                          .run = {.total = ns, .p50 = ns, .p99 = ns, .max = ns}};
}

static void test_same_rows_add_up(void **state)
{
	struct cli_stats *s = calloc(1, sizeof *s);
	struct snug_stat rows[] = {port(1, 10), port(2, 30), port(1, 5)};

	(void)state;
	rows[2].write = true;
	cli_stats_add(s, rows, 3);
	cli_stats_add(s, rows, 2);
	assert_int_equal(s->count, 3);
	assert_int_equal(s->rows[0].key, 2);
	assert_int_equal(s->rows[0].count, 2);
	assert_int_equal(s->rows[0].run.total, 60);
	assert_int_equal(s->rows[1].run.total, 20);
	assert_true(s->rows[2].write && s->rows[2].count == 1);
	free(s);
}

static void test_too_many_keys_become_the_rest(void **state)
{
	struct cli_stats *s = calloc(1, sizeof *s);
	struct snug_stat reason = {.reason = KVM_EXIT_HLT, .count = 1};
	uint64_t all = 0;

	(void)state;
	for (uint64_t i = 0; i < 2000; i++) {
		struct snug_stat r = port(i, 1);

		cli_stats_add(s, &r, 1);
	}
	cli_stats_add(s, &reason, 1);
	assert_int_equal(s->count, CLI_STATS_KEPT + 2);
	for (size_t i = 0; i < s->count; i++)
		all += s->rows[i].count;
	assert_int_equal(all, 2001);
	assert_int_equal(s->rows[0].group, SNUG_STAT_REST);
	assert_int_equal(s->rows[0].count, 2000 - CLI_STATS_KEPT);
	free(s);
}

static void test_keys_as_printed(void **state)
{
	struct snug_stat r = port(0x3f8, 0);
	char key[32];

	(void)state;
	assert_string_equal(cli_stats_key(key, &r), "port 0x03f8 in");
	r.group = SNUG_STAT_PAGE;
	r.key = 0xfee00000;
	r.write = true;
	assert_string_equal(cli_stats_key(key, &r), "page 0xfee00000 wr");
	r.group = SNUG_STAT_REASON;
	assert_string_equal(cli_stats_key(key, &r), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_same_rows_add_up),
	    cmocka_unit_test(test_too_many_keys_become_the_rest),
	    cmocka_unit_test(test_keys_as_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

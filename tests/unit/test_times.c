/* SPDX-License-Identifier: MIT */
/* times: what a number of times have in common */
#include "check.h"

#include "times.h"

static void test_few(void **state)
{
	uint64_t one[] = {7}, three[] = {30, 10, 20};
	struct cli_times t = cli_times(one, 1);

	(void)state;
	assert_true(t.p50 == 7 && t.p99 == 7 && t.max == 7);
	t = cli_times(three, 3);
	assert_true(t.p50 == 20 && t.p99 == 30 && t.max == 30);
	t = cli_times(one, 0);
	assert_true(t.p50 == 0 && t.p99 == 0 && t.max == 0);
}

static void test_many(void **state)
{
	uint64_t ns[1000];
	struct cli_times t;
	char text[64];

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		ns[i] = 1000 * ((i * 7) % 1000 + 1); /* 7 and 1000 have no factor in common: each of 1 to 1000 us */
	t = cli_times(ns, 1000);
	assert_true(t.p50 == 500000 && t.p99 == 990000 && t.max == 1000000);
	assert_string_equal(cli_times_text(text, &t), "p50 500.0 us, p99 990.0 us, max 1.0 ms");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_few),
	    cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

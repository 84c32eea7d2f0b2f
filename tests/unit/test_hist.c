/* SPDX-License-Identifier: MIT */
/* hist: percentiles against the same ones of a sorted list */
#include <stdlib.h>

#include "check.h"
#include "svc/hist.h"

static struct snug__hist h;

static int clear(void **state)
{
	(void)state;
	memset(&h, 0, sizeof(h));
	return 0;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void empty(void **state)
{
	(void)state;
	assert_int_equal(snug__hist_percentile(&h, 50), 0);
	assert_int_equal(snug__hist_percentile(&h, 99), 0);
}

static void one(void **state)
{
	(void)state;
	snug__hist_add(&h, 1000003);
	assert_int_equal(h.sum, 1000003);
	assert_int_equal(h.max, 1000003);
	for (unsigned p = 1; p <= 100; p++)
		assert_in_range(snug__hist_percentile(&h, p), 1000003 * 15 / 16, 1000003);
}

/* Each bucket starts where the one before ends. */
static void buckets(void **state)
{
	unsigned last = 0;

	(void)state;
	for (uint64_t v = 0; v < 1 << 16; v++) {
		unsigned b = snug__hist_bucket(v);

		assert_true(b == last || b == last + 1);
		last = b;
	}
	assert_int_equal(snug__hist_bucket((1ull << 40) - 1), SNUG__HIST_BUCKETS - 1);
	assert_int_equal(snug__hist_bucket(UINT64_MAX), SNUG__HIST_BUCKETS - 1);
}

static void against_a_sorted_list(void **state)
{
	static uint64_t values[10000];
	const size_t n = sizeof(values) / sizeof(values[0]);
	uint64_t seed = 12345;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		values[i] = seed >> 33 >> (seed & 31);
		snug__hist_add(&h, values[i]);
	}
	qsort(values, n, sizeof(values[0]), by_value);
	for (unsigned p = 1; p <= 100; p++) {
		uint64_t real = values[(n * p + 99) / 100 - 1], got = snug__hist_percentile(&h, p);

		if (got > real + real / 15 + 1 || got < real - real / 15)
			fail_msg("p%u: %llu, really %llu", p, (unsigned long long)got, (unsigned long long)real);
	}
	assert_int_equal(h.max, values[n - 1]);
}

static void merged(void **state)
{
	struct snug__hist other = {0};

	(void)state;
	for (int i = 0; i < 90; i++)
		snug__hist_add(&h, 10);
	for (int i = 0; i < 10; i++)
		snug__hist_add(&other, 1000);
	snug__hist_merge(&h, &other);
	assert_int_equal(h.sum, 900 + 10000);
	assert_int_equal(h.max, 1000);
	assert_int_equal(snug__hist_percentile(&h, 90), 10);
	assert_in_range(snug__hist_percentile(&h, 91), 930, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(empty, clear),   cmocka_unit_test_setup(one, clear),
	    cmocka_unit_test_setup(buckets, clear), cmocka_unit_test_setup(against_a_sorted_list, clear),
	    cmocka_unit_test_setup(merged, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* ticks: stamps turn into the nanoseconds that passed */
#include <time.h>

#include "check.h"
#include "host/ticks.h"

static void agrees(const struct snug__ticks *t)
{
	static const struct timespec nap = {.tv_nsec = 20000000};
	uint64_t from = snug__ticks_now(t), from_ns = snug__now_ns(), to, to_ns;
	double measured, real;

	nanosleep(&nap, NULL);
	to = snug__ticks_now(t);
	to_ns = snug__now_ns();
	measured = (double)(to - from) * snug__ticks_ns(t);
	real = (double)(to_ns - from_ns);
	if (measured < 0.9 * real || measured > 1.1 * real)
		fail_msg("%.0f ns measured, %.0f ns passed", measured, real);
}

static void counter(void **unused)
{
	struct snug__ticks t;

	(void)unused;
	snug__ticks_init(&t);
	agrees(&t);
}

static void plain_clock(void **unused)
{
	struct snug__ticks t;

	(void)unused;
	snug__ticks_init(&t);
	t.tsc = false;
	t.start = t.start_ns;
	assert_true(snug__ticks_ns(&t) > 0.999 && snug__ticks_ns(&t) < 1.001);
	agrees(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(counter), cmocka_unit_test(plain_clock)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

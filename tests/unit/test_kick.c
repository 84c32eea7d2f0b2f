/* SPDX-License-Identifier: MIT */
/* kick: no signal outside begin and end, whatever the order */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "check.h"
#include "host/clock.h"
#include "host/kick.h"

static struct snug__kick kick;

static int setup(void **state)
{
	(void)state;
	return snug__kick_init(&kick);
}

static int teardown(void **state)
{
	(void)state;
	snug__kick_destroy(&kick);
	return 0;
}

static bool blocked(void)
{
	sigset_t now;

	pthread_sigmask(SIG_BLOCK, NULL, &now);
	return sigismember(&now, SIGURG);
}

static bool pending(void)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, SIGURG);
}

static void before(void **state)
{
	uint64_t mask;

	(void)state;
	assert_false(snug__kick_take(&kick));
	snug__kick(&kick);
	snug__kick(&kick); /* they do not add up */
	assert_int_equal(snug__kick_begin(&kick, 0, 0, &mask), 0);
	assert_true(snug__kick_take(&kick));
	assert_false(snug__kick_take(&kick));
	snug__kick_end(&kick);
	assert_false(blocked());
}

static void during(void **state)
{
	uint64_t mask;

	(void)state;
	assert_int_equal(snug__kick_begin(&kick, 0, 0, &mask), 0);
	assert_true(blocked());
	assert_int_equal(mask >> (SIGURG - 1) & 1, 0); /* but open inside KVM_RUN */
	assert_true(snug__kick_running(&kick));
	assert_int_equal(snug__kick_begin(&kick, 0, 0, &mask), -EBUSY);
	snug__kick(&kick);
	assert_true(pending());
	assert_true(snug__kick_take(&kick));
	snug__kick_end(&kick);
	assert_false(pending());
	assert_false(blocked());
	assert_false(snug__kick_running(&kick));
}

/* Who blocked SIGURG before keeps it so. */
static void kept_mask(void **state)
{
	sigset_t set;
	uint64_t mask;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGURG);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	assert_int_equal(snug__kick_begin(&kick, 0, 0, &mask), 0);
	assert_int_equal(mask >> (SIGUSR1 - 1) & 1, 1);
	assert_int_equal(mask >> (SIGURG - 1) & 1, 0);
	snug__kick_end(&kick);
	assert_true(blocked());
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void deadline(void **state)
{
	static const struct timespec long_enough = {.tv_sec = 5};
	uint64_t mask, start = snug__now_ns();
	sigset_t set;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGURG);
	assert_int_equal(snug__kick_begin(&kick, 20000000, 0, &mask), 0);
	assert_false(snug__kick_expired(&kick));
	assert_int_equal(sigtimedwait(&set, NULL, &long_enough), SIGURG);
	assert_true(snug__kick_expired(&kick));
	assert_true(snug__now_ns() - start >= 20000000);
	snug__kick_end(&kick);
	/* The timer is off: a later run without a limit is not disturbed, and one that ends early leaves nothing. */
	assert_int_equal(snug__kick_begin(&kick, 1, 0, &mask), 0);
	while (!pending())
		;
	snug__kick_end(&kick);
	assert_false(pending());
	assert_int_equal(snug__kick_begin(&kick, 0, 0, &mask), 0);
	assert_false(snug__kick_expired(&kick));
	snug__kick_end(&kick);
	assert_int_equal(snug__kick_begin(&kick, UINT64_MAX, 0, &mask), 0);
	assert_false(snug__kick_expired(&kick));
	snug__kick_end(&kick);
}

static void *kicker(void *stop)
{
	while (!atomic_load((atomic_bool *)stop))
		snug__kick(&kick);
	return NULL;
}

/* A storm of kicks: a signal outside would end this program, whose SIGURG handler fails the test. */
static void got_one(int signo)
{
	(void)signo;
	_exit(97);
}

static void storm(void **state)
{
	atomic_bool stop = false;
	struct sigaction old, act = {.sa_handler = got_one};
	pthread_t thread;
	uint64_t mask;

	(void)state;
	sigaction(SIGURG, &act, &old);
	assert_int_equal(pthread_create(&thread, NULL, kicker, &stop), 0);
	for (int i = 0; i < 20000; i++) {
		assert_int_equal(snug__kick_begin(&kick, i % 3 ? 0 : 1000, 0, &mask), 0);
		snug__kick_take(&kick);
		snug__kick_end(&kick);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	assert_false(pending());
	sigaction(SIGURG, &old, NULL);
}

static void *kick_once(void *unused)
{
	snug__kick(&kick);
	return unused;
}

/* A kick cannot be answered before its signal was sent: that would be left to the next run, as one without a kick. */
static void one_step(void **state)
{
	uint64_t from = snug__now_ns();
	pthread_t thread;
	bool early = false;

	(void)state;
	pthread_mutex_lock(&kick.lock);
	assert_int_equal(pthread_create(&thread, NULL, kick_once, NULL), 0);
	while (!early && snug__now_ns() - from < 50000000)
		early = snug__kick_take(&kick);
	pthread_mutex_unlock(&kick.lock);
	pthread_join(thread, NULL);
	assert_false(early);
	assert_true(snug__kick_take(&kick));
}

/* The thread it signals may end, and its number be given away. */
static void timer_ends_with_run(void **state)
{
	uint64_t mask;

	(void)state;
	assert_int_equal(snug__kick_begin(&kick, 1000000000, 0, &mask), 0);
	assert_true(kick.has_timer);
	snug__kick_end(&kick);
	assert_false(kick.has_timer);
	assert_false(pending());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(before, setup, teardown),
	    cmocka_unit_test_setup_teardown(during, setup, teardown),
	    cmocka_unit_test_setup_teardown(kept_mask, setup, teardown),
	    cmocka_unit_test_setup_teardown(deadline, setup, teardown),
	    cmocka_unit_test_setup_teardown(storm, setup, teardown),
	    cmocka_unit_test_setup_teardown(one_step, setup, teardown),
	    cmocka_unit_test_setup_teardown(timer_ends_with_run, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

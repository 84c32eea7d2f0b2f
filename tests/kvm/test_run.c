/* SPDX-License-Identifier: MIT */
/* run: time limits, kicks and signals, and what the application's own signals keep to themselves */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "../vmtest.h"

GUEST64(spin, "spin_at: jmp spin_at");
GUEST64(busy, "1: out %al, $0xe9\njmp 1b");
GUEST64(halt, "hlt");

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void nap(uint64_t ns)
{
	struct timespec t = {.tv_sec = (time_t)(ns / SECOND), .tv_nsec = (long)(ns % SECOND)};

	while (nanosleep(&t, &t) < 0)
		;
}

static void drop_output(void *ctx, const void *bytes, size_t len)
{
	(void)ctx, (void)bytes, (void)len;
}

/* Is a signal pending for this thread or process? */
static bool pending(int sig)
{
	sigset_t set;

	assert_int_equal(sigpending(&set), 0);
	return sigismember(&set, sig) == 1;
}

static bool blocked(int sig)
{
	sigset_t set;

	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &set), 0);
	return sigismember(&set, sig) == 1;
}

static enum snug_exit_kind run_for(struct box *b, uint64_t limit)
{
	memset(&b->x, 0, sizeof(b->x));
	assert_int_equal(snug_vcpu_run(b->cpu, limit, &b->x, &b->e), 0);
	return b->x.kind;
}

static void never_too_early(void **state)
{
	static const uint64_t limits[] = {1, 1000, 1 * MS, 20 * MS, 100 * MS};
	struct box b;

	(void)state;
	for (enum snug_mode m = SNUG_MODE_LONG; m <= SNUG_MODE_USER; m++) {
		BOX(&b, m, spin);
		for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
			uint64_t begun = now();

			assert_int_equal(run_for(&b, limits[i]), SNUG_EXIT_TIMEOUT);
			assert_true(now() - begun >= limits[i]);
		}
		box_close(&b);
	}
}

/* Exits that devices deal with count against the time. */
static void time_spent_in_devices_counts(void **state)
{
	struct box b;
	uint64_t begun = now();

	(void)state;
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL, .console = {.write = drop_output}});
	BOX_LOAD(&b, SNUG_MODE_LONG, busy);
	assert_int_equal(run_for(&b, 30 * MS), SNUG_EXIT_TIMEOUT);
	assert_true(now() - begun >= 30 * MS);
	box_close(&b);
}

/* A guest that ends by itself is not kept until the limit, however far that is. */
static void far_limits(void **state)
{
	static const uint64_t limits[] = {0, 3600 * SECOND, UINT64_MAX / 2, UINT64_MAX};
	uint64_t begun = now();
	struct box b;

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		BOX(&b, SNUG_MODE_LONG, halt);
		assert_int_equal(run_for(&b, limits[i]), SNUG_EXIT_HLT);
		box_close(&b);
	}
	assert_true(now() - begun < PATIENCE);
}

static void kick_before_run(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, halt);
	for (int i = 0; i < 3; i++) /* they do not add up */
		snug_vcpu_kick(b.cpu);
	assert_exit(&b, SNUG_EXIT_KICKED);
	assert_ptr_equal(b.x.vcpu, b.cpu);
	assert_int_equal(box_reg(&b, "rip"), BASE);
	assert_exit(&b, SNUG_EXIT_HLT);
	box_close(&b);
}

/* The host has heard from the guest when this is set. */
static atomic_bool heard;

static void hear(void *ctx, const void *bytes, size_t len)
{
	(void)ctx, (void)bytes, (void)len;
	atomic_store(&heard, true);
}

static void *kick_when_heard(void *arg)
{
	while (!atomic_load(&heard))
		nap(MS / 10);
	nap(2 * MS); /* by now it spins */
	snug_vcpu_kick(arg);
	return NULL;
}

GUEST64(say_and_spin, "out %al, $0xe9\n1: jmp 1b");
GUEST16(say_and_spin16, "mov $65, %al\nout %al, $0xe9\n1: jmp 1b");

static void kick_while_running(void **state)
{
	pthread_t t;
	struct box b;

	for (int i = 0; i < 5; i++) {
		atomic_store(&heard, false);
		box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL, .console = {.write = hear}});
		BOX_LOAD(&b, *(const enum snug_mode *)*state, say_and_spin);
		assert_int_equal(pthread_create(&t, NULL, kick_when_heard, b.cpu), 0);
		assert_int_equal(run_for(&b, i % 2 ? PATIENCE : 0), SNUG_EXIT_KICKED);
		assert_int_equal(pthread_join(t, NULL), 0);
		assert_int_equal(run_for(&b, 5 * MS), SNUG_EXIT_TIMEOUT); /* it was answered once */
		assert_false(blocked(SIGURG));
		box_close(&b);
	}
}

static void kick_from_console(void *ctx, const void *bytes, size_t len)
{
	struct box *b = ctx;

	(void)bytes, (void)len;
	b->nout++;
	snug_vcpu_kick(b->cpu);
}

static void kick_from_a_device(void **state)
{
	struct box b;
	struct snug_config cfg = {.devices = SNUG_DEV_ALL, .console = {.write = kick_from_console, .ctx = &b}};

	(void)state;
	box_open(&b, cfg);
	BOX_LOAD(&b, SNUG_MODE_LONG, busy);
	for (size_t i = 1; i < 5; i++) {
		assert_exit(&b, SNUG_EXIT_KICKED);
		assert_int_equal(b.nout, i);
	}
	box_close(&b);
}

struct stormer {
	snug_vcpu *cpu;
	atomic_bool stop;
	unsigned kicks;
};

static void *storm(void *arg)
{
	struct stormer *s = arg;

	while (!atomic_load(&s->stop)) {
		snug_vcpu_kick(s->cpu);
		s->kicks++;
		nap(MS / 20);
	}
	return NULL;
}

/* Kicks at any moment of a run: each run ends by a kick or its limit, and no signal is left over. */
static void storm_of_kicks(void **state)
{
	struct stormer s = {0};
	unsigned kicked = 0;
	pthread_t t;
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL, .console = {.write = drop_output}});
	BOX_LOAD(&b, SNUG_MODE_LONG, busy);
	s.cpu = b.cpu;
	assert_int_equal(pthread_create(&t, NULL, storm, &s), 0);
	for (int i = 0; i < 300; i++) {
		enum snug_exit_kind k = run_for(&b, MS);

		assert_true(k == SNUG_EXIT_KICKED || k == SNUG_EXIT_TIMEOUT);
		kicked += k == SNUG_EXIT_KICKED;
		assert_false(pending(SIGURG));
		assert_false(blocked(SIGURG));
	}
	atomic_store(&s.stop, true);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_true(kicked > 0);
	run_for(&b, MS); /* takes the last kick, if there is one */
	assert_int_equal(run_for(&b, MS), SNUG_EXIT_TIMEOUT);
	assert_false(pending(SIGURG));
	box_close(&b);
}

static volatile sig_atomic_t usr1, urg;

static void count_signal(int sig)
{
	if (sig == SIGUSR1)
		usr1++;
	else
		urg++;
}

static void handle(int sig, void (*handler)(int))
{
	struct sigaction sa = {.sa_handler = handler};

	assert_int_equal(sigaction(sig, &sa, NULL), 0);
}

static void *signal_when_heard(void *arg)
{
	while (!atomic_load(&heard))
		nap(MS / 10);
	nap(2 * MS);
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	return NULL;
}

/* The handler runs, the caller is told, and running again goes on. */
static void other_signals_come_through(void **state)
{
	pthread_t me = pthread_self(), t;
	struct box b;

	(void)state;
	usr1 = 0;
	atomic_store(&heard, false);
	handle(SIGUSR1, count_signal);
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL, .console = {.write = hear}});
	BOX_LOAD(&b, SNUG_MODE_LONG, say_and_spin);
	assert_int_equal(pthread_create(&t, NULL, signal_when_heard, &me), 0);
	assert_int_equal(run_for(&b, PATIENCE), SNUG_EXIT_SIGNAL);
	assert_int_equal(usr1, 1);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_int_equal(run_for(&b, 5 * MS), SNUG_EXIT_TIMEOUT);
	assert_int_equal(usr1, 1);
	handle(SIGUSR1, SIG_DFL);
	box_close(&b);
}

/* What the application has blocked stays blocked inside KVM_RUN, also where that changes between runs. */
static void own_mask_is_kept(void **state)
{
	sigset_t set;
	struct box b;

	(void)state;
	usr1 = 0;
	handle(SIGUSR1, count_signal);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	BOX(&b, SNUG_MODE_LONG, spin);
	assert_int_equal(run_for(&b, MS), SNUG_EXIT_TIMEOUT);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	assert_int_equal(pthread_kill(pthread_self(), SIGUSR1), 0);
	assert_int_equal(run_for(&b, 5 * MS), SNUG_EXIT_TIMEOUT);
	assert_true(pending(SIGUSR1));
	assert_true(blocked(SIGUSR1));
	assert_int_equal(usr1, 0);
	assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
	assert_int_equal(usr1, 1);
	assert_int_equal(run_for(&b, MS), SNUG_EXIT_TIMEOUT);
	handle(SIGUSR1, SIG_DFL);
	box_close(&b);
}

/* SIGURG itself: an application that blocks it, or has a handler for it, finds it as it was. */
static void sigurg_is_given_back(void **state)
{
	sigset_t set;
	struct box b;

	(void)state;
	urg = 0;
	handle(SIGURG, count_signal);
	sigemptyset(&set);
	sigaddset(&set, SIGURG);
	BOX(&b, SNUG_MODE_LONG, spin);
	assert_int_equal(run_for(&b, MS), SNUG_EXIT_TIMEOUT);
	snug_vcpu_kick(b.cpu);
	assert_int_equal(run_for(&b, MS), SNUG_EXIT_KICKED);
	assert_false(blocked(SIGURG));
	assert_int_equal(urg, 0);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	assert_int_equal(run_for(&b, MS), SNUG_EXIT_TIMEOUT);
	assert_true(blocked(SIGURG));
	assert_false(pending(SIGURG));
	assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
	assert_int_equal(urg, 0);
	assert_int_equal(raise(SIGURG), 0);
	assert_int_equal(urg, 1);
	handle(SIGURG, SIG_DFL);
	box_close(&b);
}

struct runner {
	snug_vcpu *cpu;
	uint64_t limit;
	int result;
	struct snug_exit x;
};

static void *run_in_thread(void *arg)
{
	struct runner *r = arg;

	r->result = snug_vcpu_run(r->cpu, r->limit, &r->x, NULL);
	return NULL;
}

static void one_thread_at_a_time(void **state)
{
	struct runner r = {.limit = PATIENCE};
	struct snug_regs regs;
	pthread_t t;
	struct box b;

	(void)state;
	atomic_store(&heard, false);
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL, .console = {.write = hear}});
	BOX_LOAD(&b, SNUG_MODE_LONG, say_and_spin);
	r.cpu = b.cpu;
	assert_int_equal(pthread_create(&t, NULL, run_in_thread, &r), 0);
	while (!atomic_load(&heard))
		nap(MS / 10);
	assert_int_equal(snug_vcpu_run(b.cpu, MS, &b.x, &b.e), -EBUSY);
	assert_non_null(strstr(b.e.msg, "another thread"));
	assert_int_equal(snug_vcpu_get_regs(b.cpu, &regs, &b.e), -EBUSY);
	assert_non_null(strstr(b.e.hint, "snug_vcpu_kick"));
	assert_false(blocked(SIGURG));
	snug_vcpu_kick(b.cpu);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_int_equal(r.result, 0);
	assert_int_equal(r.x.kind, SNUG_EXIT_KICKED);
	assert_int_equal(snug_vcpu_get_regs(b.cpu, &regs, &b.e), 0);
	box_close(&b);
}

/* Setting a first mode with tables adds memory, which must not happen beside a running vCPU. */
static void no_tables_while_another_runs(void **state)
{
	struct runner r = {.limit = PATIENCE};
	pthread_t t;
	struct box b;

	(void)state;
	atomic_store(&heard, false);
	box_open(&b, (struct snug_config){.cpus = 2, .devices = SNUG_DEV_ALL, .console = {.write = hear}});
	BOX_LOAD(&b, SNUG_MODE_REAL, say_and_spin16);
	r.cpu = b.cpu;
	assert_int_equal(pthread_create(&t, NULL, run_in_thread, &r), 0);
	while (!atomic_load(&heard))
		nap(MS / 10);
	assert_int_equal(snug_vcpu_boot(snug_vm_vcpu(b.vm, 1), SNUG_MODE_LONG, BASE, 0, &b.e), -EBUSY);
	assert_non_null(strstr(b.e.msg, "vCPU 0 is running"));
	snug_vcpu_kick(b.cpu);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_int_equal(snug_vcpu_boot(snug_vm_vcpu(b.vm, 1), SNUG_MODE_LONG, BASE, 0, &b.e), 0);
	box_close(&b);
}

/* Its timer goes with it from thread to thread. */
static void vcpu_moves_between_threads(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, spin);
	for (int i = 0; i < 8; i++) {
		struct runner r = {.cpu = b.cpu, .limit = 2 * MS};
		pthread_t t;

		assert_int_equal(pthread_create(&t, NULL, run_in_thread, &r), 0);
		assert_int_equal(pthread_join(t, NULL), 0);
		assert_int_equal(r.result, 0);
		assert_int_equal(r.x.kind, SNUG_EXIT_TIMEOUT);
		assert_int_equal(run_for(&b, 2 * MS), SNUG_EXIT_TIMEOUT);
	}
	box_close(&b);
}

/* The error may be NULL, and snug_run is vCPU 0 without a limit. */
static void shortest_form(void **state)
{
	struct snug_exit x = {0};
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, halt);
	assert_int_equal(snug_run(b.vm, &x), 0);
	assert_int_equal(x.kind, SNUG_EXIT_HLT);
	assert_ptr_equal(x.vcpu, snug_vm_vcpu(b.vm, 0));
	assert_int_equal(x.reason, 5); /* KVM_EXIT_HLT */
	box_close(&b);
}

static const enum snug_mode long_mode = SNUG_MODE_LONG, user_mode = SNUG_MODE_USER;

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST(never_too_early),
	    KVM_TEST(time_spent_in_devices_counts),
	    KVM_TEST(far_limits),
	    KVM_TEST(kick_before_run),
	    KVM_TEST_NAMED("kick while running, long", kick_while_running, &long_mode),
	    KVM_TEST_NAMED("kick while running, user", kick_while_running, &user_mode),
	    KVM_TEST(kick_from_a_device),
	    KVM_TEST(storm_of_kicks),
	    KVM_TEST(other_signals_come_through),
	    KVM_TEST(own_mask_is_kept),
	    KVM_TEST(sigurg_is_given_back),
	    KVM_TEST(one_thread_at_a_time),
	    KVM_TEST(no_tables_while_another_runs),
	    KVM_TEST(vcpu_moves_between_threads),
	    KVM_TEST(shortest_form),
	};

	return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}

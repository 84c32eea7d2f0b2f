/* SPDX-License-Identifier: MIT */
/*
 * stress: what a kernel does for its programs, by several of them at once
 *
 * usage: stress [TASKS [ROUNDS]]
 *
 * Each task is a process that goes through all of: fork, pipes, timers, page cache, signals, threads, faults it handles
 * itself; and all the while it holds numbers in its floating-point registers, which must still be there.  Status 0, and
 * a line of what was done, or 1 and which line of this file was not so.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static unsigned task;
static uint64_t checks;

#define WANT(what)                                                                                                   \
	do {                                                                                                         \
		checks++;                                                                                            \
		if (!(what)) {                                                                                       \
			fprintf(stderr, "stress: task %u, line %d: not so: %s (%s)\n", task, __LINE__, #what,        \
			        strerror(errno));                                                                    \
			_exit(1);                                                                                    \
		}                                                                                                    \
	} while (0)

/* ---- Floating point: registers are filled, the kernel is asked for something, and they are looked at again. */

static int has_avx(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_OSXSAVE) && (c & bit_AVX);
}

struct ymm {
	double at[16][4];
};

__attribute__((target("avx"))) static void hold_ymm(const struct ymm *in, struct ymm *out, long call)
{
	__asm__ volatile(
	    "vmovupd 0(%1), %%ymm0\n\tvmovupd 32(%1), %%ymm1\n\tvmovupd 64(%1), %%ymm2\n\t"
	    "vmovupd 224(%1), %%ymm7\n\tvmovupd 256(%1), %%ymm8\n\tvmovupd 480(%1), %%ymm15\n\t"
	    "syscall\n\t"
	    "vmovupd %%ymm0, 0(%2)\n\tvmovupd %%ymm1, 32(%2)\n\tvmovupd %%ymm2, 64(%2)\n\t"
	    "vmovupd %%ymm7, 224(%2)\n\tvmovupd %%ymm8, 256(%2)\n\tvmovupd %%ymm15, 480(%2)\n\tvzeroupper"
	    : "+a"(call)
	    : "r"(in), "r"(out)
	    : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2", "xmm7", "xmm8", "xmm15");
}

static void hold_sse(const struct ymm *in, struct ymm *out, long call)
{
	__asm__ volatile("movupd 0(%1), %%xmm0\n\tmovupd 32(%1), %%xmm1\n\tmovupd 480(%1), %%xmm15\n\t"
	                 "fldl 0(%1)\n\tfldl 8(%1)\n\t"
	                 "syscall\n\t"
	                 "fstpl 72(%2)\n\tfstpl 64(%2)\n\t"
	                 "movupd %%xmm0, 0(%2)\n\tmovupd %%xmm1, 32(%2)\n\tmovupd %%xmm15, 480(%2)"
	                 : "+a"(call)
	                 : "r"(in), "r"(out)
	                 : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm15");
}

#define SCHED_YIELD 24 /* arch/x86/entry/syscalls/syscall_64.tbl */

static void floating(unsigned seed)
{
	static const int rows[] = {0, 1, 2, 7, 8, 15};
	struct ymm in, out;

	for (int i = 0; i < 16; i++)
		for (int k = 0; k < 4; k++)
			in.at[i][k] = seed * 1000.0 + i * 4 + k + 0.25;
	memset(&out, 0, sizeof(out));
	hold_sse(&in, &out, SCHED_YIELD);
	WANT(!memcmp(out.at[0], in.at[0], 16) && !memcmp(out.at[1], in.at[1], 16) &&
	     !memcmp(out.at[15], in.at[15], 16));
	WANT(out.at[2][0] == in.at[0][0] && out.at[2][1] == in.at[0][1]);
	if (!has_avx())
		return;
	memset(&out, 0, sizeof(out));
	hold_ymm(&in, &out, SCHED_YIELD);
	for (unsigned i = 0; i < 6; i++)
		WANT(!memcmp(out.at[rows[i]], in.at[rows[i]], 32));
}

/* ---- Processes and pipes. */

static void forks(unsigned seed)
{
	static volatile int shared_not = 1;

	for (int i = 0; i < 4; i++) {
		pid_t child = fork();
		int status;

		WANT(child >= 0);
		if (child == 0) {
			shared_not = i + 100; /* a page of its own from here on */
			floating(seed + (unsigned)i);
			_exit(shared_not - 90);
		}
		floating(seed ^ 0x55);
		WANT(waitpid(child, &status, 0) == child);
		WANT(WIFEXITED(status) && WEXITSTATUS(status) == i + 10);
		WANT(shared_not == 1);
	}
}

static uint32_t mix(uint32_t x)
{
	x ^= x << 13;
	x ^= x >> 17;
	return x ^ x << 5;
}

#define PIPED (64 * 1024)

static void pipes(unsigned seed)
{
	static uint8_t buffer[4096];
	uint32_t x = seed | 1, sum = 0, got = 0;
	int to[2], status;
	pid_t child;

	WANT(pipe(to) == 0);
	child = fork();
	WANT(child >= 0);
	if (child == 0) {
		close(to[0]);
		for (int done = 0; done < PIPED; done += (int)sizeof(buffer)) {
			for (size_t i = 0; i < sizeof(buffer); i++)
				buffer[i] = (uint8_t)(x = mix(x));
			WANT(write(to[1], buffer, sizeof(buffer)) == (ssize_t)sizeof(buffer));
		}
		_exit(0);
	}
	close(to[1]);
	for (;;) {
		ssize_t n = read(to[0], buffer, sizeof(buffer));

		WANT(n >= 0);
		if (n == 0)
			break;
		for (ssize_t i = 0; i < n; i++) {
			x = mix(x);
			sum += buffer[i] != (uint8_t)x;
		}
		got += (uint32_t)n;
	}
	close(to[0]);
	WANT(got == PIPED && sum == 0);
	WANT(waitpid(child, &status, 0) == child && status == 0);
}

/* ---- Time. */

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	WANT(clock_gettime(clock, &t) == 0);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static volatile sig_atomic_t ticks;

static void on_tick(int number)
{
	(void)number;
	ticks++;
}

static void timers(void)
{
	struct itimerval every = {{0, 10000}, {0, 10000}}, never = {{0, 0}, {0, 0}};
	struct timespec nap = {0, 20000000};
	uint64_t start = now(CLOCK_MONOTONIC), last = start, at;

	for (int i = 0; i < 100; i++) {
		at = now(CLOCK_MONOTONIC);
		WANT(at >= last);
		last = at;
	}
	WANT(nanosleep(&nap, NULL) == 0);
	WANT(now(CLOCK_MONOTONIC) - start >= 20000000);
	WANT(signal(SIGALRM, on_tick) != SIG_ERR);
	ticks = 0;
	WANT(setitimer(ITIMER_REAL, &every, NULL) == 0);
	while (ticks < 3)
		floating(7);
	WANT(setitimer(ITIMER_REAL, &never, NULL) == 0);
}

/* ---- Files and memory. */

#define FILE_BYTES (128 * 1024)

static void page_cache(unsigned seed)
{
	char name[32];
	uint32_t x = seed | 1, bad = 0;
	uint8_t *map, again[4096];
	int fd;

	snprintf(name, sizeof(name), "/tmp/stress-%u", task);
	fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	WANT(fd >= 0 && ftruncate(fd, FILE_BYTES) == 0);
	map = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	WANT(map != MAP_FAILED);
	for (int i = 0; i < FILE_BYTES; i++)
		map[i] = (uint8_t)(x = mix(x));
	WANT(munmap(map, FILE_BYTES) == 0);
	x = seed | 1;
	for (int at = 0; at < FILE_BYTES; at += (int)sizeof(again)) {
		WANT(pread(fd, again, sizeof(again), at) == (ssize_t)sizeof(again));
		for (size_t i = 0; i < sizeof(again); i++)
			bad += again[i] != (uint8_t)(x = mix(x));
	}
	WANT(bad == 0);
	WANT(ftruncate(fd, 100) == 0 && lseek(fd, 0, SEEK_END) == 100);
	WANT(close(fd) == 0 && unlink(name) == 0 && access(name, F_OK) < 0);
}

/* ---- Signals, and faults that are handled. */

static volatile sig_atomic_t came, value;

static void on_queue(int number, siginfo_t *info, void *context)
{
	(void)number, (void)context;
	came++;
	value = info->si_value.sival_int;
}

static void signals(void)
{
	struct sigaction queue = {.sa_sigaction = on_queue, .sa_flags = SA_SIGINFO};
	int status;
	pid_t child;

	WANT(sigaction(SIGUSR1, &queue, NULL) == 0);
	for (int i = 1; i <= 5; i++) {
		came = 0;
		WANT(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = i}) == 0);
		WANT(came == 1 && value == i);
	}
	child = fork();
	WANT(child >= 0);
	if (child == 0)
		for (;;)
			pause();
	WANT(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child);
	WANT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static uint8_t *page;
static volatile sig_atomic_t faults;
static sigjmp_buf back;

static void on_segv(int number, siginfo_t *info, void *context)
{
	(void)number, (void)context;
	faults++;
	if ((uint8_t *)info->si_addr != page + 100 || mprotect(page, 4096, PROT_READ | PROT_WRITE) < 0)
		_exit(2);
}

static void on_trap(int number)
{
	siglongjmp(back, number);
}

static void handled_faults(void)
{
	struct sigaction segv = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO};
	volatile int zero = 0, quotient = 1;

	page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	WANT(page != MAP_FAILED && sigaction(SIGSEGV, &segv, NULL) == 0);
	faults = 0;
	for (int i = 1; i <= 3; i++) {
		*(volatile uint8_t *)(page + 100) = (uint8_t)i; /* done again when the handler returns */
		WANT(faults == i && page[100] == i);
		WANT(mprotect(page, 4096, i & 1 ? PROT_READ : PROT_NONE) == 0);
	}
	WANT(munmap(page, 4096) == 0);
	signal(SIGILL, on_trap);
	signal(SIGFPE, on_trap);
	signal(SIGTRAP, on_trap);
	signal(SIGSEGV, on_trap);
	if (sigsetjmp(back, 1) == 0)
		__asm__ volatile("ud2");
	else
		faults++;
	WANT(faults == 4);
	if (sigsetjmp(back, 1) == 0)
		quotient = quotient / zero;
	else
		faults++;
	WANT(faults == 5);
	if (sigsetjmp(back, 1) == 0)
		__asm__ volatile("int3");
	else
		faults++;
	WANT(faults == 6);
	if (sigsetjmp(back, 1) == 0)
		__asm__ volatile("hlt"); /* not a program's: #GP */
	else
		faults++;
	WANT(faults == 7);
}

/* ---- Threads. */

#define THREADS 3
#define STEPS 40

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static int turn, added;
static __thread int mine;

static void *in_turn(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < STEPS; i++) {
		pthread_mutex_lock(&lock);
		while (turn != me)
			pthread_cond_wait(&turned, &lock);
		added++;
		mine++;
		turn = (turn + 1) % THREADS;
		pthread_cond_broadcast(&turned);
		pthread_mutex_unlock(&lock);
		if (i % 8 == 0)
			floating((unsigned)(me * 1000 + i));
	}
	return (void *)(intptr_t)mine;
}

static void threads(void)
{
	pthread_t t[THREADS];
	void *steps;

	turn = added = 0;
	for (intptr_t i = 0; i < THREADS; i++)
		WANT(pthread_create(&t[i], NULL, in_turn, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++) {
		WANT(pthread_join(t[i], &steps) == 0);
		WANT((intptr_t)steps == STEPS);
	}
	WANT(added == THREADS * STEPS && mine == 0);
}

static void one_task(unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++) {
		unsigned seed = task * 7919 + i * 104729 + 1;

		floating(seed);
		forks(seed);
		pipes(seed);
		timers();
		page_cache(seed);
		signals();
		handled_faults();
		threads();
		WANT(fabs(sin(1.0) * sin(1.0) + cos(1.0) * cos(1.0) - 1.0) < 1e-15);
	}
}

int main(int argc, char **argv)
{
	unsigned tasks = argc > 1 ? (unsigned)atoi(argv[1]) : 4, rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
	unsigned bad = 0;

	for (task = 0; task < tasks; task++) {
		pid_t child = fork();

		if (child < 0)
			return 1;
		if (child == 0) {
			one_task(rounds);
			_exit(0);
		}
	}
	for (unsigned i = 0; i < tasks; i++) {
		int status = 1;

		if (wait(&status) < 0 || status != 0)
			bad++;
	}
	one_task(1);
	printf("stress: %u tasks, %u rounds, %u failed, avx %s\n", tasks, rounds, bad, has_avx() ? "yes" : "no");
	return bad ? 1 : 0;
}

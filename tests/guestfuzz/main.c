/* SPDX-License-Identifier: MIT */
/*
 * guestfuzz: attacks the real monitor from inside a guest
 *
 *     guestfuzz [ACCESSES [SEED]]
 *
 * A life is a new machine.  In it a round of random accesses of a sane guest, whose exits must be as many as the guest
 * counted, takes turns with rounds of a guest out of its mind.  docs/fuzzing.md has the rest.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <snug/guest.h>

#include "fuzz.h"

#define A_ROUND 10000 /* accesses; fewer where few are wanted */
#define HOSTILE 6     /* rounds beside it */
#define WARM_LIVES 10
#define ROUND_SECONDS 120 /* whatever takes longer hangs: SIGALRM ends the process */

/* Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014), figure 16. */
uint64_t rnd(struct fuzz *f)
{
	uint64_t z = f->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void reseed(struct fuzz *f, unsigned round)
{
	f->state = f->seed;
	f->state = rnd(f) + f->lives * 64 + round;
}

unsigned below(struct fuzz *f, unsigned n)
{
	return (unsigned)(rnd(f) >> 33) % n;
}

uint64_t odd_value(struct fuzz *f)
{
	static const uint64_t odd[] = {0,
	                               1,
	                               ~0ull,
	                               0x7fffffffffffffff,
	                               0x8000000000000000,
	                               0x00007fffffffffff,
	                               0x0000800000000000,
	                               0xffff7fffffffffff,
	                               0xffff800000000000,
	                               0x7fffffff,
	                               0x80000000,
	                               0xffffffff,
	                               0x100000000,
	                               RAM_BYTES,
	                               0xfef00000,
	                               0xfeffc000,
	                               0xfee00000,
	                               0x100000,
	                               GF_PLAN,
	                               0x210000,
	                               1ull << 52,
	                               0xffff,
	                               0xfff};
	uint64_t v = odd[below(f, sizeof(odd) / sizeof(odd[0]))];

	switch (below(f, 6)) {
	case 0:
		return rnd(f);
	case 1:
		return rnd(f) >> below(f, 64);
	case 2:
		return below(f, RAM_BYTES);
	case 3:
		return v + below(f, 16) - 8;
	default:
		return v;
	}
}

/* FNV-1a on words. */
void mix(struct fuzz *f, uint64_t value)
{
	if (!f->silent)
		f->digest = (f->digest ^ value) * 0x100000001b3;
}

void failed(struct fuzz *f, const char *what, const struct snug_error *e)
{
	if (f->failures++ < 20)
		printf("# %s%s%s (seed %llu, life %llu, %s)\n", what, e ? ": " : "", e ? e->msg : "",
		       (unsigned long long)f->seed, (unsigned long long)f->lives, snug_mode_name(f->mode));
}

static void print_line(void *ctx, const char *line, size_t len)
{
	if ((*(unsigned *)ctx)++ < 12) /* what matters most comes first */
		printf("# %.*s", (int)len, line);
}

/* A sane guest came to an end that is none. */
static void strange_end(struct fuzz *f, const struct snug_exit *x)
{
	struct snug_autopsy a = {.size = sizeof(a)};
	unsigned lines = 0;
	char what[80];

	snprintf(what, sizeof(what), "the guest ended with %s", snug_exit_name(x->kind));
	failed(f, what, NULL);
	if (snug_autopsy(f->cpu, x, &a, NULL) == 0)
		snug_autopsy_text(&a, print_line, &lines);
}

static void answer_tidy(struct fuzz *f, const struct snug_exit *x, bool strings)
{
	uint64_t value = rnd(f);

	mix(f, x->kind);
	if (x->kind == SNUG_EXIT_PIO) {
		if (x->pio.count < 1 || x->pio.count > (strings ? 255 : 1))
			failed(f, "more elements at once than the guest asked for", NULL);
		mix(f, (uint64_t)x->pio.port << 32 | x->pio.size << 16 | x->pio.write);
		if (!x->pio.write)
			for (uint32_t i = 0; i < x->pio.size * x->pio.count; i++)
				x->pio.data[i] = (uint8_t)(value >> (i & 63));
	} else if (x->kind == SNUG_EXIT_MMIO) {
		mix(f, x->mmio.gpa ^ (uint64_t)x->mmio.size << 56 ^ x->mmio.write);
		if (!x->mmio.write && below(f, 8))
			memcpy(x->mmio.data, &value, x->mmio.size);
	}
}

/* Exits of a reason since the start of this life. */
static uint64_t exits_of(struct fuzz *f, uint32_t reason)
{
	static struct snug_stat rows[600];
	int n = snug_stats_read(f->vm, rows, 600);
	uint64_t sum = 0;

	for (int i = 0; i < n && i < 600; i++)
		sum += rows[i].reason == reason ? rows[i].count : 0;
	return sum;
}

static void check_counts(struct fuzz *f, const struct gf_plan *p, uint64_t io, uint64_t mem)
{
	char what[160];

	f->accesses += p->done;
	f->io_exits += io;
	f->mem_exits += mem;
	mix(f, p->sum);
	if (p->done == p->todo && io >= p->io_lo && io <= p->io_hi && mem >= p->mem_lo && mem <= p->mem_hi)
		return;
	snprintf(what, sizeof(what),
	         "%u of %u accesses; port exits %llu, not %u to %u; MMIO exits %llu, not %u to %u", p->done, p->todo,
	         (unsigned long long)io, p->io_lo, p->io_hi, (unsigned long long)mem, p->mem_lo, p->mem_hi);
	failed(f, what, NULL);
}

static void tidy_round(struct fuzz *f)
{
	uint64_t io = exits_of(f, KVM_EXIT_IO), mem = exits_of(f, KVM_EXIT_MMIO);
	struct snug_exit x;
	struct gf_plan plan;
	struct snug_error e = {0};

	life_plan(f, &plan);
	plan.todo = f->want / 32 < A_ROUND ? (uint32_t)(f->want / 32) + 1 : A_ROUND;
	snug_mem_write(f->vm, GF_PLAN, &plan, sizeof(plan));
	f->rounds[DO_TIDY]++;
	do {
		if (snug_vcpu_run(f->cpu, ROUND_SECONDS / 4 * 1000 * MS, &x, &e) < 0) {
			failed(f, "run", &e);
			return;
		}
		f->returned[x.kind]++;
		if (x.kind == SNUG_EXIT_SIGNAL) /* from outside: snug.h says to run on */
			continue;
		answer_tidy(f, &x, plan.strings);
		if (x.kind == SNUG_EXIT_STATUS && x.status.port == SNUG_PORT_EXIT)
			snug_mem_read(f->vm, GF_PLAN, &plan, sizeof(plan));
		if (x.kind != SNUG_EXIT_PIO && x.kind != SNUG_EXIT_MMIO && x.kind != SNUG_EXIT_STATUS &&
		    x.kind != SNUG_EXIT_RESET && x.kind != SNUG_EXIT_RETURN) {
			strange_end(f, &x);
			return;
		}
	} while (!plan.finished);
	/* the guest's last write, which says that it is done, is none of its accesses */
	check_counts(f, &plan, exits_of(f, KVM_EXIT_IO) - io - 1, exits_of(f, KVM_EXIT_MMIO) - mem);
}

static void one_life(struct fuzz *f)
{
	struct snug_error e = {0};
	unsigned regions = 0, now = 0;
	struct snug_region r = {0};

	alarm(ROUND_SECONDS);
	reseed(f, 0);
	if (life_begin(f) < 0)
		return;
	while (snug_mem_region(f->vm, regions, &r) == 0)
		regions++;
	tidy_round(f);
	for (unsigned i = 0; i < HOSTILE; i++) {
		reseed(f, i + 1);
		if (snug_reset(f->vm, NULL, &e) < 0)
			failed(f, "reset", &e);
		hostile_round(f, i & 1 && (f->mode == SNUG_MODE_LONG || f->mode == SNUG_MODE_USER) ? DO_TABLES
		                                                                                   : DO_REGISTERS);
	}
	/* after all that a reset gives a guest that is as sane as before */
	if (snug_reset(f->vm, NULL, &e) < 0)
		failed(f, "reset", &e);
	reseed(f, HOSTILE + 1);
	tidy_round(f);
	while (snug_mem_region(f->vm, now, &r) == 0)
		now++;
	if (now != regions)
		failed(f, "memory regions came or went", NULL);
	life_end(f);
}

/* What this process holds. */
struct held {
	unsigned long rss_kb, files, threads, mappings;
};

static unsigned long entries(const char *folder)
{
	DIR *d = opendir(folder);
	unsigned long n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static struct held look_at_self(void)
{
	struct held h = {.files = entries("/proc/self/fd"), .threads = entries("/proc/self/task")};
	char line[512];
	FILE *in;

	malloc_trim(0); /* or what is free at the end of the heap counts, 5 MiB at times */
	in = fopen("/proc/self/status", "r");

	while (in && fgets(line, sizeof(line), in))
		sscanf(line, "VmRSS: %lu", &h.rss_kb);
	if (in)
		fclose(in);
	in = fopen("/proc/self/maps", "r");
	while (in && fgets(line, sizeof(line), in))
		h.mappings++;
	if (in)
		fclose(in);
	return h;
}

static void say_kinds(const char *title, const uint64_t *counts)
{
	printf("# %s:", title);
	for (unsigned i = 0; i < EXIT_KINDS; i++)
		if (counts[i])
			printf(" %s %llu;", i ? snug_exit_name((enum snug_exit_kind)i) : "error",
			       (unsigned long long)counts[i]);
	printf("\n");
}

/* docs/fuzzing.md says why these bounds. */
#if defined(__SANITIZE_ADDRESS__)
#define RSS_BOUND_KB 8192
#define MAPS_BOUND 48
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=4:detect_leaks=1";
}
#else
#define RSS_BOUND_KB 1024
#define MAPS_BOUND 4
#endif

static int report(struct fuzz *f, const struct held *a, const struct held *b, double seconds)
{
	bool grew = b->files != a->files || b->threads != a->threads || b->rss_kb > a->rss_kb + RSS_BOUND_KB ||
	            b->mappings > a->mappings + MAPS_BOUND;

	printf("# seed %llu: %llu accesses, %llu port and %llu MMIO exits, digest %016llx, %.1f s\n",
	       (unsigned long long)f->seed, (unsigned long long)f->accesses, (unsigned long long)f->io_exits,
	       (unsigned long long)f->mem_exits, (unsigned long long)f->digest, seconds);
	printf("# %llu lives; rounds: %llu sane, %llu with hostile registers or code, %llu with hostile page tables; "
	       "%llu looks inside\n",
	       (unsigned long long)f->lives, (unsigned long long)f->rounds[0], (unsigned long long)f->rounds[1],
	       (unsigned long long)f->rounds[2], (unsigned long long)f->looked);
	say_kinds("came back from sane rounds", f->returned);
	say_kinds("came back from hostile rounds", f->hostile);
	printf("# after warm-up and at the end: RSS %lu and %lu KiB, files %lu and %lu, threads %lu and %lu, "
	       "mappings %lu "
	       "and %lu\n",
	       a->rss_kb, b->rss_kb, a->files, b->files, a->threads, b->threads, a->mappings, b->mappings);
	printf("1..2\n%s 1 - %llu accesses, each counted by guest and monitor\n", f->failures ? "not ok" : "ok",
	       (unsigned long long)f->accesses);
	printf("%s 2 - nothing grew\n", grew ? "not ok" : "ok");
	return f->failures || grew;
}

int main(int argc, char **argv)
{
	static const enum snug_mode modes[] = {SNUG_MODE_LONG, SNUG_MODE_REAL, SNUG_MODE_PROTECTED, SNUG_MODE_USER};
	struct fuzz f = {.digest = 0xcbf29ce484222325};
	struct timespec begun, ended;
	struct held warm = {0}, end;
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	f.want = argc > 1 ? strtoull(argv[1], NULL, 0) : 60000;
	f.seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	if (fd < 0)
		return printf("1..1\nok 1 # SKIP guest-side fuzzing: /dev/kvm: %s\n", strerror(errno)), 0;
	close(fd);
	setvbuf(stdout, NULL, _IOLBF, 0);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (unsigned i = 0; (f.accesses < f.want || i < WARM_LIVES + 4) && f.failures < 20; i++) {
		f.mode = modes[i % 4];
		if (i == WARM_LIVES)
			warm = look_at_self();
		one_life(&f);
	}
	end = look_at_self();
	clock_gettime(CLOCK_MONOTONIC, &ended);
	return report(&f, &warm, &end,
	              (double)(ended.tv_sec - begun.tv_sec) + (double)(ended.tv_nsec - begun.tv_nsec) / 1e9);
}

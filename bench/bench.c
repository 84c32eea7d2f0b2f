/* SPDX-License-Identifier: MIT */
/*
 * bench: what snug costs over the ioctls it makes
 *
 *     bench SNUG RAW_MAIN [BLOCKS]
 *
 * Each row measures one promise of docs/promises.md.  Exit status 0: every row was measured, kept or not.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <snug.h>

#include "bench.h"
#include "confined.h"
#include "lives.h"
#include "proc.h"
#include "raw.h"

#define EXITS 2000 /* port writes of one block */
#define POPCNTS 200
#define EVENTS 1000000u
#define BENCH_PORT 0xe9 /* what raw_guest writes to */

/* N port writes, then HLT, then all over.  `out` is one byte, so that nothing but exits is measured. */
static size_t exits_guest(uint8_t *code)
{
	int32_t back = -(EXITS + 1 + 5);

	memset(code, 0xee, EXITS); /* out %al, %dx; dx is 0: see exit_port */
	code[EXITS] = 0xf4;        /* hlt */
	code[EXITS + 1] = 0xe9;    /* jmp rel32 */
	memcpy(code + EXITS + 2, &back, sizeof(back));
	return EXITS + 6;
}

static double exits_floor(void *ctx)
{
	struct bench *b = ctx;
	struct raw_port port = {0};
	double start = now_ns();

	if (raw_run(&b->raw_vm, &port) < 0 || port.writes != EXITS)
		return -1;
	return (now_ns() - start) / EXITS;
}

static void count_write(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	(void)offset;
	(void)value;
	(void)size;
	++*(uint64_t *)self;
}

static double exits_of(struct bench *b, snug_vm *vm)
{
	struct snug_exit x;
	double start;

	b->writes = 0;
	start = now_ns();
	if (snug_run(vm, &x) < 0 || x.kind != SNUG_EXIT_HLT || b->writes != EXITS)
		return -1;
	return (now_ns() - start) / EXITS;
}

static double exits_ours(void *ctx)
{
	struct bench *b = ctx;

	return exits_of(b, b->vm);
}

static double exits_plain(void *ctx)
{
	struct bench *b = ctx;

	return exits_of(b, b->plain);
}

/* A VM with the guest of exits in it; NULL where that fails. */
static snug_vm *exits_vm(struct bench *b)
{
	static const struct snug_device_ops ops = {.write = count_write};
	static uint8_t code[EXITS + 16];
	struct snug_image im = {.data = code, .len = exits_guest(code), .kind = SNUG_KIND_FLAT};
	snug_vm *vm;

	im.mode = SNUG_MODE_LONG;
	if (snug_vm_new(NULL, &vm, NULL) < 0)
		return NULL;
	if (snug_pio_add(vm, 0, 1, &ops, &b->writes, NULL) == 0 && snug_load(vm, &im, NULL) == 0)
		return vm;
	snug_vm_free(vm);
	return NULL;
}

static const char *exits_measure(struct bench *b, struct figure *f)
{
	static uint8_t code[EXITS + 16];
	size_t len = exits_guest(code);
	const char *why = NULL;

	if (raw_new(&b->raw_vm) < 0)
		return "the raw VM cannot be made";
	b->vm = exits_vm(b);
	if (raw_load(&b->raw_vm, true, code, len) < 0 || !b->vm ||
	    measure(exits_ours, exits_floor, b, b->blocks, f) < 0)
		why = "a run failed";
	snug_vm_free(b->vm);
	b->vm = NULL;
	raw_free(&b->raw_vm);
	return why;
}

/* popcnt %rcx, %rax, over and over: an instruction kvm_pvm's emulator lacks, at CPL 0. */
static size_t popcnts_guest(uint8_t *code, unsigned n)
{
	static const uint8_t popcnt[] = {0xf3, 0x48, 0x0f, 0xb8, 0xc1};
	size_t len = 0;

	for (unsigned i = 0; i < n; i++, len += sizeof(popcnt))
		memcpy(code + len, popcnt, sizeof(popcnt));
	code[len++] = 0xe6; /* out %al, $0 */
	code[len++] = 0;
	return len;
}

static double popcnts_ours(void *ctx)
{
	const struct bench *b = ctx;
	struct snug_exit x;
	double start = now_ns();

	if (snug_vcpu_set_reg(snug_vm_vcpu(b->vm, 0), "rip", RAW_ENTRY_LONG, NULL) < 0 || snug_run(b->vm, &x) < 0 ||
	    x.kind != SNUG_EXIT_PIO)
		return -1;
	return (now_ns() - start) / POPCNTS;
}

/* The least there is to do: registers out, a count, registers in. */
static double popcnts_floor(void *ctx)
{
	struct bench *b = ctx;
	double start = now_ns();
	struct kvm_regs r;
	int exit;

	if (ioctl(b->raw_vm.vcpu, KVM_GET_REGS, &r) < 0)
		return -1;
	r.rip = RAW_ENTRY_LONG;
	if (ioctl(b->raw_vm.vcpu, KVM_SET_REGS, &r) < 0)
		return -1;
	while ((exit = raw_step(&b->raw_vm)) == KVM_EXIT_INTERNAL_ERROR) {
		if (ioctl(b->raw_vm.vcpu, KVM_GET_REGS, &r) < 0)
			return -1;
		r.rax = (uint64_t)__builtin_popcountll(r.rcx);
		r.rip += 5;
		if (ioctl(b->raw_vm.vcpu, KVM_SET_REGS, &r) < 0)
			return -1;
	}
	return exit == KVM_EXIT_IO ? (now_ns() - start) / POPCNTS : -1;
}

static const char *assist_measure(struct bench *b, struct figure *f)
{
	static uint8_t code[POPCNTS * 5 + 16];
	const struct snug_config cfg = {.devices = SNUG_DEV_PC};
	struct snug_image im = {
	    .data = code, .len = popcnts_guest(code, POPCNTS), .kind = SNUG_KIND_FLAT, .mode = SNUG_MODE_LONG};
	struct kvm_enable_cap on_failure = {.cap = KVM_CAP_EXIT_ON_EMULATION_FAILURE, .args = {1}};
	struct snug_host host = {.size = sizeof(host)};
	const char *why = NULL;

	if (snug_host_info(NULL, &host, NULL) < 0 || host.kind != SNUG_HOST_PVM)
		return "this KVM emulates nothing that it could lack";
	if (raw_new(&b->raw_vm) < 0)
		return "the raw VM cannot be made";
	b->vm = NULL;
	if (ioctl(b->raw_vm.fd, KVM_ENABLE_CAP, &on_failure) < 0 || raw_load(&b->raw_vm, true, code, im.len) < 0 ||
	    snug_vm_new(&cfg, &b->vm, NULL) < 0 || snug_load(b->vm, &im, NULL) < 0 ||
	    measure(popcnts_ours, popcnts_floor, b, b->blocks, f) < 0)
		why = "a run failed";
	snug_vm_free(b->vm);
	b->vm = NULL;
	raw_free(&b->raw_vm);
	return why;
}

static int start_stats(snug_vm *vm)
{
	return snug_stats_start(vm, NULL);
}

static int start_trace(snug_vm *vm)
{
	return snug_trace_start(vm, NULL, NULL);
}

/* What a service costs an exit, over the same VM without it. */
static const char *service_measure(struct bench *b, struct figure *f, int (*start)(snug_vm *vm))
{
	const char *why = NULL;

	b->vm = exits_vm(b);
	b->plain = exits_vm(b);
	if (!b->vm || !b->plain || start(b->vm) < 0 || measure(exits_ours, exits_plain, b, b->blocks, f) < 0)
		why = "a run failed";
	snug_vm_free(b->vm);
	snug_vm_free(b->plain);
	b->vm = b->plain = NULL;
	return why;
}

static const char *stats_measure(struct bench *b, struct figure *f)
{
	return service_measure(b, f, start_stats);
}

static const char *trace_measure(struct bench *b, struct figure *f)
{
	return service_measure(b, f, start_trace);
}

/* What the filter of a sandboxed thread costs an exit, over the same in a thread without. */
static const char *filter_measure(struct bench *b, struct figure *f)
{
	const char *why = NULL;

	b->vm = exits_vm(b);
	b->plain = exits_vm(b);
	if (!b->vm || !b->plain || measure_confined(exits_ours, exits_plain, b, b->blocks, f) < 0)
		why = "a run failed, or there is no seccomp";
	snug_vm_free(b->vm);
	snug_vm_free(b->plain);
	b->vm = b->plain = NULL;
	return why;
}

/* This process's resident memory in KiB, or below 0. */
static double resident(void)
{
	char line[128];
	double kib = -1;
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %lf", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

/* What a million events add to a VM that has run: the timeline's memory. */
static const char *events_measure(struct bench *b, struct figure *f)
{
	uint64_t events = 0, lost;
	const char *why = NULL;

	*f = (struct figure){0};
	b->vm = exits_vm(b);
	if (!b->vm || exits_ours(b) < 0)
		why = "a run failed";
	f->floor = resident();
	if (!why && snug_trace_start(b->vm, NULL, NULL) < 0)
		why = "no trace can be kept";
	while (!why && events < EVENTS) {
		if (exits_ours(b) < 0)
			why = "a run failed";
		snug_trace_count(b->vm, &events, &lost);
	}
	f->ours = resident();
	f->diff = f->ours - f->floor;
	snug_vm_free(b->vm);
	b->vm = NULL;
	return why;
}

static double life_floor(void *ctx)
{
	const struct bench *b = ctx;
	double start = now_ns();
	struct raw_vm vm;

	if (raw_new(&vm) < 0 || raw_load(&vm, b->wide, raw_guest, sizeof(raw_guest)) < 0 ||
	    raw_step(&vm) != KVM_EXIT_IO)
		return -1;
	raw_free(&vm);
	return now_ns() - start;
}

static double life_ours(void *ctx)
{
	const struct bench *b = ctx;
	struct snug_image im = {.data = raw_guest, .len = sizeof(raw_guest), .kind = SNUG_KIND_FLAT};
	double start = now_ns();
	struct snug_exit x;
	snug_vm *vm;
	bool good;

	im.mode = b->wide ? SNUG_MODE_LONG : SNUG_MODE_REAL;
	if (snug_vm_new(NULL, &vm, NULL) < 0)
		return -1;
	good = snug_load(vm, &im, NULL) == 0 && snug_run(vm, &x) == 0 && x.kind == SNUG_EXIT_PIO;
	snug_vm_free(vm);
	return good ? now_ns() - start : -1;
}

static const char *life_measure(struct bench *b, struct figure *f)
{
	return measure(life_ours, life_floor, b, b->blocks, f) < 0 ? "a run failed" : NULL;
}

typedef double (*proc_fn)(char *const argv[]);

static double program_floor(const struct bench *b, proc_fn fn)
{
	char raw[256], mode[8];
	char *argv[] = {raw, mode, NULL};

	snprintf(raw, sizeof(raw), "%s", b->raw);
	snprintf(mode, sizeof(mode), "%s", b->wide ? "long" : "real");
	return fn(argv);
}

static double program_ours(const struct bench *b, const char *how, proc_fn fn)
{
	char snug[256], mode[8], image[64];
	char run[] = "run", sandbox[] = "--sandbox", h[8], as[] = "--as", flat[] = "flat", m[] = "--mode";
	char *argv[] = {snug, run, sandbox, h, as, flat, m, mode, image, NULL};

	snprintf(snug, sizeof(snug), "%s", b->snug);
	snprintf(mode, sizeof(mode), "%s", b->wide ? "long" : "real");
	snprintf(image, sizeof(image), "%s", b->image);
	snprintf(h, sizeof(h), "%s", how);
	return fn(argv);
}

static double time_floor(void *ctx)
{
	return program_floor(ctx, proc_time);
}

static double time_ours(void *ctx)
{
	return program_ours(ctx, "off", proc_time);
}

static double time_confined(void *ctx)
{
	return program_ours(ctx, "on", proc_time);
}

static double memory_floor(void *ctx)
{
	return program_floor(ctx, proc_memory);
}

static double memory_ours(void *ctx)
{
	return program_ours(ctx, "off", proc_memory);
}

static const char *program_measure(struct bench *b, struct figure *f, measure_fn ours, measure_fn floor)
{
	char image[] = "/tmp/snug-bench-XXXXXX";
	const char *why = NULL;
	int fd;

	if (access(b->snug, X_OK) < 0)
		return "the command is not built";
	if (access(b->raw, X_OK) < 0)
		return "raw_main is not built";
	fd = mkstemp(image);
	if (fd < 0)
		return "no file can be made in /tmp";
	snprintf(b->image, sizeof(b->image), "%s", image);
	if (write(fd, raw_guest, sizeof(raw_guest)) != (ssize_t)sizeof(raw_guest))
		why = "/tmp cannot be written";
	close(fd);
	if (!why && measure(ours, floor, b, b->blocks, f) < 0)
		why = "a run failed";
	unlink(image);
	return why;
}

static const char *time_measure(struct bench *b, struct figure *f)
{
	return program_measure(b, f, time_ours, time_floor);
}

static const char *sandbox_measure(struct bench *b, struct figure *f)
{
	return program_measure(b, f, time_confined, time_ours);
}

static const char *memory_measure(struct bench *b, struct figure *f)
{
	return program_measure(b, f, memory_ours, memory_floor);
}

/* limit: of the ratio, or with `memory` of the difference in KiB.  slack: nanoseconds of difference that are fine too. */
static const struct row {
	const char *name;
	bool wide, memory;
	double limit, slack;
	const char *(*measure)(struct bench *b, struct figure *f);
	unsigned arg; /* of the row, for measure: b->arg */
} rows[] = {
    {"port write handled by a device, CPL 0", true, false, 1.05, 0, exits_measure},
    {"an instruction done for KVM: popcnt", true, false, 1.5, 0, assist_measure},
    {"VM create, load, first exit, free: real mode", false, false, 1.10, 0, life_measure},
    {"VM create, load, first exit, free: long mode", true, false, 1.10, 0, life_measure},
    {"snug run, whole process: real mode", false, false, 1.25, 0, time_measure},
    {"snug run, whole process: long mode", true, false, 1.25, 0, time_measure},
    {"snug run with the sandbox, against without", false, false, 1, 1200000, sandbox_measure},
    {"exit in a sandboxed thread, against outside", true, false, 1.02, 0, filter_measure},
    {"snug run, VmHWM less guest pages: real mode", false, true, 3072, 0, memory_measure},
    {"snug run, VmHWM less guest pages: long mode", true, true, 3072, 0, memory_measure},
    {"exit with statistics on, against off", true, false, 1.03, 100, stats_measure},
    {"exit with trace on, against off", true, false, 1.10, 200, trace_measure},
    {"memory of 1 million events, default ring", true, true, 32768, 0, events_measure},
    {"reset, 1 dirty page", true, false, 1.3, 0, lives_reset, 1},
    {"reset, 16 dirty pages", true, false, 1.3, 0, lives_reset, 16},
    {"reset, 256 dirty pages", true, false, 1.3, 0, lives_reset, 256},
    {"reset, 4096 dirty pages", true, false, 1.3, 0, lives_reset, 4096},
    {"reset, clean guest: 1 GiB against 16 MiB", true, false, 1.1, 3000, lives_clean},
    {"call + reset of a small function", true, false, 1.5, 0, lives_call},
    {"clone from a pool", true, false, 0.3, 0, lives_pool},
    {"clone without a pool", true, false, 1.3, 0, lives_clone},
    {"restore to the first exit, 64 MiB image", true, false, 1.2, 0, lives_restore, 64},
    {"restore to the first exit, 4 GiB image", true, false, 1.2, 0, lives_restore, 4096},
    {"PSS of each of 1000 clones, over dirty pages", true, true, 64, 0, lives_pss, 1000},
};

static void print_row(const struct row *row, const struct figure *f)
{
	if (row->memory)
		printf("%-46s %8.1f KiB %8.1f KiB %+6.2f MiB  %+6.2f MiB  %+8.2f MiB  %13s  %s\n", row->name, f->ours,
		       f->floor, f->diff / 1024, row->limit / 1024, f->diff0 / 1024, "",
		       f->diff <= row->limit ? "kept" : "MISSED");
	else
		printf("%-46s %9.2f us %9.2f us %8.3f x  %8.2f x  %10.3f x  %10.2f us  %s\n", row->name,
		       f->ours / 1e3, f->floor / 1e3, f->ratio, row->limit, f->ratio0, f->p99 / 1e3,
		       f->ratio <= row->limit || f->diff <= row->slack ? "kept" : "MISSED");
	if (f->note[0])
		printf("  %s\n", f->note);
	fflush(stdout);
}

static void print_host(const struct bench *b)
{
	struct snug_host host = {.size = sizeof(host)};
	char line[256], cpu[128] = "unknown CPU";
	struct utsname u;
	FILE *f = fopen("/proc/cpuinfo", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "model name : %127[^\n]", cpu) == 1)
			break;
	if (f)
		fclose(f);
	uname(&u);
	if (snug_host_info(NULL, &host, NULL) < 0)
		host.kind = SNUG_HOST_UNKNOWN;
	printf("host kind  kvm_%s%s\n", snug_host_name(host.kind),
	       host.kind == SNUG_HOST_PVM ? " (no VT-x or SVM: kernel mode is emulated)" : "");
	printf("kernel     Linux %s\nCPU        %s, %ld online\n", u.release, cpu, sysconf(_SC_NPROCESSORS_ONLN));
	printf("method     %u blocks each, floor and snug in turn; medians; floor/floor is what noise alone does\n\n",
	       b->blocks);
	printf("%-46s %12s %12s %10s  %10s  %12s  %13s  %s\n", "row", "snug p50", "floor p50", "ratio", "limit",
	       "floor/floor", "snug p99", "promise");
}

static int parse(struct bench *b, int argc, char **argv)
{
	char *end = NULL;

	if (argc < 3 || argc > 4)
		return -1;
	*b = (struct bench){.snug = argv[1], .raw = argv[2], .blocks = 301};
	if (argc == 4)
		b->blocks = (unsigned)strtoul(argv[3], &end, 10);
	return (end && *end) || b->blocks < 2 || b->blocks > BLOCKS_MAX ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct bench b;
	int missing = 0;

	if (parse(&b, argc, argv) < 0) {
		fprintf(stderr, "usage: bench SNUG RAW_MAIN [BLOCKS, 2 to %d]\n", BLOCKS_MAX);
		return 2;
	}
	print_host(&b);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct figure f = {0};
		const char *why;

		b.wide = rows[i].wide;
		b.arg = rows[i].arg;
		why = rows[i].measure(&b, &f);
		if (why)
			printf("%-46s n/a: %s\n", rows[i].name, why);
		else
			print_row(&rows[i], &f);
		missing += why != NULL;
	}
	return missing ? 1 : 0;
}

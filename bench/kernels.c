/* SPDX-License-Identifier: MIT */
/*
 * kernels: the promises about Linux guests: what comes before a kernel's first instruction, host memory, restore
 *
 * usage: bench_kernels SNUG RAW_BOOT RAW_LINUX KERNEL [KERNEL]: the first one, beside whose bzImage its vmlinux lies, boots;
 * of all it is measured how they get there.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <snug.h>

#include "../cli/hints.h"
#include "measure.h"

#define BLOCKS 21
#define BOOTS 3
#define TIMEOUT_STATUS 124
#define CRASH_STATUS 123
#define PAIRS 5 /* of boots */

extern char **environ;

struct bench {
	char *snug, *raw, *raw_linux, *kernel;
	char snapshot[64], initrd[64], vmlinux[256];
};

/* Nanoseconds until it ended, or below 0: with another status. */
static double spawn_time(char *const argv[], int want)
{
	double start = now_ns();
	posix_spawn_file_actions_t null;
	int status = 0, r;
	pid_t pid;

	posix_spawn_file_actions_init(&null);
	posix_spawn_file_actions_addopen(&null, STDOUT_FILENO, "/dev/null", 1, 0);
	posix_spawn_file_actions_addopen(&null, STDERR_FILENO, "/dev/null", 1, 0);
	r = posix_spawn(&pid, argv[0], &null, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&null);
	if (r != 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != want)
		return -1;
	return now_ns() - start;
}

static double floor_start(void *ctx)
{
	const struct bench *b = ctx;
	char *argv[] = {b->raw, b->kernel, NULL};

	return spawn_time(argv, 0);
}

/* The time is up when the first instruction is next: so it ends there. */
static double ours_start(void *ctx)
{
	const struct bench *b = ctx;
	char run[] = "run", off[] = "--sandbox=off", limit[] = "--timeout=0.000000001", mem[] = "--mem=256M";
	char *argv[] = {b->snug, run, off, limit, mem, b->kernel, NULL};

	return spawn_time(argv, TIMEOUT_STATUS);
}

/* ---- Boots to init, which is one illegal instruction: the kernel panics and resets at once, under both monitors alike. */

/* What both are told: what snug says itself; and to do without what the raw one lacks, tables and local APIC among it. */
#define COMMON "noxsave acpi=off nolapic"
#define SNUG_SAYS CLI_LINE_ALWAYS " " CLI_LINE_PVM " "

static double floor_boot(void *ctx)
{
	struct bench *b = ctx;
	char line[] = SNUG_SAYS COMMON;
	char *argv[] = {b->raw_linux, b->vmlinux, b->initrd, line, NULL};

	return spawn_time(argv, 0);
}

static double ours_boot(void *ctx)
{
	struct bench *b = ctx;
	char run[] = "run", off[] = "--sandbox=off", mem[] = "--mem=256M", append[] = "--append=" COMMON, initrd[96];
	char *argv[] = {b->snug, run, off, mem, append, initrd, b->kernel, NULL};

	snprintf(initrd, sizeof(initrd), "--initrd=%s", b->initrd);
	return spawn_time(argv, CRASH_STATUS);
}

/* Linux Documentation/driver-api/early-userspace/buffer-format.rst */
static void put_entry(FILE *f, const char *name, unsigned mode, const void *bytes, size_t len)
{
	size_t name_len = strlen(name) + 1;

	fprintf(f, "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", 1u, mode, 0u, 0u, 1u, 0u, len, 0u,
	        0u, 0u, 0u, name_len, 0u);
	fwrite(name, 1, name_len, f);
	while (ftell(f) % 4)
		fputc(0, f);
	fwrite(bytes, 1, len, f);
	while (ftell(f) % 4)
		fputc(0, f);
}

static bool write_initrd(const char *path)
{
	static const uint8_t ud2[] = {0x0f, 0x0b};
	struct {
		Elf64_Ehdr eh;
		Elf64_Phdr ph;
		uint8_t code[2];
	} init = {.eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	                 .e_type = ET_EXEC,
	                 .e_machine = EM_X86_64,
	                 .e_version = EV_CURRENT,
	                 .e_entry = 0x400000 + sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
	                 .e_phoff = sizeof(Elf64_Ehdr),
	                 .e_ehsize = sizeof(Elf64_Ehdr),
	                 .e_phentsize = sizeof(Elf64_Phdr),
	                 .e_phnum = 1}};
	FILE *f = fopen(path, "we");

	if (!f)
		return false;
	init.ph = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 0x400000, .p_align = 4096};
	init.ph.p_filesz = init.ph.p_memsz = sizeof(init);
	memcpy(init.code, ud2, sizeof(ud2));
	put_entry(f, "init", 0100755, &init, sizeof(init));
	put_entry(f, "TRAILER!!!", 0, "", 0);
	return fclose(f) == 0;
}

static int init_row(struct bench *b, char *kernel)
{
	const char *end = strrchr(kernel, '/');
	struct figure f;
	int r;

	b->kernel = kernel;
	snprintf(b->vmlinux, sizeof(b->vmlinux), "%.*s/vmlinux", end ? (int)(end - kernel) : 1, end ? kernel : ".");
	snprintf(b->initrd, sizeof(b->initrd), "/tmp/snug-bench-%d.cpio", getpid());
	r = write_initrd(b->initrd) ? measure(ours_boot, floor_boot, b, PAIRS, &f) : -1;
	unlink(b->initrd);
	if (r < 0) {
		printf("%-46s n/a: a boot failed\n", "boot to init, against a raw monitor");
		return 1;
	}
	printf("%-46s %10.1f ms   %10.1f ms   %8.3f x  limit 1.05 x  %s, floor/floor %.3f x\n",
	       "boot to init, against a raw monitor", f.ours / 1e6, f.floor / 1e6, f.ratio,
	       f.ratio <= 1.05 ? "kept" : "MISSED", f.ratio0);
	fflush(stdout);
	return 0;
}

struct figures {
	double first_ns; /* until the command's first byte */
	double host_kib; /* VmHWM less guest pages, or below 0 */
};

/* Of /proc/PID/smaps: what is resident of the mapping that is the guest's memory, KiB. */
static double guest_kib(pid_t pid, unsigned long bytes)
{
	char path[64], line[256];
	bool inside = false;
	double kib = 0, v;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = to - from >= bytes;
		if (inside && sscanf(line, "Rss: %lf", &v) == 1)
			kib += v;
	}
	if (f)
		fclose(f);
	return kib;
}

static double peak_kib(pid_t pid)
{
	char path[64], line[256];
	double kib = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmHWM: %lf", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

/* A command that says something and then waits for its end, so that it can be looked at. */
static bool watch(char *const argv[], struct figures *out)
{
	posix_spawn_file_actions_t to_pipe;
	double start = now_ns();
	int fds[2], status, r;
	pid_t pid;
	char c;

	if (pipe(fds) < 0)
		return false;
	posix_spawn_file_actions_init(&to_pipe);
	posix_spawn_file_actions_adddup2(&to_pipe, fds[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&to_pipe, STDERR_FILENO, "/dev/null", 1, 0);
	r = posix_spawn(&pid, argv[0], &to_pipe, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&to_pipe);
	close(fds[1]);
	if (r != 0)
		return false;
	r = (int)read(fds[0], &c, 1);
	out->first_ns = now_ns() - start;
	out->host_kib = peak_kib(pid) - guest_kib(pid, 200ul << 20);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(fds[0]);
	return r == 1;
}

static bool boot(const struct bench *b, bool saves, struct figures *out)
{
	char run[] = "run", off[] = "--sandbox=off", mem[] = "--mem=256M", exec[] = "--exec=echo up; sleep 30",
	     save[96];
	char *argv[] = {b->snug, run, off, mem, exec, save, b->kernel, NULL};

	snprintf(save, sizeof(save), saves ? "--save=%s" : "--verbose", b->snapshot);
	return watch(argv, out);
}

static bool restored(const struct bench *b, struct figures *out)
{
	char restore[] = "restore", off[] = "--sandbox=off", exec[] = "--exec=echo up; sleep 30", file[64];
	char *argv[] = {b->snug, restore, off, exec, file, NULL};

	snprintf(file, sizeof(file), "%s", b->snapshot);
	return watch(argv, out);
}

static void print(const char *name, double ours, double floor, double limit, const char *unit)
{
	printf("%-46s %10.1f %-4s %10.1f %-4s %8.3f x  limit %.2f x  %s\n", name, ours, unit, floor, unit,
	       ours / floor, limit, ours / floor <= limit ? "kept" : "MISSED");
	fflush(stdout);
}

static int start_row(struct bench *b, char *kernel)
{
	const char *base = strrchr(kernel, '/');
	struct figure f;
	char name[96];

	b->kernel = kernel;
	snprintf(name, sizeof(name), "exec to first instruction: %.28s", base ? base + 1 : kernel);
	if (measure(ours_start, floor_start, b, BLOCKS, &f) < 0) {
		printf("%-46s n/a: a run failed (raw_boot knows gzip and lz4)\n", name);
		return 1;
	}
	printf("%-46s %10.1f ms   %10.1f ms   %8.3f x  limit 1.20 x  %s, floor/floor %.3f x\n", name, f.ours / 1e6,
	       f.floor / 1e6, f.ratio, f.ratio <= 1.2 ? "kept" : "MISSED", f.ratio0);
	fflush(stdout);
	return 0;
}

static int by_value(const void *a, const void *b)
{
	return *(const double *)a < *(const double *)b ? -1 : *(const double *)a > *(const double *)b;
}

static double median(double *v, unsigned n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

static int boot_rows(struct bench *b, char *kernel)
{
	double boots[BOOTS], again[BOOTS], host[BOOTS];
	struct figures f;

	b->kernel = kernel;
	snprintf(b->snapshot, sizeof(b->snapshot), "/tmp/snug-bench-%d.snug", getpid());
	if (!boot(b, true, &f))
		return printf("the small kernel does not boot, or cannot be saved\n"), 1;
	for (unsigned i = 0; i < BOOTS; i++) {
		if (!boot(b, false, &f))
			return printf("the small kernel does not boot\n"), 1;
		boots[i] = f.first_ns;
		host[i] = f.host_kib;
		if (!restored(b, &f))
			return printf("its snapshot does not run on\n"), 1;
		again[i] = f.first_ns;
	}
	unlink(b->snapshot);
	print("restore to a command's first output, its boot", median(again, BOOTS) / 1e6, median(boots, BOOTS) / 1e6,
	      0.05, "ms");
	printf("%-46s %10.2f MiB  limit 4.00 MiB  %s\n", "VmHWM less guest pages, booted", median(host, BOOTS) / 1024,
	       median(host, BOOTS) <= 4096 ? "kept" : "MISSED");
	return 0;
}

int main(int argc, char **argv)
{
	struct bench b = {0};
	int missing = 0;

	if (argc < 5) {
		fprintf(stderr, "usage: bench_kernels SNUG RAW_BOOT RAW_LINUX KERNEL [KERNEL]\n");
		return 2;
	}
	b.snug = argv[1];
	b.raw = argv[2];
	b.raw_linux = argv[3];
	for (int i = 4; i < argc; i++)
		missing += start_row(&b, argv[i]);
	missing += init_row(&b, argv[4]);
	return missing + boot_rows(&b, argv[4]) ? 1 : 0;
}

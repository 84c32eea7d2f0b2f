/* SPDX-License-Identifier: MIT */
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

#define RANGES 8

extern char **environ;

/* Why a row has no figure. */
static double failed(const char *program, const char *what, int status)
{
	fprintf(stderr, "bench: %s: %s, wait status 0x%x, errno %d\n", program, what, (unsigned)status, errno);
	return -1;
}

double proc_time(char *const argv[])
{
	posix_spawn_file_actions_t to_null;
	double start, end;
	int status = 0, r;
	pid_t pid;

	posix_spawn_file_actions_init(&to_null);
	posix_spawn_file_actions_addopen(&to_null, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	start = now_ns();
	r = posix_spawn(&pid, argv[0], &to_null, NULL, argv, environ);
	if (r == 0)
		r = waitpid(pid, &status, 0) == pid ? 0 : -1;
	end = now_ns();
	posix_spawn_file_actions_destroy(&to_null);
	return r == 0 && status == 0 ? end - start : failed(argv[0], "run", status);
}

struct traced {
	pid_t pid;
	struct {
		uint64_t from, to;
	} ranges[RANGES]; /* guest memory */
	unsigned count;
	bool ran;           /* KVM_RUN was called */
	double guest, peak; /* KiB */
};

/* The number of "Key:   123 kB", or -1. */
static double kib(const char *line, const char *key)
{
	unsigned long v;
	size_t n = strlen(key);

	return strncmp(line, key, n) == 0 && sscanf(line + n, " %lu kB", &v) == 1 ? (double)v : -1;
}

static FILE *open_proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

static bool in_guest(const struct traced *t, uint64_t at)
{
	for (unsigned i = 0; i < t->count; i++)
		if (at >= t->ranges[i].from && at < t->ranges[i].to)
			return true;
	return false;
}

/* The kernel may have joined guest memory to a neighbour: then all of that counts as the guest's, to our loss or not. */
static void note_guest(struct traced *t)
{
	FILE *f = open_proc(t->pid, "smaps");
	char line[256];
	bool inside = false;
	double sum = 0, v;

	while (f && fgets(line, sizeof(line), f)) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
			inside = in_guest(t, from);
			continue;
		}
		v = inside ? kib(line, "Rss:") : -1;
		if (v > 0)
			sum += v;
	}
	if (f)
		fclose(f);
	if (sum > t->guest)
		t->guest = sum;
}

static void note_peak(struct traced *t)
{
	FILE *f = open_proc(t->pid, "status");
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		double v = kib(line, "VmHWM:");

		if (v >= 0)
			t->peak = v;
	}
	if (f)
		fclose(f);
}

static void on_syscall(struct traced *t)
{
	struct kvm_userspace_memory_region r;
	struct user_regs_struct regs;
	struct iovec here = {&r, sizeof(r)}, there;

	if (t->ran)
		note_guest(t);
	if (ptrace(PTRACE_GETREGS, t->pid, 0, &regs) < 0 || regs.orig_rax != SYS_ioctl)
		return;
	if (regs.rsi == KVM_RUN)
		t->ran = true;
	if (regs.rsi != KVM_SET_USER_MEMORY_REGION || t->count == RANGES)
		return;
	there = (struct iovec){(void *)(uintptr_t)regs.rdx, sizeof(r)}; // the child's address
	if (process_vm_readv(t->pid, &here, 1, &there, 1, 0) != sizeof(r) || r.memory_size == 0)
		return;
	t->ranges[t->count].from = r.userspace_addr;
	t->ranges[t->count].to = r.userspace_addr + r.memory_size;
	t->count++;
}

static pid_t start_traced(char *const argv[])
{
	pid_t pid = fork();
	int null;

	if (pid != 0)
		return pid;
	null = open("/dev/null", O_WRONLY);
	if (null < 0 || dup2(null, STDOUT_FILENO) < 0 || ptrace(PTRACE_TRACEME, 0, 0, 0) < 0)
		_exit(127);
	execv(argv[0], argv);
	_exit(127);
}

double proc_memory(char *const argv[])
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL;
	struct traced t = {.pid = start_traced(argv), .peak = -1};
	int status = 0, sig;

	if (t.pid < 0 || waitpid(t.pid, &status, 0) < 0 || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, t.pid, 0, options) < 0)
		return failed(argv[0], "start under ptrace", status);
	for (sig = 0;;) {
		ptrace(PTRACE_SYSCALL, t.pid, 0, sig);
		sig = 0;
		if (waitpid(t.pid, &status, 0) < 0)
			return failed(argv[0], "wait", status);
		if (!WIFSTOPPED(status))
			break;
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8))
			note_peak(&t);
		else if (WSTOPSIG(status) == (SIGTRAP | 0x80)) /* PTRACE_O_TRACESYSGOOD: entry and exit */
			on_syscall(&t);
		else
			sig = WSTOPSIG(status);
	}
	if (status != 0 || t.peak <= 0 || t.count == 0)
		return failed(argv[0], "run under ptrace", status);
	return t.peak - t.guest;
}

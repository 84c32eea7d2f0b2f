/* SPDX-License-Identifier: MIT */
#include "filters.h"

#include <dirent.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "svc/sandrules.h"

#define NUMBERS 1024
#define X32 0x40000000
#define PROGRAM_MAX 4096

struct want {
	unsigned kind;
	uint32_t uses;
	int own, child;
};

/* Classic BPF, as far as seccomp filters go: Documentation/networking/filter.rst. */
static uint32_t run(const struct sock_filter *code, unsigned len, const struct seccomp_data *d)
{
	uint32_t a = 0;

	for (unsigned at = 0; at < len; at++) {
		const struct sock_filter *i = &code[at];
		bool yes = false;

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const char *)d + i->k, sizeof(a));
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			continue;
		case BPF_RET | BPF_K:
			return i->k;
		case BPF_JMP | BPF_JA:
			at += i->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == i->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			yes = a > i->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= i->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = a & i->k;
			break;
		default:
			return UINT32_MAX; /* none that libseccomp makes */
		}
		at += yes ? i->jt : i->jf;
	}
	return UINT32_MAX;
}

static bool allowed(const struct want *w, const struct seccomp_data *d)
{
	for (size_t i = 0; i < snug__sand_rule_count; i++) {
		const struct snug__sand_rule *r = &snug__sand_rules[i];
		struct snug__arg_limit limits[SNUG__ARG_LIMITS];
		bool good = r->nr == d->nr && snug__sand_rule_for(r, w->kind, w->uses);

		snug__sand_limits(r, w->own, w->child, limits);
		for (unsigned k = 0; good && k < SNUG__ARG_LIMITS; k++)
			good = !limits[k].mask || (d->args[limits[k].arg] & limits[k].mask) == limits[k].value;
		if (good)
			return true;
	}
	return false;
}

static bool agrees(const struct want *w, const struct sock_filter *code, unsigned len, const struct seccomp_data *d,
                   char why[200])
{
	bool may = d->arch == AUDIT_ARCH_X86_64 && !(d->nr & X32) && allowed(w, d);
	uint32_t action = run(code, len, d);

	if (action == (may ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS))
		return true;
	snprintf(why, 200, "call 0x%x (0x%llx, 0x%llx, 0x%llx) of arch 0x%x: action 0x%x, the table %s it", d->nr,
	         (unsigned long long)d->args[0], (unsigned long long)d->args[1], (unsigned long long)d->args[2],
	         d->arch, action, may ? "allows" : "forbids");
	return false;
}

/* All arguments at a value, at its neighbours, and with a bit of the upper half. */
static bool around(const struct want *w, const struct sock_filter *code, unsigned len, int nr, uint64_t value,
                   char why[200])
{
	const uint64_t values[] = {value, value + 1, value - 1, value | 1ull << 32, value ^ 4, ~value};

	for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++)
		for (unsigned arg = 0; arg < 6; arg++) {
			struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64};

			for (unsigned k = 0; k < 6; k++)
				d.args[k] = k == arg ? values[v] : value;
			if (!agrees(w, code, len, &d, why))
				return false;
		}
	return true;
}

static bool whole_table(const struct want *w, const struct sock_filter *code, unsigned len, char why[200])
{
	for (int nr = 0; nr < NUMBERS; nr++) {
		struct seccomp_data other = {.nr = nr, .arch = AUDIT_ARCH_I386};
		struct seccomp_data x32 = {.nr = nr | X32, .arch = AUDIT_ARCH_X86_64};

		if (!agrees(w, code, len, &other, why) || !agrees(w, code, len, &x32, why) ||
		    !around(w, code, len, nr, 0, why))
			return false;
	}
	/* Values of all rows, for all calls that have rows: a limit of one is none of another. */
	for (size_t i = 0; i < snug__sand_rule_count; i++)
		for (size_t k = 0; k < snug__sand_rule_count; k++) {
			struct snug__arg_limit limits[SNUG__ARG_LIMITS];

			snug__sand_limits(&snug__sand_rules[k], w->own, w->child, limits);
			if (!around(w, code, len, snug__sand_rules[i].nr, limits[0].value, why))
				return false;
		}
	return true;
}

/* The one filter of a stopped thread; its length, or a negative errno, or -EBADE and why. */
static int read_filter(pid_t tid, struct sock_filter *code, char why[200])
{
	long len = ptrace(PTRACE_SECCOMP_GET_FILTER, tid, 0, NULL);

	if (len < 0)
		return -errno;
	if (len > PROGRAM_MAX || ptrace(PTRACE_SECCOMP_GET_FILTER, tid, 0, code) != len) {
		snprintf(why, 200, "a filter of %ld instructions", len);
		return -EBADE;
	}
	if (ptrace(PTRACE_SECCOMP_GET_FILTER, tid, 1, NULL) != -1 || errno != ENOENT) {
		snprintf(why, 200, "thread %d has more than one filter", tid);
		return -EBADE;
	}
	return (int)len;
}

static int check_thread(pid_t tid, const struct want *w, char why[200])
{
	static struct sock_filter code[PROGRAM_MAX];
	int status, len;

	if (ptrace(PTRACE_SEIZE, tid, 0, 0) < 0)
		return -errno;
	if (ptrace(PTRACE_INTERRUPT, tid, 0, 0) < 0 || waitpid(tid, &status, __WALL) < 0)
		return -errno;
	len = read_filter(tid, code, why);
	ptrace(PTRACE_DETACH, tid, 0, 0);
	if (len < 0)
		return len;
	return whole_table(w, code, (unsigned)len, why) ? 0 : -EBADE;
}

int filters_check(pid_t pid, unsigned kind, uint32_t uses, int own, int child, char why[200])
{
	const struct want w = {.kind = kind, .uses = uses, .own = own, .child = child};
	char path[64];
	const struct dirent *e;
	int n = 0, r = 0;
	DIR *d;

	why[0] = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	while (d && r >= 0 && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		r = check_thread(atoi(e->d_name), &w, why);
		n++;
	}
	if (d)
		closedir(d);
	return r < 0 ? r : n;
}

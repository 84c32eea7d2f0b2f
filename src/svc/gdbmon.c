/* SPDX-License-Identifier: MIT */
/* gdbmon: `monitor` commands */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "svc/gdb.h"

#define XP_MAX 1024u /* bytes */
#define ROWS_MAX 40u

struct line {
	const char *at;
};

/* The next word, at most 31 characters of it. */
static void word(struct line *l, char out[32])
{
	size_t n = 0;

	while (*l->at == ' ')
		l->at++;
	for (; *l->at && *l->at != ' '; l->at++)
		if (n < 31)
			out[n++] = *l->at;
	out[n] = 0;
}

/* A number as C writes it; hexadecimal after 0x. */
static bool number(struct line *l, uint64_t *out)
{
	char s[32], *end;

	word(l, s);
	if (s[0] < '0' || s[0] > '9')
		return false;
	*out = strtoull(s, &end, 0);
	return *end == 0;
}

static void walk(snug_vcpu *vcpu, struct line *l, struct snug__gdb_text *out)
{
	static const char *const ends[] = {
	    [SNUG_WALK_ABSENT] = "not mapped: that entry is not present",
	    [SNUG_WALK_OUTSIDE] = "not mapped: that entry lies outside memory",
	    [SNUG_WALK_NOT_CANONICAL] = "the address is not canonical",
	};
	struct snug_error e;
	struct snug_walk w;
	uint64_t addr;

	if (!number(l, &addr)) {
		snug__gdb_printf(out, "walk ADDR: the address is missing or no number\n");
		return;
	}
	if (snug_vcpu_walk(vcpu, addr, &w, &e) < 0) {
		snug__gdb_printf(out, "%s\n", e.msg);
		return;
	}
	snug__gdb_printf(out, "%s\n", w.paging);
	for (unsigned i = 0; i < w.steps; i++)
		snug__gdb_printf(out, "level %u, entry at 0x%llx: 0x%llx\n", w.step[i].level,
		                 (unsigned long long)w.step[i].at, (unsigned long long)w.step[i].entry);
	if (w.end != SNUG_WALK_MAPPED)
		snug__gdb_printf(out, "%s\n", ends[w.end]);
	else
		snug__gdb_printf(out, "linear 0x%llx is guest physical 0x%llx%s\n", (unsigned long long)addr,
		                 (unsigned long long)w.gpa, w.memory ? "" : ", where no memory is");
}

static void xp_line(const snug_vm *vm, uint64_t gpa, unsigned len, struct snug__gdb_text *out)
{
	uint8_t byte;

	snug__gdb_printf(out, "%012llx:", (unsigned long long)gpa);
	for (unsigned i = 0; i < len; i++) {
		if (snug_mem_read(vm, gpa + i, &byte, 1) < 0)
			snug__gdb_printf(out, " --");
		else
			snug__gdb_printf(out, " %02x", byte);
	}
	snug__gdb_printf(out, "\n");
}

static void xp(snug_vcpu *vcpu, struct line *l, struct snug__gdb_text *out)
{
	uint64_t gpa, len;

	if (!number(l, &gpa) || !number(l, &len) || len == 0 || len > XP_MAX) {
		snug__gdb_printf(out, "xp ADDR LEN: an address and a number of bytes, 1 to %u\n", XP_MAX);
		return;
	}
	for (uint64_t i = 0; i < len; i += 16)
		xp_line(snug_vcpu_vm(vcpu), gpa + i, (unsigned)snug__min(len - i, 16), out);
}

static void stats_row(const struct snug_stat *s, struct snug__gdb_text *out)
{
	char key[40] = "";
	struct snug__gdb_text t = {.at = key, .room = sizeof(key) - 1};

	if (s->group == SNUG_STAT_PORT)
		snug__gdb_printf(&t, "port 0x%llx %s", (unsigned long long)s->key, s->write ? "out" : "in");
	else if (s->group == SNUG_STAT_PAGE)
		snug__gdb_printf(&t, "page 0x%llx %s", (unsigned long long)s->key, s->write ? "write" : "read");
	else if (s->group == SNUG_STAT_MSR)
		snug__gdb_printf(&t, "msr 0x%llx %s", (unsigned long long)s->key, s->write ? "write" : "read");
	else if (s->group == SNUG_STAT_REST)
		snug__gdb_printf(&t, "others");
	snug__gdb_printf(out, "%-26s %-30s %10llu %12llu %12llu\n", snug_reason_name(s->reason), key,
	                 (unsigned long long)s->count, (unsigned long long)s->run.total / 1000,
	                 (unsigned long long)s->host.total / 1000);
}

static void stats(snug_vcpu *vcpu, struct line *l, struct snug__gdb_text *out)
{
	snug_vm *vm = snug_vcpu_vm(vcpu);
	struct snug_stat rows[ROWS_MAX];
	struct snug_error e;
	int n = snug_stats_start(vm, &e); /* does nothing where they are on */

	(void)l;
	if (n < 0) {
		snug__gdb_printf(out, "%s\n", e.msg);
		return;
	}
	n = snug_stats_read(vm, rows, ROWS_MAX);
	if (n <= 0) {
		snug__gdb_printf(out, n < 0 ? "no memory\n" : "no exits yet; they are counted from now on\n");
		return;
	}
	snug__gdb_printf(out, "%-26s %-30s %10s %12s %12s\n", "exit", "", "count", "in KVM us", "in host us");
	for (unsigned i = 0; i < snug__min((uint64_t)n, ROWS_MAX); i++)
		stats_row(&rows[i], out);
	if ((unsigned)n > ROWS_MAX)
		snug__gdb_printf(out, "and %u cheaper ones\n", (unsigned)n - ROWS_MAX);
}

static void reset(snug_vcpu *vcpu, struct line *l, struct snug__gdb_text *out)
{
	struct snug_boot b = {.size = sizeof(b)};
	struct snug_error e;

	(void)l;
	if (snug_loaded(snug_vcpu_vm(vcpu), &b) < 0)
		snug__gdb_printf(out, "nothing was loaded: there is no state to go back to\n");
	else if (snug_vcpu_boot(vcpu, b.mode, b.entry, b.stack, &e) < 0)
		snug__gdb_printf(out, "%s\n", e.msg);
	else
		snug__gdb_printf(out,
		                 "vCPU %u is back at 0x%llx in %s mode, memory is as it was; tell gdb: maintenance "
		                 "flush register-cache\n",
		                 snug_vcpu_index(vcpu), (unsigned long long)b.entry, snug_mode_name(b.mode));
}

static void help(snug_vcpu *vcpu, struct line *l, struct snug__gdb_text *out);

static const struct {
	const char *name, *usage, *what;
	void (*fn)(snug_vcpu *vcpu, struct line *l, struct snug__gdb_text *out);
} commands[] = {
    {"help", "help", "this list", help},
    {"walk", "walk ADDR", "the page walk of a linear address, level by level", walk},
    {"xp", "xp ADDR LEN", "bytes at a guest physical address", xp},
    {"stats", "stats", "what each kind of exit cost, costliest first", stats},
    {"reset", "reset", "the vCPU's registers as they were at the start", reset},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void help(snug_vcpu *vcpu, struct line *l, struct snug__gdb_text *out)
{
	(void)vcpu;
	(void)l;
	for (unsigned i = 0; i < COMMANDS; i++)
		snug__gdb_printf(out, "monitor %-12s %s\n", commands[i].usage, commands[i].what);
}

void snug__gdb_monitor(snug_vcpu *vcpu, const char *text, struct snug__gdb_text *out)
{
	struct line l = {text};
	char name[32];

	word(&l, name);
	for (unsigned i = 0; i < COMMANDS; i++) {
		if (!strcmp(commands[i].name, name)) {
			commands[i].fn(vcpu, &l, out);
			return;
		}
	}
	snug__gdb_printf(out, "no command '%s'; 'monitor help' lists them\n", name);
}

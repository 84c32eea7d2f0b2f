/* SPDX-License-Identifier: MIT */
/*
 * monitor: looks at a paused guest
 *
 * The terminal is in raw mode and stays so, since the sandbox lets nobody change it: a line is put together here.  All goes
 * to stderr, where it is told apart from the guest's console.
 */
#include "monitor.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define LINE 128
#define BACKSPACE 8
#define DELETE 127
#define CTRL_C 3
#define CTRL_D 4
#define SHOWN_MOST 4096

enum next { AGAIN, GO_ON, END };

typedef enum next (*command_fn)(struct cli_run *r, char *const *words, unsigned count);

static enum next help(struct cli_run *r, char *const *words, unsigned count);

static enum next go_on(struct cli_run *r, char *const *words, unsigned count)
{
	(void)r, (void)words, (void)count;
	return GO_ON;
}

static enum next quit(struct cli_run *r, char *const *words, unsigned count)
{
	(void)words, (void)count;
	r->console.quit = true;
	return END;
}

static bool number(const char *word, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(word, &end, 0);
	return isdigit((unsigned char)*word) && !*end && !errno;
}

static snug_vcpu *chosen(struct cli_run *r, char *const *words, unsigned count, unsigned at)
{
	uint64_t n = 0;
	snug_vcpu *vcpu = count <= at || number(words[at], &n) ? snug_vm_vcpu(r->vm, (unsigned)n) : NULL;

	if (!vcpu)
		fprintf(stderr, "no such vCPU\n");
	return vcpu;
}

static const char *width(const struct snug_sregs *s)
{
	if (!(s->cr0 & 1))
		return "real mode";
	return s->cs.l ? "64-bit" : s->cs.db ? "32-bit" : "16-bit";
}

static enum next cpus(struct cli_run *r, char *const *words, unsigned count)
{
	snug_vcpu *vcpu;

	(void)words, (void)count;
	for (unsigned i = 0; (vcpu = snug_vm_vcpu(r->vm, i)); i++) {
		struct snug_regs regs;
		struct snug_sregs s;

		if (snug_vcpu_get_regs(vcpu, &regs, NULL) < 0 || snug_vcpu_get_sregs(vcpu, &s, NULL) < 0)
			continue;
		fprintf(stderr, "vCPU %u: rip 0x%" PRIx64 ", rsp 0x%" PRIx64 ", %s, CPL %u, interrupts %s\n", i,
		        regs.rip, regs.rsp, width(&s), s.cs.selector & 3u, regs.rflags & 0x200 ? "on" : "off");
	}
	return AGAIN;
}

static enum next registers(struct cli_run *r, char *const *words, unsigned count)
{
	snug_vcpu *vcpu = chosen(r, words, count, 1);
	unsigned column = 0;
	const char *name;

	for (unsigned i = 0; vcpu && (name = snug_reg_name(i)); i++) {
		uint64_t v;

		if (strchr(name, '.') || snug_vcpu_get_reg(vcpu, name, &v, NULL) < 0)
			continue;
		fprintf(stderr, "%-10s 0x%016" PRIx64 "%s", name, v, column % 3 == 2 ? "\n" : "   ");
		column++;
	}
	fprintf(stderr, column % 3 ? "\n" : "");
	return AGAIN;
}

static enum next examine(struct cli_run *r, char *const *words, unsigned count)
{
	snug_vcpu *vcpu = chosen(r, words, count, 3);
	uint8_t bytes[SHOWN_MOST];
	uint64_t at = 0, n = 64;
	int got;

	if (!vcpu || count < 2 || !number(words[1], &at) || (count > 2 && !number(words[2], &n)) || n > SHOWN_MOST) {
		fprintf(stderr, "x ADDRESS [BYTES, at most %d [CPU]]\n", SHOWN_MOST);
		return AGAIN;
	}
	got = snug_vcpu_read(vcpu, at, bytes, n, NULL);
	if (got <= 0)
		fprintf(stderr, "nothing is mapped there\n");
	for (int i = 0; i < got; i++) {
		if (i % 16 == 0)
			fprintf(stderr, "%s0x%016" PRIx64 ":", i ? "\n" : "", at + (unsigned)i);
		fprintf(stderr, " %02x", bytes[i]);
	}
	fprintf(stderr, got > 0 ? "\n" : "");
	return AGAIN;
}

static enum next walk(struct cli_run *r, char *const *words, unsigned count)
{
	snug_vcpu *vcpu = chosen(r, words, count, 2);
	struct snug_walk w;
	uint64_t at = 0;

	if (!vcpu || count < 2 || !number(words[1], &at) || snug_vcpu_walk(vcpu, at, &w, NULL) < 0) {
		fprintf(stderr, "walk ADDRESS [CPU]\n");
		return AGAIN;
	}
	fprintf(stderr, "%s\n", w.paging);
	for (uint32_t i = 0; i < w.steps; i++)
		fprintf(stderr, "  level %u: 0x%" PRIx64 " at 0x%" PRIx64 "\n", w.step[i].level, w.step[i].entry,
		        w.step[i].at);
	if (w.end == SNUG_WALK_MAPPED)
		fprintf(stderr, "  gpa 0x%" PRIx64 "%s\n", w.gpa, w.memory ? "" : ", no memory");
	else
		fprintf(stderr, "  not mapped\n");
	return AGAIN;
}

static enum next memory(struct cli_run *r, char *const *words, unsigned count)
{
	struct snug_region region = {.size = sizeof region};
	char text[32];

	(void)words, (void)count;
	for (unsigned i = 0; snug_mem_region(r->vm, i, &region) == 0; i++)
		fprintf(stderr, "0x%012" PRIx64 "  %10s  %s%s\n", region.gpa, cli_size(text, region.bytes),
		        region.name, region.flags & SNUG_MEM_READONLY ? ", read-only" : "");
	return AGAIN;
}

static enum next assists(struct cli_run *r, char *const *words, unsigned count)
{
	struct snug_assist_stat rows[CLI_ASSIST_MAX];
	int n = snug_assist_stats(r->vm, rows, CLI_ASSIST_MAX);

	(void)words, (void)count;
	for (int i = 0; i < n && i < CLI_ASSIST_MAX; i++)
		fprintf(stderr, "%-12s %12" PRIu64 "\n", rows[i].name, rows[i].count);
	fprintf(stderr, n ? "" : "KVM does all instructions by itself\n");
	return AGAIN;
}

static enum next save(struct cli_run *r, char *const *words, unsigned count)
{
	(void)words, (void)count;
	if (!r->save.path)
		fprintf(stderr, "no file was named: snug run --save FILE\n");
	else
		cli_save_now(&r->save, r->vm, "from the monitor");
	return AGAIN;
}

static const struct command {
	const char *name, *args, *help;
	command_fn fn;
} commands[] = {
    {"help", "", "this", help},
    {"cont", "", "let the guest go on", go_on},
    {"quit", "", "end snug", quit},
    {"cpus", "", "where each vCPU stands", cpus},
    {"regs", "[CPU]", "registers", registers},
    {"x", "ADDRESS [BYTES [CPU]]", "memory by linear address", examine},
    {"walk", "ADDRESS [CPU]", "the page tables' way to an address", walk},
    {"mem", "", "guest memory", memory},
    {"assist", "", "instructions done for KVM's emulator", assists},
    {"save", "", "write the snapshot of --save now", save},
};

#define COMMANDS (sizeof commands / sizeof *commands)

static enum next help(struct cli_run *r, char *const *words, unsigned count)
{
	(void)r, (void)words, (void)count;
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(stderr, "%-6s %-22s %s\n", commands[i].name, commands[i].args, commands[i].help);
	return AGAIN;
}

static enum next obey(struct cli_run *r, char *line)
{
	char *words[8], *save_at = NULL;
	unsigned count = 0;

	for (char *w = strtok_r(line, " \t", &save_at); w && count < 8; w = strtok_r(NULL, " \t", &save_at))
		words[count++] = w;
	for (size_t i = 0; count && i < COMMANDS; i++)
		if (!strcmp(words[0], commands[i].name))
			return commands[i].fn(r, words, count);
	if (count)
		fprintf(stderr, "no command '%s': help lists them\n", words[0]);
	return AGAIN;
}

/* One key.  False: no more will come, or the time is up. */
static bool key(struct cli_run *r, char *out)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	ssize_t n;

	for (;;) {
		if (r->console.deadline && cli_now() >= r->console.deadline)
			return false;
		if (cli_poll(&p, 1000) <= 0)
			continue;
		n = read(STDIN_FILENO, out, 1);
		if (n == 1)
			return true;
		if (n == 0 || (errno != EINTR && errno != EAGAIN))
			return false;
	}
}

/* False: no line came. */
static bool read_line(struct cli_run *r, char line[LINE])
{
	size_t len = 0;
	char c;

	while (key(r, &c)) {
		if (c == '\r' || c == '\n') {
			fputc('\n', stderr);
			line[len] = 0;
			return true;
		}
		if ((c == BACKSPACE || c == DELETE) && len) {
			len--;
			fputs("\b \b", stderr);
		} else if (c == CTRL_C || c == CTRL_D) {
			fputc('\n', stderr);
			snprintf(line, LINE, "%s", c == CTRL_D ? "cont" : "");
			return true;
		} else if (isprint((unsigned char)c) && len < LINE - 1) {
			line[len++] = c;
			fputc(c, stderr);
		}
	}
	return false;
}

bool cli_monitor(struct cli_run *r)
{
	enum next next = AGAIN;
	char line[LINE];

	r->console.monitor = false;
	fprintf(stderr, "\nthe guest is paused; help lists the commands, cont lets it go on\n");
	while (next == AGAIN) {
		fputs("snug> ", stderr);
		if (!read_line(r, line))
			return false;
		next = obey(r, line);
	}
	return next == GO_ON;
}

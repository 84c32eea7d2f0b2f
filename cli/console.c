/* SPDX-License-Identifier: MIT */
/*
 * console: the guest's console is stdin and stdout
 *
 * Each byte is written when the guest sends it: a prompt shows at once, and nothing is lost when a signal ends snug.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "console.h"

void cli_console_open(struct cli_console *c, snug_vcpu *vcpu)
{
	c->vcpu = vcpu;
}

bool cli_console_keep(struct cli_console *c)
{
	c->tail = malloc(CLI_TAIL);
	return c->tail != NULL;
}

static void keep(struct cli_console *c, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		c->tail[c->bytes++ % CLI_TAIL] = bytes[i];
}

char *cli_console_kept(const struct cli_console *c, size_t *len)
{
	size_t n = c->bytes < CLI_TAIL ? (size_t)c->bytes : CLI_TAIL, first = c->bytes % CLI_TAIL;
	char *out = c->tail ? malloc(n + 1) : NULL;

	*len = 0;
	if (!out)
		return NULL;
	if (n < CLI_TAIL)
		first = 0;
	memcpy(out, c->tail + first, n - first);
	memcpy(out + (n - first), c->tail, first);
	out[n] = 0;
	*len = n;
	return out;
}

/*
 * Waits until stdout takes bytes: it may be a pipe somebody made non-blocking, or one nobody reads, and a time limit
 * holds for that too.  False where it never will in time.
 */
static bool wait_writable(const struct cli_console *c)
{
	struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
	uint64_t now = c->deadline ? cli_now() : 0, ms;

	if (c->deadline && now >= c->deadline)
		return cli_poll(&p, 0) > 0;
	ms = (c->deadline - now) / 1000000 + 1;
	return cli_poll(&p, c->deadline && ms < INT_MAX ? (int)ms : -1) != 0;
}

void cli_console_note(struct cli_console *c, const void *bytes, size_t len)
{
	if (c->tail)
		keep(c, bytes, len);
}

/* Linux kernel/panic.c: the line it says before it ends; with or without the time before it. */
#define PANIC "Kernel panic - not syncing"

static void end_line(struct cli_console *c)
{
	const char *at;

	c->line[c->line_len] = 0;
	at = strstr(c->line, PANIC);
	if (at && !c->panic[0])
		snprintf(c->panic, sizeof c->panic, "%s", at);
	c->line_len = 0;
}

static void read_lines(struct cli_console *c, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n')
			end_line(c);
		else if (bytes[i] != '\r' && bytes[i] && c->line_len < sizeof c->line - 1)
			c->line[c->line_len++] = bytes[i];
	}
}

void cli_console_write(void *ctx, const void *bytes, size_t len)
{
	struct cli_console *c = ctx;
	const char *at = bytes;

	if (c->lines)
		read_lines(c, bytes, len);
	if (c->apart) {
		if (c->shown)
			fwrite(bytes, 1, len, stderr);
		return;
	}
	cli_console_note(c, bytes, len);
	while (len && !c->err) {
		ssize_t n;

		if ((c->deadline || c->full) && !wait_writable(c)) {
			snug_vcpu_kick(c->vcpu); /* whoever runs it sees that the time is up */
			return;
		}
		n = write(STDOUT_FILENO, at, len);
		c->full = n < 0 && errno == EAGAIN;
		if (n >= 0) {
			at += n;
			len -= (size_t)n;
		} else if (!c->full && errno != EINTR) {
			c->err = errno;
			snug_vcpu_kick(c->vcpu);
		}
	}
}

#define CTRL_A 1

/* Takes out the keys that are ours: Ctrl-A and one more; twice it is the guest's.  How many are left. */
static size_t keys(struct cli_console *c, char *bytes, size_t len)
{
	size_t left = 0;

	for (size_t i = 0; i < len && c->raw; i++) {
		char key = bytes[i];

		if (!c->escaped && key == CTRL_A) {
			c->escaped = true;
			continue;
		}
		if (c->escaped && key != CTRL_A) {
			c->quit |= key == 'x';
			c->monitor |= key == 'c';
			c->escaped = false;
			snug_vcpu_kick(c->vcpu);
			continue;
		}
		c->escaped = false;
		bytes[left++] = key;
	}
	return c->raw ? left : len;
}

size_t cli_console_read(void *ctx, void *bytes, size_t len)
{
	struct cli_console *c = ctx;
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	ssize_t n;

	if (c->eof || len == 0 || cli_poll(&p, 0) <= 0)
		return 0;
	n = read(STDIN_FILENO, bytes, len);
	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		c->eof = true;
	return n > 0 ? keys(c, bytes, (size_t)n) : 0;
}

/* SPDX-License-Identifier: MIT */
/* say: messages, times and sizes as people read them */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "cli.h"

int cli_err(struct snug_error *e, int code, const char *hint, const char *fmt, ...)
{
	va_list ap;

	*e = (struct snug_error){.code = code};
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof e->msg, fmt, ap);
	va_end(ap);
	if (hint)
		snprintf(e->hint, sizeof e->hint, "%s", hint);
	return code;
}

void cli_defuse(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

void cli_say(const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	cli_defuse(line);
	fprintf(stderr, "snug: %s\n", line);
}

void cli_say_error(const struct snug_error *e)
{
	char hint[sizeof e->hint];

	cli_say("%s", e->msg);
	if (!e->hint[0])
		return;
	snprintf(hint, sizeof hint, "%s", e->hint);
	cli_defuse(hint);
	fprintf(stderr, "  %s\n", hint);
}

int cli_flush(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	cli_say("stdout: %s", strerror(errno));
	return CLI_FAILED;
}

const char *cli_time(char out[16], uint64_t ns)
{
	static const struct {
		double scale;
		const char *name;
	} units[] = {{1e3, "us"}, {1e6, "ms"}, {1e9, "s "}};
	unsigned u = ns < 1000000 ? 0 : ns < 1000000000 ? 1 : 2;

	snprintf(out, 16, "%.1f %s", (double)ns / units[u].scale, units[u].name);
	return out;
}

const char *cli_size(char out[32], uint64_t bytes)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	unsigned u = 0;

	while (u < 4 && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		u++;
	}
	snprintf(out, 32, "%" PRIu64 " %s", bytes, units[u]);
	return out;
}

uint64_t cli_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int cli_poll(struct pollfd *p, int ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	return ppoll(p, 1, ms < 0 ? NULL : &t, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "exec.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

/* All of it, also into a pipe that somebody made non-blocking; a time limit holds for that too. */
static int write_all(struct cli_run *r, int fd, const struct snug_host_arg *arg, uint64_t *result)
{
	const char *at = arg->data;
	size_t left = arg->len;

	while (left) {
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		ssize_t n = write(fd, at, left);

		if (n > 0) {
			at += n;
			left -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			if (r->deadline && cli_now() >= r->deadline)
				return -ETIMEDOUT;
			cli_poll(&p, 100);
		} else if (n < 0 && errno != EINTR) {
			/* As for a console that cannot be written: the run ends, and says so. */
			r->console.err = errno;
			snug_vcpu_kick(r->console.vcpu);
			return -errno;
		}
	}
	*result = 0;
	return 0;
}

static int to_stdout(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *args, uint64_t *result)
{
	struct cli_run *r = ctx;

	(void)vcpu;
	cli_console_note(&r->console, args[0].data, args[0].len);
	return write_all(r, STDOUT_FILENO, args, result);
}

static int to_stderr(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *args, uint64_t *result)
{
	(void)vcpu;
	return write_all(ctx, STDERR_FILENO, args, result);
}

/* A guest that was saved when it was ready asks what to run in this life. */
static int size(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *args, uint64_t *result)
{
	const struct cli_run *r = ctx;

	(void)vcpu, (void)args;
	*result = r->args->exec ? strlen(r->args->exec) : 0;
	return 0;
}

static int command(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *args, uint64_t *result)
{
	const struct cli_run *r = ctx;

	(void)vcpu;
	if (!r->args->exec || args[0].len != strlen(r->args->exec))
		return -EINVAL;
	memcpy(args[0].data, r->args->exec, args[0].len);
	*result = 0;
	return 0;
}

int cli_exec_add(struct cli_run *r, struct snug_error *e)
{
	static const struct {
		const char *name, *types;
		snug_host_fn fn;
	} calls[] = {{"exec-out", "r", to_stdout},
	             {"exec-err", "r", to_stderr},
	             {"exec-size", "ii", size},
	             {"exec-command", "w", command}};
	int code = 0;

	for (size_t i = 0; code >= 0 && i < sizeof calls / sizeof *calls; i++)
		code = snug_host_add(r->vm, calls[i].name, calls[i].types, calls[i].fn, r, e);
	return code;
}

/* SPDX-License-Identifier: MIT */
#include "exec.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int said(struct cli_exec *x, int fd, const struct snug_host_arg *arg, uint64_t *result)
{
	*result = 0;
	return x->write(x->ctx, fd, arg->data, arg->len);
}

static int to_stdout(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *args, uint64_t *result)
{
	(void)vcpu;
	return said(ctx, STDOUT_FILENO, args, result);
}

static int to_stderr(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *args, uint64_t *result)
{
	(void)vcpu;
	return said(ctx, STDERR_FILENO, args, result);
}

/* A guest that was saved when it was ready asks what to run in this life. */
static int size(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *args, uint64_t *result)
{
	const struct cli_exec *x = ctx;

	(void)vcpu, (void)args;
	*result = x->command ? strlen(x->command) : 0;
	return 0;
}

static int command(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *args, uint64_t *result)
{
	const struct cli_exec *x = ctx;

	(void)vcpu;
	if (!x->command || args[0].len != strlen(x->command))
		return -EINVAL;
	memcpy(args[0].data, x->command, args[0].len);
	*result = 0;
	return 0;
}

int cli_exec_add(snug_vm *vm, struct cli_exec *x, struct snug_error *e)
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
		code = snug_host_add(vm, calls[i].name, calls[i].types, calls[i].fn, x, e);
	return code;
}

/* SPDX-License-Identifier: MIT */
/* exec: what the process 1 of --exec asks of the host: what to run, and where its output goes */
#ifndef SNUG_CLI_EXEC_H
#define SNUG_CLI_EXEC_H

#include <snug.h>

/* One guest's.  It is the VM's until that is freed. */
struct cli_exec {
	const char *command; /* NULL: the guest has its own */
	/* Takes what it says, fd is 1 or 2.  A negative errno is the guest's. */
	int (*write)(void *ctx, int fd, const void *bytes, size_t len);
	void *ctx;
};

int cli_exec_add(snug_vm *vm, struct cli_exec *x, struct snug_error *e);

#endif

/* SPDX-License-Identifier: MIT */
/* console: the guest's console is stdin and stdout */
#ifndef SNUG_CLI_CONSOLE_H
#define SNUG_CLI_CONSOLE_H

#include <stdbool.h>

#include <snug.h>

struct cli_console {
	snug_vcpu *vcpu; /* stopped where stdout fails */
	bool eof;        /* no more input will come */
	int err;         /* the errno that ended stdout, 0: it works */
};

void cli_console_open(struct cli_console *c, snug_vcpu *vcpu);

/* For struct snug_console; ctx is a struct cli_console. */
void cli_console_write(void *ctx, const void *bytes, size_t len);
size_t cli_console_read(void *ctx, void *bytes, size_t len);

#endif

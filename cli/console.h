/* SPDX-License-Identifier: MIT */
/* console: the guest's console is stdin and stdout */
#ifndef SNUG_CLI_CONSOLE_H
#define SNUG_CLI_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <snug.h>

struct cli_console {
	snug_vcpu *vcpu;   /* stopped where stdout fails */
	uint64_t deadline; /* of cli_now's clock; what cannot be written by then is dropped; 0: none */
	bool eof;          /* no more input will come */
	bool full;         /* the last write would have blocked */
	int err;           /* the errno that ended stdout, 0: it works */
	char *tail;        /* the newest CLI_TAIL bytes, as a ring; NULL: not kept */
	uint64_t bytes;    /* all that was kept ever */
	/* A kernel's console. */
	bool lines; /* looked at line by line, for its last words */
	bool apart; /* it goes to stderr, or nowhere: stdout is a command's */
	bool shown;
	bool raw;           /* stdin is a terminal in raw mode: Ctrl-A is ours */
	bool escaped;       /* the last key was that */
	bool quit, monitor; /* Ctrl-A x, Ctrl-A c: asked for, and the vCPU kicked */
	char line[256];     /* so far; what is longer is cut */
	size_t line_len;
	char panic[256]; /* the line that tells of it; empty: it did not */
};

#define CLI_TAIL (256u << 10)

/* Keeps what is written from now on.  false: no memory. */
bool cli_console_keep(struct cli_console *c);

/* Bytes that are shown by somebody else are kept all the same. */
void cli_console_note(struct cli_console *c, const void *bytes, size_t len);

/* What was kept, oldest first, and how many bytes; to be freed.  NULL: nothing was kept, or no memory. */
char *cli_console_kept(const struct cli_console *c, size_t *len);

void cli_console_open(struct cli_console *c, snug_vcpu *vcpu);

/* For struct snug_console; ctx is a struct cli_console. */
void cli_console_write(void *ctx, const void *bytes, size_t len);
size_t cli_console_read(void *ctx, void *bytes, size_t len);

#endif

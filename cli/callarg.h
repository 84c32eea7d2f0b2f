/* SPDX-License-Identifier: MIT */
/* callarg: the arguments of snug call, as people type them */
#ifndef SNUG_CLI_CALLARG_H
#define SNUG_CLI_CALLARG_H

#include <stddef.h>

#include <snug.h>

#define CLI_BUFFER_MAX (64u << 20) /* bytes of one argument */

struct cli_call_args {
	struct snug_arg arg[SNUG_ARGS_MAX];
	unsigned count;
	size_t show[SNUG_ARGS_MAX];   /* bytes of its data to be written out after the call; 0: none */
	void *initial[SNUG_ARGS_MAX]; /* an INOUT's data before the call */
};

/*
 * Reads words, each of them
 *     12, -3, 0x10       an integer
 *     s:TEXT             the address of TEXT and a NUL
 *     @FILE              the address of the file's bytes, and as the next argument their number
 *     o:N                the address of N bytes for output
 *     io:TEXT, io:@FILE  as s:TEXT and @FILE, for input and output
 * Whatever comes back, out is for cli_call_args_free.
 * Fails: -EINVAL, -E2BIG (more than SNUG_ARGS_MAX of the guest's), -EFBIG, -ENOMEM, and the errnos of files; the message
 * names the word.
 */
int cli_call_args_read(const char *const *words, unsigned count, struct cli_call_args *out, struct snug_error *e);

void cli_call_args_free(struct cli_call_args *a);

/* Puts the data of INOUT arguments back to what it was before the call. */
void cli_call_args_renew(struct cli_call_args *a);

#endif

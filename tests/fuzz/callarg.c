/* SPDX-License-Identifier: MIT */
/* The words of snug call, a zero byte after each; those that would open a file are left out. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "callarg.h"

#define WORDS_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(const struct cli_call_args *a)
{
	for (unsigned i = 0; i < a->count; i++) {
		const struct snug_arg *arg = &a->arg[i];

		if ((arg->kind == SNUG_ARG_INT) != (arg->data == NULL) || arg->len > CLI_BUFFER_MAX)
			abort();
		if ((arg->kind == SNUG_ARG_INOUT) != (a->initial[i] != NULL) || a->show[i] > arg->len)
			abort();
		if (arg->kind == SNUG_ARG_IN && ((char *)arg->data)[arg->len - 1] != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);
	const char *words[WORDS_MAX];
	struct cli_call_args args;
	struct snug_error e = {0};
	unsigned count = 0;

	memcpy(text, data, len);
	text[len] = 0;
	for (size_t at = 0; at < len && count < WORDS_MAX; at += strlen(text + at) + 1)
		if (text[at] != '@' && strncmp(text + at, "io:@", 4) != 0)
			words[count++] = text + at;
	if (cli_call_args_read(words, count, &args, &e) < 0 && (!e.msg[0] || !memchr(e.msg, 0, sizeof e.msg)))
		abort();
	check(&args);
	cli_call_args_renew(&args);
	cli_call_args_free(&args);
	free(text);
	return 0;
}

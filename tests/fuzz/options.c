/* SPDX-License-Identifier: MIT */
/* The first byte picks the verb; the rest are the words, a zero byte after each. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct cli_verb *verb;
	char *text, *argv[WORDS_MAX + 1];
	struct cli_args args;
	struct snug_error e = {0};
	unsigned verbs = 0;
	int argc = 0;

	if (len < 1)
		return 0;
	while (cli_verbs[verbs].name)
		verbs++;
	verb = &cli_verbs[data[0] % verbs];
	text = malloc(len);
	memcpy(text, data + 1, len - 1);
	text[len - 1] = 0;
	for (size_t at = 0; at < len && argc < WORDS_MAX; at += strlen(text + at) + 1)
		argv[argc++] = text + at;
	argv[argc] = NULL;
	if (cli_parse(verb, argv, &args, &e) < 0) {
		if (!e.msg[0] || !memchr(e.msg, 0, sizeof e.msg) || !memchr(e.hint, 0, sizeof e.hint))
			abort();
	} else if (!args.help) {
		/* --kernel stands for the one operand. */
		if (args.operand_count < (args.kernel ? 0 : verb->min) || args.operand_count > verb->max ||
		    args.guest_args)
			abort();
		if (args.image != (args.kernel ? args.kernel : args.operands[0]) ||
		    (args.kernel && args.operand_count) || !args.word != !verb->words)
			abort();
		if (args.mem % 4096 || args.cpus > UINT32_MAX || args.mode < 0 || args.kind < 0)
			abort();
	}
	cli_verb_guess(argc ? argv[0] : "");
	free(text);
	return 0;
}

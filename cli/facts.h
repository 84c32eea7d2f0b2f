/* SPDX-License-Identifier: MIT */
/* facts: what a run says of its host; gathered before the sandbox closes, which lets none of it be asked for later */
#ifndef SNUG_CLI_FACTS_H
#define SNUG_CLI_FACTS_H

#include <snug.h>

#include "options.h"

struct cli_facts {
	enum snug_host_kind kind;
	char kernel[65];
	char cpu[128];
	long host_cpus;
	char nonce[33]; /* of the report; empty: there is no randomness */
};

/* What the files asked for need, and nothing where there are none. */
void cli_facts_gather(struct cli_facts *f, const struct cli_args *args);

#endif

/* SPDX-License-Identifier: MIT */
/* result: what became of a run, and the same as JSON */
#ifndef SNUG_CLI_RESULT_H
#define SNUG_CLI_RESULT_H

#include "cli.h"
#include "facts.h"
#include "json.h"
#include "stats.h"

struct cli_result {
	int status;
	bool by_guest; /* who set it */
	bool started;  /* there was a machine with a guest in it */
	bool loaded;   /* boot counts */
	bool failed;   /* a file could not be written; it is said already */
	struct snug_boot boot;
	struct snug_exit exit;       /* the last; its pointers are dead */
	struct snug_error error;     /* where snug set the status */
	struct snug_autopsy autopsy; /* after a crash; `why` is empty where there is none */
	uint64_t cpus, mem;          /* of the machine */
	uint64_t reboots, saves;
	uint64_t wall_ns;
	struct cli_facts facts;
	struct cli_stats stats;
	/* for the report; owned, NULL: there is none */
	char *crash;
	char *timeline; /* as snug_trace_write gives it */
	size_t timeline_len;
};

/* NULL: no memory. */
json_t *cli_result_json(const struct cli_result *r, const struct cli_args *args);

#endif

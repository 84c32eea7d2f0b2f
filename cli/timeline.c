/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "outfile.h"
#include "timeline.h"

#define REPORT_EXITS 8192u /* about 3 MB of JSON */

int cli_trace_start(snug_vm *vm, const struct cli_args *args, struct snug_error *e)
{
	struct snug_trace_config cfg = {.size = sizeof cfg, .exits = args->trace ? 0 : REPORT_EXITS};
	char dir[4096];

	if (args->stream && cli_file_folder(args->trace, dir, sizeof dir))
		cfg.spill = dir;
	return snug_trace_start(vm, &cfg, e);
}

int cli_trace_write(snug_vm *vm, const struct cli_args *args, struct snug_error *e)
{
	uint64_t events = 0, lost = 0;
	struct cli_out out;
	int r;

	if (cli_out_open(&out, "trace", args->trace, e) < 0)
		return e->code;
	r = snug_trace_write(vm, 0, cli_out_write, &out, e);
	r = cli_out_close(&out, r, e);
	snug_trace_count(vm, &events, &lost);
	if (r == 0 && lost && args->stream)
		cli_say("--trace: %" PRIu64 " of %" PRIu64 " events are lost: is the disk full?", lost, events);
	else if (r == 0 && lost && args->verbose)
		cli_say("--trace: the newest %" PRIu64 " of %" PRIu64 " events; --stream keeps all", events - lost,
		        events);
	return r;
}

static int to_stream(void *ctx, const void *bytes, size_t len)
{
	return fwrite(bytes, 1, len, ctx) == len ? 0 : -ENOMEM;
}

char *cli_trace_text(snug_vm *vm, uint64_t cpus, size_t *len)
{
	uint64_t each = REPORT_EXITS / cpus;
	char *text = NULL;
	FILE *to = open_memstream(&text, len);
	int r;

	if (!to)
		return NULL;
	r = snug_trace_write(vm, each ? each : 1, to_stream, to, NULL);
	if (fclose(to) == 0 && r == 0)
		return text;
	free(text);
	return NULL;
}

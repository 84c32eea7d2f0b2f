/* SPDX-License-Identifier: MIT */
/* timeline: --trace, and the part of it that --report shows */
#ifndef SNUG_CLI_TIMELINE_H
#define SNUG_CLI_TIMELINE_H

#include <snug.h>

#include "options.h"

/* Keeps as much as the options ask for. */
int cli_trace_start(snug_vm *vm, const struct cli_args *args, struct snug_error *e);

/* Writes the file of --trace. */
int cli_trace_write(snug_vm *vm, const struct cli_args *args, struct snug_error *e);

/* The newest part of a machine of that many vCPUs, as JSON; to be freed.  NULL: no memory, or no trace. */
char *cli_trace_text(snug_vm *vm, uint64_t cpus, size_t *len);

#endif

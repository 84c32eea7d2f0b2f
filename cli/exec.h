/* SPDX-License-Identifier: MIT */
/* exec: --exec: a command in a Linux guest, whose output and status are snug's */
#ifndef SNUG_CLI_EXEC_H
#define SNUG_CLI_EXEC_H

#include "run.h"

/* The guest's process 1 hands output over by calls of the host. */
int cli_exec_add(struct cli_run *r, struct snug_error *e);

#endif

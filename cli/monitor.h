/* SPDX-License-Identifier: MIT */
/* monitor: a prompt on the terminal of a paused guest, after Ctrl-A c */
#ifndef SNUG_CLI_MONITOR_H
#define SNUG_CLI_MONITOR_H

#include "run.h"

/* Reads and does commands until the guest is to go on: true; or to end, or its time is up, or no more comes: false. */
bool cli_monitor(struct cli_run *r);

#endif

/* SPDX-License-Identifier: MIT */
/* pc: guests that are kernels: what they are told, the threads they run in */
#ifndef SNUG_CLI_PC_H
#define SNUG_CLI_PC_H

#include "run.h"

#define CLI_PC_MEM (256ull << 20) /* --mem, where it is not given */

/* The image's kind if it is a kernel, else 0.  An image nobody knows, or that cannot be read, is for snug_load to refuse. */
int cli_pc_kind(const struct cli_args *a);

/*
 * A kernel's command line: what snug adds, and then --append, which so wins.  Owned by the caller; NULL: no memory.  What was
 * added for this kind of host is told with --verbose.
 */
char *cli_pc_cmdline(const struct cli_args *a, int kind);

/* Makes the VM's threads, confined like this one is to be. */
int cli_pc_start(struct cli_run *r, struct snug_error *e);

/* As snug_vcpu_run, with all vCPUs. */
int cli_pc_some(struct cli_run *r, uint64_t ns, struct snug_exit *x, struct snug_error *e);

/* The kernel's last words, if it panicked: then the end of the run is a crash. */
bool cli_pc_panicked(struct cli_run *r, const struct snug_exit *x);

/* The calls of a guest of --exec: its output goes to stdout and stderr. */
int cli_pc_exec(struct cli_run *r, struct snug_error *e);

#endif

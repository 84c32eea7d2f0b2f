/* SPDX-License-Identifier: MIT */
/*
 * jail: the sandbox of a run
 *
 * The verb runs in a process of its own, born into new namespaces; its parent is its keeper (keeper.h).  When it has
 * opened what it needs and made its machine, it closes the jail: an empty root directory, then snug_sandbox.
 */
#ifndef SNUG_CLI_JAIL_H
#define SNUG_CLI_JAIL_H

#include "options.h"

enum cli_sandbox { CLI_SANDBOX_ON, CLI_SANDBOX_OFF, CLI_SANDBOX_STRICT };

/* Runs a verb as --sandbox says; its exit status. */
int cli_jail_run(struct cli_args *args, int (*verb)(const struct cli_args *));

/*
 * In the verb, before the first instruction of a guest: the whole jail; or, for one with threads, the process before
 * they are made and each of them after; files: descriptors it opens later, 0: few.  Tells once what is missing here.  Without a sandbox they do nothing.
 */
int cli_jail_close(const struct cli_args *args, struct snug_error *e);
int cli_jail_process(const struct cli_args *args, uint64_t files, struct snug_error *e);
int cli_jail_thread(const struct cli_args *args, struct snug_error *e);

/* The guest is a kernel: its threads do what those of others do not. */
void cli_jail_pc(const struct cli_args *args);

/* gdb's socket was made: it is the keeper's from now on.  False: there is none, so it is still the caller's. */
bool cli_jail_has_socket(const struct cli_args *args);

/* Flags for the VM that will run in it: SNUG_CONFIG_*. */
uint32_t cli_jail_config(const struct cli_args *args);

/* A row of `snug check`: can namespaces be had?  What is missing, or empty. */
void cli_jail_namespaces(char *lacks, size_t len);

#endif

/* SPDX-License-Identifier: MIT */
/* run: what the files of a run share */
#ifndef SNUG_CLI_RUN_H
#define SNUG_CLI_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include <snug.h>

#include "console.h"
#include "exec.h"
#include "gdb.h"
#include "result.h"
#include "save.h"

struct cli_run {
	const struct cli_args *args;
	bool snapshot;                 /* it starts from a snapshot, not from an image */
	bool call;                     /* its functions are to be called, by their names */
	bool pc;                       /* its guest is a kernel: pc.h */
	struct snug_error begin_error; /* of its threads */
	snug_vm *vm;
	int kernel; /* enum snug_kind, 0: none */
	struct cli_exec exec;
	struct cli_console console;
	struct cli_result *result;
	struct cli_gdb gdb;
	struct cli_save save;
	uint64_t deadline; /* 0: none */
	bool asleep;       /* halted with interrupts on */
};

/* Snug's own end of the run, told on stderr. */
void cli_run_fail(struct cli_run *r, int status, const struct snug_error *e);

/* And the end the guest came to, which is in the result. */
void cli_run_timed_out(struct cli_run *r);
void cli_run_crashed(struct cli_run *r, const struct snug_exit *x);

/* start.c: makes the machine and puts the guest into it; false where that failed, and then all is said. */
bool cli_run_start(struct cli_run *r);

/* LEN bytes of a plain file of that name, from AT; false: it is none, or has not so many. */
bool cli_peek(const char *path, long at, void *out, size_t len);

/* Does a plain file of that name begin as an ELF file does?  What does not is for the library to refuse, or to take. */
bool cli_is_elf(const char *path);

/* The exit status that a failure of snug_restore or snug_snapshot_info means. */
int cli_snapshot_status(const struct snug_error *e, int code);

#endif

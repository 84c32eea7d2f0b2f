/* SPDX-License-Identifier: MIT */
/* save: snug run --save */
#ifndef SNUG_CLI_SAVE_H
#define SNUG_CLI_SAVE_H

#include <stdbool.h>
#include <stdint.h>

#include <snug.h>

#define CLI_SAVE_MARK "ready"

/*
 * A signal that comes between two runs does not end the next one; so runs are no longer than this while there is a
 * file to be saved to, and the signal is seen then.
 */
#define CLI_SAVE_SLICE_NS 200000000u

struct cli_save {
	const char *path; /* NULL: nothing is to be saved */
	uint64_t count;   /* how often it was */
	bool failed;      /* and it is said already */
	bool verbose;
};

/* Listens to SIGUSR1 from now on. */
void cli_save_open(struct cli_save *s, const char *path, bool verbose);

/* Asks a new machine to stop at the mark. */
int cli_save_arm(const struct cli_save *s, snug_vm *vm, struct snug_error *e);

/* Has a signal come since this was asked last? */
bool cli_save_asked(void);

/* Saves, and tells; `why` is for that: "at the mark". */
void cli_save_now(struct cli_save *s, snug_vm *vm, const char *why);

/* Sleeps till a signal comes, or for ns nanoseconds (0: no limit); at once where one has come already. */
void cli_save_sleep(uint64_t ns);

#endif

/* SPDX-License-Identifier: MIT */
/* cli: what the files of the command share */
#ifndef SNUG_CLI_H
#define SNUG_CLI_H

#include <poll.h>
#include <stdio.h>

#include <snug.h>

#include "options.h"

/* Exit statuses that snug sets itself; all others are the guest's. */
enum cli_status {
	CLI_OK = 0,
	CLI_CHECK_FAILED = 1, /* check, demo: guests cannot run */
	CLI_CRASH = 123,
	CLI_TIMEOUT = 124,
	CLI_FAILED = 125,
	CLI_NO_GUEST = 126,
	CLI_NOT_FOUND = 127,
};

/* One verb each; the exit status. */
int verb_run(const struct cli_args *args);
int verb_restore(const struct cli_args *args);
int verb_clone(const struct cli_args *args);
int verb_call(const struct cli_args *args);
int verb_snapshot(const struct cli_args *args);
int verb_check(const struct cli_args *args);
int verb_demo(const struct cli_args *args);

/* say.c: all of snug's own words */

/* Fills *e; returns code.  hint may be NULL. */
__attribute__((format(printf, 4, 5))) int cli_err(struct snug_error *e, int code, const char *hint, const char *fmt,
                                                  ...);

/* "snug: MSG" and, if there is one, the hint on a line of its own, to stderr. */
void cli_say_error(const struct snug_error *e);

/* "snug: ..." to stderr, control characters made harmless. */
__attribute__((format(printf, 1, 2))) void cli_say(const char *fmt, ...);

/* Makes control characters harmless: a file name may hold anything, and a terminal is not to act on it. */
void cli_defuse(char *s);

/* stdout's buffer out; CLI_FAILED with a message where it cannot be written, else `status`. */
int cli_flush(int status);

/* "12.3 us", at most 8 columns, into a buffer of 16. */
const char *cli_time(char out[16], uint64_t ns);

/* "16 MiB" where it is a whole number of a unit, into a buffer of 32. */
const char *cli_size(char out[32], uint64_t bytes);

/* Nanoseconds of the monotonic clock. */
uint64_t cli_now(void);

/* poll(2) of one, by the one system call that the sandbox lets pass.  -1: for ever. */
int cli_poll(struct pollfd *p, int ms);

#endif

/* SPDX-License-Identifier: MIT */
/* seccomp: a filter of system calls, through libseccomp */
#ifndef SNUG_HOST_SECCOMP_H
#define SNUG_HOST_SECCOMP_H

#include <stdbool.h>
#include <stdint.h>

#include <snug.h>

/* One argument is held against a value under a mask; a mask of 0: no limit. */
struct snug__arg_limit {
	unsigned arg; /* from 0 */
	uint64_t mask, value;
};

enum { SNUG__ARG_LIMITS = 2 };

/* Opaque: calls that are allowed; all others end the process. */
struct snug__seccomp;

/* Fails: -ENOTSUP (built without libseccomp), -ENOMEM. */
int snug__seccomp_new(struct snug__seccomp **out, struct snug_error *err);

/* Lets a call pass where all its limits hold; called again, where the limits of any one call hold. */
int snug__seccomp_allow(struct snug__seccomp *s, int nr, const struct snug__arg_limit limits[SNUG__ARG_LIMITS],
                        struct snug_error *err);

/* For this thread and those it makes, for good.  no_new_privs must be set. */
int snug__seccomp_enter(struct snug__seccomp *s, struct snug_error *err);

void snug__seccomp_free(struct snug__seccomp *s);

/* Was libseccomp there when this was built, and does the kernel know filters that end the process (Linux 4.14)? */
bool snug__seccomp_built(void);
bool snug__seccomp_offered(void);

#endif

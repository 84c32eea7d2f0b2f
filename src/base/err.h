/* SPDX-License-Identifier: MIT */
/* err: filling a caller's struct snug_error */
#ifndef SNUG_BASE_ERR_H
#define SNUG_BASE_ERR_H

#include <snug.h>

/*
 * Each returns `code` (a negative errno), so that a failure is one statement:
 *     return snug__err(e, -EINVAL, SNUG_STEP_MEMORY, "use a multiple of 4096", "memory: %llu bytes", n);
 * e may be NULL.  hint may be NULL.
 */
__attribute__((format(printf, 5, 6))) int snug__err(struct snug_error *e, int code, int step, const char *hint,
                                                    const char *fmt, ...);

/* Puts "what: " before the message of an error already set; returns its code. */
__attribute__((format(printf, 3, 4))) int snug__err_wrap(struct snug_error *e, int code, const char *fmt, ...);

/* "No such file or directory" for a positive errno, thread-safe and unlocalised; never NULL. */
const char *snug__errno_text(int err);

/* "ENOENT", likewise; "?" where it has no name. */
const char *snug__errno_name(int err);

#endif

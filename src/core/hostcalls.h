/* SPDX-License-Identifier: MIT */
/*
 * hostcalls: the host functions a guest may call, by name
 *
 * A table never changes: one with a function more takes its place.  So a VM and its clones can have the same one.
 */
#ifndef SNUG_CORE_HOSTCALLS_H
#define SNUG_CORE_HOSTCALLS_H

#include <stdatomic.h>

#include "core/core.h"

#define SNUG__HOSTCALLS_MAX 64
#define SNUG__HOSTCALL_NAME 32 /* with its NUL */

struct snug__hostcall {
	char name[SNUG__HOSTCALL_NAME];
	char types[SNUG_ARGS_MAX + 1];
	snug_host_fn fn;
	void *ctx;
};

struct snug__hostcalls {
	atomic_uint owners;
	unsigned count;
	struct snug__hostcall rows[];
};

/* One owner more, and one less; NULL is fine. */
struct snug__hostcalls *snug__hostcalls_hold(struct snug__hostcalls *h);
void snug__hostcalls_drop(struct snug__hostcalls *h);

/* A new table with one owner: what h (or NULL) has, and one function more.  NULL: no memory. */
struct snug__hostcalls *snug__hostcalls_with(const struct snug__hostcalls *h, const struct snug__hostcall *more);

/* NULL: nobody registered it. */
const struct snug__hostcall *snug__hostcalls_find(const struct snug__hostcalls *h, const char *name);

#endif

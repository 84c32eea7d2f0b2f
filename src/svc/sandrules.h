/* SPDX-License-Identifier: MIT */
/* sandrules: the one table of what a confined thread may ask of the kernel */
#ifndef SNUG_SVC_SANDRULES_H
#define SNUG_SVC_SANDRULES_H

#include <stddef.h>

#include "host/seccomp.h"

/* Whose process number the first argument must be; known at run time only. */
enum snug__sand_pid { SNUG__PID_ANY, SNUG__PID_OWN, SNUG__PID_CHILD };

struct snug__sand_rule {
	int nr;
	uint32_t kinds; /* bits 1 << enum snug_sandbox_kind */
	uint32_t uses;  /* SNUG_USE_* bits, any of which asks for it; 0: always */
	struct snug__arg_limit limits[SNUG__ARG_LIMITS];
	enum snug__sand_pid pid;
	const char *why;
};

extern const struct snug__sand_rule snug__sand_rules[];
extern const size_t snug__sand_rule_count;

/* Is it one of those a thread of that kind with these uses has? */
static inline bool snug__sand_rule_for(const struct snug__sand_rule *r, unsigned kind, uint32_t uses)
{
	return (r->kinds >> kind & 1) && (!r->uses || (r->uses & uses));
}

/* Its limits, with the process numbers put in. */
void snug__sand_limits(const struct snug__sand_rule *r, int own, int child,
                       struct snug__arg_limit out[SNUG__ARG_LIMITS]);

#endif

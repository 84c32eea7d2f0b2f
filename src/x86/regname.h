/* SPDX-License-Identifier: MIT */
/* regname: registers by name, and what is wrong with a set of them */
#ifndef SNUG_X86_REGNAME_H
#define SNUG_X86_REGNAME_H

#include <snug.h>

struct snug__reg {
	const char *name;
	uint16_t offset; /* in struct snug_regs, or where special in struct snug_sregs */
	uint8_t bytes;
	bool special;
};

/* NULL: no such register. */
const struct snug__reg *snug__reg_find(const char *name);

/* -EINVAL and the message for a name that snug__reg_find did not find. */
int snug__reg_unknown(const char *name, struct snug_error *err);

uint64_t snug__reg_get(const struct snug__reg *reg, const void *regs);

/* -EINVAL where value has more bits than the register. */
int snug__reg_set(const struct snug__reg *reg, void *regs, uint64_t value, struct snug_error *err);

/* Which field of sregs no CPU takes, in words; NULL: none that is known here. */
const char *snug__sregs_fault(const struct snug_sregs *s);

#endif

/* SPDX-License-Identifier: MIT */
/* clone: VMs from a frozen state */
#ifndef SNUG_SVC_CLONE_H
#define SNUG_SVC_CLONE_H

#include "core/frozen.h"

/* One VM; where the soft limit of open files is in the way, it is raised for this one and `more` of the same. */
int snug__clone_one(struct snug__frozen *f, const struct snug__traits *t, unsigned more, snug_vm **out,
                    struct snug_error *err);

/* What a clone of vm gets; strings and counts are borrowed from vm. */
struct snug__traits snug__clone_traits(const snug_vm *vm);

#endif

/* SPDX-License-Identifier: MIT */
/* limits: how many files a process may have open */
#ifndef SNUG_HOST_LIMITS_H
#define SNUG_HOST_LIMITS_H

#include <snug.h>

/* Raises the soft limit to the hard one if `more` files do not fit besides those that are open; -EMFILE. */
int snug__limits_files(uint64_t more, struct snug_error *err);

#endif

/* SPDX-License-Identifier: MIT */
/* random: bytes nobody can foretell */
#ifndef SNUG_HOST_RANDOM_H
#define SNUG_HOST_RANDOM_H

#include <stddef.h>

/* Fills bytes from the kernel's generator, getrandom(2); 0 or a negative errno. */
int snug__random(void *bytes, size_t len);

#endif

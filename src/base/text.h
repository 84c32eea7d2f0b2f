/* SPDX-License-Identifier: MIT */
/* text: numbers as people read them */
#ifndef SNUG_BASE_TEXT_H
#define SNUG_BASE_TEXT_H

#include <stdint.h>

struct snug__text {
	char s[32];
};

/* "512 bytes", "4 KiB", "22.9 GiB": the largest unit that fits, one decimal (cut, not rounded) where needed. */
struct snug__text snug__text_size(uint64_t bytes);

/* "32M", "4G": bytes rounded up to whole MiB or GiB, as snug's options take sizes. */
struct snug__text snug__text_option_size(uint64_t bytes);

/* A copy to be freed; NULL: no memory. */
char *snug__text_copy(const char *s);

#endif

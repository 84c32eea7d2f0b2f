/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

struct snug__text snug__text_size(uint64_t bytes)
{
	static const char units[][4] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	struct snug__text t;
	unsigned unit = 0;
	uint64_t whole, tenth;

	if (bytes < 1024) {
		snprintf(t.s, sizeof(t.s), "%u bytes", (unsigned)bytes);
		return t;
	}
	while (unit < 5 && bytes >> (10 * (unit + 2)))
		unit++;
	whole = bytes >> (10 * (unit + 1));
	tenth = ((bytes >> (10 * unit)) & 1023) * 10 / 1024;
	if (tenth)
		snprintf(t.s, sizeof(t.s), "%u.%u %s", (unsigned)whole, (unsigned)tenth, units[unit]);
	else
		snprintf(t.s, sizeof(t.s), "%u %s", (unsigned)whole, units[unit]);
	return t;
}

struct snug__text snug__text_option_size(uint64_t bytes)
{
	uint64_t mib = (bytes >> 20) + ((bytes & 0xfffff) != 0);
	struct snug__text t;

	if (mib >= 1024 && snug__aligned(mib, 1024))
		snprintf(t.s, sizeof(t.s), "%lluG", (unsigned long long)(mib >> 10));
	else
		snprintf(t.s, sizeof(t.s), "%lluM", (unsigned long long)mib);
	return t;
}

char *snug__text_copy(const char *s)
{
	size_t len = strlen(s) + 1;
	char *copy = malloc(len);

	return copy ? memcpy(copy, s, len) : NULL;
}

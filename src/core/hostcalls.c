/* SPDX-License-Identifier: MIT */
#include "core/hostcalls.h"

#include <stdlib.h>
#include <string.h>

struct snug__hostcalls *snug__hostcalls_hold(struct snug__hostcalls *h)
{
	if (h)
		atomic_fetch_add_explicit(&h->owners, 1, memory_order_relaxed);
	return h;
}

void snug__hostcalls_drop(struct snug__hostcalls *h)
{
	if (h && atomic_fetch_sub_explicit(&h->owners, 1, memory_order_acq_rel) == 1)
		free(h);
}

struct snug__hostcalls *snug__hostcalls_with(const struct snug__hostcalls *h, const struct snug__hostcall *more)
{
	unsigned count = h ? h->count : 0;
	struct snug__hostcalls *new = malloc(sizeof(*new) + (count + 1ul) * sizeof(*more));

	if (!new)
		return NULL;
	atomic_init(&new->owners, 1);
	new->count = count + 1;
	if (h)
		memcpy(new->rows, h->rows, count * sizeof(*more));
	new->rows[count] = *more;
	return new;
}

const struct snug__hostcall *snug__hostcalls_find(const struct snug__hostcalls *h, const char *name)
{
	for (unsigned i = 0; h && i < h->count; i++)
		if (strcmp(h->rows[i].name, name) == 0)
			return &h->rows[i];
	return NULL;
}

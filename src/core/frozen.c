/* SPDX-License-Identifier: MIT */
/* frozen: the owners of a frozen state, and its end */
#include "core/frozen.h"

#include <stdlib.h>
#include <unistd.h>

#include "host/map.h"

struct snug__frozen *snug__frozen_new(void)
{
	struct snug__frozen *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	atomic_init(&f->owners, 1);
	f->fd = -1;
	return f;
}

struct snug__frozen *snug__frozen_hold(struct snug__frozen *f)
{
	if (f)
		atomic_fetch_add_explicit(&f->owners, 1, memory_order_relaxed);
	return f;
}

static void destroy(struct snug__frozen *f)
{
	if (f->view)
		snug__map_free((void *)(uintptr_t)f->view, f->bytes);
	if (f->fd >= 0)
		close(f->fd);
	for (unsigned i = 0; f->cpu && i < f->cpus; i++) {
		free(f->cpu[i].msrs);
		free(atomic_load_explicit(&f->cpu[i].fresh, memory_order_relaxed));
		free(f->cpu[i].cpuid);
	}
	for (unsigned i = 0; f->devs && i < f->dev_count; i++)
		free(f->devs[i].bytes);
	free(f->cpu);
	free(f->devs);
	free(f->regions);
	snug__symbols_drop(f->symbols);
	free(f);
}

/* The last owner must see what the others did with it before. */
void snug__frozen_drop(struct snug__frozen *f)
{
	if (f && atomic_fetch_sub_explicit(&f->owners, 1, memory_order_acq_rel) == 1)
		destroy(f);
}

/* SPDX-License-Identifier: MIT */
/*
 * guestport: snug's own port behind snug_exit() of <snug/guest.h>
 *
 * Four ports.  A write at offset 0 ends the run with the value as status; the other offsets are kept for later calls
 * and ignore writes.  Reads give ones, as without the device.
 */
#include "dev/dev.h"

#include <stdlib.h>

#define OFFSET_EXIT 0

struct guestport {
	struct snug__dev_env env;
};

static void *create(const struct snug__dev_env *env)
{
	struct guestport *g = calloc(1, sizeof(*g));

	if (g)
		g->env = *env;
	return g;
}

/* There is no state. */
static void reset(void *self)
{
	(void)self;
}

static void write_port(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	struct guestport *g = self;

	(void)size;
	if (offset == OFFSET_EXIT && g->env.ask)
		g->env.ask(g->env.ask_ctx, SNUG__ASK_EXIT, (uint32_t)value);
}

const struct snug__dev_class snug__dev_guestport = {
    .name = "guestport",
    .ops = {.size = sizeof(struct snug_device_ops), .max_size = 4, .write = write_port},
    .create = create,
    .destroy = free,
    .reset = reset,
};

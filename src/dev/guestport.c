/* SPDX-License-Identifier: MIT */
/*
 * guestport: snug's own ports behind snug_exit(), snug_mark() and snug_host() of <snug/guest.h>
 *
 * Sixteen ports.  A write at offset 0 ends the run with the value as status.  Writes at offset 4 send the name of a
 * mark, a byte or several at a time, lowest first, up to a NUL; what stands above a NUL in the same write is dropped.
 * A write of 4 bytes at offset 8 calls a host function; its value is where the guest described the call.  A write at
 * offset 12 says that the function of snug_call returned.  Other writes do nothing.  Reads give ones, as without the
 * device.
 */
#include "dev/dev.h"

#include <stdlib.h>

#define OFFSET_EXIT 0
#define OFFSET_MARK 4
#define OFFSET_HOST 8
#define OFFSET_RETURN 12
#define HOST_SIZE 4 /* an address has no less */

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

static void mark(const struct guestport *g, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)(value >> (8 * i));

		g->env.ask(g->env.ask_ctx, SNUG__ASK_MARK, byte);
		if (!byte)
			break;
	}
}

static void write_port(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	const struct guestport *g = self;

	if (!g->env.ask)
		return;
	if (offset == OFFSET_EXIT)
		g->env.ask(g->env.ask_ctx, SNUG__ASK_EXIT, (uint32_t)value);
	else if (offset == OFFSET_MARK)
		mark(g, value, size);
	else if (offset == OFFSET_HOST && size == HOST_SIZE)
		g->env.ask(g->env.ask_ctx, SNUG__ASK_HOST, (uint32_t)value);
	else if (offset == OFFSET_RETURN)
		g->env.ask(g->env.ask_ctx, SNUG__ASK_RETURN, 0);
}

const struct snug__dev_class snug__dev_guestport = {
    .name = "guestport",
    .ops = {.size = sizeof(struct snug_device_ops), .max_size = 4, .write = write_port},
    .create = create,
    .destroy = free,
    .reset = reset,
    .save = snug__dev_save_none,
    .load = snug__dev_load_none,
};

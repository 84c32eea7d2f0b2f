/* SPDX-License-Identifier: MIT */
/*
 * guestport: snug's own ports behind snug_exit(), snug_mark() and snug_host() of <snug/guest.h>
 *
 * Sixteen ports.  A write at offset 0 ends the run with the value as status.  Writes at offset 4 send the name of a mark,
 * a byte or several at a time, lowest first, up to a NUL; what stands above a NUL in the same write is dropped.  Four
 * bytes at offset 8 are the address of a call of a host function.  A write at offset 12 says that a function the host
 * called has returned.  The other offsets are kept for later calls and ignore writes.  Reads give ones, as without the
 * device.
 */
#include "dev/dev.h"

#include <stdlib.h>

#define OFFSET_EXIT 0
#define OFFSET_MARK 4
#define OFFSET_HOST 8
#define OFFSET_RETURN 12

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
	uint8_t byte;

	if (!g->env.ask)
		return;
	if (offset == OFFSET_EXIT)
		g->env.ask(g->env.ask_ctx, SNUG__ASK_EXIT, (uint32_t)value);
	if (offset == OFFSET_HOST && size == 4)
		g->env.ask(g->env.ask_ctx, SNUG__ASK_HOST, (uint32_t)value);
	if (offset == OFFSET_RETURN)
		g->env.ask(g->env.ask_ctx, SNUG__ASK_RETURN, (uint32_t)value);
	if (offset != OFFSET_MARK)
		return;
	for (unsigned i = 0; i < size; i++) {
		byte = (uint8_t)(value >> (8 * i));
		g->env.ask(g->env.ask_ctx, SNUG__ASK_MARK, byte);
		if (!byte)
			break;
	}
}

const struct snug__dev_class snug__dev_guestport = {
    .name = "guestport",
    .ops = {.size = sizeof(struct snug_device_ops), .max_size = 4, .write = write_port},
    .create = create,
    .destroy = free,
    .reset = reset,
};

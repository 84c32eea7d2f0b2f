/* SPDX-License-Identifier: MIT */
/*
 * generation: which life of a state this is, behind snug_generation_tell() and snug_generation_id() of <snug/guest.h>
 *
 * Sixteen ports.  Reads give the bytes of the current generation's id, as they lie; ones where the host could draw none.
 * Writes of 4 bytes say where in guest physical memory struct snug_generation shall be written, now and in each new
 * life: at offset 4 the high half of the address, then at offset 0 the low one, which completes it; 0 is nowhere.  The
 * high half counts for one address and is 0 again after it.  Other writes do nothing.  The machine keeps the address,
 * and judges it.
 */
#include "dev/dev.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"

#define OFFSET_LOW 0
#define OFFSET_HIGH 4
#define HALF 4 /* bytes */

struct generation {
	struct snug__dev_env env;
	uint32_t high;
};

static void *create(const struct snug__dev_env *env)
{
	struct generation *g = calloc(1, sizeof(*g));

	if (g)
		g->env = *env;
	return g;
}

static void place(const struct generation *g, uint64_t gpa)
{
	if (g->env.ask)
		g->env.ask(g->env.ask_ctx, SNUG__ASK_GENERATION, gpa);
}

static void reset(void *self)
{
	struct generation *g = self;

	g->high = 0;
	place(g, 0);
}

static uint64_t read_port(void *self, uint64_t offset, unsigned size)
{
	const struct generation *g = self;
	uint8_t id[SNUG__GENERATION_ID];

	if (!g->env.generation || !g->env.generation(g->env.ask_ctx, id))
		return UINT64_MAX;
	return snug__le_load(id + offset, size);
}

static void write_port(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	struct generation *g = self;
	uint64_t high = g->high;

	if (size != HALF)
		return;
	if (offset == OFFSET_HIGH)
		g->high = (uint32_t)value;
	if (offset != OFFSET_LOW)
		return;
	g->high = 0;
	place(g, high << 32 | (uint32_t)value);
}

/* State, version 1: 0 version, 1..4 high half of an address that is not complete.  The id is not in it: it changes. */
#define STATE_VERSION 1
#define STATE_HIGH 1
#define STATE_BYTES (STATE_HIGH + HALF)
_Static_assert(STATE_BYTES <= SNUG__DEV_STATE_MAX, "there is room for it");

static size_t save(const void *self, uint8_t *bytes)
{
	const struct generation *g = self;

	bytes[0] = STATE_VERSION;
	snug__le_store(bytes + STATE_HIGH, HALF, g->high);
	return STATE_BYTES;
}

/* Any half will do: the machine judges the whole. */
static int load(void *self, const uint8_t *bytes, size_t len)
{
	struct generation *g = self;

	if (len != STATE_BYTES || bytes[0] != STATE_VERSION)
		return -EINVAL;
	g->high = (uint32_t)snug__le_load(bytes + STATE_HIGH, HALF);
	return 0;
}

const struct snug__dev_class snug__dev_generation = {
    .name = "generation",
    .ops = {.size = sizeof(struct snug_device_ops), .max_size = HALF, .read = read_port, .write = write_port},
    .create = create,
    .destroy = free,
    .reset = reset,
    .save = save,
    .load = load,
};

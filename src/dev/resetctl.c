/* SPDX-License-Identifier: MIT */
/*
 * resetctl: the reset control register RST_CNT of Intel's ICH9, port 0xcf9
 *
 * Intel I/O Controller Hub 9 datasheet (316972), 13.7.5: bit 1 SYS_RST chooses a hard reset, bit 3 FULL_RST a power
 * cycle, and bit 2 RST_CPU, going from 0 to 1, starts it.  All kinds are one here.  A hard reset puts the register
 * back to its default 0, so RST_CPU is never seen set: it reads 0 (QEMU's ICH9 does the same), and every write that
 * has it set is a transition.
 */
#include "dev/dev.h"

#include <errno.h>
#include <stdlib.h>

#define SYS_RST 0x02
#define RST_CPU 0x04
#define FULL_RST 0x08

struct resetctl {
	struct snug__dev_env env;
	uint8_t kind; /* SYS_RST, FULL_RST */
};

static void reset(void *self)
{
	struct resetctl *c = self;

	c->kind = 0;
}

static void *create(const struct snug__dev_env *env)
{
	struct resetctl *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->env = *env;
	reset(c);
	return c;
}

static uint64_t read_port(void *self, uint64_t offset, unsigned size)
{
	struct resetctl *c = self;

	(void)offset, (void)size;
	return c->kind;
}

static void write_port(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	struct resetctl *c = self;

	(void)offset, (void)size;
	c->kind = value & (SYS_RST | FULL_RST);
	if ((value & RST_CPU) && c->env.ask)
		c->env.ask(c->env.ask_ctx, SNUG__ASK_RESET, 0);
}

/* State, version 1: 0 version, 1 kind */
#define STATE_VERSION 1
#define STATE_BYTES 2
_Static_assert(STATE_BYTES <= SNUG__DEV_STATE_MAX, "there is room for it");

static size_t save(const void *self, uint8_t *bytes)
{
	const struct resetctl *c = self;

	bytes[0] = STATE_VERSION;
	bytes[1] = c->kind;
	return STATE_BYTES;
}

static int load(void *self, const uint8_t *bytes, size_t len)
{
	struct resetctl *c = self;

	if (len != STATE_BYTES || bytes[0] != STATE_VERSION || (bytes[1] & ~(SYS_RST | FULL_RST)))
		return -EINVAL;
	c->kind = bytes[1];
	return 0;
}

const struct snug__dev_class snug__dev_resetctl = {
    .name = "resetctl",
    .ops = {.size = sizeof(struct snug_device_ops), .max_size = 1, .read = read_port, .write = write_port},
    .create = create,
    .destroy = free,
    .reset = reset,
    .save = save,
    .load = load,
};

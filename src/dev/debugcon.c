/* SPDX-License-Identifier: MIT */
/*
 * debugcon: the debug console of Bochs and QEMU (Bochs's port 0xe9 hack, QEMU's isa-debugcon)
 *
 * One port.  What is written is console output; a read gives 0xe9, by which a guest (SeaBIOS at 0x402, say) knows
 * that somebody listens.
 */
#include "dev/dev.h"

#include <stdlib.h>

#define PRESENT 0xe9

struct debugcon {
	const struct snug_console *console;
};

static void *create(const struct snug__dev_env *env)
{
	struct debugcon *d = calloc(1, sizeof(*d));

	if (d)
		d->console = env->console;
	return d;
}

/* There is no state. */
static void reset(void *self)
{
	(void)self;
}

static uint64_t read_port(void *self, uint64_t offset, unsigned size)
{
	(void)self, (void)offset, (void)size;
	return PRESENT;
}

static void write_port(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	struct debugcon *d = self;
	uint8_t byte = (uint8_t)value;

	(void)offset, (void)size;
	if (d->console && d->console->write)
		d->console->write(d->console->ctx, &byte, 1);
}

const struct snug__dev_class snug__dev_debugcon = {
    .name = "debugcon",
    .ops = {.size = sizeof(struct snug_device_ops), .max_size = 1, .read = read_port, .write = write_port},
    .create = create,
    .destroy = free,
    .reset = reset,
    .save = snug__dev_save_none,
    .load = snug__dev_load_none,
};

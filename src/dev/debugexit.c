/* SPDX-License-Identifier: MIT */
/*
 * debugexit: QEMU's isa-debug-exit
 *
 * Four ports.  A write of 1, 2 or 4 bytes to any of them ends the run; the status made of the value, (v << 1) | 1, is
 * the machine's business.  Reads give 0, as in QEMU (hw/misc/debugexit.c), not the ones of a port without a device.
 */
#include "dev/dev.h"

#include <stdlib.h>

struct debugexit {
	struct snug__dev_env env;
};

static void *create(const struct snug__dev_env *env)
{
	struct debugexit *d = calloc(1, sizeof(*d));

	if (d)
		d->env = *env;
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
	return 0;
}

static void write_port(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	struct debugexit *d = self;

	(void)offset, (void)size;
	if (d->env.ask)
		d->env.ask(d->env.ask_ctx, SNUG__ASK_DEBUG_EXIT, (uint32_t)value);
}

const struct snug__dev_class snug__dev_debugexit = {
    .name = "debugexit",
    .ops = {.size = sizeof(struct snug_device_ops), .max_size = 4, .read = read_port, .write = write_port},
    .create = create,
    .destroy = free,
    .reset = reset,
    .save = snug__dev_save_none,
    .load = snug__dev_load_none,
};

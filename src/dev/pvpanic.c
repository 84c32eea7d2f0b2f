/* SPDX-License-Identifier: MIT */
/*
 * pvpanic: a guest's kernel says that it panicked: QEMU docs/specs/pvpanic.rst
 *
 * Reading gives the events there are; a write tells of one.  That a kernel loads another one to look at the crash
 * (CRASHLOADED) is told as a panic, too: for who runs the guest it is over.
 */
#include "dev/dev.h"

#include <stdlib.h>

#define PANICKED 0x01
#define CRASHLOADED 0x02

struct pvpanic {
	struct snug__dev_env env;
};

static void *create(const struct snug__dev_env *env)
{
	struct pvpanic *p = calloc(1, sizeof(*p));

	if (p)
		p->env = *env;
	return p;
}

/* There is no state. */
static void reset(void *self)
{
	(void)self;
}

static uint64_t read_port(void *self, uint64_t offset, unsigned size)
{
	(void)self, (void)offset, (void)size;
	return PANICKED | CRASHLOADED;
}

static void write_port(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	struct pvpanic *p = self;

	(void)offset, (void)size;
	if ((value & (PANICKED | CRASHLOADED)) && p->env.ask)
		p->env.ask(p->env.ask_ctx, SNUG__ASK_PANIC, value & (PANICKED | CRASHLOADED));
}

const struct snug__dev_class snug__dev_pvpanic = {
    .name = "pvpanic",
    .ops = {.size = sizeof(struct snug_device_ops), .max_size = 1, .read = read_port, .write = write_port},
    .create = create,
    .destroy = free,
    .reset = reset,
    .save = snug__dev_save_none,
    .load = snug__dev_load_none,
};

/* SPDX-License-Identifier: MIT */
/*
 * i8042: the command and status port (0x64) of a PC's keyboard controller, without keyboard and mouse
 *
 * The status is always 0: both buffers empty, so a guest that waits before it sends a command goes on, and one that
 * asks for data learns that there is none.  Of the commands only the output port pulse is known, by which PCs reset.
 * IBM PS/2 Hardware Interface Technical Reference (1988), "Keyboard and Auxiliary Device Controller": status
 * register; commands F0-FF.
 */
#include "dev/dev.h"

#include <stdlib.h>

#define STATUS_IDLE 0x00 /* output buffer (bit 0) and input buffer (bit 1) empty */

/* Commands 0xf0-0xff pulse low those of output port lines 0-3 whose bit is 0; line 0 resets the CPU. */
#define CMD_PULSE 0xf0
#define LINE_RESET 0x01

struct i8042 {
	struct snug__dev_env env;
};

static void *create(const struct snug__dev_env *env)
{
	struct i8042 *k = calloc(1, sizeof(*k));

	if (k)
		k->env = *env;
	return k;
}

/* There is no state. */
static void reset(void *self)
{
	(void)self;
}

static uint64_t read_port(void *self, uint64_t offset, unsigned size)
{
	(void)self, (void)offset, (void)size;
	return STATUS_IDLE;
}

static void write_port(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	struct i8042 *k = self;

	(void)offset, (void)size;
	if ((value & CMD_PULSE) == CMD_PULSE && !(value & LINE_RESET) && k->env.ask)
		k->env.ask(k->env.ask_ctx, SNUG__ASK_RESET, 0);
}

const struct snug__dev_class snug__dev_i8042 = {
    .name = "i8042",
    .ops = {.size = sizeof(struct snug_device_ops), .max_size = 1, .read = read_port, .write = write_port},
    .create = create,
    .destroy = free,
    .reset = reset,
    .save = snug__dev_save_none,
    .load = snug__dev_load_none,
};

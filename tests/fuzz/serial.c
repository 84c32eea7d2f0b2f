/* SPDX-License-Identifier: MIT */
/*
 * Any sequence of register accesses and console input.  Each step is two bytes: what, and a value.
 * What must hold: a write gives at most one byte of output, a read takes at most 16 bytes of input, LSR always says
 * that the transmitter is empty, registers are bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dev/dev.h"

#define CHECK(x) ((x) ? (void)0 : abort())
#define LSR 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct wire {
	size_t out, taken;
	uint8_t next; /* how many bytes the next console read claims */
};

static void console_write(void *ctx, const void *bytes, size_t len)
{
	struct wire *w = ctx;

	(void)bytes;
	w->out += len;
}

static size_t console_read(void *ctx, void *bytes, size_t len)
{
	struct wire *w = ctx;

	memset(bytes, w->next, len < w->next ? len : w->next);
	w->taken += len;
	return w->next; /* may be more than asked for */
}

static void step(void *dev, struct wire *w, uint8_t what, uint8_t value)
{
	const struct snug__dev_class *c = &snug__dev_serial;
	uint64_t v;

	*w = (struct wire){.next = what & 0x40 ? value : 0};
	if (what == 0xff) {
		c->reset(dev);
	} else if (what & 0x80) {
		c->ops.write(dev, what & 7, value, 1);
		CHECK(w->out <= 1 && w->taken == 0);
	} else {
		v = c->ops.read(dev, what & 7, 1);
		CHECK(v <= 0xff && w->out == 0 && w->taken <= 16);
		if ((what & 7) == LSR)
			CHECK((v & 0xfc) == 0x60);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct wire w = {0};
	const struct snug_console console = {console_write, console_read, &w};
	struct snug__dev_env env = {.console = &console};
	void *dev = snug__dev_serial.create(&env);

	CHECK(dev);
	for (size_t i = 0; i + 1 < len; i += 2)
		step(dev, &w, data[i], data[i + 1]);
	/* Whatever came before, the device still works: without DLAB and loopback a byte goes out. */
	step(dev, &w, 0x83, 0);
	step(dev, &w, 0x84, 0);
	step(dev, &w, 0x80, 'x');
	CHECK(w.out == 1);
	snug__dev_serial.destroy(dev);
	return 0;
}

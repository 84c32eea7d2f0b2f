/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the state of any built-in device, and then what a guest can do.  Byte 0 chooses the device, byte 1 says how
 * many bytes of state follow; the rest are accesses of two bytes: what, and a value.
 * What must hold: bytes that are refused change nothing, others are what save gives; loading says nothing to console or
 * machine; a state always fits, and can be loaded again whatever the guest did.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "dev/dev.h"

#define CHECK(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct {
	const struct snug__dev_class *cls;
	unsigned ports;
} devices[] = {
    {&snug__dev_serial, 8}, {&snug__dev_debugcon, 1}, {&snug__dev_debugexit, 4},  {&snug__dev_i8042, 1},
    {&snug__dev_cmos, 2},   {&snug__dev_resetctl, 1}, {&snug__dev_guestport, 16}, {&snug__dev_generation, 16},
};

struct world {
	unsigned said;
};

static void console_write(void *ctx, const void *bytes, size_t len)
{
	(void)bytes, (void)len;
	((struct world *)ctx)->said++;
}

static size_t console_read(void *ctx, void *bytes, size_t len)
{
	((struct world *)ctx)->said++;
	memset(bytes, 'i', len);
	return len;
}

static void ask(void *ctx, enum snug__dev_ask what, uint64_t value)
{
	CHECK(what < SNUG__ASKS);
	CHECK(what == SNUG__ASK_GENERATION || value <= UINT32_MAX);
	((struct world *)ctx)->said++;
}

static bool generation(void *ctx, uint8_t id[SNUG__GENERATION_ID])
{
	memset(id, 'g', SNUG__GENERATION_ID);
	return ((struct world *)ctx)->said % 2;
}

static size_t save(const struct snug__dev_class *cls, const void *dev, uint8_t *bytes)
{
	size_t n = cls->save(dev, bytes);

	CHECK(n > 0 && n <= SNUG__DEV_STATE_MAX);
	return n;
}

/* As the bus does it: sizes the class takes, inside its ports. */
static void access_port(const struct snug__dev_class *cls, unsigned ports, void *dev, uint8_t what, uint8_t value)
{
	unsigned offset = (what & 0x1f) % ports, size = 1u << (what >> 5 & 3);

	while (size > cls->ops.max_size || offset + size > ports)
		size /= 2;
	if (what & 0x80 && cls->ops.write)
		cls->ops.write(dev, offset, value * 0x01010101ull & snug__ones(size), size);
	else if (!(what & 0x80) && cls->ops.read)
		cls->ops.read(dev, offset, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t before[SNUG__DEV_STATE_MAX], after[SNUG__DEV_STATE_MAX];
	struct world w = {0};
	const struct snug_console console = {console_write, console_read, &w};
	struct snug__dev_env env = {
	    .console = &console, .low_bytes = 16 << 20, .ask = ask, .generation = generation, .ask_ctx = &w};
	const struct snug__dev_class *cls;
	unsigned which;
	size_t n, state;
	void *dev;
	int r;

	if (len < 2)
		return 0;
	which = data[0] % (sizeof(devices) / sizeof(devices[0]));
	cls = devices[which].cls;
	state = data[1] < len - 2 ? data[1] : len - 2;
	data += 2;
	len -= 2;
	dev = cls->create(&env);
	CHECK(dev);
	n = save(cls, dev, before);
	r = cls->load(dev, data, state);
	CHECK(w.said == 0 && (r == 0 || r == -EINVAL));
	CHECK(save(cls, dev, after) == n);
	CHECK(memcmp(after, r == 0 ? data : before, n) == 0 && (r < 0 || state == n));
	for (size_t i = state; i + 1 < len; i += 2)
		access_port(cls, devices[which].ports, dev, data[i], data[i + 1]);
	CHECK(save(cls, dev, before) == n);
	w.said = 0;
	CHECK(cls->load(dev, before, n) == 0 && w.said == 0);
	CHECK(save(cls, dev, after) == n && memcmp(before, after, n) == 0);
	cls->destroy(dev);
	return 0;
}

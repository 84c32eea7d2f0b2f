/* SPDX-License-Identifier: MIT */
/* The devices of a few lines: debugcon, debugexit, guestport, i8042, resetctl, cmos. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dev/dev.h"

#define KIB (1ull << 10)
#define MIB (1ull << 20)
#define GIB (1ull << 30)

/* The machine as a device sees it. */
struct world {
	char out[16];
	size_t out_len;
	unsigned asked;
	enum snug__dev_ask what;
	uint32_t value;
};

static void console_write(void *ctx, const void *bytes, size_t len)
{
	struct world *w = ctx;

	assert_true(w->out_len + len <= sizeof(w->out));
	memcpy(w->out + w->out_len, bytes, len);
	w->out_len += len;
}

static void ask(void *ctx, enum snug__dev_ask what, uint32_t value)
{
	struct world *w = ctx;

	w->asked++;
	w->what = what;
	w->value = value;
}

static void *make(const struct snug__dev_class *c, struct world *w)
{
	struct snug__dev_env env = {.console = {.write = console_write, .ctx = w}, .ask = ask, .ask_ctx = w};
	void *dev;

	*w = (struct world){.value = 0xdead};
	dev = c->create(&env);
	assert_non_null(dev);
	assert_non_null(c->name);
	memset(&env, 0xaa, sizeof(env)); /* a device keeps its own copy */
	return dev;
}

static void debugcon(void **state)
{
	const struct snug__dev_class *c = &snug__dev_debugcon;
	struct world w;
	void *dev = make(c, &w);

	(void)state;
	assert_int_equal(c->ops.max_size, 1);
	c->ops.write(dev, 0, 'o', 1);
	c->ops.write(dev, 0, 'k', 1);
	c->ops.write(dev, 0, 0, 1);
	assert_int_equal(w.out_len, 3);
	assert_memory_equal(w.out, "ok\0", 3);
	assert_int_equal(c->ops.read(dev, 0, 1), 0xe9);
	c->reset(dev);
	c->ops.write(dev, 0, 'x', 1);
	assert_int_equal(w.out_len, 4);
	assert_int_equal(w.asked, 0);
	c->destroy(dev);
}

static void debugexit(void **state)
{
	const struct snug__dev_class *c = &snug__dev_debugexit;
	struct world w;
	void *dev = make(c, &w);

	(void)state;
	assert_int_equal(c->ops.max_size, 4);
	for (unsigned offset = 0; offset < 4; offset++)
		assert_int_equal(c->ops.read(dev, offset, 1), 0);
	assert_int_equal(c->ops.read(dev, 0, 4), 0);
	assert_int_equal(w.asked, 0);
	for (unsigned offset = 0; offset < 4; offset++) {
		c->ops.write(dev, offset, 0xfffffff0u + offset, 4);
		assert_int_equal(w.asked, offset + 1);
		assert_int_equal(w.what, SNUG__ASK_DEBUG_EXIT);
		assert_int_equal(w.value, 0xfffffff0u + offset);
	}
	c->reset(dev);
	c->destroy(dev);
}

static void guestport(void **state)
{
	const struct snug__dev_class *c = &snug__dev_guestport;
	struct world w;
	void *dev = make(c, &w);

	(void)state;
	assert_int_equal(c->ops.max_size, 4);
	assert_null(c->ops.read); /* so reads give ones */
	c->ops.write(dev, 1, 7, 1);
	c->ops.write(dev, 2, 7, 2);
	c->ops.write(dev, 3, 7, 1);
	assert_int_equal(w.asked, 0);
	c->ops.write(dev, 0, 0x12345678, 4);
	assert_int_equal(w.asked, 1);
	assert_int_equal(w.what, SNUG__ASK_EXIT);
	assert_int_equal(w.value, 0x12345678);
	c->reset(dev);
	c->destroy(dev);
}

/* A mark's bytes go up one by one, in the order of memory; none after a NUL. */
static void marks(void **state)
{
	const struct snug__dev_class *c = &snug__dev_guestport;
	struct world w;
	void *dev = make(c, &w);

	(void)state;
	c->ops.write(dev, 4, 'a', 1);
	assert_int_equal(w.asked, 1);
	assert_int_equal(w.what, SNUG__ASK_MARK);
	assert_int_equal(w.value, 'a');
	c->ops.write(dev, 4, 0x78646362, 4); /* "bcdx" */
	assert_int_equal(w.asked, 5);
	assert_int_equal(w.value, 'x');
	c->ops.write(dev, 4, 0x66006665, 4); /* "ef", NUL, and one that is dropped */
	assert_int_equal(w.asked, 8);
	assert_int_equal(w.value, 0);
	c->ops.write(dev, 5, 'z', 1);
	c->ops.write(dev, 7, 'z', 1);
	assert_int_equal(w.asked, 8);
	c->destroy(dev);
}

/* Only four bytes at once are the address of a call; anything at the last offset means a return. */
static void calls(void **state)
{
	const struct snug__dev_class *c = &snug__dev_guestport;
	struct world w;
	void *dev = make(c, &w);

	(void)state;
	c->ops.write(dev, 8, 0x1234, 2);
	c->ops.write(dev, 8, 0x12, 1);
	c->ops.write(dev, 9, 0x12345678, 4);
	assert_int_equal(w.asked, 0);
	c->ops.write(dev, 8, 0x12345678, 4);
	assert_int_equal(w.asked, 1);
	assert_int_equal(w.what, SNUG__ASK_HOST);
	assert_int_equal(w.value, 0x12345678);
	c->ops.write(dev, 13, 1, 1);
	c->ops.write(dev, 15, 1, 1);
	assert_int_equal(w.asked, 1);
	c->ops.write(dev, 12, 5, 1);
	assert_int_equal(w.asked, 2);
	assert_int_equal(w.what, SNUG__ASK_RETURN);
	c->destroy(dev);
}

static void i8042(void **state)
{
	const struct snug__dev_class *c = &snug__dev_i8042;
	struct world w;
	void *dev = make(c, &w);

	(void)state;
	assert_int_equal(c->ops.max_size, 1);
	for (unsigned cmd = 0; cmd < 256; cmd++) {
		bool pulse = cmd >= 0xf0 && cmd % 2 == 0;

		w.asked = 0;
		c->ops.write(dev, 0, cmd, 1);
		assert_int_equal(w.asked, pulse);
		assert_int_equal(c->ops.read(dev, 0, 1), 0);
	}
	assert_int_equal(w.what, SNUG__ASK_RESET);
	assert_int_equal(w.value, 0);
	c->reset(dev);
	c->destroy(dev);
}

static void resetctl(void **state)
{
	const struct snug__dev_class *c = &snug__dev_resetctl;
	struct world w;
	void *dev = make(c, &w);

	(void)state;
	assert_int_equal(c->ops.max_size, 1);
	assert_int_equal(c->ops.read(dev, 0, 1), 0);
	for (unsigned v = 0; v < 256; v++) {
		w.asked = 0;
		c->ops.write(dev, 0, v, 1);
		assert_int_equal(w.asked, (v & 4) != 0);
		assert_int_equal(c->ops.read(dev, 0, 1), v & 0x0a);
	}
	assert_int_equal(w.what, SNUG__ASK_RESET);
	assert_int_equal(w.value, 0);
	c->reset(dev);
	assert_int_equal(c->ops.read(dev, 0, 1), 0);
	/* As Linux does it: choose, then fire; and again, since the register does not keep the bit. */
	c->ops.write(dev, 0, 0x02, 1);
	w.asked = 0;
	c->ops.write(dev, 0, 0x06, 1);
	c->ops.write(dev, 0, 0x06, 1);
	assert_int_equal(w.asked, 2);
	c->destroy(dev);
}

/* Without a machine to ask, a device is still whole. */
static void nobody_to_ask(void **state)
{
	const struct snug__dev_class *all[] = {&snug__dev_debugcon, &snug__dev_debugexit, &snug__dev_guestport,
	                                       &snug__dev_i8042,    &snug__dev_resetctl,  &snug__dev_cmos};
	struct snug__dev_env env = {0};

	(void)state;
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		void *dev = all[i]->create(&env);

		assert_non_null(dev);
		all[i]->ops.write(dev, 0, 0xfe, 1);
		all[i]->destroy(dev);
	}
}

static void *make_cmos(uint64_t low, uint64_t high)
{
	struct snug__dev_env env = {.low_bytes = low, .high_bytes = high};
	void *dev = snug__dev_cmos.create(&env);

	assert_non_null(dev);
	return dev;
}

static uint8_t cmos_get(void *dev, uint8_t index)
{
	snug__dev_cmos.ops.write(dev, 0, index, 1);
	return (uint8_t)snug__dev_cmos.ops.read(dev, 1, 1);
}

static void cmos_put(void *dev, uint8_t index, uint8_t value)
{
	snug__dev_cmos.ops.write(dev, 0, index, 1);
	snug__dev_cmos.ops.write(dev, 1, value, 1);
}

static unsigned cmos_le(void *dev, uint8_t index, unsigned bytes)
{
	unsigned v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (unsigned)cmos_get(dev, (uint8_t)(index + i)) << (8 * i);
	return v;
}

static void cmos_sizes(void **state)
{
	static const struct {
		uint64_t low, high;
		unsigned base, ext, ext2, above;
	} rows[] = {
	    {0, 0, 0, 0, 0, 0},
	    {64 * KIB, 0, 64, 0, 0, 0},
	    {1 * MIB, 0, 640, 0, 0, 0},
	    {1 * MIB + 4 * KIB, 0, 640, 4, 0, 0},
	    {16 * MIB, 0, 640, 15 * 1024, 0, 0},
	    {17 * MIB, 0, 640, 16 * 1024, 16, 0},
	    {64 * MIB, 0, 640, 63 * 1024, 48 * 16, 0},
	    {65 * MIB, 0, 640, 0xffff, 49 * 16, 0}, /* 64 MiB above 1 MiB are one KiB too many */
	    {3 * GIB, 0, 640, 0xffff, 0xbf00, 0},
	    {4 * GIB, 0, 640, 0xffff, 0xff00, 0},
	    {5 * GIB, 0, 640, 0xffff, 0xffff, 0},
	    {3 * GIB, 1 * GIB, 640, 0xffff, 0xbf00, 0x4000},
	    {3 * GIB, 1024 * GIB, 640, 0xffff, 0xbf00, 0xffffff},
	    {UINT64_MAX, UINT64_MAX, 640, 0xffff, 0xffff, 0xffffff},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *dev = make_cmos(rows[i].low, rows[i].high);

		assert_int_equal(cmos_le(dev, 0x15, 2), rows[i].base);
		assert_int_equal(cmos_le(dev, 0x17, 2), rows[i].ext);
		assert_int_equal(cmos_le(dev, 0x30, 2), rows[i].ext);
		assert_int_equal(cmos_le(dev, 0x34, 2), rows[i].ext2);
		assert_int_equal(cmos_le(dev, 0x5b, 3), rows[i].above);
		snug__dev_cmos.destroy(dev);
	}
}

static bool cmos_keeps(uint8_t index)
{
	static const uint8_t fixed[] = {0x00, 0x02, 0x04, 0x06, 0x07, 0x08, 0x09, 0x0c, 0x0d, 0x15, 0x16,
	                                0x17, 0x18, 0x30, 0x31, 0x32, 0x34, 0x35, 0x5b, 0x5c, 0x5d};

	return memchr(fixed, index, sizeof(fixed)) != NULL;
}

static void cmos_scratch(void **state)
{
	void *dev = make_cmos(256 * MIB, 0);
	uint8_t start[128];

	(void)state;
	for (unsigned i = 0; i < 128; i++)
		start[i] = cmos_get(dev, (uint8_t)i);
	for (unsigned i = 0; i < 128; i++) {
		uint8_t value = (uint8_t)(0x55 ^ i);

		cmos_put(dev, (uint8_t)(i | 0x80), value); /* bit 7 masks NMIs */
		if (cmos_keeps((uint8_t)i))
			assert_int_equal(cmos_get(dev, (uint8_t)i), start[i]);
		else if (i != 0x0a)
			assert_int_equal(cmos_get(dev, (uint8_t)i), value);
	}
	snug__dev_cmos.reset(dev);
	assert_int_equal(snug__dev_cmos.ops.read(dev, 1, 1), start[0]);
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(cmos_get(dev, (uint8_t)i), start[i]);
	snug__dev_cmos.destroy(dev);
}

static void cmos_clock_never_waits(void **state)
{
	static const uint8_t time[] = {0x00, 0x02, 0x04, 0x06, 0x07, 0x08, 0x09, 0x32};
	void *dev = make_cmos(256 * MIB, 0);

	(void)state;
	assert_int_equal(cmos_get(dev, 0x0a), 0x26);
	assert_int_equal(cmos_get(dev, 0x0b), 0x02);
	assert_int_equal(cmos_get(dev, 0x0c), 0x00);
	assert_int_equal(cmos_get(dev, 0x0d), 0x80);
	cmos_put(dev, 0x0a, 0xff);
	assert_int_equal(cmos_get(dev, 0x0a), 0x7f); /* no update in progress */
	for (unsigned i = 0; i < sizeof(time); i++)
		assert_int_equal(cmos_get(dev, time[i]), 0);
	assert_int_equal(snug__dev_cmos.ops.read(dev, 0, 1), 0xff); /* the index cannot be read */
	assert_int_equal(snug__dev_cmos.ops.max_size, 1);
	snug__dev_cmos.destroy(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(debugcon),      cmocka_unit_test(debugexit),
	    cmocka_unit_test(guestport),     cmocka_unit_test(marks),
	    cmocka_unit_test(i8042),         cmocka_unit_test(resetctl),
	    cmocka_unit_test(nobody_to_ask), cmocka_unit_test(cmos_sizes),
	    cmocka_unit_test(cmos_scratch),  cmocka_unit_test(cmos_clock_never_waits),
	    cmocka_unit_test(calls),
	};

	return cmocka_run_group_tests_name("smalldevs", tests, NULL, NULL);
}

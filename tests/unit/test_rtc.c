/* SPDX-License-Identifier: MIT */
/* rtc: the clock of cmos.c, with rtc.c's arithmetic held against the C library's */
#include "check.h"

#include <errno.h>
#include <time.h>

#include "dev/dev.h"
#include "dev/rtc.h"

#define S 1000000000ull
#define START 1764000000ull /* 2025-11-24 16:00:00, a Monday */

struct world {
	uint64_t real, mono, timer;
	bool irq;
	unsigned asked;
};

static uint64_t real_ns(void *ctx)
{
	return ((struct world *)ctx)->real;
}

static uint64_t now_ns(void *ctx)
{
	return ((struct world *)ctx)->mono;
}

static void timer(void *ctx, uint64_t at)
{
	((struct world *)ctx)->timer = at;
	((struct world *)ctx)->asked++;
}

static void irq(void *ctx, bool level)
{
	((struct world *)ctx)->irq = level;
}

static void *make(struct world *w)
{
	struct snug__dev_env env = {
	    .low_bytes = 64 << 20, .real_ns = real_ns, .now_ns = now_ns, .timer = timer, .irq = irq, .ask_ctx = w};

	*w = (struct world){.real = START * S + 250, .mono = 77 * S};
	return snug__dev_cmos.create(&env);
}

static uint8_t get(void *dev, uint8_t index)
{
	snug__dev_cmos.ops.write(dev, 0, index, 1);
	return (uint8_t)snug__dev_cmos.ops.read(dev, 1, 1);
}

static void put(void *dev, uint8_t index, uint8_t value)
{
	snug__dev_cmos.ops.write(dev, 0, index, 1);
	snug__dev_cmos.ops.write(dev, 1, value, 1);
}

static void pass(struct world *w, void *dev, uint64_t ns)
{
	while (w->timer && w->timer <= w->mono + ns) {
		uint64_t step = w->timer - w->mono;

		w->mono += step;
		w->real += step;
		ns -= step;
		w->timer = 0;
		snug__dev_cmos.tick(dev);
	}
	w->mono += ns;
	w->real += ns;
}

static void shows_what_the_library_says(void **state)
{
	static const uint8_t modes[] = {RTC_B_24H, RTC_B_24H | RTC_B_DM, 0, RTC_B_DM};
	uint8_t ram[128] = {0};

	(void)state;
	for (int64_t s = -62167219200; s < 253402300800; s += 86400 * 17 + 12345) {
		time_t t = (time_t)s;
		struct tm tm;

		ram[RTC_B] = RTC_B_24H | RTC_B_DM;
		snug__rtc_show(s, ram);
		gmtime_r(&t, &tm);
		assert_int_equal(ram[RTC_SECONDS], tm.tm_sec);
		assert_int_equal(ram[RTC_MINUTES], tm.tm_min);
		assert_int_equal(ram[RTC_HOURS], tm.tm_hour);
		assert_int_equal(ram[RTC_WEEKDAY], tm.tm_wday + 1);
		assert_int_equal(ram[RTC_DAY], tm.tm_mday);
		assert_int_equal(ram[RTC_MONTH], tm.tm_mon + 1);
		assert_int_equal(ram[RTC_CENTURY] * 100 + ram[RTC_YEAR], tm.tm_year + 1900);
		for (unsigned i = 0; i < sizeof(modes); i++) {
			ram[RTC_B] = modes[i];
			snug__rtc_show(s, ram);
			assert_int_equal(snug__rtc_read(ram), s);
		}
	}
	ram[RTC_B] = 0;
	snug__rtc_show((int64_t)START, ram);
	assert_int_equal(ram[RTC_HOURS], 0x84); /* 4 PM */
	assert_int_equal(ram[RTC_YEAR], 0x25);
}

static void goes_and_can_be_set(void **state)
{
	struct world w;
	void *dev = make(&w);

	(void)state;
	assert_int_equal(get(dev, RTC_HOURS), 0x16);
	assert_int_equal(get(dev, RTC_SECONDS), 0);
	pass(&w, dev, 61 * S);
	assert_int_equal(get(dev, RTC_MINUTES), 1);
	assert_int_equal(get(dev, RTC_SECONDS), 1);
	put(dev, RTC_B, RTC_B_SET | RTC_B_24H);
	pass(&w, dev, 5 * S);
	assert_int_equal(get(dev, RTC_SECONDS), 1); /* it stands */
	put(dev, RTC_HOURS, 0x23);
	put(dev, RTC_MINUTES, 0x59);
	put(dev, RTC_SECONDS, 0x58);
	put(dev, RTC_B, RTC_B_24H);
	assert_int_equal(get(dev, RTC_SECONDS), 0x58);
	pass(&w, dev, 2 * S);
	assert_int_equal(get(dev, RTC_HOURS), 0);
	assert_int_equal(get(dev, RTC_DAY), 0x25);
	put(dev, RTC_YEAR, 0x31); /* without SET too */
	assert_int_equal(get(dev, RTC_YEAR), 0x31);
	assert_int_equal(get(dev, RTC_A) & RTC_A_UIP, 0);
	snug__dev_cmos.destroy(dev);
}

static void update_interrupts(void **state)
{
	struct world w;
	void *dev = make(&w);

	(void)state;
	get(dev, RTC_C);
	put(dev, RTC_B, RTC_B_24H | RTC_B_UIE);
	assert_false(w.irq);
	assert_int_equal(w.timer, w.mono + S - 250);
	pass(&w, dev, S);
	assert_true(w.irq);
	assert_int_equal(w.timer, 0); /* no other before this one was taken */
	assert_int_equal(get(dev, RTC_C) & 0xf0, RTC_C_IRQF | RTC_B_UIE | RTC_B_PIE);
	assert_false(w.irq);
	assert_true(w.timer > w.mono && w.timer <= w.mono + S);
	assert_int_equal(get(dev, RTC_C) & RTC_B_UIE, 0);
	put(dev, RTC_B, RTC_B_24H | RTC_B_SET | RTC_B_UIE);
	assert_int_equal(get(dev, RTC_B), RTC_B_24H | RTC_B_SET);
	assert_int_equal(w.timer, 0);
	snug__dev_cmos.destroy(dev);
}

static void alarms(void **state)
{
	struct world w;
	void *dev = make(&w);
	uint64_t begin;

	(void)state;
	put(dev, RTC_HOURS_ALARM, 0x16);
	put(dev, RTC_MINUTES_ALARM, 0x02);
	put(dev, RTC_SECONDS_ALARM, 0x03);
	put(dev, RTC_B, RTC_B_24H | RTC_B_AIE);
	begin = w.mono;
	for (unsigned i = 0; i < 200 && !w.irq; i++)
		pass(&w, dev, S);
	assert_true(w.irq);
	assert_int_equal((w.mono - begin) / S, 123);
	assert_int_equal(get(dev, RTC_C) & (RTC_C_IRQF | RTC_B_AIE), RTC_C_IRQF | RTC_B_AIE);
	put(dev, RTC_HOURS_ALARM, 0xff);
	put(dev, RTC_MINUTES_ALARM, 0xc0);
	pass(&w, dev, 60 * S); /* each minute now */
	assert_true(w.irq);
	snug__dev_cmos.destroy(dev);
}

static void periodic_interrupts(void **state)
{
	static const struct {
		uint8_t rate;
		unsigned hz;
	} rows[] = {{3, 8192}, {6, 1024}, {15, 2}, {1, 256}, {2, 128}, {8, 256}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w;
		void *dev = make(&w);
		unsigned came = 0;
		uint64_t end = w.mono + 3 * S;

		put(dev, RTC_A, (uint8_t)(RTC_A_RUNS | rows[i].rate));
		put(dev, RTC_B, RTC_B_24H | RTC_B_PIE);
		get(dev, RTC_C);
		while (w.mono < end) {
			pass(&w, dev, w.timer - w.mono);
			assert_true(w.irq);
			came += get(dev, RTC_C) & RTC_B_PIE ? 1 : 0;
		}
		assert_in_range(came, 3 * rows[i].hz - 1, 3 * rows[i].hz + 1);
		put(dev, RTC_A, RTC_A_RUNS); /* none */
		assert_int_equal(w.timer, 0);
		put(dev, RTC_A, 0x70 | rows[i].rate); /* held in reset */
		assert_int_equal(w.timer, 0);
		snug__dev_cmos.destroy(dev);
	}
}

/* Set to another time, saved, and loaded an hour later on another host. */
static void comes_back(void **state)
{
	uint8_t bytes[SNUG__DEV_STATE_MAX], again[SNUG__DEV_STATE_MAX];
	struct world w, v;
	void *dev = make(&w), *other = make(&v);
	size_t len;

	(void)state;
	put(dev, RTC_HOURS, 0x03);
	put(dev, RTC_B, RTC_B_24H | RTC_B_UIE);
	pass(&w, dev, 2 * S);
	len = snug__dev_cmos.save(dev, bytes);
	assert_int_equal(len, 138);
	assert_int_equal(bytes[0], 2);
	v.real += 3602 * S;
	assert_int_equal(snug__dev_cmos.load(other, bytes, len), 0);
	snug__dev_cmos.resume(other);
	assert_true(v.irq);
	assert_int_equal(get(other, RTC_HOURS), 0x04);
	assert_int_equal(snug__dev_cmos.load(other, bytes, len), 0);
	assert_int_equal(snug__dev_cmos.save(other, again), len);
	assert_memory_equal(again, bytes, len);
	snug__dev_cmos.destroy(dev);
	snug__dev_cmos.destroy(other);
}

static void forged(void **state)
{
	static const struct {
		unsigned at;
		uint8_t value;
		int code;
	} rows[] = {
	    {0, 1, -EINVAL},
	    {1, 128, -EINVAL},
	    {2 + RTC_A, 0xa6, -EINVAL},
	    {2 + RTC_C, 0x01, -EINVAL},
	    {2 + RTC_C, 0x80, -EINVAL},
	    {2 + RTC_C, 0x10, 0},
	    {2 + RTC_SECONDS, 1, -EINVAL},
	    {2 + RTC_B, 0x90, -EINVAL},
	    {2 + RTC_D, 0, -EINVAL},
	    {137, 0x7f, -EINVAL},
	    {137, 0xff, -EINVAL},
	    {2 + 0x40, 9, 0},
	};
	uint8_t good[SNUG__DEV_STATE_MAX], bytes[SNUG__DEV_STATE_MAX];
	struct world w;
	void *dev = make(&w);
	size_t len;

	(void)state;
	len = snug__dev_cmos.save(dev, good);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(bytes, good, len);
		bytes[rows[i].at] = rows[i].value;
		if (snug__dev_cmos.load(dev, bytes, len) != rows[i].code)
			fail_msg("byte %u", rows[i].at);
	}
	assert_int_equal(snug__dev_cmos.load(dev, good, len - 1), -EINVAL);
	snug__dev_cmos.destroy(dev);
}

/* Whatever a guest writes, a time comes of it, and the host is asked for no more than it can give. */
static void anything(void **state)
{
	struct world w;
	void *dev = make(&w);
	uint32_t x = 1;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		x = x * 1664525 + 1013904223;
		if (x >> 31)
			put(dev, (uint8_t)(x >> 8) & 0x3f, (uint8_t)(x >> 16));
		else
			get(dev, (uint8_t)(x >> 8) & 0x3f);
		w.real += x % (2 * S);
		w.mono += x % (2 * S);
		assert_true(!w.timer || w.timer + 2 * S >= w.mono);
		if (w.timer && w.timer <= w.mono) {
			w.timer = 0;
			snug__dev_cmos.tick(dev);
		}
	}
	snug__dev_cmos.destroy(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(shows_what_the_library_says),
	    cmocka_unit_test(goes_and_can_be_set),
	    cmocka_unit_test(update_interrupts),
	    cmocka_unit_test(alarms),
	    cmocka_unit_test(periodic_interrupts),
	    cmocka_unit_test(comes_back),
	    cmocka_unit_test(forged),
	    cmocka_unit_test(anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

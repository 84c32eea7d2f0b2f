/* SPDX-License-Identifier: MIT */
/* What every built-in device saves and loads: its state comes back, in the bytes of its format, and forged bytes do not. */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "dev/dev.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct world {
	struct snug_console console;
	size_t out, asked;
	const char *in;
};

/* A device that is brought into a state by writes ("w", offset, value) and reads ("r", offset). */
struct step {
	char what;
	uint8_t offset, size;
	uint32_t value;
};

struct state {
	const struct snug__dev_class *cls;
	const char *what;
	const char *in; /* console input */
	struct step steps[24];
	uint8_t bytes[40]; /* the format; all but cmos */
	size_t len;
};

static const struct state states[] = {
    {&snug__dev_debugcon, "new", NULL, {{0}}, {1}, 1},
    {&snug__dev_debugexit, "new", NULL, {{0}}, {1}, 1},
    {&snug__dev_i8042, "new", NULL, {{0}}, {1}, 1},
    {&snug__dev_guestport, "half a mark", NULL, {{'w', 4, 1, 'x'}}, {1}, 1},
    {&snug__dev_resetctl, "new", NULL, {{0}}, {1, 0}, 2},
    {&snug__dev_resetctl, "hard reset chosen", NULL, {{'w', 0, 1, 0xf2}}, {1, 2}, 2},
    {&snug__dev_resetctl, "power cycle", NULL, {{'w', 0, 1, 0x0a}}, {1, 0x0a}, 2},
    {&snug__dev_generation, "new", NULL, {{0}}, {1, 0, 0, 0, 0}, 5},
    {&snug__dev_generation, "half an address", NULL, {{'w', 4, 4, 0x12345678}}, {1, 0x78, 0x56, 0x34, 0x12}, 5},
    {&snug__dev_generation, "a whole one", NULL, {{'w', 4, 4, 1}, {'w', 0, 4, 0x1000}}, {1, 0, 0, 0, 0}, 5},
    {&snug__dev_serial, "new", NULL, {{0}}, {1, 0, 0, 0, 0, 0, 0, 0, 0, 12}, 28},
    {&snug__dev_serial,
     "all registers",
     NULL,
     {{'w', 3, 1, 0x80},
      {'w', 0, 1, 0x34},
      {'w', 1, 1, 0x12},
      {'w', 3, 1, 0x1b},
      {'w', 1, 1, 0xff},
      {'w', 4, 1, 0xeb},
      {'w', 7, 1, 0x5a}},
     {1, 0x0f, 0, 0x1b, 0x0b, 0x5a, 0, 0, 1, 0x34, 0x12},
     28},
    {&snug__dev_serial,
     "one byte without FIFOs",
     "ab",
     {{'r', 5, 1, 0}},
     {1, 0, 0, 0, 0, 0, 0, 0, 0, 12, 0, 1, 'a'},
     28},
    {&snug__dev_serial,
     "a FIFO around the end of its ring, in loopback",
     "0123456789abcdef",
     {{'w', 2, 1, 0xc1},
      {'r', 0, 1, 0},
      {'r', 0, 1, 0},
      {'r', 0, 1, 0},
      {'w', 4, 1, 0x10},
      {'w', 0, 1, 'x'},
      {'w', 0, 1, 'y'}},
     {1,   0,   0xc1, 0,   0x10, 0,   0,   0x0b, 1,   12,  0,   15,  '3', '4',
      '5', '6', '7',  '8', '9',  'a', 'b', 'c',  'd', 'e', 'f', 'x', 'y'},
     28},
    {&snug__dev_serial,
     "a FIFO run over",
     "0123456789abcdef",
     {{'w', 2, 1, 0x01}, {'r', 0, 1, 0}, {'w', 4, 1, 0x10}, {'w', 0, 1, 'x'}, {'w', 0, 1, 'y'}},
     {1,   0,   0x01, 0,   0x10, 0,   2,   0x0b, 1,   12,  0,   16,  '1', '2',
      '3', '4', '5',  '6', '7',  '8', '9', 'a',  'b', 'c', 'd', 'e', 'f', 'x'},
     28},
    {&snug__dev_cmos, "new", NULL, {{0}}, {1, 0}, 130},
    {&snug__dev_cmos,
     "scratch, and the last index",
     NULL,
     {{'w', 0, 1, 0x0a}, {'w', 1, 1, 0xff}, {'w', 0, 1, 0xff}, {'w', 1, 1, 0x77}},
     {1, 0x7f},
     130},
};

static void console_write(void *ctx, const void *bytes, size_t len)
{
	(void)bytes;
	((struct world *)ctx)->out += len;
}

static size_t console_read(void *ctx, void *bytes, size_t len)
{
	struct world *w = ctx;
	size_t n = w->in ? strnlen(w->in, len) : 0;

	if (n)
		memcpy(bytes, w->in, n);
	w->in = n ? w->in + n : NULL;
	return n;
}

static void ask(void *ctx, enum snug__dev_ask what, uint64_t value)
{
	(void)what, (void)value;
	((struct world *)ctx)->asked++;
}

static void *make(const struct snug__dev_class *cls, struct world *w)
{
	struct snug__dev_env env = {.console = &w->console, .low_bytes = 64 << 20, .ask = ask, .ask_ctx = w};
	void *dev;

	*w = (struct world){.console = {console_write, console_read, w}};
	dev = cls->create(&env);
	assert_non_null(dev);
	return dev;
}

static void *make_state(const struct state *s, struct world *w)
{
	void *dev = make(s->cls, w);

	w->in = s->in;
	for (const struct step *p = s->steps; p->what; p++) {
		if (p->what == 'w')
			s->cls->ops.write(dev, p->offset, p->value, p->size);
		else
			s->cls->ops.read(dev, p->offset, p->size);
	}
	return dev;
}

static size_t save(const struct snug__dev_class *cls, const void *dev, uint8_t bytes[SNUG__DEV_STATE_MAX])
{
	size_t len;

	memset(bytes, 0xee, SNUG__DEV_STATE_MAX);
	len = cls->save(dev, bytes);
	assert_in_range(len, 1, SNUG__DEV_STATE_MAX);
	for (size_t i = len; i < SNUG__DEV_STATE_MAX; i++)
		assert_int_equal(bytes[i], 0xee);
	return len;
}

static unsigned ports_of(const struct snug__dev_class *cls)
{
	return cls == &snug__dev_serial ? 8 : cls == &snug__dev_cmos ? 2 : 1;
}

/* All a guest could do to see a difference, twice, since reading changes some. */
static void same_to_a_guest(const struct snug__dev_class *cls, void *a, void *b)
{
	for (unsigned i = 0; i < 20 && cls->ops.read; i++)
		for (unsigned offset = ports_of(cls); offset-- > 0;)
			assert_int_equal(cls->ops.read(a, offset, 1), cls->ops.read(b, offset, 1));
}

static void comes_back(void **state)
{
	uint8_t bytes[SNUG__DEV_STATE_MAX], again[SNUG__DEV_STATE_MAX];
	struct world w, other;

	(void)state;
	for (size_t i = 0; i < COUNT(states); i++) {
		const struct snug__dev_class *cls = states[i].cls;
		void *a = make_state(&states[i], &w), *b = make(cls, &other);
		size_t len = save(cls, a, bytes);

		assert_int_equal(len, states[i].len);
		assert_memory_equal(bytes, states[i].bytes, cls == &snug__dev_cmos ? 2 : len);
		/* Over whatever is there, and without a word to console or machine. */
		for (unsigned offset = 0; offset < ports_of(cls); offset++)
			cls->ops.write(b, offset, 0xa5, 1);
		other.out = other.asked = 0;
		assert_int_equal(cls->load(b, bytes, len), 0);
		assert_int_equal(other.out + other.asked, 0);
		assert_int_equal(save(cls, b, again), len);
		assert_memory_equal(again, bytes, len);
		w.in = NULL;
		same_to_a_guest(cls, a, b);
		cls->reset(a);
		cls->reset(b);
		same_to_a_guest(cls, a, b);
		cls->destroy(a);
		cls->destroy(b);
	}
}

/* The whole of a machine's CMOS: what the guest cannot write is there too. */
static void cmos_keeps_memory_sizes(void **state)
{
	const struct snug__dev_class *cls = &snug__dev_cmos;
	struct snug__dev_env small = {.low_bytes = 16 << 20}, large = {.low_bytes = 3ull << 30};
	void *a = cls->create(&small), *b = cls->create(&large);
	uint8_t bytes[SNUG__DEV_STATE_MAX];
	size_t len = save(cls, a, bytes);

	(void)state;
	assert_int_equal(cls->load(b, bytes, len), 0);
	cls->ops.write(b, 0, 0x17, 1);
	assert_int_equal(cls->ops.read(b, 1, 1), (15 * 1024) & 0xff);
	cls->ops.write(b, 0, 0x18, 1);
	assert_int_equal(cls->ops.read(b, 1, 1), (15 * 1024) >> 8);
	cls->destroy(a);
	cls->destroy(b);
}

/* After anything loaded, a device stands whatever a guest does. */
static void use(const struct snug__dev_class *cls, void *dev)
{
	for (unsigned offset = 0; offset < ports_of(cls); offset++) {
		for (unsigned i = 0; i < 20 && cls->ops.read; i++)
			cls->ops.read(dev, offset, 1);
		for (unsigned i = 0; i < 20; i++)
			cls->ops.write(dev, offset, i, 1);
	}
}

/* Every value of every byte: refused, and nothing changed; or it is a state like any other. */
static unsigned damage(const struct state *s, size_t at)
{
	uint8_t good[SNUG__DEV_STATE_MAX], bad[SNUG__DEV_STATE_MAX], now[SNUG__DEV_STATE_MAX];
	unsigned refused = 0;
	struct world w;

	for (unsigned v = 1; v < 256; v++) {
		void *dev = make_state(s, &w);
		size_t len = save(s->cls, dev, good);
		int r;

		memcpy(bad, good, len);
		bad[at] ^= (uint8_t)v;
		w.out = w.asked = 0;
		r = s->cls->load(dev, bad, len);
		assert_true(r == 0 || r == -EINVAL);
		assert_int_equal(save(s->cls, dev, now), len);
		assert_memory_equal(now, r == 0 ? bad : good, len);
		assert_int_equal(w.out + w.asked, 0);
		use(s->cls, dev);
		s->cls->destroy(dev);
		refused += r != 0;
	}
	return refused;
}

static void forged(void **state)
{
	uint8_t bytes[SNUG__DEV_STATE_MAX + 1] = {0};
	struct world w;

	(void)state;
	for (size_t i = 0; i < COUNT(states); i++) {
		const struct state *s = &states[i];
		void *dev = make_state(s, &w);
		size_t len = save(s->cls, dev, bytes);

		for (size_t n = 0; n <= SNUG__DEV_STATE_MAX; n++)
			assert_int_equal(s->cls->load(dev, bytes, n), n == len ? 0 : -EINVAL);
		s->cls->destroy(dev);
		assert_int_equal(damage(s, 0), 255); /* another version */
		for (size_t at = 1; at < len; at++)
			damage(s, at);
	}
}

/* What each chip must refuse: byte, value. */
static void impossible(void **state)
{
	static const struct {
		const struct snug__dev_class *cls;
		unsigned at;
		uint8_t value;
		int want;
	} rows[] = {
	    {&snug__dev_resetctl, 1, 0x0a, 0},
	    {&snug__dev_resetctl, 1, 0x04, -EINVAL}, /* a reset under way */
	    {&snug__dev_cmos, 1, 0x7f, 0},
	    {&snug__dev_cmos, 1, 0x80, -EINVAL},        /* the index */
	    {&snug__dev_cmos, 2 + 0x0a, 0xa6, -EINVAL}, /* an update in progress */
	    {&snug__dev_cmos, 2 + 0x00, 0x01, -EINVAL}, /* a time */
	    {&snug__dev_cmos, 2 + 0x0d, 0x00, -EINVAL}, /* a dead battery */
	    {&snug__dev_cmos, 2 + 0x15, 0x01, 0},       /* a size of memory */
	    {&snug__dev_serial, 1, 0x0f, 0},
	    {&snug__dev_serial, 1, 0x10, -EINVAL}, /* IER */
	    {&snug__dev_serial, 4, 0x1f, 0},
	    {&snug__dev_serial, 4, 0x20, -EINVAL}, /* MCR */
	    {&snug__dev_serial, 6, 0x02, 0},
	    {&snug__dev_serial, 6, 0x04, -EINVAL}, /* overrun */
	    {&snug__dev_serial, 7, 0x0f, 0},
	    {&snug__dev_serial, 7, 0x10, -EINVAL}, /* changes */
	    {&snug__dev_serial, 8, 0x02, -EINVAL}, /* thre */
	    {&snug__dev_serial, 11, 1, 0},
	    {&snug__dev_serial, 11, 2, -EINVAL},   /* more than the receiver holds without FIFOs */
	    {&snug__dev_serial, 12, 'x', -EINVAL}, /* a byte that is not counted */
	};
	uint8_t bytes[SNUG__DEV_STATE_MAX];
	struct world w;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		void *dev = make(rows[i].cls, &w);
		size_t len = save(rows[i].cls, dev, bytes);

		bytes[rows[i].at] = rows[i].value;
		if (rows[i].cls->load(dev, bytes, len) != rows[i].want)
			fail_msg("%s: byte %u as 0x%x", rows[i].cls->name, rows[i].at, rows[i].value);
		rows[i].cls->destroy(dev);
	}
}

/* A FIFO of 17 bytes would be read past its end. */
static void serial_fifo_is_bounded(void **state)
{
	const struct snug__dev_class *cls = &snug__dev_serial;
	uint8_t bytes[SNUG__DEV_STATE_MAX];
	struct world w;
	void *dev = make(cls, &w);
	size_t len;

	(void)state;
	cls->ops.write(dev, 2, 1, 1);
	len = save(cls, dev, bytes);
	memset(bytes + 12, 'x', 16);
	for (unsigned count = 0; count < 256; count++) {
		bytes[11] = (uint8_t)count;
		assert_int_equal(cls->load(dev, bytes, len), count == 16 ? 0 : -EINVAL);
	}
	cls->destroy(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(comes_back), cmocka_unit_test(cmos_keeps_memory_sizes), cmocka_unit_test(forged),
	    cmocka_unit_test(impossible), cmocka_unit_test(serial_fifo_is_bounded),
	};

	return cmocka_run_group_tests_name("devstate", tests, NULL, NULL);
}

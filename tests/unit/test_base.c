/* SPDX-License-Identifier: MIT */
/* base: num, bytes, cursor, err, sized, text */
#include "check.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/num.h"
#include "base/sized.h"
#include "base/text.h"

static void num_add(void **state)
{
	uint64_t v = 0;

	(void)state;
	assert_true(snug__add(UINT64_MAX - 1, 1, &v));
	assert_int_equal(v, UINT64_MAX);
	assert_false(snug__add(UINT64_MAX, 1, &v));
	assert_true(snug__add(0, 0, &v));
	assert_int_equal(v, 0);
}

static void num_within(void **state)
{
	(void)state;
	assert_true(snug__within(0, 10, 10));
	assert_false(snug__within(0, 11, 10));
	assert_true(snug__within(10, 0, 10));
	assert_false(snug__within(11, 0, 10));
	assert_false(snug__within(5, UINT64_MAX, 10));
	assert_false(snug__within(UINT64_MAX, 1, 10));
	assert_true(snug__within(0, UINT64_MAX, UINT64_MAX));
}

static void num_overlap(void **state)
{
	(void)state;
	assert_true(snug__overlap(0, 10, 9, 1));
	assert_false(snug__overlap(0, 10, 10, 1));
	assert_true(snug__overlap(9, 1, 0, 10));
	assert_false(snug__overlap(10, 1, 0, 10));
	assert_false(snug__overlap(5, 0, 0, 10));
	assert_false(snug__overlap(0, 10, 5, 0));
	assert_true(snug__overlap(UINT64_MAX, 1, UINT64_MAX - 1, 2));
	assert_false(snug__overlap(UINT64_MAX, 1, 0, UINT64_MAX));
}

static void num_round(void **state)
{
	uint64_t v = 0;

	(void)state;
	assert_true(snug__aligned(0x2000, 0x1000));
	assert_false(snug__aligned(0x2001, 0x1000));
	assert_true(snug__round_up(0x1001, 0x1000, &v));
	assert_int_equal(v, 0x2000);
	assert_true(snug__round_up(0x1000, 0x1000, &v));
	assert_int_equal(v, 0x1000);
	assert_true(snug__round_up(UINT64_MAX - 0xfff, 0x1000, &v));
	assert_int_equal(v, UINT64_MAX - 0xfff);
	assert_false(snug__round_up(UINT64_MAX - 0xffe, 0x1000, &v));
	assert_int_equal(snug__min(1, 2), 1);
	assert_int_equal(snug__max(1, 2), 2);
	assert_int_equal(snug__min(2, 1), 1);
	assert_int_equal(snug__max(2, 1), 2);
	assert_int_equal(snug__ones(1), 0xff);
	assert_int_equal(snug__ones(4), 0xffffffff);
	assert_int_equal(snug__ones(8), UINT64_MAX);
}

static void bytes_little_endian(void **state)
{
	uint8_t b[9] = {0};

	(void)state;
	snug__le_store(b, 8, 0x0102030405060708);
	assert_memory_equal(b, "\10\7\6\5\4\3\2\1\0", 9);
	assert_int_equal(snug__le_load(b, 8), 0x0102030405060708);
	assert_int_equal(snug__le_load(b + 1, 3), 0x050607);
	snug__le_store(b, 3, 0xffaabbcc);
	assert_memory_equal(b, "\xcc\xbb\xaa\5", 4);
}

static void cursor_stays_bad(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3};
	struct snug__cursor c = {.span = {bytes, 3}};

	(void)state;
	assert_int_equal(snug__cursor_le(&c, 2), 0x201);
	assert_int_equal(snug__cursor_le(&c, 2), 0);
	assert_true(c.bad);
	assert_int_equal(c.at, 2);
	assert_int_equal(snug__cursor_le(&c, 1), 0); /* though that byte is there */
	c = (struct snug__cursor){.span = {bytes, 3}, .at = UINT64_MAX};
	assert_int_equal(snug__cursor_le(&c, 8), 0);
	assert_true(c.bad);
}

static void span_parts(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3};
	struct snug__span s = {bytes, 3};

	(void)state;
	assert_ptr_equal(snug__span_sub(s, 1, 2).at, bytes + 1);
	assert_int_equal(snug__span_sub(s, 1, 2).len, 2);
	assert_null(snug__span_sub(s, 1, 3).at);
	assert_int_equal(snug__span_sub(s, 1, 3).len, 0);
	assert_null(snug__span_sub(s, 4, 0).at);
	assert_null(snug__span_sub(s, UINT64_MAX, UINT64_MAX).at);
}

static void err_fills(void **state)
{
	struct snug_error e;

	(void)state;
	memset(&e, 'x', sizeof(e));
	assert_int_equal(snug__err(&e, -ENOENT, SNUG_STEP_INIT, "do this", "open '%s'", "/dev/kvm"), -ENOENT);
	assert_int_equal(e.code, -ENOENT);
	assert_int_equal(e.step, SNUG_STEP_INIT);
	assert_string_equal(e.msg, "open '/dev/kvm'");
	assert_string_equal(e.hint, "do this");
	assert_int_equal(snug__err(&e, -EINVAL, SNUG_STEP_NONE, NULL, "x"), -EINVAL);
	assert_string_equal(e.hint, "");
	assert_int_equal(snug__err(NULL, -EINVAL, SNUG_STEP_NONE, NULL, "x"), -EINVAL);
	assert_string_equal(snug__errno_text(ENOENT), "No such file or directory");
	assert_string_equal(snug__errno_text(123456), "unknown error");
}

static void err_wraps(void **state)
{
	struct snug_error e = {0};
	char big[600];

	(void)state;
	snug__err(&e, -EIO, SNUG_STEP_NONE, "hint", "inner");
	assert_int_equal(snug__err_wrap(&e, -EIO, "load '%s'", "f"), -EIO);
	assert_string_equal(e.msg, "load 'f': inner");
	assert_string_equal(e.hint, "hint");
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	snug__err(&e, -EIO, SNUG_STEP_NONE, big, "%s", big);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	assert_int_equal(strlen(e.hint), sizeof(e.hint) - 1);
	snug__err_wrap(&e, -EIO, "out");
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	assert_memory_equal(e.msg, "out: aaa", 8);
	snug__err_wrap(&e, -EIO, "%s", big);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	assert_int_equal(snug__err_wrap(NULL, -EIO, "x"), -EIO);
}

static void sized_rules(void **state)
{
	struct old {
		size_t size;
		int a;
	} ours = {0};
	struct {
		struct old o;
		int b;
	} theirs = {.o = {0, 5}};

	(void)state;
	assert_true(snug__sized_copy(&ours, sizeof(ours), &theirs)); /* 0: ours only */
	assert_int_equal(ours.a, 5);
	theirs.b = 1;
	assert_true(snug__sized_copy(&ours, sizeof(ours), &theirs));
	theirs.o.size = sizeof(theirs);
	assert_false(snug__sized_copy(&ours, sizeof(ours), &theirs));
	theirs.b = 0;
	assert_true(snug__sized_copy(&ours, sizeof(ours), &theirs));
	theirs.o.size = sizeof(ours) - 1;
	assert_false(snug__sized_copy(&ours, sizeof(ours), &theirs));
	theirs.o.size = SIZE_MAX;
	assert_false(snug__sized_copy(&ours, sizeof(ours), &theirs));
}

/* A struct that got a field after version 0.1: callers of both times, and of times to come. */
static void sized_growth(void **state)
{
	struct now {
		size_t size;
		uint64_t a, b;
	} ours;
	struct {
		struct now n;
		uint64_t later;
	} theirs = {.n = {.a = 5, .b = 6}};
	const size_t first = offsetof(struct now, b);
	static const struct {
		size_t size;
		bool good;
		uint64_t b;
	} rows[] = {
	    {0, true, 0},
	    {offsetof(struct now, b), true, 0},
	    {sizeof(struct now), true, 6},
	    {offsetof(struct now, b) - 1, false, 0},
	    {offsetof(struct now, b) + 1, false, 0},
	    {sizeof(struct now) - 1, false, 0},
	    {SIZE_MAX, false, 0},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&ours, 0xaa, sizeof(ours));
		theirs.n.size = rows[i].size;
		assert_int_equal(snug__sized_grown(&ours, first, sizeof(ours), &theirs), rows[i].good);
		if (!rows[i].good)
			continue;
		assert_int_equal(ours.a, 5);
		assert_int_equal(ours.b, rows[i].b);
	}
}

static void text_sizes(void **state)
{
	(void)state;
	assert_string_equal(snug__text_size(0).s, "0 bytes");
	assert_string_equal(snug__text_size(1023).s, "1023 bytes");
	assert_string_equal(snug__text_size(1024).s, "1 KiB");
	assert_string_equal(snug__text_size(1536).s, "1.5 KiB");
	assert_string_equal(snug__text_size((1 << 20) - 1).s, "1023.9 KiB");
	assert_string_equal(snug__text_size(16 << 20).s, "16 MiB");
	assert_string_equal(snug__text_size(1ull << 40).s, "1 TiB");
	assert_string_equal(snug__text_size(UINT64_MAX).s, "15.9 EiB");
	assert_string_equal(snug__text_option_size(1).s, "1M");
	assert_string_equal(snug__text_option_size(32 << 20).s, "32M");
	assert_string_equal(snug__text_option_size((1ull << 30) + 1).s, "1025M");
	assert_string_equal(snug__text_option_size(4ull << 30).s, "4G");
	assert_string_equal(snug__text_option_size(UINT64_MAX).s, "17179869184G");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(num_add),     cmocka_unit_test(num_within),          cmocka_unit_test(num_overlap),
	    cmocka_unit_test(num_round),   cmocka_unit_test(bytes_little_endian), cmocka_unit_test(cursor_stays_bad),
	    cmocka_unit_test(err_fills),   cmocka_unit_test(err_wraps),           cmocka_unit_test(span_parts),
	    cmocka_unit_test(sized_rules), cmocka_unit_test(sized_growth),        cmocka_unit_test(text_sizes),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "guestmem.h"

#include <errno.h>

#include "load/load.h"

#define MAX_LEN (16u << 20)

static int load(struct snug__mem *m, size_t len, struct snug__boot_want want, struct snug_boot *b,
                struct snug_error *e)
{
	uint8_t *image = malloc(len + 1);
	int ret;

	for (size_t i = 0; i < len; i++)
		image[i] = (uint8_t)(len - i); /* the last byte is 1 */
	ret = snug__load_firmware((struct snug__span){image, len}, &want, m, b, NULL, e);
	free(image);
	return ret;
}

static uint8_t byte_at(struct snug__mem *m, snug_gpa gpa)
{
	uint8_t v = 0;

	assert_int_equal(snug__mem_read(m, gpa, &v, 1), 0);
	return v;
}

static void ends_at_4g(void **state)
{
	struct snug_boot b = {0};
	const struct snug__region *r;

	assert_int_equal(load(*state, 0x30010, (struct snug__boot_want){0}, &b, NULL), 0);
	assert_int_equal(b.kind, SNUG_KIND_FIRMWARE);
	assert_int_equal(b.mode, SNUG_MODE_RESET);
	assert_int_equal(b.entry, 0xfffffff0);
	assert_int_equal(b.low, 0xe0000);
	assert_int_equal(b.high, 0x100000000);
	r = snug__mem_find(*state, 0xffffffff);
	assert_non_null(r);
	assert_string_equal(r->name, "rom");
	assert_int_equal(r->gpa, 0xfffcf000);
	assert_int_equal(r->flags, SNUG_MEM_READONLY);
	assert_int_equal(byte_at(*state, 0xffffffff), 1);
	assert_int_equal(byte_at(*state, 0xfffffff0), 16);
	assert_int_equal(byte_at(*state, 0xfffcf000), 0xff);
	assert_int_equal(byte_at(*state, 0xfffcffef), 0xff);
	assert_int_equal(byte_at(*state, 0xfffcfff0), 0x10);
	assert_int_equal(byte_at(*state, 0xfffff), 1);
	assert_int_equal(byte_at(*state, 0xe0001), 0xff);
	assert_int_equal(byte_at(*state, 0xdffff), 0);
	assert_true(snug__mem_dirty(*state, 0xfffff));
}

static void smallest_and_largest(void **state)
{
	struct snug_boot b = {0};
	struct snug__boot_want want = {SNUG_MODE_RESET};

	assert_int_equal(load(*state, 16, want, &b, NULL), 0);
	assert_int_equal(b.low, 0xffff0);
	assert_int_equal(byte_at(*state, 0xffffffef), 0xff);
	assert_int_equal(byte_at(*state, 0xfffffff0), 16);
	assert_int_equal(byte_at(*state, 0xfffef), 0);
	assert_int_equal(snug__mem_remove(*state, 0xfffff000, NULL), 0);
	assert_int_equal(load(*state, MAX_LEN, want, &b, NULL), 0);
	assert_int_equal(snug__mem_find(*state, 0xffffffff)->gpa, 0xff000000);
}

static void loaded_again(void **state)
{
	struct snug_boot b = {0};
	struct snug_error e = {0};
	struct snug__mem *m = *state;

	assert_int_equal(load(m, 0x1000, (struct snug__boot_want){0}, &b, &e), 0);
	assert_int_equal(load(m, 0x800, (struct snug__boot_want){0}, &b, &e), 0);
	assert_int_equal(m->count, 2);
	assert_int_equal(byte_at(m, 0xfffff000), 0xff);
	assert_int_equal(load(m, 0x1800, (struct snug__boot_want){0}, &b, &e), -EEXIST);
	assert_error(e, -EEXIST, "firmware: memory: region 'rom' 0xffffe000-0x100000000 overlaps region 'rom'");
}

static void refused(void **state)
{
	static const struct {
		size_t len;
		struct snug__boot_want want;
		int code;
		const char *msg, *hint;
	} rows[] = {
	    {0, {0}, -ENOEXEC, "firmware: 0 bytes", "whole ROM"},
	    {15, {0}, -ENOEXEC, "firmware: 15 bytes", "whole ROM"},
	    {MAX_LEN + 1, {0}, -EFBIG, "firmware: 16777217 bytes, more than the 16777216", "at most 16 MiB"},
	    {16, {SNUG_MODE_LONG}, -EINVAL, "firmware: it starts in mode reset, not long", "--mode"},
	    {16, {0, .has_load = true}, -EINVAL, "firmware: it ends at 4 GiB", "--load"},
	    {16, {0, .has_entry = true}, -EINVAL, "firmware: it ends at 4 GiB", "--entry"},
	    {16, {0, .stack = 0x7000}, -EINVAL, "firmware: it ends at 4 GiB", "stack"},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct snug_boot b = {0};
		struct snug_error e = {0};

		assert_int_equal(load(*state, rows[i].len, rows[i].want, &b, &e), rows[i].code);
		assert_error(e, rows[i].code, rows[i].msg);
		assert_hint(e, rows[i].hint);
		assert_untouched(*state);
		assert_null(snug__mem_find(*state, 0xffffffff));
	}
}

static void too_little_ram(void **state)
{
	struct snug_boot b = {0};
	struct snug_error e = {0};
	struct snug__mem m;

	(void)state;
	snug__mem_init(&m, 8, NULL, NULL);
	assert_int_equal(snug__mem_add_ram(&m, 0xff000, NULL), 0);
	assert_int_equal(load(&m, 4096, (struct snug__boot_want){0}, &b, &e), -ERANGE);
	assert_error(e, -ERANGE, "firmware: its copy at 0xff000-0x100000 is outside memory (RAM is 0x0-0xff000)");
	assert_hint(e, "--mem 1M");
	assert_int_equal(m.count, 1);
	snug__mem_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    GUESTMEM_TEST(ends_at_4g), GUESTMEM_TEST(smallest_and_largest), GUESTMEM_TEST(loaded_again),
	    GUESTMEM_TEST(refused),    cmocka_unit_test(too_little_ram),
	};

	return cmocka_run_group_tests_name("firmware", tests, NULL, NULL);
}

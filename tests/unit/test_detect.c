/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <errno.h>

#include "load/load.h"

static int detect(const void *bytes, size_t len, struct snug__boot_want want, struct snug_error *e)
{
	return snug__detect((struct snug__span){bytes, len}, &want, e);
}

static void by_bytes(void **state)
{
	uint8_t sector[512] = {[510] = 0x55, [511] = 0xaa};
	struct snug__boot_want none = {0};
	struct snug_error e = {0};

	(void)state;
	assert_int_equal(detect("\177ELF", 4, none, &e), SNUG_KIND_ELF);
	assert_int_equal(detect(sector, 512, none, &e), SNUG_KIND_FLAT);
	assert_int_equal(detect(sector, 511, none, &e), -ENOEXEC);
	sector[511] = 0x55;
	assert_int_equal(detect(sector, 512, none, &e), -ENOEXEC);
	assert_int_equal(detect("\177ELF", 3, none, &e), -ENOEXEC);
	assert_error(e, -ENOEXEC, "image: not ELF, not a boot sector");
	assert_hint(e, "--as flat");
	assert_hint(e, "--mode");
	assert_hint(e, "--load");
	assert_hint(e, "--entry");
	assert_true(strlen(e.hint) < sizeof(e.hint) - 1);
}

static void by_wish(void **state)
{
	struct snug_error e = {0};

	(void)state;
	assert_int_equal(detect("x", 1, (struct snug__boot_want){.mode = SNUG_MODE_LONG}, &e), SNUG_KIND_FLAT);
	assert_int_equal(detect("x", 1, (struct snug__boot_want){.has_load = true}, &e), SNUG_KIND_FLAT);
	assert_int_equal(detect("x", 1, (struct snug__boot_want){.has_entry = true}, &e), SNUG_KIND_FLAT);
	assert_int_equal(detect("x", 1, (struct snug__boot_want){.stack = 4096}, &e), -ENOEXEC);
	assert_int_equal(detect("\177ELF", 4, (struct snug__boot_want){.mode = SNUG_MODE_LONG}, &e), SNUG_KIND_ELF);
}

static void empty(void **state)
{
	struct snug_error e = {0};

	(void)state;
	assert_int_equal(detect(NULL, 0, (struct snug__boot_want){.mode = SNUG_MODE_LONG}, &e), -ENOEXEC);
	assert_error(e, -ENOEXEC, "image: empty");
	assert_true(e.hint[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(by_bytes), cmocka_unit_test(by_wish),
	                                   cmocka_unit_test(empty)};

	return cmocka_run_group_tests_name("detect", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "guestmem.h"

#include <errno.h>

#include "load/load.h"

static const uint8_t code[] = {0xb0, 0x2a, 0xe6, 0xe9, 0xf4};

static int load(struct snug__mem *m, size_t len, struct snug__boot_want want, struct snug_boot *b,
                struct snug_error *e)
{
	static uint8_t big[GUESTMEM_RAM + 1];

	memcpy(big, code, sizeof(code));
	return snug__load_flat((struct snug__span){big, len}, &want, m, b, NULL, e);
}

static void defaults_long(void **state)
{
	struct snug_boot b = {0};
	uint8_t seen[6];

	assert_int_equal(load(*state, 5, (struct snug__boot_want){0}, &b, NULL), 0);
	assert_int_equal(b.kind, SNUG_KIND_FLAT);
	assert_int_equal(b.mode, SNUG_MODE_LONG);
	assert_int_equal(b.low, 0x100000);
	assert_int_equal(b.high, 0x100005);
	assert_int_equal(b.entry, 0x100000);
	assert_int_equal(b.stack, GUESTMEM_RAM);
	assert_int_equal(snug__mem_read(*state, 0x100000, seen, 6), 0);
	assert_memory_equal(seen, "\xb0\x2a\xe6\xe9\xf4\0", 6);
	assert_true(snug__mem_dirty(*state, 0x100000));
}

static void defaults_real(void **state)
{
	struct snug_boot b = {0};

	assert_int_equal(load(*state, 5, (struct snug__boot_want){.mode = SNUG_MODE_REAL}, &b, NULL), 0);
	assert_int_equal(b.low, 0x1000);
	assert_int_equal(b.entry, 0x1000);
	assert_int_equal(b.stack, 0x7000);
}

static void boot_sector(void **state)
{
	uint8_t sector[512] = {[510] = 0x55, [511] = 0xaa};
	struct snug__span image = {sector, sizeof(sector)};
	struct snug__boot_want want = {0};
	struct snug_boot b = {0};

	assert_int_equal(snug__load_flat(image, &want, *state, &b, NULL, NULL), 0);
	assert_int_equal(b.mode, SNUG_MODE_REAL);
	assert_int_equal(b.entry, 0x7c00);
	want.mode = SNUG_MODE_REAL;
	assert_int_equal(snug__load_flat(image, &want, *state, &b, NULL, NULL), 0);
	assert_int_equal(b.entry, 0x7c00);
	want.mode = SNUG_MODE_PROTECTED;
	assert_int_equal(snug__load_flat(image, &want, *state, &b, NULL, NULL), 0);
	assert_int_equal(b.entry, 0x100000);
}

static void as_told(void **state)
{
	struct snug__boot_want want = {SNUG_MODE_USER, true, true, 0, 2, 0x3000};
	struct snug_boot b = {0};

	assert_int_equal(load(*state, 5, want, &b, NULL), 0);
	assert_int_equal(b.mode, SNUG_MODE_USER);
	assert_int_equal(b.low, 0);
	assert_int_equal(b.entry, 2);
	assert_int_equal(b.stack, 0x3000);
	want.stack = GUESTMEM_RAM;
	assert_int_equal(load(*state, 5, want, &b, NULL), 0);
	assert_int_equal(load(*state, GUESTMEM_RAM, want, &b, NULL), 0);
	assert_int_equal(b.high, GUESTMEM_RAM);
}

struct refusal {
	size_t len;
	struct snug__boot_want want;
	int code;
	const char *msg, *hint;
};

static void refused(void **state)
{
	static const struct refusal rows[] = {
	    {0, {0}, -ENOEXEC, "flat: the image is empty", "file"},
	    {GUESTMEM_RAM,
	     {0},
	     -EFBIG,
	     "flat: 2097152 bytes at 0x100000 do not fit: memory there ends at 0x200000",
	     "--mem 3M"},
	    {0x101,
	     {0, .has_load = true, .load = GUESTMEM_RAM - 0x100},
	     -EFBIG,
	     "flat: 257 bytes at 0x1fff00",
	     "--mem"},
	    {5,
	     {0, .has_load = true, .load = GUESTMEM_RAM},
	     -ERANGE,
	     "flat: load address 0x200000 is outside memory (RAM is 0x0-0x200000)",
	     "--load"},
	    {5,
	     {0, .has_load = true, .load = UINT64_MAX - 2},
	     -ERANGE,
	     "flat: load address 0xfffffffffffffffd",
	     "--load"},
	    {5,
	     {0, .has_entry = true, .entry = GUESTMEM_RAM},
	     -ERANGE,
	     "flat: entry 0x200000 is outside memory",
	     "--mem"},
	    {5, {0, .has_entry = true, .entry = UINT64_MAX}, -ERANGE, "flat: entry 0xffffffffffffffff", ""},
	    {5,
	     {SNUG_MODE_REAL, .has_entry = true, .entry = 0x100000},
	     -ERANGE,
	     "flat: entry 0x100000: mode real reaches no further than 0x100000",
	     "--mode"},
	    {5,
	     {SNUG_MODE_REAL, .has_load = true, .load = 0x180000},
	     -ERANGE,
	     "flat: entry 0x180000: mode real",
	     "--mode"},
	    {5,
	     {SNUG_MODE_PROTECTED, .has_entry = true, .entry = 1ull << 32},
	     -ERANGE,
	     "flat: entry 0x100000000: mode protected",
	     "--mode"},
	    {5, {SNUG_MODE_RESET}, -EINVAL, "flat: raw code does not start in mode reset", "firmware"},
	    {5, {(enum snug_mode)77}, -EINVAL, "flat: raw code does not start in mode", "real, protected"},
	    {5, {0, .stack = GUESTMEM_RAM + 1}, -ERANGE, "flat: stack 0x200001 is outside memory", "--mem"},
	    {5, {SNUG_MODE_REAL, .stack = 0x10001}, -ERANGE, "flat: stack 0x10001: mode real", "lower stack"},
	    {5, {SNUG_MODE_PAGED32, .stack = 1ull << 32}, -ERANGE, "flat: stack 0x100000000: mode paged32", "lower"},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct snug_boot b = {0};
		struct snug_error e = {0};

		assert_int_equal(load(*state, rows[i].len, rows[i].want, &b, &e), rows[i].code);
		assert_error(e, rows[i].code, rows[i].msg);
		assert_hint(e, rows[i].hint);
		assert_int_equal(b.kind, 0);
		assert_untouched(*state);
	}
}

static void default_stacks(void **state)
{
	struct snug__mem m;

	snug__mem_init(&m, 4, NULL, NULL);
	assert_int_equal(snug__default_stack(SNUG_MODE_LONG, &m), 0);
	assert_int_equal(snug__default_stack(SNUG_MODE_REAL, &m), 0x7000);
	assert_int_equal(snug__default_stack(SNUG_MODE_LONG, *state), GUESTMEM_RAM);
	assert_string_equal(snug__boot_memory_hint(0x100001).s, "give the guest more memory: --mem 2M");
	assert_string_equal(snug__boot_memory_hint(SNUG__RAM_GAP_GPA).s, "give the guest more memory: --mem 3G");
	assert_string_equal(snug__boot_memory_hint(SNUG__RAM_GAP_GPA + 1).s, "link or load it below 0xc0000000");
	assert_string_equal(snug__boot_memory_hint(SNUG__RAM_HIGH_GPA + (1 << 30)).s,
	                    "give the guest more memory: --mem 4G");
	assert_string_equal(snug__boot_memory_hint(UINT64_MAX).s, "link or load it below 0xc0000000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    GUESTMEM_TEST(defaults_long), GUESTMEM_TEST(defaults_real), GUESTMEM_TEST(boot_sector),
	    GUESTMEM_TEST(as_told),       GUESTMEM_TEST(refused),       GUESTMEM_TEST(default_stacks),
	};

	return cmocka_run_group_tests_name("flat", tests, NULL, NULL);
}

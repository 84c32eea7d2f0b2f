/* SPDX-License-Identifier: MIT */
/* sizes: numbers as people type them, and as snug prints them */
#include "check.h"

#include "cli.h"
#include "sizes.h"

typedef const char *(*parse_fn)(const char *, uint64_t *);

struct good {
	const char *text;
	uint64_t value;
};

struct bad {
	const char *text, *why;
};

static void check_good(parse_fn parse, const struct good *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = 0;
		const char *why = parse(rows[i].text, &v);

		if (why)
			fail_msg("'%s' %s", rows[i].text, why);
		assert_int_equal(v, rows[i].value);
	}
}

static void check_bad(parse_fn parse, const struct bad *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v;
		const char *why = parse(rows[i].text, &v);

		if (!why || !strstr(why, rows[i].why))
			fail_msg("'%s': '%s', not '%s'", rows[i].text, why ? why : "taken", rows[i].why);
	}
}

#define GOOD(parse, rows) check_good(parse, rows, sizeof(rows) / sizeof *(rows))
#define BAD(parse, rows) check_bad(parse, rows, sizeof(rows) / sizeof *(rows))

static void test_sizes(void **state)
{
	static const struct good good[] = {{"4096", 4096},
	                                   {"4K", 4096},
	                                   {"4k", 4096},
	                                   {"16M", 16 << 20},
	                                   {"3G", 3ull << 30},
	                                   {"2T", 2ull << 40},
	                                   {"0008K", 8192},
	                                   {"16777215T", 16777215ull << 40},
	                                   {"18446744073709547520", UINT64_MAX - 4095}};
	static const struct bad bad[] = {{"", "empty"},
	                                 {"-1", "negative"},
	                                 {"0", "nothing"},
	                                 {"0G", "nothing"},
	                                 {"12X", "K, M, G and T"},
	                                 {"12KB", "K, M, G and T"},
	                                 {"1.5G", "K, M, G and T"},
	                                 {"0x1000", "K, M, G and T"},
	                                 {"4K ", "K, M, G and T"},
	                                 {" 4K", "no number"},
	                                 {"+4K", "no number"},
	                                 {"K", "no number"},
	                                 {"1K", "multiple of 4096"},
	                                 {"4097", "multiple of 4096"},
	                                 {"16777216T", "too large"},
	                                 {"18446744073709551616", "too large"},
	                                 {"99999999999999999999999", "too large"}};

	(void)state;
	GOOD(cli_parse_size, good);
	BAD(cli_parse_size, bad);
}

static void test_seconds(void **state)
{
	static const struct good good[] = {{"1", 1000000000},           {"0.5", 500000000},
	                                   {"2.000000001", 2000000001}, {"0.000000001", 1},
	                                   {"10.25", 10250000000},      {"18446744073.709551615", UINT64_MAX}};
	static const struct bad bad[] = {{"", "empty"},
	                                 {"-1", "negative"},
	                                 {"0", "no time"},
	                                 {"0.000", "no time"},
	                                 {".5", "no number"},
	                                 {"5.", "after the point"},
	                                 {"1s", "seconds"},
	                                 {"1.5.5", "seconds"},
	                                 {"1e3", "seconds"},
	                                 {"1.0000000001", "nine decimals"},
	                                 {"18446744073.709551616", "too large"},
	                                 {"18446744074", "too large"},
	                                 {"99999999999999999999", "too large"}};

	(void)state;
	GOOD(cli_parse_seconds, good);
	BAD(cli_parse_seconds, bad);
}

static void test_addresses(void **state)
{
	static const struct good good[] = {{"0", 0},
	                                   {"4096", 4096},
	                                   {"0x100000", 0x100000},
	                                   {"0XaBcDeF", 0xabcdef},
	                                   {"0xffffffffffffffff", UINT64_MAX},
	                                   {"18446744073709551615", UINT64_MAX}};
	static const struct bad bad[] = {{"", "empty"},
	                                 {"-1", "negative"},
	                                 {"x", "no number"},
	                                 {"0x", "no digit"},
	                                 {"0xg", "no digit"},
	                                 {"0x1g", "hexadecimal"},
	                                 {"12ab", "no address"},
	                                 {"1M", "no address"},
	                                 {"0x10000000000000000", "64 bits"},
	                                 {"18446744073709551616", "64 bits"}};

	(void)state;
	GOOD(cli_parse_address, good);
	BAD(cli_parse_address, bad);
}

static void test_integers(void **state)
{
	static const struct good good[] = {{"0", 0},
	                                   {"12", 12},
	                                   {"-3", (uint64_t)-3},
	                                   {"0x10", 16},
	                                   {"-0x10", (uint64_t)-16},
	                                   {"18446744073709551615", UINT64_MAX},
	                                   {"-9223372036854775808", 1ull << 63}};
	static const struct bad bad[] = {{"", "empty"},
	                                 {"-", "no number"},
	                                 {"--1", "no number"},
	                                 {"x", "no number"},
	                                 {"1x", "no number: write"},
	                                 {"0x", "no digit after 0x"},
	                                 {"-0xg", "no digit after 0x"},
	                                 {"0x1g", "no hexadecimal"},
	                                 {"18446744073709551616", "64 bits"},
	                                 {"-9223372036854775809", "64 bits"}};

	(void)state;
	GOOD(cli_parse_integer, good);
	BAD(cli_parse_integer, bad);
}

static void test_counts(void **state)
{
	static const struct good good[] = {{"1", 1}, {"255", 255}, {"4294967295", UINT32_MAX}};
	static const struct bad bad[] = {
	    {"", "empty"},   {"0", "none"}, {"-2", "negative"}, {"2x", "whole"}, {"4294967296", "too large"},
	    {"1.0", "whole"}};

	(void)state;
	GOOD(cli_parse_count, good);
	BAD(cli_parse_count, bad);
}

static void test_times_as_printed(void **state)
{
	char t[16];

	(void)state;
	assert_string_equal(cli_time(t, 0), "0.0 us");
	assert_string_equal(cli_time(t, 999), "1.0 us");
	assert_string_equal(cli_time(t, 12345), "12.3 us");
	assert_string_equal(cli_time(t, 1234567), "1.2 ms");
	assert_string_equal(cli_time(t, 61000000000), "61.0 s ");
}

static void test_sizes_as_printed(void **state)
{
	char t[32];

	(void)state;
	assert_string_equal(cli_size(t, 0), "0 bytes");
	assert_string_equal(cli_size(t, 4097), "4097 bytes");
	assert_string_equal(cli_size(t, 16 << 20), "16 MiB");
	assert_string_equal(cli_size(t, 3ull << 49), "1536 TiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_seconds),
	    cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_integers),
	    cmocka_unit_test(test_counts),
	    cmocka_unit_test(test_times_as_printed),
	    cmocka_unit_test(test_sizes_as_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

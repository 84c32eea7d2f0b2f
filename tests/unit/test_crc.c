/* SPDX-License-Identifier: MIT */
/* crc: known answers, and both ways give the same */
#include "base/crc.h"
#include "check.h"
#include "host/cpu.h"

static bool has_instruction(void)
{
	struct snug__host_cpu cpu;

	snug__host_cpu(&cpu);
	return snug__host_crc32(&cpu);
}

/* RFC 3720 B.4, and the check value of the catalogue of CRCs */
static void known(void **state)
{
	uint8_t bytes[32];
	bool ways[] = {false, has_instruction()};

	(void)state;
	for (unsigned w = 0; w < 2; w++) {
		assert_int_equal(snug__crc32c(0, "", 0, ways[w]), 0);
		assert_int_equal(snug__crc32c(0, "123456789", 9, ways[w]), 0xe3069283);
		memset(bytes, 0, sizeof(bytes));
		assert_int_equal(snug__crc32c(0, bytes, sizeof(bytes), ways[w]), 0x8a9136aa);
		memset(bytes, 0xff, sizeof(bytes));
		assert_int_equal(snug__crc32c(0, bytes, sizeof(bytes), ways[w]), 0x62a8ab43);
		for (unsigned i = 0; i < 32; i++)
			bytes[i] = (uint8_t)i;
		assert_int_equal(snug__crc32c(0, bytes, sizeof(bytes), ways[w]), 0x46dd794e);
	}
}

static void same(void **state)
{
	uint8_t bytes[300];

	(void)state;
	if (!has_instruction())
		skip();
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * i + 7);
	for (unsigned from = 0; from < 9; from++)
		for (unsigned len = 0; from + len <= sizeof(bytes); len++) {
			uint32_t whole = snug__crc32c(0, bytes + from, len, true);

			assert_int_equal(whole, snug__crc32c(0, bytes + from, len, false));
			assert_int_equal(whole, snug__crc32c(snug__crc32c(0, bytes + from, len / 3, true),
			                                     bytes + from + len / 3, len - len / 3, false));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(known), cmocka_unit_test(same)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <errno.h>

#include "x86/cpuid.h"

#define AVX (1u << 28)

static struct snug__kvm_cpuid table(bool amd)
{
	static const struct kvm_cpuid_entry2 rows[] = {
	    {.function = 0, .eax = 0x1f, .ebx = 0x756e6547},
	    {.function = 1, .eax = 0x806f8, .ebx = 0x12345678, .ecx = 0xfffa3203, .edx = 0x0f8bfbff},
	    {.function = 4, .index = 0, .flags = 1, .eax = 0x121},
	    {.function = 4, .index = 3, .flags = 1, .eax = 0x163},
	    {.function = 7, .index = 0, .flags = 1, .eax = 1, .ebx = 0xf1bf2bfb, .ecx = 0x5f46, .edx = 0x10},
	    {.function = 7, .index = 1, .flags = 1, .eax = 0x30},
	    {.function = 0xb, .index = 0, .flags = 1, .edx = 9},
	    {.function = 0xd, .index = 0, .flags = 1, .eax = 0xe7, .ebx = 0xa80, .ecx = 0xa80},
	    {.function = 0xd, .index = 1, .flags = 1, .eax = 0xf},
	    {.function = 0xd, .index = 2, .flags = 1, .eax = 256, .ebx = 576},
	    {.function = 0xd, .index = 5, .flags = 1, .eax = 64, .ebx = 1088},
	    {.function = 0xd, .index = 6, .flags = 1, .eax = 512, .ebx = 1152},
	    {.function = 0xd, .index = 7, .flags = 1, .eax = 1024, .ebx = 1664},
	    {.function = 0x80000001, .ecx = 0x121, .edx = 0x2c100800},
	    {.function = 0x80000008, .eax = 0x3930, .ecx = 7},
	    {.function = 0x8000001e, .eax = 5, .ebx = 0x105, .ecx = 3},
	};
	struct snug__kvm_cpuid t = {.nent = sizeof(rows) / sizeof(rows[0])};

	memcpy(t.rows, rows, sizeof(rows));
	if (amd)
		t.rows[0].ebx = 0x68747541;
	return t;
}

static struct kvm_cpuid_entry2 *row(struct snug__kvm_cpuid *t, uint32_t leaf, uint32_t index)
{
	for (uint32_t i = 0; i < t->nent; i++)
		if (t->rows[i].function == leaf && t->rows[i].index == index)
			return &t->rows[i];
	fail_msg("no leaf 0x%x, %u", leaf, index);
	return NULL;
}

static void nothing_asked_for(void **state)
{
	static const char *const same[] = {NULL, "", "host"};
	struct snug__kvm_cpuid t, as_is = table(false);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		t = table(false);
		assert_int_equal(snug__cpuid_choose(same[i], &t, NULL), 0);
		assert_memory_equal(t.rows, as_is.rows, t.nent * sizeof(t.rows[0]));
	}
}

static void a_feature_goes_with_what_needs_it(void **state)
{
	struct snug__kvm_cpuid t = table(false);

	(void)state;
	assert_int_equal(snug__cpuid_choose("host,-avx,-popcnt", &t, NULL), 0);
	assert_int_equal(row(&t, 1, 0)->ecx & (AVX | 1u << 23 | 1u << 12 | 1u << 29), 0); /* fma, f16c */
	assert_int_equal(row(&t, 1, 0)->ecx & 1u << 26, 1u << 26);
	assert_int_equal(row(&t, 7, 0)->ebx & (1u << 5 | 1u << 16 | 1u << 17), 0); /* avx2, avx512f, avx512dq */
	assert_int_equal(row(&t, 7, 1)->eax, 0);
	assert_int_equal(row(&t, 0xd, 0)->eax, 3);
	assert_int_equal(row(&t, 0xd, 0)->ecx, 576);
	assert_int_equal(row(&t, 0xd, 2)->eax, 0);
	assert_int_equal(snug__cpuid_verify("host,-avx,-popcnt", &t, NULL), 0);
	t = table(false);
	assert_int_equal(snug__cpuid_choose("host,-avx512f", &t, NULL), 0);
	assert_int_equal(row(&t, 0xd, 0)->eax, 7);
	assert_int_equal(row(&t, 0xd, 0)->ecx, 832);
	t = table(false);
	assert_int_equal(snug__cpuid_choose("host,-xsave", &t, NULL), 0);
	assert_int_equal(row(&t, 0xd, 0)->eax, 0);
	assert_int_equal(row(&t, 0xd, 1)->eax, 0);
}

static void baseline(void **state)
{
	struct snug__kvm_cpuid t = table(false);

	(void)state;
	assert_int_equal(snug__cpuid_choose("baseline,+aes", &t, NULL), 0);
	assert_int_equal(row(&t, 1, 0)->ecx, 0xfffa3203 & (1u << 0 | 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20 |
	                                                   1u << 21 | 1u << 23 | 1u << 25 | 1u << 31));
	assert_int_equal(row(&t, 7, 0)->ebx, 0);
	assert_int_equal(row(&t, 7, 0)->edx, 0);
	assert_int_equal(row(&t, 0x80000001, 0)->edx, 0x20100800);
	assert_int_equal(row(&t, 0x80000001, 0)->ecx, 1);
	assert_int_equal(row(&t, 0xd, 0)->eax, 0);
	assert_int_equal(snug__cpuid_verify("baseline,+aes", &t, NULL), 0);
	assert_int_equal(snug__cpuid_verify("baseline", &t, NULL), -ENOTSUP);
}

static void wrong_words(void **state)
{
	static const struct {
		const char *spec;
		int code;
		const char *msg;
	} rows[] = {
	    {"pentium", -EINVAL, "unknown CPU 'pentium'"},
	    {"hos", -EINVAL, "unknown CPU 'hos'"},
	    {",+avx", -EINVAL, "unknown CPU ''"},
	    {"host,", -EINVAL, "unknown feature ''"},
	    {"host,avx", -EINVAL, "unknown feature 'avx'"},
	    {"host,+", -EINVAL, "unknown feature '+'"},
	    {"host,+av", -EINVAL, "unknown feature '+av'"},
	    {"host,-avx,,", -EINVAL, "unknown feature ''"},
	    {"host,+vmx", -ENOTSUP, "vmx: this host's KVM cannot give it (leaf 0x1)"},
	    {"host,-avx,+avx2", -EINVAL, "avx2 needs avx, which this CPU has not"},
	    {"baseline,+avx512vl", -EINVAL, "avx512vl needs avx512f"},
	    {"host,-fxsr,+sse2", -EINVAL, "sse2 needs fxsr"},
	};
	struct snug_error e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct snug__kvm_cpuid t = table(false);

		assert_int_equal(snug__cpuid_choose(rows[i].spec, &t, &e), rows[i].code);
		assert_error(e, rows[i].code, rows[i].msg);
		assert_true(e.hint[0]);
	}
}

static void what_cannot_be_hidden(void **state)
{
	struct snug__kvm_cpuid t = table(false);
	struct snug_error e;

	(void)state;
	assert_int_equal(snug__cpuid_verify("host,-avx", &t, &e), -ENOTSUP);
	assert_error(e, -ENOTSUP, "avx: this host's KVM shows it to guests whatever they are to see");
	assert_int_equal(snug__cpuid_verify("host,+vmx", &t, &e), -ENOTSUP);
	assert_int_equal(snug__cpuid_verify("host,+avx", &t, &e), 0);
}

static void topology(void **state)
{
	static const struct {
		unsigned count, bits;
	} rows[] = {{1, 0}, {2, 1}, {3, 2}, {4, 2}, {16, 4}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct snug__kvm_cpuid t = table(i & 1);
		unsigned n = rows[i].count;

		snug__cpuid_topology(&t, n - 1, n);
		snug__cpuid_topology(&t, n - 1, n); /* once more makes no difference */
		assert_int_equal(row(&t, 1, 0)->ebx, 0x12005678 | n << 16);
		assert_int_equal(row(&t, 1, 0)->edx >> 28 & 1, n > 1);
		assert_int_equal(row(&t, 1, 0)->ecx >> 31, 1);
		assert_int_equal(row(&t, 4, 0)->eax >> 14 & 0xfff, 0);
		assert_int_equal(row(&t, 4, 3)->eax >> 14 & 0xfff, (1u << rows[i].bits) - 1);
		assert_int_equal(row(&t, 4, 3)->eax >> 26, (1u << rows[i].bits) - 1);
		assert_int_equal(row(&t, 0xb, 0)->ebx, 1);
		assert_int_equal(row(&t, 0xb, 0)->ecx, 0x100);
		assert_int_equal(row(&t, 0xb, 1)->eax, rows[i].bits);
		assert_int_equal(row(&t, 0xb, 1)->ebx, n);
		assert_int_equal(row(&t, 0xb, 1)->ecx, 0x201);
		assert_int_equal(row(&t, 0xb, 1)->edx, n - 1);
		assert_int_equal(row(&t, 0xb, 2)->ecx, 2);
		assert_int_equal(t.nent, 18);
		assert_int_equal(row(&t, 0x80000008, 0)->ecx, i & 1 ? rows[i].bits << 12 | (n - 1) : 7);
		assert_int_equal(row(&t, 0x8000001e, 0)->eax, i & 1 ? n - 1 : 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_asked_for),
	    cmocka_unit_test(a_feature_goes_with_what_needs_it),
	    cmocka_unit_test(baseline),
	    cmocka_unit_test(wrong_words),
	    cmocka_unit_test(what_cannot_be_hidden),
	    cmocka_unit_test(topology),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* regname: names, widths, and what is wrong with sregs */
#include <errno.h>

#include "check.h"
#include "x86/regname.h"
#include "x86/x86.h"

static void names(void **unused)
{
	unsigned n = 0;

	(void)unused;
	for (const char *name; (name = snug_reg_name(n)); n++) {
		const struct snug__reg *reg = snug__reg_find(name);

		assert_non_null(reg);
		assert_string_equal(reg->name, name); /* and none stands there twice */
		for (unsigned i = 0; i < n; i++)
			assert_string_not_equal(snug_reg_name(i), name);
	}
	assert_int_equal(n, 18 + 7 + 8 * 12 + 4);
	assert_null(snug__reg_find("eax"));
	assert_null(snug__reg_find(""));
	assert_null(snug__reg_find(NULL));
	assert_null(snug__reg_find("cs."));
	assert_null(snug__reg_find("RAX"));
}

static void fields(void **unused)
{
	struct snug_regs r = {.r15 = 0x0123456789abcdef, .rip = 7};
	struct snug_sregs s = {
	    .cs = {.selector = 0x1234, .base = 0xabcd, .dpl = 3}, .idt = {.limit = 0xfff}, .efer = 5};

	(void)unused;
	assert_int_equal(snug__reg_get(snug__reg_find("r15"), &r), 0x0123456789abcdef);
	assert_int_equal(snug__reg_get(snug__reg_find("rip"), &r), 7);
	assert_int_equal(snug__reg_get(snug__reg_find("cs"), &s), 0x1234);
	assert_int_equal(snug__reg_get(snug__reg_find("cs.base"), &s), 0xabcd);
	assert_int_equal(snug__reg_get(snug__reg_find("cs.dpl"), &s), 3);
	assert_int_equal(snug__reg_get(snug__reg_find("idt.limit"), &s), 0xfff);
	assert_int_equal(snug__reg_get(snug__reg_find("efer"), &s), 5);
}

/* Every name writes its own bytes and no others. */
static void writing(void **unused)
{
	(void)unused;
	for (unsigned n = 0; snug_reg_name(n); n++) {
		const struct snug__reg *reg = snug__reg_find(snug_reg_name(n));
		union {
			struct snug_regs regs;
			struct snug_sregs sregs;
			uint8_t bytes[sizeof(struct snug_sregs)];
		} u;
		unsigned changed = 0;

		memset(&u, 0, sizeof(u));
		assert_int_equal(snug__reg_set(reg, &u, UINT64_MAX >> (64 - 8 * reg->bytes), NULL), 0);
		for (size_t i = 0; i < sizeof(u); i++)
			changed += u.bytes[i] == 0xff;
		assert_int_equal(changed, reg->bytes);
	}
}

static void too_wide(void **unused)
{
	struct snug_sregs s = {0};
	struct snug_error e;

	(void)unused;
	assert_int_equal(snug__reg_set(snug__reg_find("cs"), &s, 0x10000, &e), -EINVAL);
	assert_error(e, -EINVAL, "cs has 16 bits: 0x10000");
	assert_int_equal(snug__reg_unknown("foo", &e), -EINVAL);
	assert_error(e, -EINVAL, "'foo'");
	assert_hint(e, "snug_reg_name");
	assert_int_equal(s.cs.selector, 0);
}

static void faults(void **unused)
{
	static const struct {
		struct snug_sregs s;
		const char *text;
	} rows[] = {
	    {{.cr0 = 1ull << 32}, "cr0: bits above 31"},
	    {{.cr0 = X86_CR0_PG}, "PG without PE"},
	    {{.cr0 = X86_CR0_NW}, "NW without CD"},
	    {{.cr0 = X86_CR0_PE | X86_CR0_PG, .efer = X86_EFER_LME}, "needs PAE"},
	    {{.cr0 = X86_CR0_PE | X86_CR0_PG, .cr4 = X86_CR4_PAE, .efer = X86_EFER_LME}, "needs LMA"},
	    {{.cr0 = X86_CR0_PE, .efer = X86_EFER_LMA}, "LMA without"},
	    {{.cr0 = X86_CR0_PE, .cs = {.l = 1}}, "without efer.LMA"},
	    {{.cr0 = X86_CR0_PE | X86_CR0_PG,
	      .cr4 = X86_CR4_PAE,
	      .efer = X86_EFER_LME | X86_EFER_LMA,
	      .cs = {.l = 1, .db = 1}},
	     "cs.db"},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *why = snug__sregs_fault(&rows[i].s);

		assert_non_null(why);
		assert_non_null(strstr(why, rows[i].text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names),    cmocka_unit_test(fields), cmocka_unit_test(writing),
	    cmocka_unit_test(too_wide), cmocka_unit_test(faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* mode: the CPU states, checked against the manual's rules rather than against the table itself */
#include <errno.h>

#include "check.h"
#include "x86/mode.h"
#include "x86/regname.h"
#include "x86/x86.h"

static const struct snug__mode_tables tables = {
    .gdt = 0x1000, .tss = 0x2000, .idt = 0x3000, .cr3 = 0x4000, .idt_limit = 0xfff, .tss_limit = 0x67};

static int state(enum snug_mode mode, uint64_t entry, uint64_t stack, struct snug_sregs *s, struct snug_regs *r,
                 struct snug_error *e)
{
	memset(s, 0, sizeof(*s));
	return snug__mode_state(mode, entry, stack, &tables, s, r, e);
}

/* The constants are the manual's: SDM 3A 2.5, 2.2.1, 2.3. */
static void constants(void **unused)
{
	(void)unused;
	assert_int_equal(X86_CR0_PE, 0x1);
	assert_int_equal(X86_CR0_NE, 0x20);
	assert_int_equal(X86_CR0_PG, 0x80000000);
	assert_int_equal(X86_CR4_PSE, 0x10);
	assert_int_equal(X86_CR4_PAE, 0x20);
	assert_int_equal(X86_CR4_OSFXSR, 0x200);
	assert_int_equal(X86_CR4_OSXMMEXCPT, 0x400);
	assert_int_equal(X86_EFER_LME, 0x100);
	assert_int_equal(X86_EFER_LMA, 0x400);
	assert_int_equal(X86_RFLAGS_IF, 0x200);
	assert_int_equal(X86_RFLAGS_IOPL3, 0x3000);
	assert_int_equal(X86_VECTORS_WITH_CODE, 0x60227d00);
}

/* No mode's state is one that a CPU would refuse. */
static void legal(void **unused)
{
	struct snug_sregs s;
	struct snug_regs r;

	(void)unused;
	for (int m = SNUG_MODE_REAL; m <= SNUG_MODE_RESET; m++) {
		assert_int_equal(state((enum snug_mode)m, 0x8000, 0x8000, &s, &r, NULL), 0);
		assert_null(snug__sregs_fault(&s));
		assert_int_equal(r.rflags & X86_RFLAGS_ONE, X86_RFLAGS_ONE);
		assert_int_equal(r.rflags & X86_RFLAGS_IF, 0);
	}
}

static void real_segments(void **unused)
{
	struct snug_sregs s;
	struct snug_regs r;

	(void)unused;
	assert_int_equal(state(SNUG_MODE_REAL, 0x7c00, 0x7000, &s, &r, NULL), 0);
	assert_int_equal(s.cs.base + r.rip, 0x7c00);
	assert_int_equal(s.cs.selector, 0);
	assert_int_equal(r.rsp, 0x7000);
	assert_int_equal(state(SNUG_MODE_REAL, 0x2abcd, 0x10000, &s, &r, NULL), 0);
	assert_int_equal(s.cs.base + r.rip, 0x2abcd);
	assert_int_equal(s.cs.base, (uint64_t)s.cs.selector << 4);
	assert_int_equal(r.rsp, 0);
	assert_int_equal(s.cr0 & X86_CR0_PE, 0);
}

/* SDM 3A 9.1.4: the first instruction is 16 bytes below 4 GiB. */
static void reset(void **unused)
{
	struct snug_sregs s;
	struct snug_regs r;

	(void)unused;
	assert_int_equal(state(SNUG_MODE_RESET, 1, 1, &s, &r, NULL), 0);
	assert_int_equal(s.cs.base + r.rip, 0xfffffff0);
	assert_int_equal(s.cs.selector, 0xf000);
	assert_int_equal(s.cr0, 0x60000010);
}

static void user(void **unused)
{
	struct snug_sregs s;
	struct snug_regs r;

	(void)unused;
	assert_int_equal(state(SNUG_MODE_USER, 0x100000, 0x200000, &s, &r, NULL), 0);
	assert_int_equal(s.cs.selector & 3, 3);
	assert_int_equal(s.ss.selector & 3, 3);
	assert_int_equal(s.cs.dpl, 3);
	assert_int_equal(s.ss.dpl, 3);
	assert_int_equal(s.cs.l, 1);
	assert_int_equal(r.rflags & X86_RFLAGS_IOPL3, X86_RFLAGS_IOPL3);
	assert_int_equal(s.cr3, tables.cr3);
	assert_int_equal(s.tr.base, tables.tss);
}

static void paging(void **unused)
{
	struct snug_sregs s;
	struct snug_regs r;

	(void)unused;
	assert_int_equal(state(SNUG_MODE_PROTECTED, 0, 0, &s, &r, NULL), 0);
	assert_false(s.cr0 & X86_CR0_PG);
	assert_int_equal(s.cr3, 0);
	assert_int_equal(s.cs.db, 1);
	assert_int_equal(state(SNUG_MODE_PAGED32, 0, 0, &s, &r, NULL), 0);
	assert_true(s.cr0 & X86_CR0_PG);
	assert_true(s.cr4 & X86_CR4_PSE);
	assert_false(s.efer & X86_EFER_LME);
	assert_int_equal(s.cr3, tables.cr3);
	assert_true(snug__mode_has_tables(SNUG_MODE_PAGED32));
	assert_false(snug__mode_has_tables(SNUG_MODE_REAL));
	assert_false(snug__mode_has_tables(SNUG_MODE_RESET));
}

static void reach(void **unused)
{
	struct snug_sregs s;
	struct snug_regs r;
	struct snug_error e;

	(void)unused;
	assert_int_equal(state(SNUG_MODE_REAL, 0x100000, 0, &s, &r, &e), -ERANGE);
	assert_error(e, -ERANGE, "entry 0x100000");
	assert_int_equal(state(SNUG_MODE_REAL, 0, 0x10001, &s, &r, &e), -ERANGE);
	assert_error(e, -ERANGE, "stack 0x10001");
	assert_int_equal(state(SNUG_MODE_PROTECTED, 1ull << 32, 0, &s, &r, &e), -ERANGE);
	assert_int_equal(state(SNUG_MODE_PROTECTED, 0, (1ull << 32) + 1, &s, &r, &e), -ERANGE);
	assert_int_equal(state(SNUG_MODE_LONG, 1ull << 40, 1ull << 40, &s, &r, &e), 0);
	assert_int_equal(state(SNUG_MODE_AUTO, 0, 0, &s, &r, &e), -EINVAL);
	assert_int_equal(state((enum snug_mode)99, 0, 0, &s, &r, &e), -EINVAL);
	assert_error(e, -EINVAL, "99");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(constants), cmocka_unit_test(legal), cmocka_unit_test(real_segments),
	    cmocka_unit_test(reset),     cmocka_unit_test(user),  cmocka_unit_test(paging),
	    cmocka_unit_test(reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

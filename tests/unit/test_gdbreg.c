/* SPDX-License-Identifier: MIT */
/* The registers as gdb numbers them. */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

#include "base/bytes.h"
#include "svc/gdb.h"
#include "x86/x86.h"

static struct snug__gdb_regs r;
static char xml[16384];

static int clear(void **state)
{
	(void)state;
	memset(&r, 0, sizeof(r));
	return 0;
}

static void describe(enum snug__gdb_arch arch)
{
	struct snug__gdb_text t = {.at = xml, .room = sizeof(xml) - 1};

	snug__gdb_xml(arch, &t);
	assert_false(t.over);
	assert_true(t.len < 12000); /* what an answer is cut from */
	xml[t.len] = 0;
}

/* The number of a register as the description counts, and its size in bits. */
static unsigned number_of(enum snug__gdb_arch arch, const char *name, unsigned *bits)
{
	char want[40];
	unsigned n = 0;

	describe(arch);
	snprintf(want, sizeof(want), "<reg name=\"%s\" bitsize=\"", name);
	for (const char *at = xml; (at = strstr(at, "<reg ")); at++, n++)
		if (!strncmp(at, want, strlen(want))) {
			*bits = (unsigned)atoi(at + strlen(want));
			return n;
		}
	fail_msg("no %s", name);
	return 0;
}

static uint64_t get(enum snug__gdb_arch arch, const char *name)
{
	unsigned bits, n = number_of(arch, name, &bits);
	uint8_t v[16];

	assert_int_equal(snug__gdb_reg_get(arch, n, &r, v), bits / 8);
	return snug__le_load(v, bits / 8 > 8 ? 8 : bits / 8);
}

static void set(enum snug__gdb_arch arch, const char *name, uint64_t value)
{
	unsigned bits, n = number_of(arch, name, &bits);
	uint8_t v[16] = {0};

	snug__le_store(v, 8, value);
	assert_int_equal(snug__gdb_reg_set(arch, n, &r, v), bits / 8);
}

/* gdb wants these numbers: its gdb/regformats and the order of its i386 and amd64 features. */
static void numbers(void **state)
{
	unsigned bits;

	(void)state;
	assert_int_equal(number_of(SNUG__GDB_I386, "ecx", &bits), 1);
	assert_int_equal(number_of(SNUG__GDB_I386, "eip", &bits), 8);
	assert_int_equal(number_of(SNUG__GDB_I386, "st0", &bits), 16);
	assert_int_equal(bits, 80);
	assert_int_equal(number_of(SNUG__GDB_I386, "xmm0", &bits), 32);
	assert_int_equal(number_of(SNUG__GDB_AMD64, "rbx", &bits), 1);
	assert_int_equal(number_of(SNUG__GDB_AMD64, "rip", &bits), 16);
	assert_int_equal(number_of(SNUG__GDB_AMD64, "st0", &bits), 24);
	assert_int_equal(number_of(SNUG__GDB_AMD64, "xmm15", &bits), 55);
	assert_int_equal(bits, 128);
}

/* As many as described, and none after them. */
static void counts(void **state)
{
	uint8_t v[16];

	(void)state;
	for (int arch = SNUG__GDB_I8086; arch <= SNUG__GDB_AMD64; arch++) {
		unsigned n = 0;

		describe((enum snug__gdb_arch)arch);
		for (const char *at = xml; (at = strstr(at, "<reg ")); at++)
			n++;
		assert_int_equal(n, snug__gdb_reg_count((enum snug__gdb_arch)arch));
		assert_true(snug__gdb_reg_get((enum snug__gdb_arch)arch, n - 1, &r, v) > 0);
		assert_int_equal(snug__gdb_reg_get((enum snug__gdb_arch)arch, n, &r, v), 0);
		assert_int_equal(snug__gdb_reg_set((enum snug__gdb_arch)arch, n, &r, v), 0);
	}
}

static void values(void **state)
{
	(void)state;
	r.regs.r15 = 0x1122334455667788;
	r.sregs.cr3 = 0xfff000;
	r.sregs.gdt.limit = 0x3f;
	r.sregs.fs.base = 0x7f0000000000;
	r.sregs.gs.selector = 0x2b;
	assert_int_equal(get(SNUG__GDB_AMD64, "r15"), 0x1122334455667788);
	assert_int_equal(get(SNUG__GDB_AMD64, "cr3"), 0xfff000);
	assert_int_equal(get(SNUG__GDB_AMD64, "gdt_limit"), 0x3f);
	assert_int_equal(get(SNUG__GDB_AMD64, "fs_base"), 0x7f0000000000);
	assert_int_equal(get(SNUG__GDB_I386, "gs"), 0x2b);
	set(SNUG__GDB_AMD64, "efer", 0xd01);
	set(SNUG__GDB_I386, "tr", 0x12345);
	assert_int_equal(r.sregs.efer, 0xd01);
	assert_int_equal(r.sregs.tr.selector, 0x2345);
}

/* A 32-bit name has the lower half, and leaves the upper one alone. */
static void halves(void **state)
{
	(void)state;
	r.regs.rax = 0x1122334455667788;
	assert_int_equal(get(SNUG__GDB_I386, "eax"), 0x55667788);
	set(SNUG__GDB_I386, "eax", 0xdeadbeef);
	assert_int_equal(r.regs.rax, 0x11223344deadbeef);
}

static void where_the_instruction_is(void **state)
{
	(void)state;
	r.regs.rip = 0xfff0;
	r.sregs.cs.base = 0xffff0000;
	assert_int_equal(get(SNUG__GDB_I8086, "eip"), 0xfffffff0);
	set(SNUG__GDB_I8086, "eip", 0xffff1234);
	assert_int_equal(r.regs.rip, 0x1234);
	/* 64-bit mode has no base. */
	r.sregs.efer = X86_EFER_LMA;
	r.sregs.cs.l = 1;
	set(SNUG__GDB_AMD64, "rip", 0xffffffff80000000);
	assert_int_equal(get(SNUG__GDB_AMD64, "rip"), 0xffffffff80000000);
	assert_int_equal(r.regs.rip, 0xffffffff80000000);
}

static void architectures(void **state)
{
	(void)state;
	assert_int_equal(snug__gdb_arch_of(&r.sregs), SNUG__GDB_I8086);
	r.sregs.cs.db = 1;
	assert_int_equal(snug__gdb_arch_of(&r.sregs), SNUG__GDB_I386);
	r.sregs.efer = X86_EFER_LMA;
	assert_int_equal(snug__gdb_arch_of(&r.sregs), SNUG__GDB_AMD64);
}

/* SDM 1 8.1.7: with TOP 7, the one value pushed is physical register 7. */
static void x87_tags(void **state)
{
	static const uint8_t one[10] = {0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0x3f},
	                     infinity[10] = {[7] = 0x80, 0xff, 0x7f};

	(void)state;
	assert_int_equal(get(SNUG__GDB_AMD64, "ftag"), 0xffff);
	r.fpu.fsw = 7 << 11;
	r.fpu.ftwx = 0x80;
	assert_int_equal(get(SNUG__GDB_AMD64, "ftag"), 0x7fff); /* zero */
	memcpy(r.fpu.fpr[0], one, 10);
	assert_int_equal(get(SNUG__GDB_AMD64, "ftag"), 0x3fff); /* valid */
	memcpy(r.fpu.fpr[0], infinity, 10);
	assert_int_equal(get(SNUG__GDB_AMD64, "ftag"), 0xbfff); /* special */
	set(SNUG__GDB_AMD64, "ftag", 0xfffc);
	assert_int_equal(r.fpu.ftwx, 1);
}

#define TEST(f) cmocka_unit_test_setup(f, clear)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(numbers),       TEST(counts),   TEST(values), TEST(halves), TEST(where_the_instruction_is),
	    TEST(architectures), TEST(x87_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

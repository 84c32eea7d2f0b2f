/* SPDX-License-Identifier: MIT */
/* table: the tables' bytes, read back as the manual says a CPU reads them, by a walk too */
#include <errno.h>

#include "base/bytes.h"
#include "guestmem.h"
#include "table/table.h"
#include "x86/walk.h"
#include "x86/x86.h"

static struct snug__tables plan;

static struct snug__mem *with_tables(void **state, enum snug_mode mode, struct snug__mode_tables *t)
{
	struct snug__mem *m = *state;
	struct snug_region region = {.gpa = SNUG__TABLES_GPA, .name = "tables"};

	assert_int_equal(snug__tables_plan(&plan, GUESTMEM_RAM, 2, NULL), 0);
	region.bytes = plan.bytes;
	assert_int_equal(snug__mem_add(m, &region, NULL), 0);
	assert_int_equal(snug__tables_write(&plan, mode, 1, m, t), 0);
	return m;
}

static uint64_t get(struct snug__mem *m, snug_gpa at, unsigned size)
{
	uint8_t bytes[8];

	assert_int_equal(snug__mem_read(m, at, bytes, size), 0);
	return snug__le_load(bytes, size);
}

/* SDM 3A figure 3-8: base and limit of a descriptor, put together again. */
static void gdt(void **state)
{
	struct snug__mode_tables t;
	struct snug__mem *m = with_tables(state, SNUG_MODE_LONG, &t);
	uint64_t tss = get(m, t.gdt + SNUG__SEL_TSS, 8);

	assert_int_equal(get(m, t.gdt, 8), 0);
	assert_int_equal(get(m, t.gdt + SNUG__SEL_CODE32, 8), 0x00cf9b000000ffff);
	assert_int_equal(get(m, t.gdt + SNUG__SEL_DATA, 8), 0x00cf93000000ffff);
	assert_int_equal(get(m, t.gdt + SNUG__SEL_CODE64, 8), 0x00af9b000000ffff);
	assert_int_equal(get(m, t.gdt + SNUG__SEL_USER_DATA, 8), 0x00cff3000000ffff);
	assert_int_equal(get(m, t.gdt + SNUG__SEL_USER_CODE64, 8), 0x00affb000000ffff);
	assert_int_equal((tss >> 16 & 0xffffff) | (tss >> 56) << 24, t.tss);
	assert_int_equal(tss & 0xffff, SNUG__TSS_LIMIT);
	assert_int_equal(tss >> 40 & 0xff, 0x8b);
	assert_int_equal(get(m, t.gdt + SNUG__SEL_TSS + 8, 8), 0);
}

/* Every port's bit is open, and the byte behind them closed (SDM 1 19.5.2). */
static void io_bitmap(void **state)
{
	struct snug__mode_tables t;
	struct snug__mem *m = with_tables(state, SNUG_MODE_USER, &t);
	uint64_t map = t.tss + get(m, t.tss + 0x66, 2);

	for (unsigned i = 0; i < 0x2000; i += 8)
		assert_int_equal(get(m, map + i, 8), 0);
	assert_int_equal(get(m, map + 0x2000, 1), 0xff);
	assert_true(map + 0x2000 <= t.tss + t.tss_limit);
	assert_true(get(m, t.tss + 4, 8) > map + 0x2000); /* the stack's end */
	assert_int_equal(get(m, t.tss + 4, 8), get(m, t.tss + 0x24, 8));
}

/* Each gate leads to its own stub, and each stub starts with the `out` that tells of it. */
static void gates(void **state)
{
	static const enum snug_mode modes[] = {SNUG_MODE_PROTECTED, SNUG_MODE_LONG};

	for (int i = 0; i < 2; i++) {
		bool wide = snug__mode_is_long(modes[i]);
		struct snug__mode_tables t;
		struct snug__mem *m = with_tables(state, modes[i], &t);

		for (unsigned v = 0; v < 256; v++) {
			uint64_t at = t.idt + v * (wide ? 16u : 8u);
			uint64_t target = get(m, at, 2) | get(m, at + 6, 2) << 16;

			assert_int_equal(snug__stub_vector(target, wide), v);
			assert_int_equal(snug__stub_vector(target, !wide), -1);
			assert_int_equal(get(m, target, 2), 0xe6 | SNUG__FAULT_PORT << 8);
			assert_int_equal(get(m, at + 2, 2), wide ? SNUG__SEL_CODE64 : SNUG__SEL_CODE32);
			assert_int_equal(get(m, at + 5, 1), v == 3 || v == 4 ? 0xee : 0x8e);
			/* The way back: an error code is dropped first. */
			if (v == 14)
				assert_int_equal(get(m, target + 2, 3), wide ? 0xc48348 : 0x04c483);
			if (v == 6)
				assert_int_equal(get(m, target + 2, 2), wide ? 0xcf48 : 0x00cf);
		}
		assert_int_equal(snug__mem_remove(m, SNUG__TABLES_GPA, NULL), 0);
	}
	assert_int_equal(snug__stub_vector(0, true), -1);
	assert_int_equal(snug__stub_vector(UINT64_MAX, true), -1);
}

static void identity(void **state)
{
	static const uint64_t probes[] = {0, 0x1fffff, 0x200000, 0x12345678, 0xbfffffff, 0xfef00000, 0xffffffff};
	struct snug__mode_tables t;
	struct snug__mem *m = with_tables(state, SNUG_MODE_LONG, &t);
	struct snug_sregs s = {
	    .cr0 = X86_CR0_PE | X86_CR0_PG, .cr4 = X86_CR4_PAE, .efer = X86_EFER_LME | X86_EFER_LMA, .cr3 = t.cr3};
	snug_gpa got;

	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		assert_int_equal(snug__walk(m, &s, probes[i], &got, NULL), 0);
		assert_int_equal(got, probes[i]);
	}
	assert_int_equal(snug__walk(m, &s, 1ull << 32, &got, NULL), -EFAULT);
	assert_int_equal(snug__tables_write(&plan, SNUG_MODE_PAGED32, 0, m, &t), 0);
	s = (struct snug_sregs){.cr0 = X86_CR0_PE | X86_CR0_PG, .cr4 = X86_CR4_PSE, .cr3 = t.cr3};
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		assert_int_equal(snug__walk(m, &s, probes[i], &got, NULL), 0);
		assert_int_equal(got, probes[i]);
	}
}

/* All is open to CPL 3 but the page with the tables. */
static void privilege(void **state)
{
	struct snug__mode_tables t;
	struct snug__mem *m = with_tables(state, SNUG_MODE_USER, &t);
	uint64_t pdpt = get(m, t.cr3, 8) & X86_PTE_ADDR;
	unsigned closed = 0;

	for (unsigned d = 0; d < 4; d++) {
		uint64_t directory = get(m, pdpt + 8 * d, 8) & X86_PTE_ADDR;

		for (unsigned i = 0; i < 512; i++) {
			uint64_t entry = get(m, directory + 8 * i, 8);

			if (entry & X86_PTE_U)
				continue;
			closed++;
			assert_int_equal(entry & ~0x1fffffull, 0xfee00000);
		}
	}
	assert_int_equal(closed, 1);
}

static void room(void **unused)
{
	struct snug__tables t;
	struct snug_error e;

	(void)unused;
	assert_int_equal(snug__tables_plan(&t, 5ull << 30, 1, NULL), 0);
	assert_int_equal(t.directories, 5);
	assert_int_equal(snug__tables_plan(&t, (5ull << 30) + 1, 1, NULL), 0);
	assert_int_equal(t.directories, 6);
	assert_true(t.bytes <= SNUG__TABLES_MAX);
	assert_int_equal(snug__tables_plan(&t, 1ull << 40, 1, &e), -ERANGE);
	assert_error(e, -ERANGE, "1024 GiB");
	assert_int_equal(snug__tables_plan(&t, 0, 100000, &e), -ERANGE);
	assert_int_equal(snug__tables_plan(&t, UINT64_MAX, UINT32_MAX, &e), -ERANGE);
}

static void vectors(void **state)
{
	struct snug__mem *m = *state;

	assert_int_equal(snug__ivt_write(m), 0);
	for (unsigned v = 0; v < 256; v++) {
		uint64_t vector = get(m, 4ull * v, 4), at = (vector >> 16 << 4) + (vector & 0xffff);

		assert_int_equal(snug__ivt_vector(at), v);
		assert_int_equal(get(m, at, 3), 0xe6 | SNUG__FAULT_PORT << 8 | 0xcf << 16);
	}
	assert_int_equal(snug__ivt_vector(0), -1);
	assert_int_equal(snug__ivt_vector(SNUG__IVT_END), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    GUESTMEM_TEST(gdt),       GUESTMEM_TEST(io_bitmap), GUESTMEM_TEST(gates),   GUESTMEM_TEST(identity),
	    GUESTMEM_TEST(privilege), cmocka_unit_test(room),   GUESTMEM_TEST(vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

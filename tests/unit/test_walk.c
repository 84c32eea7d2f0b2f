/* SPDX-License-Identifier: MIT */
/* walk: page tables written by hand, walked in every paging mode */
#include <errno.h>

#include "base/bytes.h"
#include "guestmem.h"
#include "x86/walk.h"
#include "x86/x86.h"

#define PW (X86_PTE_P | X86_PTE_W)

static struct snug__mem *mem_of(void **state)
{
	return *state;
}

static void put(struct snug__mem *m, snug_gpa at, unsigned size, uint64_t v)
{
	uint8_t bytes[8];

	snug__le_store(bytes, size, v);
	assert_int_equal(snug__mem_write(m, at, bytes, size), 0);
}

static const struct snug_sregs flat = {.cr0 = X86_CR0_PE};
static const struct snug_sregs bits32 = {.cr0 = X86_CR0_PE | X86_CR0_PG, .cr4 = X86_CR4_PSE, .cr3 = 0x1000};
static const struct snug_sregs pae = {.cr0 = X86_CR0_PE | X86_CR0_PG, .cr4 = X86_CR4_PAE, .cr3 = 0x1020};
static const struct snug_sregs four = {
    .cr0 = X86_CR0_PE | X86_CR0_PG, .cr4 = X86_CR4_PAE, .efer = X86_EFER_LME | X86_EFER_LMA, .cr3 = 0x1000};

static void expect(void **state, const struct snug_sregs *s, uint64_t linear, uint64_t want)
{
	struct snug_error e = {0};
	snug_gpa got = 0;

	if (snug__walk(mem_of(state), s, linear, &got, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(got, want);
}

static void refuse(void **state, const struct snug_sregs *s, uint64_t linear, const char *text)
{
	struct snug_error e = {0};
	snug_gpa got;

	assert_int_equal(snug__walk(mem_of(state), s, linear, &got, &e), -EFAULT);
	assert_error(e, -EFAULT, text);
}

static void unpaged(void **state)
{
	expect(state, &flat, 0x12345, 0x12345);
	expect(state, &flat, 0x100000012345, 0x12345); /* linear addresses have 32 bits there */
}

static void thirty_two(void **state)
{
	struct snug__mem *m = mem_of(state);
	struct snug_sregs nopse = bits32;

	put(m, 0x1000 + 4 * 1, 4, 0x2000 | PW);                            /* 4 MiB at 0x400000: a table */
	put(m, 0x2000 + 4 * 3, 4, 0x5000 | PW);                            /* its page 3 */
	put(m, 0x1000 + 4 * 2, 4, 0x00c00000 | PW | X86_PTE_PS);           /* a large page */
	put(m, 0x1000 + 4 * 3, 4, 0x00400000 | 1 << 13 | PW | X86_PTE_PS); /* one above 4 GiB */
	expect(state, &bits32, 0x403123, 0x5123);
	expect(state, &bits32, 0x812345, 0xc12345);
	expect(state, &bits32, 0xc00001, 0x100400001);
	refuse(state, &bits32, 0, "entry of level 2 at 0x1000 is not present");
	refuse(state, &bits32, 0x404000, "entry of level 1 at 0x2010 is not present");
	nopse.cr4 = 0; /* then the bit means nothing, and 0xc00000 is a table outside memory */
	refuse(state, &nopse, 0x812345, "level 1 at 0xc00048 is outside memory");
}

static void pae_paging(void **state)
{
	struct snug__mem *m = mem_of(state);

	put(m, 0x1020 + 8 * 1, 8, 0x2000 | X86_PTE_P);
	put(m, 0x2000 + 8 * 2, 8, 0x3000 | PW);
	put(m, 0x3000 + 8 * 5, 8, 0x7000 | PW | 1ull << 63); /* no-execute is no address bit */
	put(m, 0x2000 + 8 * 3, 8, 0x200000 | PW | X86_PTE_PS);
	expect(state, &pae, 0x40405abc, 0x7abc);
	expect(state, &pae, 0x40654321, 0x254321);
	refuse(state, &pae, 0x80000000, "PAE paging");
}

static void four_level(void **state)
{
	struct snug__mem *m = mem_of(state);
	uint64_t high = 0xffffffff80000000;

	put(m, 0x1000 + 8 * 511, 8, 0x2000 | PW);
	put(m, 0x2000 + 8 * 510, 8, 0x3000 | PW);
	put(m, 0x2000 + 8 * 511, 8, 0x40000000 | PW | X86_PTE_PS); /* 1 GiB */
	put(m, 0x3000, 8, 0x4000 | PW);
	put(m, 0x4000 + 8 * 1, 8, 0x6000 | PW);
	expect(state, &four, high + 0x1fff, 0x6fff);
	expect(state, &four, high + 0x40000000 + 0x123456, 0x40123456);
	refuse(state, &four, 0x0000800000000000, "not canonical");
	refuse(state, &four, 0xffff7fffffffffff, "not canonical");
	refuse(state, &four, 0, "level 4");
}

/* A hostile guest's tables point anywhere, at themselves too. */
static void hostile(void **state)
{
	struct snug_sregs s = four;

	put(mem_of(state), 0x1000, 8, 0x1000 | PW);
	expect(state, &four, 0, 0x1000);
	s.cr3 = UINT64_MAX;
	refuse(state, &s, 0, "outside memory");
	put(mem_of(state), 0x1000, 8, UINT64_MAX & ~X86_PTE_PS);
	refuse(state, &four, 0, "outside memory");
}

static void five_level(void **state)
{
	struct snug__mem *m = mem_of(state);
	struct snug_sregs s = four;

	s.cr4 |= X86_CR4_LA57;
	put(m, 0x1000 + 8 * 1, 8, 0x2000 | PW);
	put(m, 0x2000, 8, 0x3000 | PW);
	put(m, 0x3000, 8, PW | X86_PTE_PS);
	expect(state, &s, (1ull << 48) + 0x7777, 0x7777);
	refuse(state, &s, 1ull << 56, "not canonical");
}

/* Reading goes as far as pages are mapped. */
static void reading(void **state)
{
	struct snug__mem *m = mem_of(state);
	uint8_t bytes[64] = {0};

	put(m, 0x1000, 4, 0x2000 | PW);
	put(m, 0x2000, 4, 0x5000 | PW);
	put(m, 0x5ff8, 8, 0x1122334455667788);
	assert_int_equal(snug__walk_read(m, &bits32, 0xff8, bytes, sizeof(bytes)), 8);
	assert_int_equal(snug__le_load(bytes, 8), 0x1122334455667788);
	put(m, 0x2004, 4, 0x8000 | PW);
	put(m, 0x8000, 1, 0xab);
	assert_int_equal(snug__walk_read(m, &bits32, 0xff8, bytes, sizeof(bytes)), 64);
	assert_int_equal(bytes[8], 0xab);
	assert_int_equal(snug__walk_read(m, &bits32, 0x400000, bytes, 1), 0);
	assert_int_equal(snug__walk_read(m, &four, UINT64_MAX - 3, bytes, 8), 0);
}

/* Every level on the way is told. */
static void path(void **state)
{
	struct snug__mem *m = mem_of(state);
	struct snug_walk w;

	put(m, 0x1000, 8, 0x2000 | PW);
	put(m, 0x2000, 8, 0x3000 | PW);
	put(m, 0x3000 + 8, 8, 0x400000 | PW | X86_PTE_PS);
	snug__walk_path(m, &four, 0x201234, &w);
	assert_int_equal(w.end, SNUG_WALK_MAPPED);
	assert_string_equal(w.paging, "4-level paging");
	assert_int_equal(w.steps, 3);
	assert_int_equal(w.step[0].level, 4);
	assert_int_equal(w.step[2].at, 0x3008);
	assert_int_equal(w.step[2].entry, 0x400000 | PW | X86_PTE_PS);
	assert_int_equal(w.gpa, 0x401234);
	assert_int_equal(w.page, 2 << 20);
	assert_false(w.memory); /* past the end of RAM */
	snug__walk_path(m, &four, 0x400000, &w);
	assert_int_equal(w.end, SNUG_WALK_ABSENT);
	assert_int_equal(w.steps, 3);
	snug__walk_path(m, &four, 1ull << 47, &w);
	assert_int_equal(w.end, SNUG_WALK_NOT_CANONICAL);
	assert_int_equal(w.steps, 0);
	snug__walk_path(m, &flat, 0x100000234, &w);
	assert_true(w.memory && w.gpa == 0x234 && w.page == 0);
}

struct seen {
	struct snug__page page[8];
	unsigned count, most;
};

static bool see(void *ctx, const struct snug__page *page)
{
	struct seen *s = ctx;

	s->page[s->count++] = *page;
	return s->count < s->most;
}

static void all_pages(void **state)
{
	struct snug__mem *m = mem_of(state);
	struct seen s = {.most = 8};

	put(m, 0x1000, 8, 0x2000 | PW);
	put(m, 0x1000 + 8 * 256, 8, 0x2000 | X86_PTE_P | 1ull << 63); /* the upper half; read-only, no code */
	put(m, 0x2000, 8, 0x3000 | PW);
	put(m, 0x2000 + 8, 8, 0x3ff000000 | PW); /* a table outside memory: nothing */
	put(m, 0x3000 + 8, 8, 0x200000 | PW | X86_PTE_PS);
	assert_true(snug__walk_pages(m, &four, 1 << 20, see, &s));
	assert_int_equal(s.count, 2);
	assert_int_equal(s.page[0].linear, 0x200000);
	assert_int_equal(s.page[0].bytes, 0x200000);
	assert_true(s.page[0].write && s.page[0].exec);
	assert_int_equal(s.page[1].linear, 0xffff800000200000);
	assert_true(!s.page[1].write && !s.page[1].exec);
	s.count = 0;
	assert_false(snug__walk_pages(m, &four, 10, see, &s)); /* the budget ends it */
	s.most = 1;
	assert_false(snug__walk_pages(m, &four, 1 << 20, see, &s)); /* and so does the callback */
	s = (struct seen){.most = 8};
	assert_true(snug__walk_pages(m, &flat, 1, see, &s));
	assert_true(s.count == 1 && s.page[0].bytes == 1ull << 32);
}

static void all_pages_of_32_bits(void **state)
{
	struct snug__mem *m = mem_of(state);
	struct seen s = {.most = 8};

	put(m, 0x1000 + 4 * 1023, 4, 0x2000 | PW);
	put(m, 0x2000 + 4 * 1023, 4, 0x5000 | PW);
	assert_true(snug__walk_pages(m, &bits32, 1 << 20, see, &s));
	assert_true(s.count == 1 && s.page[0].linear == 0xfffff000 && s.page[0].gpa == 0x5000);
	s.count = 0;
	put(m, 0x1020 + 8 * 3, 8, 0x3000 | X86_PTE_P); /* PAE's first level has no write bit */
	put(m, 0x1020, 8, 0);
	put(m, 0x3000, 8, PW | X86_PTE_PS);
	assert_true(snug__walk_pages(m, &pae, 1 << 20, see, &s));
	assert_true(s.count == 1 && s.page[0].linear == 0xc0000000 && s.page[0].write);
}

/* Access rights: SDM 3A 4.6.  Every level has to allow it. */
static void access_rights(void **state)
{
	static const struct {
		uint64_t upper, lower; /* bits taken away at a level */
		unsigned access;
		bool want, want_unprotected; /* with CR0.WP, and without */
	} rows[] = {
	    {0, 0, 0, true, true},
	    {0, 0, SNUG__ACCESS_WRITE | SNUG__ACCESS_USER, true, true},
	    {X86_PTE_U, 0, 0, true, true},
	    {X86_PTE_U, 0, SNUG__ACCESS_USER, false, false},
	    {0, X86_PTE_U, SNUG__ACCESS_USER, false, false},
	    {X86_PTE_W, 0, SNUG__ACCESS_USER, true, true},
	    {X86_PTE_W, 0, SNUG__ACCESS_WRITE | SNUG__ACCESS_USER, false, false},
	    {0, X86_PTE_W, SNUG__ACCESS_WRITE | SNUG__ACCESS_USER, false, false},
	    {0, X86_PTE_W, SNUG__ACCESS_WRITE, false, true},
	    {X86_PTE_W, 0, SNUG__ACCESS_WRITE, false, true},
	    {0, X86_PTE_P, 0, false, false},
	};
	const uint64_t all = PW | X86_PTE_U;
	struct snug__mem *m = mem_of(state);
	struct snug_sregs s = four;
	snug_gpa gpa = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put(m, 0x1000, 8, 0x2000 | all);
		put(m, 0x2000, 8, 0x3000 | (all & ~rows[i].upper));
		put(m, 0x3000, 8, 0x4000 | all);
		put(m, 0x4000 + 8 * 7, 8, 0x9000 | (all & ~rows[i].lower));
		s.cr0 = four.cr0 | X86_CR0_WP;
		assert_int_equal(snug__walk_access(m, &s, 0x7123, rows[i].access, &gpa), rows[i].want);
		s.cr0 = four.cr0;
		assert_int_equal(snug__walk_access(m, &s, 0x7123, rows[i].access, &gpa), rows[i].want_unprotected);
	}
	assert_int_equal(gpa, 0x9123);
	/* PAE's first level has no such bits: SDM 3A table 4-8. */
	put(m, 0x1020, 8, 0x2000 | X86_PTE_P);
	put(m, 0x2000, 8, 0x3000 | all);
	put(m, 0x3000, 8, 0x4000 | all);
	assert_true(snug__walk_access(m, &pae, 0x123, SNUG__ACCESS_WRITE | SNUG__ACCESS_USER, &gpa));
	assert_int_equal(gpa, 0x4123);
	assert_true(snug__walk_access(m, &flat, 0x123, SNUG__ACCESS_WRITE | SNUG__ACCESS_USER, &gpa));
	assert_false(snug__walk_access(m, &four, 1ull << 47, 0, &gpa));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    GUESTMEM_TEST(unpaged),       GUESTMEM_TEST(thirty_two),
	    GUESTMEM_TEST(pae_paging),    GUESTMEM_TEST(four_level),
	    GUESTMEM_TEST(hostile),       GUESTMEM_TEST(five_level),
	    GUESTMEM_TEST(reading),       GUESTMEM_TEST(path),
	    GUESTMEM_TEST(all_pages),     GUESTMEM_TEST(all_pages_of_32_bits),
	    GUESTMEM_TEST(access_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <errno.h>
#include <stdlib.h>

#include "guest/mem.h"
#include "host/map.h"

/* A KVM that remembers which slots are mapped and can refuse one. */
struct fake {
	struct snug__mem m;
	uint64_t slot_bytes[8];
	snug_gpa slot_gpa[8];
	int fail_slot; /* -1: none */
	unsigned calls;
};

static int fake_slot(void *ctx, uint32_t slot, const struct snug__region *r, uint64_t bytes, struct snug_error *err)
{
	struct fake *f = ctx;

	(void)err;
	f->calls++;
	if (bytes && f->fail_slot == (int)slot)
		return -EIO;
	f->slot_bytes[slot] = bytes;
	f->slot_gpa[slot] = r->gpa;
	return 0;
}

static int setup(void **state)
{
	struct fake *f = calloc(1, sizeof(*f));

	f->fail_slot = -1;
	snug__mem_init(&f->m, 8, fake_slot, f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fake *f = *state;

	snug__mem_destroy(&f->m);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(f->slot_bytes[i], 0);
	free(f);
	return 0;
}

static int add(struct snug__mem *m, snug_gpa gpa, uint64_t bytes, const char *name, struct snug_error *e)
{
	return snug__mem_add(m, &(struct snug_region){.gpa = gpa, .bytes = bytes, .name = name}, e);
}

static void add_bad_arguments(void **state)
{
	struct fake *f = *state;
	static uint8_t bytes[2 * 4096];
	uint8_t *odd = bytes + ((uintptr_t)bytes % 4096 == 0);
	static const struct {
		snug_gpa gpa;
		uint64_t bytes;
		uint32_t flags;
		const char *msg;
	} rows[] = {
	    {0, 0, 0, "memory: region 'ram' at 0x0, 0x0 bytes: it is empty"},
	    {1, 4096, 0, "the address is no multiple of 4096"},
	    {0, 4097, 0, "the size is no multiple of 4096"},
	    {0xfffffffffffff000, 0x2000, 0, "ends beyond 2^52"},
	    {(1ull << 52) - 4096, 0x2000, 0, "ends beyond 2^52"},
	    {1ull << 52, 0x1000, 0, "ends beyond 2^52"},
	    {0, 4096, 2, "unknown flags"},
	};
	struct snug_region w = {.bytes = 4096, .host = odd};
	struct snug_error e = {0};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct snug_region r = {.gpa = rows[i].gpa, .bytes = rows[i].bytes, .flags = rows[i].flags};

		assert_int_equal(snug__mem_add(&f->m, &r, &e), -EINVAL);
		assert_error(e, -EINVAL, rows[i].msg);
		assert_int_equal(e.step, SNUG_STEP_MEMORY);
		assert_true(e.hint[0]);
	}
	assert_int_equal(snug__mem_add(&f->m, &w, &e), -EINVAL);
	assert_error(e, -EINVAL, "host address is not page aligned");
	w.host = (void *)~(uintptr_t)4095;
	w.bytes = 8192;
	assert_int_equal(snug__mem_add(&f->m, &w, &e), -EINVAL);
	assert_error(e, -EINVAL, "host range wraps");
	assert_int_equal(snug__mem_add(&f->m, &w, NULL), -EINVAL);
	assert_int_equal(f->calls, 0);
	assert_int_equal(f->m.count, 0);
}

static void add_struct_size(void **state)
{
	struct fake *f = *state;
	struct {
		struct snug_region r;
		uint64_t later;
	} w = {.r = {.size = sizeof(w), .bytes = 4096}, .later = 1};
	struct snug_error e = {0};

	assert_int_equal(snug__mem_add(&f->m, &w.r, &e), -EINVAL);
	assert_error(e, -EINVAL, "struct snug_region: size");
	w.later = 0;
	assert_int_equal(snug__mem_add(&f->m, &w.r, &e), 0);
	w.r.gpa = 4096;
	w.r.size = sizeof(w.r);
	assert_int_equal(snug__mem_add(&f->m, &w.r, &e), 0);
	w.r.gpa = 8192;
	w.r.size = sizeof(w.r) - 1;
	assert_int_equal(snug__mem_add(&f->m, &w.r, &e), -EINVAL);
	w.r.size = SIZE_MAX;
	assert_int_equal(snug__mem_add(&f->m, &w.r, &e), -EINVAL);
}

static void add_more_than_host(void **state)
{
	struct fake *f = *state;
	struct snug_error e = {0};

	assert_int_equal(add(&f->m, 0x100000000, 1ull << 51, NULL, &e), -ENOMEM);
	assert_error(e, -ENOMEM, "memory: 2 PiB asked, this host has ");
	assert_int_equal(e.step, SNUG_STEP_MEMORY);
	assert_int_equal(snug__mem_add_ram(&f->m, 1ull << 50, &e), -ENOMEM);
	assert_error(e, -ENOMEM, "memory: 1 PiB asked");
	assert_int_equal(f->m.count, 0);
}

static void add_overlap(void **state)
{
	struct fake *f = *state;
	struct snug_error e = {0};

	assert_int_equal(add(&f->m, 0x10000, 0x10000, "low", &e), 0);
	assert_int_equal(add(&f->m, 0x1f000, 0x2000, "new", &e), -EEXIST);
	assert_error(e, -EEXIST, "region 'new' 0x1f000-0x21000 overlaps region 'low' 0x10000-0x20000");
	assert_int_equal(add(&f->m, 0xf000, 0x2000, NULL, &e), -EEXIST);
	assert_int_equal(add(&f->m, 0, 0x40000, NULL, &e), -EEXIST);
	assert_int_equal(add(&f->m, 0x11000, 0x1000, NULL, &e), -EEXIST);
	assert_int_equal(add(&f->m, 0x20000, 0x1000, NULL, &e), 0);
	assert_int_equal(add(&f->m, 0xf000, 0x1000, NULL, &e), 0);
	assert_int_equal(f->m.count, 3);
}

static void add_reserved(void **state)
{
	struct fake *f = *state;
	struct snug_error e = {0};

	assert_int_equal(add(&f->m, 0xfefff000, 0x1000, "x", &e), -EEXIST);
	assert_error(e, -EEXIST, "region 'x' 0xfefff000-0xff000000 overlaps the reserved pages");
	assert_error(e, -EEXIST, "0xfeffc000-0xff000000");
	assert_int_equal(add(&f->m, 0xfeffb000, 0x2000, "x", &e), -EEXIST);
	assert_int_equal(add(&f->m, 0xfeffb000, 0x1000, "below", &e), 0);
	assert_int_equal(add(&f->m, 0xff000000, 0x1000, "above", &e), 0);
}

static void slots_lowest_first(void **state)
{
	struct fake *f = *state;
	struct snug_error e = {0};

	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(add(&f->m, (7 - i) * 0x1000, 0x1000, NULL, &e), 0);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(f->m.regions[i].gpa, i * 0x1000);
		assert_int_equal(f->m.regions[i].slot, 7 - i);
	}
	assert_int_equal(add(&f->m, 0x10000, 0x1000, NULL, &e), -ENOSPC);
	assert_error(e, -ENOSPC, "all 8 memory slots");
	assert_int_equal(snug__mem_remove(&f->m, 0x4000, &e), 0);
	assert_int_equal(f->slot_bytes[3], 0);
	assert_int_equal(add(&f->m, 0x10000, 0x1000, NULL, &e), 0);
	assert_int_equal(f->slot_gpa[3], 0x10000);
}

static void failed_slot_undone(void **state)
{
	struct fake *f = *state;
	struct snug_error e = {0};

	if (snug__map_check(SNUG__RAM_HIGH_GPA, NULL) < 0)
		skip(); /* the host has too little */
	f->fail_slot = 1;
	assert_int_equal(snug__mem_add_ram(&f->m, SNUG__RAM_GAP_GPA + 0x1000, &e), -EIO);
	assert_int_equal(f->m.count, 0);
	assert_int_equal(f->slot_bytes[0], 0);
	f->fail_slot = -1;
	assert_int_equal(snug__mem_add_ram(&f->m, SNUG__RAM_GAP_GPA + 0x1000, &e), 0);
	assert_int_equal(f->slot_bytes[0], SNUG__RAM_GAP_GPA);
	assert_int_equal(f->slot_bytes[1], 0x1000);
}

static void ram_split_at_gap(void **state)
{
	struct fake *f = *state;
	struct snug_error e = {0};

	if (snug__map_check(SNUG__RAM_HIGH_GPA, NULL) < 0)
		skip(); /* the host has too little */
	assert_int_equal(snug__mem_add_ram(&f->m, 0, &e), -EINVAL);
	assert_int_equal(snug__mem_add_ram(&f->m, 100, &e), -EINVAL);
	assert_int_equal(snug__mem_add_ram(&f->m, SNUG__RAM_GAP_GPA + 0x3000, &e), 0);
	assert_int_equal(f->m.count, 2);
	assert_string_equal(f->m.regions[0].name, "ram");
	assert_string_equal(f->m.regions[1].name, "ram-high");
	assert_int_equal(f->m.regions[1].gpa, 0x100000000);
	assert_int_equal(f->m.regions[1].bytes, 0x3000);
	assert_int_equal(snug__mem_low_end(&f->m), SNUG__RAM_GAP_GPA);
	assert_false(snug__mem_has(&f->m, SNUG__RAM_GAP_GPA - 1, 2));
	assert_true(snug__mem_has(&f->m, 0x100000000, 0x3000));
}

static void low_end(void **state)
{
	struct fake *f = *state;

	assert_int_equal(snug__mem_low_end(&f->m), 0);
	assert_int_equal(add(&f->m, 0x1000, 0x1000, NULL, NULL), 0);
	assert_int_equal(snug__mem_low_end(&f->m), 0);
	assert_int_equal(add(&f->m, 0, 0x1000, NULL, NULL), 0);
	assert_int_equal(snug__mem_low_end(&f->m), 0x2000);
	assert_int_equal(
	    snug__mem_add(&f->m, &(struct snug_region){.gpa = 0x2000, .bytes = 4096, .flags = SNUG_MEM_READONLY},
	                  NULL),
	    0);
	assert_int_equal(snug__mem_low_end(&f->m), 0x2000);
}

static void copy_across_regions(void **state)
{
	struct fake *f = *state;
	uint8_t out[16], back[18];

	assert_int_equal(add(&f->m, 0x1000, 0x1000, NULL, NULL), 0);
	assert_int_equal(add(&f->m, 0x2000, 0x1000, NULL, NULL), 0);
	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i + 1);
	assert_int_equal(snug__mem_write(&f->m, 0x1ff8, out, sizeof(out)), 0);
	assert_int_equal(snug__mem_read(&f->m, 0x1ff7, back, sizeof(back)), 0);
	assert_int_equal(back[0], 0);
	assert_memory_equal(back + 1, out, sizeof(out));
	assert_int_equal(back[17], 0);
	assert_true(snug__mem_dirty(&f->m, 0x1fff));
	assert_true(snug__mem_dirty(&f->m, 0x2000));
	assert_int_equal(snug__mem_zero(&f->m, 0x1ffa, 10), 0);
	assert_int_equal(snug__mem_read(&f->m, 0x1ff8, back, 16), 0);
	assert_memory_equal(back, "\1\2\0\0\0\0\0\0\0\0\0\0\15\16\17\20", 16);
}

static void nothing_copied_outside(void **state)
{
	struct fake *f = *state;
	uint8_t bytes[4] = {1, 2, 3, 4};
	uint8_t seen[4] = {9, 9, 9, 9};

	assert_int_equal(add(&f->m, 0x1000, 0x1000, NULL, NULL), 0);
	assert_int_equal(snug__mem_write(&f->m, 0x1ffe, bytes, 4), -EFAULT);
	assert_int_equal(snug__mem_zero(&f->m, 0x1ffe, 4), -EFAULT);
	assert_int_equal(snug__mem_mark(&f->m, 0x1ffe, 4), -EFAULT);
	assert_false(snug__mem_dirty(&f->m, 0x1ffe));
	assert_int_equal(snug__mem_read(&f->m, 0x1ffe, seen, 4), -EFAULT);
	assert_memory_equal(seen, "\11\11\11\11", 4);
	assert_int_equal(snug__mem_read(&f->m, 0xfff, seen, 2), -EFAULT);
	assert_int_equal(snug__mem_read(&f->m, 0x1ffe, seen, 2), 0);
	assert_memory_equal(seen, "\0\0\11\11", 4);
	assert_int_equal(snug__mem_read(&f->m, 0x1000, seen, UINT64_MAX), -EFAULT);
	assert_int_equal(snug__mem_read(&f->m, UINT64_MAX, seen, 2), -EFAULT);
}

static void has_empty_range(void **state)
{
	struct fake *f = *state;

	assert_int_equal(add(&f->m, 0x1000, 0x1000, NULL, NULL), 0);
	assert_true(snug__mem_has(&f->m, 0x1000, 0));
	assert_false(snug__mem_has(&f->m, 0x2000, 0));
	assert_true(snug__mem_has(&f->m, 0x1000, 0x1000));
	assert_false(snug__mem_has(&f->m, 0x1000, 0x1001));
	assert_false(snug__mem_has(&f->m, 0x1fff, UINT64_MAX));
}

static void ptr_in_one_region(void **state)
{
	struct fake *f = *state;
	uint8_t *p;

	assert_int_equal(add(&f->m, 0x1000, 0x1000, NULL, NULL), 0);
	assert_int_equal(add(&f->m, 0x2000, 0x1000, NULL, NULL), 0);
	p = snug__mem_ptr(&f->m, 0x1ffe, 2, false);
	assert_ptr_equal(p, f->m.regions[0].host + 0xffe);
	assert_false(snug__mem_dirty(&f->m, 0x1ffe));
	assert_non_null(snug__mem_ptr(&f->m, 0x1ffe, 2, true));
	assert_true(snug__mem_dirty(&f->m, 0x1ffe));
	assert_null(snug__mem_ptr(&f->m, 0x1ffe, 3, true));
	assert_false(snug__mem_dirty(&f->m, 0x2000));
	assert_null(snug__mem_ptr(&f->m, 0x1000, 0, false));
	assert_null(snug__mem_ptr(&f->m, 0x3000, 1, false));
	assert_null(snug__mem_ptr(&f->m, 0x1000, UINT64_MAX, false));
}

static void marks_exactly(void **state)
{
	struct fake *f = *state;
	static const struct {
		uint64_t first, pages;
	} rows[] = {{0, 1}, {63, 1}, {63, 2}, {64, 64}, {1, 198}, {199, 1}, {60, 130}};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(add(&f->m, 0x1000000, 200 * 4096, NULL, NULL), 0);
		assert_int_equal(
		    snug__mem_mark(&f->m, 0x1000000 + rows[i].first * 4096 + 4095, (rows[i].pages - 1) * 4096 + 1),
		    0);
		for (uint64_t p = 0; p < 200; p++)
			assert_int_equal(snug__mem_dirty(&f->m, 0x1000000 + p * 4096),
			                 p >= rows[i].first && p < rows[i].first + rows[i].pages);
		assert_false(snug__mem_dirty(&f->m, 0x1000000 + 200 * 4096));
		assert_int_equal(snug__mem_remove(&f->m, 0x1000000, NULL), 0);
	}
}

static void remove_and_borrow(void **state)
{
	struct fake *f = *state;
	uint8_t *own = aligned_alloc(4096, 8192);
	struct snug_region w = {.gpa = 0x4000, .bytes = 8192, .host = own, .name = "a name that is too long"};
	struct snug_error e = {0};

	memset(own, 7, 8192);
	assert_int_equal(snug__mem_add(&f->m, &w, &e), 0);
	assert_string_equal(f->m.regions[0].name, "a name that is ");
	assert_ptr_equal(snug__mem_ptr(&f->m, 0x5000, 1, false), own + 0x1000);
	assert_int_equal(snug__mem_remove(&f->m, 0x5000, &e), -ENOENT);
	assert_error(e, -ENOENT, "memory: no region starts at 0x5000");
	assert_int_equal(snug__mem_remove(&f->m, 0x4000, &e), 0);
	assert_int_equal(snug__mem_remove(&f->m, 0x4000, &e), -ENOENT);
	assert_false(snug__mem_has(&f->m, 0x4000, 1));
	assert_int_equal(own[4096], 7);
	free(own);
}

static void find_and_overlap(void **state)
{
	struct fake *f = *state;

	assert_null(snug__mem_find(&f->m, 0));
	assert_int_equal(add(&f->m, 0x8000, 0x1000, "b", NULL), 0);
	assert_int_equal(add(&f->m, 0x4000, 0x1000, "a", NULL), 0);
	assert_string_equal(snug__mem_find(&f->m, 0x4fff)->name, "a");
	assert_null(snug__mem_find(&f->m, 0x5000));
	assert_null(snug__mem_find(&f->m, 0x3fff));
	assert_string_equal(snug__mem_overlap(&f->m, 0, UINT64_MAX)->name, "a");
	assert_string_equal(snug__mem_overlap(&f->m, 0x5000, 0x3001)->name, "b");
	assert_null(snug__mem_overlap(&f->m, 0x5000, 0x3000));
	assert_null(snug__mem_overlap(&f->m, 0x4000, 0));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(add_bad_arguments), TEST(add_struct_size),        TEST(add_more_than_host), TEST(add_overlap),
	    TEST(add_reserved),      TEST(slots_lowest_first),     TEST(failed_slot_undone), TEST(ram_split_at_gap),
	    TEST(low_end),           TEST(copy_across_regions),    TEST(marks_exactly),      TEST(has_empty_range),
	    TEST(ptr_in_one_region), TEST(nothing_copied_outside), TEST(remove_and_borrow),  TEST(find_and_overlap),
	};

	return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}

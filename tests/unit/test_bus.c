/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "guest/bus.h"

#define MAX_CALLS 16

/* A device that notes how it was called. */
struct probe {
	struct {
		uint64_t offset, value;
		unsigned size;
		bool write;
	} calls[MAX_CALLS];
	unsigned count;
	uint64_t answer;
};

static uint64_t probe_read(void *self, uint64_t offset, unsigned size)
{
	struct probe *p = self;

	assert_true(p->count < MAX_CALLS);
	p->calls[p->count].offset = offset;
	p->calls[p->count].size = size;
	p->calls[p->count++].write = false;
	return p->answer + offset;
}

static void probe_write(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	struct probe *p = self;

	assert_true(p->count < MAX_CALLS);
	p->calls[p->count].offset = offset;
	p->calls[p->count].value = value;
	p->calls[p->count].size = size;
	p->calls[p->count++].write = true;
}

static const struct snug_device_ops full = {.read = probe_read, .write = probe_write};

static struct snug_device_ops ops_of(unsigned max_size)
{
	struct snug_device_ops ops = full;

	ops.max_size = max_size;
	return ops;
}

static struct snug__bus port_bus(void)
{
	struct snug__bus b;

	snug__bus_init(&b, "port", 0xffff);
	return b;
}

static void add(struct snug__bus *b, uint64_t base, uint64_t len, const struct snug_device_ops *ops, void *self)
{
	struct snug_error e = {0};

	assert_int_equal(snug__bus_add(b, base, len, ops, self, &e), 0);
	assert_int_equal(e.code, 0);
}

static void finds_what_was_added(void **state)
{
	struct snug__bus b = port_bus();
	struct probe p[64];

	(void)state;
	/* Out of order, so that insertion is seen to sort; more than the first allocation holds. */
	for (unsigned i = 0; i < 64; i++) {
		unsigned n = i * 37 % 64;

		add(&b, n * 16 + 4, 8, &full, &p[n]);
	}
	for (unsigned port = 0; port < 64 * 16; port++) {
		const struct snug__range *r = snug__bus_find(&b, port);

		if (port % 16 < 4 || port % 16 >= 12)
			assert_null(r);
		else
			assert_ptr_equal(r->self, &p[port / 16]);
	}
	for (unsigned i = 1; i < b.count; i++)
		assert_true(b.ranges[i - 1].last < b.ranges[i].base);
	assert_null(snug__bus_find(&b, 0x10004));
	snug__bus_destroy(&b);
	assert_null(snug__bus_find(&b, 4));
}

static void refuses_overlap(void **state)
{
	static const struct {
		uint64_t base, len;
	} bad[] = {{0x3f8, 8}, {0x3f0, 9}, {0x3ff, 1}, {0x3f8, 1}, {0x3fa, 2}, {0, 0x10000}, {0x3ff, 100}};
	struct snug__bus b = port_bus();
	struct snug_error e;

	(void)state;
	add(&b, 0x3f8, 8, &full, NULL);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(snug__bus_add(&b, bad[i].base, bad[i].len, &full, NULL, &e), -EEXIST);
		assert_int_equal(e.code, -EEXIST);
		assert_true(strlen(e.hint) > 0);
		assert_ptr_equal(snug__bus_overlap(&b, bad[i].base, bad[i].len), &b.ranges[0]);
	}
	assert_int_equal(snug__bus_add(&b, 0x3f8, 8, &full, NULL, &e), -EEXIST);
	assert_string_equal(e.msg, "port 0x3f8-0x3ff overlaps 0x3f8-0x3ff");
	assert_int_equal(snug__bus_add(&b, 0x3f8, 8, &full, NULL, NULL), -EEXIST);
	assert_int_equal(b.count, 1);
	add(&b, 0x3f7, 1, &full, NULL);
	add(&b, 0x400, 1, &full, NULL);
	assert_null(snug__bus_overlap(&b, 0, 0x3f7));
	assert_null(snug__bus_overlap(&b, 0x3f8, 0));
	snug__bus_destroy(&b);
}

static void refuses_bad_ranges(void **state)
{
	static const struct {
		uint64_t base, len;
	} bad[] = {{0x80, 0}, {0xffff, 2}, {0x10000, 1}, {1, 0x10000}, {0xff, UINT64_MAX}, {UINT64_MAX, 1}};
	struct snug__bus b = port_bus();
	struct snug_error e;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		e = (struct snug_error){0};
		assert_int_equal(snug__bus_add(&b, bad[i].base, bad[i].len, &full, NULL, &e), -EINVAL);
		assert_non_null(strstr(e.msg, "port range at 0x"));
		assert_true(strlen(e.hint) > 0);
	}
	assert_int_equal(snug__bus_add(&b, 0, 1, NULL, NULL, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "ops is NULL"));
	assert_int_equal(b.count, 0);
	add(&b, 0, 0x10000, &full, NULL);
	snug__bus_destroy(&b);
	snug__bus_init(&b, "mmio", UINT64_MAX);
	assert_int_equal(snug__bus_add(&b, 0, 0, &full, NULL, &e), -EINVAL);
	assert_string_equal(e.msg, "mmio range at 0x0 is empty");
}

static void refuses_bad_max_size(void **state)
{
	struct snug__bus b = port_bus();
	struct snug_error e;

	(void)state;
	for (unsigned max = 0; max <= 17; max++) {
		struct snug_device_ops ops = ops_of(max);
		bool good = max == 0 || max == 1 || max == 2 || max == 4 || max == 8;

		assert_int_equal(snug__bus_add(&b, max, 1, &ops, NULL, &e), good ? 0 : -EINVAL);
		if (!good)
			assert_non_null(strstr(e.msg, "max_size"));
	}
	snug__bus_destroy(&b);
}

static void takes_ops_of_any_version(void **state)
{
	struct {
		struct snug_device_ops ops;
		uint64_t later;
	} newer = {.ops = full};
	struct snug_device_ops ops = full;
	struct snug__bus b = port_bus();
	struct snug_error e;
	struct probe p = {0};
	uint8_t byte = 0;

	(void)state;
	ops.size = offsetof(struct snug_device_ops, save) - 1; /* smaller than the first version's */
	assert_int_equal(snug__bus_add(&b, 0, 1, &ops, &p, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "size"));
	ops.size = sizeof(ops);
	add(&b, 0, 1, &ops, &p);
	assert_true(snug__bus_access(&b, 0, &byte, 1, false));
	assert_int_equal(p.count, 1);
	newer.ops.size = sizeof(newer);
	add(&b, 2, 1, &newer.ops, &p);
	newer.later = 1;
	assert_int_equal(snug__bus_add(&b, 3, 1, &newer.ops, &p, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "size"));
	ops.size = SIZE_MAX;
	assert_int_equal(snug__bus_add(&b, 3, 1, &ops, &p, &e), -EINVAL);
	snug__bus_destroy(&b);
}

static size_t save_nothing(void *self, void *bytes, size_t max)
{
	(void)self, (void)bytes, (void)max;
	return 0;
}

static int load_nothing(void *self, const void *bytes, size_t len)
{
	(void)self, (void)bytes, (void)len;
	return 0;
}

/* A caller of before save and load has no memory where they would stand. */
static void takes_ops_without_save(void **state)
{
	static const size_t old[] = {0, offsetof(struct snug_device_ops, save)};
	struct snug_device_ops ops = full;
	struct snug__bus b = port_bus();
	struct snug_error e;
	struct probe p = {0};

	(void)state;
	ops.save = save_nothing;
	ops.load = load_nothing;
	for (unsigned i = 0; i < 2; i++) {
		ops.size = old[i];
		add(&b, i, 1, &ops, &p);
		assert_ptr_equal(snug__bus_find(&b, i)->ops.read, ops.read);
		assert_null(snug__bus_find(&b, i)->ops.save);
		assert_null(snug__bus_find(&b, i)->ops.load);
	}
	ops.size = sizeof(ops);
	add(&b, 2, 1, &ops, &p);
	assert_ptr_equal(snug__bus_find(&b, 2)->ops.save, save_nothing);
	assert_ptr_equal(snug__bus_find(&b, 2)->ops.load, load_nothing);
	ops.size = offsetof(struct snug_device_ops, load); /* nobody's */
	assert_int_equal(snug__bus_add(&b, 3, 1, &ops, &p, &e), -EINVAL);
	snug__bus_destroy(&b);
}

/* Which pieces an access of `size` becomes, for each max_size. */
static void cuts_into_pieces(void **state)
{
	static const struct {
		unsigned max, size;
		unsigned pieces[9]; /* 0 ends */
	} rows[] = {
	    {8, 8, {8}},    {8, 7, {4, 2, 1}}, {8, 3, {2, 1}},    {8, 5, {4, 1}},
	    {4, 8, {4, 4}}, {4, 7, {4, 2, 1}}, {2, 5, {2, 2, 1}}, {1, 8, {1, 1, 1, 1, 1, 1, 1, 1}},
	    {0, 8, {8}},    {1, 1, {1}},       {2, 1, {1}},
	};
	uint8_t data[8], bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct snug_device_ops ops = ops_of(rows[i].max);
		struct snug__bus b = port_bus();
		struct probe p = {.answer = 0x10};
		unsigned n = 0, at = 0;

		add(&b, 0x100, 16, &ops, &p);
		assert_true(snug__bus_access(&b, 0x102, bytes, rows[i].size, true));
		memset(data, 0, sizeof(data));
		assert_true(snug__bus_access(&b, 0x102, data, rows[i].size, false));
		for (; rows[i].pieces[n]; n++) {
			uint64_t value = 0;

			assert_int_equal(p.calls[n].size, rows[i].pieces[n]);
			assert_int_equal(p.calls[n].offset, 2 + at);
			memcpy(&value, bytes + at, rows[i].pieces[n]);
			assert_int_equal(p.calls[n].value, value);
			assert_int_equal(data[at], 0x12 + at); /* the low byte of what read gave */
			at += rows[i].pieces[n];
		}
		assert_int_equal(p.count, 2 * n);
		snug__bus_destroy(&b);
	}
}

static void access_belongs_to_its_first_byte(void **state)
{
	struct snug__bus b = port_bus();
	struct probe low = {.answer = 0x40}, high = {0};
	uint8_t data[4] = {1, 2, 3, 4};

	(void)state;
	add(&b, 0x10, 2, &full, &low);
	add(&b, 0x12, 4, &full, &high);
	assert_true(snug__bus_access(&b, 0x11, data, 4, true));
	assert_int_equal(low.count, 1);
	assert_int_equal(low.calls[0].size, 1);
	assert_int_equal(low.calls[0].value, 1);
	assert_true(snug__bus_access(&b, 0x11, data, 4, false));
	assert_memory_equal(data, "\x41\xff\xff\xff", 4);
	/* Nobody at the first byte: nobody at all. */
	assert_false(snug__bus_access(&b, 0x0f, data, 4, false));
	assert_memory_equal(data, "\xff\xff\xff\xff", 4);
	assert_false(snug__bus_access(&b, 0x0f, data, 4, true));
	assert_int_equal(low.count, 2);
	assert_int_equal(high.count, 0);
	snug__bus_destroy(&b);
}

static void missing_callbacks(void **state)
{
	struct snug_device_ops none = {.max_size = 4};
	struct snug__bus b = port_bus();
	uint8_t data[4] = {1, 2, 3, 4};

	(void)state;
	add(&b, 0, 4, &none, NULL);
	assert_true(snug__bus_access(&b, 0, data, 4, true));
	assert_memory_equal(data, "\1\2\3\4", 4);
	assert_true(snug__bus_access(&b, 0, data, 4, false));
	assert_memory_equal(data, "\xff\xff\xff\xff", 4);
	snug__bus_destroy(&b);
}

static void last_address_does_not_wrap(void **state)
{
	struct snug__bus b;
	struct probe top = {.answer = 0x70}, zero = {0};
	uint8_t data[8];

	(void)state;
	snug__bus_init(&b, "mmio", UINT64_MAX);
	add(&b, UINT64_MAX, 1, &full, &top);
	add(&b, 0, 4096, &full, &zero);
	assert_ptr_equal(snug__bus_find(&b, UINT64_MAX)->self, &top);
	assert_true(snug__bus_access(&b, UINT64_MAX, data, 8, false));
	assert_memory_equal(data, "\x70\xff\xff\xff\xff\xff\xff\xff", 8);
	assert_true(snug__bus_access(&b, UINT64_MAX, data, 8, true));
	assert_int_equal(top.count, 2);
	assert_int_equal(zero.count, 0);
	assert_int_equal(snug__bus_add(&b, UINT64_MAX - 1, 2, &full, NULL, NULL), -EEXIST);
	assert_int_equal(snug__bus_add(&b, 2, UINT64_MAX, &full, NULL, NULL), -EINVAL);
	assert_int_equal(snug__bus_remove(&b, 0), 0);
	assert_int_equal(snug__bus_remove(&b, UINT64_MAX), 0);
	/* All but the last address, the longest range there is. */
	add(&b, 0, UINT64_MAX, &full, &zero);
	assert_false(snug__bus_access(&b, UINT64_MAX, data, 1, false));
	assert_true(snug__bus_access(&b, UINT64_MAX - 1, data, 2, false));
	assert_int_equal(data[1], 0xff);
	snug__bus_destroy(&b);
}

static void removes_by_base_only(void **state)
{
	struct snug__bus b = port_bus();
	struct probe p[3] = {0};

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		add(&b, 0x10 * i, 0x10, &full, &p[i]);
	assert_int_equal(snug__bus_remove(&b, 0x11), -ENOENT);
	assert_int_equal(snug__bus_remove(&b, 0x30), -ENOENT);
	assert_int_equal(snug__bus_remove(&b, 0x10), 0);
	assert_int_equal(snug__bus_remove(&b, 0x10), -ENOENT);
	assert_null(snug__bus_find(&b, 0x10));
	assert_null(snug__bus_find(&b, 0x1f));
	assert_ptr_equal(snug__bus_find(&b, 0x0f)->self, &p[0]);
	assert_ptr_equal(snug__bus_find(&b, 0x20)->self, &p[2]);
	add(&b, 0x10, 0x10, &full, &p[1]);
	assert_ptr_equal(snug__bus_find(&b, 0x18)->self, &p[1]);
	snug__bus_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_what_was_added),     cmocka_unit_test(refuses_overlap),
	    cmocka_unit_test(refuses_bad_ranges),       cmocka_unit_test(refuses_bad_max_size),
	    cmocka_unit_test(takes_ops_of_any_version), cmocka_unit_test(takes_ops_without_save),
	    cmocka_unit_test(cuts_into_pieces),         cmocka_unit_test(access_belongs_to_its_first_byte),
	    cmocka_unit_test(missing_callbacks),        cmocka_unit_test(last_address_does_not_wrap),
	    cmocka_unit_test(removes_by_base_only),
	};

	return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}

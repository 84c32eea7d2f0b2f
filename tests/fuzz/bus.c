/* SPDX-License-Identifier: MIT */
/*
 * Ranges come and go and are accessed, at both ends of the address space, beside a plain model: a table that says for
 * each of 256 addresses who owns it.  Each step is four bytes: what, where, how long, and a value.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest/bus.h"

#define CHECK(x) ((x) ? (void)0 : abort())
#define WINDOW 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct owner {
	unsigned first, count; /* in the window; count 0: free */
	unsigned max_size;
	uint64_t seen; /* offsets of the access now under way, one bit each from `expect` on */
	uint64_t expect;
};

struct model {
	struct snug__bus bus;
	uint64_t base; /* address of the window's first byte */
	struct owner owners[WINDOW];
	struct owner *at[WINDOW];
};

static void note(struct owner *o, uint64_t offset, unsigned size)
{
	CHECK(size == 1 || size == 2 || size == 4 || size == 8);
	CHECK(size <= o->max_size);
	CHECK(offset == o->expect); /* lowest first, without a gap */
	CHECK(offset + size <= o->count);
	o->expect = offset + size;
	o->seen += size;
}

static uint64_t dev_read(void *self, uint64_t offset, unsigned size)
{
	note(self, offset, size);
	return 0x0102030405060708;
}

static void dev_write(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	note(self, offset, size);
	CHECK(size == 8 || value >> (8 * size) == 0);
}

static void add(struct model *m, unsigned where, unsigned count, uint8_t value)
{
	struct owner *o = &m->owners[where];
	struct snug_device_ops ops = {
	    .max_size = value & 0x0f, .read = dev_read, .write = value & 0x80 ? NULL : dev_write};
	unsigned max = ops.max_size ? ops.max_size : 8;
	bool fits = count > 0 && where + count <= WINDOW && (max & (max - 1)) == 0 && max <= 8;
	struct snug_error e;
	int rc;

	for (unsigned i = where; fits && i < where + count; i++)
		fits = m->at[i] == NULL;
	/* Below the top of the address space a range may pass the window's end; the model has no such addresses. */
	if (where + count > WINDOW && m->bus.last - m->base >= WINDOW)
		return;
	rc = snug__bus_add(&m->bus, m->base + where, count, &ops, o, &e);
	CHECK((rc == 0) == fits);
	if (rc < 0) {
		CHECK(e.code == rc && e.msg[0] && e.hint[0]);
		return;
	}
	*o = (struct owner){.first = where, .count = count, .max_size = max};
	for (unsigned i = where; i < where + count; i++)
		m->at[i] = o;
}

static void take_away(struct model *m, unsigned where)
{
	struct owner *o = m->at[where];
	bool there = o && o->first == where;

	CHECK((snug__bus_remove(&m->bus, m->base + where) == 0) == there);
	for (unsigned i = where; there && i < where + o->count; i++)
		m->at[i] = NULL;
}

static void touch(struct model *m, unsigned where, unsigned size, bool write)
{
	struct owner *o = m->at[where];
	uint8_t data[8 + 2];
	unsigned inside;

	memset(data, 0x5a, sizeof(data));
	if (o) {
		o->expect = where - o->first;
		o->seen = 0;
	}
	CHECK(snug__bus_access(&m->bus, m->base + where, data + 1, size, write) == (o != NULL));
	CHECK(data[0] == 0x5a && data[size + 1] == 0x5a);
	if (!o) {
		for (unsigned i = 1; i <= size; i++)
			CHECK(data[i] == (write ? 0x5a : 0xff));
		return;
	}
	inside = o->count - (where - o->first);
	inside = inside < size ? inside : size;
	CHECK(o->seen == inside || write); /* a device without `write` sees none */
	for (unsigned i = 0; i < size; i++)
		CHECK(write ? data[i + 1] == 0x5a : i < inside ? data[i + 1] <= 8 : data[i + 1] == 0xff);
}

static void step(struct model *m, const uint8_t *d)
{
	switch (d[0] & 3) {
	case 0:
		add(m, d[1], d[2], d[3]);
		break;
	case 1:
		take_away(m, d[1]);
		break;
	default:
		touch(m, d[1], d[2] % 8 + 1, d[0] & 1);
		break;
	}
	for (unsigned i = 1; i < m->bus.count; i++)
		CHECK(m->bus.ranges[i - 1].last < m->bus.ranges[i].base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint64_t bases[] = {0, UINT64_MAX - (WINDOW - 1), 0xffff - (WINDOW - 1), 0xfffff000};
	struct model *m = calloc(1, sizeof(*m));
	unsigned kind = len ? data[0] & 3 : 0;

	CHECK(m);
	m->base = bases[kind];
	snug__bus_init(&m->bus, "fuzz", kind == 2 ? 0xffff : UINT64_MAX);
	for (size_t i = 1; i + 3 < len; i += 4)
		step(m, data + i);
	for (unsigned i = 0; i < WINDOW; i++)
		CHECK((snug__bus_find(&m->bus, m->base + i) != NULL) == (m->at[i] != NULL));
	snug__bus_destroy(&m->bus);
	free(m);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* The trace writer: records of any bytes, in any order, kept in a ring or spilled; strict JSON, sorted, no overlaps. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "host/file.h"
#include "svc/trace.h"

#define TIDS 16

struct text {
	size_t len;
	char s[1 << 20];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int to_text(void *ctx, const void *bytes, size_t len)
{
	struct text *t = ctx;

	if (len > sizeof(t->s) - t->len)
		abort();
	memcpy(t->s + t->len, bytes, len);
	t->len += len;
	return 0;
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* jansson refuses what is no UTF-8 or no JSON; the rest is checked here.  Times are whole ns, as doubles to 1e15. */
static void check(const struct text *t)
{
	json_t *root = json_loadb(t->s, t->len, JSON_REJECT_DUPLICATES, NULL), *e;
	double last = 0, ends[TIDS] = {0};
	json_int_t seen = 0, lost = 0, events = 0;
	size_t i;

	must(root && json_unpack(root, "{s:{s:I, s:I}}", "otherData", "events", &seen, "lost", &lost) == 0);
	json_array_foreach(json_object_get(root, "traceEvents"), i, e)
	{
		const char *ph = json_string_value(json_object_get(e, "ph"));
		double ts = json_number_value(json_object_get(e, "ts")), slack = 1e-3 + ts * 1e-15;
		json_int_t tid = json_integer_value(json_object_get(e, "tid"));

		must(ph && tid >= 0 && tid < TIDS && json_is_string(json_object_get(e, "name")));
		if (*ph == 'M')
			continue;
		events++;
		must(ts >= last);
		last = ts;
		if (*ph != 'X')
			continue;
		must(ts >= ends[tid] - slack);
		ends[tid] = ts + json_number_value(json_object_get(e, "dur"));
		must(ends[tid] >= ts);
	}
	must(events == seen - lost);
	json_decref(root);
}

static void check_json(const struct text *t)
{
	json_t *root = json_loadb(t->s, t->len, 0, NULL);

	must(root != NULL);
	json_decref(root);
}

/* One record of the input's bytes: 3 that say what becomes of it, then it itself. */
static void feed(struct snug__tracelog *log, struct snug__cursor *c)
{
	struct snug__lane *lane = &log->lanes[snug__cursor_le(c, 1) % log->count];
	unsigned how = (unsigned)snug__cursor_le(c, 1);
	struct snug__record r = {.flags = (uint8_t)snug__cursor_le(c, 1)};
	uint8_t *bytes = (uint8_t *)&r.turn;
	uint64_t number;

	r.at = snug__cursor_le(c, 8);
	r.kind = how & 1 ? SNUG__RECORD_MARK : SNUG__RECORD_TURN;
	r.size = how >> 4;
	for (size_t i = 0; i < sizeof(r.name) && !c->bad; i++)
		bytes[i] = (uint8_t)snug__cursor_le(c, 1);
	r.name[sizeof(r.name) - 1] = 0;
	if (how & 1) {
		snug__lane_add(log, lane, &r);
		return;
	}
	number = snug__lane_reserve(log, lane);
	if (!(how & 2))
		snug__lane_fill(lane, number, &r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct snug_device_ops ops;
	static struct text t;
	struct snug__cursor c = {.span = {data, len}};
	uint64_t how = snug__cursor_le(&c, 1), newest = snug__cursor_le(&c, 1);
	struct snug__tracelog log;
	struct snug_vm vm = {0};
	int fd = -1;

	snug__bus_init(&vm.pio, "port", UINT16_MAX);
	snug__bus_init(&vm.mmio, "mmio", UINT64_MAX);
	must(snug__bus_add(&vm.pio, 0x3f8, 8, &ops, NULL, NULL) == 0);
	must(snug__bus_add(&vm.mmio, 0xfee00000, 4096, &ops, NULL, NULL) == 0);
	if (how & 1)
		must(snug__file_temp("/tmp", &fd, NULL) == 0);
	must(snug__tracelog_init(&log, 1 + (how >> 1) % 3, 1 + (uint32_t)(how >> 3), 4, fd, NULL) == 0);
	while (!c.bad && c.at < len && c.at < 60000)
		feed(&log, &c);
	t.len = 0;
	must(snug__trace_json(&vm, &log, 0, to_text, &t, NULL) == 0);
	check(&t);
	t.len = 0;
	must(snug__trace_json(&vm, &log, newest, to_text, &t, NULL) == 0);
	check_json(&t);
	snug__tracelog_destroy(&log);
	snug__bus_destroy(&vm.pio);
	snug__bus_destroy(&vm.mmio);
	return 0;
}

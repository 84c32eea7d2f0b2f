/* SPDX-License-Identifier: MIT */
/* tracelog, tracejson: what is kept, what is lost, and the JSON of it */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/utf8.h"
#include "host/file.h"
#include "svc/trace.h"

static struct snug__record turn(uint64_t at, uint64_t left, uint64_t end, uint8_t flags)
{
	return (struct snug__record){
	    .at = at,
	    .kind = SNUG__RECORD_TURN,
	    .flags = flags,
	    .size = 1,
	    .turn = {.left = left, .end = end, .device = (end - left) / 2, .reason = KVM_EXIT_IO, .count = 1}};
}

static struct snug__record mark(uint64_t at, const char *name)
{
	struct snug__record r = {.at = at, .kind = SNUG__RECORD_MARK};

	memcpy(r.name, name, strnlen(name, sizeof(r.name) - 1));
	return r;
}

static void add(struct snug__tracelog *log, unsigned lane, struct snug__record r)
{
	snug__lane_fill(&log->lanes[lane], snug__lane_reserve(log, &log->lanes[lane]), &r);
}

static int temp(void)
{
	int fd = -1;

	assert_int_equal(snug__file_temp("/tmp", &fd, NULL), 0);
	return fd;
}

/* The times of a lane's newest records, in order, as a text. */
static const char *read_all(const struct snug__tracelog *log, unsigned lane, uint64_t newest)
{
	static char text[4096];
	struct snug__lane_reader rd;
	const struct snug__record *r;
	size_t used = 0;

	text[0] = 0;
	assert_int_equal(snug__lane_reader_init(&rd, log, &log->lanes[lane], newest), 0);
	while ((r = snug__lane_read(&rd)))
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%llu ", (unsigned long long)r->at);
	assert_int_equal(rd.err, 0);
	snug__lane_reader_end(&rd);
	return text;
}

static void ring_keeps_the_newest(void **state)
{
	struct snug__tracelog log;

	(void)state;
	assert_int_equal(snug__tracelog_init(&log, 1, 3, 1, -1, NULL), 0); /* 4 */
	assert_string_equal(read_all(&log, 0, 0), "");
	for (uint64_t i = 1; i <= 6; i++)
		add(&log, 0, turn(i, i, i, i == 1 ? 0 : SNUG__TURN_EXITED));
	assert_string_equal(read_all(&log, 0, 0), "3 4 5 6 ");
	assert_string_equal(read_all(&log, 0, 2), "5 6 ");
	assert_string_equal(read_all(&log, 0, 9), "3 4 5 6 ");
	assert_int_equal(snug__tracelog_seen(&log), 11);
	assert_int_equal(snug__tracelog_lost(&log), 3); /* the first was a KVM_RUN alone */
	snug__tracelog_destroy(&log);
}

/* A turn that marks drove out of the ring before its end is lost, not written over one of them. */
static void reserved_and_overtaken(void **state)
{
	struct snug__record r = turn(1, 2, 3, SNUG__TURN_EXITED | SNUG__TURN_CLAIMED);
	struct snug__tracelog log;
	uint64_t n;

	(void)state;
	assert_int_equal(snug__tracelog_init(&log, 1, 4, 1, -1, NULL), 0);
	n = snug__lane_reserve(&log, &log.lanes[0]);
	assert_string_equal(read_all(&log, 0, 0), ""); /* not over yet */
	for (uint64_t i = 10; i < 15; i++) {
		struct snug__record m = mark(i, "m");

		snug__lane_add(&log, &log.lanes[0], &m);
	}
	snug__lane_fill(&log.lanes[0], n, &r);
	assert_string_equal(read_all(&log, 0, 0), "11 12 13 14 ");
	assert_int_equal(snug__tracelog_seen(&log), 8);
	assert_int_equal(snug__tracelog_lost(&log), 4);
	snug__tracelog_destroy(&log);
}

static void spill_keeps_all_lanes_apart(void **state)
{
	struct snug__tracelog log;
	char want[4096] = "", *end = want;

	(void)state;
	assert_int_equal(snug__tracelog_init(&log, 2, 8, 4, temp(), NULL), 0);
	for (uint64_t i = 1; i <= 500; i++) {
		add(&log, 0, turn(i, i, i, SNUG__TURN_EXITED));
		if (i % 3 == 0)
			add(&log, 1, turn(1000 + i, i, i, SNUG__TURN_EXITED));
		end += sprintf(end, "%llu ", (unsigned long long)i);
	}
	assert_true(log.lanes[0].spilled > 400);
	assert_string_equal(read_all(&log, 0, 0), want);
	assert_memory_equal(read_all(&log, 1, 0), "1003 1006 1009 ", 15);
	assert_string_equal(read_all(&log, 0, 3), "498 499 500 "); /* memory alone */
	assert_memory_equal(read_all(&log, 0, 100), "401 402 ", 8);
	assert_int_equal(snug__tracelog_lost(&log), 0);
	snug__tracelog_destroy(&log);
}

/* Marks wait for the next turn before a load goes out; what has no room till then is lost and counted. */
static void spill_without_room(void **state)
{
	struct snug__tracelog log;

	(void)state;
	assert_int_equal(snug__tracelog_init(&log, 1, 8, 4, temp(), NULL), 0);
	for (uint64_t i = 0; i < 12; i++) {
		struct snug__record m = mark(i, "m");

		snug__lane_add(&log, &log.lanes[0], &m);
	}
	assert_int_equal(snug__tracelog_lost(&log), 4);
	add(&log, 0, turn(100, 100, 100, SNUG__TURN_EXITED));
	assert_string_equal(read_all(&log, 0, 0), "0 1 2 3 4 5 6 7 100 ");
	snug__tracelog_destroy(&log);
}

/* A disk that is full loses a load, not the trace; a file that became short is told. */
static void spill_that_fails(void **state)
{
	int fd = open("/dev/full", O_RDWR | O_CLOEXEC);
	struct snug__lane_reader rd;
	struct snug__tracelog log;

	(void)state;
	assert_int_equal(snug__tracelog_init(&log, 1, 8, 4, fd, NULL), 0);
	for (uint64_t i = 1; i <= 8; i++)
		add(&log, 0, turn(i, i, i, SNUG__TURN_EXITED));
	assert_string_equal(read_all(&log, 0, 0), "7 8 ");
	assert_int_equal(snug__tracelog_lost(&log), 12);
	snug__tracelog_destroy(&log);

	assert_int_equal(snug__tracelog_init(&log, 1, 8, 4, temp(), NULL), 0);
	for (uint64_t i = 1; i <= 8; i++)
		add(&log, 0, turn(i, i, i, SNUG__TURN_EXITED));
	assert_int_equal(ftruncate(log.spill, 100), 0);
	assert_int_equal(snug__lane_reader_init(&rd, &log, &log.lanes[0], 0), 0);
	while (snug__lane_read(&rd))
		;
	assert_int_equal(rd.err, -EIO);
	snug__lane_reader_end(&rd);
	snug__tracelog_destroy(&log);
}

struct text {
	char s[65536];
	size_t len;
	int err; /* what write gives once it has 100 bytes */
};

static int to_text(void *ctx, const void *bytes, size_t len)
{
	struct text *t = ctx;

	if (t->err && t->len)
		return t->err;
	assert_true(t->len + len < sizeof(t->s));
	memcpy(t->s + t->len, bytes, len);
	t->len += len;
	t->s[t->len] = 0;
	return 0;
}

/* A VM in name only, with a clock of nanoseconds. */
static void fake_vm(snug_vm *vm)
{
	static const struct snug_device_ops ops;

	memset(vm, 0, sizeof(*vm));
	snug__bus_init(&vm->pio, "port", UINT16_MAX);
	snug__bus_init(&vm->mmio, "mmio", UINT64_MAX);
	assert_int_equal(snug__bus_add(&vm->pio, 0, 1, &ops, NULL, NULL), 0);
}

static void has(const struct text *t, const char *line)
{
	if (!strstr(t->s, line))
		fail_msg("%s is not in\n%s", line, t->s);
}

static void json_of_a_turn(void **state)
{
	static struct text t;
	struct snug__tracelog log;
	struct snug_vm vm;

	(void)state;
	fake_vm(&vm);
	assert_int_equal(snug__tracelog_init(&log, 2, 8, 8, -1, NULL), 0);
	add(&log, 0,
	    turn(1500, 2750, 3750, SNUG__TURN_EXITED | SNUG__TURN_CLAIMED | SNUG__TURN_WRITE | SNUG__TURN_VALUE));
	add(&log, 1, mark(2000, "a\"\\\x01\xff<\xc3\xa9"));
	assert_int_equal(snug__trace_json(&vm, &log, 0, to_text, &t, NULL), 0);
	has(&t, "\"events\":4,\"lost\":0}");
	has(&t, "{\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":1.500,\"dur\":1.250,\"name\":\"KVM_RUN\"},\n"
	        "{\"ph\":\"i\",\"pid\":1,\"tid\":2,\"ts\":2.000,\"s\":\"t\",\"name\":"
	        "\"a\\\"\\\\\\u0001\\ufffd<\xc3\xa9\"},\n"
	        "{\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":2.750,\"dur\":1.000,\"name\":\"out 0x0\",\"args\":"
	        "{\"reason\":\"KVM_EXIT_IO\",\"port\":\"0x0\",\"size\":1,\"direction\":\"out\",\"count\":1,"
	        "\"claimed\":true,\"value\":\"0x0\"}},\n"
	        "{\"ph\":\"X\",\"pid\":1,\"tid\":4,\"ts\":2.750,\"dur\":0.500,\"name\":\"out 0x0\",\"args\":"
	        "{\"vcpu\":0,\"size\":1,\"count\":1,\"value\":\"0x0\"}}\n]}\n");
	has(&t, "\"tid\":4,\"name\":\"thread_name\",\"args\":{\"name\":\"port 0x0\"}");
	snug__tracelog_destroy(&log);
	snug__bus_destroy(&vm.pio);
}

/* Two vCPUs in one device: the second one's work begins where the first one's ends. */
static void devices_do_not_overlap(void **state)
{
	const uint8_t flags = SNUG__TURN_EXITED | SNUG__TURN_CLAIMED;
	static struct text t;
	struct snug__tracelog log;
	struct snug_vm vm;

	(void)state;
	fake_vm(&vm);
	assert_int_equal(snug__tracelog_init(&log, 2, 8, 8, -1, NULL), 0);
	add(&log, 0, turn(1000, 2000, 6000, flags)); /* the device: 2 to 4 */
	add(&log, 1, turn(1000, 3000, 9000, flags)); /* 3 to 6 */
	assert_int_equal(snug__trace_json(&vm, &log, 0, to_text, &t, NULL), 0);
	has(&t, "\"tid\":4,\"ts\":2.000,\"dur\":2.000");
	has(&t, "\"tid\":4,\"ts\":4.000,\"dur\":2.000");
	snug__tracelog_destroy(&log);
	snug__bus_destroy(&vm.pio);
}

static void write_that_fails(void **state)
{
	static struct text t;
	struct snug_error e = {0};
	struct snug__tracelog log;
	struct snug_vm vm;

	(void)state;
	fake_vm(&vm);
	t.err = -ENOSPC;
	assert_int_equal(snug__tracelog_init(&log, 1, 1024, 8, -1, NULL), 0);
	for (uint64_t i = 0; i < 1000; i++)
		add(&log, 0, turn(i, i, i, SNUG__TURN_EXITED));
	assert_int_equal(snug__trace_json(&vm, &log, 0, to_text, &t, &e), -ENOSPC);
	assert_error(e, -ENOSPC, "ENOSPC");
	assert_true(t.len <= 16384);
	snug__tracelog_destroy(&log);
	snug__bus_destroy(&vm.pio);
}

static unsigned utf8(const char *s)
{
	return snug__utf8_len((const uint8_t *)s, strlen(s));
}

/* The Unicode Standard, table 3-7: the ends of each row, and what lies just outside. */
static void well_formed_utf8(void **state)
{
	(void)state;
	assert_int_equal(utf8("\x7f"), 1);
	assert_int_equal(utf8("\x80"), 0);
	assert_int_equal(utf8("\xc1\xbf"), 0);
	assert_int_equal(utf8("\xc2\x80"), 2);
	assert_int_equal(utf8("\xc2\x7f"), 0);
	assert_int_equal(utf8("\xdf"), 0);
	assert_int_equal(utf8("\xe0\x9f\xbf"), 0);
	assert_int_equal(utf8("\xe0\xa0\x80"), 3);
	assert_int_equal(utf8("\xed\x9f\xbf"), 3);
	assert_int_equal(utf8("\xed\xa0\x80"), 0);
	assert_int_equal(utf8("\xef\xbf\xbf"), 3);
	assert_int_equal(utf8("\xef\xbf\xc0"), 0);
	assert_int_equal(utf8("\xf0\x8f\xbf\xbf"), 0);
	assert_int_equal(utf8("\xf0\x90\x80\x80"), 4);
	assert_int_equal(utf8("\xf4\x8f\xbf\xbf"), 4);
	assert_int_equal(utf8("\xf4\x90\x80\x80"), 0);
	assert_int_equal(utf8("\xf5\x80\x80\x80"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ring_keeps_the_newest),
	    cmocka_unit_test(reserved_and_overtaken),
	    cmocka_unit_test(spill_keeps_all_lanes_apart),
	    cmocka_unit_test(spill_without_room),
	    cmocka_unit_test(spill_that_fails),
	    cmocka_unit_test(json_of_a_turn),
	    cmocka_unit_test(devices_do_not_overlap),
	    cmocka_unit_test(write_that_fails),
	    cmocka_unit_test(well_formed_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

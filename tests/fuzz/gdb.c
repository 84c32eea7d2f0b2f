/* SPDX-License-Identifier: MIT */
/*
 * Any bytes from a debugger.  The first byte says what the machine does whenever it runs: stop, crash, end.
 * What must hold: every answer is a well-formed frame of at most a packet, output is bounded, input always goes on once
 * output was fetched, and a session that is stopped answers a question at the end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../gdbfake.h"

#define CHECK(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int hex(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Nothing but + and -, and frames whose sums are right. */
static void check_output(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t sum = 0;
		size_t from = i + 1;

		if (p[i] == '+' || p[i] == '-')
			continue;
		CHECK(p[i] == '$');
		for (i++; i < n && p[i] != '#'; i++) {
			CHECK(p[i] != '$');
			sum = (uint8_t)(sum + p[i]);
		}
		CHECK(i + 2 < n && i - from <= SNUG__GDB_PACKET);
		CHECK(hex(p[i + 1]) == sum >> 4 && hex(p[i + 2]) == (sum & 15));
		i += 2;
	}
}

static void drain(struct snug__gdb_engine *e)
{
	static uint8_t out[sizeof(e->out)];
	size_t n = snug__gdb_output(e, out, sizeof(out));

	CHECK(snug__gdb_output(e, out, 1) == 0);
	check_output(out, n);
}

/* The machine's side: it ran, and this came of it. */
static void run(struct snug__gdb_engine *e, uint8_t what)
{
	struct snug__gdb_stop s = {.cpu = what % FAKE_CPUS,
	                           .signal = what & 4 ? SNUG__GDB_SIGSEGV : SNUG__GDB_SIGTRAP,
	                           .why = (enum snug__gdb_why)(what >> 3 & 3),
	                           .point = SNUG__GDB_WRITE,
	                           .addr = what,
	                           .fatal = what & 4};

	for (unsigned i = 0; i < FAKE_CPUS; i++)
		CHECK(e->actions[i] <= SNUG__GDB_STEP);
	if (what & 0x80 && e->interrupt)
		snug__gdb_exited(e, what);
	else
		snug__gdb_stopped(e, &s);
	CHECK(!e->interrupt || e->state == SNUG_GDB_ENDED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct snug__gdb_engine e;
	static struct fake fake;
	uint8_t what;

	if (len == 0)
		return 0;
	what = *data++;
	len--;
	memset(&fake, 0, sizeof(fake));
	CHECK(snug__gdb_init(&e, &fake_ops, &fake, FAKE_CPUS) == 0);
	e.arch = (enum snug__gdb_arch)(what % 3);
	while (len) {
		size_t n = snug__gdb_input(&e, data, len < 64 ? len : 64);

		CHECK(n <= len);
		if (n == 0)
			drain(&e);
		data += n;
		len -= n;
		if (e.state == SNUG_GDB_RUN) {
			drain(&e);
			run(&e, what);
		}
	}
	drain(&e);
	snug__gdb_input(&e, (const uint8_t *)"#00#00", 6); /* the end of any packet, wherever it broke off */
	drain(&e);
	if (e.state == SNUG_GDB_WAIT) {
		CHECK(snug__gdb_input(&e, (const uint8_t *)"$?#3f", 5) == 5);
		CHECK(e.out_len > 4);
		drain(&e);
	}
	snug__gdb_destroy(&e);
	return 0;
}

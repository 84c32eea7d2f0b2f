/* SPDX-License-Identifier: MIT */
/* What each packet asks for, against a machine that is none. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

#include "../gdbfake.h"

static struct fake fake;
static struct snug__gdb_engine e;
static char said[2 * SNUG__GDB_PACKET];

static int begin(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	for (unsigned i = 0; i < FAKE_CPUS; i++)
		fake.regs[i].regs.rax = 0x1122334455667700 + i;
	if (snug__gdb_init(&e, &fake_ops, &fake, FAKE_CPUS) < 0)
		return -1;
	e.arch = SNUG__GDB_AMD64;
	e.no_ack = true;
	return 0;
}

static int finish(void **state)
{
	(void)state;
	snug__gdb_destroy(&e);
	return 0;
}

/* The answer to a packet, without its frame. */
static const char *ask(const char *packet)
{
	size_t n;

	snug__gdb_input(&e, (const uint8_t *)"$", 1);
	snug__gdb_input(&e, (const uint8_t *)packet, strlen(packet));
	snug__gdb_input(&e, (const uint8_t *)"#00", 3);
	n = snug__gdb_output(&e, said, sizeof(said) - 1);
	if (n == 0)
		return "nothing";
	assert_true(n >= 4 && said[0] == '$' && said[n - 3] == '#');
	said[n - 3] = 0;
	return said + 1;
}

static void registers(void **state)
{
	(void)state;
	assert_string_equal(ask("p0"), "0077665544332211");
	assert_string_equal(ask("P0=0100000000000000"), "OK");
	assert_int_equal(fake.regs[0].regs.rax, 1);
	assert_string_equal(ask("Hg2"), "OK");
	assert_string_equal(ask("p0"), "0177665544332211");
	assert_string_equal(ask("Hg1"), "OK");
	assert_string_equal(ask("p999"), "E16");
	assert_string_equal(ask("p"), "E16");
	assert_string_equal(ask("pffffffffffffffffff"), "E16");
	assert_string_equal(ask("P0=01"), "E16");
	assert_string_equal(ask("P0=zz00000000000000"), "E16");
	assert_string_equal(ask("P0"), "E16");
	fake.refuse = -EINVAL;
	assert_string_equal(ask("P0=0200000000000000"), "E16");
}

static void all_registers(void **state)
{
	static char packet[4096];
	size_t n;

	(void)state;
	n = (size_t)snprintf(packet, sizeof(packet), "G%s", ask("g"));
	memcpy(packet + 1, "efbeadde00000000", 16);
	assert_string_equal(ask(packet), "OK");
	assert_int_equal(fake.regs[0].regs.rax, 0xdeadbeef);
	packet[n - 2] = 0;
	assert_string_equal(ask(packet), "E16");
	assert_string_equal(ask("G"), "E16");
}

static void memory(void **state)
{
	(void)state;
	assert_string_equal(ask("M1004,3:616263"), "OK");
	assert_memory_equal(fake.memory + 4, "abc", 3);
	assert_string_equal(ask("m1003,5"), "0061626300");
	assert_string_equal(ask("m10fff,8"), "00"); /* as much as there is */
	assert_string_equal(ask("m0,1"), "E0e");
	assert_string_equal(ask("mffffffffffffffff,ffffffffffffffff"), "E0e");
	assert_string_equal(ask("m1000"), "E16");
	assert_string_equal(ask("M1000,2:61"), "E16");
	assert_string_equal(ask("M1000,ffffffffffffffff:61"), "E16");
	assert_string_equal(ask("M0,1:61"), "E0e");
	assert_string_equal(ask("X1000,0:"), "OK");
	assert_string_equal(ask("X1000,4:wxyz"), "OK");
	assert_memory_equal(fake.memory, "wxyz", 4);
	assert_string_equal(ask("X1000,5:wxyz"), "E16");
	assert_int_equal(strlen(ask("m1000,ffffffff")), SNUG__GDB_PACKET); /* a packet full */
}

static void points(void **state)
{
	(void)state;
	assert_string_equal(ask("Z0,1234,1"), "OK");
	assert_true(fake.set == 1 && fake.type == SNUG__GDB_SW && fake.addr == 0x1234);
	assert_string_equal(ask("z2,1234,8"), "OK");
	assert_true(fake.set == 1 && fake.points == 2 && fake.type == SNUG__GDB_WRITE && fake.len == 8);
	assert_string_equal(ask("Z3,1234,8"), ""); /* the machine has none */
	assert_string_equal(ask("Z1,bad,1"), "E0e");
	assert_string_equal(ask("Z5,1234,1"), "");
	assert_string_equal(ask("Z0,1234"), "E16");
	assert_int_equal(fake.points, 4);
}

static void threads(void **state)
{
	(void)state;
	assert_string_equal(ask("qfThreadInfo"), "m1,2,3");
	assert_string_equal(ask("qsThreadInfo"), "l");
	assert_string_equal(ask("qC"), "QC1");
	assert_string_equal(ask("qCRC:0,1"), "");
	assert_string_equal(ask("T3"), "OK");
	assert_string_equal(ask("T4"), "E16");
	assert_string_equal(ask("Hg4"), "E16");
	assert_string_equal(ask("Hc-1"), "OK");
	assert_string_equal(ask("Hx1"), "E16");
	assert_string_equal(ask("qThreadExtraInfo,2"), "6370752031"); /* "cpu 1" */
	assert_string_equal(ask("qThreadExtraInfo,-1"), "E16");
}

static void assert_actions(unsigned a, unsigned b, unsigned c)
{
	assert_int_equal(e.state, SNUG_GDB_RUN);
	assert_int_equal(e.actions[0], a);
	assert_int_equal(e.actions[1], b);
	assert_int_equal(e.actions[2], c);
	e.state = SNUG_GDB_WAIT;
}

static void going_on(void **state)
{
	(void)state;
	assert_string_equal(ask("vCont?"), "vCont;c;C;s;S");
	assert_string_equal(ask("vCont;c"), "nothing");
	assert_actions(SNUG__GDB_CONT, SNUG__GDB_CONT, SNUG__GDB_CONT);
	ask("vCont;s:2;c");
	assert_actions(SNUG__GDB_CONT, SNUG__GDB_STEP, SNUG__GDB_CONT);
	ask("vCont;s:3");
	assert_actions(SNUG__GDB_STAY, SNUG__GDB_STAY, SNUG__GDB_STEP);
	ask("vCont;S05:1;c:-1");
	assert_actions(SNUG__GDB_STEP, SNUG__GDB_CONT, SNUG__GDB_CONT);
	ask("s");
	assert_actions(SNUG__GDB_STEP, SNUG__GDB_STAY, SNUG__GDB_STAY);
	ask("C05");
	assert_actions(SNUG__GDB_CONT, SNUG__GDB_CONT, SNUG__GDB_CONT);
	fake.regs[0].sregs.efer = 1 << 10;
	fake.regs[0].sregs.cs.l = 1;
	ask("c123456789a");
	assert_actions(SNUG__GDB_CONT, SNUG__GDB_CONT, SNUG__GDB_CONT);
	assert_int_equal(fake.regs[0].regs.rip, 0x123456789a);
	assert_string_equal(ask("vCont;x"), "E16");
	assert_string_equal(ask("vCont;s:9"), "E16");
	assert_string_equal(ask("vCont"), "E16");
	assert_string_equal(ask("cxyz"), "E16");
	assert_int_equal(e.state, SNUG_GDB_WAIT);
}

static void stops(void **state)
{
	struct snug__gdb_stop s = {.cpu = 2, .signal = SNUG__GDB_SIGTRAP, .why = SNUG__GDB_AT_SW};

	(void)state;
	ask("vCont;c");
	snug__gdb_stopped(&e, &s);
	assert_string_equal(ask("?"), "T05thread:3;#d9$T05thread:3;"); /* the stop, and asked again */
	assert_string_equal(ask("qC"), "QC3");
	assert_string_equal(
	    ask("qSupported:swbreak+;hwbreak+"),
	    "PacketSize=4000;QStartNoAckMode+;qXfer:features:read+;vContSupported+;swbreak+;hwbreak+");
	assert_string_equal(ask("?"), "T05thread:3;swbreak:;");
	e.stop.why = SNUG__GDB_AT_HW;
	assert_string_equal(ask("?"), "T05thread:3;hwbreak:;");
	e.stop = (struct snug__gdb_stop){
	    .signal = SNUG__GDB_SIGTRAP, .why = SNUG__GDB_AT_WATCH, .point = SNUG__GDB_ACCESS, .addr = 0xfeed};
	assert_string_equal(ask("?"), "T05thread:1;awatch:feed;");
}

/* A crash that gets its signal is the end; without it, or with another, the guest goes on. */
static void crashes(void **state)
{
	(void)state;
	e.stop = (struct snug__gdb_stop){.signal = SNUG__GDB_SIGSEGV, .fatal = true};
	assert_string_equal(ask("C05"), "nothing");
	assert_int_equal(e.state, SNUG_GDB_RUN);
	e.state = SNUG_GDB_WAIT;
	assert_string_equal(ask("c"), "nothing");
	assert_int_equal(e.state, SNUG_GDB_RUN);
	e.state = SNUG_GDB_WAIT;
	assert_string_equal(ask("vCont;C0b:1;c"), "X0b");
	assert_int_equal(e.state, SNUG_GDB_ENDED);
	assert_string_equal(ask("g"), "nothing");
}

static void partings(void **state)
{
	(void)state;
	assert_string_equal(ask("D"), "OK");
	assert_int_equal(e.state, SNUG_GDB_DETACHED);
	e.state = SNUG_GDB_WAIT;
	assert_string_equal(ask("k"), "nothing");
	assert_int_equal(e.state, SNUG_GDB_KILLED);
	e.state = SNUG_GDB_WAIT;
	assert_string_equal(ask("vKill;1"), "OK");
	assert_int_equal(e.state, SNUG_GDB_KILLED);
	e.state = SNUG_GDB_WAIT;
	assert_string_equal(ask("qAttached"), "1");
	ask("vCont;c");
	snug__gdb_exited(&e, 0x7b);
	assert_int_equal(e.state, SNUG_GDB_ENDED);
	assert_string_equal(ask("g"), "W7b"); /* the end; and no answer */
}

static void description(void **state)
{
	char whole[20000] = "", packet[64];
	size_t n = 0;

	(void)state;
	for (bool more = true; more;) {
		const char *part;

		snprintf(packet, sizeof(packet), "qXfer:features:read:target.xml:%zx,3e8", n);
		part = ask(packet);
		more = part[0] == 'm';
		assert_true(more || part[0] == 'l');
		assert_true(n + strlen(part) < sizeof(whole));
		strcpy(whole + n, part + 1);
		n += strlen(part + 1);
	}
	assert_non_null(strstr(whole, "<architecture>i386:x86-64</architecture>"));
	assert_string_equal(whole + n - 9, "</target>");
	assert_null(strpbrk(whole, "#$}*")); /* these would have to be escaped */
	assert_string_equal(ask("qXfer:features:read:other.xml:0,10"), "E02");
	assert_string_equal(ask("qXfer:features:read:target.xml:0"), "E16");
	assert_string_equal(ask("qXfer:features:read:target.xml:ffffffffffffffff,ffffffffffffffff"), "l");
}

static void monitors(void **state)
{
	char packet[2048] = "qRcmd,";

	(void)state;
	assert_string_equal(ask("qRcmd,6869"), "686f0a"); /* hi: ho */
	assert_string_equal(fake.line, "hi");
	assert_string_equal(ask("qRcmd,"), "OK");
	assert_string_equal(ask("qRcmd,6"), "E16");
	assert_string_equal(ask("qRcmd,zz"), "E16");
	memset(packet + 6, '4', 255 * 2);
	assert_string_equal(ask(packet), "OK");
	memset(packet + 6, '4', 256 * 2);
	assert_string_equal(ask(packet), "E16");
	assert_in_range(strlen(ask("qRcmd,666c6f6f64")), SNUG__GDB_PACKET - 32, SNUG__GDB_PACKET); /* flood: cut */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(registers), TEST(all_registers), TEST(memory),   TEST(points),      TEST(threads),  TEST(going_on),
	    TEST(stops),     TEST(crashes),       TEST(partings), TEST(description), TEST(monitors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

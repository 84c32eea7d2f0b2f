/* SPDX-License-Identifier: MIT */
/* A debugging session in bytes: what gdb itself, in the tests of the command, does not reach. */
#include <stdlib.h>

#include "../vmtest.h"

/* Counts at an address of its own, 0x20000 + 8 * rbx, for ever. */
GUEST64(count, "movl $0x20000, %ecx\n1: incq (%rcx,%rbx,8)\njmp 1b");
/* Says what it hears from a port nobody has. */
GUEST64(echo, "in $0x10, %al\nout %al, $0x11\nout %al, $0xe9\nhlt");
GUEST64(two_steps, "nop\nnop\nhlt");
GUEST64(dozer, "sti\nhlt\njmp .");
/* 16 bytes of output in one instruction. */
GUEST64(string, "movl $0xe9, %edx\nmovl $0x100000, %esi\nmovl $16, %ecx\ncld\nrep outsb\nnop\nhlt");

/* User mode, and handlers for an IDT of its own: #DB ends with status 15, #BP counts and goes back. */
GUEST64(own_idt, "nop\nmov $1, %bl\nint3\nmov $2, %bl\nmov $3, %al\nout %al, $0xf4\n.fill own_idt + 64 - ., 1, 0x90\n"
                 "mov $7, %al\nout %al, $0xf4\n.fill own_idt + 128 - ., 1, 0x90\nincl 0x20000\niretq");
#define OWN_DB (BASE + 64)
#define OWN_BP (BASE + 128)

struct session {
	struct box b;
	snug_gdb *gdb;
	char said[40000];
};

static void begin(struct session *s, unsigned cpus)
{
	if (snug_gdb_new(s->b.vm, cpus, &s->gdb, &s->b.e) < 0)
		fail_msg("%s", s->b.e.msg);
	snug_gdb_input(s->gdb, "$QStartNoAckMode#b0", 19);
	assert_int_equal(snug_gdb_output(s->gdb, s->said, sizeof(s->said)), 7);
}

static void finish(struct session *s)
{
	snug_gdb_free(s->gdb);
	box_close(&s->b);
}

/* What gdb reads now. */
static const char *hear(struct session *s)
{
	size_t n = snug_gdb_output(s->gdb, s->said, sizeof(s->said) - 1);

	s->said[n] = 0;
	return s->said;
}

static void say(struct session *s, const char *payload)
{
	unsigned char sum = 0;
	char frame[512];
	int n;

	for (const char *p = payload; *p; p++)
		sum = (unsigned char)(sum + (unsigned char)*p);
	n = snprintf(frame, sizeof(frame), "$%s#%02x", payload, sum);
	assert_int_equal(snug_gdb_input(s->gdb, frame, (size_t)n), n);
}

/* The answer begins with that. */
static void ask(struct session *s, const char *payload, const char *want)
{
	say(s, payload);
	if (strncmp(hear(s) + 1, want, strlen(want)) != 0)
		fail_msg("%s: '%s' is not '%s'", payload, s->said, want);
}

static int run(struct session *s, uint64_t ns)
{
	int state = snug_gdb_run(s->gdb, ns, &s->b.x, &s->b.e);

	if (state < 0)
		fail_msg("%s", s->b.e.msg);
	return state;
}

/* Goes on as told, and stops with that. */
static void go(struct session *s, const char *payload, const char *want)
{
	say(s, payload);
	assert_string_equal(hear(s), "");
	assert_int_equal(run(s, PATIENCE), SNUG_GDB_WAIT);
	if (strncmp(hear(s) + 1, want, strlen(want)) != 0)
		fail_msg("%s: '%s' is not '%s'", payload, s->said, want);
}

static uint64_t counter(struct session *s, unsigned cpu)
{
	uint64_t v = 0;

	assert_int_equal(snug_mem_read(s->b.vm, 0x20000 + 8ull * cpu, &v, 8), 0);
	return v;
}

/* Two vCPUs in the same code, each with its own rbx. */
static void two_counters(struct session *s)
{
	snug_vcpu *second;

	box_open(&s->b, (struct snug_config){.cpus = 2, .devices = SNUG_DEV_ALL});
	BOX_LOAD(&s->b, SNUG_MODE_LONG, count);
	second = snug_vm_vcpu(s->b.vm, 1);
	assert_int_equal(snug_vcpu_boot(second, SNUG_MODE_USER, BASE, 0x80000, &s->b.e), 0);
	assert_int_equal(snug_vcpu_set_reg(second, "rbx", 1, &s->b.e), 0);
}

static void test_vcpus_take_turns(void **state)
{
	struct session s = {0};

	(void)state;
	two_counters(&s);
	begin(&s, 2);
	say(&s, "vCont;c");
	assert_int_equal(run(&s, 50 * MS), SNUG_GDB_RUN);
	assert_int_equal(s.b.x.kind, SNUG_EXIT_TIMEOUT);
	assert_true(counter(&s, 0) > 0 && counter(&s, 1) > 0);
	assert_int_equal(snug_gdb_input(s.gdb, "\x03", 1), 1);
	assert_int_equal(run(&s, PATIENCE), SNUG_GDB_WAIT);
	assert_non_null(strstr(hear(&s), "$T02thread:"));
	finish(&s);
}

static void test_not_started_vcpus_stay(void **state)
{
	struct session s = {0};

	(void)state;
	two_counters(&s);
	begin(&s, 0);
	say(&s, "vCont;c");
	assert_int_equal(run(&s, 20 * MS), SNUG_GDB_RUN);
	assert_true(counter(&s, 0) > 0 && counter(&s, 1) == 0);
	finish(&s);
}

static void test_one_vcpu_steps(void **state)
{
	struct session s = {0};

	(void)state;
	two_counters(&s);
	begin(&s, 2);
	go(&s, "vCont;s:2", "T05thread:2;");
	go(&s, "vCont;s:2", "T05thread:2;");
	assert_true(counter(&s, 0) == 0 && counter(&s, 1) == 1);
	/* The other one goes on meanwhile. */
	go(&s, "vCont;s:2;c", "T05thread:2;");
	go(&s, "vCont;s:2;c", "T05thread:2;");
	go(&s, "vCont;s:2;c", "T05thread:2;");
	assert_true(counter(&s, 0) > 0 && counter(&s, 1) == 2);
	finish(&s);
}

static void test_breakpoint_in_one_of_several(void **state)
{
	struct session s = {0};
	uint8_t code[16], now[16];

	(void)state;
	two_counters(&s);
	begin(&s, 2);
	snug_mem_read(s.b.vm, BASE, code, sizeof(code));
	/* gdb takes it out to step away from it, as here */
	for (int i = 0; i < 4; i++) {
		ask(&s, "Z0,100005,1", "OK");
		go(&s, "vCont;c", "T05thread:");
		ask(&s, s.said[11] == '1' ? "Hg1" : "Hg2", "OK");
		ask(&s, "p10", "0500100000000000");
		ask(&s, "z0,100005,1", "OK");
		go(&s, "s", "T05thread:");
		snug_mem_read(s.b.vm, BASE, now, sizeof(now));
		assert_memory_equal(code, now, sizeof(code)); /* no int3 is left behind */
	}
	assert_int_equal(counter(&s, 0) + counter(&s, 1), 4);
	finish(&s);
}

/* An exit of the caller's, while the guest runs and while it steps: the answer arrives, no stop is lost. */
static void test_callers_exits(void **state)
{
	struct session s = {0};

	(void)state;
	for (int stepping = 0; stepping < 2; stepping++) {
		BOX(&s.b, SNUG_MODE_LONG, echo);
		begin(&s, 0);
		say(&s, stepping ? "vCont;s:1" : "vCont;c");
		assert_int_equal(run(&s, PATIENCE), SNUG_GDB_RUN);
		assert_int_equal(s.b.x.kind, SNUG_EXIT_PIO);
		assert_false(s.b.x.pio.write);
		s.b.x.pio.data[0] = 'Y';
		if (stepping) {
			assert_int_equal(run(&s, PATIENCE), SNUG_GDB_WAIT);
			hear(&s);
			ask(&s, "p10", "0200100000000000");
			ask(&s, "p0", "59");
			say(&s, "vCont;s:1");
		}
		assert_int_equal(run(&s, PATIENCE), SNUG_GDB_RUN);
		assert_int_equal(s.b.x.kind, SNUG_EXIT_PIO);
		assert_true(s.b.x.pio.write && s.b.x.pio.port == 0x11 && s.b.x.pio.data[0] == 'Y');
		if (stepping) {
			assert_int_equal(run(&s, PATIENCE), SNUG_GDB_WAIT);
			hear(&s);
			ask(&s, "p10", "0400100000000000");
			say(&s, "vCont;c");
		}
		assert_int_equal(run(&s, PATIENCE), SNUG_GDB_ENDED);
		assert_int_equal(s.b.x.kind, SNUG_EXIT_HLT);
		assert_string_equal(s.b.out, "Y");
		finish(&s);
	}
}

static void test_string_output_is_stepped(void **state)
{
	struct session s = {0};
	int steps = 0;

	(void)state;
	BOX(&s.b, SNUG_MODE_LONG, string);
	begin(&s, 0);
	do
		go(&s, "vCont;s:1", "T05thread:1;");
	while (box_reg(&s.b, "rip") < BASE + 18 && ++steps < 40);
	assert_int_equal(box_reg(&s.b, "rip"), BASE + 18);
	assert_int_equal(s.b.nout, 16);
	finish(&s);
}

static void test_kicks_come_back(void **state)
{
	struct session s = {0};

	(void)state;
	BOX(&s.b, SNUG_MODE_LONG, count);
	begin(&s, 0);
	say(&s, "vCont;c");
	snug_vcpu_kick(s.b.cpu);
	assert_int_equal(run(&s, 0), SNUG_GDB_RUN);
	assert_int_equal(s.b.x.kind, SNUG_EXIT_KICKED);
	finish(&s);
}

static void test_halted_with_interrupts_on(void **state)
{
	struct session s = {0};

	(void)state;
	BOX(&s.b, SNUG_MODE_LONG, dozer);
	begin(&s, 0);
	say(&s, "vCont;c");
	assert_int_equal(run(&s, PATIENCE), SNUG_GDB_RUN);
	assert_int_equal(s.b.x.kind, SNUG_EXIT_HLT);
	assert_int_equal(run(&s, PATIENCE), SNUG_GDB_RUN); /* it stays halted */
	assert_int_equal(s.b.x.kind, SNUG_EXIT_HLT);
	assert_int_equal(snug_gdb_input(s.gdb, "\x03", 1), 1);
	assert_int_equal(run(&s, PATIENCE), SNUG_GDB_WAIT);
	assert_non_null(strstr(hear(&s), "$T02thread:1;"));
	ask(&s, "p10", "0200100000000000");
	finish(&s);
}

static void test_detached_runs_free(void **state)
{
	struct session s = {0};

	(void)state;
	BOX(&s.b, SNUG_MODE_LONG, two_steps);
	begin(&s, 0);
	ask(&s, "Z0,100001,1", "OK");
	ask(&s, "Z1,100002,1", "OK");
	ask(&s, "D", "OK");
	assert_int_equal(run(&s, PATIENCE), SNUG_GDB_DETACHED);
	assert_exit(&s.b, SNUG_EXIT_HLT);
	finish(&s);
}

static void test_freed_session_leaves_nothing_armed(void **state)
{
	struct session s = {0};

	(void)state;
	BOX(&s.b, SNUG_MODE_USER, two_steps);
	begin(&s, 0);
	go(&s, "vCont;s:1", "T05thread:1;");
	ask(&s, "Z0,100002,1", "OK");
	snug_gdb_free(s.gdb);
	assert_exit(&s.b, SNUG_EXIT_FAULT); /* hlt in user mode, and no debugger's stop before it */
	assert_int_equal(s.b.x.fault.vector, 13);
	box_close(&s.b);
}

static void test_crash_is_given_back(void **state)
{
	struct session s = {0};

	(void)state;
	BOX(&s.b, SNUG_MODE_USER, two_steps);
	begin(&s, 0);
	go(&s, "vCont;c", "T0bthread:1;");
	assert_int_equal(box_reg(&s.b, "rip"), BASE + 2); /* the registers are those of the faulting code */
	assert_int_equal(box_reg(&s.b, "cs") & 3, 3);
	say(&s, "C0b");
	assert_int_equal(run(&s, PATIENCE), SNUG_GDB_ENDED);
	assert_int_equal(s.b.x.kind, SNUG_EXIT_FAULT);
	assert_int_equal(s.b.x.fault.vector, 13);
	finish(&s);
}

/* A 64-bit interrupt gate, SDM 3A figure 6-8, to kernel code. */
static void put_gate(struct session *s, unsigned vector, uint64_t handler)
{
	uint64_t gate[2] = {(handler & 0xffff) | 0x18ull << 16 | 0xeeull << 40 | (handler >> 16 & 0xffff) << 48,
	                    handler >> 32};

	assert_int_equal(snug_mem_write(s->b.vm, 0x30000 + 16 * vector, gate, sizeof(gate)), 0);
}

/* A guest whose IDT is its own gets its own exceptions, and the debugger those it made. */
static void test_idt_of_the_guests_own(void **state)
{
	struct session s = {0};

	(void)state;
	BOX(&s.b, SNUG_MODE_USER, own_idt);
	put_gate(&s, 1, OWN_DB);
	put_gate(&s, 3, OWN_BP);
	assert_int_equal(snug_vcpu_set_reg(s.b.cpu, "idt.base", 0x30000, &s.b.e), 0);
	begin(&s, 0);
	go(&s, "vCont;s:1", "T05thread:1;");
	assert_int_equal(box_reg(&s.b, "rip"), BASE + 1);
	assert_int_equal(box_reg(&s.b, "cs") & 3, 3);
	go(&s, "vCont;s:1", "T05thread:1;");
	assert_int_equal(box_reg(&s.b, "rip"), BASE + 3);
	ask(&s, "Z0,100006,1", "OK");
	go(&s, "vCont;c", "T05thread:1;"); /* past its own int3 */
	assert_int_equal(box_reg(&s.b, "rip"), BASE + 6);
	assert_int_equal(box_reg(&s.b, "cs") & 3, 3);
	assert_int_equal(counter(&s, 0), 1);
	ask(&s, "z0,100006,1", "OK");
	go(&s, "vCont;s:1", "T05thread:1;");
	assert_int_equal(box_reg(&s.b, "rbx"), 2);
	say(&s, "vCont;c");
	assert_int_equal(run(&s, PATIENCE), SNUG_GDB_ENDED);
	assert_int_equal(s.b.x.status.code, 7);
	assert_int_equal(counter(&s, 0), 1);
	finish(&s);
}

static void test_many_points_are_bounded(void **state)
{
	struct session s = {0};
	char packet[64];
	int good = 0;

	(void)state;
	BOX(&s.b, SNUG_MODE_LONG, two_steps);
	begin(&s, 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(packet, sizeof(packet), "Z0,%x,1", 0x30000 + i);
		say(&s, packet);
		good += strstr(hear(&s), "$OK") != NULL;
	}
	assert_int_equal(good, 256);
	ask(&s, "Z2,30000,1000", "E");     /* too long to be watched */
	ask(&s, "Z0,7fff00000000,1", "E"); /* not mapped */
	assert_int_equal(run(&s, 0), SNUG_GDB_WAIT);
	go(&s, "vCont;s:1", "T05thread:1;");
	finish(&s);
}

static void test_more_vcpus_than_there_are(void **state)
{
	struct session s = {0};

	(void)state;
	BOX(&s.b, SNUG_MODE_LONG, two_steps);
	assert_int_equal(snug_gdb_new(s.b.vm, 2, &s.gdb, &s.b.e), -EINVAL);
	assert_non_null(strstr(s.b.e.msg, "the VM has 1"));
	snug_gdb_free(NULL);
	box_close(&s.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST(test_vcpus_take_turns),        KVM_TEST(test_not_started_vcpus_stay),
	    KVM_TEST(test_one_vcpu_steps),          KVM_TEST(test_breakpoint_in_one_of_several),
	    KVM_TEST(test_callers_exits),           KVM_TEST(test_string_output_is_stepped),
	    KVM_TEST(test_kicks_come_back),         KVM_TEST(test_halted_with_interrupts_on),
	    KVM_TEST(test_detached_runs_free),      KVM_TEST(test_freed_session_leaves_nothing_armed),
	    KVM_TEST(test_crash_is_given_back),     KVM_TEST(test_idt_of_the_guests_own),
	    KVM_TEST(test_many_points_are_bounded), KVM_TEST(test_more_vcpus_than_there_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

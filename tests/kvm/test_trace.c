/* SPDX-License-Identifier: MIT */
/* trace: what a timeline says of a run */
#include <pthread.h>
#include <stdlib.h>

#include "../vmtest.h"

struct text {
	char *s;
	size_t len, room;
};

static int to_text(void *ctx, const void *bytes, size_t len)
{
	struct text *t = ctx;

	if (t->len + len + 1 > t->room) {
		t->room = 2 * (t->len + len + 1);
		t->s = realloc(t->s, t->room);
		assert_non_null(t->s);
	}
	memcpy(t->s + t->len, bytes, len);
	t->len += len;
	t->s[t->len] = 0;
	return 0;
}

static struct text timeline(struct box *b, uint64_t newest)
{
	struct text t = {0};

	if (snug_trace_write(b->vm, newest, to_text, &t, &b->e) < 0)
		fail_msg("%s", b->e.msg);
	return t;
}

/* How often a text stands there. */
static unsigned times(const struct text *t, const char *what)
{
	unsigned n = 0;

	for (const char *at = t->s; (at = strstr(at, what)); at++)
		n++;
	return n;
}

static void trace(struct box *b, struct snug_trace_config cfg)
{
	cfg.size = sizeof(cfg);
	if (snug_trace_start(b->vm, &cfg, &b->e) < 0)
		fail_msg("%s", b->e.msg);
}

/* A port write and read, memory that is nowhere, nobody's port, and the end. */
GUEST64(story, "mov $0x41, %al\nout %al, $0xe9\nin $0xe9, %al\nmov $0xd0000000, %ebx\nmov %eax, (%rbx)\n"
               "mov $0x330, %edx\nin %dx, %ax\nhlt");

static void every_exit_with_its_arguments(void **state)
{
	uint64_t events, lost;
	struct text t;
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL, .unclaimed = SNUG_UNCLAIMED_IGNORE});
	BOX_LOAD(&b, SNUG_MODE_LONG, story);
	trace(&b, (struct snug_trace_config){0});
	assert_exit(&b, SNUG_EXIT_HLT);
	t = timeline(&b, 0);
	assert_int_equal(times(&t, "\"name\":\"KVM_RUN\""), 5);
	assert_int_equal(
	    times(&t, "\"name\":\"out 0xe9\",\"args\":{\"reason\":\"KVM_EXIT_IO\",\"port\":\"0xe9\",\"size\":1,"
	              "\"direction\":\"out\",\"count\":1,\"claimed\":true,\"value\":\"0x41\"}"),
	    1);
	assert_int_equal(times(&t, "\"direction\":\"in\",\"count\":1,\"claimed\":true,\"value\":\"0xe9\"}"), 1);
	assert_int_equal(times(&t, "\"name\":\"write 0xd0000000\",\"args\":{\"reason\":\"KVM_EXIT_MMIO\",\"gpa\":"
	                           "\"0xd0000000\",\"size\":4,\"direction\":\"write\",\"count\":1,\"claimed\":false"),
	                 1);
	assert_int_equal(times(&t, "\"name\":\"in 0x330\""), 1);
	assert_int_equal(times(&t, "\"name\":\"HLT\",\"args\":{\"reason\":\"KVM_EXIT_HLT\"}"), 1);
	assert_int_equal(times(&t, "\"args\":{\"vcpu\":0,"), 2); /* the device's own track */
	assert_int_equal(times(&t, "\"name\":\"debugcon, port 0xe9\""), 1);
	assert_int_equal(snug_trace_count(b.vm, &events, &lost), 0);
	assert_int_equal(events, 5 + 5 + 2);
	assert_int_equal(times(&t, "\"ph\":\"X\""), events);
	assert_int_equal(lost, 0);
	free(t.s);
	box_close(&b);
}

/* 'a', 'b', NUL by string output; then three names in words as guest.h sends them, the last one far too long. */
GUEST64(marks, "mov $0x5e4, %edx\nlea 9f(%rip), %rsi\nmov $3, %ecx\nrep outsb\nmov $0x64636261, %eax\nout %eax, %dx\n"
               "xor %eax, %eax\nout %eax, %dx\nmov $0x22ff, %eax\nout %eax, %dx\nmov $100, %ecx\nmov $'x', %al\n"
               "1: out %al, %dx\ndec %ecx\njnz 1b\nxor %eax, %eax\nout %al, %dx\nhlt\n9: .asciz \"ab\"");

static void marks_of_guest_and_host(void **state)
{
	static const enum snug_mode modes[] = {SNUG_MODE_LONG, SNUG_MODE_USER};
	char xs[64] = "";
	struct text t;
	struct box b;

	(void)state;
	memset(xs, 'x', 63);
	for (unsigned i = 0; i < 2; i++) {
		box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL});
		BOX_LOAD(&b, modes[i], marks);
		assert_int_equal(snug_trace_mark(b.vm, "early"), -ENOENT);
		trace(&b, (struct snug_trace_config){0});
		assert_int_equal(snug_trace_mark(b.vm, "host <1>"), 0);
		box_run(&b);
		t = timeline(&b, 0);
		assert_int_equal(times(&t, "\"ph\":\"i\""), 5);
		assert_int_equal(times(&t, "\"tid\":2,\"ts\":"), 1);
		assert_int_equal(times(&t, "\"s\":\"t\",\"name\":\"host <1>\"}"), 1);
		assert_int_equal(times(&t, "\"s\":\"t\",\"name\":\"ab\"}"), 1);
		assert_int_equal(times(&t, "\"s\":\"t\",\"name\":\"abcd\"}"), 1);
		assert_int_equal(times(&t, "\"s\":\"t\",\"name\":\"\\ufffd\\\"\"}"), 1);
		assert_int_equal(times(&t, xs), 1);
		free(t.s);
		box_close(&b);
	}
}

static void marks_without_a_trace(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, marks);
	assert_exit(&b, SNUG_EXIT_HLT);
	box_close(&b);
}

GUEST64(many, "mov $1000, %ecx\n1: out %al, $0xe9\ndec %ecx\njnz 1b\nhlt");

static void drop(void *ctx, const void *bytes, size_t len)
{
	(void)ctx, (void)bytes, (void)len;
}

static void a_ring_keeps_the_newest(void **state)
{
	uint64_t events, lost;
	struct text t;
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL, .console.write = drop});
	BOX_LOAD(&b, SNUG_MODE_LONG, many);
	trace(&b, (struct snug_trace_config){.exits = 100}); /* 128 */
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_int_equal(snug_trace_count(b.vm, &events, &lost), 0);
	assert_int_equal(events, 3002);
	assert_int_equal(events - lost, 127 * 3 + 2);
	t = timeline(&b, 0);
	assert_int_equal(times(&t, "\"ph\":\"X\""), 127 * 3 + 2);
	assert_int_equal(times(&t, "\"name\":\"HLT\""), 1);
	assert_int_equal(times(&t, "\"lost\":2619}"), 1);
	free(t.s);
	t = timeline(&b, 10);
	assert_int_equal(times(&t, "\"ph\":\"X\""), 9 * 3 + 2);
	free(t.s);
	box_close(&b);
}

static void a_file_keeps_all(void **state)
{
	uint64_t events, lost;
	struct text t;
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL, .console.write = drop});
	BOX_LOAD(&b, SNUG_MODE_LONG, many);
	trace(&b, (struct snug_trace_config){.exits = 100, .spill = "/tmp"});
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_int_equal(snug_trace_count(b.vm, &events, &lost), 0);
	assert_int_equal(lost, 0);
	t = timeline(&b, 0);
	assert_int_equal(times(&t, "\"ph\":\"X\""), 3002);
	free(t.s);
	box_close(&b);
}

static void wrong_use(void **state)
{
	struct snug_trace_config c = {.exits = (1u << 24) + 1};
	struct text t = {0};
	uint64_t n;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, story);
	assert_int_equal(snug_trace_write(b.vm, 0, to_text, &t, &b.e), -ENOENT);
	assert_int_equal(snug_trace_count(b.vm, &n, &n), -ENOENT);
	assert_int_equal(snug_trace_start(b.vm, &c, &b.e), -EINVAL);
	c = (struct snug_trace_config){.spill = "/nonexistent"};
	assert_int_equal(snug_trace_start(b.vm, &c, &b.e), -ENOENT);
	assert_non_null(strstr(b.e.msg, "/nonexistent"));
	assert_int_equal(snug_trace_start(b.vm, NULL, &b.e), 0);
	assert_int_equal(snug_trace_start(b.vm, NULL, &b.e), 0); /* on already */
	box_close(&b);
}

/* A run that a time limit ends is a KVM_RUN without an exit. */
GUEST64(endless, "1: jmp 1b");

static void interrupted_runs(void **state)
{
	struct text t;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, endless);
	trace(&b, (struct snug_trace_config){0});
	for (int i = 0; i < 3; i++)
		assert_int_equal(snug_vcpu_run(b.cpu, 2 * MS, &b.x, &b.e), 0);
	t = timeline(&b, 0);
	assert_int_equal(times(&t, "\"name\":\"KVM_RUN\""), 3);
	assert_int_equal(times(&t, "\"ph\":\"X\""), 3);
	free(t.s);
	box_close(&b);
}

static void *run_it(void *arg)
{
	snug_vcpu *cpu = arg;
	struct snug_exit x;

	for (int i = 0; i < 3; i++)
		snug_vcpu_run(cpu, 0, &x, NULL);
	return NULL;
}

static void *mark_it(void *arg)
{
	for (int i = 0; i < 500; i++)
		snug_trace_mark(arg, "tick");
	return NULL;
}

/* Two vCPUs in threads of their own and marks of a third: all is there, sorted, no track has two things at once. */
GUEST64(both, "mov $200, %ecx\n1: out %al, $0xe9\ndec %ecx\njnz 1b\nhlt\njmp both");

static void several_threads(void **state)
{
	double last = 0, ends[32] = {0}, ts, dur;
	pthread_t threads[3];
	struct text t;
	struct box b;
	unsigned tid;

	(void)state;
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL, .console.write = drop, .cpus = 2});
	BOX_LOAD(&b, SNUG_MODE_LONG, both);
	assert_int_equal(snug_vcpu_boot(snug_vm_vcpu(b.vm, 1), SNUG_MODE_LONG, BASE, 0x800000, &b.e), 0);
	trace(&b, (struct snug_trace_config){.exits = 256, .spill = "/tmp"});
	assert_int_equal(pthread_create(&threads[0], NULL, run_it, snug_vm_vcpu(b.vm, 0)), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, run_it, snug_vm_vcpu(b.vm, 1)), 0);
	assert_int_equal(pthread_create(&threads[2], NULL, mark_it, b.vm), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	t = timeline(&b, 0);
	assert_int_equal(times(&t, "\"name\":\"out 0xe9\",\"args\":{\"reason\""), 2 * 3 * 200);
	assert_int_equal(times(&t, "\"name\":\"tick\""), 500);
	for (const char *at = t.s; (at = strstr(at, "{\"ph\":")); at++) {
		bool span = at[7] == 'X';

		if (at[7] == 'M')
			continue;
		assert_int_equal(sscanf(strstr(at, "\"tid\":"), "\"tid\":%u,\"ts\":%lf,\"dur\":%lf", &tid, &ts, &dur),
		                 span ? 3 : 2);
		assert_true(ts >= last && tid < 32);
		last = ts;
		if (!span)
			continue;
		assert_true(ts > ends[tid] - 0.0005);
		ends[tid] = ts + dur;
	}
	free(t.s);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST(every_exit_with_its_arguments),
	    KVM_TEST(marks_of_guest_and_host),
	    KVM_TEST(marks_without_a_trace),
	    KVM_TEST(a_ring_keeps_the_newest),
	    KVM_TEST(a_file_keeps_all),
	    KVM_TEST(wrong_use),
	    KVM_TEST(interrupted_runs),
	    KVM_TEST(several_threads),
	};

	return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}

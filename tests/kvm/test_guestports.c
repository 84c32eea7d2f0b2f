/* SPDX-License-Identifier: MIT */
/* guestports: stopping at a mark, the port of returns, and a console that is set anew */
#include "../vmtest.h"

/* rbx counts how far it came; each name as guest.h sends it, or byte by byte, or as a string. */
GUEST64(marks, "mov $0x5e4, %edx\nmov $1, %ebx\nmov $0x64616572, %eax\nout %eax, %dx\nmov $'y', %eax\nout %eax, %dx\n"
               "inc %ebx\nmov $0x64616572, %eax\nout %eax, %dx\nxor %eax, %eax\nout %eax, %dx\n"
               "inc %ebx\nmov $'y', %eax\nout %ax, %dx\n"
               "inc %ebx\nlea 8f(%rip), %rsi\nmov $9f - 8f, %ecx\nrep outsb\n"
               "inc %ebx\nmov $100, %ecx\nmov $'x', %al\n1: out %al, %dx\ndec %ecx\njnz 1b\nxor %eax, %eax\n"
               "out %al, %dx\ninc %ebx\nmov $0x5e0, %edx\nout %al, %dx\n"
               "8: .asciz \"ready\"\n.asciz \"then\"\n.ascii \"half\"\n9:");

static const enum snug_mode modes[] = {SNUG_MODE_LONG, SNUG_MODE_USER};

static void stop_at(struct box *b, const char *name, const uint64_t *places, unsigned count)
{
	assert_int_equal(snug_mark_stop(b->vm, name), 0);
	for (unsigned i = 0; i < count; i++) {
		assert_exit(b, SNUG_EXIT_MARK);
		assert_string_equal(b->x.mark.name, name);
		assert_ptr_equal(b->x.vcpu, b->cpu);
		assert_int_equal(box_reg(b, "rbx"), places[i]);
	}
	assert_exit(b, SNUG_EXIT_STATUS);
	assert_int_equal(box_reg(b, "rbx"), 6);
}

static void stops_at_a_mark(void **state)
{
	enum snug_mode mode = *(const enum snug_mode *)*state;
	static const uint64_t ready[] = {1, 4}, then[] = {4}, y[] = {3}, read_[] = {2}, xs[] = {5};
	char longest[64] = "halfxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	struct box b;

	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL});
	for (unsigned with_trace = 0; with_trace < 2; with_trace++) {
		BOX_LOAD(&b, mode, marks);
		stop_at(&b, "ready", ready, 2);
		BOX_LOAD(&b, mode, marks);
		stop_at(&b, "then", then, 1); /* after the first NUL of a string */
		BOX_LOAD(&b, mode, marks);
		stop_at(&b, "read", read_, 1);
		BOX_LOAD(&b, mode, marks);
		stop_at(&b, "y", y, 1);
		BOX_LOAD(&b, mode, marks);
		stop_at(&b, longest, xs, 1); /* the rest of the string was not lost */
		BOX_LOAD(&b, mode, marks);
		stop_at(&b, "nobody", NULL, 0);
		BOX_LOAD(&b, mode, marks);
		stop_at(&b, NULL, NULL, 0);
		assert_int_equal(snug_trace_start(b.vm, NULL, &b.e), 0);
	}
	box_close(&b);
}

static void bad_marks(void **state)
{
	char name[65];
	struct box b;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[64] = '\0';
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_GUEST});
	assert_int_equal(snug_mark_stop(b.vm, name), -EINVAL);
	assert_int_equal(snug_mark_stop(b.vm, ""), -EINVAL);
	assert_int_equal(snug_mark_stop(b.vm, name + 1), 0);
	box_close(&b);
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL & ~SNUG_DEV_GUEST});
	assert_int_equal(snug_mark_stop(b.vm, "n"), -EINVAL);
	assert_int_equal(snug_mark_stop(b.vm, NULL), 0);
	box_close(&b);
}

/* A call nobody serves goes by; a return ends the run, and the guest can go on. */
GUEST64(returns, "mov $0x5e8, %edx\nmov $0x1000, %eax\nout %eax, %dx\nout %al, %dx\nmov $0x5ec, %edx\nout %al, %dx\n"
                 "out %ax, %dx\nout %eax, %dx\nmov $0x5ed, %edx\nout %al, %dx\nmov $0x5ec, %edx\nin %dx, %eax\n"
                 "mov %eax, %ebx\nmov $0x5e0, %edx\nout %al, %dx");

static void return_ends_the_run(void **state)
{
	struct box b;

	BOX(&b, *(const enum snug_mode *)*state, returns);
	for (unsigned i = 0; i < 3; i++)
		assert_exit(&b, SNUG_EXIT_RETURN);
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(box_reg(&b, "rbx"), 0xffffffff);
	box_close(&b);
}

/* 'a' by each of the three consoles and one byte of input into bl; then a stop; then the same again. */
#define SAY                                                                                                          \
	"mov $'a', %al\nout %al, $0xe9\nmov $0x402, %edx\nout %al, %dx\nmov $0x3f8, %edx\nout %al, %dx\n"            \
	"in %dx, %al\nmov %al, %bl\nmov $0x5ec, %edx\nout %al, %dx\n"
GUEST64(says, SAY SAY SAY);

static void console_set(void **state)
{
	struct box b, other = {.in = "o"};
	struct snug_console console = {box_write, box_read, &other};

	(void)state;
	BOX(&b, SNUG_MODE_LONG, says);
	b.in = "bc";
	assert_exit(&b, SNUG_EXIT_RETURN);
	assert_string_equal(b.out, "aaa");
	assert_int_equal(box_reg(&b, "rbx"), 'b');
	snug_console_set(b.vm, &console);
	memset(&console, 0xaa, sizeof(console));
	assert_exit(&b, SNUG_EXIT_RETURN);
	assert_string_equal(b.out, "aaa");
	assert_string_equal(other.out, "aaa");
	assert_int_equal(box_reg(&b, "rbx"), 'o');
	snug_console_set(b.vm, NULL);
	assert_exit(&b, SNUG_EXIT_RETURN);
	assert_string_equal(b.out, "aaa");
	assert_string_equal(other.out, "aaa");
	assert_int_equal(box_reg(&b, "rbx"), 0);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST_NAMED("stops at a mark, long", stops_at_a_mark, &modes[0]),
	    KVM_TEST_NAMED("stops at a mark, user", stops_at_a_mark, &modes[1]),
	    KVM_TEST(bad_marks),
	    KVM_TEST_NAMED("return ends the run, long", return_ends_the_run, &modes[0]),
	    KVM_TEST_NAMED("return ends the run, user", return_ends_the_run, &modes[1]),
	    KVM_TEST(console_set),
	};

	return cmocka_run_group_tests_name("guestports", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* threads: a VM's own threads and their states; a PC whose vCPUs do whatever they can to its devices at once */
#include "../vmtest.h"

#include <pthread.h>
#include <time.h>

GUEST64(count, "1: lock incl 0x9000\njmp 1b");
GUEST64(says_its_number, "mov %ebx, %eax\nout %eax, $0x10\n1: jmp 1b");
GUEST64(writes_twice,
        "mov $'a', %al\nout %al, $0xe9\nout %al, $0x10\nmov $'b', %al\nout %al, $0xe9\nout %al, $0x10\n1: jmp 1b");

static void start(struct box *b)
{
	if (snug_start(b->vm, NULL, &b->e) < 0)
		fail_msg("%s", b->e.msg);
}

static uint32_t counted(struct box *b)
{
	uint32_t n = 0;

	assert_int_equal(snug_mem_read(b->vm, 0x9000, &n, 4), 0);
	return n;
}

static void wait_for_more(struct box *b, uint32_t than)
{
	for (int i = 0; i < 20000 && counted(b) == than; i++)
		usleep(1000);
	assert_int_not_equal(counted(b), than);
}

static void boot_all(struct box *b, unsigned cpus, const uint8_t *code, const uint8_t *end)
{
	box_open(b, (struct snug_config){.cpus = cpus, .devices = SNUG_DEV_DEBUGCON});
	box_load(b, SNUG_MODE_LONG, code, end);
	for (unsigned i = 1; i < cpus; i++)
		assert_int_equal(snug_vcpu_boot(snug_vm_vcpu(b->vm, i), SNUG_MODE_LONG, BASE, 0x80000, &b->e), 0);
}

static void states(void **state)
{
	struct box b;
	uint32_t n;

	(void)state;
	boot_all(&b, 3, count, count_end);
	assert_int_equal(snug_resume(b.vm, &b.e), -ESRCH);
	assert_int_equal(snug_pause(b.vm, &b.e), -ESRCH);
	assert_int_equal(snug_stop(b.vm, &b.e), -ESRCH);
	assert_int_equal(snug_wait(b.vm, 0, &b.x, &b.e), -ESRCH);
	start(&b);
	assert_int_equal(snug_start(b.vm, NULL, &b.e), -EALREADY);
	assert_int_equal(snug_pause(b.vm, &b.e), 0); /* it is */
	assert_int_equal(counted(&b), 0);
	for (int i = 0; i < 5; i++) {
		n = counted(&b);
		assert_int_equal(snug_resume(b.vm, &b.e), 0);
		assert_int_equal(snug_resume(b.vm, &b.e), 0);
		wait_for_more(&b, n);
		assert_int_equal(snug_pause(b.vm, &b.e), 0);
		n = counted(&b);
		usleep(5000);
		assert_int_equal(counted(&b), n); /* every vCPU is out */
		assert_true(box_reg(&b, "rip") >= BASE);
	}
	assert_int_equal(snug_resume(b.vm, &b.e), 0);
	assert_int_equal(snug_wait(b.vm, 20 * MS, &b.x, &b.e), 0);
	assert_int_equal(b.x.kind, SNUG_EXIT_TIMEOUT);
	assert_int_equal(snug_stop(b.vm, &b.e), 0);
	assert_int_equal(snug_vcpu_run(b.cpu, 5 * MS, &b.x, &b.e), 0); /* by the caller's thread again */
	assert_int_equal(b.x.kind, SNUG_EXIT_TIMEOUT);
	start(&b);
	assert_int_equal(snug_resume(b.vm, &b.e), 0);
	box_close(&b); /* with its threads running */
}

static void exits_of_several(void **state)
{
	unsigned seen = 0;
	struct box b;

	(void)state;
	boot_all(&b, 3, says_its_number, says_its_number_end);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(snug_vcpu_set_reg(snug_vm_vcpu(b.vm, i), "rbx", i + 5, &b.e), 0);
	start(&b);
	for (unsigned i = 0; i < 3; i++) {
		uint32_t v = 0;

		assert_int_equal(snug_resume(b.vm, &b.e), 0);
		assert_int_equal(snug_wait(b.vm, PATIENCE, &b.x, &b.e), 0);
		assert_int_equal(b.x.kind, SNUG_EXIT_PIO);
		memcpy(&v, b.x.pio.data, 4);
		assert_int_equal(v, snug_vcpu_index(b.x.vcpu) + 5); /* none is told for another, none is lost */
		seen |= 1u << v;
	}
	assert_int_equal(seen, 7u << 5);
	box_close(&b);
}

static void goes_on_after_an_exit(void **state)
{
	struct box b;

	(void)state;
	boot_all(&b, 1, writes_twice, writes_twice_end);
	start(&b);
	for (size_t i = 1; i <= 2; i++) {
		assert_int_equal(snug_resume(b.vm, &b.e), 0);
		assert_int_equal(snug_wait(b.vm, PATIENCE, &b.x, &b.e), 0);
		assert_int_equal(b.x.kind, SNUG_EXIT_PIO);
		assert_int_equal(b.nout, i);
	}
	assert_string_equal(b.out, "ab");
	box_close(&b);
}

static void *pause_soon(void *arg)
{
	usleep(20000);
	snug_pause(arg, NULL);
	return NULL;
}

static void a_pause_ends_a_wait(void **state)
{
	struct box b;
	pthread_t t;

	(void)state;
	boot_all(&b, 2, count, count_end);
	start(&b);
	assert_int_equal(snug_resume(b.vm, &b.e), 0);
	assert_int_equal(pthread_create(&t, NULL, pause_soon, b.vm), 0);
	assert_int_equal(snug_wait(b.vm, PATIENCE, &b.x, &b.e), 0);
	assert_int_equal(b.x.kind, SNUG_EXIT_KICKED);
	pthread_join(t, NULL);
	box_close(&b);
}

static int refuse_third(void *ctx, int cpu)
{
	unsigned *seen = ctx;

	*seen |= 1u << (cpu + 1);
	return cpu == 1 ? -EPERM : 0;
}

static void begin_can_refuse(void **state)
{
	unsigned seen = 0;
	struct snug_threads how = {.size = sizeof(how), .begin = refuse_third, .ctx = &seen};
	struct box b;

	(void)state;
	boot_all(&b, 3, count, count_end);
	assert_int_equal(snug_start(b.vm, &how, &b.e), -EPERM);
	assert_int_equal(seen, 7); /* the event loop, vCPU 0 and 1 */
	assert_non_null(strstr(b.e.msg, "begin returned"));
	start(&b);
	how.size = 3;
	assert_int_equal(snug_stop(b.vm, &b.e), 0);
	assert_int_equal(snug_start(b.vm, &how, &b.e), -EINVAL);
	box_close(&b);
}

/* ---- A PC. */

/* Random ports of devices and of KVM's chips, in and out, of each width. */
#define ABUSE(table)                                                                                                 \
	"1: imul $1664525, %r8d, %r8d\nadd $1013904223, %r8d\n" table                                                \
	"mov %r8d, %eax\nshr $24, %eax\nand $15, %eax\nadd %eax, %edx\n"                                             \
	"mov %r8d, %eax\nshr $8, %eax\n"                                                                             \
	"bt $23, %r8d\njc 6f\nbt $22, %r8d\njc 4f\nout %al, %dx\njmp 1b\n"                                           \
	"4: bt $21, %r8d\njc 5f\nout %ax, %dx\njmp 1b\n5: out %eax, %dx\njmp 1b\n"                                   \
	"6: bt $22, %r8d\njc 7f\nin %dx, %al\njmp 1b\n7: bt $21, %r8d\njc 8f\nin %dx, %ax\njmp 1b\n"                 \
	"8: in %dx, %eax\njmp 1b\n"
#define PORTS                                                                                                        \
	"9: .word 0x3f8, 0xe9, 0x402, 0xf4, 0x60, 0xcf0, 0x70, 0x5e0, 0x5f0, 0x600, 0x600, 0x500, 0x20, 0xa0, "      \
	"0x40, "                                                                                                     \
	"0x4d0\n"

/* The first starts the others by INIT and SIPI (SDM 3A 8.4.4.1), at 0x8000. */
GUEST64(abuses, "mov $0xfee00300, %ebx\nmovl $0xc4500, (%rbx)\nmov $2000, %ecx\n0: dec %ecx\njnz 0b\n"
                "movl $0xc4608, (%rbx)\nmov $12345, %r8d\n" ABUSE(
                    "mov %r8d, %eax\nshr $28, %eax\nlea 9f(%rip), %rsi\nmovzwl (%rsi,%rax,2), %edx\n") PORTS);
GUEST16(abuses_too,
        "mov $777, %edi\n"
        "1: imul $1664525, %edi, %edi\nadd $1013904223, %edi\nmov %edi, %ebx\nshr $28, %ebx\nadd %bx, %bx\n"
        "mov %cs:9f-abuses_too(%bx), %dx\nmov %edi, %eax\nshr $24, %eax\nand $15, %ax\nadd %ax, %dx\n"
        "mov %edi, %eax\nshr $8, %eax\nbt $23, %edi\njc 6f\nout %al, %dx\njmp 1b\n6: in %dx, %al\njmp 1b\n" PORTS);

struct pipe_in {
	int fds[2];
};

static size_t read_pipe(void *ctx, void *bytes, size_t len)
{
	ssize_t n = read(((struct pipe_in *)ctx)->fds[0], bytes, len);

	return n > 0 ? (size_t)n : 0;
}

static void drop(void *ctx, const void *bytes, size_t len)
{
	(void)ctx, (void)bytes, (void)len;
}

static void devices_abused_by_several(void **state)
{
	unsigned kinds = 0, exits = 0, cpus = 0;
	struct timespec now, end;
	struct pipe_in in;
	struct box b;

	(void)state;
	assert_int_equal(pipe2(in.fds, O_NONBLOCK | O_CLOEXEC), 0);
	box_open(&b, (struct snug_config){.cpus = 3,
	                                  .devices = SNUG_DEV_ALL | SNUG_DEV_PC,
	                                  .unclaimed = SNUG_UNCLAIMED_IGNORE,
	                                  .console = {drop, read_pipe, &in, .input = in.fds[0] + 1}});
	BOX_LOAD(&b, SNUG_MODE_LONG, abuses);
	assert_int_equal(snug_mem_write(b.vm, 0x8000, abuses_too, (size_t)(abuses_too_end - abuses_too)), 0);
	start(&b);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += getenv("SNUG_SLOW") ? 30 : 2;
	do {
		assert_int_equal(snug_resume(b.vm, &b.e), 0);
		if (write(in.fds[1], "input", 5) < 0)
			assert_int_equal(errno, EAGAIN);
		if (snug_wait(b.vm, 50 * MS, &b.x, &b.e) < 0)
			fail_msg("%s", b.e.msg);
		kinds |= 1u << b.x.kind;
		cpus |= 1u << snug_vcpu_index(b.x.vcpu);
		exits++;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec);
	/* Resets, panics, exit statuses and power-off are all that comes of it. */
	assert_true(exits > 10);
	assert_int_equal(cpus, 7);
	assert_int_equal(kinds & ~(1u << SNUG_EXIT_STATUS | 1u << SNUG_EXIT_RESET | 1u << SNUG_EXIT_PANIC |
	                           1u << SNUG_EXIT_POWEROFF | 1u << SNUG_EXIT_TIMEOUT | 1u << SNUG_EXIT_RETURN |
	                           1u << SNUG_EXIT_MARK),
	                 0);
	box_close(&b);
	close(in.fds[0]);
	close(in.fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST(states),
	    KVM_TEST(exits_of_several),
	    KVM_TEST(goes_on_after_an_exit),
	    KVM_TEST(a_pause_ends_a_wait),
	    KVM_TEST(begin_can_refuse),
	    KVM_TEST(devices_abused_by_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

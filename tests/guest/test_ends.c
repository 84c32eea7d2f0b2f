/* SPDX-License-Identifier: MIT */
/* ends: every way a guest can stop, or not stop */
#include <time.h>

#include "../vmtest.h"

GUEST16(loop16, "jmp loop16");
GUEST32(loop32, "jmp loop32");
GUEST64(loop64, "jmp loop64");

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* A guest of a mode. */
struct run {
	enum snug_mode mode;
	const uint8_t *code, *end;
};
#define RUN(mode, guest)                                                                                             \
	&(struct run)                                                                                                \
	{                                                                                                            \
		SNUG_MODE_##mode, guest, guest##_end                                                                 \
	}

static void box_start(struct box *b, const struct run *r)
{
	box_open(b, (struct snug_config){.devices = SNUG_DEV_ALL});
	box_load(b, r->mode, r->code, r->end);
}

static void endless_loop(void **state)
{
	const uint64_t limit = 50 * MS;
	struct box b;
	uint64_t begun, rip;

	box_start(&b, *state);
	rip = box_reg(&b, "rip");
	for (int i = 0; i < 2; i++) { /* and it can be run again */
		begun = now();
		assert_int_equal(snug_vcpu_run(b.cpu, limit, &b.x, &b.e), 0);
		assert_int_equal(b.x.kind, SNUG_EXIT_TIMEOUT);
		assert_true(now() - begun >= limit);
		assert_true(now() - begun < limit + PATIENCE);
		assert_ptr_equal(b.x.vcpu, b.cpu);
		assert_int_equal(box_reg(&b, "rip"), rip);
	}
	box_close(&b);
}

GUEST16(halt16, "hlt");
GUEST32(halt32, "hlt");
GUEST64(halt64, "hlt");

static void halt_interrupts_off(void **state)
{
	struct box b;

	box_start(&b, *state);
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_false(b.x.hlt.interrupts);
	box_close(&b);
}

GUEST16(sleep16, "sti\nhlt\nmov $7, %al\nout %al, $0xf4");
GUEST32(sleep32, "sti\nhlt\nmov $7, %al\nout %al, $0xf4");
GUEST64(sleep64, "sti\nhlt\nmov $7, %al\nout %al, $0xf4");

/* Nothing can wake it, but whoever runs it on is as good as an interrupt. */
static void halt_interrupts_on(void **state)
{
	struct box b;

	box_start(&b, *state);
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_true(b.x.hlt.interrupts);
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(b.x.status.value, 7);
	box_close(&b);
}

/* An IDT of no entries.  In real mode the CPU sees that by its limit, KVM's emulator by memory that is not there. */
GUEST16(triple16, "lidtl %cs:0x1000 + (1f - triple16)\nud2\n1: .word 0\n.long 0xd0000000");
GUEST32(triple32, "lidt 0x100000 + (1f - triple32)\nud2\n1: .word 0\n.long 0");
GUEST64(triple64, "lidt 1f(%rip)\nud2\n1: .word 0\n.quad 0");

static void triple_fault(void **state)
{
	struct box b;

	box_start(&b, *state);
	assert_exit(&b, SNUG_EXIT_SHUTDOWN);
	assert_int_equal(b.x.reason, 8); /* KVM_EXIT_SHUTDOWN */
	box_close(&b);
}

/* Nothing is at 3.25 GiB; in long and user mode it is mapped. */
GUEST32(jump32, "mov $0xd0000000, %eax\njmp *%eax");
GUEST64(jump64, "mov $0xd0000000, %eax\njmp *%rax");

static void jump_out_of_memory(void **state)
{
	struct box b;

	box_start(&b, *state);
	memset(&b.x, 0xa5, sizeof(b.x)); /* what the caller's struct held is not taken for the instruction's length */
	assert_int_equal(snug_vcpu_run(b.cpu, PATIENCE, &b.x, &b.e), 0);
	assert_int_equal(b.x.kind, SNUG_EXIT_INTERNAL);
	assert_int_equal(b.x.internal.suberror, 1); /* KVM_INTERNAL_ERROR_EMULATION: nothing to fetch */
	assert_true(b.x.internal.insn_len <= 15);
	assert_int_equal(box_reg(&b, "rip"), 0xd0000000);
	box_close(&b);
}

/* With 512 KiB of RAM nothing is at 0xc0000. */
GUEST16(jump16, "ljmp $0xc000, $0");

static void jump_out_of_memory_real(void **state)
{
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.mem_bytes = 0x80000});
	BOX_LOAD(&b, SNUG_MODE_REAL, jump16);
	assert_exit(&b, SNUG_EXIT_INTERNAL);
	assert_int_equal(box_reg(&b, "cs.base"), 0xc0000);
	box_close(&b);
}

GUEST16(debug_exit8, "mov $0x83, %al\nout %al, $0xf4");
GUEST16(debug_exit16, "mov $0x1234, %ax\nout %ax, $0xf4");
GUEST16(debug_exit32, "mov $0x12345678, %eax\nout %eax, $0xf4");
GUEST16(guest_exit8, "mov $0x83, %al\nmov $0x5e0, %dx\nout %al, %dx");
GUEST16(guest_exit32, "mov $0x12345601, %eax\nmov $0x5e0, %dx\nout %eax, %dx");

static void status_codes(void **state)
{
	static const struct {
		const uint8_t *code, *end;
		uint32_t value;
		uint8_t status;
		uint16_t port;
	} rows[] = {
	    {debug_exit8, debug_exit8_end, 0x83, 0x07, 0xf4},
	    {debug_exit16, debug_exit16_end, 0x1234, 0x69, 0xf4},
	    {debug_exit32, debug_exit32_end, 0x12345678, 0xf1, 0xf4},
	    {guest_exit8, guest_exit8_end, 0x83, 0x83, 0x5e0},
	    {guest_exit32, guest_exit32_end, 0x12345601, 0x01, 0x5e0},
	};
	struct box b;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL});
		box_load(&b, SNUG_MODE_REAL, rows[i].code, rows[i].end);
		assert_exit(&b, SNUG_EXIT_STATUS);
		assert_int_equal(b.x.status.value, rows[i].value);
		assert_int_equal(b.x.status.code, rows[i].status);
		assert_int_equal(b.x.status.port, rows[i].port);
		box_close(&b);
	}
}

/* Without their devices these ports are nobody's. */
static void status_without_devices(void **state)
{
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){0});
	BOX_LOAD(&b, SNUG_MODE_REAL, guest_exit8);
	assert_exit(&b, SNUG_EXIT_PIO);
	assert_int_equal(b.x.pio.port, 0x5e0);
	assert_int_equal(b.x.pio.data[0], 0x83);
	box_close(&b);
}

GUEST16(reset_i8042, "mov $0xfe, %al\nout %al, $0x64\nhlt");
GUEST16(reset_cf9, "mov $0xcf9, %dx\nmov $2, %al\nout %al, %dx\nmov $6, %al\nout %al, %dx\nhlt");
GUEST16(reset_not, "mov $0xcf9, %dx\nmov $2, %al\nout %al, %dx\nmov $0xd1, %al\nout %al, $0x64\nhlt");

static void reset(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_REAL, reset_i8042);
	assert_exit(&b, SNUG_EXIT_RESET);
	assert_int_equal(b.x.reset.port, 0x64);
	box_close(&b);
	BOX(&b, SNUG_MODE_REAL, reset_cf9);
	assert_exit(&b, SNUG_EXIT_RESET);
	assert_int_equal(b.x.reset.port, 0xcf9);
	box_close(&b);
	BOX(&b, SNUG_MODE_REAL, reset_not);
	assert_exit(&b, SNUG_EXIT_HLT);
	box_close(&b);
}

GUEST16(sector, "mov $(1f - sector + 0x7c00), %si\nmov $4, %cx\nmov $0xe9, %dx\nrep outsb\nhlt\n1: .ascii \"boot\"\n"
                ".fill 510 - (. - sector), 1, 0\n.word 0xaa55");

static void boot_sector(void **state)
{
	struct snug_image im = {.data = sector, .len = (size_t)(sector_end - sector)};
	struct snug_boot boot = {0};
	struct box b;

	(void)state;
	assert_int_equal(im.len, 512);
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL});
	assert_int_equal(snug_loaded(b.vm, &boot), -ENOENT);
	assert_int_equal(snug_load(b.vm, &im, &b.e), 0);
	assert_int_equal(snug_loaded(b.vm, &boot), 0);
	assert_int_equal(boot.mode, SNUG_MODE_REAL);
	assert_int_equal(boot.entry, 0x7c00);
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_string_equal(b.out, "boot");
	box_close(&b);
}

/* The operand of the mov at 1 is written just before it runs. */
GUEST16(modify16, "movb $42, %cs:0x1000 + (1f - modify16) + 1\njmp 1f\n1: mov $7, %al\nout %al, $0xf4");
GUEST32(modify32, "movb $42, 0x100000 + (1f - modify32) + 1\njmp 1f\n1: mov $7, %al\nout %al, $0xf4");
GUEST64(modify64, "movb $42, 1f + 1(%rip)\njmp 1f\n1: mov $7, %al\nout %al, $0xf4");

static void self_modifying_code(void **state)
{
	struct box b;

	box_start(&b, *state);
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(b.x.status.value, 42);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST_NAMED("endless loop, real", endless_loop, RUN(REAL, loop16)),
	    KVM_TEST_NAMED("endless loop, protected", endless_loop, RUN(PROTECTED, loop32)),
	    KVM_TEST_NAMED("endless loop, long", endless_loop, RUN(LONG, loop64)),
	    KVM_TEST_NAMED("endless loop, user", endless_loop, RUN(USER, loop64)),
	    KVM_TEST_NAMED("hlt, interrupts off, real", halt_interrupts_off, RUN(REAL, halt16)),
	    KVM_TEST_NAMED("hlt, interrupts off, protected", halt_interrupts_off, RUN(PROTECTED, halt32)),
	    KVM_TEST_NAMED("hlt, interrupts off, long", halt_interrupts_off, RUN(LONG, halt64)),
	    KVM_TEST_NAMED("hlt, interrupts on, real", halt_interrupts_on, RUN(REAL, sleep16)),
	    KVM_TEST_NAMED("hlt, interrupts on, protected", halt_interrupts_on, RUN(PROTECTED, sleep32)),
	    KVM_TEST_NAMED("hlt, interrupts on, long", halt_interrupts_on, RUN(LONG, sleep64)),
	    KVM_TEST_NAMED("triple fault, real", triple_fault, RUN(REAL, triple16)),
	    KVM_TEST_NAMED("triple fault, protected", triple_fault, RUN(PROTECTED, triple32)),
	    KVM_TEST_NAMED("triple fault, long", triple_fault, RUN(LONG, triple64)),
	    KVM_TEST_NAMED("jump out of memory, protected", jump_out_of_memory, RUN(PROTECTED, jump32)),
	    KVM_TEST_NAMED("jump out of memory, long", jump_out_of_memory, RUN(LONG, jump64)),
	    KVM_TEST_NAMED("jump out of memory, user", jump_out_of_memory, RUN(USER, jump64)),
	    KVM_TEST(jump_out_of_memory_real),
	    KVM_TEST(status_codes),
	    KVM_TEST(status_without_devices),
	    KVM_TEST(reset),
	    KVM_TEST(boot_sector),
	    KVM_TEST_NAMED("self-modifying code, real", self_modifying_code, RUN(REAL, modify16)),
	    KVM_TEST_NAMED("self-modifying code, protected", self_modifying_code, RUN(PROTECTED, modify32)),
	    KVM_TEST_NAMED("self-modifying code, long", self_modifying_code, RUN(LONG, modify64)),
	    KVM_TEST_NAMED("self-modifying code, user", self_modifying_code, RUN(USER, modify64)),
	};

	return cmocka_run_group_tests_name("ends", tests, NULL, NULL);
}

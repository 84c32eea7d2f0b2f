/* SPDX-License-Identifier: MIT */
/* memory: what a guest meets where no memory is, or where it may only read */
#include "../vmtest.h"

#define NOWHERE 0xd0000000u /* 3.25 GiB: below no RAM, mapped in long and user mode */
#define DONE "mov $0x55, %al\nout %al, $0xf4\n"

/* Reads and writes of 1, 2, 4 and 8 bytes, next to each other; what was read is written 0x100 higher. */
GUEST32(nowhere32, "mov $0xd0000000, %ebx\n"
                   "mov (%ebx), %al\nmov %al, 0x100(%ebx)\n"
                   "mov 2(%ebx), %ax\nmov %ax, 0x102(%ebx)\n"
                   "mov 4(%ebx), %eax\nmov %eax, 0x104(%ebx)\n" DONE);
GUEST64(nowhere64, "mov $0xd0000000, %ebx\n"
                   "mov (%rbx), %al\nmov %al, 0x100(%rbx)\n"
                   "mov 2(%rbx), %ax\nmov %ax, 0x102(%rbx)\n"
                   "mov 4(%rbx), %eax\nmov %eax, 0x104(%rbx)\n"
                   "mov 8(%rbx), %rax\nmov %rax, 0x108(%rbx)\n" DONE);

struct nowhere {
	enum snug_mode mode;
	const uint8_t *code, *end;
	unsigned widest;
};
#define NOWHERE_IN(mode, guest, widest)                                                                              \
	&(const struct nowhere)                                                                                      \
	{                                                                                                            \
		SNUG_MODE_##mode, guest, guest##_end, widest                                                         \
	}

static void expect_mmio(struct box *b, snug_gpa gpa, unsigned size, bool write)
{
	assert_exit(b, SNUG_EXIT_MMIO);
	assert_int_equal(b->x.mmio.gpa, gpa);
	assert_int_equal(b->x.mmio.size, size);
	assert_int_equal(b->x.mmio.write, write);
}

/* `answer` NULL: nobody answers, so ones come back. */
static void nowhere_with(const struct nowhere *n, const uint8_t *answer)
{
	struct box b;

	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL});
	box_load(&b, n->mode, n->code, n->end);
	for (unsigned size = 1; size <= n->widest; size *= 2) {
		unsigned offset = size == 1 ? 0 : size;

		expect_mmio(&b, NOWHERE + offset, size, false);
		assert_memory_equal(b.x.mmio.data, "\xff\xff\xff\xff\xff\xff\xff\xff", size);
		if (answer)
			memcpy(b.x.mmio.data, answer, size);
		expect_mmio(&b, NOWHERE + 0x100 + offset, size, true);
		assert_memory_equal(b.x.mmio.data, answer ? (const char *)answer : "\xff\xff\xff\xff\xff\xff\xff\xff",
		                    size);
	}
	assert_exit(&b, SNUG_EXIT_STATUS);
	box_close(&b);
}

static void nowhere_unanswered(void **state)
{
	nowhere_with(*state, NULL);
}

static void nowhere_answered(void **state)
{
	nowhere_with(*state, (const uint8_t *)"\x11\x22\x33\x44\x55\x66\x77\x88");
}

/* Ignored accesses never come back, and read as ones. */
GUEST64(ignored, "mov $0xd0000000, %ebx\nmov (%rbx), %rax\ninc %rax\njnz 1f\nmov %rax, (%rbx)\n" DONE "1: hlt");

static void nowhere_ignored(void **state)
{
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL, .unclaimed = SNUG_UNCLAIMED_IGNORE});
	BOX_LOAD(&b, SNUG_MODE_LONG, ignored);
	assert_exit(&b, SNUG_EXIT_STATUS);
	box_close(&b);
}

/* Eight bytes of which three lie on the first page: KVM makes two accesses of it. */
GUEST64(crossing, "mov $0xd0000ffd, %ebx\nmov (%rbx), %rax\nmov %rax, (%rbx)\n" DONE);

static void access_over_two_pages(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct box b;

	BOX(&b, *(const enum snug_mode *)*state, crossing);
	expect_mmio(&b, 0xd0000ffd, 3, false);
	memcpy(b.x.mmio.data, bytes, 3);
	expect_mmio(&b, 0xd0001000, 5, false);
	memcpy(b.x.mmio.data, bytes + 3, 5);
	expect_mmio(&b, 0xd0000ffd, 3, true);
	assert_memory_equal(b.x.mmio.data, bytes, 3);
	expect_mmio(&b, 0xd0001000, 5, true);
	assert_memory_equal(b.x.mmio.data, bytes + 3, 5);
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(box_reg(&b, "rax") & 0xff, 0x55);
	assert_int_equal(box_reg(&b, "rax") >> 8, 0x08070605040302);
	box_close(&b);
}

/* Half of it is RAM: that half never leaves the guest. */
GUEST64(edge, "mov $0xfffffc, %ebx\nmovl $0x44332211, (%rbx)\nmov (%rbx), %rax\nmov %rax, (%rbx)\n" DONE);

static void access_over_the_end_of_ram(void **state)
{
	uint8_t last[4];
	struct box b;

	BOX(&b, *(const enum snug_mode *)*state, edge);
	expect_mmio(&b, 0x1000000, 4, false);
	memcpy(b.x.mmio.data, "\x55\x66\x77\x88", 4);
	expect_mmio(&b, 0x1000000, 4, true);
	assert_memory_equal(b.x.mmio.data, "\x55\x66\x77\x88", 4);
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(snug_mem_read(b.vm, 0xfffffc, last, 4), 0);
	assert_memory_equal(last, "\x11\x22\x33\x44", 4);
	box_close(&b);
}

/* Sixteen bytes come as two accesses of eight. */
GUEST64(wide, "mov $0xd0000000, %ebx\nmovups (%rbx), %xmm0\nmovups %xmm0, 0x10(%rbx)\n" DONE);

static void sixteen_bytes(void **state)
{
	struct box b;

	BOX(&b, *(const enum snug_mode *)*state, wide);
	expect_mmio(&b, NOWHERE, 8, false);
	memcpy(b.x.mmio.data, "ABCDEFGH", 8);
	expect_mmio(&b, NOWHERE + 8, 8, false);
	memcpy(b.x.mmio.data, "IJKLMNOP", 8);
	expect_mmio(&b, NOWHERE + 16, 8, true);
	assert_memory_equal(b.x.mmio.data, "ABCDEFGH", 8);
	expect_mmio(&b, NOWHERE + 24, 8, true);
	assert_memory_equal(b.x.mmio.data, "IJKLMNOP", 8);
	assert_exit(&b, SNUG_EXIT_STATUS);
	box_close(&b);
}

/* ROM: reading works, a write comes to the caller, and the bytes stay. */
GUEST16(rom16, "mov $0x9000, %ax\nmov %ax, %ds\nmov 16, %ax\nmov $0x2211, %ax\nmov %ax, 16\nmov 16, %ax\n"
               "mov %al, %ah\n" DONE);
GUEST32(rom32, "mov $0x2000010, %ebx\nmovw $0x2211, (%ebx)\nmov (%ebx), %ah\n" DONE);
GUEST64(rom64, "mov $0x2000010, %ebx\nmovw $0x2211, (%rbx)\nmov (%rbx), %ah\n" DONE);

static const struct rom {
	enum snug_mode mode;
	const uint8_t *code, *end;
	uint64_t ram;
	snug_gpa gpa;
} roms[] = {
    {SNUG_MODE_REAL, rom16, rom16_end, 0x80000, 0x90000},
    {SNUG_MODE_PROTECTED, rom32, rom32_end, 0, 0x2000000},
    {SNUG_MODE_LONG, rom64, rom64_end, 0, 0x2000000},
    {SNUG_MODE_USER, rom64, rom64_end, 0, 0x2000000},
};

static void write_to_rom(void **state)
{
	const struct rom *r = *state;
	struct snug_region region = {.gpa = r->gpa, .bytes = 0x1000, .flags = SNUG_MEM_READONLY, .name = "rom"};
	uint8_t bytes[4];
	struct box b;

	box_open(&b, (struct snug_config){.mem_bytes = r->ram, .devices = SNUG_DEV_ALL});
	assert_int_equal(snug_mem_add(b.vm, &region, &b.e), 0);
	assert_int_equal(snug_mem_write(b.vm, r->gpa + 16, "\x5a\x5b\x5c\x5d", 4), 0);
	box_load(&b, r->mode, r->code, r->end);
	expect_mmio(&b, r->gpa + 16, 2, true);
	assert_memory_equal(b.x.mmio.data, "\x11\x22", 2);
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(box_reg(&b, "rax") >> 8 & 0xff, 0x5a);
	assert_int_equal(snug_mem_read(b.vm, r->gpa + 16, bytes, 4), 0);
	assert_memory_equal(bytes, "\x5a\x5b\x5c\x5d", 4);
	box_close(&b);
}

/* A region comes and goes between runs: the guest sees it at once. */
GUEST64(comes, "mov $0x2000000, %ebx\n1: mov (%rbx), %al\nout %al, $0xf4\njmp 1b");

static void memory_comes_and_goes(void **state)
{
	struct snug_region region = {.gpa = 0x2000000, .bytes = 0x200000};
	struct box b;

	BOX(&b, *(const enum snug_mode *)*state, comes);
	for (int i = 0; i < 3; i++) {
		expect_mmio(&b, 0x2000000, 1, false);
		b.x.mmio.data[0] = 7;
		assert_exit(&b, SNUG_EXIT_STATUS);
		assert_int_equal(b.x.status.value, 7);
		assert_int_equal(snug_mem_add(b.vm, &region, &b.e), 0);
		assert_int_equal(snug_mem_write(b.vm, 0x2000000, "\x9", 1), 0);
		assert_exit(&b, SNUG_EXIT_STATUS);
		assert_int_equal(b.x.status.value, 9);
		assert_int_equal(snug_mem_remove(b.vm, 0x2000000, &b.e), 0);
	}
	box_close(&b);
}

static const enum snug_mode long_mode = SNUG_MODE_LONG, user_mode = SNUG_MODE_USER;

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST_NAMED("nowhere, unanswered, protected", nowhere_unanswered, NOWHERE_IN(PROTECTED, nowhere32, 4)),
	    KVM_TEST_NAMED("nowhere, unanswered, long", nowhere_unanswered, NOWHERE_IN(LONG, nowhere64, 8)),
	    KVM_TEST_NAMED("nowhere, unanswered, user", nowhere_unanswered, NOWHERE_IN(USER, nowhere64, 8)),
	    KVM_TEST_NAMED("nowhere, answered, protected", nowhere_answered, NOWHERE_IN(PROTECTED, nowhere32, 4)),
	    KVM_TEST_NAMED("nowhere, answered, long", nowhere_answered, NOWHERE_IN(LONG, nowhere64, 8)),
	    KVM_TEST_NAMED("nowhere, answered, user", nowhere_answered, NOWHERE_IN(USER, nowhere64, 8)),
	    KVM_TEST(nowhere_ignored),
	    KVM_TEST_NAMED("access over two pages, long", access_over_two_pages, &long_mode),
	    KVM_TEST_NAMED("access over two pages, user", access_over_two_pages, &user_mode),
	    KVM_TEST_NAMED("access over the end of RAM, long", access_over_the_end_of_ram, &long_mode),
	    KVM_TEST_NAMED("access over the end of RAM, user", access_over_the_end_of_ram, &user_mode),
	    KVM_TEST_NAMED("sixteen bytes, long", sixteen_bytes, &long_mode),
	    KVM_TEST_NAMED("sixteen bytes, user", sixteen_bytes, &user_mode),
	    KVM_TEST_NAMED("write to ROM, real", write_to_rom, &roms[0]),
	    KVM_TEST_NAMED("write to ROM, protected", write_to_rom, &roms[1]),
	    KVM_TEST_NAMED("write to ROM, long", write_to_rom, &roms[2]),
	    KVM_TEST_NAMED("write to ROM, user", write_to_rom, &roms[3]),
	    KVM_TEST_NAMED("memory comes and goes, long", memory_comes_and_goes, &long_mode),
	    KVM_TEST_NAMED("memory comes and goes, user", memory_comes_and_goes, &user_mode),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}

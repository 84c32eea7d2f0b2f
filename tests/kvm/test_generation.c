/* SPDX-License-Identifier: MIT */
/* generation: what a guest is told of its life, and where it cannot have the host write for it */
#include "../vmtest.h"

#define PLACE 0x200000ull
#define TABLES 0xfef00000ull

/* rsi: the address.  Tells it, then reads the id by the port in pieces of each size, and stops. */
#define TELL                                                                                                         \
	"mov $0x5f4, %edx\nmov %rsi, %rax\nshr $32, %rax\nout %eax, %dx\nmov $0x5f0, %edx\nmov %esi, %eax\n"         \
	"out %eax, %dx\n"
GUEST64(tell, TELL "in %dx, %eax\nmov %eax, %r8d\nmov $0x5f4, %edx\nin %dx, %ax\nmovzwl %ax, %r9d\nmov $0x5ff, %edx\n"
                   "in %dx, %al\nmovzbl %al, %r10d\nmov $0x5e0, %edx\nout %al, %dx");

static void run_tell(struct box *b, enum snug_mode mode, uint64_t gpa)
{
	BOX_LOAD(b, mode, tell);
	assert_int_equal(snug_vcpu_set_reg(b->cpu, "rsi", gpa, &b->e), 0);
	assert_exit(b, SNUG_EXIT_STATUS);
}

static const enum snug_mode modes[] = {SNUG_MODE_LONG, SNUG_MODE_USER};

static void tells(void **state)
{
	enum snug_mode mode = *(const enum snug_mode *)*state;
	uint8_t told[48], again[48], id[16], zero[48] = {0};
	struct box b;

	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL});
	run_tell(&b, mode, PLACE + 4090);
	assert_int_equal(snug_mem_read(b.vm, PLACE + 4090, told, 48), 0);
	assert_int_equal(snug_generation(b.vm, id), 0);
	assert_memory_equal(id, told, 16);
	assert_memory_not_equal(id, zero, 16);
	assert_memory_not_equal(told + 16, zero, 32);
	assert_memory_equal(&(uint32_t){(uint32_t)box_reg(&b, "r8")}, id, 4);
	assert_memory_equal(&(uint16_t){(uint16_t)box_reg(&b, "r9")}, id + 4, 2);
	assert_int_equal(box_reg(&b, "r10"), id[15]);
	/* The same life elsewhere: the same id, another seed; the first place is left alone. */
	run_tell(&b, mode, PLACE);
	assert_int_equal(snug_mem_read(b.vm, PLACE, again, 48), 0);
	assert_memory_equal(again, told, 16);
	assert_memory_not_equal(again + 16, told + 16, 32);
	assert_int_equal(snug_mem_read(b.vm, PLACE + 4090, again, 48), 0);
	assert_memory_equal(again, told, 48);
	box_close(&b);
}

static void differs_between_vms(void **state)
{
	uint8_t a[16], b[16], again[16];
	struct box one, two;

	(void)state;
	box_open(&one, (struct snug_config){0});
	box_open(&two, (struct snug_config){.devices = SNUG_DEV_ALL});
	assert_int_equal(snug_generation(one.vm, a), 0);
	assert_int_equal(snug_generation(two.vm, b), 0);
	assert_memory_not_equal(a, b, 16);
	assert_int_equal(snug_generation(one.vm, again), 0);
	assert_memory_equal(a, again, 16);
	box_close(&one);
	box_close(&two);
}

/* All of what is no RAM of the guest's own: the tables stay as they are, and so does all else. */
static void hostile_addresses(void **state)
{
	enum snug_mode mode = *(const enum snug_mode *)*state;
	const uint64_t top = 16 << 20, rom = 0xd0000000;
	const uint64_t bad[] = {
	    TABLES,         TABLES + 0x5000, TABLES - 8, rom,        rom - 8,         rom + 4000,      top,
	    top - 47,       0xfeffc000,      1ull << 52, 1ull << 63, UINT64_MAX - 47, UINT64_MAX - 10, UINT64_MAX,
	    0x1000000000ull};
	struct snug_region ro = {.gpa = rom, .bytes = 0x1000, .flags = SNUG_MEM_READONLY};
	static uint8_t before[0x10000], after[0x10000];
	uint8_t zero[48] = {0}, now[48];
	struct snug_region tables;
	struct box b;
	unsigned index = 0;

	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL});
	assert_int_equal(snug_mem_add(b.vm, &ro, &b.e), 0);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		BOX_LOAD(&b, mode, tell);
		while (snug_mem_region(b.vm, index, &tables) == 0 && tables.gpa != TABLES)
			index++;
		assert_in_range(tables.bytes, 0x5000 + 48, sizeof(before));
		assert_int_equal(snug_mem_read(b.vm, TABLES, before, tables.bytes), 0);
		assert_int_equal(snug_vcpu_set_reg(b.cpu, "rsi", bad[i], &b.e), 0);
		assert_exit(&b, SNUG_EXIT_STATUS);
		assert_int_equal(snug_mem_read(b.vm, TABLES, after, tables.bytes), 0);
		/* The CPU sets accessed bits in tables by itself; an id and a seed change more than those. */
		for (unsigned k = 0; k < tables.bytes; k++)
			assert_int_equal(before[k] & ~0x62, after[k] & ~0x62);
		assert_int_equal(snug_mem_read(b.vm, rom, now, 48), 0);
		assert_memory_equal(now, zero, 48);
		assert_int_equal(snug_mem_read(b.vm, top - 47, now, 47), 0);
		assert_memory_equal(now, zero, 47);
	}
	run_tell(&b, mode, top - 48); /* the last that is right */
	assert_int_equal(snug_mem_read(b.vm, top - 48, now, 48), 0);
	assert_memory_not_equal(now, zero, 48);
	box_close(&b);
}

static int fixed(void *ctx, void *bytes, size_t len)
{
	memset(bytes, *(const int *)ctx, len);
	return 0;
}

static int broken(void *ctx, void *bytes, size_t len)
{
	(void)bytes, (void)len;
	return *(const int *)ctx;
}

static void random_of_the_callers(void **state)
{
	int value = 0x5a, error = -EAGAIN;
	struct snug_hygiene h = {.size = sizeof(h), .random = fixed, .ctx = &value};
	uint8_t id[16], want[48];
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL});
	assert_int_equal(snug_hygiene_set(b.vm, &(struct snug_hygiene){.random = broken, .ctx = &error}, &b.e), 0);
	assert_int_equal(snug_generation(b.vm, id), -EAGAIN);
	run_tell(&b, SNUG_MODE_LONG, 0);
	assert_int_equal(box_reg(&b, "r8"), 0xffffffff);
	assert_int_equal(snug_hygiene_set(b.vm, &h, &b.e), 0);
	run_tell(&b, SNUG_MODE_LONG, PLACE);
	assert_int_equal(box_reg(&b, "r8"), 0x5a5a5a5a);
	memset(want, 0x5a, sizeof(want));
	assert_memory_equal(snug_mem_ptr(b.vm, PLACE, 48, false), want, 48);
	h.time = (enum snug_time)7;
	assert_int_equal(snug_hygiene_set(b.vm, &h, &b.e), -EINVAL);
	assert_non_null(strstr(b.e.msg, "time 7"));
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST_NAMED("tells, long", tells, &modes[0]),
	    KVM_TEST_NAMED("tells, user", tells, &modes[1]),
	    KVM_TEST(differs_between_vms),
	    KVM_TEST_NAMED("hostile addresses, long", hostile_addresses, &modes[0]),
	    KVM_TEST_NAMED("hostile addresses, user", hostile_addresses, &modes[1]),
	    KVM_TEST(random_of_the_callers),
	};

	return cmocka_run_group_tests_name("generation", tests, NULL, NULL);
}

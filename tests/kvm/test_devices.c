/* SPDX-License-Identifier: MIT */
/* devices: ranges of ports and addresses, as the caller gives them to devices of its own */
#include "../vmtest.h"

/* A device that keeps a journal and answers 0x8877665544332211. */
struct entry {
	uint64_t offset, value;
	unsigned size;
	bool write;
};

struct journal {
	struct entry entries[32];
	unsigned count;
};

static struct entry *next(struct journal *j, uint64_t offset, unsigned size)
{
	assert_true(j->count < 32);
	j->entries[j->count] = (struct entry){.offset = offset, .size = size};
	return &j->entries[j->count++];
}

static uint64_t journal_read(void *self, uint64_t offset, unsigned size)
{
	next(self, offset, size);
	return 0x8877665544332211; /* more bits than asked for: those above size are dropped */
}

static void journal_write(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	struct entry *e = next(self, offset, size);

	e->value = value;
	e->write = true;
}

static const struct snug_device_ops journal_ops = {.read = journal_read, .write = journal_write};

static void expect_entries(const struct journal *j, const struct entry *want, unsigned count)
{
	assert_int_equal(j->count, count);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(j->entries[i].offset, want[i].offset);
		assert_int_equal(j->entries[i].size, want[i].size);
		assert_int_equal(j->entries[i].write, want[i].write);
		assert_int_equal(j->entries[i].value, want[i].value);
	}
}

GUEST64(ports, "mov $0x500, %edx\nmov $0xaabbccdd, %eax\nout %al, %dx\ninc %edx\nout %ax, %dx\ninc %edx\n"
               "out %eax, %dx\nxor %eax, %eax\nin %dx, %eax\nmov %eax, %ebx\nin %dx, %ax\nmov %eax, %ecx\n"
               "in %dx, %al\nhlt");

static void port_sizes(void **state)
{
	static const struct entry want[] = {
	    {0, 0xdd, 1, true}, {1, 0xccdd, 2, true}, {2, 0xaabbccdd, 4, true},
	    {2, 0, 4, false},   {2, 0, 2, false},     {2, 0, 1, false},
	};
	struct journal j = {0};
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, ports);
	assert_int_equal(snug_pio_add(b.vm, 0x500, 8, &journal_ops, &j, &b.e), 0);
	assert_exit(&b, SNUG_EXIT_HLT);
	expect_entries(&j, want, 6);
	assert_int_equal(box_reg(&b, "rbx"), 0x44332211);
	assert_int_equal(box_reg(&b, "rcx"), 0x44332211);
	assert_int_equal(box_reg(&b, "rax"), 0x44332211);
	box_close(&b);
}

/* A device of narrow registers sees pieces; what passes its end reads as ones. */
static void narrow_device(void **state)
{
	static const struct entry want[] = {
	    {0, 0xdd, 1, true}, {1, 0xdd, 1, true}, {2, 0xcc, 1, true}, {2, 0xdd, 1, true}, {3, 0xcc, 1, true},
	    {2, 0, 1, false},   {3, 0, 1, false},   {2, 0, 1, false},   {3, 0, 1, false},   {2, 0, 1, false},
	};
	struct snug_device_ops ops = journal_ops;
	struct journal j = {0};
	struct box b;

	(void)state;
	ops.max_size = 1;
	BOX(&b, SNUG_MODE_LONG, ports);
	assert_int_equal(snug_pio_add(b.vm, 0x500, 4, &ops, &j, &b.e), 0);
	assert_exit(&b, SNUG_EXIT_HLT);
	expect_entries(&j, want, 10);
	assert_int_equal(box_reg(&b, "rbx"), 0xffff1111);
	box_close(&b);
}

GUEST64(mmio, "mov $0xd0000000, %ebx\nmovabs $0x1122334455667788, %rax\nmov %al, (%rbx)\nmov %ax, 2(%rbx)\n"
              "mov %eax, 4(%rbx)\nmov %rax, 8(%rbx)\nmov 8(%rbx), %rcx\nmov 4(%rbx), %edx\nmovzwl 2(%rbx), %esi\n"
              "movzbl (%rbx), %edi\nhlt");

static void mmio_sizes(void **state)
{
	static const struct entry want[] = {
	    {0, 0x88, 1, true}, {2, 0x7788, 2, true}, {4, 0x55667788, 4, true}, {8, 0x1122334455667788, 8, true},
	    {8, 0, 8, false},   {4, 0, 4, false},     {2, 0, 2, false},         {0, 0, 1, false},
	};
	struct journal j = {0};
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, mmio);
	assert_int_equal(snug_mmio_add(b.vm, 0xd0000000, 0x1000, &journal_ops, &j, &b.e), 0);
	assert_exit(&b, SNUG_EXIT_HLT);
	expect_entries(&j, want, 8);
	assert_int_equal(box_reg(&b, "rcx"), 0x8877665544332211);
	assert_int_equal(box_reg(&b, "rdx"), 0x44332211);
	assert_int_equal(box_reg(&b, "rsi"), 0x2211);
	assert_int_equal(box_reg(&b, "rdi"), 0x11);
	box_close(&b);
}

/* Without functions: writes are dropped, reads give ones, and the caller hears nothing. */
static void silent_device(void **state)
{
	static const struct snug_device_ops none = {.size = sizeof(none)};
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, ports);
	assert_int_equal(snug_pio_add(b.vm, 0x500, 8, &none, NULL, &b.e), 0);
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_int_equal(box_reg(&b, "rbx"), 0xffffffff);
	box_close(&b);
}

static void refused(void **state)
{
	static const struct snug_device_ops bad_size = {.size = 100000}, bad_max = {.max_size = 3};
	const struct snug_device_ops *ops = &journal_ops;
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL});
	assert_int_equal(snug_pio_add(b.vm, 0x500, 8, ops, NULL, &b.e), 0);
	assert_int_equal(snug_pio_add(b.vm, 0x507, 1, ops, NULL, &b.e), -EEXIST);
	assert_non_null(strstr(b.e.msg, "0x507"));
	assert_non_null(strstr(b.e.msg, "0x500"));
	assert_int_equal(snug_pio_add(b.vm, 0x4ff, 2, ops, NULL, &b.e), -EEXIST);
	assert_int_equal(snug_pio_add(b.vm, 0, 65536, ops, NULL, &b.e), -EEXIST);
	assert_int_equal(snug_pio_add(b.vm, 0x3f8, 1, ops, NULL, &b.e), -EEXIST); /* built in */
	assert_int_equal(snug_pio_add(b.vm, 0x508, 0, ops, NULL, &b.e), -EINVAL);
	assert_int_equal(snug_pio_add(b.vm, 0xffff, 2, ops, NULL, &b.e), -EINVAL);
	assert_int_equal(snug_pio_add(b.vm, 0x600, 1, NULL, NULL, &b.e), -EINVAL);
	assert_int_equal(snug_pio_add(b.vm, 0x600, 1, &bad_size, NULL, &b.e), -EINVAL);
	assert_int_equal(snug_pio_add(b.vm, 0x600, 1, &bad_max, NULL, &b.e), -EINVAL);
	assert_int_equal(snug_pio_add(b.vm, 0xffff, 1, ops, NULL, &b.e), 0);
	assert_int_equal(snug_pio_remove(b.vm, 0x501), -ENOENT);
	assert_int_equal(snug_pio_remove(b.vm, 0x500), 0);
	assert_int_equal(snug_pio_remove(b.vm, 0x500), -ENOENT);

	assert_int_equal(snug_mmio_add(b.vm, 0x1000, 8, ops, NULL, &b.e), -EEXIST);
	assert_non_null(strstr(b.e.msg, "'ram'"));
	assert_int_equal(snug_mmio_add(b.vm, 0xffffff, 8, ops, NULL, &b.e), -EEXIST);
	assert_int_equal(snug_mmio_add(b.vm, 0xd0000000, 0x100, ops, NULL, &b.e), 0);
	assert_int_equal(snug_mmio_add(b.vm, 0xd00000ff, 1, ops, NULL, &b.e), -EEXIST);
	assert_int_equal(snug_mmio_add(b.vm, 0xd0000100, 0, ops, NULL, &b.e), -EINVAL);
	assert_int_equal(snug_mmio_add(b.vm, UINT64_MAX, 2, ops, NULL, &b.e), -EINVAL);
	assert_int_equal(snug_mmio_add(b.vm, UINT64_MAX, 1, ops, NULL, &b.e), 0);
	assert_int_equal(snug_mmio_remove(b.vm, 0xd0000000), 0);
	assert_int_equal(snug_mmio_remove(b.vm, 0xd0000000), -ENOENT);
	box_close(&b);
}

GUEST64(knock, "mov $0x500, %edx\n1: in %dx, %al\nout %al, $0xf4\njmp 1b");

/* A range that was taken away is nobody's again. */
static void removed(void **state)
{
	struct journal j = {0};
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, knock);
	assert_int_equal(snug_pio_add(b.vm, 0x500, 1, &journal_ops, &j, &b.e), 0);
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(b.x.status.value, 0x11);
	assert_int_equal(snug_pio_remove(b.vm, 0x500), 0);
	assert_exit(&b, SNUG_EXIT_PIO);
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(b.x.status.value, 0xff);
	assert_int_equal(snug_pio_add(b.vm, 0x500, 1, &journal_ops, &j, &b.e), 0);
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(b.x.status.value, 0x11);
	assert_int_equal(j.count, 2);
	box_close(&b);
}

static void unclaimed_is_ignored(void **state)
{
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL, .unclaimed = SNUG_UNCLAIMED_IGNORE});
	BOX_LOAD(&b, SNUG_MODE_LONG, knock);
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(b.x.status.value, 0xff);
	box_close(&b);
}

/* A device may look at guest memory, write it, and kick: a doorbell that fetches its order. */
struct doorbell {
	struct box *box;
	uint32_t order;
};

static void ring(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	struct doorbell *d = self;

	(void)offset, (void)size;
	assert_int_equal(snug_mem_read(d->box->vm, value, &d->order, 4), 0);
	assert_int_equal(snug_mem_write(d->box->vm, value + 4, "done", 4), 0);
	snug_vcpu_kick(d->box->cpu);
}

GUEST64(order, "mov $0x200000, %eax\nmovl $0x1234, (%rax)\nmov $0x500, %edx\nout %eax, %dx\nmov 4(%rax), %ebx\nhlt");

static void device_uses_memory_and_kicks(void **state)
{
	static const struct snug_device_ops ops = {.write = ring};
	struct doorbell d = {0};
	struct box b;

	(void)state;
	d.box = &b;
	BOX(&b, SNUG_MODE_LONG, order);
	assert_int_equal(snug_pio_add(b.vm, 0x500, 4, &ops, &d, &b.e), 0);
	assert_exit(&b, SNUG_EXIT_KICKED);
	assert_int_equal(d.order, 0x1234);
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_int_equal(box_reg(&b, "rbx"), 0x656e6f64);
	box_close(&b);
}

/* The registers may be read after an access a device took: it is over. */
static void registers_after_a_device(void **state)
{
	static const struct snug_device_ops ops = {.write = ring};
	struct doorbell d = {0};
	struct box b;

	(void)state;
	d.box = &b;
	BOX(&b, SNUG_MODE_LONG, order);
	assert_int_equal(snug_pio_add(b.vm, 0x500, 4, &ops, &d, &b.e), 0);
	assert_exit(&b, SNUG_EXIT_KICKED);
	assert_int_equal(box_reg(&b, "rip"), BASE + 17); /* behind the out */
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST(port_sizes),
	    KVM_TEST(narrow_device),
	    KVM_TEST(mmio_sizes),
	    KVM_TEST(silent_device),
	    KVM_TEST(refused),
	    KVM_TEST(removed),
	    KVM_TEST(unclaimed_is_ignored),
	    KVM_TEST(device_uses_memory_and_kicks),
	    KVM_TEST(registers_after_a_device),
	};

	return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* regs: registers by struct and by name, CPUID, and what a pending access does to them */
#include <stdlib.h>

#include "../vmtest.h"

GUEST64(halt, "hlt");

static void general_by_struct(void **state)
{
	struct snug_regs in = {.rflags = 2}, out = {0};
	uint64_t *r = &in.rax;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, halt);
	for (uint64_t i = 0; i < 17; i++) /* rax to rip lie in a row */
		r[i] = 0x0123456789abc000 + i;
	in.rip = BASE;
	assert_int_equal(snug_vcpu_set_regs(b.cpu, &in, &b.e), 0);
	assert_int_equal(snug_vcpu_get_regs(b.cpu, &out, &b.e), 0);
	assert_memory_equal(&in, &out, sizeof(in));
	assert_exit(&b, SNUG_EXIT_HLT);
	in.rip++;
	assert_int_equal(snug_vcpu_get_regs(b.cpu, &out, &b.e), 0);
	assert_memory_equal(&in, &out, offsetof(struct snug_regs, rflags));
	box_close(&b);
}

static void special_by_struct(void **state)
{
	struct snug_sregs in, out;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, halt);
	assert_int_equal(snug_vcpu_get_sregs(b.cpu, &in, &b.e), 0);
	assert_int_equal(in.cr0 & 0x80000001, 0x80000001);
	assert_int_equal(in.efer & 0x500, 0x500);
	assert_int_equal(in.cs.l, 1);
	assert_int_equal(in.ss.dpl, 0);
	in.fs.base = 0x123456789000;
	in.gs.base = 0x23456789a000;
	in.cr2 = 0x3456789ab000;
	in.gdt.limit = 0x37;
	assert_int_equal(snug_vcpu_set_sregs(b.cpu, &in, &b.e), 0);
	assert_int_equal(snug_vcpu_get_sregs(b.cpu, &out, &b.e), 0);
	assert_int_equal(out.fs.base, 0x123456789000);
	assert_int_equal(out.gs.base, 0x23456789a000);
	assert_int_equal(out.cr2, 0x3456789ab000);
	assert_int_equal(out.gdt.limit, 0x37);
	assert_int_equal(out.cr3, in.cr3);
	box_close(&b);
}

/* What a register may be changed to, in long mode, on every host; the rest is set to what it is. */
static uint64_t other_value(const char *name, uint64_t old)
{
	static const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
	    {"rflags", 0x246},        {"cr2", 0x1234567890},   {"cr8", 5},
	    {"fs.base", 0x123456000}, {"gs.base", 0x23456000}, {"gdt.base", 0x300000},
	    {"gdt.limit", 0x17},      {"idt.base", 0x400000},  {"idt.limit", 0x1ff},
	    {"ldt.base", 0x500000},   {"tr.base", 0x600000},   {"rip", 0x123456},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(name, rows[i].name))
			return rows[i].value;
	return name[0] == 'r' ? ~old ^ 0x5aull : old;
}

static void every_name(void **state)
{
	unsigned count = 0;
	const char *name;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, halt);
	for (; (name = snug_reg_name(count)); count++) {
		uint64_t old = box_reg(&b, name), new = other_value(name, old);

		if (snug_vcpu_set_reg(b.cpu, name, new, &b.e) < 0)
			fail_msg("%s: %s", name, b.e.msg);
		if (box_reg(&b, name) != new)
			fail_msg("%s: set to 0x%llx, is 0x%llx", name, (unsigned long long)new,
			         (unsigned long long)box_reg(&b, name));
		assert_int_equal(snug_vcpu_set_reg(b.cpu, name, old, &b.e), 0);
		for (unsigned i = 0; i < count; i++)
			assert_string_not_equal(snug_reg_name(i), name);
	}
	assert_int_equal(count, 18 + 7 + 8 * 12 + 4);
	assert_null(snug_reg_name(UINT32_MAX));
	assert_exit(&b, SNUG_EXIT_HLT); /* and all is as it was */
	box_close(&b);
}

/* A name means the field of that name. */
static void names_and_structs_agree(void **state)
{
	struct snug_regs r;
	struct snug_sregs s;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_USER, halt);
	assert_int_equal(snug_vcpu_get_regs(b.cpu, &r, &b.e), 0);
	assert_int_equal(snug_vcpu_get_sregs(b.cpu, &s, &b.e), 0);
	assert_int_equal(box_reg(&b, "rip"), r.rip);
	assert_int_equal(box_reg(&b, "rsp"), r.rsp);
	assert_int_equal(box_reg(&b, "cs"), s.cs.selector);
	assert_int_equal(box_reg(&b, "cs.dpl"), s.cs.dpl);
	assert_int_equal(box_reg(&b, "cs.type"), s.cs.type);
	assert_int_equal(box_reg(&b, "ss.limit"), s.ss.limit);
	assert_int_equal(box_reg(&b, "tr.base"), s.tr.base);
	assert_int_equal(box_reg(&b, "cr3"), s.cr3);
	assert_int_equal(box_reg(&b, "efer"), s.efer);
	assert_int_equal(box_reg(&b, "idt.limit"), s.idt.limit);
	box_close(&b);
}

static void bad_names_and_values(void **state)
{
	uint64_t v = 7;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, halt);
	assert_int_equal(snug_vcpu_get_reg(b.cpu, "eax", &v, &b.e), -EINVAL);
	assert_non_null(strstr(b.e.msg, "'eax'"));
	assert_int_equal(snug_vcpu_get_reg(b.cpu, "", &v, &b.e), -EINVAL);
	assert_int_equal(snug_vcpu_get_reg(b.cpu, NULL, &v, &b.e), -EINVAL);
	assert_int_equal(snug_vcpu_set_reg(b.cpu, "rax ", 1, &b.e), -EINVAL);
	assert_int_equal(v, 7);
	assert_int_equal(snug_vcpu_set_reg(b.cpu, "cs", 0x10000, &b.e), -EINVAL);
	assert_non_null(strstr(b.e.msg, "cs has 16 bits"));
	assert_int_equal(snug_vcpu_set_reg(b.cpu, "ds.limit", 1ull << 32, &b.e), -EINVAL);
	assert_int_equal(snug_vcpu_set_reg(b.cpu, "ds.dpl", 256, &b.e), -EINVAL);
	box_close(&b);
}

/* What no CPU takes is refused by KVM, and the message names the field. */
static void refused_values_name_the_field(void **state)
{
	static const struct {
		const char *name;
		uint64_t value;
		const char *says;
	} rows[] = {
	    {"cr0", 1ull << 32 | 0x80000011, "cr0"}, {"cr0", 0x80000010, "cr0: PG without PE"},
	    {"cr4", 0, "cr4: long mode needs PAE"},  {"efer", 0x100, "efer: LME with paging needs LMA"},
	    {"efer", 0x400, "efer: LMA without"},
	};
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, halt);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(snug_vcpu_set_reg(b.cpu, rows[i].name, rows[i].value, &b.e), -EINVAL);
		if (!strstr(b.e.msg, rows[i].says))
			fail_msg("'%s' does not say '%s'", b.e.msg, rows[i].says);
		assert_int_equal(b.e.step, SNUG_STEP_SET_SREGS);
		assert_non_null(strstr(b.e.msg, "KVM_SET_SREGS"));
	}
	assert_exit(&b, SNUG_EXIT_HLT);
	box_close(&b);
}

GUEST64(port_read, "mov $0x330, %edx\nin %dx, %eax\nhlt");
GUEST64(port_write, "mov $0x330, %edx\nout %eax, %dx\nhlt");
GUEST64(mmio_read, "mov $0xd0000ffc, %ebx\nmov (%rbx), %eax\nhlt");
GUEST64(mmio_cross, "mov $0xd0000ffc, %ebx\nmov (%rbx), %rax\nhlt");

/* While a read waits for its answer nothing of tier 3 works, and each says why. */
static void all_busy(struct box *b)
{
	struct snug_regs r;
	struct snug_sregs s;
	uint64_t v;
	uint8_t byte;
	snug_gpa gpa;

	assert_int_equal(snug_vcpu_get_regs(b->cpu, &r, &b->e), -EBUSY);
	assert_non_null(strstr(b->e.msg, "waits for its answer"));
	assert_non_null(strstr(b->e.hint, "snug_vcpu_complete"));
	assert_int_equal(snug_vcpu_set_regs(b->cpu, &r, &b->e), -EBUSY);
	assert_int_equal(snug_vcpu_get_sregs(b->cpu, &s, &b->e), -EBUSY);
	assert_int_equal(snug_vcpu_set_sregs(b->cpu, &s, &b->e), -EBUSY);
	assert_int_equal(snug_vcpu_get_reg(b->cpu, "rax", &v, &b->e), -EBUSY);
	assert_int_equal(snug_vcpu_set_reg(b->cpu, "rax", 1, &b->e), -EBUSY);
	assert_int_equal(snug_vcpu_translate(b->cpu, 0, &gpa, &b->e), -EBUSY);
	assert_int_equal(snug_vcpu_read(b->cpu, 0, &byte, 1, &b->e), -EBUSY);
	assert_int_equal(snug_vcpu_boot(b->cpu, SNUG_MODE_LONG, BASE, BASE, &b->e), -EBUSY);
	assert_int_equal(snug_vcpu_get_cpuid(b->cpu, NULL, 0, &b->e), -EBUSY);
}

static void pending_read(enum snug_exit_kind kind, const uint8_t *code, const uint8_t *end)
{
	struct box b;
	uint8_t *data;

	box_open(&b, (struct snug_config){0});
	box_load(&b, SNUG_MODE_LONG, code, end);
	assert_exit(&b, kind);
	data = kind == SNUG_EXIT_PIO ? b.x.pio.data : b.x.mmio.data;
	all_busy(&b);
	memcpy(data, "\x44\x33\x22\x11", 4);
	assert_int_equal(snug_vcpu_complete(b.cpu, &b.e), 0);
	assert_int_equal(box_reg(&b, "rax"), 0x11223344);
	assert_int_equal(snug_vcpu_complete(b.cpu, &b.e), 0); /* nothing is pending: nothing is done */
	assert_int_equal(box_reg(&b, "rip"), BASE + (uint64_t)(end - code) - 1);
	assert_exit(&b, SNUG_EXIT_HLT);
	box_close(&b);
}

static void busy_while_a_port_read_waits(void **state)
{
	(void)state;
	pending_read(SNUG_EXIT_PIO, port_read, port_read_end);
}

static void busy_while_an_mmio_read_waits(void **state)
{
	(void)state;
	pending_read(SNUG_EXIT_MMIO, mmio_read, mmio_read_end);
}

/* Running on answers as well, with what is in data then. */
static void running_on_answers(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, port_read);
	assert_exit(&b, SNUG_EXIT_PIO);
	memcpy(b.x.pio.data, "\x44\x33\x22\x11", 4);
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_int_equal(box_reg(&b, "rax"), 0x11223344);
	box_close(&b);
}

/* A write needs no answer: registers show it done at once, and it is not made twice. */
static void write_is_retired_by_itself(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, port_write);
	assert_exit(&b, SNUG_EXIT_PIO);
	assert_int_equal(box_reg(&b, "rip"), BASE + 6);
	assert_int_equal(snug_vcpu_set_reg(b.cpu, "rax", 5, &b.e), 0);
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_int_equal(box_reg(&b, "rax"), 5);
	box_close(&b);
}

/* An access over a page is two: completing the first gives the second. */
static void complete_over_a_page(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, mmio_cross);
	assert_exit(&b, SNUG_EXIT_MMIO);
	assert_int_equal(b.x.mmio.size, 4);
	memcpy(b.x.mmio.data, "\1\2\3\4", 4);
	assert_int_equal(snug_vcpu_complete(b.cpu, &b.e), -EBUSY);
	assert_non_null(strstr(b.e.msg, "another access"));
	all_busy(&b);
	assert_exit(&b, SNUG_EXIT_MMIO);
	assert_int_equal(b.x.mmio.gpa, 0xd0001000);
	assert_int_equal(b.x.mmio.size, 4);
	all_busy(&b);
	memcpy(b.x.mmio.data, "\5\6\7\10", 4);
	assert_int_equal(snug_vcpu_complete(b.cpu, &b.e), 0);
	assert_int_equal(box_reg(&b, "rax"), 0x0807060504030201);
	assert_exit(&b, SNUG_EXIT_HLT);
	box_close(&b);
}

GUEST64(mmio_cross_write, "mov $0xd0000ffc, %ebx\nmovabs $0x0807060504030201, %rax\nmov %rax, (%rbx)\nhlt");

/* The second half is nobody's to lose: until a run has returned it, the registers stay out of reach. */
static void write_over_a_page(void **state)
{
	struct box b;
	struct snug_regs r;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, mmio_cross_write);
	assert_exit(&b, SNUG_EXIT_MMIO);
	assert_memory_equal(b.x.mmio.data, "\1\2\3\4", 4);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(snug_vcpu_get_regs(b.cpu, &r, &b.e), -EBUSY);
		assert_non_null(strstr(b.e.msg, "another access"));
	}
	assert_exit(&b, SNUG_EXIT_MMIO);
	assert_int_equal(b.x.mmio.gpa, 0xd0001000);
	assert_memory_equal(b.x.mmio.data, "\5\6\7\10", 4);
	assert_int_equal(snug_vcpu_get_regs(b.cpu, &r, &b.e), 0);
	assert_exit(&b, SNUG_EXIT_HLT);
	box_close(&b);
}

/* The same with a device on the second page: it is asked, and the caller is not. */
static uint64_t device_read(void *self, uint64_t offset, unsigned size)
{
	(void)size;
	++*(unsigned *)self;
	return 0x08070605 >> (8 * offset);
}

static void complete_over_a_page_into_a_device(void **state)
{
	static const struct snug_device_ops ops = {.read = device_read};
	unsigned asked = 0;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, mmio_cross);
	assert_int_equal(snug_mmio_add(b.vm, 0xd0001000, 0x1000, &ops, &asked, &b.e), 0);
	assert_exit(&b, SNUG_EXIT_MMIO);
	memcpy(b.x.mmio.data, "\1\2\3\4", 4);
	assert_int_equal(snug_vcpu_complete(b.cpu, &b.e), 0);
	assert_int_equal(asked, 1);
	assert_int_equal(box_reg(&b, "rax"), 0x0807060504030201);
	assert_exit(&b, SNUG_EXIT_HLT);
	box_close(&b);
}

GUEST64(cpuid, "xor %eax, %eax\nxor %ecx, %ecx\ncpuid\nhlt");

/* Room for every row KVM knows. */
#define ROWS 256

static void cpuid_table(void **state)
{
	static struct snug_cpuid rows[ROWS], again[ROWS];
	struct box b;
	int n;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, cpuid);
	n = snug_vcpu_get_cpuid(b.cpu, rows, ROWS, &b.e);
	assert_in_range(n, 2, ROWS);
	assert_int_equal(snug_vcpu_get_cpuid(b.cpu, NULL, 0, &b.e), n);
	assert_int_equal(snug_vcpu_get_cpuid(b.cpu, again, 1, &b.e), n);
	assert_memory_equal(rows, again, sizeof(rows[0]));
	assert_int_equal(again[1].function | again[1].eax | again[1].ebx, 0); /* max is kept to */

	for (int i = 0; i < n; i++)
		if (rows[i].function == 0)
			memcpy(&rows[i].ebx, "snug", 4);
	assert_int_equal(snug_vcpu_set_cpuid(b.cpu, rows, (size_t)n, &b.e), 0);
	assert_int_equal(snug_vcpu_get_cpuid(b.cpu, again, ROWS, &b.e), n);
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_int_equal(box_reg(&b, "rbx"), 0x67756e73);
	assert_int_equal(snug_vcpu_set_cpuid(b.cpu, rows, (size_t)n, &b.e), -EINVAL);
	assert_non_null(strstr(b.e.msg, "has run"));
	box_close(&b);
}

static void cpuid_table_too_long(void **state)
{
	struct snug_cpuid *rows = calloc(100000, sizeof(*rows));
	struct box b;

	(void)state;
	assert_non_null(rows);
	BOX(&b, SNUG_MODE_LONG, cpuid);
	assert_int_equal(snug_vcpu_set_cpuid(b.cpu, rows, 100000, &b.e), -E2BIG);
	assert_non_null(strstr(b.e.msg, "100000"));
	assert_exit(&b, SNUG_EXIT_HLT);
	box_close(&b);
	free(rows);
}

static void boot_refusals(void **state)
{
	static const struct {
		int mode;
		uint64_t entry, stack;
		int code;
	} rows[] = {
	    {SNUG_MODE_AUTO, 0, 0, -EINVAL},
	    {99, 0, 0, -EINVAL},
	    {-1, 0, 0, -EINVAL},
	    {SNUG_MODE_REAL, 0x100000, 0x7000, -ERANGE},
	    {SNUG_MODE_REAL, 0x1000, 0x10001, -ERANGE},
	    {SNUG_MODE_REAL, 0xfffff, 0x10000, 0},
	    {SNUG_MODE_PROTECTED, 1ull << 32, 0, -ERANGE},
	    {SNUG_MODE_PROTECTED, 0, (1ull << 32) + 1, -ERANGE},
	    {SNUG_MODE_PROTECTED, 0xffffffff, 1ull << 32, 0},
	    {SNUG_MODE_LONG, 0x123456789000, 0x123456789000, 0},
	    {SNUG_MODE_RESET, UINT64_MAX, UINT64_MAX, 0},
	};
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){0});
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		b.e = (struct snug_error){0};
		assert_int_equal(
		    snug_vcpu_boot(b.cpu, (enum snug_mode)rows[i].mode, rows[i].entry, rows[i].stack, &b.e),
		    rows[i].code);
		assert_int_equal(b.e.code, rows[i].code);
		assert_int_equal(!b.e.hint[0], !rows[i].code);
	}
	box_close(&b);
}

/* CS:IP in real mode: CS is a multiple of 0x1000. */
static void boot_in_real_mode(void **state)
{
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){0});
	assert_int_equal(snug_vcpu_boot(b.cpu, SNUG_MODE_REAL, 0x54321, 0x8000, &b.e), 0);
	assert_int_equal(box_reg(&b, "cs"), 0x5000);
	assert_int_equal(box_reg(&b, "cs.base"), 0x50000);
	assert_int_equal(box_reg(&b, "rip"), 0x4321);
	assert_int_equal(box_reg(&b, "rsp"), 0x8000);
	assert_int_equal(box_reg(&b, "cr0") & 0x80000001, 0);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST(general_by_struct),
	    KVM_TEST(special_by_struct),
	    KVM_TEST(every_name),
	    KVM_TEST(names_and_structs_agree),
	    KVM_TEST(bad_names_and_values),
	    KVM_TEST(refused_values_name_the_field),
	    KVM_TEST(busy_while_a_port_read_waits),
	    KVM_TEST(busy_while_an_mmio_read_waits),
	    KVM_TEST(running_on_answers),
	    KVM_TEST(write_is_retired_by_itself),
	    KVM_TEST(complete_over_a_page),
	    KVM_TEST(write_over_a_page),
	    KVM_TEST(complete_over_a_page_into_a_device),
	    KVM_TEST(cpuid_table),
	    KVM_TEST(cpuid_table_too_long),
	    KVM_TEST(boot_refusals),
	    KVM_TEST(boot_in_real_mode),
	};

	return cmocka_run_group_tests_name("regs", tests, NULL, NULL);
}

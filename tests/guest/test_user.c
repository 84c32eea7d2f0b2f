/* SPDX-License-Identifier: MIT */
/* user: what code at CPL 3 may do, and what it may not */
#include "../vmtest.h"

#define IOPL 0x3000 /* RFLAGS bits 13:12; SDM 1 3.4.3.3 */
#define DONE "mov $0x5e0, %edx\nout %eax, %dx\n"

/*
 * Ports are open by IOPL as hardware wants it, and by the I/O bitmap of the TSS as kvm_pvm's emulator does; that an
 * `out` works on the machine at hand shows one of them, so both are looked at.
 */
static void ports_are_open_by_iopl(void **state)
{
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){0});
	assert_int_equal(snug_vcpu_boot(b.cpu, SNUG_MODE_USER, 0x100000, 0x200000, &b.e), 0);
	assert_int_equal(box_reg(&b, "rflags") & IOPL, IOPL);
	assert_int_equal(box_reg(&b, "cs") & 3, 3);
	assert_int_equal(box_reg(&b, "ss") & 3, 3);
	assert_int_equal(box_reg(&b, "cs.dpl"), 3);
	assert_int_equal(box_reg(&b, "ss.dpl"), 3);
	box_close(&b);
}

static void ports_are_open_by_bitmap(void **state)
{
	uint64_t base, limit;
	uint16_t offset;
	uint8_t bits[8193];
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){0});
	assert_int_equal(snug_vcpu_boot(b.cpu, SNUG_MODE_USER, 0x100000, 0x200000, &b.e), 0);
	base = box_reg(&b, "tr.base");
	limit = box_reg(&b, "tr.limit");
	assert_int_equal(snug_mem_read(b.vm, base + 0x66, &offset, 2), 0); /* SDM 3A figure 7-11 */
	assert_true(offset + 8192u <= limit); /* all 65536 bits and the byte behind them */
	assert_int_equal(snug_mem_read(b.vm, base + offset, bits, sizeof(bits)), 0);
	for (unsigned i = 0; i < 8192; i++)
		assert_int_equal(bits[i], 0);
	assert_int_equal(bits[8192], 0xff);
	box_close(&b);
}

GUEST64(ports, "mov $0x1234, %edx\nmov $0x11, %al\nout %al, %dx\nmov $0x2211, %ax\nout %ax, %dx\n"
               "mov $0x44332211, %eax\nout %eax, %dx\nin %dx, %eax\n" DONE);

static void ports_work(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_USER, ports);
	for (unsigned size = 1; size <= 4; size *= 2) {
		assert_exit(&b, SNUG_EXIT_PIO);
		assert_int_equal(b.x.pio.port, 0x1234);
		assert_int_equal(b.x.pio.size, size);
		assert_true(b.x.pio.write);
		assert_memory_equal(b.x.pio.data, "\x11\x22\x33\x44", size);
	}
	assert_exit(&b, SNUG_EXIT_PIO);
	assert_false(b.x.pio.write);
	memcpy(b.x.pio.data, "\x78\x56\x34\x12", 4);
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(b.x.status.value, 0x12345678);
	box_close(&b);
}

/* Each of these is a #GP with error code 0 at CPL 3; SDM 3A 5.9 "Privileged instructions". */
GUEST64(hlt, "hlt");
GUEST64(lidt, "lidt (%rsp)");
GUEST64(lgdt, "lgdt (%rsp)");
GUEST64(lmsw, "xor %eax, %eax\nlmsw %ax");
GUEST64(read_cr0, "mov %cr0, %rax");
GUEST64(write_cr3, "xor %eax, %eax\nmov %rax, %cr3");
GUEST64(write_cr4, "xor %eax, %eax\nmov %rax, %cr4");
GUEST64(rdmsr, "mov $0xc0000080, %ecx\nrdmsr");
GUEST64(wrmsr, "mov $0xc0000080, %ecx\nwrmsr");
GUEST64(invlpg, "invlpg (%rsp)");
GUEST64(wbinvd, "wbinvd");
GUEST64(clts, "clts");
GUEST64(kernel_ss, "mov $0x10, %eax\nmov %eax, %ss");

static const struct refused {
	const char *name;
	const uint8_t *code, *end;
	uint64_t at;
	uint32_t error;
} refused[] = {
#define ROW(guest, at, error)                                                                                        \
	{                                                                                                            \
#guest " is refused", guest, guest##_end, at, error                                                  \
	}
    ROW(hlt, 0, 0),       ROW(lidt, 0, 0),      ROW(lgdt, 0, 0),         ROW(lmsw, 2, 0),  ROW(read_cr0, 0, 0),
    ROW(write_cr3, 2, 0), ROW(write_cr4, 2, 0), ROW(rdmsr, 5, 0),        ROW(wrmsr, 5, 0), ROW(invlpg, 0, 0),
    ROW(wbinvd, 0, 0),    ROW(clts, 0, 0),      ROW(kernel_ss, 5, 0x10),
};

static void privileged_is_refused(void **state)
{
	const struct refused *r = *state;
	struct box b;

	box_open(&b, (struct snug_config){0});
	box_load(&b, SNUG_MODE_USER, r->code, r->end);
	assert_exit(&b, SNUG_EXIT_FAULT);
	assert_int_equal(b.x.fault.vector, 13);
	assert_int_equal(b.x.fault.code, r->error);
	assert_int_equal(b.x.fault.rip, 0x100000 + r->at);
	assert_int_equal(b.x.fault.cs & 3, 3);
	assert_int_equal(b.x.fault.rsp, 0x1000000);
	box_close(&b);
}

/* IOPL lets cli and sti through too (SDM 1 19.5.1), but kvm_pvm runs CPL 3 without IOPL. */
GUEST64(cli, "cli\nmov $7, %eax\n" DONE);

static void cli_as_the_host_has_it(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_USER, cli);
	if (host_is_pvm()) {
		assert_exit(&b, SNUG_EXIT_FAULT);
		assert_int_equal(b.x.fault.vector, 13);
	} else {
		assert_exit(&b, SNUG_EXIT_STATUS);
		assert_int_equal(b.x.status.value, 7);
	}
	box_close(&b);
}

GUEST64(write_at_rbx, "mov %al, (%rbx)\nmov $7, %eax\n" DONE);
GUEST64(read_at_rbx, "mov (%rbx), %al\nmov $7, %eax\n" DONE);

static void touch(struct box *b, const uint8_t *code, const uint8_t *end, uint64_t at)
{
	box_open(b, (struct snug_config){.devices = SNUG_DEV_ALL});
	box_load(b, SNUG_MODE_USER, code, end);
	assert_int_equal(snug_vcpu_set_reg(b->cpu, "rbx", at, &b->e), 0);
}

/* GDT, TSS, IDT, page tables: CPL 3 can neither write nor read them. */
static void system_tables_are_out_of_reach(void **state)
{
	static const char *const tables[] = {"gdt.base", "tr.base", "idt.base", "cr3"};
	uint64_t at;
	struct box b;

	(void)state;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		touch(&b, write_at_rbx, write_at_rbx_end, 0);
		at = box_reg(&b, tables[i]);
		assert_int_equal(snug_vcpu_set_reg(b.cpu, "rbx", at, &b.e), 0);
		assert_exit(&b, SNUG_EXIT_FAULT);
		assert_int_equal(b.x.fault.vector, 14);
		assert_int_equal(b.x.fault.code, 7); /* a write, by user code, to a page that is present */
		assert_int_equal(b.x.fault.cr2, at);
		box_close(&b);

		touch(&b, read_at_rbx, read_at_rbx_end, at);
		assert_exit(&b, SNUG_EXIT_FAULT);
		assert_int_equal(b.x.fault.code, 5);
		box_close(&b);
	}
}

static void ram_is_within_reach(void **state)
{
	static const uint64_t places[] = {0, 0x1000, 0x7fffff, 0xffffff};
	struct box b;

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		touch(&b, write_at_rbx, write_at_rbx_end, places[i]);
		assert_exit(&b, SNUG_EXIT_STATUS);
		box_close(&b);
	}
}

/* User code cannot get into the kernel's segment by itself. */
GUEST64(far_call, "lcall *1f(%rip)\n" DONE "1: .long 0x100000\n.word 0x18");

static void no_way_to_cpl0(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_USER, far_call);
	assert_exit(&b, SNUG_EXIT_FAULT);
	assert_int_equal(b.x.fault.vector, 13);
	assert_int_equal(b.x.fault.code, 0x18);
	box_close(&b);
}

/* Arithmetic in SSE registers: native at CPL 3; at CPL 0 kvm_pvm's emulator cannot, and says so. */
GUEST64(sse, "mov $21, %eax\nmovq %rax, %xmm0\npaddq %xmm0, %xmm0\nmovq %xmm0, %rax\n" DONE);

static void sse_in_user_mode(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_USER, sse);
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(b.x.status.value, 42);
	box_close(&b);
}

static void sse_in_long_mode(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, sse);
	if (host_is_pvm()) {
		assert_exit(&b, SNUG_EXIT_INTERNAL);
		assert_int_equal(b.x.internal.suberror, 1);
		assert_memory_equal(b.x.internal.insn, sse + 5, 5);
		assert_int_equal(box_reg(&b, "rip"), 0x100005);
	} else {
		assert_exit(&b, SNUG_EXIT_STATUS);
		assert_int_equal(b.x.status.value, 42);
	}
	box_close(&b);
}

/*
 * An LDT that is there would be the guest's own memory at 0: user-mode code could make itself a call gate to CPL 0.  In
 * long mode kvm_pvm's emulator shows it too: the guest writes a descriptor (DPL 0 data, accessed) and loads it.
 */
GUEST64(local_descriptor, "mov $0x00cf93000000ffff, %rax\nmov %rax, 8\nmov $0xc, %eax\nmov %eax, %ds\n" DONE);

static void no_local_descriptors(void **state)
{
	static const enum snug_mode modes[] = {SNUG_MODE_LONG, SNUG_MODE_USER};
	struct box b;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		BOX(&b, modes[i], local_descriptor);
		assert_int_equal(box_reg(&b, "ldt.present"), 0);
		assert_exit(&b, SNUG_EXIT_FAULT);
		assert_int_equal(b.x.fault.vector, 13);
		assert_int_equal(b.x.fault.code, 0xc);
		box_close(&b);
	}
}

#define REFUSED (sizeof(refused) / sizeof(refused[0]))
#define OTHERS 10

int main(void)
{
	static struct guarded guards[REFUSED];
	struct CMUnitTest tests[OTHERS + REFUSED] = {
	    KVM_TEST(ports_are_open_by_iopl), KVM_TEST(ports_are_open_by_bitmap),       KVM_TEST(ports_work),
	    KVM_TEST(cli_as_the_host_has_it), KVM_TEST(system_tables_are_out_of_reach), KVM_TEST(ram_is_within_reach),
	    KVM_TEST(no_way_to_cpl0),         KVM_TEST(no_local_descriptors),           KVM_TEST(sse_in_user_mode),
	    KVM_TEST(sse_in_long_mode),
	};

	for (size_t i = 0; i < REFUSED; i++) {
		guards[i] = (struct guarded){privileged_is_refused, &refused[i]};
		tests[OTHERS + i] = (struct CMUnitTest){refused[i].name, run_guarded, NULL, NULL, &guards[i]};
	}
	return cmocka_run_group_tests_name("user", tests, NULL, NULL);
}

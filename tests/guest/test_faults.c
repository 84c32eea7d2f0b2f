/* SPDX-License-Identifier: MIT */
/* faults: each exception in each mode, told with vector, error code and frame; and guests that handle their own */
#include "../vmtest.h"

#define NONE 0x10000u /* no error code */

/* One guest, and the fault it must end in.  `at` is the faulting instruction's offset in the guest. */
struct fault {
	enum snug_mode mode;
	const uint8_t *code, *end;
	uint8_t vector;
	uint32_t error;
	uint64_t at;
	uint64_t cr2;
	bool pvm_gives_up; /* kvm_pvm's emulator cannot do the instruction at CPL 0 */
};
#define FAULT(mode, guest, ...)                                                                                      \
	&(struct fault)                                                                                              \
	{                                                                                                            \
		SNUG_MODE_##mode, guest, guest##_end, __VA_ARGS__                                                    \
	}

/* What the frame must say of code that has not touched its stack. */
static const struct {
	uint16_t cs, ss;
	uint64_t base, rsp;
} frames[] = {
    [SNUG_MODE_REAL] = {0, 0, BASE16, 0x7000},           [SNUG_MODE_PROTECTED] = {0x08, 0x10, BASE, 0x1000000},
    [SNUG_MODE_PAGED32] = {0x08, 0x10, BASE, 0x1000000}, [SNUG_MODE_LONG] = {0x18, 0x10, BASE, 0x1000000},
    [SNUG_MODE_USER] = {0x2b, 0x23, BASE, 0x1000000},
};

/* kvm_pvm refuses this mode: then that is asserted, and the test's own question is a skip. */
static void skip_refused(enum snug_mode mode)
{
	struct snug_image im = {.data = "\xf4", .len = 1, .kind = SNUG_KIND_FLAT, .mode = mode};
	struct snug_host h = {0};
	struct box b;

	assert_int_equal(snug_host_info(NULL, &h, NULL), 0);
	if (mode != SNUG_MODE_PAGED32 || h.paged32)
		return;
	box_open(&b, (struct snug_config){0});
	assert_int_equal(snug_load(b.vm, &im, &b.e), -ENOTSUP);
	assert_int_equal(b.e.code, -ENOTSUP);
	assert_non_null(strstr(b.e.msg, "paged32"));
	assert_non_null(strstr(b.e.msg, "kvm_pvm"));
	assert_true(b.e.hint[0]);
	box_close(&b);
	skip();
}

static void check_fault(const struct box *b, const struct fault *f)
{
	assert_int_equal(b->x.fault.vector, f->vector);
	assert_int_equal(b->x.fault.has_code, f->error != NONE);
	assert_int_equal(b->x.fault.code, f->error == NONE ? 0 : f->error);
	assert_int_equal(b->x.fault.rip, frames[f->mode].base + f->at);
	assert_int_equal(b->x.fault.cs, frames[f->mode].cs);
	assert_int_equal(b->x.fault.ss, frames[f->mode].ss);
	assert_int_equal(b->x.fault.rsp, frames[f->mode].rsp);
	assert_int_equal(b->x.fault.cr2, f->cr2);
	assert_int_equal(b->x.fault.rflags & 2, 2);
	assert_ptr_equal(b->x.vcpu, b->cpu);
}

static void faults(void **state)
{
	const struct fault *f = *state;
	struct box b;

	skip_refused(f->mode);
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL});
	box_load(&b, f->mode, f->code, f->end);
	if (f->pvm_gives_up && host_is_pvm()) {
		assert_exit(&b, SNUG_EXIT_INTERNAL);
		assert_int_equal(b.x.internal.suberror, 1);
		assert_true(b.x.internal.insn_len > 0);
		assert_memory_equal(b.x.internal.insn, f->code + 1, 1);
		assert_int_equal(box_reg(&b, "rip"), frames[f->mode].base + 1);
	} else {
		assert_exit(&b, SNUG_EXIT_FAULT);
		check_fault(&b, f);
	}
	box_close(&b);
}

#define ALL_WIDTHS(name, text)                                                                                       \
	GUEST16(name##16, text);                                                                                     \
	GUEST32(name##32, text);                                                                                     \
	GUEST64(name##64, text)

ALL_WIDTHS(ud, "nop\nud2");
ALL_WIDTHS(de, "xor %eax, %eax\n1: div %eax");
ALL_WIDTHS(bp, "nop\nint3\nhlt");
ALL_WIDTHS(in, "nop\nint $0x21\nhlt");
GUEST16(gp16, "mov $0xffff, %bx\nmov (%bx), %ax"); /* a word over the segment's end */
GUEST32(gp32, "mov $0xfff8, %eax\nmov %eax, %ds"); /* a selector past the GDT */
GUEST64(gp64, "mov $0xfff8, %eax\nmov %eax, %ds");
GUEST64(canonical, "movabs $0x8000000000000000, %rbx\nmov (%rbx), %al");
GUEST64(ss64, "mov $1, %eax\nmovabs $0x8000000000000000, %rbp\nmov (%rbp), %al"); /* the same through SS */
#define NOWHERE 0x8000000010ull /* 512 GiB: in no page table of ours */
GUEST64(pf_read, "movabs $0x8000000010, %rbx\nmov (%rbx), %al");
GUEST64(pf_write, "movabs $0x8000000010, %rbx\nmov %al, (%rbx)");
/* In 32 bits all addresses are mapped: the guest takes 2 GiB out of its own tables first. */
GUEST32(pf32, "mov %cr3, %eax\nmovl $0, 0x800(%eax)\nmov %eax, %cr3\n1: mov 0x80000000, %al");

/* A fetch: the frame's rip is the address itself. */
GUEST64(pf_fetch, "movabs $0x8000000010, %rbx\njmp *%rbx");

static void fetch_fault(void **state)
{
	const struct fault *f = *state;
	struct box b;

	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL});
	box_load(&b, f->mode, f->code, f->end);
	assert_exit(&b, SNUG_EXIT_FAULT);
	check_fault(&b, f);
	box_close(&b);
}

/* Even a stack that is nowhere does not keep a fault from being told: its stubs have a stack of their own. */
GUEST64(bad_stack, "xor %esp, %esp\nnop\npush %rax");

static void fault_with_bad_stack(void **state)
{
	struct box b;
	bool user = *(const enum snug_mode *)*state == SNUG_MODE_USER;

	BOX(&b, *(const enum snug_mode *)*state, bad_stack);
	assert_exit(&b, SNUG_EXIT_FAULT);
	assert_int_equal(b.x.fault.vector, 14);
	assert_int_equal(b.x.fault.code, user ? 6 : 2);
	assert_int_equal(b.x.fault.cr2, UINT64_MAX - 7);
	assert_int_equal(b.x.fault.rsp, 0);
	assert_int_equal(b.x.fault.rip, BASE + 3);
	box_close(&b);
}

/* No table can be read, so no handler can be found. */
GUEST64(bad_cr3, "movabs $0x7ffff000, %rax\nmov %rax, %cr3\nhlt");

static void page_tables_outside_memory(void **state)
{
	snug_gpa gpa;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, bad_cr3);
	assert_exit(&b, SNUG_EXIT_SHUTDOWN);
	box_close(&b);

	/* The same set from outside: looking is refused, and names the level. */
	BOX(&b, SNUG_MODE_LONG, bad_cr3);
	assert_int_equal(snug_vcpu_set_reg(b.cpu, "cr3", 0x7ffff000, &b.e), 0);
	assert_int_equal(snug_vcpu_translate(b.cpu, BASE, &gpa, &b.e), -EFAULT);
	assert_non_null(strstr(b.e.msg, "0x7ffff000"));
	assert_exit(&b, SNUG_EXIT_SHUTDOWN);
	box_close(&b);
}

/* Entry 0x80 of the PML4 leads out of memory; that is a table of the guest's own at 0x200000. */
GUEST64(bad_entry, "mov %cr3, %rax\nmov (%rax), %rcx\nmov $0x200000, %ebx\nmov %rcx, (%rbx)\n"
                   "movabs $0x7ffff007, %rcx\nmov %rcx, 8(%rbx)\nmov %rbx, %cr3\n"
                   "movabs $0x8000000010, %rbx\nmov (%rbx), %al\nhlt");

/* Whatever KVM makes of it, it is an exit, and the process lives. */
static void page_table_entry_outside_memory(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, bad_entry);
	box_run(&b);
	assert_true(b.x.kind == SNUG_EXIT_FAULT || b.x.kind == SNUG_EXIT_SHUTDOWN || b.x.kind == SNUG_EXIT_INTERNAL);
	if (b.x.kind == SNUG_EXIT_FAULT)
		assert_int_equal(b.x.fault.vector, 14);
	box_close(&b);
}

GUEST64(mend, "movabs $0x8000000010, %rbx\nmov (%rbx), %al\nout %al, $0xf4");

/* The host maps what was missing and lets the guest go on: the instruction is done again. */
static void resume_after_mending(void **state)
{
	uint8_t value = 0x2a;
	uint64_t entry, cr3;
	struct box b;

	BOX(&b, *(const enum snug_mode *)*state, mend);
	assert_int_equal(snug_mem_write(b.vm, 0x10, &value, 1), 0);
	assert_exit(&b, SNUG_EXIT_FAULT);
	assert_int_equal(b.x.fault.vector, 14);
	cr3 = box_reg(&b, "cr3");
	assert_int_equal(snug_mem_read(b.vm, cr3, &entry, sizeof(entry)), 0);
	assert_int_equal(snug_mem_write(b.vm, cr3 + 8, &entry, sizeof(entry)), 0); /* 512 GiB as 0 */
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(b.x.status.value, 0x2a);
	box_close(&b);
}

ALL_WIDTHS(step_over, "ud2\nmov $42, %al\nout %al, $0xf4");

/* The host moves the frame's rip past the instruction. */
static void resume_after_skipping(void **state)
{
	const struct fault *f = *state;
	uint64_t rip, frame;
	unsigned word = f->mode == SNUG_MODE_REAL ? 2 : f->mode == SNUG_MODE_PROTECTED ? 4 : 8;
	struct box b;

	if (word == 4 && host_is_pvm())
		skip(); /* its emulator has no 32-bit iret */
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL});
	box_load(&b, f->mode, f->code, f->end);
	assert_exit(&b, SNUG_EXIT_FAULT);
	check_fault(&b, f);
	rip = b.x.fault.rip + 2;
	frame = box_reg(&b, "rsp");
	assert_int_equal(snug_mem_write(b.vm, frame, &rip, word), 0);
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(b.x.status.value, 42);
	box_close(&b);
}

/* Nothing is mended, so it comes back for ever, and each time as an exit. */
static void fault_again_and_again(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, ud64);
	for (int i = 0; i < 100; i++) {
		assert_exit(&b, SNUG_EXIT_FAULT);
		assert_int_equal(b.x.fault.vector, 6);
		assert_int_equal(b.x.fault.rsp, 0x1000000);
	}
	box_close(&b);
}

/* Handlers of the guest's own for #UD: they say "ok" and end with 42. */
GUEST16(own16, "movw $(0x1000 + (1f - own16)), 4 * 6\nmovw $0, 4 * 6 + 2\nud2\nhlt\n"
               "1: mov $42, %al\nout %al, $0xf4");
GUEST32(own32, "lidt 0x100000 + (2f - own32)\nud2\nhlt\n1: mov $42, %al\nout %al, $0xf4\n"
               "2: .word 7 * 8 - 1\n.long 0x100000 + (3f - own32)\n"
               "3: .fill 6, 8, 0\n.word 1b - own32, 0x08, 0x8e00, 0x10");
GUEST64(own64, "lidt 2f(%rip)\nud2\nhlt\n1: mov $42, %al\nout %al, $0xf4\n"
               "2: .word 7 * 16 - 1\n.quad 0x100000 + (3f - own64)\n"
               "3: .fill 12, 8, 0\n.word 1b - own64, 0x18, 0x8e00, 0x10, 0, 0, 0, 0");

static void own_handler(void **state)
{
	const struct fault *f = *state;
	struct box b;

	skip_refused(f->mode);
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL});
	box_load(&b, f->mode, f->code, f->end);
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(b.x.status.value, 42);
	box_close(&b);
}

/* CR2 is the address of the last page fault, and no other's. */
static void address_of_page_faults_alone(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, ud64);
	assert_int_equal(snug_vcpu_set_reg(b.cpu, "cr2", 0x1234, &b.e), 0);
	assert_exit(&b, SNUG_EXIT_FAULT);
	assert_int_equal(b.x.fault.vector, 6);
	assert_int_equal(b.x.fault.cr2, 0);
	box_close(&b);
}

/* The stubs' port is an ordinary one for anybody else: the address tells. */
GUEST64(not_a_fault, "mov $6, %al\nout %al, $0xfc\nhlt");

static void fault_port_is_no_fault(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, not_a_fault);
	assert_exit(&b, SNUG_EXIT_PIO);
	assert_int_equal(b.x.pio.port, 0xfc);
	assert_int_equal(b.x.pio.data[0], 6);
	assert_exit(&b, SNUG_EXIT_HLT);
	box_close(&b);
}

/* The last image's vectors are not this one's: it lies where their stubs were. */
GUEST16(halt_only, "hlt");
GUEST16(over_the_stubs, "mov $6, %al\nout %al, $0xfc\nhlt");

static void no_stubs_of_the_image_before(void **state)
{
	struct snug_image im = {.data = over_the_stubs,
	                        .len = (size_t)(over_the_stubs_end - over_the_stubs),
	                        .mode = SNUG_MODE_REAL,
	                        .load = 0x600};
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_REAL, halt_only);
	assert_int_equal(snug_load(b.vm, &im, &b.e), 0);
	assert_exit(&b, SNUG_EXIT_PIO);
	assert_int_equal(b.x.pio.port, 0xfc);
	box_close(&b);
}

/* A stack of 16 bits wraps in the middle of the frame. */
GUEST16(wrapped_stack, "mov $4, %sp\nstd\nud2");

static void frame_that_wraps(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_REAL, wrapped_stack);
	assert_exit(&b, SNUG_EXIT_FAULT);
	assert_int_equal(b.x.fault.vector, 6);
	assert_int_equal(b.x.fault.cs, 0);
	assert_int_equal(b.x.fault.rip, BASE16 + 4);
	assert_int_equal(b.x.fault.rflags & 0x402, 0x402); /* DF, and the bit that is always there */
	assert_int_equal(b.x.fault.rsp, 4);
	box_close(&b);
}

static const enum snug_mode long_mode = SNUG_MODE_LONG, user_mode = SNUG_MODE_USER;

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST_NAMED("#UD, real", faults, FAULT(REAL, ud16, 6, NONE, 1)),
	    KVM_TEST_NAMED("#UD, protected", faults, FAULT(PROTECTED, ud32, 6, NONE, 1)),
	    KVM_TEST_NAMED("#UD, paged32", faults, FAULT(PAGED32, ud32, 6, NONE, 1)),
	    KVM_TEST_NAMED("#UD, long", faults, FAULT(LONG, ud64, 6, NONE, 1)),
	    KVM_TEST_NAMED("#UD, user", faults, FAULT(USER, ud64, 6, NONE, 1)),
	    KVM_TEST_NAMED("#DE, real", faults, FAULT(REAL, de16, 0, NONE, 3)),
	    KVM_TEST_NAMED("#DE, protected", faults, FAULT(PROTECTED, de32, 0, NONE, 2)),
	    KVM_TEST_NAMED("#DE, paged32", faults, FAULT(PAGED32, de32, 0, NONE, 2)),
	    KVM_TEST_NAMED("#DE, long", faults, FAULT(LONG, de64, 0, NONE, 2)),
	    KVM_TEST_NAMED("#DE, user", faults, FAULT(USER, de64, 0, NONE, 2)),
	    KVM_TEST_NAMED("#GP, real", faults, FAULT(REAL, gp16, 13, NONE, 3)),
	    KVM_TEST_NAMED("#GP, protected", faults, FAULT(PROTECTED, gp32, 13, 0xfff8, 5)),
	    KVM_TEST_NAMED("#GP, paged32", faults, FAULT(PAGED32, gp32, 13, 0xfff8, 5)),
	    KVM_TEST_NAMED("#GP, long", faults, FAULT(LONG, gp64, 13, 0xfff8, 5)),
	    KVM_TEST_NAMED("#GP, user", faults, FAULT(USER, gp64, 13, 0xfff8, 5)),
	    KVM_TEST_NAMED("#GP by address, long", faults, FAULT(LONG, canonical, 13, 0, 10)),
	    KVM_TEST_NAMED("#GP by address, user", faults, FAULT(USER, canonical, 13, 0, 10)),
	    KVM_TEST_NAMED("#SS, long", faults, FAULT(LONG, ss64, 12, 0, 15)),
	    KVM_TEST_NAMED("#SS, user", faults, FAULT(USER, ss64, 12, 0, 15)),
	    KVM_TEST_NAMED("#BP, real", faults, FAULT(REAL, bp16, 3, NONE, 2)),
	    KVM_TEST_NAMED("#BP, protected", faults, FAULT(PROTECTED, bp32, 3, NONE, 2, 0, true)),
	    KVM_TEST_NAMED("#BP, paged32", faults, FAULT(PAGED32, bp32, 3, NONE, 2, 0, true)),
	    KVM_TEST_NAMED("#BP, long", faults, FAULT(LONG, bp64, 3, NONE, 2, 0, true)),
	    KVM_TEST_NAMED("#BP, user", faults, FAULT(USER, bp64, 3, NONE, 2)),
	    KVM_TEST_NAMED("int 0x21, real", faults, FAULT(REAL, in16, 0x21, NONE, 3)),
	    KVM_TEST_NAMED("int 0x21, protected", faults, FAULT(PROTECTED, in32, 0x21, NONE, 3, 0, true)),
	    KVM_TEST_NAMED("int 0x21, long", faults, FAULT(LONG, in64, 0x21, NONE, 3, 0, true)),
	    KVM_TEST_NAMED("#PF read, paged32", faults, FAULT(PAGED32, pf32, 14, 0, 16, 0x80000000)),
	    KVM_TEST_NAMED("#PF read, long", faults, FAULT(LONG, pf_read, 14, 0, 10, NOWHERE)),
	    KVM_TEST_NAMED("#PF read, user", faults, FAULT(USER, pf_read, 14, 4, 10, NOWHERE)),
	    KVM_TEST_NAMED("#PF write, long", faults, FAULT(LONG, pf_write, 14, 2, 10, NOWHERE)),
	    KVM_TEST_NAMED("#PF write, user", faults, FAULT(USER, pf_write, 14, 6, 10, NOWHERE)),
	    KVM_TEST_NAMED("#PF fetch, long", fetch_fault, FAULT(LONG, pf_fetch, 14, 0, NOWHERE - BASE, NOWHERE)),
	    KVM_TEST_NAMED("#PF fetch, user", fetch_fault, FAULT(USER, pf_fetch, 14, 4, NOWHERE - BASE, NOWHERE)),
	    KVM_TEST_NAMED("fault with a bad stack, long", fault_with_bad_stack, &long_mode),
	    KVM_TEST_NAMED("fault with a bad stack, user", fault_with_bad_stack, &user_mode),
	    KVM_TEST(page_tables_outside_memory),
	    KVM_TEST(page_table_entry_outside_memory),
	    KVM_TEST_NAMED("resume after mending, long", resume_after_mending, &long_mode),
	    KVM_TEST_NAMED("resume after mending, user", resume_after_mending, &user_mode),
	    KVM_TEST_NAMED("resume after skipping, real", resume_after_skipping,
	                   FAULT(REAL, step_over16, 6, NONE, 0)),
	    KVM_TEST_NAMED("resume after skipping, protected", resume_after_skipping,
	                   FAULT(PROTECTED, step_over32, 6, NONE, 0)),
	    KVM_TEST_NAMED("resume after skipping, long", resume_after_skipping,
	                   FAULT(LONG, step_over64, 6, NONE, 0)),
	    KVM_TEST_NAMED("resume after skipping, user", resume_after_skipping,
	                   FAULT(USER, step_over64, 6, NONE, 0)),
	    KVM_TEST(fault_again_and_again),
	    KVM_TEST_NAMED("own handler, real", own_handler, FAULT(REAL, own16, 0)),
	    KVM_TEST_NAMED("own handler, protected", own_handler, FAULT(PROTECTED, own32, 0)),
	    KVM_TEST_NAMED("own handler, paged32", own_handler, FAULT(PAGED32, own32, 0)),
	    KVM_TEST_NAMED("own handler, long", own_handler, FAULT(LONG, own64, 0)),
	    KVM_TEST(address_of_page_faults_alone),
	    KVM_TEST(fault_port_is_no_fault),
	    KVM_TEST(no_stubs_of_the_image_before),
	    KVM_TEST(frame_that_wraps),
	};

	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}

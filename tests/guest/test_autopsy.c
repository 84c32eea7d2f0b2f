/* SPDX-License-Identifier: MIT */
/* autopsy: guests that die in each of the ways a rule knows, and what is said of them */
#include "../vmtest.h"

/* One death. */
struct death {
	enum snug_mode mode;
	const uint8_t *code, *end;
	const char *rule, *text; /* text: part of the sentence */
	enum { EVERYWHERE, PVM, HARDWARE } where;
};
#define DEATH(mode, guest, ...)                                                                                      \
	&(struct death)                                                                                              \
	{                                                                                                            \
		SNUG_MODE_##mode, guest, guest##_end, __VA_ARGS__                                                    \
	}

static void look(struct box *b, struct snug_autopsy *a)
{
	*a = (struct snug_autopsy){.size = sizeof(*a)};
	if (snug_autopsy(b->cpu, &b->x, a, &b->e) < 0)
		fail_msg("%s", b->e.msg);
}

static bool has_zydis(const struct snug_autopsy *a)
{
	return !a->undecoded[0];
}

static void deaths(void **state)
{
	const struct death *d = *state;
	struct snug_autopsy a;
	struct box b;

	if (d->where != EVERYWHERE && host_is_pvm() != (d->where == PVM))
		skip();
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL});
	box_load(&b, d->mode, d->code, d->end);
	box_run(&b);
	look(&b, &a);
	box_close(&b);
	if (strcmp(a.rule, d->rule) == 0 && strstr(a.why, d->text))
		return;
	if (has_zydis(&a))
		fail_msg("rule %s for %s: %s", a.rule, d->rule, a.why);
	skip(); /* without Zydis some sentences can say less */
}

GUEST64(ud, "nop\nud2");
GUEST64(sse, "addps %xmm1, %xmm0\nhlt");
GUEST64(bp, "nop\nint3\nhlt");
GUEST16(bios, "movw $0x0e41, %ax\nint $0x10\nhlt");
GUEST16(disk, "int $0x13\nhlt");
GUEST16(dos, "int $0x21\nhlt");
GUEST64(linux_call, "mov $1, %eax\nint $0x80\nhlt");
GUEST64(jump_nowhere, "movabs $0x8000000010, %rbx\njmp *%rbx");
GUEST64(jump_gap, "mov $0xd0000000, %ebx\njmp *%rbx");
GUEST64(jump_zeros, "movabs $0x8000000010, %rax\nmov $0x200000, %ebx\njmp *%rbx");
GUEST64(no_idt, "lidt 1f(%rip)\nud2\n1: .fill 10");
GUEST64(short_idt, "lidt 1f(%rip)\nud2\n1: .word 0x5f\n.quad 0x200000");
GUEST64(lost_idt, "lidt 1f(%rip)\nud2\n1: .word 0xfff\n.quad 0x8000000000");
GUEST64(empty_idt, "lidt 1f(%rip)\nmovabs $0x8000000010, %rbx\nmov (%rbx), %al\nhlt\n1: .word 0xfff\n.quad 0x200000");
GUEST64(gate_selector, "lidt 1f(%rip)\nud2\n1: .word 7 * 16 - 1\n.quad 0x100000 + (2f - gate_selector)\n"
                       "2: .fill 12, 8, 0\n.word 0, 0xf8, 0x8e00, 0x10, 0, 0, 0, 0");
GUEST64(gate_nowhere, "lidt 1f(%rip)\nud2\n1: .word 7 * 16 - 1\n.quad 0x100000 + (2f - gate_nowhere)\n"
                      "2: .fill 12, 8, 0\n.word 0, 0x18, 0x8e00, 0, 0x80, 0, 0, 0");
GUEST64(gate_no_stack, "lidt 1f(%rip)\nmovabs $0x8000000000, %rsp\nud2\n1: .word 7 * 16 - 1\n"
                       ".quad 0x100000 + (2f - gate_no_stack)\n"
                       "2: .fill 12, 8, 0\n.word 0, 0x18, 0x8e00, 0x10, 0, 0, 0, 0");
GUEST64(push_nowhere, "xor %esp, %esp\npush %rax");
GUEST64(push_not_canonical, "movabs $0x8000000000000000, %rsp\npush %rax");
GUEST64(lost_cr3, "movabs $0x7ffff000, %rax\nmov %rax, %cr3\nhlt");
GUEST32(paging, "mov $0x200000, %eax\nmov %eax, %cr3\nmov %cr0, %eax\nor $0x80000000, %eax\nmov %eax, %cr0\nhlt");
GUEST64(read_absent, "movabs $0x8000000010, %rbx\nmov (%rbx), %al");
GUEST64(write_absent, "movabs $0x8000000010, %rbx\nmov %al, (%rbx)");
GUEST64(write_kernels, "mov $0xfef00000, %ebx\nmov %al, (%rbx)");
GUEST64(run_kernels, "mov $0xfef01000, %ebx\njmp *%rbx");
GUEST64(halt, "hlt");
GUEST64(disable, "cli\nnop");
GUEST64(canonical, "movabs $0x8000000000000000, %rbx\nmov (%rbx), %al");
GUEST64(canonical_ss, "movabs $0x8000000000000000, %rbp\nmov %al, (%rbp)");
GUEST64(selector, "mov $0xfff8, %eax\nmov %eax, %ds");
GUEST64(odd, "movaps 0x100001, %xmm0\nhlt");
GUEST16(past_end, "mov $0xffff, %bx\nmov (%bx), %ax");
GUEST64(divide, "xor %ecx, %ecx\ndiv %ecx");
GUEST64(no_opcode, ".byte 0x06\nhlt");

/* What stands in it beside the sentence: registers, code, walks, tables, stack, exits. */
GUEST64(rich, "push $0x1234\nmov $0x41, %al\nout %al, $0xe9\nin $0x70, %al\nout %al, $0x99\n"
              "movabs $0x8000000010, %rbx\nmov (%rbx), %al\nnop");

static void contents(void **state)
{
	struct snug_autopsy a;
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL, .unclaimed = SNUG_UNCLAIMED_IGNORE});
	assert_int_equal(snug_autopsy_start(b.vm, &b.e), 0);
	assert_int_equal(snug_autopsy_start(b.vm, &b.e), 0); /* once is enough */
	box_load(&b, SNUG_MODE_USER, rich, rich_end);
	assert_exit(&b, SNUG_EXIT_FAULT);
	look(&b, &a);
	assert_string_equal(a.what, "#PF page fault (vector 14), error code 0x4");
	assert_int_equal(a.started, SNUG_MODE_USER);
	assert_string_equal(a.mode, "64-bit mode");
	assert_int_equal(a.cpl, 3);
	assert_int_equal(a.bits, 64);
	assert_int_equal(a.regs.rip, b.x.fault.rip);
	assert_int_equal(a.sregs.cs.selector, 0x2b);
	assert_int_equal(a.sregs.cs.dpl, 3);
	assert_int_equal(a.regs.rsp, 0x1000000 - 8);
	assert_int_equal(a.words, 1);
	assert_int_equal(a.stack[0], 0x1234);
	assert_int_equal(a.bytes[0], 0x8a);
	assert_int_equal(a.rip_walk.steps, 3);
	assert_int_equal(a.rip_walk.gpa, a.rip);
	assert_int_equal(a.rip_walk.page, 2 << 20);
	assert_true(a.has_cr2 && a.cr2_walk.end == SNUG_WALK_ABSENT);
	assert_int_equal(a.cr2_walk.steps, 1);
	assert_int_equal(a.cr2_walk.step[0].level, 4);
	assert_int_equal(a.vector, 14);
	assert_int_equal(a.gate.len, 16);
	assert_int_equal(a.cs.selector, 0x2b);
	assert_int_equal(a.tr.len, 16);
	assert_int_equal(a.exits, 4);
	assert_int_equal(a.exit[0].key, 0xe9);
	assert_true(a.exit[0].write && a.exit[0].claimed && a.exit[0].value == 0x41 && a.exit[0].size == 1);
	assert_true(!a.exit[1].write && a.exit[1].key == 0x70 && a.exit[1].value == 0xff);
	assert_true(a.exit[2].key == 0x99 && !a.exit[2].claimed);
	assert_true(a.exit[0].ns >= a.exit[1].ns && a.exit[1].ns >= a.exit[2].ns && a.exit[3].ns == 0);
	if (has_zydis(&a)) {
		assert_string_equal(a.insn[a.insn_now].text, "mov al, [rbx]");
		assert_int_equal(a.insn[a.insn_now].at, a.rip);
		assert_true(a.insn_now >= 2);
		assert_non_null(strstr(a.insn[a.insn_now - 1].text, "mov rbx, 0x"));
		assert_string_equal(a.insn[a.insn_now + 1].text, "nop");
	}
	box_close(&b);
}

/* The newest 32 are kept. */
GUEST64(many, "mov $100, %ecx\n1: mov %ecx, %eax\nout %al, $0xe9\nloop 1b\nud2");

static void ring(void **state)
{
	struct snug_autopsy a;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_USER, many);
	assert_int_equal(snug_autopsy_start(b.vm, &b.e), 0);
	assert_exit(&b, SNUG_EXIT_FAULT);
	look(&b, &a);
	assert_int_equal(a.exits, 32);
	assert_int_equal(a.exit[0].value, 31);
	assert_int_equal(a.exit[30].value, 1);
	assert_int_equal(a.exit[31].key, 0xfc); /* the fault's stub */
	box_close(&b);
}

static void wrong_use(void **state)
{
	struct snug_autopsy a = {.size = 8};
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, ud);
	assert_exit(&b, SNUG_EXIT_FAULT);
	assert_int_equal(snug_autopsy(b.cpu, &b.x, &a, &b.e), -EINVAL);
	assert_non_null(strstr(b.e.msg, "size 8"));
	a.size = 0;
	b.x.vcpu = NULL;
	assert_int_equal(snug_autopsy(b.cpu, &b.x, &a, &b.e), -EINVAL);
	assert_int_equal(snug_core_write(b.cpu, &b.x, NULL, NULL, NULL, &b.e), -EINVAL);
	box_close(&b);
}

static void count_line(void *ctx, const char *line, size_t len)
{
	unsigned *n = ctx;

	assert_true(len > 1 && len <= 101 && line[len - 1] == '\n');
	for (size_t i = 0; i + 1 < len; i++)
		assert_in_range(line[i], ' ', '~');
	++*n;
}

static void as_text(void **state)
{
	struct snug_autopsy a;
	unsigned lines = 0;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, read_absent);
	assert_exit(&b, SNUG_EXIT_FAULT);
	look(&b, &a);
	box_close(&b);
	snug_autopsy_text(&a, count_line, &lines); /* the VM is gone: it needs none */
	assert_true(lines > 30);
}

static void public_walk(void **state)
{
	struct snug_walk w;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, ud);
	assert_int_equal(snug_vcpu_walk(b.cpu, BASE + 5, &w, &b.e), 0);
	assert_string_equal(w.paging, "4-level paging");
	assert_int_equal(w.gpa, BASE + 5);
	assert_true(w.memory);
	assert_int_equal(snug_vcpu_walk(b.cpu, 0xd0000000, &w, &b.e), 0);
	assert_true(w.end == SNUG_WALK_MAPPED && !w.memory);
	box_close(&b);
}

static const struct CMUnitTest tests[] = {
    KVM_TEST_NAMED("ud2, long", deaths, DEATH(LONG, ud, "ud2", "ud2 at 0x100001")),
    KVM_TEST_NAMED("ud2, user", deaths, DEATH(USER, ud, "ud2", "ud2 at 0x100001")),
    KVM_TEST_NAMED(
        "SSE at CPL 0", deaths,
        DEATH(LONG, sse, "pvm-lacks", "the emulator of kvm_pvm has no SSE at CPL 0: addps xmm0, xmm1", PVM)),
    KVM_TEST_NAMED("int3 at CPL 0", deaths, DEATH(LONG, bp, "pvm-lacks", "has no int3 at CPL 0: int3", PVM)),
    KVM_TEST_NAMED("int3, user", deaths, DEATH(USER, bp, "breakpoint", "int3 before 0x100002")),
    KVM_TEST_NAMED("BIOS", deaths, DEATH(REAL, bios, "no-bios", "int 0x10, video: there is no BIOS here")),
    KVM_TEST_NAMED("BIOS disk", deaths, DEATH(REAL, disk, "no-bios", "int 0x13, disk: there is no BIOS")),
    KVM_TEST_NAMED("DOS", deaths, DEATH(REAL, dos, "no-system", "int 0x21: there is no DOS here")),
    KVM_TEST_NAMED("Linux", deaths, DEATH(USER, linux_call, "no-system", "int 0x80: there is no Linux here")),
    KVM_TEST_NAMED("jump nowhere, long", deaths,
                   DEATH(LONG, jump_nowhere, "bad-jump",
                         "jump to 0x8000000010, which is not mapped: its entry of "
                         "level 4 is not present")),
    KVM_TEST_NAMED("jump nowhere, user", deaths,
                   DEATH(USER, jump_nowhere, "bad-jump", "jump to 0x8000000010, which is not mapped")),
    KVM_TEST_NAMED("jump to no memory, long", deaths,
                   DEATH(LONG, jump_gap, "bad-jump", "jump to 0xd0000000, which is not memory")),
    KVM_TEST_NAMED("jump to zeros", deaths, DEATH(LONG, jump_zeros, "zeros", "0x200000 holds only zeros")),
    KVM_TEST_NAMED("no IDT", deaths,
                   DEATH(LONG, no_idt, "idt-limit",
                         "triple fault: IDT limit is 0, so #UD invalid opcode at 0x100007 has no gate")),
    KVM_TEST_NAMED("short IDT", deaths, DEATH(LONG, short_idt, "idt-limit", "IDT limit is 0x5f, so #UD")),
    KVM_TEST_NAMED("IDT nowhere", deaths,
                   DEATH(LONG, lost_idt, "idt-outside", "the IDT is at 0x8000000000, which is not mapped")),
    KVM_TEST_NAMED("empty IDT", deaths,
                   DEATH(LONG, empty_idt, "no-gate", "page fault at 0x8000000010, vector 14 has no gate")),
    KVM_TEST_NAMED("gate without code", deaths,
                   DEATH(LONG, gate_selector, "gate-code", "vector 6 has the code selector 0xf8")),
    KVM_TEST_NAMED("gate to nowhere", deaths,
                   DEATH(LONG, gate_nowhere, "gate-jump", "vector 6 leads to 0x8000000000, which is not mapped")),
    KVM_TEST_NAMED("exception without a stack", deaths,
                   DEATH(LONG, gate_no_stack, "stack-outside", "stack pointer 0x8000000000 outside memory")),
    KVM_TEST_NAMED("push to nowhere, long", deaths,
                   DEATH(LONG, push_nowhere, "stack-outside", "stack pointer 0x0 outside memory: the guest writes")),
    KVM_TEST_NAMED("push to nowhere, user", deaths,
                   DEATH(USER, push_nowhere, "stack-outside", "stack pointer 0x0 outside memory")),
    KVM_TEST_NAMED("push to no canonical address", deaths,
                   DEATH(USER, push_not_canonical, "stack-outside", "it is no canonical address")),
    KVM_TEST_NAMED("page tables nowhere", deaths,
                   DEATH(LONG, lost_cr3, "tables-outside", "cr3 0x7ffff000 lies outside memory")),
    KVM_TEST_NAMED("32-bit paging", deaths,
                   DEATH(PROTECTED, paging, "paged32-refused", "which this host (kvm_pvm) refuses", PVM)),
    KVM_TEST_NAMED("read, long", deaths,
                   DEATH(LONG, read_absent, "page-absent", "the guest reads 0x8000000010, which is not mapped")),
    KVM_TEST_NAMED("write, user", deaths,
                   DEATH(USER, write_absent, "page-absent", "the guest writes 0x8000000010, which is not mapped")),
    KVM_TEST_NAMED("write to a kernel's page", deaths,
                   DEATH(USER, write_kernels, "page-denied", "user mode writes 0xfef00000, a page that does not")),
    KVM_TEST_NAMED("jump to a kernel's page", deaths,
                   DEATH(USER, run_kernels, "fetch-denied", "jump to 0xfef01000, a page that user mode may not")),
    KVM_TEST_NAMED("hlt, user", deaths, DEATH(USER, halt, "privileged", "user mode may not do this: hlt")),
    KVM_TEST_NAMED("cli, user", deaths, DEATH(USER, disable, "privileged", "cli", PVM)), /* else IOPL allows it */
    KVM_TEST_NAMED("no canonical address", deaths,
                   DEATH(LONG, canonical, "not-canonical", "reads 0x8000000000000000, which is no canonical")),
    KVM_TEST_NAMED("no canonical address by rbp", deaths,
                   DEATH(USER, canonical_ss, "not-canonical", "writes 0x8000000000000000")),
    KVM_TEST_NAMED("selector", deaths,
                   DEATH(LONG, selector, "bad-selector", "selector 0xfff8 lies past the GDT's limit")),
    KVM_TEST_NAMED("odd address", deaths, DEATH(USER, odd, "unaligned", "0x100001 is not a multiple of 16")),
    KVM_TEST_NAMED("past a segment's end", deaths, DEATH(REAL, past_end, "segment-end", "mov ax, [bx]")),
    KVM_TEST_NAMED("divide", deaths, DEATH(LONG, divide, "divide", "division by zero")),
    KVM_TEST_NAMED("no opcode", deaths, DEATH(USER, no_opcode, "bad-opcode", "does not know the instruction")),
    KVM_TEST(contents),
    KVM_TEST(ring),
    KVM_TEST(wrong_use),
    KVM_TEST(as_text),
    KVM_TEST(public_walk),
};

int main(void)
{
	return cmocka_run_group_tests_name("autopsy", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* autopsy: deaths this host may not be able to have, made of registers and memory */
#include <string.h>

#include "base/bytes.h"
#include "guestmem.h"
#include "svc/autopsy.h"
#include "x86/x86.h"

#define CODE 0x1000

/* 64-bit code at CPL 0 or 3, without paging's tables: rip's walk is not what these are about. */
static struct snug_autopsy flat(enum snug_exit_kind kind, unsigned bits)
{
	struct snug_autopsy a = {.kind = kind};

	a.sregs.cr0 = X86_CR0_PE;
	a.sregs.cr4 = X86_CR4_OSFXSR;
	a.sregs.cs =
	    (struct snug_segment){.selector = 8, .limit = UINT32_MAX, .db = bits == 32, .present = 1, .s = 1};
	a.sregs.ss = (struct snug_segment){.selector = 16, .limit = UINT32_MAX, .db = 1, .present = 1, .s = 1};
	a.regs.rip = CODE;
	a.regs.rsp = 0x3000;
	a.fault.rip = CODE;
	a.fault.rsp = 0x3000;
	a.fault.cs = 8;
	a.fault.ss = 16;
	return a;
}

static void expect(void **state, struct snug_autopsy *a, enum snug_host_kind host, const char *code, size_t len,
                   const char *rule, const char *text)
{
	assert_int_equal(snug__mem_write(*state, CODE, code, len), 0);
	snug__autopsy_fill(a, *state, host);
	if (strcmp(a->rule, rule) != 0 || !strstr(a->why, text))
		fail_msg("rule %s for %s: %s", a->rule, rule, a->why);
}

#define CODE_IS(s) s, sizeof(s) - 1

static void amd_reset(void **state)
{
	struct snug_autopsy a = flat(SNUG_EXIT_SHUTDOWN, 32);

	expect(state, &a, SNUG_HOST_SVM, CODE_IS("\x0f\x0b"), "amd-reset", "AMD hardware");
	assert_non_null(strstr(a.doubt, "registers of a reset"));
	assert_int_equal(a.vector, -1);
	a = flat(SNUG_EXIT_SHUTDOWN, 32);
	expect(state, &a, SNUG_HOST_VMX, CODE_IS("\x0f\x0b"), "idt-limit", "IDT limit is 0");
	assert_int_equal(a.doubt[0], 0);
}

static void refused_state(void **state)
{
	struct snug_autopsy a = flat(SNUG_EXIT_FAIL_ENTRY, 32);

	a.sregs.cr0 = X86_CR0_PG; /* paging without protection: SDM 3A 2.5 */
	expect(state, &a, SNUG_HOST_VMX, CODE_IS("\x90"), "refused-state", "the CPU refused the registers");
}

static void host_memory(void **state)
{
	struct snug_autopsy a = flat(SNUG_EXIT_MEMORY, 32);

	expect(state, &a, SNUG_HOST_VMX, CODE_IS("\x90"), "host-memory", "the host has no page");
}

static void kvm_gave_up(void **state)
{
	struct snug_autopsy a = flat(SNUG_EXIT_INTERNAL, 32);

	a.internal.suberror = 1;
	expect(state, &a, SNUG_HOST_VMX, CODE_IS("\x0f\x58\xc1"), "emulation", "KVM's instruction emulator");
	a = flat(SNUG_EXIT_INTERNAL, 32);
	a.internal.suberror = 1;
	expect(state, &a, SNUG_HOST_PVM, CODE_IS("\x0f\x58\xc1"), "pvm-lacks", "the emulator of kvm_pvm");
	a = flat(SNUG_EXIT_INTERNAL, 32);
	a.internal.suberror = 3;
	expect(state, &a, SNUG_HOST_VMX, CODE_IS("\x90"), "delivery", "an exception was being delivered");
	a = flat(SNUG_EXIT_INTERNAL, 32);
	a.internal.suberror = 4;
	expect(state, &a, SNUG_HOST_VMX, CODE_IS("\x90"), "internal", "KVM gave up at 0x1000");
}

static void faults(void **state)
{
	static const struct {
		uint8_t vector;
		uint32_t code;
		uint64_t cr0, cr4, cr2;
		const char *insn;
		const char *rule, *text;
		bool decoded; /* the rule needs it */
	} rows[] = {
	    {6, 0, 0, 0, 0, "\x0f\x58\xc1", "simd-off", "SSE is off, cr4.OSFXSR is clear: addps xmm0, xmm1", true},
	    {6, 0, X86_CR0_EM, 0, 0, "\x0f\x58\xc1", "simd-off", "SSE is off, cr0.EM is set", true},
	    {6, 0, 0, X86_CR4_OSFXSR, 0, "\xc5\xf8\x58\xc1", "simd-off", "AVX is off, cr4.OSXSAVE is clear", true},
	    {6, 0, 0, 0, 0, "\x0f\x34", "no-system", "sysenter: there is no kernel here", false},
	    {7, 0, X86_CR0_TS, 0, 0, "\xd9\xe8", "fpu-off", "the FPU is off, cr0.TS is set", false},
	    {7, 0, X86_CR0_EM, 0, 0, "\xd9\xe8", "fpu-off", "cr0.EM", false},
	    {16, 0, 0, 0, 0, "\xd9\xe8", "exception", "#MF", false},
	    {14, 0, 0, 0, 8, "\x8a\x03", "page-absent", "reads 0x8 (a null pointer?)", false},
	    {14, 9, 0, 0, 0x9000, "\x8a\x03", "page-denied", "0x9000 has a reserved bit set", false},
	    {14, 3, 0, 0, 0x9000, "\x88\x03", "page-denied", "kernel mode writes 0x9000", false},
	    {11, 0x30, 0, 0, 0, "\x8e\xd8", "bad-selector", "selector 0x30 lies past the GDT's limit", false},
	    {13, 0x102, 0, 0, 0, "\xcc", "bad-selector", "vector 0x20: its gate may not be used", false},
	    {12, 0, 0, 0, 0, "\x50", "exception", "#SS", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct snug_autopsy a = flat(SNUG_EXIT_FAULT, 32);
		struct snug__decoder d;
		bool decodes;

		snug__decoder_open(&d);
		decodes = d.lib;
		snug__decoder_close(&d);
		if (rows[i].decoded && !decodes)
			continue;
		a.fault.vector = rows[i].vector;
		a.fault.has_code = rows[i].vector >= 10 && rows[i].vector <= 14;
		a.fault.code = rows[i].code;
		a.fault.cr2 = rows[i].cr2;
		a.sregs.cr0 |= rows[i].cr0;
		a.sregs.cr4 = rows[i].cr4;
		expect(state, &a, SNUG_HOST_VMX, rows[i].insn, strlen(rows[i].insn), rows[i].rule, rows[i].text);
	}
}

/* Everything is there, and still it could not be delivered. */
static void triple(void **state)
{
	static const uint8_t gate[8] = {0x00, 0x10, 0x08, 0, 0, 0x8e, 0, 0};
	static const uint8_t descriptor[8] = {0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0};
	struct snug_autopsy a = flat(SNUG_EXIT_SHUTDOWN, 32);

	a.sregs.idt = (struct snug_dtable){.base = 0x5000, .limit = 0x7ff};
	a.sregs.gdt = (struct snug_dtable){.base = 0x6000, .limit = 0x17};
	assert_int_equal(snug__mem_write(*state, 0x5000 + 6 * 8, gate, 8), 0);
	assert_int_equal(snug__mem_write(*state, 0x6008, descriptor, 8), 0);
	expect(state, &a, SNUG_HOST_VMX, CODE_IS("\x0f\x0b"), "triple", "#UD invalid opcode at 0x1000 could not be");
	assert_int_equal(a.gate.len, 8);
	a.sregs.gdt.limit = 0xf - 8;
	expect(state, &a, SNUG_HOST_VMX, CODE_IS("\x0f\x0b"), "gate-code", "code selector 0x8");
}

static void other(void **state)
{
	struct snug_autopsy a = flat(SNUG_EXIT_HLT, 32);

	expect(state, &a, SNUG_HOST_VMX, CODE_IS("\xf4"), "other", "0x1000");
}

/* The frame's segments come from the guest's tables, as the CPU would have loaded them. */
static void segments(void **state)
{
	static const uint8_t descriptor[8] = {0x34, 0x12, 0x56, 0x34, 0x12, 0xfb, 0x4f, 0x78};
	struct snug_autopsy a = flat(SNUG_EXIT_FAULT, 32);

	a.sregs.gdt = (struct snug_dtable){.base = 0x6000, .limit = 0x1f};
	a.fault.cs = 0x1b;
	a.fault.vector = 6;
	assert_int_equal(snug__mem_write(*state, 0x6018, descriptor, 8), 0);
	snug__autopsy_fill(&a, *state, SNUG_HOST_VMX);
	assert_int_equal(a.sregs.cs.base, 0x78123456);
	assert_int_equal(a.sregs.cs.limit, 0xf1234);
	assert_int_equal(a.sregs.cs.dpl, 3);
	assert_int_equal(a.sregs.cs.type, 0xb);
	assert_int_equal(a.cpl, 3);
	assert_int_equal(a.rip, 0x78123456 + CODE);
	assert_string_equal(a.rule, "bad-jump");
	a.sregs.cs.base = 0; /* 16-bit code in a segment of its own */
	a.sregs.cr0 = 0;
	a.fault.cs = 0x100;
	snug__autopsy_fill(&a, *state, SNUG_HOST_VMX);
	assert_int_equal(a.rip, 0x1000 + CODE);
}

/* What is read of the past does not change what was told: every row of the text fits. */
static void check_line(void *ctx, const char *line, size_t len)
{
	*(unsigned *)ctx += strstr(line, "(bad)") != NULL;
	assert_true(len <= 101);
	assert_int_equal(line[len - 1], '\n');
}

static void wide_text(void **state)
{
	struct snug_autopsy a;
	unsigned bad = 0;

	(void)state;
	memset(&a, 0x7f, sizeof(a)); /* as wide as it gets */
	a.what[159] = a.why[255] = a.doubt[191] = a.undecoded[95] = a.rule[23] = '\0';
	a.why[100] = ' ';
	a.mode = a.rip_walk.paging = a.cr2_walk.paging = "paging";
	a.gate.name = "gate";
	a.cs.name = a.ss.name = a.tr.name = "cs";
	a.gate.len = a.cs.len = a.ss.len = a.tr.len = 16;
	a.gate.beyond = a.cs.beyond = a.ss.beyond = a.tr.beyond = false;
	a.word = 8;
	for (unsigned i = 0; i < 12; i++) {
		a.insn[i].len = 15;
		a.insn[i].text[63] = '\0';
	}
	a.has_cr2 = a.rip_walk.memory = a.cr2_walk.memory = a.fault.has_code = true;
	for (unsigned i = 0; i < 32; i++) {
		a.exit[i].size = 8;
		a.exit[i].write = true;
		a.exit[i].claimed = false;
	}
	snug_autopsy_text(&a, check_line, &bad);
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    GUESTMEM_TEST(amd_reset),   GUESTMEM_TEST(refused_state), GUESTMEM_TEST(host_memory),
	    GUESTMEM_TEST(kvm_gave_up), GUESTMEM_TEST(faults),        GUESTMEM_TEST(triple),
	    GUESTMEM_TEST(other),       GUESTMEM_TEST(segments),      GUESTMEM_TEST(wide_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

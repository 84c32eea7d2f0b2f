/* SPDX-License-Identifier: MIT */
/* equivalence: stopped at any exit, a guest goes on the same after a reset, as a clone, and from a file */
#include "../vmtest.h"

#include "x86/x86.h"

#ifdef __SANITIZE_ADDRESS__
#define STOPS 3
#else
#define STOPS 12
#endif

/* The state that is easiest to lose, used across exits: vector and x87 registers, MXCSR, debug registers, MSRs. */
#define PUT(reg) "mov " reg ", %rax\nout %eax, $0xe9\nshr $32, %rax\nout %eax, $0xe9\n"
#define DONE "mov $0x5e0, %edx\nmov $7, %eax\nout %eax, %dx"

GUEST64(
    sse,
    "mov $20, %ecx\nmov $0x3ff00000, %eax\nshl $32, %rax\nmovq %rax, %xmm0\nmovq %rax, %xmm15\n"
    "1: addsd %xmm15, %xmm0\nmulsd %xmm0, %xmm15\npunpcklqdq %xmm15, %xmm7\n" PUT("%rcx") "movq %xmm15, %rbx\n" PUT(
        "%rbx") "dec %ecx\njnz 1b\nmovhlps %xmm7, %xmm7\nmovq %xmm7, %rbx\n" PUT("%rbx") DONE);
GUEST64(avx,
        "mov $20, %ecx\nvpcmpeqd %ymm9, %ymm9, %ymm9\n1: vpaddd %ymm9, %ymm3, %ymm3\nvpxor %ymm3, %ymm4, %ymm4\n" PUT(
            "%rcx") "vextracti128 $1, %ymm4, %xmm1\nvmovq %xmm1, %rbx\n" PUT("%rbx") "dec %ecx\njnz 1b\n" DONE);
GUEST64(x87, "mov $20, %ecx\nfninit\nfldpi\nfld1\n1: fadd %st(1), %st\nsub $16, %rsp\nfstl (%rsp)\nmov (%rsp), %rbx\n"
             "add $16, %rsp\n" PUT("%rbx") "dec %ecx\njnz 1b\n" DONE);
GUEST64(mxcsr, "mov $8, %ecx\npushq $0x3f80\nldmxcsr (%rsp)\n1: stmxcsr (%rsp)\nmov (%rsp), %rbx\n" PUT(
                   "%rbx") "dec %ecx\njnz 1b\n" DONE);
GUEST64(debugregs,
        "mov $0x1234560, %rax\nmov %rax, %dr0\nadd $8, %rax\nmov %rax, %dr1\nadd $8, %rax\nmov %rax, %dr3\n"
        "mov $9, %ecx\n1: mov %dr0, %rbx\n" PUT("%rbx") "inc %rbx\nmov %rbx, %dr0\nmov %dr3, %rbx\n" PUT(
            "%rbx") "mov %dr7, %rbx\n" PUT("%rbx") "dec %ecx\njnz 1b\n" DONE);
GUEST64(
    msrs,
    "mov $9, %esi\nmov $0xc0000082, %ecx\nmov $0x1000, %eax\nxor %edx, %edx\n1: wrmsr\nrdmsr\nmov %rax, %rbx\n" PUT(
        "%rbx") "mov %rbx, %rax\nadd $0x10, %eax\nxor %edx, %edx\nxor $0x180, %ecx\n"
                "cmp $0xc0000102, %ecx\nje 2f\nmov $0xc0000082, %ecx\n2: dec %esi\njnz 1b\n" DONE);
GUEST64(memory,
        "mov $0x200000, %edi\nmov $40, %ecx\n1: mov %rcx, (%rdi)\nadd %rcx, 0x800(%rdi)\nadd $0x1800, %rdi\n" PUT(
            "%rdi") "dec %ecx\njnz 1b\nlea -0x1800(%rdi), %rsi\nmov 0x800(%rsi), %rbx\n" PUT("%rbx") DONE);
GUEST64(strings,
        "mov $30, %ebx\n1: lea 9f(%rip), %rsi\nmov $6, %ecx\nmov $0xe9, %edx\ncld\nrep outsb\ndec %ebx\njnz 1b\n" DONE
        "\n9: .ascii \"string\"");

struct guest {
	const char *name;
	const uint8_t *code, *end;
	const char *file;
	enum snug_mode mode;
};
#define INLINE(g, mode)                                                                                              \
	{                                                                                                            \
#g, g, g##_end, NULL, mode                                                                           \
	}
#define FILE_OF(dir, name, mode)                                                                                     \
	{                                                                                                            \
		name, NULL, NULL, dir "/" name, mode                                                                 \
	}

static const struct guest guests[] = {
    INLINE(sse, SNUG_MODE_USER),
    INLINE(avx, SNUG_MODE_USER),
    INLINE(x87, SNUG_MODE_USER),
    INLINE(mxcsr, SNUG_MODE_USER),
    INLINE(debugregs, SNUG_MODE_LONG),
    INLINE(msrs, SNUG_MODE_LONG),
    INLINE(memory, SNUG_MODE_USER),
    INLINE(memory, SNUG_MODE_LONG),
    INLINE(strings, SNUG_MODE_USER),
    INLINE(strings, SNUG_MODE_LONG),
    FILE_OF(GUESTS_DIR, "demo_real.bin", SNUG_MODE_REAL),
    FILE_OF(GUESTS_DIR, "demo_protected.bin", SNUG_MODE_PROTECTED),
    FILE_OF(GUESTS_DIR, "demo_long.bin", SNUG_MODE_LONG),
    FILE_OF(GUESTS_DIR, "demo_user.bin", SNUG_MODE_USER),
    FILE_OF(GUESTS_DIR, "hello.bin", SNUG_MODE_REAL),
    FILE_OF(GUESTS_DIR, "hello64.elf", SNUG_MODE_LONG),
    FILE_OF(GUESTS_DIR, "marks.elf", SNUG_MODE_LONG),
    FILE_OF(TEST_GUESTS_DIR, "allports_real.bin", SNUG_MODE_REAL),
    FILE_OF(TEST_GUESTS_DIR, "allports_protected.bin", SNUG_MODE_PROTECTED),
    FILE_OF(TEST_GUESTS_DIR, "allports_long.bin", SNUG_MODE_LONG),
    FILE_OF(TEST_GUESTS_DIR, "allports_user.bin", SNUG_MODE_USER),
};
#define GUESTS (sizeof(guests) / sizeof(guests[0]))

/* Kicks the vCPU after so many KVM_RUNs. */
struct stop {
	struct box *box;
	unsigned runs, at; /* at 0: never */
};

static void count_runs(void *ctx, const struct snug_call *call)
{
	struct stop *s = ctx;

	if (call->step == SNUG_STEP_RUN && !strcmp(call->name, "KVM_RUN") && ++s->runs == s->at)
		snug_vcpu_kick(s->box->cpu);
}

static void start(const struct guest *g, struct box *b, struct stop *s)
{
	struct snug_image im = {.data = g->code, .len = (size_t)(g->end - g->code), .path = g->file, .mode = g->mode};

	if (g->code)
		im.kind = SNUG_KIND_FLAT;
	box_open(b, (struct snug_config){.mem_bytes = 4 << 20,
	                                 .devices = SNUG_DEV_ALL,
	                                 .unclaimed = SNUG_UNCLAIMED_IGNORE,
	                                 .on_call = count_runs,
	                                 .on_call_ctx = s});
	s->box = b;
	s->runs = 0;
	b->in = "input";
	if (snug_load(b->vm, &im, &b->e) < 0)
		fail_msg("%s", b->e.msg);
}

static bool has_avx(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[8192];
	bool has = false;

	while (f && !has && fgets(line, sizeof(line), f))
		has = strncmp(line, "flags", 5) == 0 && strstr(line, " avx2") != NULL;
	if (f)
		fclose(f);
	return has;
}

static void any_exit(void **state)
{
	const struct guest *g = *state;
	struct box b, ref;
	struct stop s = {0};
	uint64_t seed = 0x9e3779b97f4a7c15ull;
	unsigned total;

	if (g->code == avx && (!has_avx() || !host_is_pvm()))
		skip(); /* hardware wants CR4.OSXSAVE, which our user mode does not set */
	start(g, &ref, &s);
	if (snug_vcpu_run(ref.cpu, PATIENCE, &ref.x, &ref.e) < 0)
		fail_msg("%s", ref.e.msg);
	total = s.runs;
	for (unsigned i = 0; i < STOPS; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		s.at = i ? 1 + (unsigned)(seed >> 33) % total : 0;
		start(g, &b, &s);
		if (s.at) {
			if (snug_vcpu_run(b.cpu, PATIENCE, &b.x, &b.e) < 0)
				fail_msg("%s", b.e.msg);
			s.at = 0;
		}
		if (b.x.kind == SNUG_EXIT_NONE || b.x.kind == SNUG_EXIT_KICKED)
			box_run(&b);
		assert_int_equal(b.x.kind, ref.x.kind);
		assert_int_equal(b.nout, ref.nout);
		assert_memory_equal(b.out, ref.out, ref.nout);
		box_close(&b);
	}
	box_close(&ref);
}

/* An exception that waits to be delivered is part of the state. */
static void pending_exception(void **state)
{
	static const uint8_t vectors[] = {X86_VECTOR_UD, X86_VECTOR_DE, X86_VECTOR_GP};
	struct kvm_vcpu_events ev;
	struct box b;

	(void)state;
	for (size_t i = 0; i < sizeof(vectors); i++) {
		BOX(&b, SNUG_MODE_LONG, memory);
		assert_int_equal(snug__kvm_get_events(b.cpu->kvm.fd, &ev, &b.vm->watch, NULL), 0);
		ev.exception.injected = 1;
		ev.exception.nr = vectors[i];
		ev.exception.has_error_code = vectors[i] == X86_VECTOR_GP;
		ev.exception.error_code = 0x18;
		assert_int_equal(snug__kvm_set_events(b.cpu->kvm.fd, &ev, &b.vm->watch, NULL), 0);
		assert_exit(&b, SNUG_EXIT_FAULT);
		assert_int_equal(b.x.fault.vector, vectors[i]);
		assert_int_equal(b.x.fault.rip, BASE);
		box_close(&b);
	}
}

/* Says what CR8 is, then sets it to 5. */
GUEST64(task_priority, "1: mov %cr8, %rax\nout %eax, $0x10\nmov $5, %eax\nmov %rax, %cr8\nout %eax, $0x10\njmp 1b");
/* Says what PKRU is, then changes it: rdpkru, wrpkru. */
GUEST64(
    protection_keys,
    "1: xor %ecx, %ecx\n.byte 0x0f, 0x01, 0xee\nout %eax, $0x10\nmov $0x5554, %eax\nxor %edx, %edx\nxor %ecx, %ecx\n"
    ".byte 0x0f, 0x01, 0xef\nout %eax, $0x10\njmp 1b");
/* MSR ecx becomes rdi. */
GUEST64(write_msr, "mov %edi, %eax\nmov %rdi, %rdx\nshr $32, %rdx\nwrmsr\nout %eax, $0x10\n1: jmp 1b");

static uint32_t says(struct box *b, snug_vm *vm)
{
	uint32_t v = 0;

	if (snug_vcpu_run(snug_vm_vcpu(vm, 0), PATIENCE, &b->x, &b->e) < 0)
		fail_msg("%s", b->e.msg);
	assert_string_equal(snug_exit_name(b->x.kind), snug_exit_name(SNUG_EXIT_PIO));
	memcpy(&v, b->x.pio.data, sizeof(v));
	return v;
}

static void ok(struct box *b, int r)
{
	if (r < 0)
		fail_msg("%s", b->e.msg);
}

/* CR8 is not set by KVM_SET_SREGS alone where there is no local APIC: each KVM_RUN takes it from kvm_run. */
static void cr8(void **state)
{
	snug_vm *clone;
	uint64_t v = 0;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, task_priority);
	ok(&b, snug_baseline(b.vm, &b.e));
	assert_int_equal(says(&b, b.vm), 0);
	says(&b, b.vm);
	ok(&b, snug_reset(b.vm, NULL, &b.e));
	assert_int_equal(says(&b, b.vm), 0);
	says(&b, b.vm);
	ok(&b, snug_baseline(b.vm, &b.e));
	ok(&b, snug_clone(b.vm, 1, &clone, &b.e));
	assert_int_equal(says(&b, clone), 5);
	snug_vm_free(clone);
	ok(&b, snug_vcpu_set_reg(b.cpu, "cr8", 3, &b.e));
	assert_int_equal(says(&b, b.vm), 3);
	ok(&b, snug_vcpu_get_reg(b.cpu, "cr8", &v, &b.e));
	assert_int_equal(v, 3);
	box_close(&b);
}

/* A state in its first form is given back too: KVM_SET_XSAVE leaves PKRU alone where XSTATE_BV has no bit for it. */
static void pkru(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_USER, protection_keys);
	if (snug_vcpu_run(b.cpu, PATIENCE, &b.x, &b.e) < 0 || b.x.kind != SNUG_EXIT_PIO) {
		box_close(&b);
		skip(); /* hardware wants CR4.PKE, which our user mode does not set */
	}
	box_close(&b);
	BOX(&b, SNUG_MODE_USER, protection_keys);
	ok(&b, snug_baseline(b.vm, &b.e));
	assert_int_equal(says(&b, b.vm), 0);
	says(&b, b.vm);
	ok(&b, snug_reset(b.vm, NULL, &b.e));
	assert_int_equal(says(&b, b.vm), 0);
	box_close(&b);
}

/* Of a fresh vCPU too, x87 and SSE are states to set: else a CPU without XSAVES keeps MXCSR. */
static void xstate_bv(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_USER, memory);
	ok(&b, snug_baseline(b.vm, &b.e));
	assert_int_equal(b.vm->baseline->cpu[0].xsave[512] & 3, 3);
	assert_int_equal(b.vm->baseline->cpu[0].xsave[0] | b.vm->baseline->cpu[0].xsave[1] << 8, 0x37f);
	box_close(&b);
}

static uint64_t msr(const struct box *b, uint32_t index)
{
	struct kvm_msr_entry e = {.index = index};

	assert_int_equal(snug__kvm_get_msrs(b->cpu->kvm.fd, &e, 1, &b->vm->watch, NULL), 1);
	return e.data;
}

/* Those too that KVM has and KVM_GET_MSR_INDEX_LIST does not name. */
static void every_msr(void **state)
{
	static const struct kvm_msr_entry rows[] = {
	    {.index = 0x200, .data = 6}, /* MTRRs */
	    {.index = 0x20f, .data = 0x800},
	    {.index = 0x250, .data = 0x0606060606060606},
	    {.index = 0x258, .data = 0x0606060606060606},
	    {.index = 0x259, .data = 0x0606060606060606},
	    {.index = 0x26f, .data = 0x0606060606060606},
	    {.index = 0x2ff, .data = 0xc00},
	    {.index = 0x402, .data = 0x1234}, /* MC0_ADDR */
	    {.index = 0x47f, .data = 0x1234}, /* MC31_MISC */
	    {.index = 0x277, .data = 0x0606060606060606},
	    {.index = 0xc0000102, .data = 0x1234},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t was;
		struct box b;

		BOX(&b, SNUG_MODE_LONG, write_msr);
		was = msr(&b, rows[i].index);
		ok(&b, snug_vcpu_set_reg(b.cpu, "rcx", rows[i].index, &b.e));
		ok(&b, snug_vcpu_set_reg(b.cpu, "rdi", rows[i].data, &b.e));
		ok(&b, snug_baseline(b.vm, &b.e));
		says(&b, b.vm);
		assert_int_not_equal(msr(&b, rows[i].index), was);
		ok(&b, snug_reset(b.vm, NULL, &b.e));
		if (msr(&b, rows[i].index) != was)
			fail_msg("MSR 0x%x is not put back", rows[i].index);
		box_close(&b);
	}
}

/* Of the writes of one MSR alone, how many there were. */
static void count_single(void *ctx, const struct snug_call *call)
{
	*(unsigned *)ctx += !strcmp(call->name, "KVM_SET_MSRS") && call->arg == 1;
}

/* What is not compared in a new VM, since KVM names it not, is 0 there. */
static void fresh_msrs(void **state)
{
	static const uint32_t some[] = {0x200, 0x20f, 0x250, 0x268, 0x2ff, 0x400, 0x401, 0x403, 0x47c, 0xc0000103};
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){0});
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
		assert_int_equal(msr(&b, some[i]), 0);
	box_close(&b);
}

/* A guest that moved its TSC moved TSC_ADJUST with it (SDM 3B 17.17.3): the TSC is moved back by as much. */
static void tsc(void **state)
{
	unsigned singles = 0, before;
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.on_call = count_single, .on_call_ctx = &singles});
	BOX_LOAD(&b, SNUG_MODE_LONG, write_msr);
	ok(&b, snug_vcpu_set_reg(b.cpu, "rcx", 0x3b, &b.e));
	ok(&b, snug_vcpu_set_reg(b.cpu, "rdi", 1ull << 40, &b.e));
	ok(&b, snug_baseline(b.vm, &b.e));
	ok(&b, snug_reset(b.vm, NULL, &b.e));
	before = singles;
	ok(&b, snug_reset(b.vm, NULL, &b.e));
	assert_int_equal(singles, before);
	says(&b, b.vm);
	if (msr(&b, 0x3b) != 1ull << 40) {
		box_close(&b);
		skip();
	}
	ok(&b, snug_reset(b.vm, NULL, &b.e));
	assert_int_equal(singles, before + 1);
	assert_int_equal(msr(&b, 0x3b), 0);
	box_close(&b);
}

/* All that KVM has of the vCPU is the baseline's. */
static void is_baseline(const char *how, struct box *b)
{
	struct life was = {.settled = true, .cpu = b->vm->baseline->cpu[0]}, now = {.settled = true};
	struct kvm_msr_entry *rows = calloc(was.cpu.msr_count, sizeof(*rows));

	assert_non_null(rows);
	memcpy(rows, was.cpu.msrs, was.cpu.msr_count * sizeof(*rows));
	was.cpu.msrs = rows;
	ok(b, snug__vcpu_settle(b->cpu, &b->e));
	ok(b, snug__state_get(b->cpu, &now.cpu, &b->e));
	still_msrs(&was.cpu);
	still_msrs(&now.cpu);
	same_cpu(how, &was, &now);
	forget(&now);
	free(rows);
}

/*
 * What user-mode code might leave behind where a reset sets what user-mode code can change alone.  Each runs behind what
 * makes its registers, and before an `out`.
 */
static void odd_instructions(void **state)
{
	static const uint8_t before[] = {0xb8, 0x34, 0x12, 0x00, 0x00, /* mov $0x1234, %eax */
	                                 0x31, 0xc9, 0x31, 0xd2},      /* xor %ecx, %ecx; xor %edx, %edx */
	    after[] = {0xe7, 0x10, 0xeb, 0xfc};                        /* out %eax, $0x10 for ever */
	static const struct {
		const char *name;
		uint8_t len, code[15];
	} rows[] = {
	    {"syscall", 2, {0x0f, 0x05}},
	    {"sysenter", 2, {0x0f, 0x34}},
	    {"wrfsbase", 5, {0xf3, 0x48, 0x0f, 0xae, 0xd0}},
	    {"wrgsbase", 5, {0xf3, 0x48, 0x0f, 0xae, 0xd8}},
	    {"swapgs", 3, {0x0f, 0x01, 0xf8}},
	    {"wrpkru", 3, {0x0f, 0x01, 0xef}},
	    {"xsetbv", 5, {0xb0, 0x03, 0x0f, 0x01, 0xd1}},
	    {"vmcall", 3, {0x0f, 0x01, 0xc1}},
	    {"vmmcall", 3, {0x0f, 0x01, 0xd9}},
	    {"int3", 1, {0xcc}},
	    {"int1", 1, {0xf1}},
	    {"int 1", 2, {0xcd, 0x01}},
	    {"int 0x80", 2, {0xcd, 0x80}},
	    {"step", 7, {0x9c, 0x80, 0x4c, 0x24, 0x01, 0x01, 0x9d}},           /* pushf; orb $1, 1(%rsp); popf */
	    {"nt", 9, {0x9c, 0x80, 0x4c, 0x24, 0x01, 0x40, 0x9d, 0x48, 0xcf}}, /* the same with NT; iretq */
	    {"wrmsr", 2, {0x0f, 0x30}},
	    {"mov dr0", 3, {0x0f, 0x23, 0xc0}},
	    {"mov cr8", 4, {0x44, 0x0f, 0x22, 0xc0}},
	    {"lldt", 3, {0x0f, 0x00, 0xd0}},
	    {"mov fs, gs", 9, {0xb8, 0x2b, 0, 0, 0, 0x8e, 0xe0, 0x8e, 0xe8}},
	    {"ldmxcsr", 9, {0x68, 0x80, 0x3f, 0, 0, 0x0f, 0xae, 0x14, 0x24}},
	    {"fldcw", 8, {0x68, 0x7f, 0x02, 0, 0, 0xd9, 0x2c, 0x24}},
	    {"tpause", 4, {0x66, 0x0f, 0xae, 0xf1}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (unsigned save = 0; save < 2; save++) {
			struct snug__frozen *unused = NULL;
			uint8_t code[64];
			struct box b;

			memcpy(code, before, sizeof(before));
			memcpy(code + sizeof(before), rows[i].code, rows[i].len);
			memcpy(code + sizeof(before) + rows[i].len, after, sizeof(after));
			box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL});
			box_load(&b, SNUG_MODE_USER, code, code + sizeof(before) + rows[i].len + sizeof(after));
			ok(&b, snug_baseline(b.vm, &b.e));
			assert_true(snug__user_sealed(b.vm->baseline));
			is_baseline("baseline", &b);
			ok(&b, snug_vcpu_run(b.cpu, 20 * MS, &b.x, &b.e));
			/* As snug_save does: looking at a pending exception may deliver half of it. */
			if (save && snug__freeze_state(b.vm, &unused, &b.e) >= 0)
				snug__frozen_drop(unused);
			ok(&b, snug_reset(b.vm, NULL, &b.e));
			is_baseline(rows[i].name, &b);
			box_close(&b);
		}
}

/* Where the host has opened a way into CPL 0, a reset sets everything. */
static void unsealed(void **state)
{
	/* int3 leads to code of the guest's at CPL 0: wrmsr LSTAR, out */
	static const uint8_t code[] = {0xcc, 0xb9, 0x82, 0,    0,    0xc0, 0xb8, 0,    0x10, 0,
	                               0,    0x31, 0xd2, 0x0f, 0x30, 0xe7, 0x10, 0xeb, 0xfc};
	const uint64_t target = BASE + 1, idt = 0xfef00000;
	struct snug_sregs s;
	uint64_t gate = 0;
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){0});
	box_load(&b, SNUG_MODE_USER, code, code + sizeof(code));
	ok(&b, snug_baseline(b.vm, &b.e));
	assert_int_equal(snug_mem_read(b.vm, idt + 3 * 16, &gate, 8), 0);
	gate = (gate & 0x0000ffffffff0000) | (target & 0xffff) | (target >> 16 & 0xffff) << 48;
	assert_int_equal(snug_mem_write(b.vm, idt + 3 * 16, &gate, 8), 0);
	says(&b, b.vm);
	assert_int_equal(msr(&b, 0xc0000082), 0x1000);
	ok(&b, snug_reset(b.vm, NULL, &b.e));
	assert_int_equal(msr(&b, 0xc0000082), 0);
	/* An LDT may have call gates in memory the guest can write. */
	ok(&b, snug_vcpu_get_sregs(b.cpu, &s, &b.e));
	s.ldt = (struct snug_segment){
	    .base = 0x200000, .limit = 0xff, .selector = 0x50, .type = X86_TYPE_LDT, .present = 1};
	ok(&b, snug_vcpu_set_sregs(b.cpu, &s, &b.e));
	ok(&b, snug_baseline(b.vm, &b.e));
	assert_false(snug__user_sealed(b.vm->baseline));
	box_close(&b);
}

/* A run may end between a fault and the stub that tells of it. */
static void interrupted(void **state)
{
	static const uint8_t code[] = {0xeb, 0xfe};
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){0});
	box_load(&b, SNUG_MODE_USER, code, code + sizeof(code));
	ok(&b, snug_baseline(b.vm, &b.e));
	assert_false(b.cpu->touched);
	ok(&b, snug_vcpu_run(b.cpu, 2 * MS, &b.x, &b.e));
	assert_int_equal(b.x.kind, SNUG_EXIT_TIMEOUT);
	assert_true(b.cpu->touched);
	ok(&b, snug_reset(b.vm, NULL, &b.e));
	assert_false(b.cpu->touched);
	box_close(&b);
}

/* Writes eax to port dx, then tells of it on port 0x10, for ever. */
GUEST64(say, "1: out %eax, %dx\nout %eax, $0x10\njmp 1b");

static void say_to(struct box *b, snug_vm *vm, uint16_t port, uint32_t value, enum snug_exit_kind kind)
{
	snug_vcpu *cpu = snug_vm_vcpu(vm, 0);

	ok(b, snug_vcpu_set_reg(cpu, "rip", BASE, &b->e));
	ok(b, snug_vcpu_set_reg(cpu, "rdx", port, &b->e));
	ok(b, snug_vcpu_set_reg(cpu, "rax", value, &b->e));
	ok(b, snug_vcpu_run(cpu, PATIENCE, &b->x, &b->e));
	assert_string_equal(snug_exit_name(b->x.kind), snug_exit_name(kind));
}

#define MARK 0x5e4
#define PLACE 0x5f0
#define ABCD 0x64636261 /* four bytes of a name a write */
#define EF 0x6665

/* A name half sent goes on from there, and a kick does not. */
static void marks_and_kicks(void **state)
{
	snug_vm *clone, *pooled;
	snug_pool *pool;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_USER, say);
	assert_int_equal(snug_mark_stop(b.vm, "abcdef"), 0);
	say_to(&b, b.vm, MARK, ABCD, SNUG_EXIT_PIO);
	ok(&b, snug_baseline(b.vm, &b.e));
	ok(&b, snug_clone(b.vm, 1, &clone, &b.e));
	say_to(&b, clone, MARK, EF, SNUG_EXIT_MARK);
	snug_vm_free(clone);
	say_to(&b, b.vm, MARK, ABCD, SNUG_EXIT_PIO);
	snug_vcpu_kick(b.cpu);
	ok(&b, snug_reset(b.vm, NULL, &b.e));
	say_to(&b, b.vm, MARK, EF, SNUG_EXIT_MARK);
	ok(&b, snug_pool_new(b.vm, 1, &pool, &b.e));
	ok(&b, snug_pool_get(pool, &pooled, &b.e));
	assert_int_equal(snug_mark_stop(pooled, "other"), 0);
	snug_pool_put(pool, pooled);
	ok(&b, snug_pool_get(pool, &clone, &b.e));
	assert_ptr_equal(clone, pooled);
	say_to(&b, clone, MARK, EF, SNUG_EXIT_MARK);
	snug_vm_free(clone);
	snug_pool_free(pool);
	box_close(&b);
}

static int count_up(void *ctx, void *bytes, size_t len)
{
	memset(bytes, ++*(int *)ctx, len);
	return 0;
}

/* Each life has an id of its own, from where the VM's hygiene says, at the place the baseline's guest gave. */
static void generations(void **state)
{
	const uint32_t first = 0x200000, second = 0x300000;
	uint8_t id[16], told[16], none[16] = {0};
	int calls = 0;
	snug_vm *clone;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_USER, say);
	ok(&b, snug_hygiene_set(b.vm, &(struct snug_hygiene){.random = count_up, .ctx = &calls}, &b.e));
	say_to(&b, b.vm, PLACE, first, SNUG_EXIT_PIO);
	ok(&b, snug_baseline(b.vm, &b.e));
	for (int i = 0; i < 3; i++) {
		int before = calls;

		say_to(&b, b.vm, PLACE, second, SNUG_EXIT_PIO);
		before = calls;
		ok(&b, snug_reset(b.vm, NULL, &b.e));
		assert_int_equal(calls, before + 2);
		assert_int_equal(snug_mem_read(b.vm, first, told, 16), 0);
		assert_int_equal(told[0], before + 1);
		ok(&b, snug_generation(b.vm, id));
		assert_memory_equal(id, told, 16);
		assert_int_equal(snug_mem_read(b.vm, second, told, 16), 0);
		assert_memory_equal(told, none, 16);
	}
	ok(&b, snug_clone(b.vm, 1, &clone, &b.e));
	ok(&b, snug_generation(clone, id));
	assert_int_equal(id[0], calls - 1);
	assert_int_equal(snug_mem_read(clone, first, told, 16), 0);
	assert_memory_equal(id, told, 16);
	snug_vm_free(clone);
	box_close(&b);
}

/* What was loaded, and where faults are told from, is the baseline's. */
GUEST16(undefined, "ud2");
static void images(void **state)
{
	struct snug_boot was, now;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, say);
	BOX_LOAD(&b, SNUG_MODE_REAL, undefined);
	assert_int_equal(snug_loaded(b.vm, &was), 0);
	ok(&b, snug_baseline(b.vm, &b.e));
	BOX_LOAD(&b, SNUG_MODE_LONG, say);
	ok(&b, snug_reset(b.vm, NULL, &b.e));
	assert_int_equal(snug_loaded(b.vm, &now), 0);
	assert_memory_equal(&was, &now, sizeof(was));
	ok(&b, snug_vcpu_run(b.cpu, PATIENCE, &b.x, &b.e));
	assert_string_equal(snug_exit_name(b.x.kind), snug_exit_name(SNUG_EXIT_FAULT));
	assert_int_equal(b.x.fault.vector, X86_VECTOR_UD);
	box_close(&b);
}

/* Nobody writes to a baseline; a clone has its XCR0; pages put back once are clean. */
static void frozen(void **state)
{
	const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	struct snug_reset_info info;
	struct kvm_xcrs xcrs;
	uint64_t xcr0;
	snug_vm *clone;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_USER, say);
	assert_int_equal(snug__kvm_get_xcrs(b.cpu->kvm.fd, &xcrs, &b.vm->watch, NULL), 0);
	xcr0 = xcrs.nr_xcrs ? xcrs.xcrs[0].value ^ X86_XSTATE_SSE : 0;
	if (xcrs.nr_xcrs) {
		xcrs.xcrs[0].value = xcr0;
		assert_int_equal(snug__kvm_set_xcrs(b.cpu->kvm.fd, &xcrs, &b.vm->watch, NULL), 0);
	}
	ok(&b, snug_baseline(b.vm, &b.e));
	assert_int_equal(fcntl(b.vm->baseline->fd, F_GET_SEALS), seals);
	ok(&b, snug_clone(b.vm, 1, &clone, &b.e));
	assert_int_equal(snug__kvm_get_xcrs(clone->vcpus[0].kvm.fd, &xcrs, &clone->watch, NULL), 0);
	assert_int_equal(xcrs.nr_xcrs ? xcrs.xcrs[0].value : 0, xcr0);
	snug_vm_free(clone);
	say_to(&b, b.vm, 0x11, 0, SNUG_EXIT_PIO);
	assert_int_equal(snug_mem_write(b.vm, 0x200000, "host", 4), 0);
	ok(&b, snug_vcpu_set_reg(b.cpu, "rsp", 0x300000, &b.e));
	ok(&b, snug_reset(b.vm, &info, &b.e));
	assert_int_equal(info.host, 1);
	ok(&b, snug_reset(b.vm, &info, &b.e));
	assert_int_equal(info.pages, 0);
	box_close(&b);
}

/* Whatever may have touched what user-mode code cannot is noted, until the reset. */
static void touches(void **state)
{
	static const uint8_t breaks[] = {0xcc};
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_USER, say);
	box_load(&b, SNUG_MODE_USER, breaks, breaks + 1);
	ok(&b, snug_baseline(b.vm, &b.e));
	for (unsigned what = 0; what < 4; what++) {
		assert_false(b.cpu->touched);
		if (what == 0)
			ok(&b, snug_vcpu_run(b.cpu, PATIENCE, &b.x, &b.e));
		else if (what == 1)
			ok(&b, snug_vcpu_set_reg(b.cpu, "cr2", 1, &b.e));
		else if (what == 2)
			ok(&b, snug_vcpu_boot(b.cpu, SNUG_MODE_LONG, BASE, 0x200000, &b.e));
		else
			BOX_LOAD(&b, SNUG_MODE_USER, say);
		assert_true(b.cpu->touched);
		ok(&b, snug_reset(b.vm, NULL, &b.e));
	}
	box_close(&b);
}

/* What a guest's own guests are is not saved: a baseline of it would be half of one. */
static void nested(void **state)
{
	struct snug_sregs s;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, memory);
	ok(&b, snug_vcpu_get_sregs(b.cpu, &s, &b.e));
	s.efer |= X86_EFER_SVME;
	if (snug_vcpu_set_sregs(b.cpu, &s, &b.e) < 0) {
		s.efer &= ~X86_EFER_SVME;
		s.cr4 |= X86_CR4_VMXE;
		if (snug_vcpu_set_sregs(b.cpu, &s, &b.e) < 0) {
			box_close(&b);
			skip(); /* this host's KVM has no nested virtualization */
		}
	}
	assert_int_equal(snug_baseline(b.vm, &b.e), -ENOTSUP);
	box_close(&b);
}

/* The comparison above compared something. */
static void lives_were_compared(void **state)
{
	(void)state;
	assert_true(lives > GUESTS);
}

int main(void)
{
	static struct guarded guards[GUESTS];
	const struct CMUnitTest more[] = {
	    KVM_TEST(pending_exception),
	    KVM_TEST(cr8),
	    KVM_TEST(pkru),
	    KVM_TEST(xstate_bv),
	    KVM_TEST(every_msr),
	    KVM_TEST(fresh_msrs),
	    KVM_TEST(tsc),
	    KVM_TEST(odd_instructions),
	    KVM_TEST(unsealed),
	    KVM_TEST(interrupted),
	    KVM_TEST(marks_and_kicks),
	    KVM_TEST(generations),
	    KVM_TEST(images),
	    KVM_TEST(frozen),
	    KVM_TEST(touches),
	    KVM_TEST(nested),
	    KVM_TEST(lives_were_compared),
	};
	struct CMUnitTest tests[GUESTS + sizeof(more) / sizeof(more[0])];

	for (size_t i = 0; i < GUESTS; i++) {
		guards[i] = (struct guarded){any_exit, &guests[i]};
		tests[i] = (struct CMUnitTest){guests[i].name, run_guarded, NULL, NULL, &guards[i]};
	}
	memcpy(tests + GUESTS, more, sizeof(more));
	return _cmocka_run_group_tests("equivalence", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL);
}

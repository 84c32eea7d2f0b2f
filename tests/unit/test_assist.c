/* SPDX-License-Identifier: MIT */
/*
 * assist: each kind of instruction beside the real CPU, over random operands, flags and faults
 *
 * An instruction runs twice from the same state: once here, at CPL 3 on a page of code, and once by the assist, whose
 * guest has the same memory at the same linear addresses.  Registers, flags, memory and floating-point state must agree, and
 * so must a page fault's address.
 */
#include "check.h"

#include <cpuid.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "assistforms.h"
#include "base/bytes.h"
#include "x86/assist/assist.h"
#include "x86/x86.h"

/* Linear addresses, in the guest and here: two pages of data, one of the library's for reading, and none behind each. */
#define DATA 0x10000000ull
#define DATA_BYTES 0x2000u
#define READONLY 0x10004000ull
#define CODE 0x10008000ull
#define STATE 0x1000a000ull /* registers as the runner loads and stores them */
#define AREA 0x1000b000ull  /* an XSAVE area of ours */
#define AREA_BYTES 4096u
#define KEPT 0x3ffull /* the components that it has: not AMX's tiles, which do not fit */
#define YMM 576u      /* SDM 1 13.4.3: where the upper halves of YMM registers are, on every CPU there is */
#define GPA_OF(linear) ((linear)-DATA + 0x10000)

#define STATUS (X86_RFLAGS_CF | X86_RFLAGS_PF | X86_RFLAGS_AF | X86_RFLAGS_ZF | X86_RFLAGS_SF | X86_RFLAGS_OF)

enum { RAX, RBX, RCX, RDX, RSI, RDI, RSP, RBP, R8, R9, R10, R11, R12, R13, R14, R15, FLAGS, GENERAL };

/* As struct snug_regs has them. */
_Static_assert(offsetof(struct snug_regs, rsp) == 8 * RSP && offsetof(struct snug_regs, r15) == 8 * R15, "order");

static uint64_t *const state = (uint64_t *)STATE;
static uint8_t *const area = (uint8_t *)AREA;
static uint8_t before[AREA_BYTES]; /* it */
static uint64_t xcr0;
static uint32_t mxcsr_mask; /* SDM 1 11.6.6 */

/* Loads all but rsp, calls CODE, and stores them again. */
__asm__(".pushsection .text\n"
        "run_here:\n\t"
        "push %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\tpushf\n\t"
        "mov $0x3ff, %eax\n\txor %edx, %edx\n\tmov $0x1000b000, %ecx\n\txrstor64 (%rcx)\n\t"
        "pushq 0x1000a080\n\tpopf\n\t"
        "mov 0x1000a000, %rax\n\tmov 0x1000a008, %rbx\n\tmov 0x1000a010, %rcx\n\tmov 0x1000a018, %rdx\n\t"
        "mov 0x1000a020, %rsi\n\tmov 0x1000a028, %rdi\n\tmov 0x1000a038, %rbp\n\t"
        "mov 0x1000a040, %r8\n\tmov 0x1000a048, %r9\n\tmov 0x1000a050, %r10\n\tmov 0x1000a058, %r11\n\t"
        "mov 0x1000a060, %r12\n\tmov 0x1000a068, %r13\n\tmov 0x1000a070, %r14\n\tmov 0x1000a078, %r15\n\t"
        "call *0x1000a088\n\t"
        "mov %rax, 0x1000a000\n\tmov %rbx, 0x1000a008\n\tmov %rcx, 0x1000a010\n\tmov %rdx, 0x1000a018\n\t"
        "mov %rsi, 0x1000a020\n\tmov %rdi, 0x1000a028\n\tmov %rbp, 0x1000a038\n\t"
        "mov %r8, 0x1000a040\n\tmov %r9, 0x1000a048\n\tmov %r10, 0x1000a050\n\tmov %r11, 0x1000a058\n\t"
        "mov %r12, 0x1000a060\n\tmov %r13, 0x1000a068\n\tmov %r14, 0x1000a070\n\tmov %r15, 0x1000a078\n\t"
        "pushf\n\tpopq 0x1000a080\n\t"
        "mov $0x3ff, %eax\n\txor %edx, %edx\n\tmov $0x1000b000, %ecx\n\txsave64 (%rcx)\n\t"
        "popf\n\tpop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbp\n\tpop %rbx\n\tfninit\n\tcld\n\tret\n"
        ".popsection\n");
void run_here(void);

struct world {
	struct snug__mem mem;
	struct snug__decoder decoder;
	uint8_t xsave[AREA_BYTES];
};

static struct world w;

/* ---- What an instruction may ask for. */

static int get_xsave(void *ctx, uint8_t out[4096])
{
	(void)ctx;
	memcpy(out, w.xsave, AREA_BYTES);
	return 0;
}

static int set_xsave(void *ctx, const uint8_t in[4096])
{
	(void)ctx;
	memcpy(w.xsave, in, AREA_BYTES);
	return 0;
}

static int get_xcr0(void *ctx, uint64_t *out)
{
	(void)ctx;
	*out = xcr0;
	return 0;
}

static int set_nothing(void *ctx, uint64_t v)
{
	(void)ctx, (void)v;
	return -1;
}

static int no_msr(void *ctx, uint32_t msr, uint64_t *v)
{
	(void)ctx, (void)msr, (void)v;
	return -1;
}

static int no_msr_set(void *ctx, uint32_t msr, uint64_t v)
{
	(void)ctx, (void)msr, (void)v;
	return -1;
}

static bool cpuid(void *ctx, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	(void)ctx;
	return __get_cpuid_count(leaf, subleaf, &out[0], &out[1], &out[2], &out[3]) != 0;
}

static const struct snug__assist_ops ops = {get_xsave, set_xsave, get_xcr0, set_nothing, no_msr, no_msr_set, cpuid};

/* ---- The two worlds. */

static void put_entry(uint64_t table, unsigned n, uint64_t value)
{
	uint8_t b[8];

	snug__le_store(b, 8, value);
	assert_int_equal(snug__mem_write(&w.mem, table + 8ull * n, b, 8), 0);
}

#define USER_RW 7u
#define USER_RO 5u

static int setup(void **unused)
{
	uint32_t a, b, c, d;

	(void)unused;
	snug__mem_init(&w.mem, 8, NULL, NULL);
	assert_int_equal(snug__mem_add_ram(&w.mem, 1 << 20, NULL), 0);
	put_entry(0x1000, 0, 0x2000 | USER_RW);
	put_entry(0x2000, 0, 0x3000 | USER_RW);
	put_entry(0x3000, DATA >> 21, 0x4000 | USER_RW);
	put_entry(0x4000, 0, GPA_OF(DATA) | USER_RW);
	put_entry(0x4000, 1, GPA_OF(DATA + 0x1000) | USER_RW);
	put_entry(0x4000, (READONLY - DATA) >> 12, GPA_OF(READONLY) | USER_RO);
	snug__decoder_open(&w.decoder);
	if (!w.decoder.lib)
		skip();
	for (int i = 0; i < 3; i++) {
		static const struct {
			uint64_t at;
			size_t len;
			int prot;
		} maps[] = {{DATA, DATA_BYTES, PROT_READ | PROT_WRITE},
		            {READONLY, 0x1000, PROT_READ},
		            {CODE, 0x4000, PROT_READ | PROT_WRITE}};

		assert_ptr_equal(mmap((void *)maps[i].at, maps[i].len, maps[i].prot,
		                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
		                 maps[i].at);
	}
	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	xcr0 = a & KEPT;
	__asm__ volatile("fxsave %0" : "=m"(*(uint8_t(*)[512])area));
	mxcsr_mask = (uint32_t)snug__le_load(area + 28, 4);
	for (unsigned n = 2; n < 10; n++)
		assert_true(__get_cpuid_count(0xd, n, &a, &b, &c, &d) && a + b <= AREA_BYTES);
	return 0;
}

static uint64_t seed = 88172645463325252ull;

static uint64_t any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

/* Small, large, and those beside a power of two. */
static uint64_t operand(void)
{
	switch (any() % 6) {
	case 0:
		return any() % 256;
	case 1:
		return 1ull << any() % 64;
	case 2:
		return (1ull << any() % 64) - 1;
	case 3:
		return 0 - any() % 4;
	default:
		return any();
	}
}

static sigjmp_buf out;
static volatile int signal_no;
static void *volatile signal_at;
static volatile uint32_t signal_mxcsr;

static void on_signal(int number, siginfo_t *info, void *context)
{
	signal_no = number;
	signal_at = info->si_addr;
	signal_mxcsr = ((const ucontext_t *)context)->uc_mcontext.fpregs->mxcsr;
	siglongjmp(out, 1);
}

/* The real CPU's; 0, or the signal. */
static int run_real(const uint8_t *insn, size_t len)
{
	static const int signals[] = {SIGSEGV, SIGILL, SIGBUS, SIGFPE};
	struct sigaction act = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO}, old[4];
	uint32_t usual;

	assert_int_equal(mprotect((void *)CODE, 0x1000, PROT_READ | PROT_WRITE), 0);
	memcpy((void *)CODE, insn, len);
	((uint8_t *)CODE)[len] = 0xc3;
	assert_int_equal(mprotect((void *)CODE, 0x1000, PROT_READ | PROT_EXEC), 0);
	state[FLAGS + 1] = CODE;
	for (int i = 0; i < 4; i++)
		sigaction(signals[i], &act, &old[i]);
	signal_no = 0;
	if (sigsetjmp(out, 1) == 0)
		run_here();
	snug__le_store((uint8_t *)&usual, 4, 0x1f80);
	__asm__ volatile("fninit; cld; ldmxcsr %0" : : "m"(usual));
	for (int i = 0; i < 4; i++)
		sigaction(signals[i], &old[i], NULL);
	return signal_no;
}

static struct snug__assist guest(void)
{
	struct snug__assist a = {.mem = &w.mem, .decoder = &w.decoder, .ops = &ops};

	memcpy(&a.regs, state, 16 * 8);
	a.regs.rflags = state[FLAGS] & (STATUS | X86_RFLAGS_DF);
	a.regs.rflags |= X86_RFLAGS_ONE | X86_RFLAGS_IF;
	a.regs.rip = CODE;
	a.sregs.cr0 = X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_PG;
	a.sregs.cr3 = 0x1000;
	a.sregs.cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_OSXSAVE | X86_CR4_FSGSBASE;
	a.sregs.efer = X86_EFER_SCE | X86_EFER_LME | X86_EFER_LMA;
	a.sregs.cs = (struct snug_segment){.selector = 0x33, .l = 1, .dpl = 3, .s = 1, .present = 1, .type = 11};
	a.sregs.ss = (struct snug_segment){.selector = 0x2b, .dpl = 3, .s = 1, .present = 1, .type = 3, .db = 1};
	return a;
}

/* ---- The instructions. */

/* SAVES: an area at rsi, edx:eax says what of it.  GATHER: register 4 has indices. */
enum what { PLAIN, FLOAT, SAVES, GATHER };

struct insn {
	const char *text;
	const uint8_t *at, *end;
	uint64_t flags;    /* that are defined */
	bool (*has)(void); /* the CPU here; NULL: any */
	enum what what;
};

/* Between the two addresses there is the instruction. */
#define I(n, text)                                                                                                   \
	__asm__(".pushsection .rodata\ninsn_" #n ": " text "\ninsn_" #n "_end:\n.popsection");                       \
	extern const uint8_t insn_##n[], insn_##n##_end[]
#define R(n, text, flags, has, what)                                                                                 \
	{                                                                                                            \
		text, insn_##n, insn_##n##_end, flags, has, what                                                     \
	}

#define DECLARE(n, text, flags, has, what) I(n, text);
#define ROW(n, text, flags, has, what) R(n, text, flags, has, what),
#define DECLARE_TWO(name) AVX_TWO_FORMS(DECLARE, name, )
#define DECLARE_ONE(name) AVX_ONE_FORMS(DECLARE, name, )
ALL(DECLARE)
WIDE(DECLARE)
AVX_TWO(DECLARE_TWO)
AVX_FMA(DECLARE_TWO)
AVX_AES(DECLARE_TWO)
AVX_ONE(DECLARE_ONE)

static bool bit(uint32_t leaf, unsigned reg, unsigned n)
{
	uint32_t r[4];

	return __get_cpuid_count(leaf, 0, &r[0], &r[1], &r[2], &r[3]) && r[reg] >> n & 1;
}

static bool has_popcnt(void)
{
	return bit(1, 2, 23);
}

static bool has_sse42(void)
{
	return bit(1, 2, 20);
}

static bool has_cx16(void)
{
	return bit(1, 2, 13);
}

static bool has_movbe(void)
{
	return bit(1, 2, 22);
}

static bool has_bmi1(void)
{
	return bit(7, 1, 3);
}

static bool has_bmi2(void)
{
	return bit(7, 1, 8);
}

static bool has_adx(void)
{
	return bit(7, 1, 19);
}

static bool has_lzcnt(void)
{
	return bit(0x80000001, 2, 5);
}

static bool has_aes(void)
{
	return bit(1, 2, 25) && bit(1, 2, 1);
}

static bool has_sha(void)
{
	return bit(7, 1, 29);
}

static bool has_ymm(void)
{
	return (xcr0 & 6) == 6;
}

static bool has_avx(void)
{
	return has_ymm() && bit(1, 2, 28);
}

static bool has_avx2(void)
{
	return has_ymm() && bit(7, 1, 5);
}

static bool has_fma(void)
{
	return has_avx2() && bit(1, 2, 12);
}

static bool has_f16c(void)
{
	return has_avx2() && bit(1, 2, 29);
}

static bool has_vaes(void)
{
	return has_avx2() && bit(7, 2, 9);
}

static bool has_movdiri(void)
{
	return bit(7, 2, 27);
}

static bool has_xsavec(void)
{
	uint32_t r[4];

	return __get_cpuid_count(0xd, 1, &r[0], &r[1], &r[2], &r[3]) && r[0] & 2;
}

static const struct insn insns[] = {
#define ROW_TWO(name) AVX_TWO_FORMS(ROW, name, has_avx2)
#define ROW_FMA(name) AVX_TWO_FORMS(ROW, name, has_fma)
#define ROW_AES(name) AVX_TWO_FORMS(ROW, name, has_vaes)
#define ROW_ONE(name) AVX_ONE_FORMS(ROW, name, has_avx2)
    ALL(ROW) WIDE(ROW) AVX_TWO(ROW_TWO) AVX_FMA(ROW_FMA) AVX_AES(ROW_AES) AVX_ONE(ROW_ONE)};

/* SDM 1 table 10-2 and 13.4.2: what of the legacy region and header is looked at.  Pointers to instructions are not. */
static void same_float(const char *text)
{
	if (memcmp(area, w.xsave, 8 - 2) || memcmp(area + 24, w.xsave + 24, 4))
		fail_msg("%s: control and status: %02x%02x %02x%02x %02x, here %02x%02x %02x%02x %02x", text,
		         w.xsave[1], w.xsave[0], w.xsave[3], w.xsave[2], w.xsave[4], area[1], area[0], area[3],
		         area[2], area[4]);
	for (unsigned i = 0; i < 8; i++)
		if (memcmp(area + 32 + 16 * i, w.xsave + 32 + 16 * i, 10))
			fail_msg("%s: st%u", text, i);
	for (unsigned i = 0; i < 16; i++)
		if (memcmp(area + 160 + 16 * i, w.xsave + 160 + 16 * i, 16))
			fail_msg("%s: xmm%u", text, i);
		else if (has_ymm() && memcmp(area + YMM + 16 * i, w.xsave + YMM + 16 * i, 16))
			fail_msg("%s: ymm%u", text, i);
}

/* Mostly anything; else what floating point has to say something about: zeros, infinities, NaN, denormals. */
static uint64_t number(void)
{
	static const uint64_t odd[] = {0,
	                               0x8000000000000000ull,
	                               0x7ff0000000000000ull,
	                               0x7f8000007f800000ull,
	                               0x7ff8000000000001ull,
	                               0x7fa000017fc00001ull,
	                               0x0000000000000fffull,
	                               0x0000123480001234ull,
	                               0x3ff0000000000000ull,
	                               0x4000000040000000ull,
	                               0x7fefffffffffffffull,
	                               0x0010000000000000ull};

	return any() % 4 ? any() : odd[any() % (sizeof(odd) / sizeof(odd[0]))];
}

/* Unmasked, these look at the result in another way (SDM 1 4.9.1.4, 4.9.1.5), which an instruction that masks them cannot tell. */
#define MXCSR_UM_OM 0xc00u

/* Registers of floating point that mean something: numbers of all sorts, and what has none. */
static void random_float(void)
{
	static const uint16_t words[] = {0x037f, 0x027f, 0x0f7f, 0x007f, 0x077f};

	memset(area, 0, AREA_BYTES);
	area[0] = (uint8_t)words[any() % 5];
	area[1] = (uint8_t)(words[any() % 5] >> 8);
	area[3] = (uint8_t)((any() & 7) << 3); /* TOP */
	area[4] = (uint8_t)any();              /* which are there */
	snug__le_store(area + 24, 4, (any() % 8 ? 0x1f80 : (any() & 0x1f80) | MXCSR_UM_OM) | (any() & 0xe03f));
	snug__le_store(area + 28, 4, mxcsr_mask);
	for (unsigned i = 0; i < 8; i++) {
		double d = (double)(int64_t)operand() / (double)(1 + any() % 1000);
		long double l = any() % 8 ? (long double)d : 0.0L;

		memcpy(area + 32 + 16 * i, &l, 10);
		if (any() % 16 == 0)
			snug__le_store(area + 32 + 16 * i + 8, 2, 0x7fff); /* infinities, NaN */
	}
	for (unsigned i = 0; i < 256; i += 8) {
		snug__le_store(area + 160 + i, 8, number());
		snug__le_store(area + YMM + i, 8, number());
	}
	area[512] = has_ymm() ? 7 : 3; /* XSTATE_BV */
}

static void random_state(bool at_edge)
{
	for (int i = 0; i < FLAGS; i++)
		state[i] = operand();
	state[FLAGS] = X86_RFLAGS_ONE | X86_RFLAGS_IF | (any() & STATUS);
	state[RCX] = any() % 3 ? any() % 64 : any() % 8192;
	/* Most lie inside; some cross the pages, and some the end of what there is. */
	state[RSI] = DATA + (at_edge ? DATA_BYTES - 16 + any() % 24 : 0xff0 + any() % 24);
	state[RDI] = (DATA + any() % DATA_BYTES) & ~15ull;
	if (any() % 16 == 0)
		state[RSI] = READONLY + any() % 64;
	if (any() % 64 == 0)
		state[RSI] = 0x8000000000000000ull; /* not canonical */
	for (unsigned i = 0; i < DATA_BYTES; i += 8)
		snug__le_store((uint8_t *)DATA + i, 8, i % 64 ? any() : 0x3ff0000000000000ull);
	if (any() & 1) { /* a comparison that finds it equal */
		memcpy(&state[RAX], (void *)state[RDI], 8);
		memcpy(&state[RDX], (void *)(state[RDI] + 8), 8);
	}
}

/* SDM 1 11.5.2: flags say what it was, all else is as it was. */
static void same_exception(const char *text, const struct snug__assist *a, enum snug__assist_result r)
{
	/* Of a store that converts, too: which comes first is the CPU's choice, AMD's and Intel's differ (SDM 3A 6.9). */
	if (r == SNUG__ASSIST_FAULT && !strncmp(text, "vcvtps2ph", 9) &&
	    (a->fault.vector == X86_VECTOR_PF || a->fault.vector == X86_VECTOR_GP))
		return;
	if (r != SNUG__ASSIST_FAULT || a->fault.vector != X86_VECTOR_XM)
		fail_msg("%s: result %d, fault %u, here there is #XM", text, r, a->fault.vector);
	/* DPPS is done in steps, and what comes up in one hides what later ones would say (SDM 2A). */
	if (strstr(text, "dpp"))
		return;
	if (snug__le_load(w.xsave + 24, 4) != signal_mxcsr)
		fail_msg("%s: MXCSR 0x%x, here 0x%x", text, (unsigned)snug__le_load(w.xsave + 24, 4), signal_mxcsr);
	if (strstr(text, "%mm")) /* has MMX's state been entered then?  No manual says. */
		return;
	memcpy(area, before, AREA_BYTES);
	snug__le_store(area + 24, 4, signal_mxcsr);
	same_float(text);
}

static void compare(const struct insn *n, const struct snug__assist *a, enum snug__assist_result r, int signal)
{
	uint8_t guest_data[DATA_BYTES];

	if (r == SNUG__ASSIST_UNKNOWN)
		fail_msg("%s: not known", n->text);
	if (signal == SIGSEGV || signal == SIGBUS) {
		if (r != SNUG__ASSIST_FAULT)
			fail_msg("%s: no fault, here there is one at %p", n->text, signal_at);
		/* Wide operands come in pieces, the CPU's own affair: the page is what counts. */
		if (signal_at && (a->fault.vector != X86_VECTOR_PF ||
		                  (a->fault.cr2 ^ (uint64_t)(uintptr_t)signal_at) >> (n->what != PLAIN ? 12 : 0)))
			fail_msg("%s: fault %u at 0x%llx, here at %p", n->text, a->fault.vector,
			         (unsigned long long)a->fault.cr2, signal_at);
		assert_true(signal_at || a->fault.vector == X86_VECTOR_GP);
	} else if (signal == SIGFPE) {
		same_exception(n->text, a, r);
	} else if (signal) {
		fail_msg("%s: signal %d here", n->text, signal);
	}
	snug__mem_read(&w.mem, GPA_OF(DATA), guest_data, DATA_BYTES);
	/* A store of more than 8 bytes may be half done where the other half faults: SDM 1 8.3.3; the assist does none. */
	if (memcmp(guest_data, (void *)DATA, DATA_BYTES) && !(signal && n->what != PLAIN))
		fail_msg("%s: memory", n->text);
	if (signal)
		return;
	if (r != SNUG__ASSIST_DONE)
		fail_msg("%s: fault %u, none here", n->text, a->fault.vector);
	assert_int_equal(a->regs.rip, CODE + (uint64_t)(n->end - n->at));
	for (int i = 0; i < FLAGS; i++)
		if (i != RSP && ((const uint64_t *)&a->regs)[i] != state[i])
			fail_msg("%s: register %d is 0x%llx, here 0x%llx", n->text, i,
			         (unsigned long long)((const uint64_t *)&a->regs)[i], (unsigned long long)state[i]);
	if ((a->regs.rflags ^ state[FLAGS]) & n->flags)
		fail_msg("%s: flags 0x%llx, here 0x%llx", n->text, (unsigned long long)a->regs.rflags,
		         (unsigned long long)state[FLAGS]);
	if (n->what != PLAIN)
		same_float(n->text);
}

/* An area the guest has saved some time: sometimes one it cannot have. */
static void random_area(void)
{
	state[RSI] = DATA + any() % 16 * 64 + (any() % 32 ? 0 : 8);
	state[RAX] = any() % 8 | (any() % 4 ? 0 : 0xe0);
	state[RDX] = 0;
	if (state[RSI] & 63)
		return;
	memcpy((void *)state[RSI], area, AREA_BYTES);
	snug__le_store((uint8_t *)state[RSI] + 512, 8, any() % 4 | (any() % 16 ? 0 : any() % 64 << 8));
	for (unsigned i = 520; i < 576; i += 8)
		snug__le_store((uint8_t *)state[RSI] + i, 8, any() % 256 ? 0 : any());
	if (any() % 16 == 0)
		snug__le_store((uint8_t *)state[RSI] + 24, 4, any());
}

/* As 4 or as 8 bytes they lie near. */
static void random_indices(void)
{
	for (unsigned i = 0; i < 2; i++) {
		snug__le_store(area + 160 + 64 + 8 * i, 8, any() % 64);
		snug__le_store(area + YMM + 64 + 8 * i, 8, any() % 64);
	}
}

static void once(const struct insn *n)
{
	struct snug__assist a;
	enum snug__assist_result r;

	random_state(any() % 8 == 0);
	random_float();
	if (n->what == SAVES)
		random_area();
	if (n->what == GATHER)
		random_indices();
	memcpy(w.xsave, area, AREA_BYTES);
	memcpy(before, area, AREA_BYTES);
	assert_int_equal(snug__mem_write(&w.mem, GPA_OF(DATA), (void *)DATA, DATA_BYTES), 0);
	a = guest();
	r = snug__assist(&a, n->at, (unsigned)(n->end - n->at));
	compare(n, &a, r, run_real(n->at, (size_t)(n->end - n->at)));
}

static void beside_the_cpu(void **unused)
{
	unsigned rounds = getenv("SNUG_SLOW") ? 20000 : 300;

	(void)unused;
	for (size_t i = 0; i < sizeof(insns) / sizeof(insns[0]); i++)
		for (unsigned k = 0; k < rounds && (!insns[i].has || insns[i].has()); k++)
			once(&insns[i]);
}

/* Of one that can be done: what it raises where the guest has not switched on what it is of. */
static unsigned raised_with(const uint8_t *insn, unsigned len, uint64_t cr0, uint64_t cr4_off)
{
	struct snug__assist a;

	random_state(false);
	random_float();
	memcpy(w.xsave, area, AREA_BYTES);
	a = guest();
	a.sregs.cr0 |= cr0;
	a.sregs.cr4 &= ~cr4_off;
	switch (snug__assist(&a, insn, len)) {
	case SNUG__ASSIST_DONE:
		return 0;
	case SNUG__ASSIST_FAULT:
		assert_int_equal(a.regs.rip, CODE);
		return a.fault.vector;
	default:
		fail_msg("not known");
		return 0;
	}
}

/* SDM 3A table 2-2, SDM 2A table 2-21 and those after it. */
static void what_is_switched_off(void **unused)
{
	static const uint8_t legacy[] = {0x66, 0x0f, 0xfc, 0xc1}, vex[] = {0xc5, 0xf1, 0xfc, 0xc1},
	                     mmx[] = {0x0f, 0xfc, 0xc1};
	uint64_t all = xcr0;

	(void)unused;
	assert_int_equal(raised_with(legacy, 4, 0, 0), 0);
	assert_int_equal(raised_with(legacy, 4, X86_CR0_TS, 0), X86_VECTOR_NM);
	assert_int_equal(raised_with(legacy, 4, X86_CR0_EM, 0), X86_VECTOR_UD);
	assert_int_equal(raised_with(legacy, 4, X86_CR0_TS, X86_CR4_OSFXSR), X86_VECTOR_UD);
	assert_int_equal(raised_with(mmx, 3, 0, X86_CR4_OSFXSR), 0);
	assert_int_equal(raised_with(mmx, 3, X86_CR0_TS, 0), X86_VECTOR_NM);
	assert_int_equal(raised_with(mmx, 3, X86_CR0_TS | X86_CR0_EM, 0), X86_VECTOR_UD);
	if (!has_avx2())
		return;
	assert_int_equal(raised_with(vex, 4, 0, 0), 0);
	assert_int_equal(raised_with(vex, 4, X86_CR0_EM, 0), 0);
	assert_int_equal(raised_with(vex, 4, X86_CR0_TS, 0), X86_VECTOR_NM);
	assert_int_equal(raised_with(vex, 4, X86_CR0_TS, X86_CR4_OSXSAVE), X86_VECTOR_UD);
	xcr0 = 3;
	assert_int_equal(raised_with(vex, 4, 0, 0), X86_VECTOR_UD);
	xcr0 = all;
}

/* SDM 2C VADDPS: a register's bits from 128 on become 0 with VEX, those of ZMM too; legacy instructions leave them. */
static void what_lies_above(void **unused)
{
	static const uint8_t legacy[] = {0x66, 0x0f, 0xfc, 0xc1}, vex[] = {0xc5, 0xf1, 0xfc, 0xc1};
	uint32_t r[4] = {0};

	(void)unused;
	if (!has_avx2() || !(xcr0 >> 6 & 1) || !__get_cpuid_count(0xd, 6, &r[0], &r[1], &r[2], &r[3]))
		skip();
	for (unsigned i = 0; i < 2; i++) {
		struct snug__assist a;

		random_state(false);
		random_float();
		memcpy(w.xsave, area, AREA_BYTES);
		memset(w.xsave + YMM, 0xaa, 32);
		memset(w.xsave + r[1], 0xaa, 64);
		a = guest();
		assert_int_equal(snug__assist(&a, i ? vex : legacy, 4), SNUG__ASSIST_DONE);
		for (unsigned n = 0; n < 32; n++)
			assert_int_equal(w.xsave[r[1] + n], i ? 0 : 0xaa);
		for (unsigned n = 0; n < 16; n++)
			assert_int_equal(w.xsave[YMM + n], i ? 0 : 0xaa);
		assert_int_equal(w.xsave[YMM + 16], 0xaa);
		assert_int_equal(w.xsave[r[1] + 32], 0xaa);
	}
}

/* Is there an exception of x87's in wait, MMX meets it: SDM 3A 12.5. */
static void a_pending_exception(void **unused)
{
	static const uint8_t mmx[] = {0x0f, 0xfc, 0xc1};
	struct snug__assist a;

	(void)unused;
	random_state(false);
	random_float();
	memcpy(w.xsave, area, AREA_BYTES);
	w.xsave[2] |= 0x80;
	a = guest();
	assert_int_equal(snug__assist(&a, mmx, 3), SNUG__ASSIST_FAULT);
	assert_int_equal(a.fault.vector, X86_VECTOR_MF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(beside_the_cpu), cmocka_unit_test(what_is_switched_off),
	                                   cmocka_unit_test(what_lies_above), cmocka_unit_test(a_pending_exception)};

	return cmocka_run_group_tests(tests, setup, NULL);
}

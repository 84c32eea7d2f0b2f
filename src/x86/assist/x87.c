/* SPDX-License-Identifier: MIT */
/*
 * x87: floating point of the old kind, and MMX's emms
 *
 * The work is done by the host's x87 on the guest's state: an instruction of ours, one of the table below, runs between
 * fxrstor of the guest's and fxrstor of our own.  Each has the opcode of the decoded form, and if it has a memory operand, one
 * in a buffer of ours.  Exceptions are masked meanwhile, since one would be ours; where the guest has one unmasked that came
 * up, its registers stay as they were and the summary says so, for the #MF of its next instruction (SDM 1 8.6, 8.7).
 */
#ifdef SNUG_HAVE_ZYDIS

#include <string.h>

#include "base/bytes.h"
#include "x86/assist/fpu.h"
#include "x86/assist/insn.h"
#include "x86/x86.h"

/* SDM 1 table 10-2, figures 8-4, 8-6 */
#define FCW 0u
#define FSW 2u
#define MXCSR_DEFAULT 0x1f80u
#define EXCEPTIONS 0x3fu /* invalid, denormal, zero divide, overflow, underflow, precision */
#define BEFORE 0x07u     /* those found before the result is there */
#define FSW_SUMMARY 0x80u
#define FSW_BUSY 0x8000u

/*
 * All forms there can be, 8 opcodes of 64 with registers and 8 with memory: each is an instruction and a return, in 4 and 4
 * bytes.  What is allowed is said by the rows at the end.  The memory operand is at rax.
 */
__asm__(".pushsection .text\n"
        ".balign 16\n"
        "snug__x87_registers:\n"
        ".set op, 0xd8\n"
        ".rept 8\n"
        ".set form, 0xc0\n"
        ".rept 64\n"
        ".byte op, form, 0xc3, 0xcc\n"
        ".set form, form + 1\n"
        ".endr\n"
        ".set op, op + 1\n"
        ".endr\n"
        "snug__x87_memory:\n"
        ".set op, 0xd8\n"
        ".rept 8\n"
        ".set form, 0x00\n"
        ".rept 8\n"
        ".byte op, form, 0xc3, 0xcc\n"
        ".set form, form + 8\n"
        ".endr\n"
        ".set op, op + 1\n"
        ".endr\n"
        "snug__x87_emms: .byte 0x0f, 0x77, 0xc3, 0xcc\n"
        ".popsection\n");

extern const uint8_t snug__x87_registers[] __attribute__((visibility("hidden")));
extern const uint8_t snug__x87_memory[] __attribute__((visibility("hidden")));
extern const uint8_t snug__x87_emms[] __attribute__((visibility("hidden")));

struct x87 {
	struct snug__fpu fpu;
	uint8_t memory[128] __attribute__((aligned(16)));
};

static bool waits(ZydisMnemonic m)
{
	return m != ZYDIS_MNEMONIC_FNINIT && m != ZYDIS_MNEMONIC_FNSTCW && m != ZYDIS_MNEMONIC_FNSTSW &&
	       m != ZYDIS_MNEMONIC_FNCLEX && m != ZYDIS_MNEMONIC_FNSTENV && m != ZYDIS_MNEMONIC_FNSAVE;
}

/* SDM 3A table 2-2; fwait looks at TS only with MP. */
static enum snug__assist_result refuse(struct snug__assist *a, ZydisMnemonic m)
{
	uint64_t cr0 = a->sregs.cr0;

	if (m == ZYDIS_MNEMONIC_FWAIT)
		return (cr0 & X86_CR0_TS) && (cr0 & X86_CR0_MP) ? snug__assist_raise(a, X86_VECTOR_NM)
		                                                : SNUG__ASSIST_UNKNOWN;
	if (m == ZYDIS_MNEMONIC_EMMS && (cr0 & X86_CR0_EM))
		return snug__assist_raise(a, X86_VECTOR_UD);
	return cr0 & (X86_CR0_TS | X86_CR0_EM) ? snug__assist_raise(a, X86_VECTOR_NM) : SNUG__ASSIST_UNKNOWN;
}

static const ZydisDecodedOperand *memory_of(const struct snug__insn *i)
{
	for (unsigned n = 0; n < i->in.operand_count; n++)
		if (i->ops[n].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    i->ops[n].visibility != ZYDIS_OPERAND_VISIBILITY_HIDDEN)
			return &i->ops[n];
	return NULL;
}

static const uint8_t *code_for(const struct snug__insn *i)
{
	unsigned row = (unsigned)(i->in.opcode - 0xd8) & 7;

	if (i->in.mnemonic == ZYDIS_MNEMONIC_EMMS)
		return snug__x87_emms;
	if (i->in.raw.modrm.mod == 3)
		return snug__x87_registers +
		       4ul * (row * 64 + (unsigned)i->in.raw.modrm.reg * 8 + i->in.raw.modrm.rm);
	return snug__x87_memory + 4ul * (row * 8 + i->in.raw.modrm.reg);
}

/* Unmasked exceptions that came up just now. */
static unsigned raised(unsigned before, unsigned after, unsigned fcw)
{
	return after & ~before & ~fcw & EXCEPTIONS;
}

static unsigned raised_by(const uint8_t *area, const struct x87 *x, unsigned fcw)
{
	return raised((unsigned)snug__le_load(area + FSW, 2), (unsigned)snug__le_load(x->fpu.guest + FSW, 2), fcw);
}

static bool sets_flags(ZydisMnemonic m)
{
	return m == ZYDIS_MNEMONIC_FCOMI || m == ZYDIS_MNEMONIC_FCOMIP || m == ZYDIS_MNEMONIC_FUCOMI ||
	       m == ZYDIS_MNEMONIC_FUCOMIP;
}

static enum snug__assist_result finish(struct snug__assist *a, const struct snug__insn *i, uint8_t area[4096],
                                       struct x87 *x, unsigned fcw)
{
	unsigned before = (unsigned)snug__le_load(area + FSW, 2),
	         after = (unsigned)snug__le_load(x->fpu.guest + FSW, 2);
	bool sets_control = i->in.mnemonic == ZYDIS_MNEMONIC_FLDCW || i->in.mnemonic == ZYDIS_MNEMONIC_FNINIT ||
	                    i->in.mnemonic == ZYDIS_MNEMONIC_FLDENV || i->in.mnemonic == ZYDIS_MNEMONIC_FRSTOR ||
	                    i->in.mnemonic == ZYDIS_MNEMONIC_FNSAVE || i->in.mnemonic == ZYDIS_MNEMONIC_FNSTENV;
	unsigned up = raised(before, after, fcw);

	if (!sets_control)
		snug__le_store(x->fpu.guest + FCW, 2, fcw);
	if (up & BEFORE)
		memcpy(x->fpu.guest, area, SNUG__FPU_LEGACY); /* nothing is done */
	if (up)
		snug__le_store(x->fpu.guest + FSW, 2, (up & BEFORE ? before : after) | up | FSW_SUMMARY | FSW_BUSY);
	memcpy(area, x->fpu.guest, 24);
	memcpy(area + 32, x->fpu.guest + 32, 128);
	snug__le_store(area + SNUG__FPU_HEADER, 8, snug__le_load(area + SNUG__FPU_HEADER, 8) | X86_XSTATE_X87);
	return a->ops->set_xsave(a->ctx, area) < 0 ? SNUG__ASSIST_UNKNOWN : SNUG__ASSIST_DONE;
}

static bool is_environment(ZydisMnemonic m)
{
	return m == ZYDIS_MNEMONIC_FNSTENV || m == ZYDIS_MNEMONIC_FLDENV || m == ZYDIS_MNEMONIC_FNSAVE ||
	       m == ZYDIS_MNEMONIC_FRSTOR;
}

static enum snug__assist_result x87(struct snug__assist *a, const struct snug__insn *i)
{
	const ZydisDecodedOperand *mem = memory_of(i);
	bool to_ax = i->in.mnemonic == ZYDIS_MNEMONIC_FNSTSW && !mem, writes, compares;
	uint8_t area[4096];
	enum snug__assist_result r;
	struct x87 x;
	unsigned fcw, len = mem ? mem->size / 8 : 0;
	uint64_t ax = (uint64_t)(uintptr_t)x.memory, flags;

	if (refuse(a, i->in.mnemonic) == SNUG__ASSIST_FAULT)
		return SNUG__ASSIST_FAULT;
	/* Their 16-bit layout is another, and nobody's today. */
	if (is_environment(i->in.mnemonic) && i->in.operand_width == 16)
		return SNUG__ASSIST_UNKNOWN;
	if (len > sizeof(x.memory) || a->ops->get_xsave(a->ctx, area) < 0)
		return SNUG__ASSIST_UNKNOWN;
	if (waits(i->in.mnemonic) && (snug__le_load(area + FSW, 2) & FSW_SUMMARY) &&
	    i->in.mnemonic != ZYDIS_MNEMONIC_EMMS)
		return snug__assist_raise(a, X86_VECTOR_MF);
	if (i->in.mnemonic == ZYDIS_MNEMONIC_FWAIT)
		return SNUG__ASSIST_DONE;
	writes = mem && (mem->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE);
	memset(x.memory, 0, sizeof(x.memory));
	if (mem && !snug__insn_read(a, i, mem, x.memory, len))
		return snug__insn_failed(a);
	memcpy(x.fpu.guest, area, SNUG__FPU_LEGACY);
	fcw = (unsigned)snug__le_load(area + FCW, 2);
	snug__le_store(x.fpu.guest + FCW, 2, fcw | EXCEPTIONS);
	snug__le_store(x.fpu.guest + FSW, 2,
	               snug__le_load(x.fpu.guest + FSW, 2) & ~(uint64_t)(FSW_SUMMARY | FSW_BUSY));
	snug__le_store(x.fpu.guest + SNUG__FPU_MXCSR, 4,
	               MXCSR_DEFAULT); /* fxrstor looks at it; it has no part in this */
	flags = snug__fpu_run(&x.fpu, code_for(i), &ax, 0);
	/* What it stores of control and status word is the guest's own. */
	if (i->in.mnemonic == ZYDIS_MNEMONIC_FNSTCW || is_environment(i->in.mnemonic))
		snug__le_store(x.memory, 2, fcw);
	if (is_environment(i->in.mnemonic))
		snug__le_store(x.memory + 4, 2, snug__le_load(area + FSW, 2));
	if (writes && !raised_by(area, &x, fcw) && !snug__insn_write(a, i, mem, x.memory, len))
		return snug__insn_failed(a);
	/* SDM 2A FCOMI: where its operand is refused, flags stay. */
	compares = sets_flags(i->in.mnemonic) && !(raised_by(area, &x, fcw) & BEFORE);
	r = finish(a, i, area, &x, fcw);
	if (r == SNUG__ASSIST_DONE && compares)
		a->regs.rflags = (a->regs.rflags & ~SNUG__FPU_COMPARED) | (flags & SNUG__FPU_COMPARED);
	if (r == SNUG__ASSIST_DONE && to_ax)
		a->regs.rax = (a->regs.rax & ~0xffffull) | (ax & 0xffff);
	return r;
}

#define X(name)                                                                                                      \
	{                                                                                                            \
		ZYDIS_MNEMONIC_##name, SNUG__ASSIST_X87, x87                                                         \
	}

const struct snug__assist_row snug__assist_x87[] = {
    X(EMMS),    X(F2XM1),   X(FABS),
    X(FADD),    X(FADDP),   X(FCHS),
    X(FCOM),    X(FCOMP),   X(FCOMPP),
    X(FCOS),    X(FDECSTP), X(FDIV),
    X(FDIVP),   X(FDIVR),   X(FDIVRP),
    X(FFREE),   X(FIADD),   X(FICOM),
    X(FICOMP),  X(FIDIV),   X(FIDIVR),
    X(FILD),    X(FIMUL),   X(FINCSTP),
    X(FIST),    X(FISTP),   X(FISTTP),
    X(FISUB),   X(FISUBR),  X(FLD),
    X(FLD1),    X(FLDCW),   X(FLDL2E),
    X(FLDL2T),  X(FLDLG2),  X(FLDLN2),
    X(FLDPI),   X(FLDZ),    X(FMUL),
    X(FMULP),   X(FNCLEX),  X(FNINIT),
    X(FNOP),    X(FNSTCW),  X(FNSTSW),
    X(FPATAN),  X(FPREM),   X(FPREM1),
    X(FPTAN),   X(FRNDINT), X(FSCALE),
    X(FSIN),    X(FSINCOS), X(FSQRT),
    X(FST),     X(FSTP),    X(FSUB),
    X(FSUBP),   X(FSUBR),   X(FSUBRP),
    X(FTST),    X(FUCOM),   X(FUCOMP),
    X(FUCOMPP), X(FWAIT),   X(FXAM),
    X(FXCH),    X(FXTRACT), X(FYL2X),
    X(FYL2XP1), X(FNSTENV), X(FLDENV),
    X(FBLD),    X(FBSTP),   X(FNSAVE),
    X(FRSTOR),  X(FCOMI),   X(FCOMIP),
    X(FUCOMI),  X(FUCOMIP), {ZYDIS_MNEMONIC_INVALID, SNUG__ASSIST_OTHER, NULL},
};

#endif

/* SPDX-License-Identifier: MIT */
/*
 * mmx: MMX registers, and those forms of SSE that have one
 *
 * MMX register n is the significand of x87's register n, by number and not from the top of the stack; an instruction on one
 * makes the top 0 and all eight valid (SDM 1 9.5.1, SDM 3A 12.2).
 */
#ifdef SNUG_HAVE_ZYDIS

#include <string.h>

#include "base/bytes.h"
#include "x86/assist/fpu.h"
#include "x86/assist/vector.h"
#include "x86/x86.h"

#define FCW 0u /* SDM 1 table 10-2, of the XSAVE area's legacy region */
#define FSW 2u
#define FTW 4u
#define MM(n) (32u + 16u * (n))
#define XMM(n) (160u + 16u * (n))
#define TOP_SHIFT 11
#define FSW_SUMMARY 0x80u

static bool uses_mmx(const struct snug__insn *i)
{
	for (unsigned n = 0; n < i->in.operand_count_visible; n++)
		if (snug__vector_is_mmx(&i->ops[n]))
			return true;
	return false;
}

/* Makes the area's registers MMX's. */
static void enter(uint8_t *area)
{
	unsigned fsw = (unsigned)snug__le_load(area + FSW, 2), top = fsw >> TOP_SHIFT & 7;
	uint8_t old[128];

	memcpy(old, area + MM(0), sizeof(old));
	for (unsigned n = 0; n < 8; n++)
		memcpy(area + MM(n), old + 16ul * ((n - top) & 7), 16);
	snug__le_store(area + FSW, 2, fsw & ~(7u << TOP_SHIFT));
	area[FTW] = 0xff;
}

static unsigned number(const ZydisDecodedOperand *op)
{
	return (unsigned)(op->reg.value - (snug__vector_is_mmx(op) ? ZYDIS_REGISTER_MM0 : ZYDIS_REGISTER_XMM0));
}

static unsigned place(const ZydisDecodedOperand *op)
{
	return snug__vector_is_mmx(op) ? MM(number(op)) : XMM(number(op));
}

static bool in_area(const ZydisDecodedOperand *op)
{
	return snug__vector_is_mmx(op) || snug__vector_is(op);
}

/* A source's value, up to 16 bytes. */
static bool read_operand(struct snug__assist *a, const struct snug__insn *i, const ZydisDecodedOperand *op,
                         const uint8_t *area, uint8_t out[16])
{
	memset(out, 0, 16);
	if (in_area(op)) {
		memcpy(out, area + place(op), snug__vector_is(op) ? 16 : 8);
		return true;
	}
	/* SDM 1 11.4.4: of 16 bytes, which cvtpd2pi alone has. */
	if (op->type == ZYDIS_OPERAND_TYPE_MEMORY && op->size == 128 && snug__insn_address(a, i, op) & 15) {
		snug__assist_raise_code(a, X86_VECTOR_GP, 0);
		return false;
	}
	return op->size >= 8 && op->size <= 128 && snug__insn_read(a, i, op, out, op->size / 8);
}

/* SDM 1 9.5.1: bits 79:64 become ones. */
static void put_register(uint8_t *area, const ZydisDecodedOperand *op, const uint8_t *value)
{
	memcpy(area + place(op), value, snug__vector_is(op) ? 16 : 8);
	if (snug__vector_is_mmx(op))
		memset(area + place(op) + 8, 0xff, 2);
}

static bool write_operand(struct snug__assist *a, const struct snug__insn *i, const ZydisDecodedOperand *op,
                          uint8_t *area, const uint8_t *value)
{
	if (!in_area(op))
		return snug__insn_write(a, i, op, value, op->size / 8);
	put_register(area, op, value);
	return true;
}

/* SDM 3A table 2-2; those of SSE2 and later on MMX registers need no OSFXSR. */
static enum snug__assist_result refuse(struct snug__assist *a, const uint8_t *area, bool mmx)
{
	if (a->sregs.cr0 & X86_CR0_EM)
		return snug__assist_raise(a, X86_VECTOR_UD);
	if (a->sregs.cr0 & X86_CR0_TS)
		return snug__assist_raise(a, X86_VECTOR_NM);
	if (mmx && (snug__le_load(area + FSW, 2) & FSW_SUMMARY))
		return snug__assist_raise(a, X86_VECTOR_MF);
	return SNUG__ASSIST_DONE;
}

static enum snug__assist_result put(struct snug__assist *a, uint8_t *area)
{
	snug__le_store(area + SNUG__FPU_HEADER, 8,
	               snug__le_load(area + SNUG__FPU_HEADER, 8) | X86_XSTATE_X87 | X86_XSTATE_SSE);
	return a->ops->set_xsave(a->ctx, area) < 0 ? SNUG__ASSIST_UNKNOWN : SNUG__ASSIST_DONE;
}

/* All but the flags is as it was. */
static enum snug__assist_result float_fault(struct snug__assist *a, unsigned mxcsr)
{
	uint8_t area[4096];
	enum snug__assist_result r;

	if (a->ops->get_xsave(a->ctx, area) < 0)
		return SNUG__ASSIST_UNKNOWN;
	snug__le_store(area + SNUG__FPU_MXCSR, 4, mxcsr);
	r = put(a, area);
	if (r != SNUG__ASSIST_DONE)
		return r;
	return snug__assist_raise(a, a->sregs.cr4 & X86_CR4_OSXMMEXCPT ? X86_VECTOR_XM : X86_VECTOR_UD);
}

/* By code of ours: register 0 is the destination and first operand, register 1 the source, of either kind. */
static enum snug__assist_result compute(struct snug__assist *a, const struct snug__insn *i, uint8_t *area,
                                        const uint8_t *code, const uint8_t source[16])
{
	const ZydisDecodedOperand *to = &i->ops[0];
	unsigned mxcsr = (unsigned)snug__le_load(area + SNUG__FPU_MXCSR, 4), raised;
	uint64_t rax = 0;
	struct snug__fpu x;

	memcpy(x.guest, area, SNUG__FPU_LEGACY);
	if (in_area(to))
		memcpy(x.guest + (snug__vector_is_mmx(to) ? MM(0) : XMM(0)), area + place(to), 16);
	memcpy(x.guest + MM(1), source, 8);
	memcpy(x.guest + XMM(1), source, 16);
	snug__le_store(x.guest + FCW, 2, 0x37f); /* no exception of x87's is ours */
	snug__le_store(x.guest + FSW, 2, 0);
	snug__le_store(x.guest + SNUG__FPU_MXCSR, 4, snug__fpu_masked(mxcsr));
	snug__fpu_run(&x, code, &rax, snug__le_load(source, 8));
	raised = (unsigned)snug__le_load(x.guest + SNUG__FPU_MXCSR, 4) & SNUG__FPU_FLAGS;
	if (snug__fpu_fault(raised, mxcsr))
		return float_fault(a, mxcsr | snug__fpu_fault(raised, mxcsr));
	snug__le_store(area + SNUG__FPU_MXCSR, 4, mxcsr | raised);
	if (in_area(to))
		put_register(area, to, x.guest + (snug__vector_is_mmx(to) ? MM(0) : XMM(0)));
	else if (!write_operand(a, i, to, area, (const uint8_t *)&rax))
		return snug__insn_failed(a);
	return put(a, area);
}

enum snug__assist_result snug__mmx(struct snug__assist *a, const struct snug__insn *i, const uint8_t *code)
{
	const ZydisDecodedOperand *from = &i->ops[1];
	uint8_t area[4096], source[16];
	enum snug__assist_result r;
	bool mmx = uses_mmx(i);

	if (i->in.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY || i->in.operand_count_visible < 2 ||
	    a->ops->get_xsave(a->ctx, area) < 0)
		return SNUG__ASSIST_UNKNOWN;
	r = refuse(a, area, mmx);
	if (r != SNUG__ASSIST_DONE)
		return r;
	if (mmx)
		enter(area);
	if (!read_operand(a, i, from, area, source))
		return snug__insn_failed(a);
	if (code)
		return compute(a, i, area, code, source);
	/* Moves: of the low part, with zeros above. */
	memset(source + 8, 0, 8);
	if (!write_operand(a, i, &i->ops[0], area, source))
		return snug__insn_failed(a);
	return put(a, area);
}

static enum snug__assist_result move(struct snug__assist *a, const struct snug__insn *i)
{
	return snug__mmx(a, i, NULL);
}

/* SDM 2B MASKMOVQ: bytes with bit 7 set in the mask go to ds:rdi, or another segment. */
static enum snug__assist_result masked_bytes(struct snug__assist *a, const struct snug__insn *i)
{
	const ZydisDecodedOperand *to = NULL, *ops[2];
	uint8_t area[4096], in[16], mask[16];
	enum snug__assist_result r;
	unsigned found = 0;

	for (unsigned n = 0; n < i->in.operand_count; n++) {
		if (i->ops[n].type == ZYDIS_OPERAND_TYPE_MEMORY)
			to = &i->ops[n];
		else if (snug__vector_is_mmx(&i->ops[n]) && found < 2)
			ops[found++] = &i->ops[n];
	}
	if (!to || found < 2 || a->ops->get_xsave(a->ctx, area) < 0)
		return SNUG__ASSIST_UNKNOWN;
	r = refuse(a, area, true);
	if (r != SNUG__ASSIST_DONE)
		return r;
	enter(area);
	read_operand(a, i, ops[0], area, in);
	read_operand(a, i, ops[1], area, mask);
	for (unsigned n = 0; n < 8; n++)
		if (mask[n] & 0x80 && !snug__assist_write(a, snug__insn_address(a, i, to) + n, &in[n], 1))
			return snug__insn_failed(a);
	return put(a, area);
}

const struct snug__assist_row snug__assist_mmx[] = {
    {ZYDIS_MNEMONIC_MOVNTQ, SNUG__ASSIST_SIMD, move},   {ZYDIS_MNEMONIC_MOVQ2DQ, SNUG__ASSIST_SIMD, move},
    {ZYDIS_MNEMONIC_MOVDQ2Q, SNUG__ASSIST_SIMD, move},  {ZYDIS_MNEMONIC_MASKMOVQ, SNUG__ASSIST_SIMD, masked_bytes},
    {ZYDIS_MNEMONIC_INVALID, SNUG__ASSIST_OTHER, NULL},
};

#endif

/* SPDX-License-Identifier: MIT */
/* vector: XMM and YMM registers in an XSAVE area, and the rights to use them */
#ifdef SNUG_HAVE_ZYDIS

#include "x86/assist/vector.h"

#include <string.h>

#include "base/bytes.h"
#include "host/cpu.h"
#include "x86/assist/fpu.h"
#include "x86/x86.h"

#define XMM(n) (160u + 16u * (n)) /* SDM 1 table 10-2 */
#define AVX_STATE (X86_XSTATE_SSE | X86_XSTATE_AVX)
#define ZMM_HIGH 6u /* SDM 1 13.1: the component with bits 511:256 of registers 0 to 15 */

/* What x86-64 need not have: CPUID's leaves 1 ECX, 7 EBX and ECX.  A guest that goes by its CPUID never asks in vain. */
static bool host_has(ZydisISAExt extension)
{
	static const struct {
		ZydisISAExt extension;
		uint8_t leaf, reg, bit;
	} rows[] = {
	    {ZYDIS_ISA_EXT_SSE3, 1, 2, 0},       {ZYDIS_ISA_EXT_SSSE3, 1, 2, 9},
	    {ZYDIS_ISA_EXT_SSE4, 1, 2, 20},      {ZYDIS_ISA_EXT_PCLMULQDQ, 1, 2, 1},
	    {ZYDIS_ISA_EXT_AES, 1, 2, 25},       {ZYDIS_ISA_EXT_SHA, 7, 1, 29},
	    {ZYDIS_ISA_EXT_AVX, 1, 2, 28},       {ZYDIS_ISA_EXT_AVX2, 7, 1, 5},
	    {ZYDIS_ISA_EXT_AVX2GATHER, 7, 1, 5}, {ZYDIS_ISA_EXT_AVXAES, 1, 2, 25},
	    {ZYDIS_ISA_EXT_FMA, 1, 2, 12},       {ZYDIS_ISA_EXT_F16C, 1, 2, 29},
	    {ZYDIS_ISA_EXT_VAES, 7, 2, 9},       {ZYDIS_ISA_EXT_VPCLMULQDQ, 7, 2, 10},
	};
	uint32_t regs[4];

	if (extension == ZYDIS_ISA_EXT_SSE || extension == ZYDIS_ISA_EXT_SSE2)
		return true;
	for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
		if (rows[n].extension != extension)
			continue;
		snug__host_cpuid(rows[n].leaf, 0, regs);
		return regs[rows[n].reg] >> rows[n].bit & 1;
	}
	return false;
}

static uint32_t component(struct snug__assist *a, unsigned n, unsigned bytes)
{
	uint32_t r[4];

	if (!a->ops->cpuid(a->ctx, 0xd, n, r) || r[0] < bytes ||
	    r[1] > sizeof(((struct snug__vector *)0)->area) - bytes)
		return 0;
	return r[1];
}

/* Has the guest switched them on? */
static bool enabled(struct snug__vector *v, uint64_t *xcr0)
{
	const struct snug_sregs *s = &v->a->sregs;

	*xcr0 = 0;
	if (!v->vex)
		return !(s->cr0 & X86_CR0_EM) && (s->cr4 & X86_CR4_OSFXSR);
	return (s->cr0 & X86_CR0_PE) && !(v->a->regs.rflags & X86_RFLAGS_VM) && (s->cr4 & X86_CR4_OSXSAVE) &&
	       v->a->ops->get_xcr0(v->a->ctx, xcr0) == 0 && (*xcr0 & AVX_STATE) == AVX_STATE;
}

enum snug__assist_result snug__vector_open(struct snug__vector *v, struct snug__assist *a, const struct snug__insn *i)
{
	uint64_t xcr0;

	v->a = a;
	v->i = i;
	v->vex = i->in.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;
	v->high = v->highest = 0;
	if (!v->vex && i->in.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY)
		return SNUG__ASSIST_UNKNOWN;
	if (!enabled(v, &xcr0) || !host_has(i->in.meta.isa_ext))
		return snug__assist_raise(a, X86_VECTOR_UD);
	if (v->vex && !host_has(ZYDIS_ISA_EXT_AVX2)) /* ours are of it */
		return SNUG__ASSIST_UNKNOWN;
	if (a->sregs.cr0 & X86_CR0_TS)
		return snug__assist_raise(a, X86_VECTOR_NM);
	if (a->ops->get_xsave(a->ctx, v->area) < 0)
		return SNUG__ASSIST_UNKNOWN;
	if (!v->vex)
		return SNUG__ASSIST_DONE;
	v->high = component(a, 2, 256);
	if (xcr0 >> ZMM_HIGH & 1)
		v->highest = component(a, ZMM_HIGH, 512);
	return v->high ? SNUG__ASSIST_DONE : SNUG__ASSIST_UNKNOWN;
}

static bool in_range(const ZydisDecodedOperand *op, ZydisRegister first, ZydisRegister last)
{
	return op->type == ZYDIS_OPERAND_TYPE_REGISTER && op->reg.value >= first && op->reg.value <= last;
}

bool snug__vector_is_wide(const ZydisDecodedOperand *op)
{
	return in_range(op, ZYDIS_REGISTER_YMM0, ZYDIS_REGISTER_YMM15);
}

bool snug__vector_is(const ZydisDecodedOperand *op)
{
	return in_range(op, ZYDIS_REGISTER_XMM0, ZYDIS_REGISTER_XMM15) || snug__vector_is_wide(op);
}

bool snug__vector_is_mmx(const ZydisDecodedOperand *op)
{
	return in_range(op, ZYDIS_REGISTER_MM0, ZYDIS_REGISTER_MM7);
}

static unsigned number(const ZydisDecodedOperand *op)
{
	return (unsigned)(op->reg.value - (snug__vector_is_wide(op) ? ZYDIS_REGISTER_YMM0 : ZYDIS_REGISTER_XMM0));
}

static bool misaligned(struct snug__vector *v, const ZydisDecodedOperand *op, unsigned bytes)
{
	if (op->type != ZYDIS_OPERAND_TYPE_MEMORY || !(snug__insn_address(v->a, v->i, op) & (bytes - 1)))
		return false;
	snug__assist_raise_code(v->a, X86_VECTOR_GP, 0);
	return true;
}

bool snug__vector_read(struct snug__vector *v, const ZydisDecodedOperand *op, uint8_t out[SNUG__VECTOR_BYTES],
                       bool aligned)
{
	unsigned bytes = op->size / 8;

	memset(out, 0, SNUG__VECTOR_BYTES);
	if (snug__vector_is(op)) {
		memcpy(out, v->area + XMM(number(op)), 16);
		if (snug__vector_is_wide(op))
			memcpy(out + 16, v->area + v->high + 16u * number(op), 16);
		return true;
	}
	if (bytes == 0 || bytes > SNUG__VECTOR_BYTES || (aligned && misaligned(v, op, bytes)))
		return false;
	return snug__insn_read(v->a, v->i, op, out, bytes);
}

bool snug__vector_write(struct snug__vector *v, const ZydisDecodedOperand *op, const uint8_t *in, unsigned bytes,
                        bool aligned)
{
	uint8_t whole[SNUG__VECTOR_BYTES] = {0};
	unsigned n;

	if (!snug__vector_is(op))
		return !(aligned && misaligned(v, op, bytes)) && snug__insn_write(v->a, v->i, op, in, bytes);
	n = number(op);
	memcpy(whole, in, bytes);
	memcpy(v->area + XMM(n), whole, 16);
	if (v->vex)
		memcpy(v->area + v->high + 16ul * n, whole + 16, 16);
	if (v->highest)
		memset(v->area + v->highest + 32ul * n, 0, 32);
	return true;
}

enum snug__assist_result snug__vector_close(struct snug__vector *v)
{
	uint64_t used = snug__le_load(v->area + SNUG__FPU_HEADER, 8);

	snug__le_store(v->area + SNUG__FPU_HEADER, 8, used | (v->vex ? AVX_STATE : X86_XSTATE_SSE));
	return v->a->ops->set_xsave(v->a->ctx, v->area) < 0 ? SNUG__ASSIST_UNKNOWN : SNUG__ASSIST_DONE;
}

const ZydisDecodedOperand *snug__vector_immediate(const struct snug__insn *i)
{
	for (unsigned n = 0; n < i->in.operand_count_visible; n++)
		if (i->ops[n].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
			return &i->ops[n];
	return NULL;
}

#endif

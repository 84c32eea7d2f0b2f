/* SPDX-License-Identifier: MIT */
/*
 * simd: SSE to SSE4.2, AES, PCLMULQDQ and SHA in their legacy encodings, on XMM registers
 *
 * As in x87.c the host's own unit does the work, by instructions that were assembled here: each has xmm0 (or rax) as its
 * destination and xmm1 (or rcx) as its source, and the guest's operands are put there.  Exceptions are masked meanwhile; one
 * the guest has unmasked becomes #XM, with its flags set and the destination as it was (SDM 1 11.5.2).
 */
#ifdef SNUG_HAVE_ZYDIS

#include <string.h>

#include "base/bytes.h"
#include "host/cpu.h"
#include "x86/assist/fpu.h"
#include "x86/assist/insn.h"
#include "x86/x86.h"

#define XMM(n) (160u + 16u * (n))
#define FLAGS 0x3fu   /* SDM 1 10.2.3: of MXCSR */
#define MASK_SHIFT 7u /* where their masks are */
#define MASKS (FLAGS << MASK_SHIFT)
#define FORM 8u /* bytes of an instruction here, with its return */

/*
 * Instruction tables: op xmm0, xmm1 (modrm 0xc1; with general registers eax and ecx) for each opcode of a map, by prefix;
 * then those with an immediate, for each of its values.
 */
#define FORMS(label, bytes)                                                                                          \
	label ":\n.set op, 0\n.rept 256\n1: .byte " bytes                                                            \
	      ", op, 0xc1, 0xc3\n.org 1b + 8, 0xcc\n.set op, op + 1\n.endr\n"
#define IMMEDIATES(label, bytes)                                                                                     \
	label ":\n.set op, 0\n.rept 256\n1: .byte " bytes ", op, 0xc3\n.org 1b + 8, 0xcc\n.set op, op + 1\n.endr\n"

__asm__(
    ".pushsection .text\n.balign 16\n"
    /* clang-format off */
        FORMS("snug__simd_0f", "0x0f") FORMS("snug__simd_66_0f", "0x66, 0x0f")
        FORMS("snug__simd_f3_0f", "0xf3, 0x0f") FORMS("snug__simd_f2_0f", "0xf2, 0x0f")
        FORMS("snug__simd_w_f3_0f", "0xf3, 0x48, 0x0f") FORMS("snug__simd_w_f2_0f", "0xf2, 0x48, 0x0f")
        FORMS("snug__simd_66_0f38", "0x66, 0x0f, 0x38") FORMS("snug__simd_0f38", "0x0f, 0x38")
        IMMEDIATES("snug__simd_pshufd", "0x66, 0x0f, 0x70, 0xc1") IMMEDIATES("snug__simd_pshufhw", "0xf3, 0x0f, 0x70, 0xc1")
        IMMEDIATES("snug__simd_pshuflw", "0xf2, 0x0f, 0x70, 0xc1") IMMEDIATES("snug__simd_shufps", "0x0f, 0xc6, 0xc1")
        IMMEDIATES("snug__simd_shufpd", "0x66, 0x0f, 0xc6, 0xc1") IMMEDIATES("snug__simd_cmpps", "0x0f, 0xc2, 0xc1")
        IMMEDIATES("snug__simd_cmppd", "0x66, 0x0f, 0xc2, 0xc1") IMMEDIATES("snug__simd_cmpss", "0xf3, 0x0f, 0xc2, 0xc1")
        IMMEDIATES("snug__simd_cmpsd", "0xf2, 0x0f, 0xc2, 0xc1") IMMEDIATES("snug__simd_palignr", "0x66, 0x0f, 0x3a, 0x0f, 0xc1")
        IMMEDIATES("snug__simd_pblendw", "0x66, 0x0f, 0x3a, 0x0e, 0xc1") IMMEDIATES("snug__simd_pclmul", "0x66, 0x0f, 0x3a, 0x44, 0xc1")
        IMMEDIATES("snug__simd_keygen", "0x66, 0x0f, 0x3a, 0xdf, 0xc1") IMMEDIATES("snug__simd_sha1rnds4", "0x0f, 0x3a, 0xcc, 0xc1")
        IMMEDIATES("snug__simd_psrlw", "0x66, 0x0f, 0x71, 0xd0") IMMEDIATES("snug__simd_psraw", "0x66, 0x0f, 0x71, 0xe0")
        IMMEDIATES("snug__simd_psllw", "0x66, 0x0f, 0x71, 0xf0") IMMEDIATES("snug__simd_psrld", "0x66, 0x0f, 0x72, 0xd0")
        IMMEDIATES("snug__simd_psrad", "0x66, 0x0f, 0x72, 0xe0") IMMEDIATES("snug__simd_pslld", "0x66, 0x0f, 0x72, 0xf0")
        IMMEDIATES("snug__simd_psrlq", "0x66, 0x0f, 0x73, 0xd0") IMMEDIATES("snug__simd_psrldq", "0x66, 0x0f, 0x73, 0xd8")
        IMMEDIATES("snug__simd_psllq", "0x66, 0x0f, 0x73, 0xf0") IMMEDIATES("snug__simd_pslldq", "0x66, 0x0f, 0x73, 0xf8")
    /* clang-format on */
    ".popsection\n");

#define TABLE(name) extern const uint8_t snug__simd_##name[] __attribute__((visibility("hidden")))
TABLE(0f);
TABLE(66_0f);
TABLE(f3_0f);
TABLE(f2_0f);
TABLE(w_f3_0f);
TABLE(w_f2_0f);
TABLE(66_0f38);
TABLE(0f38);
TABLE(pshufd);
TABLE(pshufhw);
TABLE(pshuflw);
TABLE(shufps);
TABLE(shufpd);
TABLE(cmpps);
TABLE(cmppd);
TABLE(cmpss);
TABLE(cmpsd);
TABLE(palignr);
TABLE(pblendw);
TABLE(pclmul);
TABLE(keygen);
TABLE(sha1rnds4);
TABLE(psrlw);
TABLE(psraw);
TABLE(psllw);
TABLE(psrld);
TABLE(psrad);
TABLE(pslld);
TABLE(psrlq);
TABLE(psrldq);
TABLE(psllq);
TABLE(pslldq);

/* Opcode and prefix, as Zydis' mnemonic has them, and the table with its immediates. */
static const struct with_immediate {
	ZydisMnemonic mnemonic;
	const uint8_t *code;
} immediates[] = {
    {ZYDIS_MNEMONIC_PSHUFD, snug__simd_pshufd},
    {ZYDIS_MNEMONIC_PSHUFHW, snug__simd_pshufhw},
    {ZYDIS_MNEMONIC_PSHUFLW, snug__simd_pshuflw},
    {ZYDIS_MNEMONIC_SHUFPS, snug__simd_shufps},
    {ZYDIS_MNEMONIC_SHUFPD, snug__simd_shufpd},
    {ZYDIS_MNEMONIC_CMPPS, snug__simd_cmpps},
    {ZYDIS_MNEMONIC_CMPPD, snug__simd_cmppd},
    {ZYDIS_MNEMONIC_CMPSS, snug__simd_cmpss},
    {ZYDIS_MNEMONIC_CMPSD, snug__simd_cmpsd},
    {ZYDIS_MNEMONIC_PALIGNR, snug__simd_palignr},
    {ZYDIS_MNEMONIC_PBLENDW, snug__simd_pblendw},
    {ZYDIS_MNEMONIC_PCLMULQDQ, snug__simd_pclmul},
    {ZYDIS_MNEMONIC_AESKEYGENASSIST, snug__simd_keygen},
    {ZYDIS_MNEMONIC_SHA1RNDS4, snug__simd_sha1rnds4},
    {ZYDIS_MNEMONIC_PSRLW, snug__simd_psrlw},
    {ZYDIS_MNEMONIC_PSRAW, snug__simd_psraw},
    {ZYDIS_MNEMONIC_PSLLW, snug__simd_psllw},
    {ZYDIS_MNEMONIC_PSRLD, snug__simd_psrld},
    {ZYDIS_MNEMONIC_PSRAD, snug__simd_psrad},
    {ZYDIS_MNEMONIC_PSLLD, snug__simd_pslld},
    {ZYDIS_MNEMONIC_PSRLQ, snug__simd_psrlq},
    {ZYDIS_MNEMONIC_PSRLDQ, snug__simd_psrldq},
    {ZYDIS_MNEMONIC_PSLLQ, snug__simd_psllq},
    {ZYDIS_MNEMONIC_PSLLDQ, snug__simd_pslldq},
};

static bool is_xmm(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_REGISTER && op->reg.value >= ZYDIS_REGISTER_XMM0 &&
	       op->reg.value <= ZYDIS_REGISTER_XMM15;
}

static unsigned number(const ZydisDecodedOperand *op)
{
	return (unsigned)(op->reg.value - ZYDIS_REGISTER_XMM0);
}

static bool is_general(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_REGISTER && !is_xmm(op) && op->size <= 64 &&
	       op->reg.value != ZYDIS_REGISTER_NONE &&
	       (op->reg.value < ZYDIS_REGISTER_MM0 || op->reg.value > ZYDIS_REGISTER_MM7);
}

/* What x86-64 need not have: CPUID's leaves 1 ECX and 7 EBX.  A guest that goes by its CPUID never asks in vain. */
static bool host_has(ZydisISAExt extension)
{
	static const struct {
		ZydisISAExt extension;
		uint8_t leaf, reg, bit;
	} rows[] = {
	    {ZYDIS_ISA_EXT_SSE3, 1, 2, 0},      {ZYDIS_ISA_EXT_SSSE3, 1, 2, 9}, {ZYDIS_ISA_EXT_SSE4, 1, 2, 20},
	    {ZYDIS_ISA_EXT_PCLMULQDQ, 1, 2, 1}, {ZYDIS_ISA_EXT_AES, 1, 2, 25},  {ZYDIS_ISA_EXT_SHA, 7, 1, 29},
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

/* SDM 3A table 2-2, 13.1.3: may it be run now? */
static enum snug__assist_result refuse(struct snug__assist *a)
{
	if ((a->sregs.cr0 & X86_CR0_EM) || !(a->sregs.cr4 & X86_CR4_OSFXSR))
		return snug__assist_raise(a, X86_VECTOR_UD);
	return a->sregs.cr0 & X86_CR0_TS ? snug__assist_raise(a, X86_VECTOR_NM) : SNUG__ASSIST_UNKNOWN;
}

/* A source of up to 16 bytes: what is not given is 0.  false: it failed, or is of another kind. */
static bool read_source(struct snug__assist *a, const struct snug__insn *i, const ZydisDecodedOperand *op,
                        const uint8_t *area, uint8_t out[16])
{
	memset(out, 0, 16);
	if (is_xmm(op)) {
		memcpy(out, area + XMM(number(op)), 16);
		return true;
	}
	if (op->type != ZYDIS_OPERAND_TYPE_MEMORY && !is_general(op))
		return false;
	if (op->size > 128 || op->size < 8)
		return false;
	/* SDM 1 11.4.4: whole registers lie aligned, but for moves that say otherwise, which are the emulator's. */
	if (op->type == ZYDIS_OPERAND_TYPE_MEMORY && op->size == 128 && snug__insn_address(a, i, op) & 15) {
		snug__assist_raise_code(a, X86_VECTOR_GP, 0);
		return false;
	}
	return snug__insn_read(a, i, op, out, op->size / 8);
}

static enum snug__assist_result put_state(struct snug__assist *a, uint8_t *area)
{
	snug__le_store(area + SNUG__FPU_HEADER, 8, snug__le_load(area + SNUG__FPU_HEADER, 8) | X86_XSTATE_SSE);
	return a->ops->set_xsave(a->ctx, area) < 0 ? SNUG__ASSIST_UNKNOWN : SNUG__ASSIST_DONE;
}

static enum snug__assist_result float_fault(struct snug__assist *a, uint8_t *area, uint64_t flags)
{
	snug__le_store(area + SNUG__FPU_MXCSR, 4, snug__le_load(area + SNUG__FPU_MXCSR, 4) | flags);
	if (put_state(a, area) != SNUG__ASSIST_DONE)
		return SNUG__ASSIST_UNKNOWN;
	return snug__assist_raise(a, a->sregs.cr4 & X86_CR4_OSXMMEXCPT ? X86_VECTOR_XM : X86_VECTOR_UD);
}

static bool sets_flags(ZydisMnemonic m)
{
	return m == ZYDIS_MNEMONIC_COMISS || m == ZYDIS_MNEMONIC_COMISD || m == ZYDIS_MNEMONIC_UCOMISS ||
	       m == ZYDIS_MNEMONIC_UCOMISD || m == ZYDIS_MNEMONIC_PTEST;
}

/* Operand 0 is the destination, operand 1 the source; sha256rnds2 and the like want xmm0 too, which is a third. */
static enum snug__assist_result carry_out(struct snug__assist *a, const struct snug__insn *i, const uint8_t *code,
                                          const ZydisDecodedOperand *source)
{
	const ZydisDecodedOperand *to = &i->ops[0];
	uint8_t area[4096], in[16] = {0};
	uint64_t mxcsr, raised, rax = 0, flags;
	struct snug__fpu x;

	if (!host_has(i->in.meta.isa_ext))
		return snug__assist_raise(a, X86_VECTOR_UD);
	if (refuse(a) == SNUG__ASSIST_FAULT)
		return SNUG__ASSIST_FAULT;
	if ((!is_xmm(to) && !is_general(to)) || a->ops->get_xsave(a->ctx, area) < 0)
		return SNUG__ASSIST_UNKNOWN;
	if (source && !read_source(a, i, source, area, in))
		return snug__insn_failed(a);
	memcpy(x.guest, area, SNUG__FPU_LEGACY);
	if (is_xmm(to))
		memcpy(x.guest + XMM(0), area + XMM(number(to)), 16);
	memcpy(x.guest + XMM(1), in, 16);
	mxcsr = snug__le_load(area + SNUG__FPU_MXCSR, 4);
	snug__le_store(x.guest + SNUG__FPU_MXCSR, 4, (mxcsr | MASKS) & ~(uint64_t)FLAGS & 0xffff);
	flags = snug__fpu_run(&x, code, &rax, snug__le_load(in, 8));
	raised = snug__le_load(x.guest + SNUG__FPU_MXCSR, 4) & FLAGS;
	if (raised & ~(mxcsr >> MASK_SHIFT))
		return float_fault(a, area, raised);
	if (!is_xmm(to) && !snug__insn_write(a, i, to, &rax, to->size / 8))
		return snug__insn_failed(a);
	if (sets_flags(i->in.mnemonic))
		a->regs.rflags = (a->regs.rflags & ~SNUG__FPU_COMPARED) | (flags & SNUG__FPU_COMPARED);
	else if (is_xmm(to))
		memcpy(area + XMM(number(to)), x.guest + XMM(0), 16);
	snug__le_store(area + SNUG__FPU_MXCSR, 4, mxcsr | raised);
	return put_state(a, area);
}

static bool has_prefix(const struct snug__insn *i, uint8_t value)
{
	for (unsigned n = 0; n < i->in.raw.prefix_count; n++)
		if (i->in.raw.prefixes[n].value == value && i->in.raw.prefixes[n].type == ZYDIS_PREFIX_TYPE_MANDATORY)
			return true;
	return false;
}

static const uint8_t *map_of(const struct snug__insn *i)
{
	bool wide = i->in.raw.rex.W;

	if (i->in.opcode_map == ZYDIS_OPCODE_MAP_0F38)
		return has_prefix(i, 0x66) ? snug__simd_66_0f38 : snug__simd_0f38;
	if (i->in.opcode_map != ZYDIS_OPCODE_MAP_0F)
		return NULL;
	if (has_prefix(i, 0xf3))
		return wide ? snug__simd_w_f3_0f : snug__simd_f3_0f;
	if (has_prefix(i, 0xf2))
		return wide ? snug__simd_w_f2_0f : snug__simd_f2_0f;
	return has_prefix(i, 0x66) ? snug__simd_66_0f : snug__simd_0f;
}

/* With an immediate: its row's; else the opcode's in the map's table.  MMX's forms are not here. */
static enum snug__assist_result simd(struct snug__assist *a, const struct snug__insn *i)
{
	const ZydisDecodedOperand *immediate = NULL, *source = &i->ops[1];
	const uint8_t *map = map_of(i);

	if (i->in.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY || i->in.operand_count_visible < 2 ||
	    (!is_xmm(&i->ops[0]) &&
	     !(is_general(&i->ops[0]) && (is_xmm(source) || source->type == ZYDIS_OPERAND_TYPE_MEMORY))))
		return SNUG__ASSIST_UNKNOWN;
	for (unsigned n = 1; n < i->in.operand_count_visible; n++)
		if (i->ops[n].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
			immediate = &i->ops[n];
	if (!immediate)
		return map ? carry_out(a, i, map + (size_t)FORM * i->in.opcode, source) : SNUG__ASSIST_UNKNOWN;
	for (size_t n = 0; n < sizeof(immediates) / sizeof(immediates[0]); n++)
		if (immediates[n].mnemonic == i->in.mnemonic)
			return carry_out(a, i, immediates[n].code + (size_t)FORM * (immediate->imm.value.u & 0xff),
			                 immediate == source ? NULL : source);
	return SNUG__ASSIST_UNKNOWN;
}

/* movd, movq: the low part of a register, zero-extended into one. */
static enum snug__assist_result move_low(struct snug__assist *a, const struct snug__insn *i)
{
	const ZydisDecodedOperand *to = &i->ops[0], *from = &i->ops[1];
	bool quad = i->in.mnemonic == ZYDIS_MNEMONIC_MOVQ;
	uint8_t area[4096], low[16] = {0};
	unsigned bytes = quad ? 8 : 4;

	if (i->in.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY || (!is_xmm(to) && !is_xmm(from)))
		return SNUG__ASSIST_UNKNOWN;
	if (refuse(a) == SNUG__ASSIST_FAULT)
		return SNUG__ASSIST_FAULT;
	if (a->ops->get_xsave(a->ctx, area) < 0)
		return SNUG__ASSIST_UNKNOWN;
	if (is_xmm(from))
		memcpy(low, area + XMM(number(from)), bytes);
	else if (!snug__insn_read(a, i, from, low, bytes))
		return snug__insn_failed(a);
	if (!is_xmm(to))
		return snug__insn_write(a, i, to, low, bytes) ? SNUG__ASSIST_DONE : snug__insn_failed(a);
	memcpy(area + XMM(number(to)), low, 16);
	return put_state(a, area);
}

#define S(name)                                                                                                      \
	{                                                                                                            \
		ZYDIS_MNEMONIC_##name, SNUG__ASSIST_SIMD, simd                                                       \
	}

const struct snug__assist_row snug__assist_simd[] = {
    {ZYDIS_MNEMONIC_MOVD, SNUG__ASSIST_SIMD, move_low},
    {ZYDIS_MNEMONIC_MOVQ, SNUG__ASSIST_SIMD, move_low},
    /* clang-format off */
    S(PADDB), S(PADDW), S(PADDD), S(PADDQ), S(PSUBB), S(PSUBW), S(PSUBD), S(PSUBQ), S(PADDSB), S(PADDSW), S(PADDUSB), S(PADDUSW),
    S(PSUBSB), S(PSUBSW), S(PSUBUSB), S(PSUBUSW), S(PAND), S(PANDN), S(POR), S(PXOR), S(PCMPEQB), S(PCMPEQW), S(PCMPEQD),
    S(PCMPGTB), S(PCMPGTW), S(PCMPGTD), S(PMULLW), S(PMULHW), S(PMULHUW), S(PMULUDQ), S(PMADDWD), S(PAVGB), S(PAVGW), S(PSADBW),
    S(PMAXSW), S(PMAXUB), S(PMINSW), S(PMINUB), S(PUNPCKLBW), S(PUNPCKLWD), S(PUNPCKLDQ), S(PUNPCKLQDQ), S(PUNPCKHBW),
    S(PUNPCKHWD), S(PUNPCKHDQ), S(PUNPCKHQDQ), S(PACKSSWB), S(PACKSSDW), S(PACKUSWB), S(PSLLW), S(PSLLD), S(PSLLQ), S(PSLLDQ),
    S(PSRLW), S(PSRLD), S(PSRLQ), S(PSRLDQ), S(PSRAW), S(PSRAD), S(PSHUFD), S(PSHUFLW), S(PSHUFHW), S(PMOVMSKB),
    S(ADDPS), S(ADDPD), S(ADDSS), S(ADDSD), S(SUBPS), S(SUBPD), S(SUBSS), S(SUBSD), S(MULPS), S(MULPD), S(MULSS), S(MULSD),
    S(DIVPS), S(DIVPD), S(DIVSS), S(DIVSD), S(SQRTPS), S(SQRTPD), S(SQRTSS), S(SQRTSD), S(MINPS), S(MINPD), S(MINSS), S(MINSD),
    S(MAXPS), S(MAXPD), S(MAXSS), S(MAXSD), S(ANDPS), S(ANDPD), S(ANDNPS), S(ANDNPD), S(ORPS), S(ORPD), S(XORPS), S(XORPD),
    S(UNPCKLPS), S(UNPCKLPD), S(UNPCKHPS), S(UNPCKHPD), S(SHUFPS), S(SHUFPD), S(CMPPS), S(CMPPD), S(CMPSS), S(CMPSD),
    S(COMISS), S(COMISD), S(UCOMISS), S(UCOMISD), S(CVTSI2SS), S(CVTSI2SD), S(CVTSS2SI), S(CVTSD2SI), S(CVTTSS2SI), S(CVTTSD2SI),
    S(CVTSS2SD), S(CVTSD2SS), S(CVTDQ2PS), S(CVTPS2DQ), S(CVTTPS2DQ), S(CVTDQ2PD), S(CVTPD2DQ), S(CVTTPD2DQ), S(CVTPS2PD),
    S(CVTPD2PS), S(MOVMSKPS), S(MOVMSKPD),
    S(PSHUFB), S(PHADDW), S(PHADDD), S(PHSUBW), S(PHSUBD), S(PMADDUBSW), S(PMULHRSW), S(PSIGNB), S(PSIGNW), S(PSIGND), S(PABSB),
    S(PABSW), S(PABSD), S(PALIGNR), S(PBLENDW), S(PTEST), S(PCMPEQQ), S(PCMPGTQ), S(PACKUSDW), S(PMINSB), S(PMINSD), S(PMINUW),
    S(PMINUD), S(PMAXSB), S(PMAXSD), S(PMAXUW), S(PMAXUD), S(PMULLD), S(PMULDQ), S(PMOVSXBW), S(PMOVSXBD), S(PMOVSXBQ),
    S(PMOVSXWD), S(PMOVSXWQ), S(PMOVSXDQ), S(PMOVZXBW), S(PMOVZXBD), S(PMOVZXBQ), S(PMOVZXWD), S(PMOVZXWQ), S(PMOVZXDQ),
    S(AESENC), S(AESENCLAST), S(AESDEC), S(AESDECLAST), S(AESIMC), S(AESKEYGENASSIST), S(PCLMULQDQ),
    S(SHA1NEXTE), S(SHA1MSG1), S(SHA1MSG2), S(SHA1RNDS4), S(SHA256MSG1), S(SHA256MSG2),
    /* clang-format on */
    {ZYDIS_MNEMONIC_INVALID, SNUG__ASSIST_OTHER, NULL},
};

#endif

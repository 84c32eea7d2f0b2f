/* SPDX-License-Identifier: MIT */
/*
 * simd: SSE to SSE4.2, AVX, AVX2, FMA, AES, PCLMULQDQ and SHA on XMM and YMM registers
 *
 * As in x87.c the host's own unit does the work, by instructions that were assembled here (simdform.c), on copies of the
 * guest's operands.  AVX's is done lane by lane.  Exceptions are masked meanwhile; one the guest has unmasked becomes #XM,
 * with its flags set and the destination as it was (SDM 1 11.5.2).  Of unmasked underflow and overflow it is not seen whether
 * the result is exact: the first does not come up if it is, the second says it is not; dpps says of all its steps what came up.
 */
#ifdef SNUG_HAVE_ZYDIS

#include "x86/assist/simdform.h"

#include <string.h>

#include "base/bytes.h"
#include "x86/assist/fpu.h"
#include "x86/assist/vector.h"
#include "x86/x86.h"

/* 128 bits of an instruction: registers before, and after. */
struct lane {
	uint8_t xmm[3][16];
	uint64_t rax, rcx, rdx, flags;
	uint32_t mxcsr, ours;
};

/* Vector registers are the caller's to save, in C's calls. */
static void run_lane(struct lane *l, const uint8_t *code)
{
	__asm__ volatile("stmxcsr %[ours]\n\t"
	                 "ldmxcsr %[mxcsr]\n\t"
	                 "movups (%[xmm]), %%xmm0\n\t"
	                 "movups 16(%[xmm]), %%xmm1\n\t"
	                 "movups 32(%[xmm]), %%xmm2\n\t"
	                 "sub $128, %%rsp\n\t" /* below it is the compiler's */
	                 "call *%[code]\n\t"
	                 "pushfq\n\t"
	                 "pop %[flags]\n\t"
	                 "add $128, %%rsp\n\t"
	                 "movups %%xmm0, (%[xmm])\n\t"
	                 "stmxcsr %[mxcsr]\n\t"
	                 "ldmxcsr %[ours]"
	                 : "+a"(l->rax), "+c"(l->rcx),
	                   "+d"(l->rdx), [flags] "=&r"(l->flags), [mxcsr] "+m"(l->mxcsr), [ours] "+m"(l->ours),
	                   "+m"(l->xmm)
	                 : [xmm] "r"(l->xmm), [code] "r"(code)
	                 : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3");
}

struct operation {
	struct snug__simd_form form;
	const ZydisDecodedOperand *to, *first, *source, *third;
	unsigned lanes;
	uint8_t in[3][SNUG__VECTOR_BYTES]; /* first, source, third */
	uint8_t out[SNUG__VECTOR_BYTES];
	uint64_t general, flags;
	unsigned raised;
};

/*
 * Which operand is what.  Legacy: destination and first, source, third.  VEX: destination, first, source, third; where it has
 * but two, destination and source; FMA: destination and first, third, source.
 */
static void assign(const struct snug__insn *i, struct operation *o)
{
	const ZydisDecodedOperand *immediate = snug__vector_immediate(i);
	unsigned count = i->in.operand_count_visible - (immediate != NULL);
	bool vex = i->in.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;
	/* Is the immediate the source, a shift's count, there is one operand less. */
	bool counts =
	    immediate && i->in.opcode_map == ZYDIS_OPCODE_MAP_0F && i->in.opcode >= 0x71 && i->in.opcode <= 0x73;
	unsigned first = vex && (count >= 3 || counts) ? 1 : 0;

	o->to = o->first = &i->ops[0];
	if (o->form.fused) {
		o->third = &i->ops[1];
		o->source = &i->ops[2];
	} else {
		o->first = &i->ops[first];
		o->source = counts ? immediate : &i->ops[first + 1];
		/* In legacy encodings the third is xmm0, and not written. */
		if (i->in.operand_count > first + 2 && snug__vector_is(&i->ops[first + 2]))
			o->third = &i->ops[first + 2];
	}
	o->lanes = 1;
	for (unsigned n = 0; n < i->in.operand_count_visible; n++)
		if (i->ops[n].size == 256)
			o->lanes = 2;
}

/* SDM 1 11.4.4: whole registers lie aligned, but for AVX. */
static bool read_all(struct snug__vector *v, struct operation *o)
{
	const ZydisDecodedOperand *const ops[3] = {o->first, o->source, o->third};

	for (unsigned n = 0; n < 3; n++) {
		if (!ops[n] || (n == 0 && !snug__vector_is(ops[n])))
			continue;
		if (!snug__vector_read(v, ops[n], o->in[n], !v->vex && ops[n]->size == 128))
			return false;
	}
	return true;
}

static void run_all(struct operation *o, unsigned mxcsr)
{
	unsigned bits = o->form.out;

	o->flags = UINT64_MAX;
	for (unsigned n = 0; n < o->lanes; n++) {
		struct lane l = {.mxcsr = snug__fpu_masked(mxcsr)};

		memcpy(l.xmm[0], o->in[0] + 16ul * n, 16);
		memcpy(l.xmm[1], o->in[1] + (size_t)o->form.in * n, 16);
		memcpy(l.xmm[2], o->in[2] + 16ul * n, 16);
		l.rcx = snug__le_load(o->in[1], 8);
		run_lane(&l, o->form.code[n]);
		memcpy(o->out + (size_t)o->form.out * n, l.xmm[0], 16);
		o->general |= o->lanes == 2 ? l.rax << (bits * n) : l.rax;
		o->flags &= l.flags;
		o->raised |= l.mxcsr & SNUG__FPU_FLAGS;
	}
}

/* A result that is to go to memory: a fault there comes before #XM, as AMD has it; SDM 3A 6.9 leaves the order open. */
static bool writable(struct snug__vector *v, const ZydisDecodedOperand *to)
{
	uint64_t at;

	if (to->type != ZYDIS_OPERAND_TYPE_MEMORY)
		return true;
	at = snug__insn_address(v->a, v->i, to);
	return snug__assist_lock(v->a, at, 1) && snug__assist_lock(v->a, at + to->size / 8 - 1, 1);
}

static enum snug__assist_result float_fault(struct snug__vector *v, unsigned mxcsr)
{
	struct snug__assist *a = v->a;
	enum snug__assist_result r;

	snug__le_store(v->area + SNUG__FPU_MXCSR, 4, mxcsr);
	r = snug__vector_close(v);
	if (r != SNUG__ASSIST_DONE)
		return r;
	return snug__assist_raise(a, a->sregs.cr4 & X86_CR4_OSXMMEXCPT ? X86_VECTOR_XM : X86_VECTOR_UD);
}

static bool sets_flags(ZydisMnemonic m)
{
	static const ZydisMnemonic setters[] = {
	    ZYDIS_MNEMONIC_COMISS,  ZYDIS_MNEMONIC_COMISD,  ZYDIS_MNEMONIC_UCOMISS,  ZYDIS_MNEMONIC_UCOMISD,
	    ZYDIS_MNEMONIC_VCOMISS, ZYDIS_MNEMONIC_VCOMISD, ZYDIS_MNEMONIC_VUCOMISS, ZYDIS_MNEMONIC_VUCOMISD,
	    ZYDIS_MNEMONIC_PTEST,   ZYDIS_MNEMONIC_VPTEST,  ZYDIS_MNEMONIC_VTESTPS,  ZYDIS_MNEMONIC_VTESTPD,
	};

	for (size_t n = 0; n < sizeof(setters) / sizeof(setters[0]); n++)
		if (setters[n] == m)
			return true;
	return false;
}

static void set_flags(struct snug__assist *a, uint64_t flags)
{
	a->regs.rflags = (a->regs.rflags & ~SNUG__FPU_COMPARED) | (flags & SNUG__FPU_COMPARED);
}

/* A lane makes less than a register only where the result is a vector in memory. */
static bool write_result(struct snug__vector *v, const struct operation *o)
{
	bool packs = o->form.out == 8;

	if (snug__vector_is(o->to))
		return snug__vector_write(v, o->to, o->out, packs ? 8 * o->lanes : 16 * o->lanes, false);
	if (packs)
		return snug__vector_write(v, o->to, o->out, o->to->size / 8, false);
	return snug__insn_write(v->a, v->i, o->to, &o->general, o->to->size / 8);
}

static enum snug__assist_result simd(struct snug__assist *a, const struct snug__insn *i)
{
	struct operation o = {.general = 0};
	enum snug__assist_result r;
	struct snug__vector v;
	unsigned mxcsr, fault;

	if (i->in.operand_count_visible < 2 || !snug__simd_form(i, &o.form))
		return SNUG__ASSIST_UNKNOWN;
	if (snug__vector_is_mmx(&i->ops[0]) || snug__vector_is_mmx(&i->ops[1]) ||
	    i->in.mnemonic == ZYDIS_MNEMONIC_CVTPI2PS || i->in.mnemonic == ZYDIS_MNEMONIC_CVTPI2PD)
		return snug__mmx(a, i, o.form.code[0]);
	r = snug__vector_open(&v, a, i);
	if (r != SNUG__ASSIST_DONE)
		return r;
	assign(i, &o);
	if (!read_all(&v, &o))
		return snug__insn_failed(a);
	mxcsr = (unsigned)snug__le_load(v.area + SNUG__FPU_MXCSR, 4);
	run_all(&o, mxcsr);
	fault = snug__fpu_fault(o.raised, mxcsr);
	if (fault && !writable(&v, o.to))
		return snug__insn_failed(a);
	if (fault)
		return float_fault(&v, mxcsr | fault);
	if (!sets_flags(i->in.mnemonic) && !write_result(&v, &o))
		return snug__insn_failed(a);
	snug__le_store(v.area + SNUG__FPU_MXCSR, 4, mxcsr | o.raised);
	r = snug__vector_close(&v);
	if (r == SNUG__ASSIST_DONE && sets_flags(i->in.mnemonic))
		set_flags(a, o.flags);
	return r;
}

/* SDM 2B PCMPESTRI: a length's size counts, up to the number of elements there can be. */
static uint64_t length(uint64_t reg, bool wide)
{
	int64_t value = wide ? (int64_t)reg : (int32_t)reg;

	return (uint64_t)(value > 16 ? 16 : value < -16 ? -16 : value);
}

/* Two operands and lengths in eax and edx, or none; an index in ecx, or a mask in xmm0; flags.  Not aligned. */
static enum snug__assist_result strings(struct snug__assist *a, const struct snug__insn *i)
{
	bool wide = i->in.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX ? i->in.raw.vex.W : i->in.raw.rex.W;
	const uint8_t *code = snug__simd_strings(i);
	uint8_t first[SNUG__VECTOR_BYTES], second[SNUG__VECTOR_BYTES];
	struct lane l = {
	    .mxcsr = SNUG__FPU_MASKS, .rax = length(a->regs.rax, wide), .rdx = length(a->regs.rdx, wide)};
	ZydisDecodedOperand mask = {.type = ZYDIS_OPERAND_TYPE_REGISTER, .reg.value = ZYDIS_REGISTER_XMM0};
	bool gives_mask = !(i->in.opcode & 1);
	enum snug__assist_result r;
	struct snug__vector v;

	r = code ? snug__vector_open(&v, a, i) : SNUG__ASSIST_UNKNOWN;
	if (r != SNUG__ASSIST_DONE)
		return r;
	if (!snug__vector_read(&v, &i->ops[0], first, false) || !snug__vector_read(&v, &i->ops[1], second, false))
		return snug__insn_failed(a);
	memcpy(l.xmm[0], first, 16);
	memcpy(l.xmm[1], second, 16);
	run_lane(&l, code);
	if (gives_mask)
		snug__vector_write(&v, &mask, l.xmm[0], 16, false);
	r = snug__vector_close(&v);
	if (r != SNUG__ASSIST_DONE)
		return r;
	if (!gives_mask)
		a->regs.rcx = (uint32_t)l.rcx;
	set_flags(a, l.flags);
	return r;
}

/* Both encodings, one, or the other. */
#define L(name) {ZYDIS_MNEMONIC_##name, SNUG__ASSIST_SIMD, simd},
#define B(name) L(name) L(V##name)

const struct snug__assist_row snug__assist_simd[] = {
    /* clang-format off */
    B(PADDB) B(PADDW) B(PADDD) B(PADDQ) B(PSUBB) B(PSUBW) B(PSUBD) B(PSUBQ) B(PADDSB) B(PADDSW) B(PADDUSB) B(PADDUSW)
    B(PSUBSB) B(PSUBSW) B(PSUBUSB) B(PSUBUSW) B(PAND) B(PANDN) B(POR) B(PXOR) B(PCMPEQB) B(PCMPEQW) B(PCMPEQD)
    B(PCMPGTB) B(PCMPGTW) B(PCMPGTD) B(PMULLW) B(PMULHW) B(PMULHUW) B(PMULUDQ) B(PMADDWD) B(PAVGB) B(PAVGW) B(PSADBW)
    B(PMAXSW) B(PMAXUB) B(PMINSW) B(PMINUB) B(PUNPCKLBW) B(PUNPCKLWD) B(PUNPCKLDQ) B(PUNPCKLQDQ) B(PUNPCKHBW)
    B(PUNPCKHWD) B(PUNPCKHDQ) B(PUNPCKHQDQ) B(PACKSSWB) B(PACKSSDW) B(PACKUSWB) B(PSLLW) B(PSLLD) B(PSLLQ) B(PSLLDQ)
    B(PSRLW) B(PSRLD) B(PSRLQ) B(PSRLDQ) B(PSRAW) B(PSRAD) B(PSHUFD) B(PSHUFLW) B(PSHUFHW) L(PSHUFW) B(PMOVMSKB)
    B(PINSRB) B(PINSRW) B(PINSRD) B(PINSRQ) B(PEXTRB) B(PEXTRW) B(PEXTRD) B(PEXTRQ) B(INSERTPS) B(EXTRACTPS)
    B(ADDPS) B(ADDPD) B(ADDSS) B(ADDSD) B(SUBPS) B(SUBPD) B(SUBSS) B(SUBSD) B(MULPS) B(MULPD) B(MULSS) B(MULSD)
    B(DIVPS) B(DIVPD) B(DIVSS) B(DIVSD) B(SQRTPS) B(SQRTPD) B(SQRTSS) B(SQRTSD) B(MINPS) B(MINPD) B(MINSS) B(MINSD)
    B(MAXPS) B(MAXPD) B(MAXSS) B(MAXSD) B(ANDPS) B(ANDPD) B(ANDNPS) B(ANDNPD) B(ORPS) B(ORPD) B(XORPS) B(XORPD)
    B(HADDPS) B(HADDPD) B(HSUBPS) B(HSUBPD) B(ADDSUBPS) B(ADDSUBPD) B(RCPPS) B(RCPSS) B(RSQRTPS) B(RSQRTSS)
    B(UNPCKLPS) B(UNPCKLPD) B(UNPCKHPS) B(UNPCKHPD) B(SHUFPS) B(SHUFPD) B(CMPPS) B(CMPPD) B(CMPSS) B(CMPSD)
    B(COMISS) B(COMISD) B(UCOMISS) B(UCOMISD) B(CVTSI2SS) B(CVTSI2SD) B(CVTSS2SI) B(CVTSD2SI) B(CVTTSS2SI) B(CVTTSD2SI)
    B(CVTSS2SD) B(CVTSD2SS) B(CVTDQ2PS) B(CVTPS2DQ) B(CVTTPS2DQ) B(CVTDQ2PD) B(CVTPD2DQ) B(CVTTPD2DQ) B(CVTPS2PD)
    B(CVTPD2PS) B(MOVMSKPS) B(MOVMSKPD) L(CVTPI2PS) L(CVTPS2PI) L(CVTTPS2PI) L(CVTPI2PD) L(CVTPD2PI) L(CVTTPD2PI)
    B(PSHUFB) B(PHADDW) B(PHADDD) B(PHADDSW) B(PHSUBW) B(PHSUBD) B(PHSUBSW) B(PMADDUBSW) B(PMULHRSW) B(PSIGNB) B(PSIGNW)
    B(PSIGND) B(PABSB) B(PABSW) B(PABSD) B(PALIGNR) B(PBLENDW) B(BLENDPS) B(BLENDPD) B(PBLENDVB) B(BLENDVPS) B(BLENDVPD)
    B(PTEST) B(PCMPEQQ) B(PCMPGTQ) B(PACKUSDW) B(PMINSB) B(PMINSD) B(PMINUW) B(PMINUD) B(PMAXSB) B(PMAXSD) B(PMAXUW) B(PMAXUD)
    B(PMULLD) B(PMULDQ) B(PMOVSXBW) B(PMOVSXBD) B(PMOVSXBQ) B(PMOVSXWD) B(PMOVSXWQ) B(PMOVSXDQ) B(PMOVZXBW) B(PMOVZXBD)
    B(PMOVZXBQ) B(PMOVZXWD) B(PMOVZXWQ) B(PMOVZXDQ) B(PHMINPOSUW) B(ROUNDPS) B(ROUNDPD) B(ROUNDSS) B(ROUNDSD) B(DPPS) B(DPPD)
    B(MPSADBW) B(AESENC) B(AESENCLAST) B(AESDEC) B(AESDECLAST) B(AESIMC) B(AESKEYGENASSIST) B(PCLMULQDQ)
    L(SHA1NEXTE) L(SHA1MSG1) L(SHA1MSG2) L(SHA1RNDS4) L(SHA256MSG1) L(SHA256MSG2) L(SHA256RNDS2)
    L(VPBLENDD) L(VPERMILPS) L(VPERMILPD) L(VTESTPS) L(VTESTPD) L(VPSLLVD) L(VPSLLVQ) L(VPSRLVD) L(VPSRLVQ) L(VPSRAVD)
    L(VBROADCASTSS) L(VBROADCASTSD) L(VBROADCASTF128) L(VBROADCASTI128) L(VPBROADCASTB) L(VPBROADCASTW) L(VPBROADCASTD)
    L(VPBROADCASTQ) L(VCVTPH2PS) L(VCVTPS2PH)
#define FMA(kind, type) L(V##kind##132##type) L(V##kind##213##type) L(V##kind##231##type)
#define FMA_ALL(kind) FMA(kind, PS) FMA(kind, PD) FMA(kind, SS) FMA(kind, SD)
    FMA_ALL(FMADD) FMA_ALL(FMSUB) FMA_ALL(FNMADD) FMA_ALL(FNMSUB)
    FMA(FMADDSUB, PS) FMA(FMADDSUB, PD) FMA(FMSUBADD, PS) FMA(FMSUBADD, PD)
#undef L
#define L(name) {ZYDIS_MNEMONIC_##name, SNUG__ASSIST_SIMD, strings},
    B(PCMPESTRM) B(PCMPESTRI) B(PCMPISTRM) B(PCMPISTRI)
    /* clang-format on */
    {ZYDIS_MNEMONIC_INVALID, SNUG__ASSIST_OTHER, NULL},
};

#endif

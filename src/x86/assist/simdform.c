/* SPDX-License-Identifier: MIT */
/* simdform: the instructions of simd.c, assembled for every opcode and immediate there can be */
#ifdef SNUG_HAVE_ZYDIS

#include "x86/assist/simdform.h"

#include "x86/assist/vector.h"

#define FORM 8u /* bytes of an instruction here, with its return */

/*
 * Instruction tables: op xmm0, xmm1 (modrm 0xc1; with other operands the registers of the same numbers) for each opcode of a
 * map, by prefix; then those with an immediate, for `count` of its values, a power of two.  VEX.vvvv is xmm0, or none
 * (SDM 2A 2.3.5: the same bits), but for FMA, where it is xmm2.
 */
#define OPCODES(label, bytes, first, last)                                                                           \
	label ":\n.set op, " first "\n.rept " last " - " first " + 1\n1: .byte " bytes                               \
	      ", op, 0xc1, 0xc3\n.org 1b + 8, 0xcc\n.set op, op + 1\n.endr\n"
#define FORMS(label, bytes) OPCODES(label, bytes, "0", "255")
#define IMMEDIATES(label, bytes, count)                                                                              \
	label ":\n.set op, 0\n.rept " count "\n1: .byte " bytes                                                      \
	      ", op, 0xc3\n.org 1b + 8, 0xcc\n.set op, op + 1\n.endr\n"
/* Those that take their third operand from xmm0. */
#define STUB(label, insn)                                                                                            \
	label ": movaps %xmm0, %xmm3\nmovaps %xmm2, %xmm0\n" insn " %xmm0, %xmm1, %xmm3\nmovaps %xmm3, %xmm0\nret\n"

#define MAPS(X)                                                                                                      \
	X(map_0f)                                                                                                    \
	X(map_66_0f)                                                                                                 \
	X(map_f3_0f)                                                                                                 \
	X(map_f2_0f)                                                                                                 \
	X(map_w_f3_0f)                                                                                               \
	X(map_w_f2_0f)                                                                                               \
	X(map_0f38)                                                                                                  \
	X(map_66_0f38) X(vex_0f38) X(vex_w_0f38) X(fma) X(fma_w) X(pblendvb) X(blendvps) X(blendvpd) X(sha256rnds2)

/* Name, how many values of the immediate differ, by how many bits that of the upper lane is shifted, mnemonics, code. */
/* clang-format off */
#define WITH_IMMEDIATE(X)                                                                                            \
	X(pshufd, 256, 0, PSHUFD, VPSHUFD, "0x66, 0x0f, 0x70, 0xc1")                                                 \
	X(pshufhw, 256, 0, PSHUFHW, VPSHUFHW, "0xf3, 0x0f, 0x70, 0xc1")                                              \
	X(pshuflw, 256, 0, PSHUFLW, VPSHUFLW, "0xf2, 0x0f, 0x70, 0xc1")                                              \
	X(pshufw, 256, 0, PSHUFW, INVALID, "0x0f, 0x70, 0xc1")                                                          \
	X(shufps, 256, 0, SHUFPS, VSHUFPS, "0x0f, 0xc6, 0xc1")                                                       \
	X(shufpd, 4, 2, SHUFPD, VSHUFPD, "0x66, 0x0f, 0xc6, 0xc1")                                                   \
	X(cmpps, 8, 0, CMPPS, INVALID, "0x0f, 0xc2, 0xc1")                                                              \
	X(cmppd, 8, 0, CMPPD, INVALID, "0x66, 0x0f, 0xc2, 0xc1")                                                        \
	X(cmpss, 8, 0, CMPSS, INVALID, "0xf3, 0x0f, 0xc2, 0xc1")                                                        \
	X(cmpsd, 8, 0, CMPSD, INVALID, "0xf2, 0x0f, 0xc2, 0xc1")                                                        \
	X(vcmpps, 32, 0, INVALID, VCMPPS, "0xc5, 0xf8, 0xc2, 0xc1")                                                     \
	X(vcmppd, 32, 0, INVALID, VCMPPD, "0xc5, 0xf9, 0xc2, 0xc1")                                                     \
	X(vcmpss, 32, 0, INVALID, VCMPSS, "0xc5, 0xfa, 0xc2, 0xc1")                                                     \
	X(vcmpsd, 32, 0, INVALID, VCMPSD, "0xc5, 0xfb, 0xc2, 0xc1")                                                     \
	X(palignr, 256, 0, PALIGNR, VPALIGNR, "0x66, 0x0f, 0x3a, 0x0f, 0xc1")                                        \
	X(psrldq, 256, 0, PSRLDQ, VPSRLDQ, "0x66, 0x0f, 0x73, 0xd8")                                                 \
	X(pslldq, 256, 0, PSLLDQ, VPSLLDQ, "0x66, 0x0f, 0x73, 0xf8")                                                 \
	X(pblendw, 256, 0, PBLENDW, VPBLENDW, "0x66, 0x0f, 0x3a, 0x0e, 0xc1")                                        \
	X(blendps, 16, 4, BLENDPS, VBLENDPS, "0x66, 0x0f, 0x3a, 0x0c, 0xc1")                                         \
	X(blendpd, 4, 2, BLENDPD, VBLENDPD, "0x66, 0x0f, 0x3a, 0x0d, 0xc1")                                          \
	X(vpblendd, 16, 4, INVALID, VPBLENDD, "0xc4, 0xe3, 0x79, 0x02, 0xc1")                                           \
	X(vpermilps, 256, 0, INVALID, VPERMILPS, "0xc4, 0xe3, 0x79, 0x04, 0xc1")                                        \
	X(vpermilpd, 4, 2, INVALID, VPERMILPD, "0xc4, 0xe3, 0x79, 0x05, 0xc1")                                          \
	X(roundps, 16, 0, ROUNDPS, VROUNDPS, "0x66, 0x0f, 0x3a, 0x08, 0xc1")                                         \
	X(roundpd, 16, 0, ROUNDPD, VROUNDPD, "0x66, 0x0f, 0x3a, 0x09, 0xc1")                                         \
	X(roundss, 16, 0, ROUNDSS, VROUNDSS, "0x66, 0x0f, 0x3a, 0x0a, 0xc1")                                         \
	X(roundsd, 16, 0, ROUNDSD, VROUNDSD, "0x66, 0x0f, 0x3a, 0x0b, 0xc1")                                         \
	X(dpps, 256, 0, DPPS, VDPPS, "0x66, 0x0f, 0x3a, 0x40, 0xc1")                                                 \
	X(dppd, 256, 0, DPPD, VDPPD, "0x66, 0x0f, 0x3a, 0x41, 0xc1")                                                 \
	X(mpsadbw, 8, 3, MPSADBW, VMPSADBW, "0x66, 0x0f, 0x3a, 0x42, 0xc1")                                          \
	X(insertps, 256, 0, INSERTPS, VINSERTPS, "0x66, 0x0f, 0x3a, 0x21, 0xc1")                                     \
	X(pinsrb, 16, 0, PINSRB, VPINSRB, "0x66, 0x0f, 0x3a, 0x20, 0xc1")                                            \
	X(pinsrw, 8, 0, PINSRW, VPINSRW, "0x66, 0x0f, 0xc4, 0xc1")                                                   \
	X(pinsrd, 4, 0, PINSRD, VPINSRD, "0x66, 0x0f, 0x3a, 0x22, 0xc1")                                             \
	X(pinsrq, 2, 0, PINSRQ, VPINSRQ, "0x66, 0x48, 0x0f, 0x3a, 0x22, 0xc1")                                       \
	X(pextrb, 16, 0, PEXTRB, VPEXTRB, "0x66, 0x0f, 0x3a, 0x14, 0xc8")                                            \
	X(pextrw, 8, 0, PEXTRW, VPEXTRW, "0x66, 0x0f, 0xc5, 0xc1")                                                   \
	X(pextrd, 4, 0, PEXTRD, VPEXTRD, "0x66, 0x0f, 0x3a, 0x16, 0xc8")                                             \
	X(pextrq, 2, 0, PEXTRQ, VPEXTRQ, "0x66, 0x48, 0x0f, 0x3a, 0x16, 0xc8")                                       \
	X(extractps, 4, 0, EXTRACTPS, VEXTRACTPS, "0x66, 0x0f, 0x3a, 0x17, 0xc8")                                    \
	X(vcvtps2ph, 8, 0, INVALID, VCVTPS2PH, "0xc4, 0xe3, 0x79, 0x1d, 0xc8")                                          \
	X(pclmul, 32, 0, PCLMULQDQ, VPCLMULQDQ, "0x66, 0x0f, 0x3a, 0x44, 0xc1")                                      \
	X(keygen, 256, 0, AESKEYGENASSIST, VAESKEYGENASSIST, "0x66, 0x0f, 0x3a, 0xdf, 0xc1")                         \
	X(sha1rnds4, 4, 0, SHA1RNDS4, INVALID, "0x0f, 0x3a, 0xcc, 0xc1")                                                \
	X(pcmpestrm, 128, 0, PCMPESTRM, VPCMPESTRM, "0x66, 0x0f, 0x3a, 0x60, 0xc1")                                  \
	X(pcmpestri, 128, 0, PCMPESTRI, VPCMPESTRI, "0x66, 0x0f, 0x3a, 0x61, 0xc1")                                  \
	X(pcmpistrm, 128, 0, PCMPISTRM, VPCMPISTRM, "0x66, 0x0f, 0x3a, 0x62, 0xc1")                                  \
	X(pcmpistri, 128, 0, PCMPISTRI, VPCMPISTRI, "0x66, 0x0f, 0x3a, 0x63, 0xc1")
/* clang-format on */

/* MMX's, whose mnemonics are those of SSE. */
#define WITH_MMX(X)                                                                                                  \
	X(mmx_palignr, 256, 0, PALIGNR, INVALID, "0x0f, 0x3a, 0x0f, 0xc1")                                           \
	X(mmx_pinsrw, 4, 0, PINSRW, INVALID, "0x0f, 0xc4, 0xc1")                                                     \
	X(mmx_pextrw, 4, 0, PEXTRW, INVALID, "0x0f, 0xc5, 0xc1")

#define ASSEMBLE(name, count, shift, legacy, vex, bytes) IMMEDIATES("snug__simd_" #name, bytes, #count)

__asm__(".pushsection .text\n.balign 16\n"
        /* clang-format off */
        FORMS("snug__simd_map_0f", "0x0f") FORMS("snug__simd_map_66_0f", "0x66, 0x0f")
        FORMS("snug__simd_map_f3_0f", "0xf3, 0x0f") FORMS("snug__simd_map_f2_0f", "0xf2, 0x0f")
        FORMS("snug__simd_map_w_f3_0f", "0xf3, 0x48, 0x0f") FORMS("snug__simd_map_w_f2_0f", "0xf2, 0x48, 0x0f")
        FORMS("snug__simd_map_66_0f38", "0x66, 0x0f, 0x38") FORMS("snug__simd_map_0f38", "0x0f, 0x38")
        FORMS("snug__simd_vex_0f38", "0xc4, 0xe2, 0x79") FORMS("snug__simd_vex_w_0f38", "0xc4, 0xe2, 0xf9")
        OPCODES("snug__simd_fma", "0xc4, 0xe2, 0x69", "0x90", "0xbf")
        OPCODES("snug__simd_fma_w", "0xc4, 0xe2, 0xe9", "0x90", "0xbf")
        STUB("snug__simd_pblendvb", "pblendvb") STUB("snug__simd_blendvps", "blendvps")
        STUB("snug__simd_blendvpd", "blendvpd") STUB("snug__simd_sha256rnds2", "sha256rnds2")
        /* clang-format on */
        WITH_IMMEDIATE(ASSEMBLE) WITH_MMX(ASSEMBLE) ".popsection\n");

#define DECLARE(name) extern const uint8_t snug__simd_##name[] __attribute__((visibility("hidden")));
#define DECLARE_ROW(name, count, shift, legacy, vex, bytes) DECLARE(name)
MAPS(DECLARE)
WITH_IMMEDIATE(DECLARE_ROW)
WITH_MMX(DECLARE_ROW)

static const struct with_immediate {
	ZydisMnemonic legacy, vex;
	const uint8_t *code;
	uint16_t count;
	uint8_t shift;
} immediates[] =
    {
#define ROW(name, count, shift, legacy, vex, bytes)                                                                  \
	{ZYDIS_MNEMONIC_##legacy, ZYDIS_MNEMONIC_##vex, snug__simd_##name, count, shift},
        WITH_IMMEDIATE(ROW)},
  with_mmx[] = {WITH_MMX(ROW)};

static const struct shape {
	ZydisMnemonic mnemonic;
	uint8_t in, out;
} shapes[] = {
#define S(mnemonic, in, out)                                                                                         \
	{                                                                                                            \
		ZYDIS_MNEMONIC_##mnemonic, in, out                                                                   \
	}
    S(VPMOVSXBW, 8, 16),    S(VPMOVSXBD, 4, 16),      S(VPMOVSXBQ, 2, 16),      S(VPMOVSXWD, 8, 16),
    S(VPMOVSXWQ, 4, 16),    S(VPMOVSXDQ, 8, 16),      S(VPMOVZXBW, 8, 16),      S(VPMOVZXBD, 4, 16),
    S(VPMOVZXBQ, 2, 16),    S(VPMOVZXWD, 8, 16),      S(VPMOVZXWQ, 4, 16),      S(VPMOVZXDQ, 8, 16),
    S(VCVTDQ2PD, 8, 16),    S(VCVTPS2PD, 8, 16),      S(VCVTPH2PS, 8, 16),      S(VCVTPD2PS, 16, 8),
    S(VCVTPD2DQ, 16, 8),    S(VCVTTPD2DQ, 16, 8),     S(VCVTPS2PH, 16, 8),      S(VPSLLW, 0, 16),
    S(VPSLLD, 0, 16),       S(VPSLLQ, 0, 16),         S(VPSRLW, 0, 16),         S(VPSRLD, 0, 16),
    S(VPSRLQ, 0, 16),       S(VPSRAW, 0, 16),         S(VPSRAD, 0, 16),         S(VBROADCASTSS, 0, 16),
    S(VBROADCASTSD, 0, 16), S(VPBROADCASTB, 0, 16),   S(VPBROADCASTW, 0, 16),   S(VPBROADCASTD, 0, 16),
    S(VPBROADCASTQ, 0, 16), S(VBROADCASTF128, 0, 16), S(VBROADCASTI128, 0, 16), S(VPMOVMSKB, 16, 16),
    S(VMOVMSKPS, 16, 4),    S(VMOVMSKPD, 16, 2),
};

/* Those with a third operand, which are stubs, and those that another does for a lane. */
static const struct {
	ZydisMnemonic legacy, vex;
	const uint8_t *code;
} others[] = {
    {ZYDIS_MNEMONIC_PBLENDVB, ZYDIS_MNEMONIC_VPBLENDVB, snug__simd_pblendvb},
    {ZYDIS_MNEMONIC_BLENDVPS, ZYDIS_MNEMONIC_VBLENDVPS, snug__simd_blendvps},
    {ZYDIS_MNEMONIC_BLENDVPD, ZYDIS_MNEMONIC_VBLENDVPD, snug__simd_blendvpd},
    {ZYDIS_MNEMONIC_SHA256RNDS2, ZYDIS_MNEMONIC_INVALID, snug__simd_sha256rnds2},
    {ZYDIS_MNEMONIC_INVALID, ZYDIS_MNEMONIC_VBROADCASTSD, snug__simd_vex_0f38 + FORM * 0x59ul}, /* vpbroadcastq */
    {ZYDIS_MNEMONIC_INVALID, ZYDIS_MNEMONIC_VBROADCASTF128, snug__simd_map_0f + FORM * 0x28ul}, /* movaps */
    {ZYDIS_MNEMONIC_INVALID, ZYDIS_MNEMONIC_VBROADCASTI128, snug__simd_map_0f + FORM * 0x28ul},
};

static bool is_vex(const struct snug__insn *i)
{
	return i->in.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;
}

static bool has_prefix(const struct snug__insn *i, uint8_t value)
{
	for (unsigned n = 0; n < i->in.raw.prefix_count; n++)
		if (i->in.raw.prefixes[n].value == value && i->in.raw.prefixes[n].type == ZYDIS_PREFIX_TYPE_MANDATORY)
			return true;
	return false;
}

/* SDM 2A 2.3.5: VEX.pp's order. */
static unsigned prefix_of(const struct snug__insn *i)
{
	if (is_vex(i))
		return i->in.raw.vex.pp;
	return has_prefix(i, 0xf3) ? 2 : has_prefix(i, 0xf2) ? 3 : has_prefix(i, 0x66) ? 1 : 0;
}

/* An opcode's in its map's table. */
static const uint8_t *mapped(const struct snug__insn *i, struct snug__simd_form *form)
{
	static const uint8_t *const map_0f[2][4] = {
	    {snug__simd_map_0f, snug__simd_map_66_0f, snug__simd_map_f3_0f, snug__simd_map_f2_0f},
	    {snug__simd_map_0f, snug__simd_map_66_0f, snug__simd_map_w_f3_0f, snug__simd_map_w_f2_0f},
	};
	unsigned prefix = prefix_of(i), op = i->in.opcode;
	bool wide = is_vex(i) ? i->in.raw.vex.W : i->in.raw.rex.W;

	if (i->in.opcode_map == ZYDIS_OPCODE_MAP_0F)
		return map_0f[wide][prefix] + (size_t)FORM * op;
	if (i->in.opcode_map != ZYDIS_OPCODE_MAP_0F38 || prefix > 1)
		return NULL;
	if (!is_vex(i))
		return (prefix ? snug__simd_map_66_0f38 : snug__simd_map_0f38) + (size_t)FORM * op;
	form->fused = op >= 0x96 && op <= 0xbf;
	if (form->fused)
		return (wide ? snug__simd_fma_w : snug__simd_fma) + (size_t)FORM * (op - 0x90);
	return (wide ? snug__simd_vex_w_0f38 : snug__simd_vex_0f38) + (size_t)FORM * op;
}

/* SDM 2B PSLLW and so on: the group's opcodes with an immediate, and those with a register that do the same. */
static const uint8_t *shift_by_register(const struct snug__insn *i, bool mmx)
{
	unsigned op = (0xc0 + i->in.raw.modrm.reg * 8u) | (i->in.opcode & 3);

	return (mmx ? snug__simd_map_0f : snug__simd_map_66_0f) + (size_t)FORM * op;
}

static const struct with_immediate *immediate_row(const struct snug__insn *i, bool mmx)
{
	const struct with_immediate *rows = mmx ? with_mmx : immediates;
	size_t count = mmx ? sizeof(with_mmx) / sizeof(with_mmx[0]) : sizeof(immediates) / sizeof(immediates[0]);

	for (size_t n = 0; n < count; n++)
		if (i->in.mnemonic == (is_vex(i) ? rows[n].vex : rows[n].legacy))
			return &rows[n];
	return mmx ? immediate_row(i, false) : NULL;
}

static bool by_immediate(const struct snug__insn *i, const ZydisDecodedOperand *immediate, bool mmx,
                         struct snug__simd_form *form)
{
	const struct with_immediate *row = immediate_row(i, mmx);
	unsigned value = (unsigned)immediate->imm.value.u & 0xff;

	if (!row) {
		if (i->in.opcode_map != ZYDIS_OPCODE_MAP_0F || i->in.opcode < 0x71 || i->in.opcode > 0x73)
			return false;
		form->code[0] = form->code[1] = shift_by_register(i, mmx);
		return true;
	}
	/* SDM 2A INSERTPS: from memory there is one element to choose from. */
	if (row->legacy == ZYDIS_MNEMONIC_INSERTPS && i->in.raw.modrm.mod != 3)
		value &= 0x3f;
	form->code[0] = row->code + (size_t)FORM * (value & (row->count - 1u));
	form->code[1] = row->code + (size_t)FORM * ((value >> row->shift) & (row->count - 1u));
	return true;
}

bool snug__simd_form(const struct snug__insn *i, struct snug__simd_form *form)
{
	const ZydisDecodedOperand *immediate = snug__vector_immediate(i);
	bool mmx = snug__vector_is_mmx(&i->ops[0]) || snug__vector_is_mmx(&i->ops[1]);

	*form = (struct snug__simd_form){.in = 16, .out = 16};
	for (size_t n = 0; n < sizeof(shapes) / sizeof(shapes[0]); n++)
		if (shapes[n].mnemonic == i->in.mnemonic) {
			form->in = shapes[n].in;
			form->out = shapes[n].out;
		}
	for (size_t n = 0; n < sizeof(others) / sizeof(others[0]); n++)
		if (i->in.mnemonic == others[n].legacy || i->in.mnemonic == others[n].vex) {
			form->code[0] = form->code[1] = others[n].code;
			return true;
		}
	if (immediate)
		return by_immediate(i, immediate, mmx, form);
	form->code[0] = form->code[1] = mapped(i, form);
	return form->code[0] != NULL;
}

const uint8_t *snug__simd_strings(const struct snug__insn *i)
{
	const ZydisDecodedOperand *immediate = snug__vector_immediate(i);
	struct snug__simd_form form = {0};

	return immediate && by_immediate(i, immediate, false, &form) ? form.code[0] : NULL;
}

#endif

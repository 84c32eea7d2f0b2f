/* SPDX-License-Identifier: MIT */
/* avx: what AVX and AVX2 do across lanes, and element by element in memory.  SDM 2C. */
#ifdef SNUG_HAVE_ZYDIS

#include <string.h>

#include "base/bytes.h"
#include "x86/assist/vector.h"
#include "x86/x86.h"

/* The operands of most of them: the sources, in the order they are written. */
struct avx {
	struct snug__vector v;
	const struct snug__insn *i;
	uint8_t in[2][SNUG__VECTOR_BYTES], out[SNUG__VECTOR_BYTES];
	unsigned imm, bytes; /* of the destination */
};

static enum snug__assist_result begin(struct avx *x, struct snug__assist *a, const struct snug__insn *i)
{
	const ZydisDecodedOperand *immediate = snug__vector_immediate(i);
	unsigned sources = i->in.operand_count_visible - 1u - (immediate != NULL);
	enum snug__assist_result r = snug__vector_open(&x->v, a, i);

	if (r != SNUG__ASSIST_DONE)
		return r;
	x->i = i;
	x->imm = immediate ? (unsigned)immediate->imm.value.u & 0xff : 0;
	x->bytes = i->ops[0].size / 8;
	memset(x->out, 0, sizeof(x->out));
	for (unsigned n = 0; n < sources && n < 2; n++)
		if (!snug__vector_read(&x->v, &i->ops[1 + n], x->in[n], false))
			return snug__insn_failed(a);
	return SNUG__ASSIST_DONE;
}

static enum snug__assist_result end(struct avx *x)
{
	if (!snug__vector_write(&x->v, &x->i->ops[0], x->out, x->bytes, false))
		return snug__insn_failed(x->v.a);
	return snug__vector_close(&x->v);
}

/* VPERM2F128, VPERM2I128: each half is one of four, or zeros. */
static enum snug__assist_result halves(struct snug__assist *a, const struct snug__insn *i)
{
	struct avx x;
	enum snug__assist_result r = begin(&x, a, i);

	if (r != SNUG__ASSIST_DONE)
		return r;
	for (unsigned n = 0; n < 2; n++) {
		unsigned from = x.imm >> (4 * n);

		if (!(from & 8))
			memcpy(x.out + 16ul * n, x.in[from >> 1 & 1] + 16ul * (from & 1), 16);
	}
	return end(&x);
}

static enum snug__assist_result insert_half(struct snug__assist *a, const struct snug__insn *i)
{
	struct avx x;
	enum snug__assist_result r = begin(&x, a, i);

	if (r != SNUG__ASSIST_DONE)
		return r;
	memcpy(x.out, x.in[0], 32);
	memcpy(x.out + 16ul * (x.imm & 1), x.in[1], 16);
	return end(&x);
}

static enum snug__assist_result extract_half(struct snug__assist *a, const struct snug__insn *i)
{
	struct avx x;
	enum snug__assist_result r = begin(&x, a, i);

	if (r != SNUG__ASSIST_DONE)
		return r;
	memcpy(x.out, x.in[0] + 16ul * (x.imm & 1), 16);
	return end(&x);
}

/* VPERMQ, VPERMPD: by an immediate; VPERMD, VPERMPS: by indices in the first source. */
static enum snug__assist_result permute(struct snug__assist *a, const struct snug__insn *i)
{
	struct avx x;
	enum snug__assist_result r = begin(&x, a, i);
	bool quads = snug__vector_immediate(i) != NULL;

	if (r != SNUG__ASSIST_DONE)
		return r;
	for (unsigned n = 0; n < 4 && quads; n++)
		memcpy(x.out + 8ul * n, x.in[0] + 8ul * (x.imm >> (2 * n) & 3), 8);
	for (unsigned n = 0; n < 8 && !quads; n++)
		memcpy(x.out + 4ul * n, x.in[1] + 4ul * (x.in[0][4 * n] & 7), 4);
	return end(&x);
}

/* VZEROUPPER, VZEROALL: registers 0 to 15 in 64-bit mode, else 0 to 7. */
static enum snug__assist_result zero(struct snug__assist *a, const struct snug__insn *i)
{
	static const uint8_t zeros[SNUG__VECTOR_BYTES];
	uint8_t low[SNUG__VECTOR_BYTES];
	enum snug__assist_result r;
	struct snug__vector v;

	r = snug__vector_open(&v, a, i);
	if (r != SNUG__ASSIST_DONE)
		return r;
	for (unsigned n = 0; n < (i->bits == 64 ? 16 : 8); n++) {
		ZydisDecodedOperand op = {.type = ZYDIS_OPERAND_TYPE_REGISTER,
		                          .reg.value = (ZydisRegister)(ZYDIS_REGISTER_XMM0 + n)};

		snug__vector_read(&v, &op, low, false);
		snug__vector_write(&v, &op, i->in.mnemonic == ZYDIS_MNEMONIC_VZEROALL ? zeros : low, 16, false);
	}
	return snug__vector_close(&v);
}

static bool is_set(const uint8_t *mask, unsigned element, unsigned bytes)
{
	return mask[(element + 1) * bytes - 1] & 0x80;
}

/* VMASKMOV, VPMASKMOV: elements whose mask's top bit is set; no others fault. */
static enum snug__assist_result masked(struct snug__assist *a, const struct snug__insn *i)
{
	bool stores = i->ops[0].type == ZYDIS_OPERAND_TYPE_MEMORY;
	bool quads = i->in.mnemonic == ZYDIS_MNEMONIC_VMASKMOVPD || i->in.mnemonic == ZYDIS_MNEMONIC_VPMASKMOVQ;
	unsigned bytes = quads ? 8 : 4;
	uint8_t mask[SNUG__VECTOR_BYTES], data[SNUG__VECTOR_BYTES] = {0};
	enum snug__assist_result r;
	struct snug__vector v;
	uint64_t at;

	r = snug__vector_open(&v, a, i);
	if (r != SNUG__ASSIST_DONE)
		return r;
	snug__vector_read(&v, &i->ops[1], mask, false);
	if (stores)
		snug__vector_read(&v, &i->ops[2], data, false);
	at = snug__insn_address(a, i, &i->ops[stores ? 0 : 2]);
	for (unsigned n = 0; n < i->ops[1].size / 8u / bytes; n++)
		if (is_set(mask, n, bytes) &&
		    !(stores ? snug__assist_write(a, at + (uint64_t)n * bytes, data + (size_t)n * bytes, bytes)
		             : snug__assist_read(a, at + (uint64_t)n * bytes, data + (size_t)n * bytes, bytes)))
			return snug__insn_failed(a);
	if (stores)
		return SNUG__ASSIST_DONE;
	snug__vector_write(&v, &i->ops[0], data, i->ops[1].size / 8u, false);
	return snug__vector_close(&v);
}

static const struct gather {
	ZydisMnemonic mnemonic;
	uint8_t index, element; /* bytes */
} gathers[] = {
    {ZYDIS_MNEMONIC_VPGATHERDD, 4, 4}, {ZYDIS_MNEMONIC_VPGATHERDQ, 4, 8}, {ZYDIS_MNEMONIC_VPGATHERQD, 8, 4},
    {ZYDIS_MNEMONIC_VPGATHERQQ, 8, 8}, {ZYDIS_MNEMONIC_VGATHERDPS, 4, 4}, {ZYDIS_MNEMONIC_VGATHERDPD, 4, 8},
    {ZYDIS_MNEMONIC_VGATHERQPS, 8, 4}, {ZYDIS_MNEMONIC_VGATHERQPD, 8, 8},
};

/* Where element n lies: an index is signed. */
static uint64_t element_at(const struct gather *g, const ZydisDecodedOperand *mem, const uint8_t *indices, unsigned n)
{
	uint64_t index = snug__le_load(indices + (size_t)n * g->index, g->index);

	return (g->index == 4 ? (uint64_t)(int32_t)index : index) * mem->mem.scale;
}

/* Destination, memory with a vector of indices, mask: which is zeros at the end.  Where one faults, none is there yet. */
static enum snug__assist_result gather(struct snug__assist *a, const struct snug__insn *i)
{
	static const uint8_t zeros[SNUG__VECTOR_BYTES];
	uint8_t out[SNUG__VECTOR_BYTES], indices[SNUG__VECTOR_BYTES], mask[SNUG__VECTOR_BYTES];
	ZydisDecodedOperand index = {.type = ZYDIS_OPERAND_TYPE_REGISTER, .reg.value = i->ops[1].mem.index};
	const struct gather *g = gathers;
	enum snug__assist_result r;
	struct snug__vector v;
	unsigned count;
	uint64_t base;

	r = snug__vector_open(&v, a, i);
	if (r != SNUG__ASSIST_DONE)
		return r;
	while (g->mnemonic != i->in.mnemonic)
		g++;
	if (i->bits != 64 || i->in.address_width != 64 || !snug__vector_is(&index))
		return SNUG__ASSIST_UNKNOWN;
	count = (i->in.raw.vex.L ? 32u : 16u) / (g->index > g->element ? g->index : g->element);
	base = snug__insn_address(a, i, &i->ops[1]);
	snug__vector_read(&v, &i->ops[0], out, false);
	snug__vector_read(&v, &index, indices, false);
	snug__vector_read(&v, &i->ops[2], mask, false);
	for (unsigned n = 0; n < count; n++)
		if (is_set(mask, n, g->element) && !snug__assist_read(a, base + element_at(g, &i->ops[1], indices, n),
		                                                      out + (size_t)n * g->element, g->element))
			return snug__insn_failed(a);
	snug__vector_write(&v, &i->ops[0], out, count * g->element, false);
	snug__vector_write(&v, &i->ops[2], zeros, 16, false);
	return snug__vector_close(&v);
}

#define R(name, fn)                                                                                                  \
	{                                                                                                            \
		ZYDIS_MNEMONIC_##name, SNUG__ASSIST_SIMD, fn                                                         \
	}

const struct snug__assist_row snug__assist_avx[] = {
    R(VPERM2F128, halves),
    R(VPERM2I128, halves),
    R(VINSERTF128, insert_half),
    R(VINSERTI128, insert_half),
    R(VEXTRACTF128, extract_half),
    R(VEXTRACTI128, extract_half),
    R(VPERMQ, permute),
    R(VPERMPD, permute),
    R(VPERMD, permute),
    R(VPERMPS, permute),
    R(VZEROUPPER, zero),
    R(VZEROALL, zero),
    R(VMASKMOVPS, masked),
    R(VMASKMOVPD, masked),
    R(VPMASKMOVD, masked),
    R(VPMASKMOVQ, masked),
    R(VPGATHERDD, gather),
    R(VPGATHERDQ, gather),
    R(VPGATHERQD, gather),
    R(VPGATHERQQ, gather),
    R(VGATHERDPS, gather),
    R(VGATHERDPD, gather),
    R(VGATHERQPS, gather),
    R(VGATHERQPD, gather),
    {ZYDIS_MNEMONIC_INVALID, SNUG__ASSIST_OTHER, NULL},
};

#endif

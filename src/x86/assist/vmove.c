/* SPDX-License-Identifier: MIT */
/* vmove: moves of XMM and YMM registers, in both encodings.  KVM's emulator knows some of the legacy ones. */
#ifdef SNUG_HAVE_ZYDIS

#include "x86/assist/vector.h"

#include <string.h>

enum shape {
	WHOLE,
	ALIGNED, /* whole, and memory lies aligned */
	LOW,     /* `bytes`, and zeros above */
	SCALAR,  /* from memory and to it as LOW; between registers the rest stays */
	LOWER,   /* the low half; the high one stays */
	UPPER,
	UPPER_TO_LOWER,
	LOWER_TO_UPPER,
	DUPLICATE_LOW, /* each element of `bytes` twice, the even ones, or */
	DUPLICATE_HIGH /* the odd ones */
};

#define MOVES(X)                                                                                                     \
	X(MOVAPS, ALIGNED, 16)                                                                                       \
	X(MOVAPD, ALIGNED, 16)                                                                                       \
	X(MOVDQA, ALIGNED, 16)                                                                                       \
	X(MOVNTPS, ALIGNED, 16)                                                                                      \
	X(MOVNTPD, ALIGNED, 16)                                                                                      \
	X(MOVNTDQ, ALIGNED, 16)                                                                                      \
	X(MOVNTDQA, ALIGNED, 16)                                                                                     \
	X(MOVUPS, WHOLE, 16)                                                                                         \
	X(MOVUPD, WHOLE, 16)                                                                                         \
	X(MOVDQU, WHOLE, 16)                                                                                         \
	X(LDDQU, WHOLE, 16)                                                                                          \
	X(MOVD, LOW, 4)                                                                                              \
	X(MOVQ, LOW, 8)                                                                                              \
	X(MOVSS, SCALAR, 4)                                                                                          \
	X(MOVSD, SCALAR, 8)                                                                                          \
	X(MOVLPS, LOWER, 8)                                                                                          \
	X(MOVLPD, LOWER, 8)                                                                                          \
	X(MOVHPS, UPPER, 8)                                                                                          \
	X(MOVHPD, UPPER, 8)                                                                                          \
	X(MOVHLPS, UPPER_TO_LOWER, 8)                                                                                \
	X(MOVLHPS, LOWER_TO_UPPER, 8)                                                                                \
	X(MOVDDUP, DUPLICATE_LOW, 8)                                                                                 \
	X(MOVSLDUP, DUPLICATE_LOW, 4)                                                                                \
	X(MOVSHDUP, DUPLICATE_HIGH, 4)

static const struct move {
	ZydisMnemonic legacy, vex;
	enum shape shape;
	uint8_t bytes;
} moves[] = {
#define ROW(name, shape, bytes) {ZYDIS_MNEMONIC_##name, ZYDIS_MNEMONIC_V##name, shape, bytes},
    MOVES(ROW)};

static const struct move *find(ZydisMnemonic m)
{
	for (size_t n = 0; n < sizeof(moves) / sizeof(moves[0]); n++)
		if (moves[n].legacy == m || moves[n].vex == m)
			return &moves[n];
	return NULL;
}

/* Of a vector in memory: where its part lies in the register. */
static bool store(struct snug__vector *v, const struct move *m, const uint8_t in[SNUG__VECTOR_BYTES])
{
	const ZydisDecodedOperand *to = &v->i->ops[0];
	bool whole = m->shape == WHOLE || m->shape == ALIGNED;

	return snug__vector_write(v, to, in + (m->shape == UPPER ? 8 : 0), whole ? to->size / 8 : m->bytes,
	                          m->shape == ALIGNED);
}

/* out is what the other source, or the register itself, has; its new value. */
static void merge(const struct move *m, const uint8_t in[SNUG__VECTOR_BYTES], bool from_register,
                  uint8_t out[SNUG__VECTOR_BYTES])
{
	unsigned low = m->shape == UPPER_TO_LOWER ? 8 : 0, bytes = m->bytes;

	switch (m->shape) {
	case WHOLE:
	case ALIGNED:
		memcpy(out, in, SNUG__VECTOR_BYTES);
		return;
	case LOW:
	case SCALAR:
		if (m->shape == LOW || !from_register)
			memset(out, 0, SNUG__VECTOR_BYTES);
		memcpy(out, in, bytes);
		return;
	case LOWER:
	case UPPER_TO_LOWER:
		memcpy(out, in + low, 8);
		return;
	case UPPER:
	case LOWER_TO_UPPER:
		memcpy(out + 8, in, 8);
		return;
	default:
		for (unsigned at = 0; at < SNUG__VECTOR_BYTES; at += bytes) {
			unsigned odd = m->shape == DUPLICATE_HIGH ? bytes : 0;

			memcpy(out + at, in + (at & ~(2 * bytes - 1)) + odd, bytes);
		}
	}
}

static enum snug__assist_result move(struct snug__assist *a, const struct snug__insn *i)
{
	const struct move *m = find(i->in.mnemonic);
	const ZydisDecodedOperand *to = &i->ops[0], *from;
	uint8_t in[SNUG__VECTOR_BYTES], out[SNUG__VECTOR_BYTES];
	unsigned count = i->in.operand_count_visible;
	enum snug__assist_result r;
	struct snug__vector v;
	bool moved;

	if (!m || count < 2 || count > 3)
		return SNUG__ASSIST_UNKNOWN;
	from = &i->ops[count - 1];
	if (snug__vector_is_mmx(to) || snug__vector_is_mmx(from))
		return snug__mmx(a, i, NULL);
	if (!snug__vector_is(to) && !snug__vector_is(from))
		return SNUG__ASSIST_UNKNOWN; /* the strings' movsd */
	r = snug__vector_open(&v, a, i);
	if (r != SNUG__ASSIST_DONE)
		return r;
	if (!snug__vector_read(&v, from, in, m->shape == ALIGNED))
		return snug__insn_failed(a);
	if (snug__vector_is(to)) {
		moved = snug__vector_read(&v, count == 3 ? &i->ops[1] : to, out, false);
		merge(m, in, snug__vector_is(from), out);
		moved = moved && snug__vector_write(&v, to, out, snug__vector_is_wide(to) ? 32 : 16, false);
	} else {
		moved = store(&v, m, in);
	}
	return moved ? snug__vector_close(&v) : snug__insn_failed(a);
}

/* SDM 2B MASKMOVDQU: bytes with bit 7 set in the mask go to ds:rdi, or another segment. */
static enum snug__assist_result masked_bytes(struct snug__assist *a, const struct snug__insn *i)
{
	uint8_t mask[SNUG__VECTOR_BYTES], in[SNUG__VECTOR_BYTES];
	const ZydisDecodedOperand *to = NULL, *ops[2];
	enum snug__assist_result r;
	struct snug__vector v;
	unsigned found = 0;

	for (unsigned n = 0; n < i->in.operand_count; n++) {
		if (i->ops[n].type == ZYDIS_OPERAND_TYPE_MEMORY)
			to = &i->ops[n];
		else if (snug__vector_is(&i->ops[n]) && found < 2)
			ops[found++] = &i->ops[n];
	}
	r = to && found == 2 ? snug__vector_open(&v, a, i) : SNUG__ASSIST_UNKNOWN;
	if (r != SNUG__ASSIST_DONE)
		return r;
	if (!snug__vector_read(&v, ops[0], in, false) || !snug__vector_read(&v, ops[1], mask, false))
		return snug__insn_failed(a);
	for (unsigned n = 0; n < 16; n++)
		if (mask[n] & 0x80 && !snug__assist_write(a, snug__insn_address(a, i, to) + n, &in[n], 1))
			return snug__insn_failed(a);
	return SNUG__ASSIST_DONE;
}

const struct snug__assist_row snug__assist_vmove[] = {
#define KNOWN(name, shape, bytes)                                                                                    \
	{ZYDIS_MNEMONIC_##name, SNUG__ASSIST_SIMD, move}, {ZYDIS_MNEMONIC_V##name, SNUG__ASSIST_SIMD, move},
    MOVES(KNOWN){ZYDIS_MNEMONIC_MASKMOVDQU, SNUG__ASSIST_SIMD, masked_bytes},
    {ZYDIS_MNEMONIC_VMASKMOVDQU, SNUG__ASSIST_SIMD, masked_bytes},
    {ZYDIS_MNEMONIC_INVALID, SNUG__ASSIST_OTHER, NULL},
};

#endif

/* SPDX-License-Identifier: MIT */
/*
 * simdform: which instruction of ours does a decoded one's work
 *
 * AVX is SSE in one or two lanes of 128 bits, with zeros above: so the instructions here are of 128 bits, and a YMM register
 * is done in two steps.  Included only where SNUG_HAVE_ZYDIS is defined.
 */
#ifndef SNUG_X86_ASSIST_SIMDFORM_H
#define SNUG_X86_ASSIST_SIMDFORM_H

#include "x86/assist/insn.h"

struct snug__simd_form {
	/*
	 * For each lane.  Destination and first operand: xmm0 or rax; source: xmm1 or rcx; a third: xmm2.  With MMX registers
	 * their numbers are the same.
	 */
	const uint8_t *code[2];
	uint8_t in; /* bytes of the source a lane takes, 16, 8, 4 or 2; 0: both take the same */
	uint8_t
	    out; /* bytes of the destination it makes, or, of a general register, bits; 16 where there is one lane */
	bool fused; /* the destination is the first operand, and the first of the sources is the third: FMA */
};

/* false: not known. */
bool snug__simd_form(const struct snug__insn *i, struct snug__simd_form *form);

/* pcmpestri and its like; one with their immediate. */
const uint8_t *snug__simd_strings(const struct snug__insn *i);

#endif

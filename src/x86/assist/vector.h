/* SPDX-License-Identifier: MIT */
/*
 * vector: a guest's XMM and YMM registers, for the files that work on them
 *
 * An instruction opens them, which asks whether it may run at all, reads and sets what it names, and closes them.  Nothing of
 * the guest changes before it does.  Included only where SNUG_HAVE_ZYDIS is defined.
 */
#ifndef SNUG_X86_ASSIST_VECTOR_H
#define SNUG_X86_ASSIST_VECTOR_H

#include "x86/assist/insn.h"

#define SNUG__VECTOR_BYTES 32u

struct snug__vector {
	struct snug__assist *a;
	const struct snug__insn *i;
	bool vex;
	uint32_t high, highest; /* where the area has bits 255:128, and 511:256; 0: nowhere */
	uint8_t area[4096];     /* XSAVE's, in standard format */
};

/* SDM 3A table 2-2, SDM 2A 2.4, SDM 1 13.1.3.  DONE: it may; FAULT: what is raised then. */
enum snug__assist_result snug__vector_open(struct snug__vector *v, struct snug__assist *a,
                                           const struct snug__insn *i);

/* Is it a register of these?  Of MMX's? */
bool snug__vector_is(const ZydisDecodedOperand *op);
bool snug__vector_is_wide(const ZydisDecodedOperand *op); /* YMM */
bool snug__vector_is_mmx(const ZydisDecodedOperand *op);

/*
 * An operand's value, a vector register's whole one, else of op->size, with zeros above.  false: snug__insn_failed says what
 * the instruction returns.  aligned: its memory operand has to be, to its size (SDM 1 11.4.4), or is #GP.
 */
bool snug__vector_read(struct snug__vector *v, const ZydisDecodedOperand *op, uint8_t out[SNUG__VECTOR_BYTES],
                       bool aligned);

/*
 * A vector register's new value, or of `bytes` what memory or a general register gets.  VEX: all above them becomes 0; else
 * bits from 128 on stay (SDM 2A 2.3.10.1).
 */
bool snug__vector_write(struct snug__vector *v, const ZydisDecodedOperand *op, const uint8_t *in, unsigned bytes,
                        bool aligned);

/* The registers are the vCPU's now. */
enum snug__assist_result snug__vector_close(struct snug__vector *v);

/* The immediate among the operands; NULL: there is none. */
const ZydisDecodedOperand *snug__vector_immediate(const struct snug__insn *i);

/* mmx.c: an instruction with MMX registers, done by `code`, which has register 0 as its destination and 1 as its source. */
enum snug__assist_result snug__mmx(struct snug__assist *a, const struct snug__insn *i, const uint8_t *code);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * insn: a decoded instruction and its operands, with Zydis' types; for the files of this folder
 *
 * Included only where SNUG_HAVE_ZYDIS is defined.
 */
#ifndef SNUG_X86_ASSIST_INSN_H
#define SNUG_X86_ASSIST_INSN_H

#include "x86/assist/assist.h"
#include "x86/zydis.h"

struct snug__insn {
	ZydisDecodedInstruction in;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	unsigned bits; /* of the code segment: 16, 32 or 64 */
};

/*
 * Carries it out.  It changes a->regs (but for rip, which the dispatcher moves on after DONE unless it was changed) only once
 * nothing can fail any more.
 */
typedef enum snug__assist_result (*snug__assist_fn)(struct snug__assist *a, const struct snug__insn *i);

/* What is known: the tables of system.c, xsave.c, integer.c, x87.c, simd.c; each ends with mnemonic 0 (INVALID). */
struct snug__assist_row {
	ZydisMnemonic mnemonic;
	enum snug__assist_kind kind;
	snug__assist_fn fn;
};

/* operand.c: the linear address of a memory operand, segment base and address size heeded; canonical or not. */
uint64_t snug__insn_address(struct snug__assist *a, const struct snug__insn *i, const ZydisDecodedOperand *op);

/*
 * The value of a general register, an immediate (sign-extended as the instruction says) or memory, little endian, of op->size
 * bits; and storing one: a 32-bit register's upper half becomes 0, 8- and 16-bit ones leave the rest alone.  false: a->fault
 * is set.  bytes is op->size / 8, at most 64; register operands of other kinds (xmm, st) are their files' own business.
 */
bool snug__insn_read(struct snug__assist *a, const struct snug__insn *i, const ZydisDecodedOperand *op, void *to,
                     unsigned bytes);
bool snug__insn_write(struct snug__assist *a, const struct snug__insn *i, const ZydisDecodedOperand *op,
                      const void *from, unsigned bytes);

/* The general register of that number (0 rax, 1 rcx, ... 15 r15), to be read or set. */
uint64_t *snug__insn_general(struct snug__assist *a, unsigned number);

/* A read, a write or a lock returned false: what the instruction returns then. */
static inline enum snug__assist_result snug__insn_failed(const struct snug__assist *a)
{
	return a->fault.vector ? SNUG__ASSIST_FAULT : SNUG__ASSIST_UNKNOWN;
}

extern const struct snug__assist_row snug__assist_trap[];   /* trap.c */
extern const struct snug__assist_row snug__assist_system[]; /* system.c */
extern const struct snug__assist_row snug__assist_xsave[];  /* xsave.c */
extern const struct snug__assist_row
    snug__assist_integer[];                                /* integer.c: popcnt, crc32, BMI, adx, movbe, cmpxchg16b */
extern const struct snug__assist_row snug__assist_x87[];   /* x87.c */
extern const struct snug__assist_row snug__assist_simd[];  /* simd.c */
extern const struct snug__assist_row snug__assist_vmove[]; /* vmove.c */
extern const struct snug__assist_row snug__assist_avx[];   /* avx.c: across lanes */
extern const struct snug__assist_row snug__assist_mmx[];   /* mmx.c: what is MMX's alone */

#endif

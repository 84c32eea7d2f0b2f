/* SPDX-License-Identifier: MIT */
/* trap: instructions that do nothing but raise exceptions */
#ifdef SNUG_HAVE_ZYDIS

#include "x86/assist/insn.h"
#include "x86/x86.h"

static enum snug__assist_result soft(struct snug__assist *a, uint8_t vector)
{
	a->fault = (struct snug__assist_fault){.vector = vector, .soft = true};
	return SNUG__ASSIST_FAULT;
}

static enum snug__assist_result int3(struct snug__assist *a, const struct snug__insn *i)
{
	(void)i;
	return soft(a, X86_VECTOR_BP);
}

/* SDM 3A 20.3.1: in virtual-8086 mode `int n` is for IOPL 3. */
static enum snug__assist_result int_n(struct snug__assist *a, const struct snug__insn *i)
{
	if ((a->regs.rflags & X86_RFLAGS_VM) && (a->regs.rflags & X86_RFLAGS_IOPL3) != X86_RFLAGS_IOPL3)
		return snug__assist_raise_code(a, X86_VECTOR_GP, 0);
	return soft(a, (uint8_t)i->ops[0].imm.value.u);
}

static enum snug__assist_result into(struct snug__assist *a, const struct snug__insn *i)
{
	(void)i;
	return a->regs.rflags & X86_RFLAGS_OF ? soft(a, X86_VECTOR_OF) : SNUG__ASSIST_DONE;
}

/* SDM 2A INT1: a trap, whose frame has RIP behind it; no software interrupt. */
static enum snug__assist_result int1(struct snug__assist *a, const struct snug__insn *i)
{
	a->regs.rip += i->in.length;
	return snug__assist_raise(a, X86_VECTOR_DB);
}

static enum snug__assist_result undefined(struct snug__assist *a, const struct snug__insn *i)
{
	(void)i;
	return snug__assist_raise(a, X86_VECTOR_UD);
}

const struct snug__assist_row snug__assist_trap[] = {
    {ZYDIS_MNEMONIC_INT3, SNUG__ASSIST_TRAP, int3},     {ZYDIS_MNEMONIC_INT, SNUG__ASSIST_TRAP, int_n},
    {ZYDIS_MNEMONIC_INTO, SNUG__ASSIST_TRAP, into},     {ZYDIS_MNEMONIC_INT1, SNUG__ASSIST_TRAP, int1},
    {ZYDIS_MNEMONIC_UD0, SNUG__ASSIST_TRAP, undefined}, {ZYDIS_MNEMONIC_UD1, SNUG__ASSIST_TRAP, undefined},
    {ZYDIS_MNEMONIC_UD2, SNUG__ASSIST_TRAP, undefined}, {ZYDIS_MNEMONIC_INVALID, SNUG__ASSIST_OTHER, NULL},
};

#endif

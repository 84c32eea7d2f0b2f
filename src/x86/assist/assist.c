/* SPDX-License-Identifier: MIT */
#include "x86/assist/assist.h"

#include "x86/x86.h"

const char *snug__assist_kind_name(enum snug__assist_kind kind)
{
	static const char *const names[SNUG__ASSIST_KINDS] = {
	    [SNUG__ASSIST_OTHER] = "other",     [SNUG__ASSIST_TRAP] = "traps",  [SNUG__ASSIST_SYSTEM] = "system",
	    [SNUG__ASSIST_SYSRET] = "sysret",   [SNUG__ASSIST_XSAVE] = "xsave", [SNUG__ASSIST_INTEGER] = "integer",
	    [SNUG__ASSIST_CX16] = "cmpxchg16b", [SNUG__ASSIST_X87] = "x87",     [SNUG__ASSIST_SIMD] = "SIMD",
	};

	return (unsigned)kind < SNUG__ASSIST_KINDS ? names[kind] : "?";
}

#ifdef SNUG_HAVE_ZYDIS

#include "x86/assist/insn.h"

static struct snug__code_mode mode_of(const struct snug__assist *a)
{
	const struct snug_sregs *s = &a->sregs;

	if (!(s->cr0 & X86_CR0_PE) || (a->regs.rflags & X86_RFLAGS_VM))
		return (struct snug__code_mode){16, true};
	if ((s->efer & X86_EFER_LMA) && s->cs.l)
		return (struct snug__code_mode){64, false};
	return (struct snug__code_mode){s->cs.db ? 32 : 16, false};
}

static const struct snug__assist_row *find(ZydisMnemonic mnemonic)
{
	static const struct snug__assist_row *const tables[] = {
	    snug__assist_trap, snug__assist_system, snug__assist_xsave, snug__assist_integer, snug__assist_x87,
	    snug__assist_simd, snug__assist_vmove,  snug__assist_avx,   snug__assist_mmx,
	};

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct snug__assist_row *row = tables[t]; row->mnemonic != ZYDIS_MNEMONIC_INVALID; row++)
			if (row->mnemonic == mnemonic)
				return row;
	return NULL;
}

enum snug__assist_result snug__assist(struct snug__assist *a, const uint8_t *insn, unsigned len)
{
	struct snug__code_mode mode = mode_of(a);
	const struct snug__assist_row *row;
	enum snug__assist_result r;
	struct snug__insn i = {.bits = mode.bits};
	uint64_t rip = a->regs.rip, mask = mode.bits == 64 ? UINT64_MAX : mode.bits == 32 ? UINT32_MAX : UINT16_MAX;
	bool cut;

	a->kind = SNUG__ASSIST_OTHER;
	a->fault = (struct snug__assist_fault){0};
	a->sregs_changed = a->flush = false;
	if (!snug__zydis_decode(a->decoder, mode, insn, len, &i.in, i.ops, &cut)) {
		/* What is no instruction is an exception: SDM 2A 3.1.1.14 */
		a->kind = SNUG__ASSIST_TRAP;
		return cut ? SNUG__ASSIST_UNKNOWN : snug__assist_raise(a, X86_VECTOR_UD);
	}
	row = find(i.in.mnemonic);
	if (!row)
		return SNUG__ASSIST_UNKNOWN;
	a->kind = row->kind;
	r = row->fn(a, &i);
	if (r == SNUG__ASSIST_DONE && a->regs.rip == rip)
		a->regs.rip = (rip + i.in.length) & mask;
	if (r == SNUG__ASSIST_DONE)
		a->regs.rflags &= ~X86_RFLAGS_RF;
	if (r == SNUG__ASSIST_FAULT && a->fault.soft)
		a->regs.rip = (rip + i.in.length) & mask;
	return r;
}

#else

enum snug__assist_result snug__assist(struct snug__assist *a, const uint8_t *insn, unsigned len)
{
	(void)insn;
	(void)len;
	a->kind = SNUG__ASSIST_OTHER;
	return SNUG__ASSIST_UNKNOWN;
}

#endif

/* SPDX-License-Identifier: MIT */
#include "x86/regname.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/num.h"
#include "x86/x86.h"

/* NOLINTBEGIN(bugprone-macro-parentheses): the arguments are names of members */
/* clang-format takes #f for a directive. */
/* clang-format off */
#define GENERAL(f) {#f, offsetof(struct snug_regs, f), 8, false}
#define SPECIAL(n, f) {n, offsetof(struct snug_sregs, f), sizeof(((struct snug_sregs *)0)->f), true}
/* clang-format on */
#define SEGMENT(seg)                                                                                                 \
	SPECIAL(#seg, seg.selector), SPECIAL(#seg ".base", seg.base), SPECIAL(#seg ".limit", seg.limit),             \
	    SPECIAL(#seg ".type", seg.type), SPECIAL(#seg ".present", seg.present), SPECIAL(#seg ".dpl", seg.dpl),   \
	    SPECIAL(#seg ".db", seg.db), SPECIAL(#seg ".s", seg.s), SPECIAL(#seg ".l", seg.l),                       \
	    SPECIAL(#seg ".g", seg.g), SPECIAL(#seg ".avl", seg.avl), SPECIAL(#seg ".unusable", seg.unusable)
#define TABLE(t) SPECIAL(#t ".base", t.base), SPECIAL(#t ".limit", t.limit)
/* NOLINTEND(bugprone-macro-parentheses) */

static const struct snug__reg registers[] = {
    GENERAL(rax),
    GENERAL(rbx),
    GENERAL(rcx),
    GENERAL(rdx),
    GENERAL(rsi),
    GENERAL(rdi),
    GENERAL(rsp),
    GENERAL(rbp),
    GENERAL(r8),
    GENERAL(r9),
    GENERAL(r10),
    GENERAL(r11),
    GENERAL(r12),
    GENERAL(r13),
    GENERAL(r14),
    GENERAL(r15),
    GENERAL(rip),
    GENERAL(rflags),
    SPECIAL("cr0", cr0),
    SPECIAL("cr2", cr2),
    SPECIAL("cr3", cr3),
    SPECIAL("cr4", cr4),
    SPECIAL("cr8", cr8),
    SPECIAL("efer", efer),
    SPECIAL("apic_base", apic_base),
    SEGMENT(cs),
    SEGMENT(ds),
    SEGMENT(es),
    SEGMENT(fs),
    SEGMENT(gs),
    SEGMENT(ss),
    SEGMENT(tr),
    SEGMENT(ldt),
    TABLE(gdt),
    TABLE(idt),
};

#define COUNT (sizeof(registers) / sizeof(registers[0]))

const struct snug__reg *snug__reg_find(const char *name)
{
	for (size_t i = 0; name && i < COUNT; i++)
		if (strcmp(registers[i].name, name) == 0)
			return &registers[i];
	return NULL;
}

const char *snug_reg_name(unsigned index)
{
	return index < COUNT ? registers[index].name : NULL;
}

int snug__reg_unknown(const char *name, struct snug_error *err)
{
	return snug__err(err, -EINVAL, SNUG_STEP_NONE, "snug_reg_name lists them: rax, rip, cr0, cs, cs.base, ...",
	                 "no register '%.32s'", name ? name : "");
}

uint64_t snug__reg_get(const struct snug__reg *reg, const void *regs)
{
	return snug__le_load((const uint8_t *)regs + reg->offset, reg->bytes);
}

int snug__reg_set(const struct snug__reg *reg, void *regs, uint64_t value, struct snug_error *err)
{
	if (value > snug__ones(reg->bytes))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "give a smaller value",
		                 "%s has %u bits: 0x%llx is too wide", reg->name, reg->bytes * 8u,
		                 (unsigned long long)value);
	snug__le_store((uint8_t *)regs + reg->offset, reg->bytes, value);
	return 0;
}

/* SDM 3A 2.5 and 9.8.5: the combinations a CPU refuses, most telling first. */
const char *snug__sregs_fault(const struct snug_sregs *s)
{
	bool pg = s->cr0 & X86_CR0_PG, lme = s->efer & X86_EFER_LME, lma = s->efer & X86_EFER_LMA;

	if (s->cr0 >> 32)
		return "cr0: bits above 31 are set";
	if (pg && !(s->cr0 & X86_CR0_PE))
		return "cr0: PG without PE";
	if ((s->cr0 & X86_CR0_NW) && !(s->cr0 & X86_CR0_CD))
		return "cr0: NW without CD";
	if (pg && lme && !(s->cr4 & X86_CR4_PAE))
		return "cr4: long mode needs PAE";
	if (pg && lme && !lma)
		return "efer: LME with paging needs LMA";
	if (lma && !(pg && lme))
		return "efer: LMA without paging and LME";
	if (s->cs.l && !lma)
		return "cs.l: a 64-bit code segment without efer.LMA";
	if (s->cs.l && s->cs.db)
		return "cs.db: must be 0 in a 64-bit code segment";
	return NULL;
}

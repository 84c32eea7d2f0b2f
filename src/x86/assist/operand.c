/* SPDX-License-Identifier: MIT */
/* operand: where an operand is, and its value */
#ifdef SNUG_HAVE_ZYDIS

#include <string.h>

#include "base/bytes.h"
#include "x86/assist/insn.h"
#include "x86/x86.h"

/* SDM 2A table 2-2: the numbers of general registers. */
uint64_t *snug__insn_general(struct snug__assist *a, unsigned number)
{
	struct snug_regs *r = &a->regs;
	uint64_t *const at[16] = {&r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp, &r->rsi, &r->rdi,
	                          &r->r8,  &r->r9,  &r->r10, &r->r11, &r->r12, &r->r13, &r->r14, &r->r15};

	return at[number & 15];
}

/* A general register of any width: its number, and how far its value is shifted: ah, ch, dh and bh by 8. */
static bool general(ZydisRegister reg, unsigned *number, unsigned *shift)
{
	static const struct {
		ZydisRegister first, last;
		unsigned number, shift;
	} groups[] = {
	    {ZYDIS_REGISTER_RAX, ZYDIS_REGISTER_R15, 0, 0},  {ZYDIS_REGISTER_EAX, ZYDIS_REGISTER_R15D, 0, 0},
	    {ZYDIS_REGISTER_AX, ZYDIS_REGISTER_R15W, 0, 0},  {ZYDIS_REGISTER_AL, ZYDIS_REGISTER_BL, 0, 0},
	    {ZYDIS_REGISTER_SPL, ZYDIS_REGISTER_R15B, 4, 0}, {ZYDIS_REGISTER_AH, ZYDIS_REGISTER_BH, 0, 8},
	};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (reg < groups[i].first || reg > groups[i].last)
			continue;
		*number = (unsigned)(reg - groups[i].first) + groups[i].number;
		*shift = groups[i].shift;
		return true;
	}
	return false;
}

static uint64_t address_part(struct snug__assist *a, const struct snug__insn *i, ZydisRegister reg)
{
	unsigned number, shift;

	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
		return a->regs.rip + i->in.length;
	return general(reg, &number, &shift) ? *snug__insn_general(a, number) : 0;
}

static const struct snug_segment *segment_of(const struct snug_sregs *s, ZydisRegister reg)
{
	switch (reg) {
	case ZYDIS_REGISTER_FS:
		return &s->fs;
	case ZYDIS_REGISTER_GS:
		return &s->gs;
	case ZYDIS_REGISTER_CS:
		return &s->cs;
	case ZYDIS_REGISTER_ES:
		return &s->es;
	case ZYDIS_REGISTER_SS:
		return &s->ss;
	default:
		return &s->ds;
	}
}

static uint64_t offset_of(struct snug__assist *a, const struct snug__insn *i, const ZydisDecodedOperand *op)
{
	uint64_t at = address_part(a, i, op->mem.base) + address_part(a, i, op->mem.index) * op->mem.scale;

	if (op->mem.disp.has_displacement)
		at += (uint64_t)op->mem.disp.value;
	return i->in.address_width < 64 ? at & ((1ull << i->in.address_width) - 1) : at;
}

uint64_t snug__insn_address(struct snug__assist *a, const struct snug__insn *i, const ZydisDecodedOperand *op)
{
	uint64_t at = offset_of(a, i, op);
	const struct snug_segment *seg = segment_of(&a->sregs, op->mem.segment);

	/* SDM 3A 3.4.4: in 64-bit mode FS and GS alone have bases. */
	if (i->bits == 64)
		return op->mem.segment == ZYDIS_REGISTER_FS || op->mem.segment == ZYDIS_REGISTER_GS ? at + seg->base
		                                                                                    : at;
	return (at + seg->base) & UINT32_MAX;
}

/* SDM 3A 5.3, 5.4: limits and types outside 64-bit mode, canonical form in it; #SS where it is the stack's segment. */
static bool reachable(struct snug__assist *a, const struct snug__insn *i, const ZydisDecodedOperand *op,
                      unsigned bytes, bool write)
{
	const struct snug_segment *seg = segment_of(&a->sregs, op->mem.segment);
	uint64_t at = offset_of(a, i, op), last = at + bytes - 1;
	bool down = !(seg->type & 8) && (seg->type & 4), good;

	if (i->bits == 64) {
		uint64_t linear = snug__insn_address(a, i, op);
		unsigned top = a->sregs.cr4 & X86_CR4_LA57 ? 56 : 47;

		good = (int64_t)(linear << (63 - top)) >> (63 - top) == (int64_t)linear;
	} else {
		good = !seg->unusable &&
		       (down ? at > seg->limit && last <= (seg->db ? UINT32_MAX : UINT16_MAX) : last <= seg->limit);
		if (a->sregs.cr0 & X86_CR0_PE && write)
			good &= (seg->type & 0xa) == 2; /* a data segment that can be written */
	}
	if (!good)
		snug__assist_raise_code(a, op->mem.segment == ZYDIS_REGISTER_SS ? X86_VECTOR_SS : X86_VECTOR_GP, 0);
	return good;
}

static uint64_t cut(uint64_t value, unsigned bytes)
{
	return bytes < 8 ? value & ((1ull << (8 * bytes)) - 1) : value;
}

bool snug__insn_read(struct snug__assist *a, const struct snug__insn *i, const ZydisDecodedOperand *op, void *to,
                     unsigned bytes)
{
	unsigned number, shift;

	switch (op->type) {
	case ZYDIS_OPERAND_TYPE_MEMORY:
		return reachable(a, i, op, bytes, false) &&
		       snug__assist_read(a, snug__insn_address(a, i, op), to, bytes);
	case ZYDIS_OPERAND_TYPE_REGISTER:
		if (!general(op->reg.value, &number, &shift) || bytes > 8)
			return false;
		snug__le_store(to, bytes, cut(*snug__insn_general(a, number) >> shift, bytes));
		return true;
	case ZYDIS_OPERAND_TYPE_IMMEDIATE:
		if (bytes > 8)
			return false;
		snug__le_store(to, bytes, cut(op->imm.value.u, bytes));
		return true;
	default:
		return false;
	}
}

bool snug__insn_write(struct snug__assist *a, const struct snug__insn *i, const ZydisDecodedOperand *op,
                      const void *from, unsigned bytes)
{
	unsigned number, shift;
	uint64_t value, mask, *reg;

	if (op->type == ZYDIS_OPERAND_TYPE_MEMORY)
		return reachable(a, i, op, bytes, true) &&
		       snug__assist_write(a, snug__insn_address(a, i, op), from, bytes);
	if (op->type != ZYDIS_OPERAND_TYPE_REGISTER || !general(op->reg.value, &number, &shift) || bytes > 8)
		return false;
	value = snug__le_load(from, bytes);
	reg = snug__insn_general(a, number);
	mask = (bytes < 4 ? cut(UINT64_MAX, bytes) : UINT64_MAX) << shift;
	*reg = (*reg & ~mask) | (value << shift & mask);
	return true;
}

#endif

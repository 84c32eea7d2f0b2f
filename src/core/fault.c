/* SPDX-License-Identifier: MIT */
/* fault: reading what the stubs of our IDT report */
#include "base/bytes.h"
#include "core/core.h"
#include "x86/walk.h"
#include "x86/x86.h"

/*
 * The frame an exception pushes: [code], ip, cs, flags and, in long mode always, in protected mode where the privilege
 * changed, sp and ss.  Words have the width of the gate.  SDM 3A figures 6-4 and 6-9, 20.1.4 for real mode.
 */
struct frame {
	unsigned word; /* bytes */
	bool has_code;
	/* Where its first word is: an offset into the stack segment, which wraps by mask. */
	uint64_t base, at, mask;
	uint64_t code, ip, cs, flags, sp, ss;
};

static bool read_frame(const snug_vcpu *vcpu, const struct snug_sregs *s, struct frame *f)
{
	uint64_t *const fields[] = {&f->code, &f->ip, &f->cs, &f->flags, &f->sp, &f->ss};
	unsigned first = f->has_code ? 0 : 1, need = f->word == 8 ? 6 : 4, i;
	uint8_t bytes[8];

	for (i = first; i < 6; i++) {
		uint64_t at = f->base + ((f->at + (uint64_t)(i - first) * f->word) & f->mask);

		if (snug__walk_read(&vcpu->vm->mem, s, at, bytes, f->word) != f->word)
			break;
		*fields[i] = snug__le_load(bytes, f->word);
	}
	return i >= need;
}

static void fill(struct snug_exit *x, const struct snug_sregs *s, unsigned vector, const struct frame *f)
{
	x->kind = SNUG_EXIT_FAULT;
	x->fault.vector = (uint8_t)vector;
	x->fault.has_code = f->has_code;
	x->fault.code = (uint32_t)f->code;
	x->fault.rip = f->ip;
	x->fault.cs = (uint16_t)f->cs;
	x->fault.rflags = f->flags;
	x->fault.rsp = f->sp;
	x->fault.ss = (uint16_t)f->ss;
	x->fault.cr2 = vector == X86_VECTOR_PF ? s->cr2 : 0;
	/* Where the privilege stayed, a frame ends before sp and ss: they are what they were before the push. */
	if (f->word == 8 || (f->word == 4 && ((f->cs ^ s->cs.selector) & 3)))
		return;
	x->fault.rsp = (f->at + f->word * (3ul + f->has_code)) & f->mask;
	x->fault.ss = s->ss.selector;
}

/* Is rip in one of our stubs?  Gives the vector and where its frame is. */
static int locate(const snug_vm *vm, const struct snug_sregs *s, const struct snug_regs *regs, struct frame *f)
{
	uint64_t rip = (uint32_t)(s->cs.base + regs->rip);
	int vector;

	/* A stack segment has 32-bit offsets where its B flag says so (SDM 3A 3.4.5), in 64-bit mode no base. */
	f->base = s->ss.base;
	f->mask = s->ss.db ? UINT32_MAX : UINT16_MAX;
	f->at = regs->rsp;
	if (!(s->cr0 & X86_CR0_PE)) {
		f->word = 2;
		return vm->has_ivt ? snug__ivt_vector(rip) : -1;
	}
	if (!vm->has_tables)
		return -1;
	if (s->efer & X86_EFER_LMA) {
		f->word = 8;
		f->base = 0;
		f->mask = UINT64_MAX;
		vector = snug__stub_vector(regs->rip, true);
	} else {
		f->word = 4;
		vector = snug__stub_vector(rip, false);
	}
	f->has_code = vector >= 0 && vector < 32 && (X86_VECTORS_WITH_CODE >> vector & 1);
	/* `int 13` pushes none; a 64-bit frame starts at a multiple of 16, so its end tells (SDM 3A 6.14.2). */
	if (f->word == 8 && (f->at & 15) != 0)
		f->has_code = false;
	return vector;
}

int snug__fault_decode(snug_vcpu *vcpu, struct snug_exit *x, struct snug_error *err)
{
	struct frame f = {0};
	struct snug_sregs s;
	struct snug_regs regs;
	int vector, r;

	/* The `out` is pending still, and stays so: only reading is done here. */
	r = snug__kvm_get_regs(vcpu->kvm.fd, &regs, &vcpu->vm->watch, err);
	if (r >= 0)
		r = snug__kvm_get_sregs(vcpu->kvm.fd, &s, &vcpu->vm->watch, err);
	if (r < 0)
		return r;
	vector = locate(vcpu->vm, &s, &regs, &f);
	if (vector < 0)
		return 0;
	/* A stack that cannot be read is a fault all the same: the vector is told, the frame is zero. */
	read_frame(vcpu, &s, &f);
	fill(x, &s, (unsigned)vector, &f);
	return 1;
}

/* SPDX-License-Identifier: MIT */
/* gdbfault: what `iret` would do after one of our fault stubs, done to the registers */
#include <errno.h>

#include "base/bytes.h"
#include "core/core.h"
#include "svc/gdb.h"
#include "table/table.h"
#include "x86/walk.h"
#include "x86/x86.h"

#define SELECTOR_LDT 4u /* SDM 3A 3.4.2: bit 2 chooses the table, bits 1:0 are a privilege level */

/* SDM 3A 3.4.5, figure 3-8 */
static struct snug_segment from_descriptor(uint64_t d, uint16_t selector)
{
	struct snug_segment s = {
	    .base = (d >> 16 & 0xffffff) | (d >> 56 & 0xff) << 24,
	    .limit = (uint32_t)((d & 0xffff) | (d >> 48 & 0xf) << 16),
	    .selector = selector,
	    .type = d >> 40 & 0xf,
	    .s = d >> 44 & 1,
	    .dpl = d >> 45 & 3,
	    .present = d >> 47 & 1,
	    .avl = d >> 52 & 1,
	    .l = d >> 53 & 1,
	    .db = d >> 54 & 1,
	    .g = d >> 55 & 1,
	};

	if (s.g)
		s.limit = s.limit << 12 | 0xfff;
	return s;
}

bool snug__gdb_segment(snug_vcpu *vcpu, const struct snug_sregs *s, uint16_t selector, struct snug_segment *out)
{
	uint64_t at = selector & SELECTOR_LDT ? s->ldt.base : s->gdt.base;
	uint64_t limit = selector & SELECTOR_LDT ? s->ldt.limit : s->gdt.limit;
	uint8_t bytes[8];

	if (!(s->cr0 & X86_CR0_PE)) {
		out->selector = selector;
		out->base = (uint64_t)selector << 4;
		return true;
	}
	if (!(selector & ~3u)) {
		*out = (struct snug_segment){.selector = selector, .unusable = 1};
		return true;
	}
	if ((selector | 7u) > limit ||
	    snug__walk_read(&vcpu->vm->mem, s, at + (selector & ~7u), bytes, sizeof(bytes)) != sizeof(bytes))
		return false;
	*out = from_descriptor(snug__le_load(bytes, 8), selector);
	out->type |= out->s; /* loading a code or data segment marks it accessed; SDM 3A 3.4.5.1 */
	return out->present;
}

int snug__gdb_unfault(snug_vcpu *vcpu, const struct snug_exit_fault *f, bool drop_tf, struct snug_error *err)
{
	bool outward, real;
	struct snug_sregs s;
	struct snug_regs r;
	int code = snug_vcpu_get_regs(vcpu, &r, err);

	if (code >= 0)
		code = snug_vcpu_get_sregs(vcpu, &s, err);
	if (code < 0)
		return code;
	real = !(s.cr0 & X86_CR0_PE);
	outward = !real && ((f->cs ^ s.cs.selector) & 3);
	if (!real && !(f->cs & ~3u))
		return 0; /* the frame could not be read: it stands in the stub */
	if (!snug__gdb_segment(vcpu, &s, f->cs, &s.cs) || (outward && !snug__gdb_segment(vcpu, &s, f->ss, &s.ss)))
		return 0; /* nor do the guest's tables say */
	/* A real-mode frame has the lower half of the flags. */
	r.rflags = real ? (r.rflags & ~0xffffull) | f->rflags : f->rflags;
	if (drop_tf)
		r.rflags &= ~X86_RFLAGS_TF;
	r.rip = f->rip;
	r.rsp = f->rsp;
	code = snug__kvm_set_sregs(vcpu->kvm.fd, &s, &vcpu->vm->watch, err);
	if (code == -EINVAL)
		return 0; /* or say what no CPU takes */
	if (code >= 0)
		code = snug__kvm_set_regs(vcpu->kvm.fd, &r, &vcpu->vm->watch, err);
	return code < 0 ? code : 1;
}

bool snug__gdb_gate_frame(snug_vcpu *vcpu, unsigned vector, struct snug_exit_fault *f)
{
	struct snug_sregs s;
	struct snug_regs r;
	uint8_t frame[5 * 8];

	if (snug_vcpu_get_regs(vcpu, &r, NULL) < 0 || snug_vcpu_get_sregs(vcpu, &s, NULL) < 0 ||
	    snug__walk_read(&vcpu->vm->mem, &s, r.rsp, frame, sizeof(frame)) != sizeof(frame))
		return false;
	*f = (struct snug_exit_fault){
	    .vector = (uint8_t)vector,
	    .rip = snug__le_load(frame, 8),
	    .cs = (uint16_t)snug__le_load(frame + 8, 2),
	    .rflags = snug__le_load(frame + 16, 8),
	    .rsp = snug__le_load(frame + 24, 8),
	    .ss = (uint16_t)snug__le_load(frame + 32, 2),
	};
	return (f->cs & 3) == 3 && (s.cs.selector & 3) == 0;
}

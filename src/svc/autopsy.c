/* SPDX-License-Identifier: MIT */
/* autopsy: gathers what is to be said of a guest that crashed; everything of the guest's is read by the checked road */
#include "svc/autopsy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "core/core.h"
#include "host/kind.h"
#include "svc/past.h"
#include "x86/walk.h"
#include "x86/x86.h"

#define BEFORE_BYTES 24 /* looked at before rip */
#define BEFORE_INSNS 4
#define LONGEST_INSN 15 /* SDM 2A 2.3.11 */

/* A descriptor's place: in the GDT, or with bit 2 of the selector set in the LDT.  SDM 3A 3.4.2. */
static void read_descriptor(const struct snug__mem *mem, const struct snug_sregs *s, const char *name,
                            uint16_t selector, unsigned bytes, struct snug_table_entry *e)
{
	bool local = selector & 4;
	uint64_t base = local ? s->ldt.base : s->gdt.base, limit = local ? s->ldt.limit : s->gdt.limit;

	*e = (struct snug_table_entry){.name = name, .selector = selector};
	e->at = base + (selector & ~7u);
	e->beyond = (selector & ~7u) + bytes - 1 > limit;
	if (!e->beyond && snug__walk_read(mem, s, e->at, e->bytes, bytes) == bytes)
		e->len = (uint8_t)bytes;
}

/* SDM 3A figure 3-8 */
static void load_segment(const struct snug__mem *mem, const struct snug_sregs *s, uint16_t selector,
                         struct snug_segment *seg)
{
	struct snug_table_entry e;
	uint64_t d;

	seg->selector = selector;
	read_descriptor(mem, s, "", selector, 8, &e);
	if (!(selector & ~3u) || e.len != 8)
		return;
	d = snug__le_load(e.bytes, 8);
	seg->base = (d >> 16 & 0xffffff) | (d >> 56 & 0xff) << 24;
	seg->limit = (uint32_t)((d & 0xffff) | (d >> 32 & 0xf0000));
	seg->type = d >> 40 & 0xf;
	seg->s = d >> 44 & 1;
	seg->dpl = d >> 45 & 3;
	seg->present = d >> 47 & 1;
	seg->avl = d >> 52 & 1;
	seg->l = d >> 53 & 1;
	seg->db = d >> 54 & 1;
	seg->g = d >> 55 & 1;
	seg->unusable = 0;
	if (seg->g)
		seg->limit = seg->limit << 12 | 0xfff;
}

void snug__autopsy_unwind(const struct snug__mem *mem, const struct snug_exit_fault *fault, struct snug_regs *regs,
                          struct snug_sregs *s)
{
	regs->rip = fault->rip;
	regs->rsp = fault->rsp;
	regs->rflags = fault->rflags;
	if (s->cr0 & X86_CR0_PE) {
		load_segment(mem, s, fault->cs, &s->cs);
		load_segment(mem, s, fault->ss, &s->ss);
		return;
	}
	s->cs.selector = fault->cs;
	s->cs.base = (uint64_t)fault->cs << 4;
	s->ss.selector = fault->ss;
	s->ss.base = (uint64_t)fault->ss << 4;
}

static const char *mode_name(const struct snug_sregs *s, unsigned bits)
{
	if (!(s->cr0 & X86_CR0_PE))
		return "real mode";
	if (s->efer & X86_EFER_LMA)
		return bits == 64 ? "64-bit mode" : "compatibility mode";
	if (s->cr0 & X86_CR0_PG)
		return bits == 32 ? "32-bit protected mode, paging on" : "16-bit protected mode, paging on";
	return bits == 32 ? "protected mode, paging off" : "16-bit protected mode, paging off";
}

/* The mode, and where code and stack are. */
static void place(struct snug_autopsy *a)
{
	const struct snug_sregs *s = &a->sregs;
	bool wide = (s->efer & X86_EFER_LMA) && s->cs.l;

	a->bits = wide ? 64 : s->cs.db ? 32 : 16;
	a->cpl = s->cr0 & X86_CR0_PE ? s->cs.selector & 3 : 0;
	a->mode = mode_name(s, a->bits);
	a->rip = wide ? a->regs.rip : (uint32_t)(s->cs.base + a->regs.rip);
	a->rsp = wide ? a->regs.rsp : (uint32_t)(s->ss.base + (s->ss.db ? a->regs.rsp : (uint16_t)a->regs.rsp));
	a->word = a->bits / 8;
}

/* Decodes one instruction at a linear address from bytes that were read there. */
static bool decode_at(const struct snug_autopsy *a, const struct snug__decoder *d, uint64_t at, const uint8_t *bytes,
                      size_t len, struct snug__decoded *out)
{
	struct snug__code_mode mode = {.bits = a->bits, .real = !(a->sregs.cr0 & X86_CR0_PE)};
	struct snug_regs regs = a->regs;

	regs.rip += at - a->rip; /* jumps are told as the CPU counts them, from the segment's base */
	return snug__decode(d, mode, bytes, len, &regs, &a->sregs, out);
}

static void add_insn(struct snug_autopsy *a, uint64_t at, const uint8_t *bytes, const struct snug__decoded *in)
{
	struct snug_insn *to = &a->insn[a->insns++];

	to->at = at;
	to->len = (uint8_t)in->len;
	memcpy(to->bytes, bytes, in->len);
	snprintf(to->text, sizeof(to->text), "%s", in->text);
}

/*
 * x86 code cannot be read backwards: of the places before rip, the farthest from which decoding comes out at rip is taken.
 * Zeros are what memory holds before the code begins.
 */
static void add_before(struct snug_autopsy *a, const struct snug__mem *mem, const struct snug__decoder *d)
{
	uint8_t bytes[BEFORE_BYTES];
	struct snug__decoded in;
	unsigned have = (unsigned)snug__min(BEFORE_BYTES, a->rip), starts[BEFORE_BYTES], n = 0;

	if (snug__walk_read(mem, &a->sregs, a->rip - have, bytes, have) != have) {
		have = (unsigned)snug__min(have, a->rip & (SNUG_PAGE - 1));
		if (snug__walk_read(mem, &a->sregs, a->rip - have, bytes, have) != have)
			return;
	}
	for (unsigned from = 0; from < have; from++) {
		unsigned at = from;

		if (bytes[from] == 0)
			continue;
		for (n = 0; at < have && decode_at(a, d, a->rip - have + at, bytes + at, have - at, &in);
		     at += in.len)
			starts[n++] = at;
		if (at == have)
			break;
		n = 0;
	}
	for (unsigned i = n > BEFORE_INSNS ? n - BEFORE_INSNS : 0; i < n; i++) {
		uint64_t at = a->rip - have + starts[i];

		if (decode_at(a, d, at, bytes + starts[i], have - starts[i], &in))
			add_insn(a, at, bytes + starts[i], &in);
	}
}

/* The instructions around rip; the one there goes to the facts too. */
static void decode(struct snug_autopsy *a, const struct snug__mem *mem, struct snug__facts *f)
{
	uint8_t bytes[8 * LONGEST_INSN];
	size_t have = snug__walk_read(mem, &a->sregs, a->rip, bytes, sizeof(bytes)), done = 0;
	struct snug__decoder d;
	struct snug__decoded in;

	a->bytes_len = (uint32_t)snug__min(have, sizeof(a->bytes));
	memcpy(a->bytes, bytes, a->bytes_len);
	snug__decoder_open(&d);
	snprintf(a->undecoded, sizeof(a->undecoded), "%s", d.why);
	if (d.lib && have) {
		add_before(a, mem, &d);
		a->insn_now = a->insns;
		while (a->insns < sizeof(a->insn) / sizeof(a->insn[0]) &&
		       decode_at(a, &d, a->rip + done, bytes + done, have - done, &in)) {
			add_insn(a, a->rip + done, bytes + done, &in);
			if (!done) {
				f->insn = in;
				f->has_insn = true;
			}
			done += in.len;
			if (done + 1 < have && !bytes[done] && !bytes[done + 1])
				break; /* nothing was loaded there */
		}
		if (!done)
			add_insn(a, a->rip, bytes, &(struct snug__decoded){.len = 1, .text = "(bad)"});
	}
	snug__decoder_close(&d);
	if (f->insn.mem)
		snug__walk_path(mem, &a->sregs, f->insn.mem_at, &f->mem_walk);
}

/* Which exception a triple fault began with, where its instruction tells. */
static int32_t guess_vector(const struct snug__facts *f)
{
	const struct snug_autopsy *a = f->a;
	const uint8_t *b = a->bytes;

	if (a->kind != SNUG_EXIT_SHUTDOWN || a->doubt[0])
		return -1;
	if (a->rip_walk.end != SNUG_WALK_MAPPED)
		return a->rip_walk.end == SNUG_WALK_NOT_CANONICAL ? X86_VECTOR_GP : X86_VECTOR_PF;
	if (a->bytes_len >= 2 && b[0] == 0x0f && b[1] == 0x0b)
		return X86_VECTOR_UD;
	if (a->bytes_len >= 2 && b[0] == 0xcd)
		return b[1];
	if (a->bytes_len >= 1 && b[0] == 0xcc)
		return X86_VECTOR_BP;
	if (f->insn.mem && f->mem_walk.end != SNUG_WALK_MAPPED)
		return f->mem_walk.end == SNUG_WALK_NOT_CANONICAL ? X86_VECTOR_GP : X86_VECTOR_PF;
	if (f->has_insn && (!strcmp(f->insn.name, "div") || !strcmp(f->insn.name, "idiv")))
		return X86_VECTOR_DE;
	return a->has_cr2 && a->cr2_walk.end != SNUG_WALK_MAPPED ? X86_VECTOR_PF : -1;
}

/* The vector's gate: 4 bytes in real mode, 8 in protected, 16 in long mode.  SDM 3A 6.11, 6.14.1, 20.1.4. */
static void read_gate(struct snug_autopsy *a, const struct snug__mem *mem)
{
	const struct snug_sregs *s = &a->sregs;
	unsigned bytes = !(s->cr0 & X86_CR0_PE) ? 4 : s->efer & X86_EFER_LMA ? 16 : 8, v = (unsigned)a->vector;
	struct snug_table_entry *e = &a->gate;

	e->name = "gate";
	e->selector = v;
	e->at = s->idt.base + (uint64_t)v * bytes;
	e->beyond = v * bytes + bytes - 1 > s->idt.limit;
	if (!e->beyond && snug__walk_read(mem, s, e->at, e->bytes, bytes) == bytes)
		e->len = (uint8_t)bytes;
}

static void read_tables(struct snug_autopsy *a, const struct snug__mem *mem)
{
	const struct snug_sregs *s = &a->sregs;
	unsigned system = s->efer & X86_EFER_LMA ? 16 : 8; /* SDM 3A 7.2.3 */

	if (a->vector >= 0)
		read_gate(a, mem);
	if (!(s->cr0 & X86_CR0_PE))
		return;
	if (s->cs.selector & ~3u)
		read_descriptor(mem, s, "cs", s->cs.selector, 8, &a->cs);
	if (s->ss.selector & ~3u)
		read_descriptor(mem, s, "ss", s->ss.selector, 8, &a->ss);
	if (s->tr.selector & ~3u)
		read_descriptor(mem, s, "tr", s->tr.selector, system, &a->tr);
}

static void read_stack(struct snug_autopsy *a, const struct snug__mem *mem)
{
	uint8_t bytes[sizeof(a->stack)];
	size_t word = a->word, n = snug__walk_read(mem, &a->sregs, a->rsp, bytes, 16 * word);

	for (a->words = 0; a->words < 16 && (a->words + 1) * word <= n; a->words++)
		a->stack[a->words] = snug__le_load(bytes + a->words * word, a->word);
}

void snug__autopsy_fill(struct snug_autopsy *a, const struct snug__mem *mem, enum snug_host_kind host)
{
	struct snug__facts f = {.a = a, .mem = mem, .host = host};
	uint64_t cr2 = a->sregs.cr2;
	bool paging = a->sregs.cr0 & X86_CR0_PG;

	if (a->kind == SNUG_EXIT_SHUTDOWN && host == SNUG_HOST_SVM)
		snprintf(a->doubt, sizeof(a->doubt),
		         "on AMD hardware a triple fault resets the CPU: these are the registers of a reset");
	if (a->kind == SNUG_EXIT_FAULT)
		snug__autopsy_unwind(mem, &a->fault, &a->regs, &a->sregs);
	place(a);
	snug__walk_path(mem, &a->sregs, a->rip, &a->rip_walk);
	a->has_cr2 = a->kind == SNUG_EXIT_FAULT ? a->fault.vector == X86_VECTOR_PF : paging && cr2;
	if (a->has_cr2)
		snug__walk_path(mem, &a->sregs, a->kind == SNUG_EXIT_FAULT ? a->fault.cr2 : cr2, &a->cr2_walk);
	decode(a, mem, &f);
	a->vector = a->kind == SNUG_EXIT_FAULT ? a->fault.vector : guess_vector(&f);
	read_tables(a, mem);
	read_stack(a, mem);
	snug__cause_find(&f);
}

int snug_autopsy(snug_vcpu *vcpu, const struct snug_exit *exit, struct snug_autopsy *out, struct snug_error *err)
{
	struct snug_regs regs;
	struct snug_sregs sregs;
	int r;

	if (out->size && out->size < sizeof(*out))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "set it to sizeof(struct snug_autopsy), or 0",
		                 "autopsy: size %zu", out->size);
	if (exit->vcpu != vcpu)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "pass exit.vcpu",
		                 "autopsy: the exit is not of vCPU %u", vcpu->index);
	r = snug_vcpu_get_sregs(vcpu, &sregs, err);
	if (r >= 0)
		r = snug_vcpu_get_regs(vcpu, &regs, err);
	if (r < 0)
		return r;
	memset(out, 0, sizeof(*out));
	out->size = sizeof(*out);
	out->kind = exit->kind;
	out->reason = exit->reason;
	out->cpu = vcpu->index;
	out->started = vcpu->vm->boot.mode;
	out->regs = regs;
	out->sregs = sregs;
	if (exit->kind == SNUG_EXIT_FAULT)
		out->fault = exit->fault;
	if (exit->kind == SNUG_EXIT_INTERNAL)
		out->internal = exit->internal;
	snug__cause_name(out, exit);
	snug__autopsy_fill(out, &vcpu->vm->mem, snug__vm_kind(vcpu->vm));
	out->exits = snug__past_read(vcpu, out->exit);
	return 0;
}

int snug_vcpu_walk(snug_vcpu *vcpu, uint64_t linear, struct snug_walk *out, struct snug_error *err)
{
	struct snug_sregs s;
	int r = snug_vcpu_get_sregs(vcpu, &s, err);

	if (r >= 0)
		snug__walk_path(&vcpu->vm->mem, &s, linear, out);
	return r;
}

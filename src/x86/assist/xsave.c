/* SPDX-License-Identifier: MIT */
/*
 * xsave: the XSAVE feature set, SDM 1 chapter 13
 *
 * The state comes and goes in standard format.  x87 and SSE are always said to be in use: a state that is what a reset
 * leaves may be said to be in use (13.6), and then KVM sets what the bytes say.
 */
#ifdef SNUG_HAVE_ZYDIS

#include <string.h>

#include "base/bytes.h"
#include "x86/assist/insn.h"
#include "x86/x86.h"

#define AREA 4096u
#define HEADER 512u /* SDM 1 13.4.2: XSTATE_BV, XCOMP_BV, zeros */
#define HEADER_BYTES 64u
#define EXTENDED 576u /* 13.4.3 */
#define COMPACTED (1ull << 63)
#define X87_AND_SSE (X86_XSTATE_X87 | X86_XSTATE_SSE)
#define AVX (1ull << 2)
#define MXCSR 24u /* 13.4.1, table 13-1 */
#define MXCSR_MASK 28u
#define MXCSR_RESET 0x1f80u
#define FCW_RESET 0x37fu
#define XMM 160u
#define XMM_END 416u
#define COMPONENTS 63u

struct state {
	uint8_t bytes[AREA];
	uint64_t in_use; /* XINUSE */
};

/* Where a component is in the standard format; aligned: in the compacted one, to 64 bytes.  SDM 2A CPUID leaf 0xd. */
struct component {
	uint32_t bytes, at;
	bool aligned;
};

static bool component(const struct snug__assist *a, unsigned n, struct component *c)
{
	uint32_t r[4];

	if (!a->ops->cpuid(a->ctx, 0xd, n, r) || r[0] == 0 || r[0] > AREA || r[1] > AREA - r[0])
		return false;
	*c = (struct component){r[0], r[1], r[2] & 2};
	return true;
}

static bool get_state(struct snug__assist *a, struct state *s)
{
	if (a->ops->get_xsave(a->ctx, s->bytes) < 0)
		return false;
	s->in_use = snug__le_load(s->bytes + HEADER, 8);
	return true;
}

static enum snug__assist_result put_state(struct snug__assist *a, struct state *s)
{
	snug__le_store(s->bytes + HEADER, 8, s->in_use | X87_AND_SSE);
	return a->ops->set_xsave(a->ctx, s->bytes) < 0 ? SNUG__ASSIST_UNKNOWN : SNUG__ASSIST_DONE;
}

/* What all of them ask first; 0: go on. */
static enum snug__assist_result refuse(struct snug__assist *a)
{
	if (!(a->sregs.cr4 & X86_CR4_OSXSAVE))
		return snug__assist_raise(a, X86_VECTOR_UD);
	return a->sregs.cr0 & X86_CR0_TS ? snug__assist_raise(a, X86_VECTOR_NM) : SNUG__ASSIST_UNKNOWN;
}

/* Compacted: where each component of xcomp is; returns the end.  Standard: the end of the last one in it. */
static unsigned layout(const struct snug__assist *a, uint64_t which, bool compacted, struct component at[COMPONENTS])
{
	unsigned end = EXTENDED;

	for (unsigned n = 2; n < COMPONENTS; n++) {
		at[n] = (struct component){0};
		if (!(which >> n & 1) || !component(a, n, &at[n]))
			continue;
		if (compacted) {
			end = at[n].aligned ? (end + 63) & ~63u : end;
			at[n].at = end;
		}
		if (at[n].at + at[n].bytes > end)
			end = at[n].at + at[n].bytes;
	}
	return end;
}

/* The operand: its address, which is a multiple of 64 or else #GP. */
static bool address(struct snug__assist *a, const struct snug__insn *i, uint64_t *at)
{
	*at = snug__insn_address(a, i, &i->ops[0]);
	if (!(*at & 63))
		return true;
	snug__assist_raise_code(a, X86_VECTOR_GP, 0);
	return false;
}

static uint64_t mask_of(const struct snug__assist *a)
{
	return (uint32_t)a->regs.rax | a->regs.rdx << 32;
}

struct form {
	bool compacted, system; /* xsavec, xsaves and their like; xsaves, xrstors */
};

static struct form form_of(ZydisMnemonic m)
{
	bool system = m == ZYDIS_MNEMONIC_XSAVES || m == ZYDIS_MNEMONIC_XSAVES64 || m == ZYDIS_MNEMONIC_XRSTORS ||
	              m == ZYDIS_MNEMONIC_XRSTORS64;

	return (struct form){system || m == ZYDIS_MNEMONIC_XSAVEC || m == ZYDIS_MNEMONIC_XSAVEC64, system};
}

/* XCR0, and for those of the system XSS too. */
static bool features(struct snug__assist *a, struct form f, uint64_t *out)
{
	uint64_t xss = 0;

	if (a->ops->get_xcr0(a->ctx, out) < 0)
		return false;
	if (f.system && a->ops->get_msr(a->ctx, X86_MSR_XSS, &xss) < 0)
		xss = 0;
	*out |= xss;
	return true;
}

static void save_legacy(const struct state *s, uint64_t which, uint64_t mxcsr_for, uint8_t *out)
{
	if (which & X86_XSTATE_X87) {
		memcpy(out, s->bytes, MXCSR);
		memcpy(out + MXCSR + 8, s->bytes + MXCSR + 8, XMM - MXCSR - 8);
	}
	if (mxcsr_for)
		memcpy(out + MXCSR, s->bytes + MXCSR, 8);
	if (which & X86_XSTATE_SSE)
		memcpy(out + XMM, s->bytes + XMM, XMM_END - XMM);
}

/* SDM 1 13.7 to 13.11. */
static enum snug__assist_result save(struct snug__assist *a, const struct snug__insn *i)
{
	struct form f = form_of(i->in.mnemonic);
	struct component at[COMPONENTS];
	uint64_t all, which, where, written, bv;
	uint8_t out[AREA];
	struct state s;
	unsigned end;

	if (refuse(a) == SNUG__ASSIST_FAULT)
		return SNUG__ASSIST_FAULT;
	if (f.system && snug__assist_cpl(a))
		return snug__assist_raise_code(a, X86_VECTOR_GP, 0);
	if (!features(a, f, &all) || !get_state(a, &s))
		return SNUG__ASSIST_UNKNOWN;
	which = all & mask_of(a);
	end = layout(a, which, f.compacted, at);
	if (end > AREA)
		return SNUG__ASSIST_UNKNOWN;
	if (!address(a, i, &where) || !snug__assist_read(a, where, out, end))
		return snug__insn_failed(a);
	if (snug__le_load(s.bytes + MXCSR, 4) != MXCSR_RESET)
		s.in_use |= X86_XSTATE_SSE;
	written = f.compacted ? which & s.in_use : which;
	save_legacy(&s, written, f.compacted ? written & X86_XSTATE_SSE : which & (X86_XSTATE_SSE | AVX), out);
	for (unsigned n = 2; n < COMPONENTS; n++)
		if (written >> n & 1 && at[n].bytes) {
			struct component std = {0};

			component(a, n, &std);
			memcpy(out + at[n].at, s.bytes + std.at, at[n].bytes);
		}
	bv = f.compacted ? which & s.in_use : (snug__le_load(out + HEADER, 8) & ~which) | (which & s.in_use);
	snug__le_store(out + HEADER, 8, bv);
	if (f.compacted)
		snug__le_store(out + HEADER + 8, 8, which | COMPACTED);
	return snug__assist_write(a, where, out, end) ? SNUG__ASSIST_DONE : snug__insn_failed(a);
}

/* SDM 1 13.8.1, 13.12: what the header may not say. */
static bool bad_header(const uint8_t *header, uint64_t all, struct form f)
{
	static const uint8_t zeros[HEADER_BYTES];
	uint64_t bv = snug__le_load(header, 8), comp = snug__le_load(header + 8, 8);

	if (!(comp & COMPACTED))
		return f.system || comp || (bv & ~all) || memcmp(header + 16, zeros, 8) != 0;
	return (comp & ~all & ~COMPACTED) || (bv & ~comp) || memcmp(header + 16, zeros, HEADER_BYTES - 16) != 0;
}

static void reset_x87(uint8_t *bytes)
{
	memset(bytes, 0, MXCSR);
	memset(bytes + MXCSR + 8, 0, XMM - MXCSR - 8);
	snug__le_store(bytes, 2, FCW_RESET);
}

/* false: MXCSR has a bit that cannot be set. */
static bool load_legacy(struct state *s, const uint8_t *in, uint64_t which, uint64_t bv, bool compacted)
{
	uint64_t mask = snug__le_load(s->bytes + MXCSR_MASK, 4), mxcsr = snug__le_load(in + MXCSR, 4);
	bool loads = compacted ? (which & bv & X86_XSTATE_SSE) != 0 : (which & (X86_XSTATE_SSE | AVX)) != 0;

	if (loads && (mxcsr & ~(mask ? mask : 0xffbf)))
		return false;
	if (loads)
		snug__le_store(s->bytes + MXCSR, 4, mxcsr);
	else if (which & X86_XSTATE_SSE)
		snug__le_store(s->bytes + MXCSR, 4, MXCSR_RESET);
	if (which & bv & X86_XSTATE_X87) {
		memcpy(s->bytes, in, MXCSR);
		memcpy(s->bytes + MXCSR + 8, in + MXCSR + 8, XMM - MXCSR - 8);
	} else if (which & X86_XSTATE_X87) {
		reset_x87(s->bytes);
	}
	if (which & bv & X86_XSTATE_SSE)
		memcpy(s->bytes + XMM, in + XMM, XMM_END - XMM);
	else if (which & X86_XSTATE_SSE)
		memset(s->bytes + XMM, 0, XMM_END - XMM);
	return true;
}

static enum snug__assist_result restore(struct snug__assist *a, const struct snug__insn *i)
{
	struct form f = form_of(i->in.mnemonic);
	struct component at[COMPONENTS];
	uint64_t all, which, where, bv, comp;
	uint8_t in[AREA];
	struct state s;
	unsigned end;
	bool compacted;

	if (refuse(a) == SNUG__ASSIST_FAULT)
		return SNUG__ASSIST_FAULT;
	if (f.system && snug__assist_cpl(a))
		return snug__assist_raise_code(a, X86_VECTOR_GP, 0);
	if (!features(a, f, &all) || !get_state(a, &s))
		return SNUG__ASSIST_UNKNOWN;
	if (!address(a, i, &where) || !snug__assist_read(a, where, in, EXTENDED))
		return snug__insn_failed(a);
	if (bad_header(in + HEADER, all, f))
		return snug__assist_raise_code(a, X86_VECTOR_GP, 0);
	which = all & mask_of(a);
	bv = snug__le_load(in + HEADER, 8);
	comp = snug__le_load(in + HEADER + 8, 8);
	compacted = comp & COMPACTED;
	end = layout(a, compacted ? comp & ~COMPACTED : which & bv, compacted, at);
	if (end > AREA)
		return SNUG__ASSIST_UNKNOWN;
	if (end > EXTENDED && !snug__assist_read(a, where, in, end))
		return snug__insn_failed(a);
	if (!load_legacy(&s, in, which, bv, compacted))
		return snug__assist_raise_code(a, X86_VECTOR_GP, 0);
	for (unsigned n = 2; n < COMPONENTS; n++) {
		struct component std;

		if (!(which >> n & 1) || !component(a, n, &std))
			continue;
		if (bv >> n & 1 && at[n].bytes)
			memcpy(s.bytes + std.at, in + at[n].at, std.bytes);
		else
			memset(s.bytes + std.at, 0, std.bytes);
	}
	/* What is zeros is said to be there, so that PKRU is set by KVM, too. */
	s.in_use = (s.in_use & ~which) | which;
	return put_state(a, &s);
}

static enum snug__assist_result xgetbv(struct snug__assist *a, const struct snug__insn *i)
{
	uint64_t value;

	(void)i;
	if (!(a->sregs.cr4 & X86_CR4_OSXSAVE))
		return snug__assist_raise(a, X86_VECTOR_UD);
	if ((uint32_t)a->regs.rcx > 1)
		return snug__assist_raise_code(a, X86_VECTOR_GP, 0);
	if (a->ops->get_xcr0(a->ctx, &value) < 0)
		return SNUG__ASSIST_UNKNOWN;
	if ((uint32_t)a->regs.rcx == 1) { /* XINUSE: SDM 1 13.6 */
		struct state s;

		if (!get_state(a, &s))
			return SNUG__ASSIST_UNKNOWN;
		value &= s.in_use;
	}
	a->regs.rax = (uint32_t)value;
	a->regs.rdx = value >> 32;
	return SNUG__ASSIST_DONE;
}

/* SDM 2C XSETBV: KVM knows which values this CPU takes. */
static enum snug__assist_result xsetbv(struct snug__assist *a, const struct snug__insn *i)
{
	uint64_t value = (uint32_t)a->regs.rax | a->regs.rdx << 32;

	(void)i;
	if (!(a->sregs.cr4 & X86_CR4_OSXSAVE))
		return snug__assist_raise(a, X86_VECTOR_UD);
	if (snug__assist_cpl(a) || (uint32_t)a->regs.rcx || !(value & X86_XSTATE_X87) ||
	    a->ops->set_xcr0(a->ctx, value) < 0)
		return snug__assist_raise_code(a, X86_VECTOR_GP, 0);
	return SNUG__ASSIST_DONE;
}

/* SDM 2A LDMXCSR, 2B STMXCSR; 3A table 2-2 for CR0.TS and CR0.EM. */
static enum snug__assist_result mxcsr(struct snug__assist *a, const struct snug__insn *i)
{
	bool store = i->in.mnemonic == ZYDIS_MNEMONIC_STMXCSR || i->in.mnemonic == ZYDIS_MNEMONIC_VSTMXCSR;
	struct state s;
	uint64_t mask;
	uint8_t value[4];

	if ((a->sregs.cr0 & X86_CR0_EM) || !(a->sregs.cr4 & X86_CR4_OSFXSR))
		return snug__assist_raise(a, X86_VECTOR_UD);
	if (a->sregs.cr0 & X86_CR0_TS)
		return snug__assist_raise(a, X86_VECTOR_NM);
	if (!get_state(a, &s))
		return SNUG__ASSIST_UNKNOWN;
	if (store)
		return snug__insn_write(a, i, &i->ops[0], s.bytes + MXCSR, 4) ? SNUG__ASSIST_DONE
		                                                              : snug__insn_failed(a);
	if (!snug__insn_read(a, i, &i->ops[0], value, 4))
		return snug__insn_failed(a);
	mask = snug__le_load(s.bytes + MXCSR_MASK, 4);
	if (snug__le_load(value, 4) & ~(mask ? mask : 0xffbf))
		return snug__assist_raise_code(a, X86_VECTOR_GP, 0);
	memcpy(s.bytes + MXCSR, value, 4);
	return put_state(a, &s);
}

#define BOTH(name, fn)                                                                                               \
	{ZYDIS_MNEMONIC_##name, SNUG__ASSIST_XSAVE, fn},                                                             \
	{                                                                                                            \
		ZYDIS_MNEMONIC_##name##64, SNUG__ASSIST_XSAVE, fn                                                    \
	}

const struct snug__assist_row snug__assist_xsave[] = {
    {ZYDIS_MNEMONIC_XGETBV, SNUG__ASSIST_XSAVE, xgetbv},
    {ZYDIS_MNEMONIC_XSETBV, SNUG__ASSIST_XSAVE, xsetbv},
    BOTH(XSAVE, save),
    BOTH(XSAVEOPT, save),
    BOTH(XSAVEC, save),
    BOTH(XSAVES, save),
    BOTH(XRSTOR, restore),
    BOTH(XRSTORS, restore),
    {ZYDIS_MNEMONIC_LDMXCSR, SNUG__ASSIST_XSAVE, mxcsr},
    {ZYDIS_MNEMONIC_STMXCSR, SNUG__ASSIST_XSAVE, mxcsr},
    {ZYDIS_MNEMONIC_VLDMXCSR, SNUG__ASSIST_XSAVE, mxcsr},
    {ZYDIS_MNEMONIC_VSTMXCSR, SNUG__ASSIST_XSAVE, mxcsr},
    {ZYDIS_MNEMONIC_INVALID, SNUG__ASSIST_OTHER, NULL},
};

#endif

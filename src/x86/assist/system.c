/* SPDX-License-Identifier: MIT */
/* system: instructions of the system that KVM's emulator lacks; each by its page in SDM 2 */
#ifdef SNUG_HAVE_ZYDIS

#include <string.h>

#include "base/bytes.h"
#include "x86/assist/insn.h"
#include "x86/x86.h"

#define SELECTOR_LDT 4u /* SDM 3A 3.4.2 */

static uint32_t eax(const struct snug__assist *a)
{
	return (uint32_t)a->regs.rax;
}

static enum snug__assist_result set_flag(struct snug__assist *a, uint64_t flag, bool on)
{
	a->regs.rflags = on ? a->regs.rflags | flag : a->regs.rflags & ~flag;
	return SNUG__ASSIST_DONE;
}

static enum snug__assist_result nothing(struct snug__assist *a, const struct snug__insn *i)
{
	(void)a;
	(void)i;
	return SNUG__ASSIST_DONE;
}

static enum snug__assist_result privileged_nothing(struct snug__assist *a, const struct snug__insn *i)
{
	(void)i;
	return snug__assist_cpl(a) ? snug__assist_raise_code(a, X86_VECTOR_GP, 0) : SNUG__ASSIST_DONE;
}

/* A line of memory is looked at as if read. */
static enum snug__assist_result touch(struct snug__assist *a, const struct snug__insn *i)
{
	uint8_t byte;

	return snug__insn_read(a, i, &i->ops[0], &byte, 1) ? SNUG__ASSIST_DONE : snug__insn_failed(a);
}

/* The address in rax is looked at; what waits for it (mwait) may go on at any time. */
static enum snug__assist_result monitor(struct snug__assist *a, const struct snug__insn *i)
{
	uint8_t byte;

	if (snug__assist_cpl(a))
		return snug__assist_raise(a, X86_VECTOR_UD);
	if ((uint32_t)a->regs.rcx)
		return snug__assist_raise_code(a, X86_VECTOR_GP, 0);
	(void)i;
	return snug__assist_read(a, a->regs.rax, &byte, 1) ? SNUG__ASSIST_DONE : snug__insn_failed(a);
}

static enum snug__assist_result stac(struct snug__assist *a, const struct snug__insn *i)
{
	if (snug__assist_cpl(a))
		return snug__assist_raise(a, X86_VECTOR_UD);
	return set_flag(a, X86_RFLAGS_AC, i->in.mnemonic == ZYDIS_MNEMONIC_STAC);
}

/* kvm_pvm has no TSC of the guest's own: at CPL 3 it reads the host's too. */
static enum snug__assist_result rdtscp(struct snug__assist *a, const struct snug__insn *i)
{
	uint64_t aux, tsc;

	(void)i;
	if (a->ops->get_msr(a->ctx, X86_MSR_TSC_AUX, &aux) < 0)
		return SNUG__ASSIST_UNKNOWN;
	tsc = __builtin_ia32_rdtsc();
	a->regs.rax = (uint32_t)tsc;
	a->regs.rdx = tsc >> 32;
	a->regs.rcx = (uint32_t)aux;
	return SNUG__ASSIST_DONE;
}

static enum snug__assist_result rdpid(struct snug__assist *a, const struct snug__insn *i)
{
	uint64_t aux;
	uint8_t bytes[8];

	if (a->ops->get_msr(a->ctx, X86_MSR_TSC_AUX, &aux) < 0)
		return SNUG__ASSIST_UNKNOWN;
	snug__le_store(bytes, 8, (uint32_t)aux);
	return snug__insn_write(a, i, &i->ops[0], bytes, i->ops[0].size / 8) ? SNUG__ASSIST_DONE
	                                                                     : snug__insn_failed(a);
}

/* A descriptor of the guest's tables.  1: here it is; 0: the selector is null or beyond the table; -1: a fault. */
static int descriptor(struct snug__assist *a, uint16_t selector, uint64_t *out)
{
	const struct snug_sregs *s = &a->sregs;
	uint64_t at = selector & SELECTOR_LDT ? s->ldt.base : s->gdt.base;
	uint64_t limit = selector & SELECTOR_LDT ? (s->ldt.unusable ? 0 : s->ldt.limit) : s->gdt.limit;
	uint8_t bytes[8];

	if (!(selector & ~3u) || (selector | 7u) > limit)
		return 0;
	if (!snug__assist_read_system(a, at + (selector & ~7u), bytes, sizeof(bytes)))
		return -1;
	*out = snug__le_load(bytes, 8);
	return 1;
}

/*
 * SDM 2A LAR table 3-53, LSL table 3-57: the types of system descriptors that can be asked for, a bit each; in IA-32e mode
 * those of 16 bits and task gates are not.
 */
#define LAR_TYPES 0x1a3eu    /* 1-5, 9, 11, 12 */
#define LAR_TYPES_64 0x1a04u /* 2, 9, 11, 12 */
#define LSL_TYPES 0x0a0eu    /* 1, 2, 3, 9, 11 */
#define LSL_TYPES_64 0x0a04u /* 2, 9, 11 */

/* May code of this privilege see it?  Conforming code segments are for all. */
static bool visible(const struct snug__assist *a, uint16_t selector, uint64_t d)
{
	unsigned type = d >> 40 & 0x1f, dpl = d >> 45 & 3;

	if ((type & 0x1c) == 0x1c)
		return true;
	return dpl >= snug__assist_cpl(a) && dpl >= (selector & 3u);
}

static bool known_type(const struct snug__assist *a, uint64_t d, bool lar)
{
	unsigned type = d >> 40 & 0x1f;
	bool wide = a->sregs.efer & X86_EFER_LMA;

	if (type & 0x10)
		return true;
	return (lar ? (wide ? LAR_TYPES_64 : LAR_TYPES) : (wide ? LSL_TYPES_64 : LSL_TYPES)) >> type & 1;
}

static bool selector_of(struct snug__assist *a, const struct snug__insn *i, unsigned operand, uint16_t *out)
{
	uint8_t bytes[2];

	if (!snug__insn_read(a, i, &i->ops[operand], bytes, 2))
		return false;
	*out = (uint16_t)snug__le_load(bytes, 2);
	return true;
}

static bool real(const struct snug__assist *a)
{
	return !(a->sregs.cr0 & X86_CR0_PE) || (a->regs.rflags & X86_RFLAGS_VM);
}

static uint64_t limit_of(uint64_t d)
{
	uint64_t limit = (d & 0xffff) | (d >> 32 & 0xf0000);

	return d >> 55 & 1 ? limit << 12 | 0xfff : limit;
}

static enum snug__assist_result lar_lsl(struct snug__assist *a, const struct snug__insn *i)
{
	bool lar = i->in.mnemonic == ZYDIS_MNEMONIC_LAR;
	uint64_t d = 0, value;
	uint16_t selector;
	uint8_t bytes[8];
	int r;

	if (real(a))
		return snug__assist_raise(a, X86_VECTOR_UD);
	if (!selector_of(a, i, 1, &selector))
		return snug__insn_failed(a);
	r = descriptor(a, selector, &d);
	if (r < 0)
		return snug__insn_failed(a);
	if (r == 0 || !known_type(a, d, lar) || !visible(a, selector, d))
		return set_flag(a, X86_RFLAGS_ZF, false);
	value = lar ? d >> 32 & 0xffff00 : limit_of(d);
	snug__le_store(bytes, 8, value);
	snug__insn_write(a, i, &i->ops[0], bytes, i->ops[0].size / 8);
	return set_flag(a, X86_RFLAGS_ZF, true);
}

static enum snug__assist_result verr_verw(struct snug__assist *a, const struct snug__insn *i)
{
	bool write = i->in.mnemonic == ZYDIS_MNEMONIC_VERW, good;
	uint16_t selector;
	uint64_t d = 0;
	unsigned type;
	int r;

	if (real(a))
		return snug__assist_raise(a, X86_VECTOR_UD);
	if (!selector_of(a, i, 0, &selector))
		return snug__insn_failed(a);
	r = descriptor(a, selector, &d);
	if (r < 0)
		return snug__insn_failed(a);
	type = d >> 40 & 0x1f;
	/* SDM 3A table 3-1: bit 3 code; of data, bit 1 can be written; of code, bit 1 can be read. */
	good = r > 0 && (type & 0x10) && visible(a, selector, d) && (write ? (type & 0xa) == 2 : (type & 0xa) != 8);
	return set_flag(a, X86_RFLAGS_ZF, good);
}

/* SDM 2A INVPCID: types 0 to 3; more is forgotten than was asked for, which is always allowed. */
static enum snug__assist_result invpcid(struct snug__assist *a, const struct snug__insn *i)
{
	uint8_t type[8] = {0}, desc[16];

	if (snug__assist_cpl(a))
		return snug__assist_raise_code(a, X86_VECTOR_GP, 0);
	if (!snug__insn_read(a, i, &i->ops[0], type, i->ops[0].size / 8) ||
	    !snug__insn_read(a, i, &i->ops[1], desc, sizeof(desc)))
		return snug__insn_failed(a);
	if (snug__le_load(type, 8) > 3 || snug__le_load(desc, 8) >> 12)
		return snug__assist_raise_code(a, X86_VECTOR_GP, 0);
	a->flush = true;
	return SNUG__ASSIST_DONE;
}

/* SDM 1 13.1: PKRU is a component of the XSAVE state. */
static enum snug__assist_result pkru(struct snug__assist *a, const struct snug__insn *i)
{
	uint8_t area[4096];
	uint32_t at[4];

	if (!(a->sregs.cr4 & X86_CR4_PKE))
		return snug__assist_raise(a, X86_VECTOR_UD);
	if ((uint32_t)a->regs.rcx || (i->in.mnemonic == ZYDIS_MNEMONIC_WRPKRU && (uint32_t)a->regs.rdx))
		return snug__assist_raise_code(a, X86_VECTOR_GP, 0);
	if (!a->ops->cpuid(a->ctx, 0xd, 9, at) || at[1] > sizeof(area) - 4 || a->ops->get_xsave(a->ctx, area) < 0)
		return SNUG__ASSIST_UNKNOWN;
	if (i->in.mnemonic == ZYDIS_MNEMONIC_RDPKRU) {
		a->regs.rax = snug__le_load(area + at[1], 4);
		a->regs.rdx = 0;
		return SNUG__ASSIST_DONE;
	}
	snug__le_store(area + at[1], 4, eax(a));
	snug__le_store(area + 512, 8, snug__le_load(area + 512, 8) | X86_XSTATE_PKRU);
	return a->ops->set_xsave(a->ctx, area) < 0 ? SNUG__ASSIST_UNKNOWN : SNUG__ASSIST_DONE;
}

static bool canonical(const struct snug__assist *a, uint64_t address)
{
	unsigned top = a->sregs.cr4 & X86_CR4_LA57 ? 56 : 47;

	return (int64_t)(address << (63 - top)) >> (63 - top) == (int64_t)address;
}

static enum snug__assist_result fs_gs_base(struct snug__assist *a, const struct snug__insn *i)
{
	ZydisMnemonic m = i->in.mnemonic;
	bool fs = m == ZYDIS_MNEMONIC_RDFSBASE || m == ZYDIS_MNEMONIC_WRFSBASE;
	uint64_t *base = fs ? &a->sregs.fs.base : &a->sregs.gs.base;
	unsigned bytes = i->ops[0].size / 8;
	uint8_t value[8] = {0};

	if (i->bits != 64 || !(a->sregs.cr4 & X86_CR4_FSGSBASE))
		return snug__assist_raise(a, X86_VECTOR_UD);
	if (m == ZYDIS_MNEMONIC_RDFSBASE || m == ZYDIS_MNEMONIC_RDGSBASE) {
		snug__le_store(value, 8, *base);
		return snug__insn_write(a, i, &i->ops[0], value, bytes) ? SNUG__ASSIST_DONE : snug__insn_failed(a);
	}
	if (!snug__insn_read(a, i, &i->ops[0], value, bytes))
		return snug__insn_failed(a);
	if (!canonical(a, snug__le_load(value, 8)))
		return snug__assist_raise_code(a, X86_VECTOR_GP, 0);
	*base = snug__le_load(value, 8);
	a->sregs_changed = true;
	return SNUG__ASSIST_DONE;
}

static enum snug__assist_result swapgs(struct snug__assist *a, const struct snug__insn *i)
{
	uint64_t other;

	if (i->bits != 64)
		return snug__assist_raise(a, X86_VECTOR_UD);
	if (snug__assist_cpl(a))
		return snug__assist_raise_code(a, X86_VECTOR_GP, 0);
	if (a->ops->get_msr(a->ctx, X86_MSR_KERNEL_GS_BASE, &other) < 0 ||
	    a->ops->set_msr(a->ctx, X86_MSR_KERNEL_GS_BASE, a->sregs.gs.base) < 0)
		return SNUG__ASSIST_UNKNOWN;
	a->sregs.gs.base = other;
	a->sregs_changed = true;
	return SNUG__ASSIST_DONE;
}

static struct snug_segment flat(uint16_t selector, uint8_t type, bool wide)
{
	return (struct snug_segment){.limit = UINT32_MAX,
	                             .selector = selector | 3,
	                             .type = type,
	                             .present = 1,
	                             .dpl = 3,
	                             .s = 1,
	                             .g = 1,
	                             .l = wide && (type & 8),
	                             .db = !(wide && (type & 8))};
}

#define SYSRET_FLAGS 0x3c7fd7ull /* SDM 2B SYSRET: those taken from R11 */

static enum snug__assist_result sysret(struct snug__assist *a, const struct snug__insn *i)
{
	bool wide = i->in.operand_width == 64;
	uint64_t star, rip = wide ? a->regs.rcx : (uint32_t)a->regs.rcx;
	uint16_t base;

	if (i->bits != 64 || !(a->sregs.efer & X86_EFER_SCE))
		return snug__assist_raise(a, X86_VECTOR_UD);
	if (snug__assist_cpl(a) || !canonical(a, rip))
		return snug__assist_raise_code(a, X86_VECTOR_GP, 0);
	if (a->ops->get_msr(a->ctx, X86_MSR_STAR, &star) < 0)
		return SNUG__ASSIST_UNKNOWN;
	base = (uint16_t)(star >> 48);
	a->sregs.cs = flat((uint16_t)(base + (wide ? 16 : 0)), X86_TYPE_CODE_XR_A, wide);
	a->sregs.ss = flat((uint16_t)(base + 8), X86_TYPE_DATA_RW_A, wide);
	a->sregs_changed = true;
	a->regs.rip = rip;
	a->regs.rflags = (a->regs.r11 & SYSRET_FLAGS) | X86_RFLAGS_ONE;
	return SNUG__ASSIST_DONE;
}

const struct snug__assist_row snug__assist_system[] = {
    {ZYDIS_MNEMONIC_STAC, SNUG__ASSIST_SYSTEM, stac},
    {ZYDIS_MNEMONIC_CLAC, SNUG__ASSIST_SYSTEM, stac},
    {ZYDIS_MNEMONIC_RDTSCP, SNUG__ASSIST_SYSTEM, rdtscp},
    {ZYDIS_MNEMONIC_RDPID, SNUG__ASSIST_SYSTEM, rdpid},
    {ZYDIS_MNEMONIC_LAR, SNUG__ASSIST_SYSTEM, lar_lsl},
    {ZYDIS_MNEMONIC_LSL, SNUG__ASSIST_SYSTEM, lar_lsl},
    {ZYDIS_MNEMONIC_VERR, SNUG__ASSIST_SYSTEM, verr_verw},
    {ZYDIS_MNEMONIC_VERW, SNUG__ASSIST_SYSTEM, verr_verw},
    {ZYDIS_MNEMONIC_INVPCID, SNUG__ASSIST_SYSTEM, invpcid},
    {ZYDIS_MNEMONIC_CLWB, SNUG__ASSIST_SYSTEM, touch},
    {ZYDIS_MNEMONIC_CLFLUSH, SNUG__ASSIST_SYSTEM, touch},
    {ZYDIS_MNEMONIC_CLFLUSHOPT, SNUG__ASSIST_SYSTEM, touch},
    {ZYDIS_MNEMONIC_CLDEMOTE, SNUG__ASSIST_SYSTEM, nothing},
    {ZYDIS_MNEMONIC_MONITOR, SNUG__ASSIST_SYSTEM, monitor},
    {ZYDIS_MNEMONIC_MWAIT, SNUG__ASSIST_SYSTEM, privileged_nothing},
    {ZYDIS_MNEMONIC_UMONITOR, SNUG__ASSIST_SYSTEM, nothing},
    {ZYDIS_MNEMONIC_UMWAIT, SNUG__ASSIST_SYSTEM, nothing},
    {ZYDIS_MNEMONIC_TPAUSE, SNUG__ASSIST_SYSTEM, nothing},
    {ZYDIS_MNEMONIC_RDPKRU, SNUG__ASSIST_SYSTEM, pkru},
    {ZYDIS_MNEMONIC_WRPKRU, SNUG__ASSIST_SYSTEM, pkru},
    {ZYDIS_MNEMONIC_RDFSBASE, SNUG__ASSIST_SYSTEM, fs_gs_base},
    {ZYDIS_MNEMONIC_RDGSBASE, SNUG__ASSIST_SYSTEM, fs_gs_base},
    {ZYDIS_MNEMONIC_WRFSBASE, SNUG__ASSIST_SYSTEM, fs_gs_base},
    {ZYDIS_MNEMONIC_WRGSBASE, SNUG__ASSIST_SYSTEM, fs_gs_base},
    {ZYDIS_MNEMONIC_SWAPGS, SNUG__ASSIST_SYSTEM, swapgs},
    {ZYDIS_MNEMONIC_SERIALIZE, SNUG__ASSIST_SYSTEM, nothing},
    {ZYDIS_MNEMONIC_LFENCE, SNUG__ASSIST_SYSTEM, nothing},
    {ZYDIS_MNEMONIC_MFENCE, SNUG__ASSIST_SYSTEM, nothing},
    {ZYDIS_MNEMONIC_SFENCE, SNUG__ASSIST_SYSTEM, nothing},
    {ZYDIS_MNEMONIC_ENDBR64, SNUG__ASSIST_SYSTEM, nothing},
    {ZYDIS_MNEMONIC_ENDBR32, SNUG__ASSIST_SYSTEM, nothing},
    {ZYDIS_MNEMONIC_PAUSE, SNUG__ASSIST_SYSTEM, nothing},
    {ZYDIS_MNEMONIC_NOP, SNUG__ASSIST_SYSTEM, nothing},
    {ZYDIS_MNEMONIC_PREFETCHW, SNUG__ASSIST_SYSTEM, nothing},
    {ZYDIS_MNEMONIC_PREFETCHNTA, SNUG__ASSIST_SYSTEM, nothing},
    {ZYDIS_MNEMONIC_PREFETCHT0, SNUG__ASSIST_SYSTEM, nothing},
    {ZYDIS_MNEMONIC_PREFETCHT1, SNUG__ASSIST_SYSTEM, nothing},
    {ZYDIS_MNEMONIC_PREFETCHT2, SNUG__ASSIST_SYSTEM, nothing},
    {ZYDIS_MNEMONIC_WBINVD, SNUG__ASSIST_SYSTEM, privileged_nothing},
    {ZYDIS_MNEMONIC_SYSRET, SNUG__ASSIST_SYSRET, sysret},
    {ZYDIS_MNEMONIC_INVALID, SNUG__ASSIST_OTHER, NULL},
};

#endif

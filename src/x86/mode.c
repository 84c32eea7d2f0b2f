/* SPDX-License-Identifier: MIT */
#include "x86/mode.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "x86/x86.h"

#define REAL_LIMIT 0x100000ull /* real mode reaches 1 MiB; the wrap above it is nobody's default */
#define REAL_STACK_MAX 0x10000ull

#define CR0_PROTECTED (X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE)
#define CR4_SSE (X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT)

/* One row per mode: control registers, and which descriptors of the GDT it starts with. */
static const struct mode_row {
	uint64_t cr0, cr4, efer, rflags;
	uint16_t cs, data; /* selectors; 0: real mode's segments */
	bool wide;         /* 64-bit code segment */
	uint8_t cpl;
} rows[] = {
    [SNUG_MODE_REAL] = {.cr0 = X86_CR0_ET, .rflags = X86_RFLAGS_ONE},
    [SNUG_MODE_PROTECTED] = {.cr0 = CR0_PROTECTED,
                             .cr4 = CR4_SSE,
                             .rflags = X86_RFLAGS_ONE,
                             .cs = SNUG__SEL_CODE32,
                             .data = SNUG__SEL_DATA},
    [SNUG_MODE_PAGED32] = {.cr0 = CR0_PROTECTED | X86_CR0_WP | X86_CR0_PG,
                           .cr4 = CR4_SSE | X86_CR4_PSE,
                           .rflags = X86_RFLAGS_ONE,
                           .cs = SNUG__SEL_CODE32,
                           .data = SNUG__SEL_DATA},
    [SNUG_MODE_LONG] = {.cr0 = CR0_PROTECTED | X86_CR0_WP | X86_CR0_PG,
                        .cr4 = CR4_SSE | X86_CR4_PAE,
                        .efer = X86_EFER_LME | X86_EFER_LMA,
                        .rflags = X86_RFLAGS_ONE,
                        .cs = SNUG__SEL_CODE64,
                        .data = SNUG__SEL_DATA,
                        .wide = true},
    /* IOPL 3: hardware lets `in` and `out` at CPL 3 through only with it (SDM 1 19.5.1). */
    [SNUG_MODE_USER] = {.cr0 = CR0_PROTECTED | X86_CR0_WP | X86_CR0_PG,
                        .cr4 = CR4_SSE | X86_CR4_PAE,
                        .efer = X86_EFER_LME | X86_EFER_LMA,
                        .rflags = X86_RFLAGS_ONE | X86_RFLAGS_IOPL3,
                        .cs = SNUG__SEL_USER_CODE64 | 3,
                        .data = SNUG__SEL_USER_DATA | 3,
                        .wide = true,
                        .cpl = 3},
    /* SDM 3A table 9-1 "IA-32 and Intel 64 processor states following power-up, reset, or INIT" */
    [SNUG_MODE_RESET] = {.cr0 = X86_CR0_ET | X86_CR0_NW | X86_CR0_CD, .rflags = X86_RFLAGS_ONE},
};

bool snug__mode_has_tables(enum snug_mode mode)
{
	return (unsigned)mode < sizeof(rows) / sizeof(rows[0]) && rows[mode].cs != 0;
}

bool snug__mode_is_long(enum snug_mode mode)
{
	return (unsigned)mode < sizeof(rows) / sizeof(rows[0]) && rows[mode].wide;
}

static struct snug_segment real_segment(uint8_t type, uint16_t selector, uint64_t base)
{
	return (struct snug_segment){
	    .base = base, .limit = 0xffff, .selector = selector, .type = type, .present = 1, .s = 1};
}

static struct snug_segment flat_segment(uint8_t type, uint16_t selector, uint8_t dpl, bool wide)
{
	return (struct snug_segment){
	    .limit = 0xffffffff,
	    .selector = selector,
	    .type = type,
	    .present = 1,
	    .dpl = dpl,
	    .db = !wide,
	    .s = 1,
	    .l = wide,
	    .g = 1,
	};
}

static void set_data(struct snug_sregs *s, struct snug_segment seg)
{
	s->ds = s->es = s->fs = s->gs = s->ss = seg;
}

static void real_state(struct snug_sregs *s, uint64_t cs_base, uint16_t cs)
{
	s->cs = real_segment(X86_TYPE_CODE_XR_A, cs, cs_base);
	set_data(s, real_segment(X86_TYPE_DATA_RW_A, 0, 0));
	s->gdt = s->idt = (struct snug_dtable){.limit = 0xffff};
	s->tr = (struct snug_segment){.limit = 0xffff, .type = X86_TYPE_TSS_BUSY, .present = 1};
}

static void row_segments(struct snug_sregs *s, const struct mode_row *row)
{
	s->cs = flat_segment(X86_TYPE_CODE_XR_A, row->cs, row->cpl, row->wide);
	s->ss = flat_segment(X86_TYPE_DATA_RW_A, row->data, row->cpl, false);
}

void snug__mode_segments(enum snug_mode mode, struct snug_sregs *s)
{
	row_segments(s, &rows[mode]);
}

static void table_state(struct snug_sregs *s, const struct mode_row *row, const struct snug__mode_tables *t)
{
	row_segments(s, row);
	set_data(s, s->ss);
	s->gdt = (struct snug_dtable){.base = t->gdt, .limit = SNUG__GDT_BYTES - 1};
	s->idt = (struct snug_dtable){.base = t->idt, .limit = t->idt_limit};
	s->tr = (struct snug_segment){.base = t->tss,
	                              .limit = t->tss_limit,
	                              .selector = SNUG__SEL_TSS,
	                              .type = X86_TYPE_TSS_BUSY,
	                              .present = 1};
	/* The LDT of a reset would be the guest's memory at 0, where user-mode code could make a call gate. */
	s->ldt = (struct snug_segment){.type = X86_TYPE_LDT, .unusable = 1};
	s->cr3 = row->cr0 & X86_CR0_PG ? t->cr3 : 0;
}

static int check_reach(enum snug_mode mode, uint64_t entry, uint64_t stack, struct snug_error *err)
{
	const char *name = snug_mode_name(mode);
	uint64_t top = mode == SNUG_MODE_REAL ? REAL_LIMIT : snug__mode_is_long(mode) ? UINT64_MAX : 1ull << 32;

	if (entry >= top)
		return snug__err(err, -ERANGE, SNUG_STEP_REGS, "give an entry below that, or another mode",
		                 "%s mode: entry 0x%llx is not below 0x%llx", name, (unsigned long long)entry,
		                 (unsigned long long)top);
	if (mode == SNUG_MODE_REAL && stack > REAL_STACK_MAX)
		return snug__err(err, -ERANGE, SNUG_STEP_REGS, "give a stack of at most 0x10000",
		                 "real mode: stack 0x%llx is above 64 KiB", (unsigned long long)stack);
	if (stack > top)
		return snug__err(err, -ERANGE, SNUG_STEP_REGS, "give a stack below that, or another mode",
		                 "%s mode: stack 0x%llx is above 0x%llx", name, (unsigned long long)stack,
		                 (unsigned long long)top);
	return 0;
}

int snug__mode_state(enum snug_mode mode, uint64_t entry, uint64_t stack, const struct snug__mode_tables *t,
                     struct snug_sregs *sregs, struct snug_regs *regs, struct snug_error *err)
{
	const struct mode_row *row;
	int r;

	if (mode <= SNUG_MODE_AUTO || (unsigned)mode >= sizeof(rows) / sizeof(rows[0]))
		return snug__err(err, -EINVAL, SNUG_STEP_SET_SREGS, "name one of enum snug_mode", "no CPU mode %d",
		                 (int)mode);
	row = &rows[mode];
	memset(regs, 0, sizeof(*regs));
	regs->rflags = row->rflags;
	sregs->cr0 = row->cr0;
	sregs->cr4 = row->cr4;
	sregs->efer = row->efer;
	sregs->cr2 = sregs->cr3 = sregs->cr8 = 0;
	sregs->ldt = (struct snug_segment){.limit = 0xffff, .type = X86_TYPE_LDT, .present = 1};
	memset(sregs->interrupt_bitmap, 0, sizeof(sregs->interrupt_bitmap));

	if (mode == SNUG_MODE_RESET) {
		real_state(sregs, X86_RESET_CS_BASE, X86_RESET_CS_SELECTOR);
		regs->rip = X86_RESET_IP;
		return 0;
	}
	r = check_reach(mode, entry, stack, err);
	if (r < 0)
		return r;
	regs->rip = entry;
	regs->rsp = stack;
	if (mode == SNUG_MODE_REAL) {
		uint64_t base = entry & 0xf0000;

		real_state(sregs, base, (uint16_t)(base >> 4));
		regs->rip = entry - base;
		regs->rsp = stack & 0xffff; /* a stack at 64 KiB: the first push wraps to 0xfffe */
		return 0;
	}
	table_state(sregs, row, t);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* mode: the state a CPU starts in, one const row per mode; steps 6 and 7 as data */
#ifndef SNUG_X86_MODE_H
#define SNUG_X86_MODE_H

#include <snug.h>

/* Selectors of the GDT that goes with the rows (table/gdt.c builds it). */
#define SNUG__SEL_CODE32 0x08
#define SNUG__SEL_DATA 0x10
#define SNUG__SEL_CODE64 0x18
#define SNUG__SEL_USER_DATA 0x20
#define SNUG__SEL_USER_CODE64 0x28
#define SNUG__SEL_TSS 0x30 /* 16 bytes in long mode */
#define SNUG__GDT_BYTES 0x40

/* Where the tables of a mode with protection lie in guest memory; all linear = physical. */
struct snug__mode_tables {
	uint64_t gdt, tss, idt, cr3;
	uint16_t idt_limit, tss_limit;
};

/* Does the mode want tables? */
bool snug__mode_has_tables(enum snug_mode mode);

/* Is it a 64-bit mode? */
bool snug__mode_is_long(enum snug_mode mode);

/* The segments that a fault changes, as this mode (one with tables) starts with them: cs and ss. */
void snug__mode_segments(enum snug_mode mode, struct snug_sregs *sregs);

/*
 * Fills sregs and regs for a mode.  sregs comes as the host gave it for a new vCPU: apic_base stays.
 * -ERANGE with a message where entry or stack cannot be reached in that mode; -EINVAL for AUTO.
 */
int snug__mode_state(enum snug_mode mode, uint64_t entry, uint64_t stack, const struct snug__mode_tables *t,
                     struct snug_sregs *sregs, struct snug_regs *regs, struct snug_error *err);

#endif

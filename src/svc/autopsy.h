/* SPDX-License-Identifier: MIT */
/* autopsy: what the files of the autopsy share; nothing here needs KVM */
#ifndef SNUG_SVC_AUTOPSY_H
#define SNUG_SVC_AUTOPSY_H

#include <snug.h>

#include "guest/mem.h"
#include "x86/decode.h"

/* What the rules look at. */
struct snug__facts {
	struct snug_autopsy *a;
	const struct snug__mem *mem;
	enum snug_host_kind host;
	bool has_insn; /* `insn` is the one at rip */
	struct snug__decoded insn;
	struct snug_walk mem_walk; /* of its memory operand, where it has one */
};

/*
 * Fills all that follows from the exit, regs, sregs, started, kind, fault and internal, which are set: the registers of
 * the code that crashed, where it is, what stands there, and why.
 */
void snug__autopsy_fill(struct snug_autopsy *a, const struct snug__mem *mem, enum snug_host_kind host);

/* Puts the frame of a fault into the registers: rip, rsp, rflags, cs and ss as they were before it. */
void snug__autopsy_unwind(const struct snug__mem *mem, const struct snug_exit_fault *fault, struct snug_regs *regs,
                          struct snug_sregs *sregs);

/* cause.c: `what`, and by the first rule that holds, `why` and `rule`. */
void snug__cause_name(struct snug_autopsy *a, const struct snug_exit *x);
void snug__cause_find(const struct snug__facts *f);

#endif

/* SPDX-License-Identifier: MIT */
/* fpu: an instruction of ours on a guest's x87 and SSE registers, between two states; for x87.c and simd.c */
#ifndef SNUG_X86_ASSIST_FPU_H
#define SNUG_X86_ASSIST_FPU_H

#include <stdint.h>

#include "x86/x86.h"

/* SDM 1 table 10-2: the legacy region of an XSAVE area, and the header behind it. */
#define SNUG__FPU_LEGACY 512u
#define SNUG__FPU_HEADER 512u
#define SNUG__FPU_MXCSR 24u

/* What comparisons set: SDM 2A FCOMI, COMISD, PTEST. */
#define SNUG__FPU_COMPARED                                                                                           \
	(X86_RFLAGS_CF | X86_RFLAGS_PF | X86_RFLAGS_AF | X86_RFLAGS_ZF | X86_RFLAGS_SF | X86_RFLAGS_OF)

/* SDM 1 10.2.3: MXCSR's flags, and where their masks are; those found before the result is there. */
#define SNUG__FPU_FLAGS 0x3fu
#define SNUG__FPU_MASK_SHIFT 7u
#define SNUG__FPU_MASKS (SNUG__FPU_FLAGS << SNUG__FPU_MASK_SHIFT)
#define SNUG__FPU_BEFORE 0x07u

/* What an instruction runs with here. */
static inline unsigned snug__fpu_masked(unsigned mxcsr)
{
	return ((mxcsr | SNUG__FPU_MASKS) & ~SNUG__FPU_FLAGS) & 0xffff;
}

/* With the guest's masks: the flags that #XM leaves; 0: it does not come.  One from before the result hides those from after
 * it (SDM 1 4.9.2, 11.5.2.3). */
static inline unsigned snug__fpu_fault(unsigned raised, unsigned mxcsr)
{
	unsigned unmasked = raised & ~(mxcsr >> SNUG__FPU_MASK_SHIFT);

	if (!unmasked)
		return 0;
	return unmasked & SNUG__FPU_BEFORE ? raised & SNUG__FPU_BEFORE : raised;
}

struct snug__fpu {
	uint8_t guest[SNUG__FPU_LEGACY] __attribute__((aligned(16)));
	uint8_t host[SNUG__FPU_LEGACY] __attribute__((aligned(16)));
};

/* Calls it with rax and rcx; rax is what it leaves there.  Its flags.  guest is one fxrstor takes. */
static inline uint64_t snug__fpu_run(struct snug__fpu *f, const uint8_t *code, uint64_t *rax, uint64_t rcx)
{
	uint64_t flags;

	__asm__ volatile("fxsave64 (%[host])\n\t"
	                 "fxrstor64 (%[guest])\n\t"
	                 "sub $128, %%rsp\n\t" /* below it is the compiler's */
	                 "call *%[code]\n\t"
	                 "pushfq\n\t"
	                 "pop %[flags]\n\t"
	                 "add $128, %%rsp\n\t"
	                 "fxsave64 (%[guest])\n\t"
	                 "fxrstor64 (%[host])"
	                 : "+a"(*rax), [flags] "=&r"(flags), "+c"(rcx)
	                 : [host] "r"(f->host), [guest] "r"(f->guest), [code] "r"(code)
	                 : "memory", "cc");
	return flags;
}

#endif

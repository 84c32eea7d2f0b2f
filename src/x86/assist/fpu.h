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

/* SPDX-License-Identifier: MIT */
/* x86: the architecture's constants, each with its manual section */
#ifndef SNUG_X86_X86_H
#define SNUG_X86_X86_H

#include <stdint.h>

/* SDM 3A 2.5 "Control registers" */
#define X86_CR0_PE (1ull << 0)
#define X86_CR0_MP (1ull << 1)
#define X86_CR0_EM (1ull << 2)
#define X86_CR0_TS (1ull << 3)
#define X86_CR0_ET (1ull << 4)
#define X86_CR0_NE (1ull << 5)
#define X86_CR0_WP (1ull << 16)
#define X86_CR0_NW (1ull << 29)
#define X86_CR0_CD (1ull << 30)
#define X86_CR0_PG (1ull << 31)
#define X86_CR4_PSE (1ull << 4)
#define X86_CR4_PAE (1ull << 5)
#define X86_CR4_PGE (1ull << 7)
#define X86_CR4_OSFXSR (1ull << 9)
#define X86_CR4_OSXMMEXCPT (1ull << 10)
#define X86_CR4_LA57 (1ull << 12)
#define X86_CR4_VMXE (1ull << 13)
#define X86_CR4_FSGSBASE (1ull << 16)
#define X86_CR4_OSXSAVE (1ull << 18)
#define X86_CR4_SMAP (1ull << 21)
#define X86_CR4_PKE (1ull << 22)

/* SDM 1 13.1: bits of XCR0 and XSTATE_BV; SDM 2A table 3-8, leaf 7: is CR4.PKE set? */
#define X86_XSTATE_X87 (1ull << 0)
#define X86_XSTATE_SSE (1ull << 1)
#define X86_XSTATE_AVX (1ull << 2)
#define X86_XSTATE_PKRU (1ull << 9)
#define X86_CPUID7_ECX_OSPKE (1u << 4)

/* SDM 3A 2.2.1 "Extended feature enable register" */
#define X86_EFER_SCE (1ull << 0)
#define X86_EFER_LME (1ull << 8)
#define X86_EFER_LMA (1ull << 10)
#define X86_EFER_SVME (1ull << 12) /* APM 2 3.1.7 */

/* SDM 3A 2.3 "System flags and fields in the EFLAGS register" */
#define X86_RFLAGS_CF (1ull << 0)
#define X86_RFLAGS_ONE (1ull << 1) /* reads as 1 */
#define X86_RFLAGS_PF (1ull << 2)
#define X86_RFLAGS_AF (1ull << 4)
#define X86_RFLAGS_ZF (1ull << 6)
#define X86_RFLAGS_SF (1ull << 7)
#define X86_RFLAGS_TF (1ull << 8)
#define X86_RFLAGS_IF (1ull << 9)
#define X86_RFLAGS_DF (1ull << 10)
#define X86_RFLAGS_OF (1ull << 11)
#define X86_RFLAGS_IOPL3 (3ull << 12)
#define X86_RFLAGS_RF (1ull << 16)
#define X86_RFLAGS_VM (1ull << 17)
#define X86_RFLAGS_AC (1ull << 18)

/* SDM 3A 3.4.5.1, 3.5: descriptor types */
#define X86_TYPE_DATA_RW_A 0x3 /* read/write, accessed */
#define X86_TYPE_CODE_XR_A 0xb /* execute/read, accessed */
#define X86_TYPE_LDT 0x2
#define X86_TYPE_TSS_BUSY 0xb       /* 32- or 64-bit TSS, busy */
#define X86_TYPE_INTERRUPT_GATE 0xe /* 32- or 64-bit */

/* SDM 3A 4.3-4.5: paging-structure entries */
#define X86_PTE_P (1ull << 0)
#define X86_PTE_W (1ull << 1)
#define X86_PTE_U (1ull << 2)
#define X86_PTE_A (1ull << 5)
#define X86_PTE_D (1ull << 6)
#define X86_PTE_PS (1ull << 7)
#define X86_PTE_ADDR 0x000ffffffffff000ull /* bits 51:12 */

/* SDM 3A table 6-1: the vectors that push an error code: 8, 10-14, 17, 21 (and AMD's 29, 30: APM 2 8.2) */
#define X86_VECTORS_WITH_CODE                                                                                        \
	((1u << 8) | (1u << 10) | (1u << 11) | (1u << 12) | (1u << 13) | (1u << 14) | (1u << 17) | (1u << 21) |      \
	 (1u << 29) | (1u << 30))

/* SDM 3A table 6-1 */
#define X86_VECTOR_DE 0
#define X86_VECTOR_DB 1
#define X86_VECTOR_BP 3
#define X86_VECTOR_OF 4
#define X86_VECTOR_UD 6
#define X86_VECTOR_NM 7
#define X86_VECTOR_DF 8
#define X86_VECTOR_TS 10
#define X86_VECTOR_NP 11
#define X86_VECTOR_SS 12
#define X86_VECTOR_GP 13
#define X86_VECTOR_PF 14
#define X86_VECTOR_MF 16
#define X86_VECTOR_XM 19

/* SDM 3A 4.7, figure 4-12: the error code of a page fault */
#define X86_PF_PRESENT (1u << 0)
#define X86_PF_WRITE (1u << 1)
#define X86_PF_USER (1u << 2)
#define X86_PF_RESERVED (1u << 3)
#define X86_PF_FETCH (1u << 4)

/* SDM 3B 17.2.3 "Debug status register (DR6)": a single step did it */
#define X86_DR6_BS (1ull << 14)

/* SDM 4 table 2-2 */
#define X86_MSR_TSC 0x10
#define X86_MSR_TSC_ADJUST 0x3b
#define X86_MSR_STAR 0xc0000081
#define X86_MSR_LSTAR 0xc0000082
#define X86_MSR_CSTAR 0xc0000083
#define X86_MSR_FMASK 0xc0000084
#define X86_MSR_KERNEL_GS_BASE 0xc0000102
#define X86_MSR_TSC_AUX 0xc0000103
#define X86_MSR_XSS 0xda0

/* SDM 3A 9.1.4 "First instruction executed" */
#define X86_RESET_VECTOR 0xfffffff0ull
#define X86_RESET_CS_SELECTOR 0xf000
#define X86_RESET_CS_BASE 0xffff0000ull
#define X86_RESET_IP 0xfff0ull

#endif

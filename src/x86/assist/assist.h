/* SPDX-License-Identifier: MIT */
/*
 * assist: carrying out one instruction that KVM's emulator lacks
 *
 * kvm_pvm has no VT-x: what runs at CPL 0 goes through KVM's instruction emulator, which knows no SSE, no int3, no xsave
 * and so on.  KVM reports such an instruction (KVM_INTERNAL_ERROR_EMULATION); this code does its work on a copy of the
 * vCPU's state.  It knows neither KVM nor a VM, so it runs in unit tests and fuzzers, and beside the real CPU.
 *
 * Everything here is the guest's: bytes of instructions, addresses, page tables.  No byte of the guest is ever run: forms
 * of instructions that are known are decoded (Zydis) and done in C, or by an instruction of our own on copied operands.
 */
#ifndef SNUG_X86_ASSIST_ASSIST_H
#define SNUG_X86_ASSIST_ASSIST_H

#include <snug.h>

#include "guest/mem.h"
#include "x86/decode.h"

/* For the counters of --stats: what was done. */
enum snug__assist_kind {
	SNUG__ASSIST_OTHER = 0, /* nothing: not known */
	SNUG__ASSIST_TRAP,      /* int3, int n, int1, ud0-ud2: exceptions by instruction */
	SNUG__ASSIST_SYSTEM,  /* rdtscp, lar, lsl, verr, verw, stac, clac, invpcid, clwb, monitor, mwait, rdpkru... */
	SNUG__ASSIST_SYSRET,  /* sysret, iret forms */
	SNUG__ASSIST_XSAVE,   /* xgetbv, xsave and xrstor family, ldmxcsr, stmxcsr */
	SNUG__ASSIST_INTEGER, /* popcnt, crc32, BMI, adcx, adox, movbe, rdpid */
	SNUG__ASSIST_CX16,    /* cmpxchg16b, locked */
	SNUG__ASSIST_X87,
	SNUG__ASSIST_SIMD, /* MMX, SSE, AVX, AES, SHA */
	SNUG__ASSIST_KINDS
};

enum snug__assist_result {
	SNUG__ASSIST_UNKNOWN = 0, /* nothing was changed */
	SNUG__ASSIST_DONE,        /* regs.rip is behind it (or where it jumped) */
	SNUG__ASSIST_FAULT, /* it raised `fault`; regs.rip is what the frame is to hold; else nothing was changed */
};

/*
 * What an instruction may need beyond registers and memory, asked for only when it does.  The calls return 0 or a negative
 * errno, which makes the instruction UNKNOWN.
 */
struct snug__assist_ops {
	int (*get_xsave)(void *ctx, uint8_t area[4096]); /* KVM 4.42: standard format, XSTATE_BV in the header */
	int (*set_xsave)(void *ctx, const uint8_t area[4096]);
	int (*get_xcr0)(void *ctx, uint64_t *xcr0);
	int (*set_xcr0)(void *ctx, uint64_t xcr0);
	int (*get_msr)(void *ctx, uint32_t msr, uint64_t *value);
	int (*set_msr)(void *ctx, uint32_t msr, uint64_t value);
	/* The guest's own table: what this vCPU is said to have.  false: no such leaf. */
	bool (*cpuid)(void *ctx, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
};

struct snug__assist_fault {
	uint8_t vector; /* SDM 3A table 6-1 */
	bool has_code;
	bool soft; /* int3, int n: a trap; rip is behind the instruction already */
	uint32_t code;
	uint64_t cr2; /* of #PF */
};

/* One instruction's world: a copy of a vCPU's state, put back by the caller where the result says so. */
struct snug__assist {
	struct snug_regs regs;
	struct snug_sregs sregs;
	bool sregs_changed; /* out */
	bool flush;         /* out: what is cached of page tables is to be forgotten */
	struct snug__mem *mem;
	const struct snug__decoder *decoder;
	const struct snug__assist_ops *ops;
	void *ctx;                       /* of ops */
	struct snug__assist_fault fault; /* out */
	enum snug__assist_kind kind;     /* out */
};

/*
 * Carries out the instruction at regs.rip, whose first bytes are insn (len 1 to 15; there may be more behind it).  Modes:
 * 64-bit, compatibility, 32- and 16-bit protected, real.
 */
enum snug__assist_result snug__assist(struct snug__assist *a, const uint8_t *insn, unsigned len);

/* "int3 and the like": a kind's name for people. */
const char *snug__assist_kind_name(enum snug__assist_kind kind);

/* ------------------------------------------------------------------------------------------------------------
 * Shared by the files of this folder.
 *
 * access.c: memory as the CPU sees it.  Linear addresses go through the guest's page tables with the rights of the
 * current privilege (SDM 3A 4.6: U/S, R/W with CR0.WP, NX, SMAP with EFLAGS.AC, protection keys of user pages), set accessed
 * and dirty bits (4.8), cross pages, and in 64-bit mode must be canonical.  true: done; false: a->fault is set (#PF, #GP or
 * #SS), nothing was written, not even in part.
 * --------------------------------------------------------------------------------------------------------- */
bool snug__assist_read(struct snug__assist *a, uint64_t linear, void *to, unsigned len);
bool snug__assist_read_system(struct snug__assist *a, uint64_t linear, void *to, unsigned len); /* as if at CPL 0 */
bool snug__assist_write(struct snug__assist *a, uint64_t linear, const void *from, unsigned len);

/*
 * A host pointer to len bytes (at most 16, within one naturally aligned block of len) for a locked read-modify-write, with
 * rights and marks of a write; NULL: a->fault is set, or what is there is no RAM (fault.vector 0: UNKNOWN).
 */
void *snug__assist_lock(struct snug__assist *a, uint64_t linear, unsigned len);

/* Raises a fault: always returns SNUG__ASSIST_FAULT. */
enum snug__assist_result snug__assist_raise(struct snug__assist *a, uint8_t vector);
enum snug__assist_result snug__assist_raise_code(struct snug__assist *a, uint8_t vector, uint32_t code);

/* 0 real or virtual-8086, else CS.DPL (SS.DPL). */
unsigned snug__assist_cpl(const struct snug__assist *a);

#endif

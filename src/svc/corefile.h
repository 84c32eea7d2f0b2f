/* SPDX-License-Identifier: MIT */
/* corefile: an ELF core file of a guest; nothing here needs KVM */
#ifndef SNUG_SVC_COREFILE_H
#define SNUG_SVC_COREFILE_H

#include <snug.h>

#include "guest/mem.h"

/* The most PT_LOAD headers, and the most page-table entries looked at for them. */
#define SNUG__CORE_LOADS 2048u
#define SNUG__CORE_BUDGET (1u << 20)

/* One vCPU. */
struct snug__core_cpu {
	uint32_t index;
	struct snug_regs regs;
	struct snug_sregs sregs;
};

/*
 * Notes of ours have the name "SNUG" and one of these types; docs/autopsy.md describes them.  gdb takes a note for what
 * its type says, whatever its name: so these are no type anybody has.
 */
#define SNUG__CORE_NOTE_CPU 0x534e5501
#define SNUG__CORE_NOTE_MEMORY 0x534e5502

/* cpus[0] is the one whose page tables give the addresses; signal is told of it. */
int snug__corefile_write(const struct snug__mem *mem, const struct snug__core_cpu *cpus, unsigned count, int signal,
                         snug_core_fn write, void *ctx, uint64_t *bytes, struct snug_error *err);

#endif

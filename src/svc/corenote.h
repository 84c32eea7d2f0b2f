/* SPDX-License-Identifier: MIT */
/* corenote: the notes of an ELF core file */
#ifndef SNUG_SVC_CORENOTE_H
#define SNUG_SVC_CORENOTE_H

#include "svc/corefile.h"

/* The most bytes the notes of one vCPU take, and of the memory's note without its rows of SNUG__CORE_ROW. */
#define SNUG__CORE_CPU_BYTES 1024u
#define SNUG__CORE_MEM_BYTES 64u
#define SNUG__CORE_ROW 32u

/* Each writes at `at` and returns where it ended.  wide: class 64. */
uint8_t *snug__corenote_cpu(uint8_t *at, const struct snug__core_cpu *cpu, bool wide, int signal);

/* data: offset of the first region's bytes in the file; regions past `limit` are not in it. */
uint8_t *snug__corenote_memory(uint8_t *at, const struct snug__mem *mem, uint64_t data, uint64_t limit, bool cut);

#endif

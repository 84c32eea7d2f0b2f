/* SPDX-License-Identifier: MIT */
/* kernel: what the boot protocols of kernels have in common */
#ifndef SNUG_LOAD_KERNEL_H
#define SNUG_LOAD_KERNEL_H

#include "load/load.h"

/* Where what a kernel is told goes: all below 640 KiB, above the BIOS's data. */
#define SNUG__INFO_GPA 0x7000u
#define SNUG__TEXT_GPA 0x20000u
#define SNUG__TEXT_MAX 0x10000u
#define SNUG__INFO_END (SNUG__TEXT_GPA + SNUG__TEXT_MAX)
#define SNUG__HIGH_GPA 0x100000u /* kernels go above it */

/* The memory map: the machine's, or without one what memory there is, with the PC's hole below 1 MiB. */
unsigned snug__kernel_e820(const struct snug__boot_want *want, const struct snug__mem *mem,
                           struct snug__e820 rows[SNUG__E820_MAX]);

/*
 * What a caller must leave to the kernel (-EINVAL), a command line of more than cmdline_max bytes (-E2BIG), no memory for
 * the boot data (-ERANGE).  loader is for messages, mode the one it starts in.
 */
int snug__kernel_check(const char *loader, const struct snug__boot_want *want, enum snug_mode mode,
                       uint64_t cmdline_max, const struct snug__mem *mem, struct snug_error *err);

/* Puts the modules behind `from`, each on pages of its own, below 4 GiB; at[i] is where.  With `look` nothing is written. */
int snug__kernel_modules(const char *loader, const struct snug__boot_want *want, struct snug__mem *mem, uint64_t from,
                         bool look, uint64_t at[SNUG_MODULES_MAX], struct snug_error *err);

/* Strings, one behind the other from SNUG__TEXT_GPA on; all of what one loader writes fits, or -E2BIG. */
struct snug__kernel_text {
	struct snug__mem *mem;
	uint64_t used;
	bool full;
};
/* Where it is now. */
uint32_t snug__kernel_text(struct snug__kernel_text *t, const char *s);

/* Do all strings of `want`, with `more` bytes besides, fit?  -E2BIG. */
int snug__kernel_texts_fit(const char *loader, const struct snug__boot_want *want, uint64_t more,
                           struct snug_error *err);

#endif

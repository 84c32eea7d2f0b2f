/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "base/err.h"
#include "base/text.h"
#include "load/load.h"

typedef unsigned long long ull;

#define REAL_STACK                                                                                                   \
	0x7000 /* below the boot sector's place at 0x7c00, above the BIOS's data and a flat image's start */

/*
 * What the registers of a mode reach.  In real mode CS:IP starts below 1 MiB, and SP counts down from at most 64 KiB
 * with SS at 0 (SDM 3A 20.1.1 "Address Translation in Real-Address Mode"); EIP and ESP have 32 bits.
 */
static const struct reach {
	uint64_t entry_end, stack_max;
} reaches[] = {
    [SNUG_MODE_REAL] = {0x100000, 0x10000},         [SNUG_MODE_PROTECTED] = {1ull << 32, UINT32_MAX},
    [SNUG_MODE_PAGED32] = {1ull << 32, UINT32_MAX}, [SNUG_MODE_LONG] = {UINT64_MAX, UINT64_MAX},
    [SNUG_MODE_USER] = {UINT64_MAX, UINT64_MAX},
};

uint64_t snug__default_stack(enum snug_mode mode, const struct snug__mem *mem)
{
	if (mode == SNUG_MODE_REAL)
		return REAL_STACK;
	return snug__min(snug__mem_low_end(mem), SNUG__RAM_GAP_GPA);
}

struct snug__boot_hint snug__boot_memory_hint(uint64_t end)
{
	struct snug__boot_hint h;
	uint64_t need = end <= SNUG__RAM_GAP_GPA ? end : end - (SNUG__RAM_HIGH_GPA - SNUG__RAM_GAP_GPA);

	if ((end > SNUG__RAM_GAP_GPA && end <= SNUG__RAM_HIGH_GPA) || end > 1ull << 40)
		snprintf(h.s, sizeof(h.s), "link or load it below 0x%llx", SNUG__RAM_GAP_GPA);
	else
		snprintf(h.s, sizeof(h.s), "give the guest more memory: --mem %s", snug__text_option_size(need).s);
	return h;
}

static int outside(const char *loader, const char *what, uint64_t at, const struct snug__mem *mem,
                   struct snug_error *err)
{
	return snug__err(err, -ERANGE, SNUG_STEP_NONE, "give one inside memory, or more memory (--mem)",
	                 "%s: %s 0x%llx is outside memory (RAM is 0x0-0x%llx)", loader, what, (ull)at,
	                 (ull)snug__mem_low_end(mem));
}

int snug__boot_finish(const char *loader, const struct snug__boot_want *want, const struct snug__mem *mem,
                      struct snug_boot *out, struct snug_error *err)
{
	const struct reach *r = &reaches[out->mode];

	if (out->entry >= r->entry_end)
		return snug__err(err, -ERANGE, SNUG_STEP_NONE, "start it lower, or in another mode (--mode)",
		                 "%s: entry 0x%llx: mode %s reaches no further than 0x%llx", loader, (ull)out->entry,
		                 snug_mode_name(out->mode), (ull)r->entry_end);
	if (!snug__mem_has(mem, out->entry, 1))
		return outside(loader, "entry", out->entry, mem, err);
	out->stack = want->stack ? want->stack : snug__default_stack(out->mode, mem);
	if (out->stack > r->stack_max)
		return snug__err(err, -ERANGE, SNUG_STEP_NONE, "give a lower stack, or another mode (--mode)",
		                 "%s: stack 0x%llx: mode %s reaches no further than 0x%llx", loader, (ull)out->stack,
		                 snug_mode_name(out->mode), (ull)r->stack_max);
	/* what is pushed first lies below the stack's address; a default is good even where no memory is */
	if (want->stack && !snug__mem_has(mem, want->stack - 1, 1))
		return outside(loader, "stack", want->stack, mem, err);
	return 0;
}

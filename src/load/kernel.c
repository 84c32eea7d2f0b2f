/* SPDX-License-Identifier: MIT */
#include "load/kernel.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"

typedef unsigned long long ull;

unsigned snug__kernel_e820(const struct snug__boot_want *want, const struct snug__mem *mem,
                           struct snug__e820 rows[SNUG__E820_MAX])
{
	uint64_t low = snug__mem_low_end(mem);
	unsigned n = 0;

	if (want->machine) {
		memcpy(rows, want->machine->e820, sizeof(want->machine->e820));
		return want->machine->e820_count;
	}
	rows[n++] = (struct snug__e820){0, 0xa0000, SNUG__E820_RAM};
	if (low > SNUG__HIGH_GPA)
		rows[n++] = (struct snug__e820){SNUG__HIGH_GPA, low - SNUG__HIGH_GPA, SNUG__E820_RAM};
	for (unsigned i = 0; i < mem->count && n < SNUG__E820_MAX; i++)
		if (mem->regions[i].gpa >= SNUG__RAM_HIGH_GPA && !(mem->regions[i].flags & SNUG_MEM_READONLY))
			rows[n++] = (struct snug__e820){mem->regions[i].gpa, mem->regions[i].bytes, SNUG__E820_RAM};
	return n;
}

int snug__kernel_check(const char *loader, const struct snug__boot_want *want, enum snug_mode mode,
                       uint64_t cmdline_max, const struct snug__mem *mem, struct snug_error *err)
{
	size_t len = want->cmdline ? strlen(want->cmdline) : 0;
	uint64_t most = snug__min(cmdline_max, SNUG__TEXT_MAX - 1);

	if (want->has_load || want->has_entry || (want->mode != SNUG_MODE_AUTO && want->mode != mode))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "leave out --load, --entry and --mode",
		                 "%s: a kernel says itself where it goes and how it starts", loader);
	if (len > most)
		return snug__err(err, -E2BIG, SNUG_STEP_NONE, "shorten it (--append)",
		                 "%s: the command line has %zu bytes, this kernel takes %llu", loader, len,
		                 (ull)most);
	if (!snug__mem_has(mem, 0, SNUG__INFO_END))
		return snug__err(err, -ERANGE, SNUG_STEP_NONE, snug__boot_memory_hint(SNUG__INFO_END).s,
		                 "%s: the boot data needs memory at 0x0-0x%x, RAM is 0x0-0x%llx", loader,
		                 SNUG__INFO_END, (ull)snug__mem_low_end(mem));
	return 0;
}

int snug__kernel_modules(const char *loader, const struct snug__boot_want *want, struct snug__mem *mem, uint64_t from,
                         bool look, uint64_t at[SNUG_MODULES_MAX], struct snug_error *err)
{
	uint64_t next = from;
	int r = 0;

	for (unsigned i = 0; r >= 0 && i < want->module_count; i++) {
		struct snug__span m = want->modules[i].bytes;

		at[i] = (next + SNUG_PAGE - 1) & ~(SNUG_PAGE - 1);
		if (!snug__add(at[i], m.len, &next) || next > UINT32_MAX || !snug__mem_has(mem, at[i], m.len))
			return snug__err(err, -ERANGE, SNUG_STEP_NONE, snug__boot_memory_hint(next).s,
			                 "%s: module %u of %zu bytes does not fit behind 0x%llx, RAM is 0x0-0x%llx",
			                 loader, i, m.len, (ull)at[i], (ull)snug__mem_low_end(mem));
		if (!look && m.len)
			r = snug__mem_write(mem, at[i], m.at, m.len);
	}
	return r;
}

uint32_t snug__kernel_text(struct snug__kernel_text *t, const char *s)
{
	uint64_t at = SNUG__TEXT_GPA + t->used, len = strlen(s) + 1;

	if (t->full || len > SNUG__TEXT_MAX - t->used || snug__mem_write(t->mem, at, s, len) < 0) {
		t->full = true;
		return 0;
	}
	t->used += len;
	return (uint32_t)at;
}

int snug__kernel_texts_fit(const char *loader, const struct snug__boot_want *want, uint64_t more,
                           struct snug_error *err)
{
	uint64_t total = more + (want->cmdline ? strlen(want->cmdline) : 0) + 1;

	for (unsigned i = 0; i < want->module_count; i++)
		total += strlen(want->modules[i].args) + 1;
	if (total <= SNUG__TEXT_MAX)
		return 0;
	return snug__err(err, -E2BIG, SNUG_STEP_NONE, "shorten them",
	                 "%s: command line and modules' arguments have %llu bytes together, at most %u fit", loader,
	                 (ull)total, SNUG__TEXT_MAX);
}

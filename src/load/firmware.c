/* SPDX-License-Identifier: MIT */
/*
 * A ROM ends at 4 GiB: the first instruction after power-on is fetched from 0xfffffff0 (SDM 3A 9.1.4 "First
 * Instruction Executed").  Its last 128 KiB are seen once more below 1 MiB, where real mode reaches them; that is RAM
 * here, since a BIOS writes to it.
 */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "load/load.h"

#define ROM_END 0x100000000ull
#define ROM_MAX (ROM_END - SNUG__RESERVED_GPA - SNUG__RESERVED_BYTES)
#define RESET_VECTOR 0xfffffff0ull
#define ROM_MIN (ROM_END - RESET_VECTOR)
#define SHADOW_END 0x100000ull
#define SHADOW_MAX 0x20000ull

_Static_assert(ROM_MAX == 16 << 20, "the ROM lies wholly above KVM's pages");

static int check(struct snug__span image, const struct snug__boot_want *want, struct snug_error *err)
{
	if (want->mode != SNUG_MODE_AUTO && want->mode != SNUG_MODE_RESET)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "leave out the mode (--mode)",
		                 "firmware: it starts in mode reset, not %s", snug_mode_name(want->mode));
	if (want->has_load || want->has_entry || want->stack)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE,
		                 "leave out load address, entry and stack (--load, --entry)",
		                 "firmware: it ends at 4 GiB and starts at the reset vector");
	if (image.len < ROM_MIN)
		return snug__err(err, -ENOEXEC, SNUG_STEP_NONE, "give a whole ROM image",
		                 "firmware: %zu bytes, the code at the reset vector alone has %u", image.len,
		                 (unsigned)ROM_MIN);
	if (image.len > ROM_MAX)
		return snug__err(err, -EFBIG, SNUG_STEP_NONE, "give a ROM image of at most 16 MiB",
		                 "firmware: %zu bytes, more than the %llu that fit below 4 GiB", image.len, ROM_MAX);
	return 0;
}

/* The ROM's region, which is there already where firmware of this size is loaded again. */
static int need_rom(struct snug__mem *mem, snug_gpa gpa, struct snug_error *err)
{
	const struct snug__region *r = snug__mem_find(mem, gpa);
	struct snug_region rom = {.gpa = gpa, .bytes = ROM_END - gpa, .flags = SNUG_MEM_READONLY, .name = "rom"};
	int ret;

	if (r && r->gpa == gpa && r->bytes == rom.bytes && r->flags == rom.flags && strcmp(r->name, rom.name) == 0)
		return 0;
	ret = snug__mem_add(mem, &rom, err);
	return ret < 0 ? snug__err_wrap(err, ret, "firmware") : 0;
}

int snug__load_firmware(struct snug__span image, const struct snug__boot_want *want, struct snug__mem *mem,
                        struct snug_boot *out, struct snug_regs *regs, struct snug_error *err)
{
	uint64_t shadow = snug__min(image.len, SHADOW_MAX), rom, pad;
	int ret = check(image, want, err);

	(void)regs;
	if (ret < 0)
		return ret;
	if (!snug__mem_has(mem, SHADOW_END - shadow, shadow))
		return snug__err(err, -ERANGE, SNUG_STEP_NONE, "give the guest more memory: --mem 1M",
		                 "firmware: its copy at 0x%llx-0x%llx is outside memory (RAM is 0x0-0x%llx)",
		                 SHADOW_END - shadow, SHADOW_END, (unsigned long long)snug__mem_low_end(mem));
	pad = (0 - (uint64_t)image.len) & (SNUG_PAGE - 1);
	rom = ROM_END - image.len - pad;
	ret = need_rom(mem, rom, err);
	if (ret < 0)
		return ret;
	if (pad)
		memset(snug__mem_ptr(mem, rom, pad, true), 0xff, pad); /* erased flash */
	ret = snug__mem_write(mem, rom + pad, image.at, image.len);
	if (ret == 0)
		ret = snug__mem_write(mem, SHADOW_END - shadow, image.at + image.len - shadow, shadow);
	if (ret == 0)
		*out = (struct snug_boot){.size = sizeof(*out),
		                          .kind = SNUG_KIND_FIRMWARE,
		                          .mode = SNUG_MODE_RESET,
		                          .low = SHADOW_END - shadow,
		                          .high = ROM_END,
		                          .entry = RESET_VECTOR};
	return ret;
}

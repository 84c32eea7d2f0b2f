/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/err.h"
#include "load/load.h"

typedef unsigned long long ull;

#define LOAD_DEFAULT 0x100000 /* 1 MiB: above the PC's BIOS area, where kernels are used to be */
#define LOAD_REAL 0x1000      /* above the interrupt table and the BIOS's data */
#define LOAD_SECTOR 0x7c00    /* where a BIOS puts a boot sector: IBM PC AT Technical Reference, INT 19H */

static snug_gpa default_load(enum snug_mode mode, struct snug__span image)
{
	if (mode != SNUG_MODE_REAL)
		return LOAD_DEFAULT;
	return snug__is_boot_sector(image) ? LOAD_SECTOR : LOAD_REAL;
}

static int check_fits(const struct snug__mem *mem, snug_gpa load, uint64_t len, struct snug_error *err)
{
	const struct snug__region *r = snug__mem_find(mem, load);
	uint64_t need = 0, end = load;

	if (!snug__add(load, len, &need) || !r)
		return snug__err(err, -ERANGE, SNUG_STEP_NONE, "give a load address (--load) inside memory",
		                 "flat: load address 0x%llx is outside memory (RAM is 0x0-0x%llx)", (ull)load,
		                 (ull)snug__mem_low_end(mem));
	if (snug__mem_has(mem, load, len))
		return 0;
	for (; r; r = snug__mem_find(mem, end))
		end = r->gpa + r->bytes;
	return snug__err(err, -EFBIG, SNUG_STEP_NONE, snug__boot_memory_hint(need).s,
	                 "flat: %llu bytes at 0x%llx do not fit: memory there ends at 0x%llx", (ull)len, (ull)load,
	                 (ull)end);
}

int snug__load_flat(struct snug__span image, const struct snug__boot_want *want, struct snug__mem *mem,
                    struct snug_boot *out, struct snug_regs *regs, struct snug_error *err)
{
	struct snug_boot b = {.size = sizeof(b), .kind = SNUG_KIND_FLAT, .mode = want->mode};
	int ret;

	(void)regs;
	if (image.len == 0)
		return snug__err(err, -ENOEXEC, SNUG_STEP_NONE, "give a file with a guest in it",
		                 "flat: the image is empty");
	if (b.mode == SNUG_MODE_AUTO)
		b.mode = snug__is_boot_sector(image) ? SNUG_MODE_REAL : SNUG_MODE_LONG;
	if (b.mode < SNUG_MODE_REAL || b.mode > SNUG_MODE_USER)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE,
		                 "use mode real, protected, paged32, long or user; reset is for kind firmware",
		                 "flat: raw code does not start in mode %s", snug_mode_name(b.mode));
	b.low = want->has_load ? want->load : default_load(b.mode, image);
	ret = check_fits(mem, b.low, image.len, err);
	if (ret < 0)
		return ret;
	b.high = b.low + image.len;
	b.entry = want->has_entry ? want->entry : b.low;
	ret = snug__boot_finish("flat", want, mem, &b, err);
	if (ret < 0)
		return ret;
	ret = snug__mem_write(mem, b.low, image.at, image.len);
	if (ret == 0)
		*out = b;
	return ret;
}

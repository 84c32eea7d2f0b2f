/* SPDX-License-Identifier: MIT */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "load/load.h"

/* The signature that makes a BIOS start a sector: IBM PC AT Technical Reference, BIOS listing, INT 19H. */
#define SECTOR_BYTES 512
#define SIGNATURE_AT 510
#define SIGNATURE 0xaa55

bool snug__is_boot_sector(struct snug__span image)
{
	return image.len >= SECTOR_BYTES && snug__le_load(image.at + SIGNATURE_AT, 2) == SIGNATURE;
}

bool snug__is_elf(struct snug__span image)
{
	return image.len >= SELFMAG && memcmp(image.at, ELFMAG, SELFMAG) == 0;
}

int snug__detect(struct snug__span image, const struct snug__boot_want *want, struct snug_error *err)
{
	uint64_t value;

	if (image.len == 0)
		return snug__err(err, -ENOEXEC, SNUG_STEP_NONE, "give a file with a guest in it", "image: empty");
	if (snug__is_elf(image))
		return snug__elf_note(image, "Linux", -1, &value) ? SNUG_KIND_LINUX
		       : snug__pvh_entry(image, &value)           ? SNUG_KIND_PVH
		       : snug__is_multiboot(image)                ? SNUG_KIND_MULTIBOOT
		                                                  : SNUG_KIND_ELF;
	if (snug__is_bzimage(image))
		return SNUG_KIND_LINUX;
	if (snug__is_multiboot(image))
		return SNUG_KIND_MULTIBOOT;
	if (snug__is_boot_sector(image) || want->mode != SNUG_MODE_AUTO || want->has_load || want->has_entry)
		return SNUG_KIND_FLAT;
	return snug__err(
	    err, -ENOEXEC, SNUG_STEP_NONE,
	    "if it is raw code, say so: kind flat (--as flat), or a mode (--mode), load address (--load) "
	    "or entry (--entry); a BIOS image is kind firmware (--as firmware)",
	    "image: not ELF, not a boot sector");
}

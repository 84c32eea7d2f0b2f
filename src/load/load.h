/* SPDX-License-Identifier: MIT */
/* load: the loaders, one file each */
#ifndef SNUG_LOAD_LOAD_H
#define SNUG_LOAD_LOAD_H

#include "guest/boot.h"

/*
 * What the bytes are: SNUG_KIND_ELF by magic, SNUG_KIND_FLAT for a boot sector or where want gives a mode, load
 * address or entry; else -ENOEXEC with the hint.  An empty image is -ENOEXEC.
 */
int snug__detect(struct snug__span image, const struct snug__boot_want *want, struct snug_error *err);

/* Bytes 55 AA at offset 510 (and at least 512 bytes). */
bool snug__is_boot_sector(struct snug__span image);
bool snug__is_elf(struct snug__span image);

int snug__load_flat(struct snug__span image, const struct snug__boot_want *want, struct snug__mem *mem,
                    struct snug_boot *out, struct snug_regs *regs, struct snug_error *err);
int snug__load_elf(struct snug__span image, const struct snug__boot_want *want, struct snug__mem *mem,
                   struct snug_boot *out, struct snug_regs *regs, struct snug_error *err);
int snug__load_firmware(struct snug__span image, const struct snug__boot_want *want, struct snug__mem *mem,
                        struct snug_boot *out, struct snug_regs *regs, struct snug_error *err);

int snug__load_linux(struct snug__span image, const struct snug__boot_want *want, struct snug__mem *mem,
                     struct snug_boot *out, struct snug_regs *regs, struct snug_error *err);

int snug__load_pvh(struct snug__span image, const struct snug__boot_want *want, struct snug__mem *mem,
                   struct snug_boot *out, struct snug_regs *regs, struct snug_error *err);
int snug__load_multiboot(struct snug__span image, const struct snug__boot_want *want, struct snug__mem *mem,
                         struct snug_boot *out, struct snug_regs *regs, struct snug_error *err);

/* The entry its note gives; false: it has none. */
bool snug__pvh_entry(struct snug__span image, uint64_t *entry);

/* A Multiboot header with a right checksum in the first 8 KiB. */
bool snug__is_multiboot(struct snug__span image);

/* Would its segments fit?  Gives low, high and the entry the file names, whatever that is. */
int snug__elf_extent(struct snug__span image, const struct snug__mem *mem, struct snug_boot *out,
                     struct snug_error *err);

/* A note of that owner and type (any: -1), and the number it has. */
bool snug__elf_note(struct snug__span image, const char *name, int type, uint64_t *value);

/* A bzImage by its magic "HdrS": Linux Documentation/arch/x86/boot.rst. */
bool snug__is_bzimage(struct snug__span image);

/* The default stack of a mode: 0x7000 in real mode, else the end of RAM below 3 GiB, 16-aligned. */
uint64_t snug__default_stack(enum snug_mode mode, const struct snug__mem *mem);

/*
 * What flat and ELF images end with: *out has mode and entry; their entry must lie in memory and within the mode's
 * reach, and so must the stack, which is want's or the default.  loader is "flat" or "elf", for messages.  -ERANGE.
 */
int snug__boot_finish(const char *loader, const struct snug__boot_want *want, const struct snug__mem *mem,
                      struct snug_boot *out, struct snug_error *err);

/* What to do about memory that ends below `end`, an address an image needs. */
struct snug__boot_hint {
	char s[128];
};
struct snug__boot_hint snug__boot_memory_hint(uint64_t end);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * PVH: an ELF file that says in a note where it starts in 32-bit protected mode: Xen docs/misc/pvh.pandoc,
 * xen/include/public/arch-x86/hvm/start_info.h
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "load/kernel.h"

typedef unsigned long long ull;

#define PHYS32_ENTRY 18 /* xen/include/public/elfnote.h */
#define MAGIC 0x336ec578u
#define VERSION 1u

/* struct hvm_start_info, and where its tables follow in the same page. */
enum {
	INFO_MAGIC = 0,    /* 4 */
	INFO_VERSION = 4,  /* 4 */
	INFO_MODULES = 12, /* 4: how many */
	INFO_MODLIST = 16, /* 8 */
	INFO_CMDLINE = 24, /* 8 */
	INFO_RSDP = 32,    /* 8 */
	INFO_MEMMAP = 40,  /* 8 */
	INFO_ENTRIES = 48, /* 4 */
	INFO_BYTES = 56,

	MODULE_AT = 0,       /* 8 */
	MODULE_LEN = 8,      /* 8 */
	MODULE_CMDLINE = 16, /* 8 */
	MODULE_BYTES = 32,

	MAP_BASE = 0,  /* 8 */
	MAP_LEN = 8,   /* 8 */
	MAP_TYPE = 16, /* 4 */
	MAP_BYTES = 24,

	MODLIST = 0x100,
	MEMMAP = MODLIST + SNUG_MODULES_MAX * MODULE_BYTES,
	PAGE_USED = MEMMAP + SNUG__E820_MAX * MAP_BYTES,
};
_Static_assert(PAGE_USED <= SNUG_PAGE, "one page");

static void put_modules(uint8_t *page, const struct snug__boot_want *want, const uint64_t *at,
                        struct snug__kernel_text *text)
{
	snug__le_store(page + INFO_MODULES, 4, want->module_count);
	snug__le_store(page + INFO_MODLIST, 8, want->module_count ? SNUG__INFO_GPA + MODLIST : 0);
	for (unsigned i = 0; i < want->module_count; i++) {
		uint8_t *row = page + MODLIST + (size_t)i * MODULE_BYTES;

		snug__le_store(row + MODULE_AT, 8, at[i]);
		snug__le_store(row + MODULE_LEN, 8, want->modules[i].bytes.len);
		snug__le_store(row + MODULE_CMDLINE, 8, snug__kernel_text(text, want->modules[i].args));
	}
}

static int write_info(const struct snug__boot_want *want, struct snug__mem *mem, const uint64_t *at)
{
	struct snug__kernel_text text = {.mem = mem};
	struct snug__e820 rows[SNUG__E820_MAX];
	unsigned n = snug__kernel_e820(want, mem, rows);
	uint8_t page[SNUG_PAGE] = {0};

	snug__le_store(page + INFO_MAGIC, 4, MAGIC);
	snug__le_store(page + INFO_VERSION, 4, VERSION);
	snug__le_store(page + INFO_CMDLINE, 8, snug__kernel_text(&text, want->cmdline ? want->cmdline : ""));
	snug__le_store(page + INFO_RSDP, 8, want->machine ? want->machine->rsdp : 0);
	put_modules(page, want, at, &text);
	snug__le_store(page + INFO_MEMMAP, 8, SNUG__INFO_GPA + MEMMAP);
	snug__le_store(page + INFO_ENTRIES, 4, n);
	for (unsigned i = 0; i < n; i++) {
		uint8_t *row = page + MEMMAP + (size_t)i * MAP_BYTES;

		snug__le_store(row + MAP_BASE, 8, rows[i].base);
		snug__le_store(row + MAP_LEN, 8, rows[i].bytes);
		snug__le_store(row + MAP_TYPE, 4, rows[i].type);
	}
	return snug__mem_write(mem, SNUG__INFO_GPA, page, sizeof(page));
}

bool snug__pvh_entry(struct snug__span image, uint64_t *entry)
{
	return snug__elf_note(image, "Xen", PHYS32_ENTRY, entry);
}

static int check(struct snug__span image, const struct snug__boot_want *want, const struct snug__mem *mem,
                 struct snug_boot *b, struct snug_error *err)
{
	int r = snug__elf_extent(image, mem, b, err);

	if (r < 0)
		return snug__err_wrap(err, r, "pvh");
	if (!snug__pvh_entry(image, &b->entry))
		return snug__err(err, -ENOEXEC, SNUG_STEP_NONE, "build it with CONFIG_PVH, or load it as --as linux",
		                 "pvh: no note PHYS32_ENTRY (type 18) of owner Xen");
	if (b->low < SNUG__HIGH_GPA)
		return snug__err(err, -ENOEXEC, SNUG_STEP_NONE, "link it to 1 MiB or above",
		                 "pvh: its first segment is at 0x%llx, where the boot data goes", (ull)b->low);
	r = snug__kernel_check("pvh", want, SNUG_MODE_PROTECTED, SNUG__TEXT_MAX - 1, mem, err);
	if (r >= 0)
		r = snug__kernel_texts_fit("pvh", want, 0, err);
	return r < 0 ? r : snug__boot_finish("pvh", want, mem, b, err);
}

int snug__load_pvh(struct snug__span image, const struct snug__boot_want *want, struct snug__mem *mem,
                   struct snug_boot *out, struct snug_regs *regs, struct snug_error *err)
{
	struct snug_boot b = {.size = sizeof(b), .kind = SNUG_KIND_PVH, .mode = SNUG_MODE_PROTECTED}, elf;
	struct snug_regs none = {0};
	uint64_t at[SNUG_MODULES_MAX];
	int r = check(image, want, mem, &b, err);

	if (r >= 0)
		r = snug__kernel_modules("pvh", want, mem, b.high, true, at, err);
	if (r >= 0) {
		struct snug__boot_want plain = {.has_entry = true, .entry = b.entry};

		r = snug__load_elf(image, &plain, mem, &elf, &none, err);
	}
	if (r >= 0)
		r = snug__kernel_modules("pvh", want, mem, b.high, false, at, err);
	if (r >= 0)
		r = write_info(want, mem, at);
	if (r < 0)
		return r;
	*out = b;
	regs->rbx = SNUG__INFO_GPA;
	return 0;
}

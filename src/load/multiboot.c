/* SPDX-License-Identifier: MIT */
/*
 * Multiboot, version 1 (0.6.96): a header in the first 8 KiB says what the kernel wants, and where it goes if it is no
 * ELF file; it starts in 32-bit protected mode.
 */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "load/kernel.h"

typedef unsigned long long ull;

/* 3.1.1 "The layout of Multiboot header" */
#define SEARCH 8192u
#define MAGIC 0x1badb002u
#define BOOTED 0x2badb002u /* 3.2 "Machine state" */
#define HEADER_FLAGS 4u
#define HEADER_CHECKSUM 8u
#define HEADER_ADDR 12u /* then load_addr, load_end_addr, bss_end_addr, entry_addr */
#define HEADER_BYTES 12u
#define KLUDGE_BYTES 32u
#define WANT_PAGES (1u << 0)
#define WANT_MEMORY (1u << 1)
#define WANT_VIDEO (1u << 2)
#define WANT_MASK 0xffffu /* bits a loader must know */
#define HAS_ADDRESSES (1u << 16)

/* 3.3 "Boot information format", and where its tables follow in the same page. */
enum {
	INFO_FLAGS = 0,
	INFO_MEM_LOWER = 4, /* KiB */
	INFO_MEM_UPPER = 8, /* KiB from 1 MiB on, to the first hole */
	INFO_CMDLINE = 16,
	INFO_MODS_COUNT = 20,
	INFO_MODS = 24,
	INFO_MMAP_LEN = 44,
	INFO_MMAP = 48,
	INFO_LOADER = 64,

	MOD_START = 0,
	MOD_END = 4,
	MOD_STRING = 8,
	MOD_BYTES = 16,

	MMAP_SIZE = 0, /* of what follows */
	MMAP_BASE = 4, /* 8 */
	MMAP_LEN = 12, /* 8 */
	MMAP_TYPE = 20,
	MMAP_BYTES = 24,

	MODS = 0x100,
	MMAP = MODS + SNUG_MODULES_MAX * MOD_BYTES,
	PAGE_USED = MMAP + SNUG__E820_MAX * MMAP_BYTES,
};
_Static_assert(PAGE_USED <= SNUG_PAGE, "one page");
#define GIVES                                                                                                        \
	(1u << 0 | 1u << 2 | 1u << 3 | 1u << 6 | 1u << 9) /* memory, command line, modules, map, loader's name */
#define LOADER_NAME "snug"

struct kernel {
	struct snug__span file, header;
	uint64_t header_at;
	uint32_t flags;
	/* of the header's addresses */
	uint32_t header_addr, load, load_end, bss_end;
	struct snug__span bytes; /* what goes to load */
	struct snug_boot boot;
};

#define REFUSE(err, hint, ...) snug__err(err, -ENOEXEC, SNUG_STEP_NONE, hint, "multiboot: " __VA_ARGS__)

/* 3.1.1: 4-aligned, wholly in the first 8192 bytes, and its first three words add up to 0. */
static bool find_header(struct snug__span file, uint64_t *at)
{
	uint64_t end = snug__min(file.len, SEARCH);

	for (*at = 0; *at + HEADER_BYTES <= end; *at += 4) {
		const uint8_t *h = file.at + *at;

		if (snug__le_load(h, 4) == MAGIC && (uint32_t)(MAGIC + snug__le_load(h + HEADER_FLAGS, 4) +
		                                               snug__le_load(h + HEADER_CHECKSUM, 4)) == 0)
			return true;
	}
	return false;
}

bool snug__is_multiboot(struct snug__span image)
{
	uint64_t at;

	return find_header(image, &at);
}

static int read_header(struct kernel *k, struct snug_error *err)
{
	uint32_t unknown;

	if (!find_header(k->file, &k->header_at))
		return REFUSE(err, "link the header at the start of the file, 4-aligned",
		              "no header (0x%x, and a right checksum) in the first %u bytes", MAGIC, SEARCH);
	k->header = (struct snug__span){k->file.at + k->header_at, k->file.len - k->header_at};
	k->flags = (uint32_t)snug__le_load(k->header.at + HEADER_FLAGS, 4);
	if (k->flags & WANT_VIDEO)
		return REFUSE(err, "clear bit 2 of its flags: this machine has a serial console",
		              "it wants a video mode (flags 0x%x, bit 2), and there is no display", k->flags);
	unknown = k->flags & WANT_MASK & ~(WANT_PAGES | WANT_MEMORY | WANT_VIDEO);
	if (unknown)
		return REFUSE(err, "clear them: Multiboot 0.6.96 has bits 0 to 2",
		              "it wants what is not known here: bits 0x%x of its flags 0x%x", unknown, k->flags);
	return 0;
}

/* 3.1.3 "The address fields of Multiboot header": the file as it is. */
static int read_addresses(struct kernel *k, struct snug_error *err)
{
	const uint8_t *h = k->header.at + HEADER_ADDR;
	uint64_t from, len;

	if (k->header.len < KLUDGE_BYTES)
		return REFUSE(err, "link it again", "truncated: the header at 0x%llx has no room for its addresses",
		              (ull)k->header_at);
	k->header_addr = (uint32_t)snug__le_load(h, 4);
	k->load = (uint32_t)snug__le_load(h + 4, 4);
	k->load_end = (uint32_t)snug__le_load(h + 8, 4);
	k->bss_end = (uint32_t)snug__le_load(h + 12, 4);
	k->boot.entry = snug__le_load(h + 16, 4);
	if (k->load > k->header_addr || k->header_addr - k->load > k->header_at)
		return REFUSE(err,
		              "set header_addr to the header's address, load_addr to that of the file's first byte",
		              "load_addr 0x%x, header_addr 0x%x: the header is at 0x%llx of the file", k->load,
		              k->header_addr, (ull)k->header_at);
	from = k->header_at - (k->header_addr - k->load);
	len = k->load_end ? (uint64_t)k->load_end - k->load : k->file.len - from;
	k->bytes = snug__span_sub(k->file, from, len);
	if ((k->load_end && k->load_end < k->load) || !k->bytes.at)
		return REFUSE(err, "set load_end_addr to where the data ends, or to 0: to the end of the file",
		              "load_end_addr 0x%x: the file has 0x%llx bytes from load_addr 0x%x on", k->load_end,
		              (ull)(k->file.len - from), k->load);
	k->boot.low = k->load;
	k->boot.high = snug__max(k->load + (uint64_t)k->bytes.len, k->bss_end);
	if (k->boot.high <= k->boot.low)
		return REFUSE(err, "set load_end_addr to where the data ends",
		              "nothing to load: load_end_addr 0x%x is load_addr", k->load_end);
	return 0;
}

static int place(struct kernel *k, const struct snug__mem *mem, struct snug_error *err)
{
	int r;

	if (!(k->flags & HAS_ADDRESSES)) {
		if (!snug__is_elf(k->file))
			return REFUSE(err, "build an ELF file, or set bit 16 and the addresses",
			              "no ELF file, and its header has no addresses (flags 0x%x, bit 16)", k->flags);
		r = snug__elf_extent(k->file, mem, &k->boot, err);
		if (r < 0)
			return snug__err_wrap(err, r, "multiboot");
	} else {
		r = read_addresses(k, err);
		if (r < 0)
			return r;
	}
	if (k->boot.low < SNUG__HIGH_GPA)
		return REFUSE(err, "link it to 1 MiB or above", "it goes to 0x%llx, where the boot data goes",
		              (ull)k->boot.low);
	if (!snug__mem_has(mem, k->boot.low, k->boot.high - k->boot.low))
		return snug__err(err, -ERANGE, SNUG_STEP_NONE, snug__boot_memory_hint(k->boot.high).s,
		                 "multiboot: 0x%llx-0x%llx is outside memory (RAM is 0x0-0x%llx)", (ull)k->boot.low,
		                 (ull)k->boot.high, (ull)snug__mem_low_end(mem));
	return 0;
}

static void put_modules(uint8_t *page, const struct snug__boot_want *want, const uint64_t *at,
                        struct snug__kernel_text *text)
{
	snug__le_store(page + INFO_MODS_COUNT, 4, want->module_count);
	snug__le_store(page + INFO_MODS, 4, want->module_count ? SNUG__INFO_GPA + MODS : 0);
	for (unsigned i = 0; i < want->module_count; i++) {
		uint8_t *row = page + MODS + (size_t)i * MOD_BYTES;

		snug__le_store(row + MOD_START, 4, at[i]);
		snug__le_store(row + MOD_END, 4, at[i] + want->modules[i].bytes.len);
		snug__le_store(row + MOD_STRING, 4, snug__kernel_text(text, want->modules[i].args));
	}
}

static void put_map(uint8_t *page, const struct snug__e820 *rows, unsigned n)
{
	uint64_t lower = 0, upper = 0;

	for (unsigned i = 0; i < n; i++) {
		uint8_t *row = page + MMAP + (size_t)i * MMAP_BYTES;

		snug__le_store(row + MMAP_SIZE, 4, MMAP_BYTES - 4);
		snug__le_store(row + MMAP_BASE, 8, rows[i].base);
		snug__le_store(row + MMAP_LEN, 8, rows[i].bytes);
		snug__le_store(row + MMAP_TYPE, 4, rows[i].type);
		if (rows[i].type == SNUG__E820_RAM && rows[i].base == 0)
			lower = rows[i].bytes;
		if (rows[i].type == SNUG__E820_RAM && rows[i].base == SNUG__HIGH_GPA)
			upper = rows[i].bytes;
	}
	snug__le_store(page + INFO_MEM_LOWER, 4, lower / 1024);
	snug__le_store(page + INFO_MEM_UPPER, 4, upper / 1024);
	snug__le_store(page + INFO_MMAP_LEN, 4, (uint64_t)n * MMAP_BYTES);
	snug__le_store(page + INFO_MMAP, 4, SNUG__INFO_GPA + MMAP);
}

static int write_info(const struct snug__boot_want *want, struct snug__mem *mem, const uint64_t *at)
{
	struct snug__kernel_text text = {.mem = mem};
	struct snug__e820 rows[SNUG__E820_MAX];
	uint8_t page[SNUG_PAGE] = {0};

	put_map(page, rows, snug__kernel_e820(want, mem, rows));
	snug__le_store(page + INFO_FLAGS, 4, GIVES);
	snug__le_store(page + INFO_CMDLINE, 4, snug__kernel_text(&text, want->cmdline ? want->cmdline : ""));
	put_modules(page, want, at, &text);
	snug__le_store(page + INFO_LOADER, 4, snug__kernel_text(&text, LOADER_NAME));
	return snug__mem_write(mem, SNUG__INFO_GPA, page, sizeof(page));
}

static int write_kernel(struct kernel *k, struct snug__mem *mem, struct snug_error *err)
{
	struct snug__boot_want plain = {.has_entry = true, .entry = k->boot.entry};
	struct snug_regs none = {0};
	struct snug_boot elf;
	uint64_t end = k->boot.low + k->bytes.len;
	int r;

	if (!(k->flags & HAS_ADDRESSES))
		return snug__load_elf(k->file, &plain, mem, &elf, &none, err);
	r = snug__mem_write(mem, k->boot.low, k->bytes.at, k->bytes.len);
	return r < 0 || end == k->boot.high ? r : snug__mem_zero(mem, end, k->boot.high - end);
}

static int check(struct kernel *k, const struct snug__boot_want *want, struct snug__mem *mem, uint64_t *at,
                 struct snug_error *err)
{
	int r = read_header(k, err);

	if (r >= 0)
		r = place(k, mem, err);
	if (r >= 0)
		r = snug__kernel_check("multiboot", want, SNUG_MODE_PROTECTED, SNUG__TEXT_MAX - 1, mem, err);
	if (r >= 0)
		r = snug__kernel_texts_fit("multiboot", want, sizeof(LOADER_NAME), err);
	if (r >= 0)
		r = snug__boot_finish("multiboot", want, mem, &k->boot, err);
	return r < 0 ? r : snug__kernel_modules("multiboot", want, mem, k->boot.high, true, at, err);
}

int snug__load_multiboot(struct snug__span image, const struct snug__boot_want *want, struct snug__mem *mem,
                         struct snug_boot *out, struct snug_regs *regs, struct snug_error *err)
{
	struct kernel k = {
	    .file = image,
	    .boot = {.size = sizeof(struct snug_boot), .kind = SNUG_KIND_MULTIBOOT, .mode = SNUG_MODE_PROTECTED}};
	uint64_t at[SNUG_MODULES_MAX];
	int r = check(&k, want, mem, at, err);

	if (r >= 0)
		r = write_kernel(&k, mem, err);
	if (r >= 0)
		r = snug__kernel_modules("multiboot", want, mem, k.boot.high, false, at, err);
	if (r >= 0)
		r = write_info(want, mem, at);
	if (r < 0)
		return r;
	*out = k.boot;
	regs->rax = BOOTED;
	regs->rbx = SNUG__INFO_GPA;
	return 0;
}

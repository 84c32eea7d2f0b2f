/* SPDX-License-Identifier: MIT */
/*
 * Linux for x86-64, by its 64-bit boot protocol: Linux Documentation/arch/x86/boot.rst, zero-page.rst
 *
 * A bzImage is a boot sector with the setup header, 16-bit code, and a decompressor with its payload.  Where the payload
 * can be unpacked here, which is a hundred times faster than in a guest whose code is emulated, its ELF file goes straight
 * to where it is linked for; else the decompressor runs in the guest.  A vmlinux is that ELF file by itself.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "load/initrd.h"
#include "load/kernel.h"
#include "load/unpack.h"

typedef unsigned long long ull;

/* boot.rst "Details of Header Fields": offsets in the file, and in the zero page. */
#define SETUP_SECTS 0x1f1
#define BOOT_FLAG 0x1fe
#define HEADER_JUMP 0x201 /* its operand: how far the header goes, from 0x202 */
#define HEADER_MAGIC 0x202
#define VERSION 0x206
#define TYPE_OF_LOADER 0x210
#define RAMDISK_IMAGE 0x218
#define RAMDISK_SIZE 0x21c
#define CMD_LINE_PTR 0x228
#define INITRD_ADDR_MAX 0x22c
#define KERNEL_ALIGNMENT 0x230
#define RELOCATABLE 0x234
#define XLOADFLAGS 0x236
#define CMDLINE_SIZE 0x238
#define PAYLOAD_OFFSET 0x248
#define PAYLOAD_LENGTH 0x24c
#define PREF_ADDRESS 0x258
#define INIT_SIZE 0x260
#define HEADER_END 0x264

#define VERSION_64 0x20c /* 2.12: xloadflags */
#define XLF_KERNEL_64 1u
#define LOADER_OTHER 0xff
#define SECTOR 512u
#define ENTRY_64 0x200u

/* zero-page.rst */
#define ZP_RSDP 0x70
#define ZP_E820_COUNT 0x1e8
#define ZP_E820 0x2d0
#define ZP_E820_BYTES 20u

#define VMLINUX_INITRD_MAX 0x7fffffffu /* what kernels since 2.6.x say in their header */

struct kernel {
	struct snug__span file;
	uint8_t header[HEADER_END + 64]; /* of a bzImage; else zeros, with what the zero page needs */
	unsigned header_end;
	struct snug__span payload; /* the ELF file */
	uint8_t *unpacked;         /* owned; NULL: none */
	uint64_t unpacked_len;
	struct snug__span code; /* of the decompressor, where it is to run; at NULL: not */
	uint64_t initrd_max;    /* last address it may have */
	uint64_t cmdline_max;
	struct snug_boot boot;
};

#define REFUSE(err, hint, ...) snug__err(err, -ENOEXEC, SNUG_STEP_NONE, hint, "linux: " __VA_ARGS__)
#define DAMAGED "the file is damaged or not finished: make or copy it again"

static uint64_t field(const struct kernel *k, unsigned at, unsigned bytes)
{
	return snug__le_load(k->header + at, bytes);
}

bool snug__is_bzimage(struct snug__span image)
{
	return image.len >= HEADER_END && snug__le_load(image.at + BOOT_FLAG, 2) == 0xaa55 &&
	       memcmp(image.at + HEADER_MAGIC, "HdrS", 4) == 0;
}

static int read_header(struct kernel *k, struct snug_error *err)
{
	unsigned version;

	if (!snug__is_bzimage(k->file))
		return REFUSE(err, "give a bzImage (vmlinuz) or a vmlinux for x86-64",
		              "neither an ELF file nor a bzImage: no 'HdrS' at 0x%x", HEADER_MAGIC);
	k->header_end = HEADER_MAGIC + k->file.at[HEADER_JUMP];
	if (k->header_end > sizeof(k->header) || k->header_end > k->file.len)
		k->header_end = HEADER_END;
	memcpy(k->header + SETUP_SECTS, k->file.at + SETUP_SECTS, k->header_end - SETUP_SECTS);
	version = (unsigned)field(k, VERSION, 2);
	if (version < VERSION_64)
		return REFUSE(err, "use a kernel of Linux 3.8 or later",
		              "boot protocol %u.%02u (field version, 0x%x): 2.12 is needed for the 64-bit entry",
		              version >> 8, version & 0xff, VERSION);
	if (!(field(k, XLOADFLAGS, 2) & XLF_KERNEL_64))
		return REFUSE(err, "build it for x86-64 (CONFIG_64BIT)",
		              "a 32-bit kernel: it has no 64-bit entry (field xloadflags, 0x%x: 0x%x)", XLOADFLAGS,
		              (unsigned)field(k, XLOADFLAGS, 2));
	k->initrd_max = field(k, INITRD_ADDR_MAX, 4);
	k->cmdline_max = field(k, CMDLINE_SIZE, 4);
	return 0;
}

/* The protected-mode part, behind the setup code. */
static int read_code(struct kernel *k, struct snug_error *err)
{
	uint64_t sects = field(k, SETUP_SECTS, 1), start = ((sects ? sects : 4) + 1) * SECTOR;
	uint64_t at = field(k, PAYLOAD_OFFSET, 4), len = field(k, PAYLOAD_LENGTH, 4);

	k->code = start < k->file.len ? snug__span_sub(k->file, start, k->file.len - start) : (struct snug__span){0};
	if (!k->code.at || k->code.len <= ENTRY_64)
		return REFUSE(err, DAMAGED,
		              "truncated: setup code of %llu bytes (field setup_sects), the file has %zu", (ull)start,
		              k->file.len);
	k->payload = snug__span_sub(k->code, at, len);
	if (!k->payload.at)
		return REFUSE(
		    err, DAMAGED,
		    "truncated: payload at 0x%llx, 0x%llx bytes (fields payload_offset, payload_length), past "
		    "the end of the file (0x%zx bytes)",
		    (ull)(start + at), (ull)len, k->file.len);
	return 0;
}

static int too_small(const struct snug__mem *mem, const char *what, uint64_t from, uint64_t end,
                     struct snug_error *err)
{
	return snug__err(err, -ERANGE, SNUG_STEP_NONE, snug__boot_memory_hint(end).s,
	                 "linux: %s needs memory at 0x%llx-0x%llx, RAM is 0x0-0x%llx", what, (ull)from, (ull)end,
	                 (ull)snug__mem_low_end(mem));
}

/* The guest unpacks it: where it is linked for, or any aligned place if it can be moved. */
static int place_code(struct kernel *k, const struct snug__mem *mem, struct snug_error *err)
{
	uint64_t at = field(k, PREF_ADDRESS, 8), size = field(k, INIT_SIZE, 4), align = field(k, KERNEL_ALIGNMENT, 4);

	size = snug__max(size, k->code.len);
	if (!snug__mem_has(mem, at, size) && field(k, RELOCATABLE, 1) && align)
		at = (SNUG__HIGH_GPA + align - 1) / align * align;
	if (!snug__mem_has(mem, at, size) || at > UINT32_MAX)
		return too_small(mem, "the kernel, to unpack itself,", at, at + size, err);
	k->boot.low = at;
	k->boot.high = at + size;
	k->boot.entry = at + ENTRY_64;
	return 0;
}

static int check_elf(struct kernel *k, const struct snug__mem *mem, struct snug_error *err)
{
	int r = snug__elf_extent(k->payload, mem, &k->boot, err);

	if (r < 0)
		return snug__err_wrap(err, r, "linux");
	if (k->payload.at[EI_CLASS] != ELFCLASS64)
		return REFUSE(err, "build it for x86-64 (CONFIG_64BIT)", "a 32-bit kernel: it has no 64-bit entry");
	if (k->boot.low < SNUG__HIGH_GPA)
		return REFUSE(err, "use a vmlinux as Linux builds it",
		              "its first segment is at 0x%llx, where the boot data goes", (ull)k->boot.low);
	return 0;
}

static int open_bzimage(struct kernel *k, const struct snug__mem *mem, struct snug_error *err)
{
	char why[96];
	int r = read_header(k, err);

	if (r >= 0)
		r = read_code(k, err);
	if (r >= 0)
		r = snug__unpack(k->payload, snug__mem_low_end(mem), &k->unpacked, &k->unpacked_len, why, err);
	if (r < 0)
		return r;
	if (r == 0)
		return place_code(k, mem, err);
	k->payload = (struct snug__span){k->unpacked, (size_t)k->unpacked_len};
	k->code = (struct snug__span){0};
	return check_elf(k, mem, err);
}

static int open_vmlinux(struct kernel *k, const struct snug__mem *mem, struct snug_error *err)
{
	k->payload = k->file;
	k->header_end = HEADER_END;
	snug__le_store(k->header + BOOT_FLAG, 2, 0xaa55);
	memcpy(k->header + HEADER_MAGIC, "HdrS", 4);
	snug__le_store(k->header + VERSION, 2, VERSION_64);
	k->initrd_max = VMLINUX_INITRD_MAX;
	k->cmdline_max = SNUG__TEXT_MAX - 1;
	return check_elf(k, mem, err);
}

/* The end of what the kernel can take it from, and that lies below the gap. */
static uint64_t initrd_top(const struct kernel *k, const struct snug__mem *mem)
{
	return snug__min(snug__min(snug__mem_low_end(mem), SNUG__RAM_GAP_GPA), k->initrd_max + 1);
}

static int place_initrd(const struct kernel *k, const struct snug__mem *mem, uint64_t bytes, uint64_t *at,
                        struct snug_error *err)
{
	uint64_t top = initrd_top(k, mem);
	uint64_t need = k->boot.high + ((bytes + SNUG_PAGE - 1) & ~(SNUG_PAGE - 1));

	*at = 0;
	if (!bytes)
		return 0;
	if (bytes > UINT32_MAX || need > top)
		return snug__err(
		    err, -ERANGE, SNUG_STEP_NONE, snug__boot_memory_hint(need).s,
		    "linux: the initrd of %llu bytes does not fit behind the kernel, between 0x%llx and 0x%llx",
		    (ull)bytes, (ull)k->boot.high, (ull)top);
	*at = (top - bytes) & ~(SNUG_PAGE - 1);
	return 0;
}

static int write_zero_page(struct kernel *k, const struct snug__boot_want *want, struct snug__mem *mem,
                           uint64_t initrd, uint64_t initrd_len)
{
	uint8_t page[SNUG_PAGE] = {0};
	struct snug__e820 rows[SNUG__E820_MAX];
	unsigned n = snug__kernel_e820(want, mem, rows);

	memcpy(page + SETUP_SECTS, k->header + SETUP_SECTS, k->header_end - SETUP_SECTS);
	page[TYPE_OF_LOADER] = LOADER_OTHER;
	snug__le_store(page + RAMDISK_IMAGE, 4, initrd);
	snug__le_store(page + RAMDISK_SIZE, 4, initrd_len);
	snug__le_store(page + CMD_LINE_PTR, 4, SNUG__TEXT_GPA);
	snug__le_store(page + ZP_RSDP, 8, want->machine ? want->machine->rsdp : 0);
	page[ZP_E820_COUNT] = (uint8_t)n;
	for (unsigned i = 0; i < n; i++) {
		uint8_t *row = page + ZP_E820 + (size_t)i * ZP_E820_BYTES;

		snug__le_store(row, 8, rows[i].base);
		snug__le_store(row + 8, 8, rows[i].bytes);
		snug__le_store(row + 16, 4, rows[i].type);
	}
	return snug__mem_write(mem, SNUG__INFO_GPA, page, sizeof(page));
}

/* All was checked before. */
static int write_all(struct kernel *k, const struct snug__boot_want *want, struct snug__mem *mem, uint64_t initrd,
                     const struct snug__initrd *parts)
{
	struct snug__boot_want elf_want = {
	    .mode = SNUG_MODE_LONG, .has_entry = true, .entry = k->boot.entry, .consume = k->unpacked};
	const char *cmdline = want->cmdline ? want->cmdline : "";
	struct snug_boot elf;
	struct snug_regs none = {0};
	int r;

	if (k->code.at)
		r = snug__mem_write(mem, k->boot.low, k->code.at, k->code.len);
	else
		r = snug__load_elf(k->payload, &elf_want, mem, &elf, &none, NULL);
	if (r >= 0)
		r = snug__mem_write(mem, SNUG__TEXT_GPA, cmdline, strlen(cmdline) + 1);
	if (r >= 0)
		r = snug__initrd_write(parts, mem, initrd);
	return r < 0 ? r : write_zero_page(k, want, mem, initrd, parts->bytes);
}

static int load(struct kernel *k, const struct snug__boot_want *want, struct snug__mem *mem, struct snug_error *err)
{
	bool elf = snug__is_elf(k->file);
	struct snug__initrd parts = {.count = 0};
	uint64_t initrd = 0;
	int r = elf ? open_vmlinux(k, mem, err) : open_bzimage(k, mem, err);

	if (r >= 0)
		r = snug__kernel_check("linux", want, SNUG_MODE_LONG, k->cmdline_max, mem, err);
	if (r >= 0)
		r = snug__boot_finish("linux", want, mem, &k->boot, err);
	if (r < 0)
		return r;
	snug__initrd_open(&parts, want, initrd_top(k, mem) - snug__min(k->boot.high, initrd_top(k, mem)));
	r = place_initrd(k, mem, parts.bytes, &initrd, err);
	if (r < 0) {
		snug__initrd_close(&parts);
		return r;
	}
	r = write_all(k, want, mem, initrd, &parts);
	snug__initrd_close(&parts);
	return r < 0 ? snug__err(err, r, SNUG_STEP_NONE, "do not remove RAM while loading", "linux: memory is gone")
	             : 0;
}

int snug__load_linux(struct snug__span image, const struct snug__boot_want *want, struct snug__mem *mem,
                     struct snug_boot *out, struct snug_regs *regs, struct snug_error *err)
{
	struct kernel k = {
	    .file = image,
	    .boot = {.size = sizeof(struct snug_boot), .kind = SNUG_KIND_LINUX, .mode = SNUG_MODE_LONG}};
	int r = load(&k, want, mem, err);

	snug__unpack_free(k.unpacked, k.unpacked_len);
	if (r < 0)
		return r;
	*out = k.boot;
	regs->rsi = SNUG__INFO_GPA;
	return 0;
}

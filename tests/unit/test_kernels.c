/* SPDX-License-Identifier: MIT */
/* kernels: linux.c with unpack.c, pvh.c, multiboot.c: what a kernel finds, and what is said of those that are wrong */
#include "guestmem.h"

#include <elf.h>
#include <errno.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "../linuxfix.h"
#include "load/kernel.h"
#include "load/unpack.h"

static const uint8_t code[] = {0xb8, 1, 2, 3, 4, 0xf4};

static uint64_t word(const struct snug__mem *m, uint64_t at, unsigned bytes)
{
	uint8_t b[8] = {0};

	assert_int_equal(snug__mem_read(m, at, b, bytes), 0);
	return snug__le_load(b, bytes);
}

static void text_is(const struct snug__mem *m, uint64_t at, const char *want)
{
	char got[64] = "";

	assert_int_equal(snug__mem_read(m, at, got, strlen(want) + 1), 0);
	assert_string_equal(got, want);
}

/* A copy of exactly len bytes, so that a sanitizer sees each byte too far. */
static int load(snug__load_fn fn, struct snug__mem *m, const void *file, size_t len,
                const struct snug__boot_want *want, struct snug_boot *b, struct snug_regs *regs, struct snug_error *e)
{
	static const struct snug__boot_want none;
	uint8_t *copy = malloc(len + !len);
	int r;

	memcpy(copy, file, len);
	*regs = (struct snug_regs){0};
	*e = (struct snug_error){0};
	r = fn((struct snug__span){copy, len}, want ? want : &none, m, b, regs, e);
	free(copy);
	assert_true(r >= 0 || (e->code == r && e->msg[0] && e->hint[0]));
	return r;
}

static int setup(void **state)
{
	struct snug__mem *m = malloc(sizeof(*m));

	snug__mem_init(m, 8, NULL, NULL);
	*state = m;
	return snug__mem_add_ram(m, 4u << 20, NULL);
}

/* ---- Linux. */

static void zero_page_is_right(const struct snug__mem *m, const struct snug_regs *regs, uint32_t initrd_len)
{
	uint64_t zp = regs->rsi;

	assert_int_equal(zp, SNUG__INFO_GPA);
	assert_int_equal(word(m, zp + 0x1fe, 2), 0xaa55);
	assert_int_equal(word(m, zp + 0x202, 4), 0x53726448);
	assert_int_equal(word(m, zp + 0x210, 1), 0xff);
	text_is(m, word(m, zp + 0x228, 4), "quiet root=/dev/ram");
	assert_int_equal(word(m, zp + 0x21c, 4), initrd_len);
	assert_int_equal(word(m, zp + 0x1e8, 1), 2);
	assert_int_equal(word(m, zp + 0x2d0, 8), 0);
	assert_int_equal(word(m, zp + 0x2d8, 8), 0xa0000);
	assert_int_equal(word(m, zp + 0x2d0 + 20, 8), 0x100000);
	assert_int_equal(word(m, zp + 0x2d8 + 20, 8), 3u << 20);
	assert_int_equal(word(m, zp + 0x2e0 + 20, 4), SNUG__E820_RAM);
}

static const struct snug__module initrds[] = {{{(const uint8_t *)"first", 5}, ""},
                                              {{(const uint8_t *)"second", 6}, ""}};

static void vmlinux(void **state)
{
	struct tiny_vmlinux k = tiny_vmlinux(code, sizeof(code));
	struct snug__boot_want want = {.cmdline = "quiet root=/dev/ram", .modules = initrds, .module_count = 2};
	struct snug_boot b;
	struct snug_regs regs;
	struct snug_error e;
	uint64_t at;

	assert_int_equal(snug__detect((struct snug__span){(uint8_t *)&k, sizeof(k)}, &want, &e), SNUG_KIND_LINUX);
	assert_int_equal(load(snug__load_linux, *state, &k, sizeof(k), &want, &b, &regs, &e), 0);
	assert_int_equal(b.kind, SNUG_KIND_LINUX);
	assert_int_equal(b.mode, SNUG_MODE_LONG);
	assert_int_equal(b.entry, TINY_GPA);
	assert_int_equal(word(*state, TINY_GPA, 5), 0x04030201b8);
	zero_page_is_right(*state, &regs, 8 + 8);
	at = word(*state, regs.rsi + 0x218, 4);
	assert_int_equal(at % 4096, 0);
	assert_true(at >= b.high && at + 16 <= 4u << 20);
	text_is(*state, at, "first");
	text_is(*state, at + 8, "second");
}

static size_t gzip(const void *in, size_t len, uint8_t *out, size_t room)
{
	z_stream z = {
	    .next_in = (void *)(uintptr_t)in, .avail_in = (uInt)len, .next_out = out, .avail_out = (uInt)room};

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return room - z.avail_out;
}

static size_t add_length(uint8_t *out, size_t n, size_t len)
{
	tiny_put(out + n, len, 4);
	return n + 4;
}

static size_t xz(const void *in, size_t len, uint8_t *out, size_t room)
{
	size_t n = 0;

	assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, in, len, out, &n, room), LZMA_OK);
	return add_length(out, n, len);
}

static size_t lzma(const void *in, size_t len, uint8_t *out, size_t room)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_options_lzma o;
	size_t n;

	lzma_lzma_preset(&o, 6);
	assert_int_equal(lzma_alone_encoder(&s, &o), LZMA_OK);
	s.next_in = in;
	s.avail_in = len;
	s.next_out = out;
	s.avail_out = room;
	assert_int_equal(lzma_code(&s, LZMA_FINISH), LZMA_STREAM_END);
	n = room - s.avail_out;
	lzma_end(&s);
	return add_length(out, n, len);
}

static size_t zstd(const void *in, size_t len, uint8_t *out, size_t room)
{
	size_t n = ZSTD_compress(out, room, in, len, 3);

	assert_false(ZSTD_isError(n));
	return add_length(out, n, len);
}

static size_t lz4(const void *in, size_t len, uint8_t *out, size_t room)
{
	int n = LZ4_compress_default(in, (char *)out + 8, (int)len, (int)room - 12);

	assert_true(n > 0);
	tiny_put(out, 0x184c2102, 4);
	tiny_put(out + 4, (unsigned)n, 4);
	return add_length(out, (size_t)n + 8, len);
}

static const struct {
	const char *name;
	size_t (*pack)(const void *in, size_t len, uint8_t *out, size_t room);
} packers[] = {{"gzip", gzip}, {"xz", xz}, {"lzma", lzma}, {"zstd", zstd}, {"lz4", lz4}};

static void packed(void **state)
{
	struct tiny_vmlinux k = tiny_vmlinux(code, sizeof(code));
	struct snug__boot_want want = {.cmdline = "quiet root=/dev/ram"};
	uint8_t pack[4096], image[8192];

	for (size_t i = 0; i < sizeof(packers) / sizeof(packers[0]); i++) {
		size_t n = packers[i].pack(&k, sizeof(k), pack, sizeof(pack)), len = tiny_bzimage_bytes(n);
		uint64_t zero = 0;
		struct snug_boot b;
		struct snug_regs regs;
		struct snug_error e;

		snug__mem_write(*state, TINY_GPA, &zero, 8);
		tiny_bzimage(image, pack, n, "\xf4", 1);
		assert_int_equal(snug__detect((struct snug__span){image, len}, &want, &e), SNUG_KIND_LINUX);
		if (load(snug__load_linux, *state, image, len, &want, &b, &regs, &e) < 0)
			fail_msg("%s: %s", packers[i].name, e.msg);
		assert_int_equal(b.entry, TINY_GPA);
		assert_int_equal(word(*state, TINY_GPA, 5), 0x04030201b8);
		zero_page_is_right(*state, &regs, 0);
		/* A byte of the packed data changed: it is told, or it made no difference. */
		for (size_t at = 8; at + 4 < n; at += 1 + n / 16) {
			image[TINY_SETUP + TINY_PAYLOAD + at] ^= 0x10;
			if (load(snug__load_linux, *state, image, len, &want, &b, &regs, &e) < 0)
				assert_true(e.code == -ENOEXEC || e.code == -ERANGE || e.code == -EFBIG);
			image[TINY_SETUP + TINY_PAYLOAD + at] ^= 0x10;
		}
		/* Longer than it says, and shorter. */
		tiny_put(image + len - 4, sizeof(k) - 8, 4);
		assert_int_equal(load(snug__load_linux, *state, image, len, &want, &b, &regs, &e), -ENOEXEC);
		assert_error(e, -ENOEXEC, "does not unpack to the");
		tiny_put(image + len - 4, sizeof(k) + 8, 4);
		if (load(snug__load_linux, *state, image, len, &want, &b, &regs, &e) >= 0)
			fail_msg("%s: shorter than it says", packers[i].name);
		tiny_put(image + len - 4, UINT32_MAX, 4);
		assert_int_equal(load(snug__load_linux, *state, image, len, &want, &b, &regs, &e), -EFBIG);
	}
}

static size_t packed_zeros(uint8_t *out, size_t room, size_t len)
{
	void *zeros = calloc(1, len);
	size_t n = gzip(zeros, len, out, room);

	free(zeros);
	return n;
}

/* What the kernel is given as its initrd, of one module; its length. */
static uint64_t initrd_of(struct snug__mem *m, const uint8_t *bytes, size_t len, bool unpack, uint64_t *at)
{
	struct tiny_vmlinux k = tiny_vmlinux(code, sizeof(code));
	struct snug__module one = {{bytes, len}, ""};
	struct snug__boot_want want = {.modules = &one, .module_count = 1, .unpack = unpack};
	struct snug_boot b;
	struct snug_regs regs;
	struct snug_error e;

	assert_int_equal(load(snug__load_linux, m, &k, sizeof(k), &want, &b, &regs, &e), 0);
	*at = word(m, regs.rsi + 0x218, 4);
	return word(m, regs.rsi + 0x21c, 4);
}

static void is_kept(struct snug__mem *m, const uint8_t *bytes, size_t len)
{
	uint8_t got[8192];
	uint64_t at;

	assert_int_equal(initrd_of(m, bytes, len, true, &at), (len + 3) & ~3ull);
	assert_int_equal(snug__mem_read(m, at, got, len), 0);
	assert_memory_equal(got, bytes, len);
}

/* Unpacked where that is wanted and all of it can be; else it stays as it is. */
static void packed_initrds(void **state)
{
	static uint8_t plain[100000], pack[8192], bomb[8192];
	uint64_t at;

	memset(plain, 'x', sizeof(plain));
	for (size_t i = 0; i < sizeof(packers) / sizeof(packers[0]); i++) {
		bool gz = packers[i].pack == gzip;
		size_t n = packers[i].pack(plain, sizeof(plain), pack, sizeof(pack)) - (gz ? 0 : 4);

		assert_int_equal(initrd_of(*state, pack, n, false, &at), (n + 3) & ~3ull);
		if (initrd_of(*state, pack, n, true, &at) != sizeof(plain))
			fail_msg("%s is not unpacked", packers[i].name);
		assert_int_equal(word(*state, at, 8), 0x7878787878787878);
		assert_int_equal(word(*state, at + sizeof(plain) - 8, 8), 0x7878787878787878);
		/* Zeros may follow; another archive is not lost; nor is a part of one. */
		memset(pack + n, 0, 64);
		assert_int_equal(initrd_of(*state, pack, n + 64, true, &at), sizeof(plain));
		memcpy(pack + n + 32, "070701", 6);
		is_kept(*state, pack, n + 64);
		is_kept(*state, pack, n / 2);
		is_kept(*state, pack, 5);
	}
	/* More than there is memory for: 4 MiB. */
	is_kept(*state, bomb, packed_zeros(bomb, sizeof(bomb), 2u << 20));
	assert_int_equal(initrd_of(*state, bomb, packed_zeros(bomb, sizeof(bomb), 1u << 19), true, &at), 1u << 19);
}

/* Packed in a way nobody knows: its own decompressor runs. */
static void unpacks_itself(void **state)
{
	uint8_t image[8192];
	struct snug_boot b;
	struct snug_regs regs;
	struct snug_error e;

	tiny_bzimage(image, "an unknown way of packing", 26, code, sizeof(code));
	assert_int_equal(load(snug__load_linux, *state, image, tiny_bzimage_bytes(26), NULL, &b, &regs, &e), 0);
	assert_int_equal(b.low, TINY_GPA);
	assert_int_equal(b.entry, TINY_GPA + 0x200);
	assert_int_equal(word(*state, b.entry, 5), 0x04030201b8);
	tiny_put(image + 0x258, 0x1000000, 8); /* no memory where it wants to be; it can be moved */
	assert_int_equal(load(snug__load_linux, *state, image, tiny_bzimage_bytes(26), NULL, &b, &regs, &e), 0);
	assert_int_equal(b.low, 0x200000);
	image[0x234] = 0;
	assert_int_equal(load(snug__load_linux, *state, image, tiny_bzimage_bytes(26), NULL, &b, &regs, &e), -ERANGE);
	assert_hint(e, "--mem");
}

static const struct {
	unsigned at, bytes;
	uint64_t value;
	int code;
	const char *msg;
} damage[] = {
    {0x202, 4, 0, -ENOEXEC, "no 'HdrS' at 0x202"},
    {0x1fe, 2, 0, -ENOEXEC, "no 'HdrS'"},
    {0x206, 2, 0x204, -ENOEXEC, "boot protocol 2.04 (field version, 0x206): 2.12"},
    {0x236, 2, 0, -ENOEXEC, "a 32-bit kernel"},
    {0x1f1, 1, 200, -ENOEXEC, "truncated: setup code of 102912 bytes"},
    {0x248, 4, UINT32_MAX, -ENOEXEC, "truncated: payload at 0x1000003ff"},
    {0x24c, 4, UINT32_MAX, -ENOEXEC, "0xffffffff bytes (fields payload_offset, payload_length)"},
    {0x238, 4, 3, -E2BIG, "the command line has 5 bytes, this kernel takes 3"},
    {0x22c, 4, 0x200000, -ERANGE, "the initrd of 8 bytes does not fit"},
};

static void damaged(void **state)
{
	struct tiny_vmlinux k = tiny_vmlinux(code, sizeof(code));
	struct snug__boot_want want = {.cmdline = "quiet", .modules = initrds, .module_count = 1};
	uint8_t pack[4096], good[8192], image[8192];
	size_t n = gzip(&k, sizeof(k), pack, sizeof(pack)), len = tiny_bzimage_bytes(n);
	struct snug_boot b;
	struct snug_regs regs;
	struct snug_error e;

	tiny_bzimage(good, pack, n, "\xf4", 1);
	assert_int_equal(load(snug__load_linux, *state, good, len, &want, &b, &regs, &e), 0);
	for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		memcpy(image, good, len);
		tiny_put(image + damage[i].at, damage[i].value, damage[i].bytes);
		assert_int_equal(load(snug__load_linux, *state, image, len, &want, &b, &regs, &e), damage[i].code);
		assert_error(e, damage[i].code, damage[i].msg);
	}
	for (size_t cut = 0; cut < len; cut += 13)
		assert_true(load(snug__load_linux, *state, good, cut, &want, &b, &regs, &e) < 0);
	want.mode = SNUG_MODE_REAL;
	assert_int_equal(load(snug__load_linux, *state, good, len, &want, &b, &regs, &e), -EINVAL);
	assert_hint(e, "--mode");
}

static void elf_kernels_that_are_wrong(void **state)
{
	struct tiny_vmlinux k = tiny_vmlinux(code, sizeof(code));
	struct snug_boot b;
	struct snug_regs regs;
	struct snug_error e;

	k.ph[0].p_paddr = 0x8000;
	assert_int_equal(load(snug__load_linux, *state, &k, sizeof(k), NULL, &b, &regs, &e), -ENOEXEC);
	assert_error(e, -ENOEXEC, "its first segment is at 0x8000");
	k.ph[0].p_paddr = 1u << 30;
	assert_int_equal(load(snug__load_linux, *state, &k, sizeof(k), NULL, &b, &regs, &e), -ERANGE);
	assert_hint(e, "--mem");
}

/* ---- PVH. */

static struct tiny_vmlinux pvh_image(uint32_t type)
{
	struct tiny_vmlinux k = tiny_vmlinux(code, sizeof(code));

	k.nh.n_namesz = 4;
	k.nh.n_type = type;
	memcpy(k.owner, "Xen\0", 4);
	tiny_put((uint8_t *)k.owner + 4, TINY_GPA + 8, 4); /* the description: names are padded to 4 */
	return k;
}

static const struct snug__module two[] = {{{(const uint8_t *)"first", 5}, "one x"},
                                          {{(const uint8_t *)"second", 6}, ""}};

static void pvh(void **state)
{
	struct tiny_vmlinux k = pvh_image(18);
	struct snug__boot_want want = {.cmdline = "a=b", .modules = two, .module_count = 2};
	struct snug_boot b;
	struct snug_regs regs;
	struct snug_error e;
	uint64_t info, mods;

	assert_int_equal(snug__detect((struct snug__span){(uint8_t *)&k, sizeof(k)}, &want, &e), SNUG_KIND_PVH);
	assert_int_equal(load(snug__load_pvh, *state, &k, sizeof(k), &want, &b, &regs, &e), 0);
	assert_int_equal(b.mode, SNUG_MODE_PROTECTED);
	assert_int_equal(b.entry, TINY_GPA + 8);
	assert_int_equal(word(*state, TINY_GPA, 5), 0x04030201b8);
	info = regs.rbx;
	assert_int_equal(word(*state, info, 4), 0x336ec578);
	assert_int_equal(word(*state, info + 4, 4), 1);
	text_is(*state, word(*state, info + 24, 8), "a=b");
	assert_int_equal(word(*state, info + 12, 4), 2);
	mods = word(*state, info + 16, 8);
	text_is(*state, word(*state, mods, 8), "first");
	assert_int_equal(word(*state, mods + 8, 8), 5);
	text_is(*state, word(*state, mods + 16, 8), "one x");
	text_is(*state, word(*state, mods + 32, 8), "second");
	assert_int_equal(word(*state, info + 48, 4), 2);
	assert_int_equal(word(*state, word(*state, info + 40, 8) + 24, 8), 0x100000);
	k = pvh_image(17);
	assert_int_equal(load(snug__load_pvh, *state, &k, sizeof(k), &want, &b, &regs, &e), -ENOEXEC);
	assert_error(e, -ENOEXEC, "no note PHYS32_ENTRY");
	k = pvh_image(18);
	tiny_put((uint8_t *)k.owner + 4, UINT32_MAX, 4);
	assert_int_equal(load(snug__load_pvh, *state, &k, sizeof(k), &want, &b, &regs, &e), -ERANGE);
}

/* ---- Multiboot. */

struct flat {
	uint8_t before[16];
	uint32_t magic, flags, sum, header_addr, load_addr, load_end, bss_end, entry;
	uint8_t rest[16];
};

static struct flat flat_image(void)
{
	return (struct flat){.before = "before",
	                     .magic = 0x1badb002,
	                     .flags = 0x10003,
	                     .sum = -(0x1badb002u + 0x10003),
	                     .header_addr = 0x100010,
	                     .load_addr = 0x100000,
	                     .bss_end = 0x101000,
	                     .entry = 0x100030,
	                     .rest = "the rest"};
}

static void multiboot(void **state)
{
	struct flat f = flat_image();
	struct snug__boot_want want = {.cmdline = "a=b", .modules = two, .module_count = 2};
	struct snug_boot b;
	struct snug_regs regs;
	struct snug_error e;
	uint64_t mods, info;

	assert_int_equal(snug__detect((struct snug__span){(uint8_t *)&f, sizeof(f)}, &want, &e), SNUG_KIND_MULTIBOOT);
	snug__mem_write(*state, 0x100fff, "x", 1);
	assert_int_equal(load(snug__load_multiboot, *state, &f, sizeof(f), &want, &b, &regs, &e), 0);
	assert_int_equal(b.mode, SNUG_MODE_PROTECTED);
	assert_int_equal(b.low, 0x100000);
	assert_int_equal(b.high, 0x101000);
	assert_int_equal(regs.rax, 0x2badb002);
	text_is(*state, 0x100030, "the rest");
	assert_int_equal(word(*state, 0x100fff, 1), 0);
	info = regs.rbx;
	assert_int_equal(word(*state, info, 4), 1 | 4 | 8 | 64 | 512);
	assert_int_equal(word(*state, info + 4, 4), 640);
	assert_int_equal(word(*state, info + 8, 4), 3 * 1024);
	text_is(*state, word(*state, info + 16, 4), "a=b");
	assert_int_equal(word(*state, info + 20, 4), 2);
	mods = word(*state, info + 24, 4);
	assert_int_equal(word(*state, mods, 4) % 4096, 0);
	text_is(*state, word(*state, mods, 4), "first");
	assert_int_equal(word(*state, mods + 4, 4) - word(*state, mods, 4), 5);
	text_is(*state, word(*state, mods + 8, 4), "one x");
	text_is(*state, word(*state, mods + 16, 4), "second");
	assert_int_equal(word(*state, info + 44, 4), 48);
	assert_int_equal(word(*state, word(*state, info + 48, 4) + 24 + 4, 8), 0x100000);
	text_is(*state, word(*state, info + 64, 4), "snug");
}

static const struct {
	size_t at;
	uint32_t value;
	int code;
	const char *msg;
} wrong[] = {
    {offsetof(struct flat, magic), 1, -ENOEXEC, "no header"},
    {offsetof(struct flat, flags), 7 | 0x10000, -ENOEXEC, "it wants a video mode"},
    {offsetof(struct flat, flags), 8 | 0x10000, -ENOEXEC, "bits 0x8"},
    {offsetof(struct flat, flags), 3, -ENOEXEC, "no ELF file, and its header has no addresses"},
    {offsetof(struct flat, header_addr), 0x10, -ENOEXEC, "load_addr 0x100000, header_addr 0x10"},
    {offsetof(struct flat, header_addr), 0x100011, -ENOEXEC, "the header is at 0x10 of the file"},
    {offsetof(struct flat, load_end), 0x200000, -ENOEXEC, "load_end_addr 0x200000"},
    {offsetof(struct flat, load_end), 0x1000, -ENOEXEC, "load_end_addr 0x1000"},
    {offsetof(struct flat, bss_end), 0xffffffff, -ERANGE, "0x100000-0xffffffff is outside memory"},
    {offsetof(struct flat, entry), 0xffffffff, -ERANGE, "entry 0xffffffff is outside memory"},
};

static void multiboot_wrong(void **state)
{
	struct snug_boot b;
	struct snug_regs regs;
	struct snug_error e;
	struct flat f;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		f = flat_image();
		memcpy((uint8_t *)&f + wrong[i].at, &wrong[i].value, 4);
		if (wrong[i].at == offsetof(struct flat, flags))
			f.sum = -(f.magic + f.flags);
		assert_int_equal(load(snug__load_multiboot, *state, &f, sizeof(f), NULL, &b, &regs, &e),
		                 wrong[i].code);
		assert_error(e, wrong[i].code, wrong[i].msg);
	}
	f = flat_image();
	f.load_addr -= 0x80000;
	f.header_addr -= 0x80000;
	assert_int_equal(load(snug__load_multiboot, *state, &f, sizeof(f), NULL, &b, &regs, &e), -ENOEXEC);
	assert_error(e, -ENOEXEC, "it goes to 0x80000, where the boot data goes");
	f = flat_image();
	f.load_end = f.load_addr;
	f.bss_end = 0;
	assert_int_equal(load(snug__load_multiboot, *state, &f, sizeof(f), NULL, &b, &regs, &e), -ENOEXEC);
	assert_error(e, -ENOEXEC, "nothing to load");
	f = flat_image();
	for (size_t cut = 0; cut < offsetof(struct flat, rest); cut++)
		assert_true(load(snug__load_multiboot, *state, &f, cut, NULL, &b, &regs, &e) < 0);
}

static void too_much(void **state)
{
	static char longer[SNUG__TEXT_MAX];
	struct flat f = flat_image();
	struct snug__module big[2] = {{{(const uint8_t *)longer, sizeof(longer)}, ""}, {{NULL, 0}, longer}};
	struct snug__boot_want want = {.modules = big, .module_count = 2};
	struct snug_boot b;
	struct snug_regs regs;
	struct snug_error e;

	memset(longer, 'x', sizeof(longer) - 1);
	assert_int_equal(load(snug__load_multiboot, *state, &f, sizeof(f), &want, &b, &regs, &e), -E2BIG);
	want.modules = (struct snug__module[]){{{(const uint8_t *)longer, sizeof(longer)}, ""}};
	want.module_count = 1;
	f.bss_end = 0x3f8000;
	assert_int_equal(load(snug__load_multiboot, *state, &f, sizeof(f), &want, &b, &regs, &e), -ERANGE);
	assert_error(e, -ERANGE, "module 0 of 65536 bytes does not fit");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, guestmem_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(vmlinux),
	    TEST(packed),
	    TEST(packed_initrds),
	    TEST(unpacks_itself),
	    TEST(damaged),
	    TEST(elf_kernels_that_are_wrong),
	    TEST(pvh),
	    TEST(multiboot),
	    TEST(multiboot_wrong),
	    TEST(too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

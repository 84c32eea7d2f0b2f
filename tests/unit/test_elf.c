/* SPDX-License-Identifier: MIT */
#include "guestmem.h"

#include <elf.h>
#include <errno.h>

#include "load/load.h"

_Static_assert(sizeof(Elf32_Ehdr) == 52 && sizeof(Elf64_Ehdr) == 64, "System V ABI, figure 4-3");
_Static_assert(sizeof(Elf32_Phdr) == 32 && sizeof(Elf64_Phdr) == 56, "System V ABI, figure 5-1");

#define MAX_PHDRS 70

/* A file with headers in front and its segments' bytes from 0x1000 on. */
struct file64 {
	Elf64_Ehdr h;
	Elf64_Phdr p[MAX_PHDRS];
	uint8_t pad[0x1000 - sizeof(Elf64_Ehdr) - MAX_PHDRS * sizeof(Elf64_Phdr)];
	uint8_t bytes[0x200];
};

_Static_assert(sizeof(struct file64) == 0x1200, "the tests below count on it");

static struct file64 good64(void)
{
	struct file64 f = {
	    .h = {.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_entry = 0xffffffff80100010},
	};

	memcpy(f.h.e_ident, "\177ELF\2\1\1", 7);
	f.h.e_phoff = offsetof(struct file64, p);
	f.h.e_phentsize = sizeof(Elf64_Phdr);
	f.h.e_phnum = 3;
	f.p[0] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = UINT64_MAX};
	f.p[1] = (Elf64_Phdr){PT_LOAD, PF_X, 0x1000, 0xffffffff80100000, 0x100000, 0x100, 0x100, 0x1000};
	f.p[2] = (Elf64_Phdr){PT_LOAD, PF_W, 0x1100, 0xffffffff80101000, 0x101000, 0x100, 0x1800, 0x1000};
	memset(f.bytes, 0x90, sizeof(f.bytes));
	return f;
}

static int load(struct snug__mem *m, const void *file, size_t len, struct snug__boot_want want, struct snug_boot *b,
                struct snug_error *e)
{
	/* a copy of exactly len bytes, so that a sanitizer sees each byte too far */
	uint8_t *copy = malloc(len + !len);
	int ret;

	memcpy(copy, file, len);
	ret = snug__load_elf((struct snug__span){copy, len}, &want, m, b, NULL, e);
	free(copy);
	return ret;
}

static void loads_64(void **state)
{
	struct file64 f = good64();
	struct snug_boot b = {0};
	uint8_t seen[2];

	assert_int_equal(snug__mem_write(*state, 0x101100, "\1\1", 2), 0);
	assert_int_equal(snug__mem_write(*state, 0x1027ff, "\1\1", 2), 0);
	assert_int_equal(load(*state, &f, sizeof(f), (struct snug__boot_want){0}, &b, NULL), 0);
	assert_int_equal(b.kind, SNUG_KIND_ELF);
	assert_int_equal(b.mode, SNUG_MODE_LONG);
	assert_int_equal(b.low, 0x100000);
	assert_int_equal(b.high, 0x102800);
	assert_int_equal(b.entry, 0x100010);
	assert_int_equal(b.stack, GUESTMEM_RAM);
	snug__mem_read(*state, 0x1000ff, seen, 2);
	assert_memory_equal(seen, "\x90\0", 2);
	snug__mem_read(*state, 0x1010ff, seen, 2);
	assert_memory_equal(seen, "\x90\0", 2); /* bss starts here, and was zeroed */
	snug__mem_read(*state, 0x1027ff, seen, 2);
	assert_memory_equal(seen, "\0\1", 2);
}

static void loads_32(void **state)
{
	struct {
		Elf32_Ehdr h;
		Elf32_Phdr p;
		uint8_t bytes[4];
	} f = {
	    .h = {.e_type = ET_EXEC, .e_machine = EM_386, .e_entry = 0xc0008002, .e_phentsize = 32, .e_phnum = 1},
	    .p = {PT_LOAD, offsetof(__typeof__(f), bytes), 0xc0008000, 0x8000, 4, 8, PF_X, 4},
	    .bytes = {1, 2, 3, 4},
	};
	struct snug_boot b = {0};
	struct snug_error e = {0};
	uint8_t seen[8];

	memcpy(f.h.e_ident, "\177ELF\1\1\1", 7);
	f.h.e_phoff = offsetof(__typeof__(f), p);
	assert_int_equal(load(*state, &f, sizeof(f), (struct snug__boot_want){0}, &b, &e), 0);
	assert_int_equal(b.mode, SNUG_MODE_PROTECTED);
	assert_int_equal(b.entry, 0x8002);
	assert_int_equal(b.low, 0x8000);
	assert_int_equal(b.high, 0x8008);
	snug__mem_read(*state, 0x8000, seen, 8);
	assert_memory_equal(seen, "\1\2\3\4\0\0\0\0", 8);
	assert_int_equal(load(*state, &f, sizeof(f), (struct snug__boot_want){SNUG_MODE_PAGED32}, &b, &e), 0);
	assert_int_equal(b.mode, SNUG_MODE_PAGED32);
	assert_int_equal(load(*state, &f, sizeof(f), (struct snug__boot_want){SNUG_MODE_LONG}, &b, &e), -EINVAL);
	assert_error(e, -EINVAL, "elf: a 32-bit file does not start in mode long");
	assert_hint(e, "protected or paged32");
	f.p.p_paddr = 0xfffffffc;
	assert_int_equal(load(*state, &f, sizeof(f), (struct snug__boot_want){0}, &b, &e), -ENOEXEC);
	assert_error(e, -ENOEXEC, "elf: segment 0: p_paddr 0xfffffffc + p_memsz 0x8 wraps");
	f.h.e_machine = EM_X86_64;
	assert_int_equal(load(*state, &f, sizeof(f), (struct snug__boot_want){0}, &b, &e), -ENOEXEC);
	assert_error(e, -ENOEXEC, "elf: 32-bit file for machine 62 (x86-64); a 32-bit one for 3 (i386) is wanted");
	assert_int_equal(load(*state, &f, 51, (struct snug__boot_want){0}, &b, &e), -ENOEXEC);
	assert_error(e, -ENOEXEC, "elf: truncated: the header has 52 bytes, the file 51");
}

static void options(void **state)
{
	struct file64 f = good64();
	struct snug_boot b = {0};
	struct snug_error e = {0};
	struct snug__boot_want want = {SNUG_MODE_USER, .has_entry = true, .entry = 0x500, .stack = 0x2000};

	assert_int_equal(load(*state, &f, sizeof(f), want, &b, &e), 0);
	assert_int_equal(b.mode, SNUG_MODE_USER);
	assert_int_equal(b.entry, 0x500);
	assert_int_equal(b.stack, 0x2000);
}

static void options_refused(void **state)
{
	static const struct {
		struct snug__boot_want want;
		int code;
		const char *msg, *hint;
	} rows[] = {
	    {{0, .has_load = true}, -EINVAL, "elf: an ELF file says itself where it goes", "--load"},
	    {{SNUG_MODE_PROTECTED}, -EINVAL, "elf: a 64-bit file does not start in mode protected", "long or user"},
	    {{SNUG_MODE_REAL}, -EINVAL, "mode real", "long or user"},
	    {{SNUG_MODE_RESET}, -EINVAL, "mode reset", "long or user"},
	    {{0, .has_entry = true, .entry = GUESTMEM_RAM},
	     -ERANGE,
	     "elf: entry 0x200000 is outside memory",
	     "--mem"},
	    {{0, .stack = GUESTMEM_RAM + 8}, -ERANGE, "elf: stack 0x200008 is outside memory", "--mem"},
	};
	struct file64 f = good64();

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct snug_boot b = {0};
		struct snug_error e = {0};

		assert_int_equal(load(*state, &f, sizeof(f), rows[i].want, &b, &e), rows[i].code);
		assert_error(e, rows[i].code, rows[i].msg);
		assert_hint(e, rows[i].hint);
		assert_untouched(*state);
	}
}

/* One field of a good file changed: `size` bytes at `at`. */
struct damage {
	size_t at, size;
	uint64_t value;
	int code;
	const char *msg, *hint;
};

#define FIELD(f, v) offsetof(struct file64, f), sizeof(((struct file64 *)0)->f), v

static const struct damage damages[] = {
    {FIELD(h.e_ident[0], 0), -ENOEXEC, "elf: no ELF magic", "--as"},
    {FIELD(h.e_ident[EI_CLASS], 3), -ENOEXEC, "elf: class (byte 4) is 3", "damaged"},
    {FIELD(h.e_ident[EI_DATA], 2), -ENOEXEC, "elf: byte order (byte 5) is 2", "x86"},
    {FIELD(h.e_ident[EI_VERSION], 0), -ENOEXEC, "elf: version (byte 6) is 0", "damaged"},
    {FIELD(h.e_machine, EM_AARCH64), -ENOEXEC, "elf: 64-bit file for machine 183 (AArch64)", "x86"},
    {FIELD(h.e_machine, 9999), -ENOEXEC, "machine 9999 (unknown)", "x86"},
    {FIELD(h.e_type, ET_DYN), -ENOEXEC, "elf: type 3: position independent", "link with -static -no-pie"},
    {FIELD(h.e_type, ET_REL), -ENOEXEC, "elf: type 1: an object file", "link with"},
    {FIELD(h.e_type, ET_CORE), -ENOEXEC, "elf: type 4, not 2", "link with"},
    {FIELD(h.e_phnum, 0), -ENOEXEC, "elf: no program headers", "link"},
    {FIELD(h.e_phnum, PN_XNUM), -ENOEXEC, "elf: too many program headers", "fewer"},
    {FIELD(h.e_phentsize, 55), -ENOEXEC, "elf: e_phentsize is 55, not 56", "damaged"},
    {FIELD(h.e_phoff, 0x1170), -ENOEXEC,
     "elf: truncated: 3 program headers at 0x1170, past the end of the file (0x1200 bytes)", "damaged"},
    {FIELD(h.e_phoff, UINT64_MAX), -ENOEXEC, "elf: truncated: 3 program headers at 0xffffffffffffffff", "damaged"},
    {FIELD(p[0].p_type, PT_INTERP), -ENOEXEC, "elf: segment 0: it asks for a dynamic linker (PT_INTERP)",
     "link with -static -no-pie"},
    {FIELD(p[1].p_filesz, 0x101), -ENOEXEC, "elf: segment 1: p_filesz 0x101 is more than p_memsz 0x100", "damaged"},
    {FIELD(p[2].p_offset, 0x1180), -ENOEXEC,
     "elf: segment 2: file range 0x1180-0x1280 past the end of the file (0x1200 bytes)", "damaged"},
    {FIELD(p[2].p_offset, UINT64_MAX), -ENOEXEC, "elf: segment 2: p_offset 0xffffffffffffffff + p_filesz 0x100 wraps",
     "damaged"},
    {FIELD(p[1].p_paddr, UINT64_MAX - 0xff), -ENOEXEC,
     "elf: segment 1: p_paddr 0xffffffffffffff00 + p_memsz 0x100 wraps", "damaged"},
    {FIELD(p[2].p_memsz, UINT64_MAX), -ENOEXEC, "elf: segment 2: p_paddr 0x101000 + p_memsz 0xffffffffffffffff wraps",
     "damaged"},
    {FIELD(p[2].p_paddr, 0x1000ff), -ENOEXEC,
     "elf: segment 2: 0x1000ff-0x1018ff overlaps segment 1: 0x100000-0x100100", "linker script"},
    {FIELD(p[2].p_memsz, 0x1f00000), -ERANGE,
     "elf: segment 2: 0x101000-0x2001000 is outside memory (RAM is 0x0-0x200000)", "--mem 33M"},
    {FIELD(p[1].p_paddr, 0x200000), -ERANGE, "elf: segment 1: 0x200000-0x200100 is outside memory", "--mem 3M"},
    {FIELD(p[1].p_paddr, 0xd0000000), -ERANGE, "elf: segment 1: 0xd0000000-0xd0000100", "below 0xc0000000"},
    {FIELD(p[1].p_paddr, 0x100000000), -ERANGE, "elf: segment 1: 0x100000000-", "--mem 3073M"},
    {FIELD(h.e_entry, 0xffffffff80100100), -ERANGE, "elf: entry 0xffffffff80100100 is in no segment", "--entry"},
    {FIELD(h.e_entry, 0), -ERANGE, "elf: entry 0x0 is in no segment", "ld -e"},
    {FIELD(h.e_entry, UINT64_MAX), -ERANGE, "elf: entry 0xffffffffffffffff is in no segment", "ld -e"},
};

static void damaged(void **state)
{
	for (unsigned i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		const struct damage *d = &damages[i];
		struct file64 f = good64();
		struct snug_boot b = {0};
		struct snug_error e = {0};

		snug__le_store((uint8_t *)&f + d->at, (unsigned)d->size, d->value);
		assert_int_equal(load(*state, &f, sizeof(f), (struct snug__boot_want){0}, &b, &e), d->code);
		assert_error(e, d->code, d->msg);
		assert_hint(e, d->hint);
		assert_int_equal(b.kind, 0);
		assert_untouched(*state);
	}
}

static void truncated(void **state)
{
	struct file64 f = good64();
	struct snug_boot b = {0};
	struct snug_error e = {0};

	/* at every length some check speaks, and it is the file that is found wanting */
	for (size_t len = 0; len < sizeof(f); len++) {
		assert_int_equal(load(*state, &f, len, (struct snug__boot_want){0}, &b, &e), -ENOEXEC);
		if (len == 0)
			assert_error(e, -ENOEXEC, "elf: the image is empty");
		else if (len < sizeof(f.h) + 3 * sizeof(f.p[0]))
			assert_error(e, -ENOEXEC, "elf: truncated: ");
		else
			assert_error(e, -ENOEXEC, "past the end of the file");
	}
	assert_untouched(*state);
}

static void many_segments(void **state)
{
	struct file64 f = good64();
	struct snug_boot b = {0};
	struct snug_error e = {0};

	f.h.e_phnum = MAX_PHDRS;
	for (unsigned i = 3; i < MAX_PHDRS; i++)
		f.p[i] = (Elf64_Phdr){PT_LOAD, PF_R, 0x1000, i * 0x1000, i * 0x1000, 1, 1, 1};
	assert_int_equal(load(*state, &f, sizeof(f), (struct snug__boot_want){0}, &b, &e), -ENOEXEC);
	assert_error(e, -ENOEXEC, "elf: more than 64 segments to load");
	for (unsigned i = 65; i < MAX_PHDRS; i++)
		f.p[i].p_filesz = f.p[i].p_memsz = 0;
	assert_int_equal(load(*state, &f, sizeof(f), (struct snug__boot_want){0}, &b, &e), 0);
	f.p[65].p_memsz = 1;
	assert_int_equal(load(*state, &f, sizeof(f), (struct snug__boot_want){0}, &b, &e), -ENOEXEC);
	assert_int_equal(b.low, 0x3000);
}

static void empty_segments(void **state)
{
	struct file64 f = good64();
	struct snug_boot b = {0};
	struct snug_error e = {0};

	f.p[2].p_filesz = f.p[2].p_memsz = 0;
	f.p[2].p_paddr = 1ull << 60;
	assert_int_equal(load(*state, &f, sizeof(f), (struct snug__boot_want){0}, &b, &e), 0);
	assert_int_equal(b.high, 0x100100);
	/* bss alone: its offset means nothing */
	f.p[2] = (Elf64_Phdr){PT_LOAD, PF_W, 0x1000000, 0x3000, 0x3000, 0, 0x10, 1};
	assert_int_equal(load(*state, &f, sizeof(f), (struct snug__boot_want){0}, &b, &e), 0);
	assert_int_equal(b.low, 0x3000);
	f.h.e_phnum = 1;
	assert_int_equal(load(*state, &f, sizeof(f), (struct snug__boot_want){0}, &b, &e), -ENOEXEC);
	assert_error(e, -ENOEXEC, "elf: nothing to load");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    GUESTMEM_TEST(loads_64),      GUESTMEM_TEST(loads_32),        GUESTMEM_TEST(options),
	    GUESTMEM_TEST(damaged),       GUESTMEM_TEST(options_refused), GUESTMEM_TEST(truncated),
	    GUESTMEM_TEST(many_segments), GUESTMEM_TEST(empty_segments),
	};

	return cmocka_run_group_tests_name("elf", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * ELF executables for x86, linked to a fixed place.  Fields and names: System V ABI, chapters 4 "Object Files" and 5
 * "Program Loading"; the constants are those of <elf.h>.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "host/map.h"
#include "load/load.h"

typedef unsigned long long ull;

#define MAX_LOADS 64 /* linkers make a handful; overlap is checked pair by pair */

/* A PT_LOAD of either class. */
struct segment {
	unsigned index; /* in the program header table */
	uint64_t offset, vaddr, paddr, filesz, memsz;
};

struct elf {
	struct snug__span file;
	bool is64;
	unsigned type, machine, phentsize, phnum;
	uint64_t entry, phoff;
	struct segment loads[MAX_LOADS];
	unsigned count;
};

/* The two classes differ in the width of addresses and in two sizes. */
static const struct layout {
	unsigned word, ehdr, phdr, machine;
	const char *bits;
} layouts[2] = {
    {4, sizeof(Elf32_Ehdr), sizeof(Elf32_Phdr), EM_386, "32"},
    {8, sizeof(Elf64_Ehdr), sizeof(Elf64_Phdr), EM_X86_64, "64"},
};

/* What people feed to a VM by mistake. */
static const struct {
	unsigned machine;
	const char *name;
} machines[] = {
    {EM_386, "i386"},
    {EM_X86_64, "x86-64"},
    {EM_ARM, "Arm"},
    {EM_AARCH64, "AArch64"},
    {EM_RISCV, "RISC-V"},
    {EM_PPC, "PowerPC"},
    {EM_PPC64, "PowerPC 64"},
    {EM_MIPS, "MIPS"},
    {EM_S390, "S/390"},
    {EM_SPARC, "SPARC"},
    {EM_SPARCV9, "SPARC v9"},
    {EM_68K, "m68k"},
    {EM_LOONGARCH, "LoongArch"},
    {EM_BPF, "BPF"},
};

static const char *machine_name(unsigned machine)
{
	for (unsigned i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		if (machines[i].machine == machine)
			return machines[i].name;
	}
	return "unknown";
}

#define DAMAGED "the file is damaged or not finished: make or copy it again"
#define STATIC "link with -static -no-pie"

#define REFUSE(err, hint, ...) snug__err(err, -ENOEXEC, SNUG_STEP_NONE, hint, "elf: " __VA_ARGS__)

static int read_ident(struct elf *f, struct snug_error *err)
{
	const uint8_t *id = f->file.at;

	if (f->file.len == 0)
		return REFUSE(err, "give a file with a guest in it", "the image is empty");
	if (f->file.len < EI_NIDENT)
		return REFUSE(err, DAMAGED, "truncated: the identification has %d bytes, the file %zu", EI_NIDENT,
		              f->file.len);
	if (memcmp(id, ELFMAG, SELFMAG) != 0)
		return REFUSE(err, "load it as what it is (--as)", "no ELF magic in the first %d bytes", SELFMAG);
	if (id[EI_CLASS] != ELFCLASS32 && id[EI_CLASS] != ELFCLASS64)
		return REFUSE(err, DAMAGED, "class (byte %d) is %u, neither 1 (32-bit) nor 2 (64-bit)", EI_CLASS,
		              id[EI_CLASS]);
	if (id[EI_DATA] != ELFDATA2LSB)
		return REFUSE(err, "build the guest for x86",
		              "byte order (byte %d) is %u; x86 is little endian, which is 1", EI_DATA, id[EI_DATA]);
	if (id[EI_VERSION] != EV_CURRENT)
		return REFUSE(err, DAMAGED, "version (byte %d) is %u, not 1", EI_VERSION, id[EI_VERSION]);
	f->is64 = id[EI_CLASS] == ELFCLASS64;
	return 0;
}

static int read_header(struct elf *f, struct snug_error *err)
{
	const struct layout *l = &layouts[f->is64];
	struct snug__cursor c = {.span = f->file, .at = EI_NIDENT};

	f->type = (unsigned)snug__cursor_le(&c, 2);
	f->machine = (unsigned)snug__cursor_le(&c, 2);
	c.at += 4; /* e_version, again */
	f->entry = snug__cursor_le(&c, l->word);
	f->phoff = snug__cursor_le(&c, l->word);
	c.at += l->word + 4 + 2; /* e_shoff, e_flags, e_ehsize */
	f->phentsize = (unsigned)snug__cursor_le(&c, 2);
	f->phnum = (unsigned)snug__cursor_le(&c, 2);
	if (c.bad || f->file.len < l->ehdr)
		return REFUSE(err, DAMAGED, "truncated: the header has %u bytes, the file %zu", l->ehdr, f->file.len);
	if (f->machine != l->machine)
		return REFUSE(err, "build the guest for x86 (-m32 or -m64)",
		              "%s-bit file for machine %u (%s); a %s-bit one for %u (%s) is wanted", l->bits,
		              f->machine, machine_name(f->machine), l->bits, l->machine, machine_name(l->machine));
	if (f->type == ET_DYN)
		return REFUSE(err, STATIC, "type 3: position independent or a shared library, not an executable");
	if (f->type == ET_REL)
		return REFUSE(err, STATIC, "type 1: an object file that was not linked");
	if (f->type != ET_EXEC)
		return REFUSE(err, STATIC, "type %u, not 2 (executable)", f->type);
	return 0;
}

static int check_table(const struct elf *f, struct snug_error *err)
{
	const struct layout *l = &layouts[f->is64];
	uint64_t bytes = (uint64_t)f->phnum * f->phentsize;

	if (f->phnum == 0)
		return REFUSE(err, STATIC, "no program headers (e_phnum is 0)");
	if (f->phnum == PN_XNUM)
		return REFUSE(err, "link with fewer segments", "too many program headers (e_phnum is 0xffff)");
	if (f->phentsize != l->phdr)
		return REFUSE(err, DAMAGED, "e_phentsize is %u, not %u", f->phentsize, l->phdr);
	if (!snug__within(f->phoff, bytes, f->file.len))
		return REFUSE(err, DAMAGED,
		              "truncated: %u program headers at 0x%llx, past the end of the file (0x%zx bytes)",
		              f->phnum, (ull)f->phoff, f->file.len);
	return 0;
}

static unsigned read_phdr(const struct elf *f, unsigned index, struct segment *s)
{
	unsigned word = layouts[f->is64].word;
	struct snug__cursor c = {.span = f->file, .at = f->phoff + (uint64_t)index * f->phentsize};
	unsigned type = (unsigned)snug__cursor_le(&c, 4);

	if (f->is64)
		c.at += 4; /* p_flags; in 32-bit files it comes later */
	s->index = index;
	s->offset = snug__cursor_le(&c, word);
	s->vaddr = snug__cursor_le(&c, word);
	s->paddr = snug__cursor_le(&c, word);
	s->filesz = snug__cursor_le(&c, word);
	s->memsz = snug__cursor_le(&c, word);
	return type;
}

static int check_segment(const struct elf *f, const struct segment *s, struct snug_error *err)
{
	uint64_t end, file_end;

	if (s->filesz > s->memsz)
		return REFUSE(err, DAMAGED, "segment %u: p_filesz 0x%llx is more than p_memsz 0x%llx", s->index,
		              (ull)s->filesz, (ull)s->memsz);
	if (!snug__add(s->offset, s->filesz, &file_end))
		return REFUSE(err, DAMAGED, "segment %u: p_offset 0x%llx + p_filesz 0x%llx wraps", s->index,
		              (ull)s->offset, (ull)s->filesz);
	if (s->filesz && file_end > f->file.len) /* linkers give bss alone any offset */
		return REFUSE(err, DAMAGED,
		              "segment %u: file range 0x%llx-0x%llx past the end of the file (0x%zx bytes)", s->index,
		              (ull)s->offset, (ull)file_end, f->file.len);
	if (!snug__add(s->paddr, s->memsz, &end) || (!f->is64 && end > 1ull << 32))
		return REFUSE(err, DAMAGED, "segment %u: p_paddr 0x%llx + p_memsz 0x%llx wraps", s->index,
		              (ull)s->paddr, (ull)s->memsz);
	for (unsigned i = 0; i < f->count; i++) {
		const struct segment *o = &f->loads[i];

		if (snug__overlap(s->paddr, s->memsz, o->paddr, o->memsz))
			return REFUSE(err, "give each segment a place of its own in the linker script",
			              "segment %u: 0x%llx-0x%llx overlaps segment %u: 0x%llx-0x%llx", s->index,
			              (ull)s->paddr, (ull)end, o->index, (ull)o->paddr, (ull)(o->paddr + o->memsz));
	}
	return 0;
}

static int read_segments(struct elf *f, struct snug_error *err)
{
	for (unsigned i = 0; i < f->phnum; i++) {
		struct segment s;
		unsigned type = read_phdr(f, i, &s);
		int ret;

		if (type == PT_INTERP)
			return REFUSE(err, STATIC, "segment %u: it asks for a dynamic linker (PT_INTERP)", i);
		if (type != PT_LOAD)
			continue;
		ret = check_segment(f, &s, err);
		if (ret < 0)
			return ret;
		if (s.memsz == 0)
			continue;
		if (f->count == MAX_LOADS)
			return REFUSE(err, "link with fewer segments", "more than %d segments to load", MAX_LOADS);
		f->loads[f->count++] = s;
	}
	if (f->count == 0)
		return REFUSE(err, STATIC, "nothing to load (no PT_LOAD segment with bytes)");
	return 0;
}

static int choose_mode(const struct elf *f, enum snug_mode want, enum snug_mode *mode, struct snug_error *err)
{
	static const struct {
		enum snug_mode first, other;
		const char *hint;
	} rows[2] = {
	    {SNUG_MODE_PROTECTED, SNUG_MODE_PAGED32, "use mode protected or paged32 (--mode)"},
	    {SNUG_MODE_LONG, SNUG_MODE_USER, "use mode long or user (--mode)"},
	};

	*mode = want == SNUG_MODE_AUTO ? rows[f->is64].first : want;
	if (*mode == rows[f->is64].first || *mode == rows[f->is64].other)
		return 0;
	return snug__err(err, -EINVAL, SNUG_STEP_NONE, rows[f->is64].hint,
	                 "elf: a %s-bit file does not start in mode %s", layouts[f->is64].bits, snug_mode_name(want));
}

/* Where in memory the file's entry is: it is virtual, and segments may lie elsewhere than they are linked for. */
static int find_entry(const struct elf *f, uint64_t *entry, struct snug_error *err)
{
	for (unsigned i = 0; i < f->count; i++) {
		const struct segment *s = &f->loads[i];

		if (snug__overlap(s->vaddr, s->memsz, f->entry, 1)) {
			*entry = s->paddr + (f->entry - s->vaddr);
			return 0;
		}
	}
	return snug__err(err, -ERANGE, SNUG_STEP_NONE,
	                 "set the entry when linking (ld -e SYMBOL), or give one (--entry)",
	                 "elf: entry 0x%llx is in no segment", (ull)f->entry);
}

static int check_memory(const struct elf *f, const struct snug__mem *mem, struct snug_boot *b, struct snug_error *err)
{
	const struct segment *bad = NULL;

	b->low = UINT64_MAX;
	for (unsigned i = 0; i < f->count; i++) {
		const struct segment *s = &f->loads[i];

		if (!bad && !snug__mem_has(mem, s->paddr, s->memsz))
			bad = s;
		b->low = snug__min(b->low, s->paddr);
		b->high = snug__max(b->high, s->paddr + s->memsz);
	}
	if (!bad)
		return 0;
	return snug__err(err, -ERANGE, SNUG_STEP_NONE, snug__boot_memory_hint(b->high).s,
	                 "elf: segment %u: 0x%llx-0x%llx is outside memory (RAM is 0x0-0x%llx)", bad->index,
	                 (ull)bad->paddr, (ull)bad->paddr + bad->memsz, (ull)snug__mem_low_end(mem));
}

/* Pages of the file that are in the guest now are not needed a second time. */
#define PIECE (1u << 20)

static void drop(struct snug__span bytes)
{
	uintptr_t from = ((uintptr_t)bytes.at + SNUG_PAGE - 1) & ~(uintptr_t)(SNUG_PAGE - 1);
	uintptr_t to = ((uintptr_t)bytes.at + bytes.len) & ~(uintptr_t)(SNUG_PAGE - 1);

	if (from < to)
		snug__map_drop((void *)from, to - from);
}

static int write_bytes(struct snug__mem *mem, uint64_t gpa, struct snug__span bytes, bool consume)
{
	int ret = 0;

	for (uint64_t at = 0; ret == 0 && at < bytes.len; at += PIECE) {
		struct snug__span piece = snug__span_sub(bytes, at, snug__min(bytes.len - at, PIECE));

		ret = snug__mem_write(mem, gpa + at, piece.at, piece.len);
		if (consume)
			drop(piece);
	}
	return ret;
}

static int write_segments(const struct elf *f, struct snug__mem *mem, bool consume)
{
	for (unsigned i = 0; i < f->count; i++) {
		const struct segment *s = &f->loads[i];
		struct snug__span bytes = snug__span_sub(f->file, s->offset, s->filesz);
		int ret = write_bytes(mem, s->paddr, bytes, consume);

		if (ret == 0 && s->memsz > s->filesz)
			ret = snug__mem_zero(mem, s->paddr + s->filesz, s->memsz - s->filesz);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int parse(struct elf *f, struct snug_error *err)
{
	int ret = read_ident(f, err);

	if (ret == 0)
		ret = read_header(f, err);
	if (ret == 0)
		ret = check_table(f, err);
	if (ret == 0)
		ret = read_segments(f, err);
	return ret;
}

int snug__elf_extent(struct snug__span image, const struct snug__mem *mem, struct snug_boot *out,
                     struct snug_error *err)
{
	struct elf f = {.file = image};
	int ret = parse(&f, err);

	if (ret == 0)
		ret = check_memory(&f, mem, out, err);
	out->entry = f.entry;
	return ret;
}

#define NOTE_ALIGN 4u /* System V ABI, "Note Section": words of 4 bytes in both classes, as linkers have it */

static uint64_t padded(uint64_t n)
{
	return (n + NOTE_ALIGN - 1) & ~(uint64_t)(NOTE_ALIGN - 1);
}

static bool find_note(struct snug__span notes, const char *name, int type, uint64_t *value)
{
	size_t len = strlen(name) + 1;
	struct snug__cursor c = {.span = notes};

	while (!c.bad && c.at + 12 <= notes.len) {
		uint64_t namesz = snug__cursor_le(&c, 4), descsz = snug__cursor_le(&c, 4),
		         kind = snug__cursor_le(&c, 4);
		struct snug__span is = snug__span_sub(notes, c.at, namesz);
		struct snug__span desc = snug__span_sub(notes, c.at + padded(namesz), descsz);

		if (is.at && desc.at && is.len == len && !memcmp(is.at, name, len) &&
		    (type < 0 || kind == (unsigned)type)) {
			*value = snug__le_load(desc.at, (unsigned)snug__min(desc.len, 8));
			return true;
		}
		c.at += padded(namesz) + padded(descsz);
	}
	return false;
}

bool snug__elf_note(struct snug__span image, const char *name, int type, uint64_t *value)
{
	struct elf f = {.file = image};

	if (read_ident(&f, NULL) < 0 || read_header(&f, NULL) < 0 || check_table(&f, NULL) < 0)
		return false;
	for (unsigned i = 0; i < f.phnum; i++) {
		struct segment s;

		if (read_phdr(&f, i, &s) == PT_NOTE &&
		    find_note(snug__span_sub(image, s.offset, s.filesz), name, type, value))
			return true;
	}
	return false;
}

int snug__load_elf(struct snug__span image, const struct snug__boot_want *want, struct snug__mem *mem,
                   struct snug_boot *out, struct snug_regs *regs, struct snug_error *err)
{
	struct snug_boot b = {.size = sizeof(b), .kind = SNUG_KIND_ELF};
	struct elf f = {.file = image};
	int ret = parse(&f, err);

	(void)regs;
	if (ret < 0)
		return ret;
	if (want->has_load)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "leave out the load address (--load)",
		                 "elf: an ELF file says itself where it goes");
	ret = choose_mode(&f, want->mode, &b.mode, err);
	if (ret == 0)
		ret = check_memory(&f, mem, &b, err);
	if (ret == 0 && want->has_entry)
		b.entry = want->entry;
	else if (ret == 0)
		ret = find_entry(&f, &b.entry, err);
	if (ret == 0)
		ret = snug__boot_finish("elf", want, mem, &b, err);
	if (ret == 0)
		ret = write_segments(&f, mem, want->consume);
	if (ret == 0)
		*out = b;
	return ret;
}

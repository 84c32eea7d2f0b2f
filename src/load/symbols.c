/* SPDX-License-Identifier: MIT */
/*
 * Symbol tables of ELF files: System V ABI, chapter 4 "Sections", "String Table", "Symbol Table"; the constants are those
 * of <elf.h>.  The loader looks at segments alone, so nothing here was checked before.
 */
#include "load/symbols.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/near.h"

typedef unsigned long long ull;

#define DAMAGED "the file is damaged or not finished: make or copy it again, or load it without its symbols"
#define LARGE "strip what is not needed (strip --strip-debug, objcopy -K), or load it without its symbols"

#define REFUSE(err, ...) snug__err(err, -ENOEXEC, SNUG_STEP_NONE, DAMAGED, "elf: " __VA_ARGS__)

/* The two classes differ in the width of addresses and in three sizes. */
static const struct layout {
	unsigned word, ehdr, shdr;
} layouts[2] = {
    {4, sizeof(Elf32_Ehdr), sizeof(Elf32_Shdr)},
    {8, sizeof(Elf64_Ehdr), sizeof(Elf64_Shdr)},
};

/* The file and its table of sections. */
struct file {
	struct snug__span bytes;
	const struct layout *layout;
	bool is64;
	uint64_t shoff, shnum;
};

struct section {
	uint64_t index, type, offset, size, link, entsize;
};

/* A symbol table and its strings. */
struct table {
	const struct file *file;
	struct section syms, strs;
	struct snug__span entries, strings;
};

struct entry {
	uint64_t name, value, size;
	unsigned type, shndx;
};

static struct section read_section(const struct file *f, uint64_t index)
{
	unsigned word = f->layout->word;
	struct snug__cursor c = {.span = f->bytes, .at = f->shoff + index * f->layout->shdr + 4}; /* sh_name */
	struct section s = {.index = index};

	s.type = snug__cursor_le(&c, 4);
	c.at += 2ul * word; /* sh_flags, sh_addr */
	s.offset = snug__cursor_le(&c, word);
	s.size = snug__cursor_le(&c, word);
	s.link = snug__cursor_le(&c, 4);
	c.at += 4ul + word; /* sh_info, sh_addralign */
	s.entsize = snug__cursor_le(&c, word);
	return s;
}

/* Not from layouts: the analyser takes a call for one that may have changed them, and then for a division by zero. */
static unsigned sym_bytes(const struct file *f)
{
	return f->is64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
}

/* shnum is 0 where there are no sections. */
static int read_header(struct snug__span bytes, struct file *f, struct snug_error *err)
{
	struct snug__cursor c = {.span = bytes};
	unsigned entsize;

	if (bytes.len < EI_NIDENT || memcmp(bytes.at, ELFMAG, SELFMAG) != 0)
		return REFUSE(err, "no ELF identification");
	*f = (struct file){.bytes = bytes, .is64 = bytes.at[EI_CLASS] == ELFCLASS64};
	f->layout = &layouts[f->is64];
	c.at = EI_NIDENT + 2 + 2 + 4 + 2ul * f->layout->word; /* up to e_shoff */
	f->shoff = snug__cursor_le(&c, f->layout->word);
	c.at += 4 + 2 + 2 + 2; /* e_flags, e_ehsize, e_phentsize, e_phnum */
	entsize = (unsigned)snug__cursor_le(&c, 2);
	f->shnum = snug__cursor_le(&c, 2);
	if (c.bad)
		return REFUSE(err, "truncated: the header has %u bytes, the file %zu", f->layout->ehdr, bytes.len);
	if (f->shoff == 0) {
		f->shnum = 0;
		return 0;
	}
	if (entsize != f->layout->shdr)
		return REFUSE(err, "e_shentsize is %u, not %u", entsize, f->layout->shdr);
	if (!snug__within(f->shoff, f->layout->shdr, bytes.len))
		return REFUSE(err, "e_shoff 0x%llx is past the end of the file (0x%zx bytes)", (ull)f->shoff,
		              bytes.len);
	if (f->shnum == 0) /* 0xff00 or more: then section 0 has the number */
		f->shnum = read_section(f, 0).size;
	if (f->shnum > (bytes.len - f->shoff) / f->layout->shdr)
		return REFUSE(err,
		              "truncated: %llu section headers at 0x%llx, past the end of the file (0x%zx bytes)",
		              (ull)f->shnum, (ull)f->shoff, bytes.len);
	return 0;
}

/* Finds .symtab, else .dynsym; 0: there is none. */
static uint64_t find_table(const struct file *f)
{
	uint64_t dynamic = 0;

	for (uint64_t i = 1; i < f->shnum; i++) {
		uint64_t type = read_section(f, i).type;

		if (type == SHT_SYMTAB)
			return i;
		if (type == SHT_DYNSYM && !dynamic)
			dynamic = i;
	}
	return dynamic;
}

static int section_bytes(const struct file *f, const struct section *s, struct snug__span *out,
                         struct snug_error *err)
{
	*out = snug__span_sub(f->bytes, s->offset, s->size);
	if (s->size && !out->at)
		return REFUSE(err,
		              "section %llu: sh_offset 0x%llx + sh_size 0x%llx is past the end of the file (0x%zx)",
		              (ull)s->index, (ull)s->offset, (ull)s->size, f->bytes.len);
	return 0;
}

static int open_table(const struct file *f, uint64_t index, struct table *t, struct snug_error *err)
{
	int r;

	*t = (struct table){.file = f, .syms = read_section(f, index)};
	if (t->syms.entsize != sym_bytes(f))
		return REFUSE(err, "section %llu (symbols): sh_entsize is %llu, not %u", (ull)index,
		              (ull)t->syms.entsize, sym_bytes(f));
	if (t->syms.size % sym_bytes(f))
		return REFUSE(err, "section %llu (symbols): sh_size %llu is no multiple of %u", (ull)index,
		              (ull)t->syms.size, sym_bytes(f));
	if (t->syms.link == 0 || t->syms.link >= f->shnum)
		return REFUSE(err, "section %llu (symbols): sh_link %llu names no section", (ull)index,
		              (ull)t->syms.link);
	t->strs = read_section(f, t->syms.link);
	if (t->strs.type != SHT_STRTAB)
		return REFUSE(err, "section %llu (symbols): sh_link %llu is no string table", (ull)index,
		              (ull)t->syms.link);
	r = section_bytes(f, &t->syms, &t->entries, err);
	return r < 0 ? r : section_bytes(f, &t->strs, &t->strings, err);
}

static struct entry read_entry(const struct table *t, uint64_t index)
{
	struct snug__cursor c = {.span = t->entries, .at = index * sym_bytes(t->file)};
	struct entry e = {.name = snug__cursor_le(&c, 4)};

	if (!t->file->is64) {
		e.value = snug__cursor_le(&c, 4);
		e.size = snug__cursor_le(&c, 4);
	}
	e.type = ELF64_ST_TYPE(snug__cursor_le(&c, 1));
	c.at++; /* st_other */
	e.shndx = (unsigned)snug__cursor_le(&c, 2);
	if (t->file->is64) {
		e.value = snug__cursor_le(&c, 8);
		e.size = snug__cursor_le(&c, 8);
	}
	return e;
}

static bool wanted(const struct entry *e)
{
	return e->name && e->shndx != SHN_UNDEF && e->shndx != SHN_COMMON &&
	       (e->type == STT_FUNC || e->type == STT_OBJECT || e->type == STT_NOTYPE);
}

/*
 * The length of entry i's name, which with its NUL may have `left` bytes.  No more are looked at: a million names may be
 * one and the same endless string.
 */
static int name_length(const struct table *t, uint64_t i, uint64_t at, uint64_t left, size_t *len,
                       struct snug_error *err)
{
	uint64_t there = t->strings.len - snug__min(at, t->strings.len), look = snug__min(there, left);

	if (there == 0)
		return REFUSE(err, "section %llu (symbols): symbol %llu: st_name 0x%llx is outside section %llu",
		              (ull)t->syms.index, (ull)i, (ull)at, (ull)t->strs.index);
	*len = strnlen((const char *)t->strings.at + at, (size_t)look);
	if (*len < look)
		return 0;
	if (look == there)
		return REFUSE(err, "section %llu (strings): the name at 0x%llx has no end", (ull)t->strs.index,
		              (ull)at);
	return snug__err(err, -EFBIG, SNUG_STEP_NONE, LARGE, "elf: the names of symbols have more than %u bytes",
	                 SNUG__SYMBOL_NAMES_MAX);
}

/* Goes over all entries; without rows it only counts. */
static int gather(const struct table *t, struct snug__symbols *s, struct snug_error *err)
{
	uint64_t total = t->entries.len / sym_bytes(t->file);
	uint32_t count = 0, used = 0;

	for (uint64_t i = 1; i < total; i++) { /* entry 0 is none */
		struct entry e = read_entry(t, i);
		size_t len = 0;
		int r;

		if (!wanted(&e))
			continue;
		r = name_length(t, i, e.name, SNUG__SYMBOL_NAMES_MAX - used, &len, err);
		if (r < 0)
			return r;
		if (!len)
			continue;
		if (count == SNUG__SYMBOLS_MAX)
			return snug__err(err, -EFBIG, SNUG_STEP_NONE, LARGE, "elf: more than %u symbols",
			                 SNUG__SYMBOLS_MAX);
		if (s->rows) {
			s->rows[count].address = e.value;
			s->rows[count].bytes = e.size;
			s->rows[count].name = used;
			memcpy(s->names + used, t->strings.at + e.name, len + 1);
		}
		count++;
		used += (uint32_t)len + 1;
	}
	s->count = count;
	s->names_len = used;
	return 0;
}

static int no_memory(struct snug_error *err)
{
	return snug__err(err, -ENOMEM, SNUG_STEP_NONE, "free some memory", "symbols: out of memory");
}

static void destroy(struct snug__symbols *s)
{
	free(s->rows);
	free(s->names);
	free(s->by_name);
	free(s);
}

/* An empty table of this size.  Zeroed: what lies between the fields of a row goes into files too. */
static struct snug__symbols *allocate(uint32_t count, uint32_t names_len)
{
	struct snug__symbols *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	atomic_init(&s->owners, 1);
	s->count = count;
	s->names_len = names_len;
	s->rows = calloc(count + 1ul, sizeof(*s->rows));
	s->names = calloc(names_len + 1ul, 1);
	s->by_name = calloc(count + 1ul, sizeof(*s->by_name));
	if (s->rows && s->names && s->by_name)
		return s;
	destroy(s);
	return NULL;
}

static int order(const struct snug__symbol *a, const struct snug__symbol *b, const char *names)
{
	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	return strcmp(names + a->name, names + b->name);
}

static int compare_rows(const void *a, const void *b, void *ctx)
{
	const struct snug__symbols *s = ctx;

	return order(a, b, s->names);
}

static int compare_names(const void *a, const void *b, void *ctx)
{
	const struct snug__symbols *s = ctx;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	int d = strcmp(s->names + s->rows[i].name, s->names + s->rows[j].name);

	return d ? d : (i > j) - (i < j);
}

/* A sorted index, not a hash: a stranger who chooses the names could make all of them meet in one place. */
static void index_names(struct snug__symbols *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		s->by_name[i] = i;
	qsort_r(s->by_name, s->count, sizeof(*s->by_name), compare_names, s);
}

int snug__symbols_read(struct snug__span elf, struct snug__symbols **out, struct snug_error *err)
{
	struct snug__symbols count = {0}, *s;
	struct table t = {0};
	struct file f = {0};
	uint64_t index;
	int r = read_header(elf, &f, err);

	if (r < 0)
		return r;
	t.file = &f;
	index = find_table(&f);
	if (index)
		r = open_table(&f, index, &t, err);
	if (r >= 0)
		r = gather(&t, &count, err);
	if (r < 0)
		return r;
	s = allocate(count.count, count.names_len);
	if (!s)
		return no_memory(err);
	r = gather(&t, s, err);
	if (r < 0) {
		destroy(s);
		return r;
	}
	qsort_r(s->rows, s->count, sizeof(*s->rows), compare_rows, s);
	index_names(s);
	*out = s;
	return 0;
}

static const char *fault_of(const struct snug__symbol *rows, uint32_t count, const char *names, uint32_t names_len,
                            uint32_t *where)
{
	*where = 0;
	if (count > SNUG__SYMBOLS_MAX || names_len > SNUG__SYMBOL_NAMES_MAX)
		return "there are more than the limit allows";
	if (names_len && names[names_len - 1])
		return "the last name has no end";
	for (uint32_t i = 0; i < count; i++) {
		*where = i;
		if (rows[i].name >= names_len || !names[rows[i].name])
			return "its name is outside the names, or empty";
		if (i && order(&rows[i - 1], &rows[i], names) > 0)
			return "it is out of order";
	}
	return NULL;
}

int snug__symbols_make(const struct snug__symbol *rows, uint32_t count, const char *names, uint32_t names_len,
                       struct snug__symbols **out, struct snug_error *err)
{
	uint32_t where;
	const char *why = fault_of(rows, count, names, names_len, &where);
	struct snug__symbols *s;

	if (why)
		return snug__err(err, -ENOEXEC, SNUG_STEP_NONE, "the file is damaged: make or copy it again",
		                 "symbols: symbol %u of %u: %s", where, count, why);
	s = allocate(count, names_len);
	if (!s)
		return no_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		s->rows[i].address = rows[i].address;
		s->rows[i].bytes = rows[i].bytes;
		s->rows[i].name = rows[i].name;
	}
	if (names_len)
		memcpy(s->names, names, names_len);
	index_names(s);
	*out = s;
	return 0;
}

struct snug__symbols *snug__symbols_hold(struct snug__symbols *s)
{
	if (s)
		atomic_fetch_add_explicit(&s->owners, 1, memory_order_relaxed);
	return s;
}

void snug__symbols_drop(struct snug__symbols *s)
{
	if (s && atomic_fetch_sub_explicit(&s->owners, 1, memory_order_acq_rel) == 1)
		destroy(s);
}

const struct snug__symbol *snug__symbols_find(const struct snug__symbols *s, const char *name)
{
	uint32_t low = 0, high = s->count;
	const struct snug__symbol *row;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (strcmp(s->names + s->rows[s->by_name[mid]].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	row = low < s->count ? &s->rows[s->by_name[low]] : NULL;
	return row && strcmp(s->names + row->name, name) == 0 ? row : NULL;
}

/* A name from a stranger's file goes to a terminal. */
static bool printable(const char *name)
{
	for (; *name; name++)
		if (*name < ' ' || *name > '~')
			return false;
	return true;
}

const char *snug__symbols_near(const struct snug__symbols *s, const char *name)
{
	unsigned limit = 1 + (unsigned)snug__min(strlen(name), 30) / 4;
	const char *found = NULL;

	for (uint32_t i = 0; i < s->count && limit; i++) {
		const char *other = s->names + s->rows[s->by_name[i]].name;
		unsigned d = snug__near(name, other, limit);

		if (d <= limit && printable(other)) {
			found = other;
			limit = d ? d - 1 : 0;
		}
	}
	return found;
}

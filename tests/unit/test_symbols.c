/* SPDX-License-Identifier: MIT */
/* symbols: tables of names, good ones and such as no linker makes; and how near names are */
#include "check.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/near.h"
#include "load/symbols.h"

#define SYMS 12
#define NAMES "\0main\0helper\0table\0file.c\0weak\0tail"
#define AT(name) (offsetof(struct names, name))

/* Where each name is in NAMES. */
struct names {
	char none[1], main[5], helper[7], table[6], file[7], weak[5], tail[5];
};
_Static_assert(sizeof(struct names) == sizeof(NAMES), "the same strings");

struct file64 {
	Elf64_Ehdr h;
	Elf64_Shdr s[4]; /* none, something else, symbols, strings */
	Elf64_Sym sym[SYMS];
	char names[sizeof(NAMES)];
};

struct file32 {
	Elf32_Ehdr h;
	Elf32_Shdr s[3];
	Elf32_Sym sym[3];
	char names[sizeof(NAMES)];
};

#define INFO(bind, type) ELF64_ST_INFO(bind, type)

static struct file64 good64(void)
{
	struct file64 f = {
	    .h = {.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_shoff = offsetof(struct file64, s), .e_shnum = 4},
	    .s = {[1] = {.sh_type = SHT_PROGBITS, .sh_offset = UINT64_MAX, .sh_size = UINT64_MAX}},
	    .sym =
	        {
	            {0},
	            {AT(file), INFO(STB_LOCAL, STT_FILE), 0, SHN_ABS, 0, 0},
	            {AT(none), INFO(STB_LOCAL, STT_SECTION), 0, 1, 0x100000, 0},
	            {AT(table), INFO(STB_GLOBAL, STT_OBJECT), 0, 1, 0x102000, 64},
	            {AT(main), INFO(STB_GLOBAL, STT_FUNC), 0, 1, 0x101000, 32},
	            {AT(helper), INFO(STB_LOCAL, STT_FUNC), 0, 1, 0x101800, 8},
	            {AT(helper), INFO(STB_LOCAL, STT_FUNC), 0, 1, 0x101700, 9}, /* another file's */
	            {AT(weak), INFO(STB_WEAK, STT_NOTYPE), 0, SHN_ABS, 0x101000, 0},
	            {AT(tail), INFO(STB_GLOBAL, STT_FUNC), 0, SHN_UNDEF, 0x1, 0},
	            {AT(tail), INFO(STB_GLOBAL, STT_TLS), 0, 1, 0x2, 0},
	            {AT(tail), INFO(STB_GLOBAL, STT_OBJECT), 0, SHN_COMMON, 0x3, 0},
	            {AT(none), INFO(STB_GLOBAL, STT_FUNC), 0, 1, 0x4, 0},
	        },
	};

	memcpy(f.h.e_ident, "\177ELF\2\1\1", 7);
	f.h.e_shentsize = sizeof(Elf64_Shdr);
	f.s[2] = (Elf64_Shdr){.sh_type = SHT_SYMTAB,
	                      .sh_offset = offsetof(struct file64, sym),
	                      .sh_size = sizeof(f.sym),
	                      .sh_link = 3,
	                      .sh_entsize = sizeof(Elf64_Sym)};
	f.s[3] = (Elf64_Shdr){
	    .sh_type = SHT_STRTAB, .sh_offset = offsetof(struct file64, names), .sh_size = sizeof(NAMES)};
	memcpy(f.names, NAMES, sizeof(NAMES));
	return f;
}

/* A copy of exactly len bytes, so that a sanitizer sees each byte too far. */
static int read_copy(const void *file, size_t len, struct snug__symbols **out, struct snug_error *e)
{
	uint8_t *copy = malloc(len + !len);
	int r;

	memcpy(copy, file, len);
	*out = NULL;
	r = snug__symbols_read((struct snug__span){copy, len}, out, e);
	free(copy);
	assert_true((r == 0) == (*out != NULL));
	return r;
}

static void check_row(const struct snug__symbols *s, uint32_t i, const char *name, uint64_t address, uint64_t bytes)
{
	assert_string_equal(s->names + s->rows[i].name, name);
	assert_int_equal(s->rows[i].address, address);
	assert_int_equal(s->rows[i].bytes, bytes);
}

static void good_64(void **state)
{
	struct file64 f = good64();
	struct snug__symbols *s, *again;

	(void)state;
	assert_int_equal(read_copy(&f, sizeof(f), &s, NULL), 0);
	assert_int_equal(s->count, 5);
	check_row(s, 0, "main", 0x101000, 32);
	check_row(s, 1, "weak", 0x101000, 0);
	check_row(s, 2, "helper", 0x101700, 9);
	check_row(s, 3, "helper", 0x101800, 8);
	check_row(s, 4, "table", 0x102000, 64);
	assert_ptr_equal(snug__symbols_find(s, "main"), &s->rows[0]);
	assert_ptr_equal(snug__symbols_find(s, "weak"), &s->rows[1]);
	assert_ptr_equal(snug__symbols_find(s, "helper"), &s->rows[2]);
	assert_ptr_equal(snug__symbols_find(s, "table"), &s->rows[4]);
	assert_null(snug__symbols_find(s, "tail"));
	assert_null(snug__symbols_find(s, "file.c"));
	assert_null(snug__symbols_find(s, ""));
	assert_null(snug__symbols_find(s, "zzz"));
	assert_null(snug__symbols_find(s, "mai"));
	/* What a snapshot keeps of it makes the same table again. */
	assert_int_equal(snug__symbols_make(s->rows, s->count, s->names, s->names_len, &again, NULL), 0);
	assert_memory_equal(again->rows, s->rows, s->count * sizeof(*s->rows));
	assert_ptr_equal(snug__symbols_find(again, "helper"), &again->rows[2]);
	assert_ptr_equal(snug__symbols_hold(again), again);
	snug__symbols_drop(again);
	assert_non_null(snug__symbols_find(again, "main"));
	snug__symbols_drop(again);
	snug__symbols_drop(s);
	snug__symbols_drop(NULL);
	assert_null(snug__symbols_hold(NULL));
}

static void good_32(void **state)
{
	struct file32 f = {
	    .h = {.e_shoff = offsetof(struct file32, s), .e_shnum = 3, .e_shentsize = sizeof(Elf32_Shdr)},
	    .s = {{0},
	          {.sh_type = SHT_STRTAB, .sh_offset = offsetof(struct file32, names), .sh_size = sizeof(NAMES)},
	          {.sh_type = SHT_DYNSYM,
	           .sh_offset = offsetof(struct file32, sym),
	           .sh_size = sizeof(f.sym),
	           .sh_link = 1,
	           .sh_entsize = sizeof(Elf32_Sym)}},
	    .sym = {{0},
	            {AT(main), 0xfffffff0, 16, INFO(STB_GLOBAL, STT_FUNC), 0, 1},
	            {AT(tail), 0x1000, 4, INFO(STB_GLOBAL, STT_OBJECT), 0, 1}},
	    .names = NAMES,
	};
	struct snug__symbols *s;

	(void)state;
	memcpy(f.h.e_ident, "\177ELF\1\1\1", 7);
	memcpy(f.names, NAMES, sizeof(NAMES));
	assert_int_equal(read_copy(&f, sizeof(f), &s, NULL), 0);
	assert_int_equal(s->count, 2);
	check_row(s, 0, "tail", 0x1000, 4);
	check_row(s, 1, "main", 0xfffffff0, 16);
	snug__symbols_drop(s);
}

/* No sections, no table of symbols, an empty one. */
static void nothing_there(void **state)
{
	struct snug__symbols *s;

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct file64 f = good64();

		if (i == 0)
			f.h.e_shoff = 0;
		if (i == 1)
			f.s[2].sh_type = SHT_PROGBITS;
		if (i == 2)
			f.s[2].sh_size = 0;
		if (i == 3)
			f.s[2].sh_size = sizeof(Elf64_Sym);
		assert_int_equal(read_copy(&f, sizeof(f), &s, NULL), 0);
		assert_int_equal(s->count, 0);
		assert_null(snug__symbols_find(s, "main"));
		assert_null(snug__symbols_near(s, "main"));
		snug__symbols_drop(s);
	}
}

/* More than 0xfeff sections: section 0 has the number. */
static void many_sections(void **state)
{
	struct file64 f = good64();
	struct snug__symbols *s;
	struct snug_error e;

	(void)state;
	f.h.e_shnum = 0;
	f.s[0].sh_size = 4;
	assert_int_equal(read_copy(&f, sizeof(f), &s, NULL), 0);
	assert_int_equal(s->count, 5);
	snug__symbols_drop(s);
	f.s[0].sh_size = UINT64_MAX;
	assert_int_equal(read_copy(&f, sizeof(f), &s, &e), -ENOEXEC);
	assert_error(e, -ENOEXEC, "truncated: 18446744073709551615 section headers");
}

static void damaged(void **state)
{
	static const struct {
		size_t at, size;
		uint64_t value;
		const char *text;
	} rows[] = {
#define FIELD(field, value, text) {offsetof(struct file64, field), sizeof(((struct file64 *)0)->field), value, text}
	    FIELD(h.e_ident[1], 'F', "no ELF identification"),
	    FIELD(h.e_shentsize, 63, "e_shentsize is 63, not 64"),
	    FIELD(h.e_shoff, UINT64_MAX, "e_shoff 0xffffffffffffffff is past the end of the file"),
	    FIELD(h.e_shoff, sizeof(struct file64) - 63, "is past the end of the file"),
	    FIELD(h.e_shnum, 200, "truncated: 200 section headers at 0x40"),
	    FIELD(s[2].sh_entsize, 0, "section 2 (symbols): sh_entsize is 0, not 24"),
	    FIELD(s[2].sh_size, 25, "section 2 (symbols): sh_size 25 is no multiple of 24"),
	    FIELD(s[2].sh_size, UINT64_MAX - 15, "section 2: sh_offset 0x140 + sh_size"),
	    FIELD(s[2].sh_offset, UINT64_MAX - 15, "section 2: sh_offset 0xfffffffffffffff0"),
	    FIELD(s[2].sh_link, 0, "section 2 (symbols): sh_link 0 names no section"),
	    FIELD(s[2].sh_link, 4, "section 2 (symbols): sh_link 4 names no section"),
	    FIELD(s[2].sh_link, 1, "section 2 (symbols): sh_link 1 is no string table"),
	    FIELD(s[2].sh_link, 2, "section 2 (symbols): sh_link 2 is no string table"),
	    FIELD(s[3].sh_size, UINT64_MAX, "section 3: sh_offset 0x260 + sh_size"),
	    FIELD(s[3].sh_size, 0, "section 2 (symbols): symbol 3: st_name 0xd is outside section 3"),
	    FIELD(s[3].sh_size, 14, "section 3 (strings): the name at 0xd has no end"),
	    FIELD(sym[5].st_name, sizeof(NAMES), "section 2 (symbols): symbol 5: st_name 0x24 is outside section 3"),
	    FIELD(sym[5].st_name, UINT32_MAX, "symbol 5: st_name 0xffffffff is outside section 3"),
	    FIELD(names[sizeof(NAMES) - 1], 'x', NULL), /* nobody's name */
#undef FIELD
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct file64 f = good64();
		struct snug__symbols *s;
		struct snug_error e = {0};
		int r;

		memcpy((char *)&f + rows[i].at, &rows[i].value, rows[i].size);
		r = read_copy(&f, sizeof(f), &s, &e);
		if (!rows[i].text) {
			assert_int_equal(r, 0);
			snug__symbols_drop(s);
			continue;
		}
		assert_int_equal(r, -ENOEXEC);
		assert_error(e, -ENOEXEC, rows[i].text);
		assert_hint(e, "damaged");
	}
}

/* Every file that ends too early is refused, and none is read past its end. */
static void truncated(void **state)
{
	struct file64 f = good64();
	struct snug__symbols *s;

	(void)state;
	for (size_t len = 0; len < offsetof(struct file64, names) + sizeof(NAMES); len++)
		assert_int_equal(read_copy(&f, len, &s, NULL), -ENOEXEC);
}

/* A million names that are one and the same long string cost what the limit allows and no more. */
static void huge(void **state)
{
	uint32_t count = SNUG__SYMBOLS_MAX + 2, strings = 1u << 20;
	size_t len = sizeof(struct file64) + count * sizeof(Elf64_Sym) + strings;
	struct file64 *f = calloc(1, len);
	Elf64_Sym *sym = (Elf64_Sym *)(f + 1);
	char *names = (char *)(sym + count);
	struct snug__symbols *s = NULL;
	struct snug_error e = {0};

	(void)state;
	*f = good64();
	f->s[2].sh_offset = sizeof(*f);
	f->s[2].sh_size = count * sizeof(Elf64_Sym);
	f->s[3].sh_offset = (uint64_t)(names - (char *)f);
	f->s[3].sh_size = strings;
	memset(names, 'x', strings - 1);
	for (uint32_t i = 0; i < count; i++)
		sym[i] = (Elf64_Sym){1, INFO(STB_GLOBAL, STT_FUNC), 0, 1, i, 0};
	assert_int_equal(snug__symbols_read((struct snug__span){(uint8_t *)f, len}, &s, &e), -EFBIG);
	assert_error(e, -EFBIG, "the names of symbols have more than 67108864 bytes");
	for (uint32_t i = 0; i < count; i++)
		sym[i].st_name = strings - 2;
	assert_int_equal(snug__symbols_read((struct snug__span){(uint8_t *)f, len}, &s, &e), -EFBIG);
	assert_error(e, -EFBIG, "more than 1048576 symbols");
	f->s[2].sh_size -= sizeof(Elf64_Sym);
	assert_int_equal(snug__symbols_read((struct snug__span){(uint8_t *)f, len}, &s, &e), 0);
	assert_int_equal(s->count, SNUG__SYMBOLS_MAX);
	assert_ptr_equal(snug__symbols_find(s, "x"), &s->rows[0]);
	snug__symbols_drop(s);
	free(f);
}

static void strangers(void **state)
{
	static const struct {
		struct snug__symbol rows[2];
		uint32_t count, names_len;
		const char *text;
	} bad[] = {
	    {{{1, 0, 0}, {2, 0, 2}}, 2, 3, "the last name has no end"},
	    {{{1, 0, 0}, {2, 0, 4}}, 2, 4, "symbol 1 of 2: its name is outside the names, or empty"},
	    {{{1, 0, 0}, {2, 0, UINT32_MAX}}, 2, 4, "outside the names"},
	    {{{1, 0, 1}, {2, 0, 0}}, 2, 4, "symbol 0 of 2: its name is outside the names, or empty"},
	    {{{3, 0, 0}, {2, 0, 2}}, 2, 4, "symbol 1 of 2: it is out of order"},
	    {{{2, 0, 2}, {2, 0, 0}}, 2, 4, "symbol 1 of 2: it is out of order"},
	    {{{1, 0, 0}}, 1, 0, "outside the names"},
	    {{{1, 0, 0}}, SNUG__SYMBOLS_MAX + 1, 4, "more than the limit"},
	    {{{1, 0, 0}}, 1, SNUG__SYMBOL_NAMES_MAX + 1, "more than the limit"},
	};
	static const char names[] = {'a', 0, 'b', 0};
	struct snug__symbols *s = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct snug_error e = {0};

		assert_int_equal(snug__symbols_make(bad[i].rows, bad[i].count, names, bad[i].names_len, &s, &e),
		                 -ENOEXEC);
		assert_error(e, -ENOEXEC, bad[i].text);
		assert_null(s);
	}
	assert_int_equal(snug__symbols_make(NULL, 0, NULL, 0, &s, NULL), 0);
	assert_null(snug__symbols_find(s, "a"));
	snug__symbols_drop(s);
}

static void distances(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned limit, want;
	} rows[] = {
	    {"", "", 3, 0},
	    {"abc", "abc", 3, 0},
	    {"abc", "", 3, 3},
	    {"abc", "", 2, 3},
	    {"", "ab", 9, 2},
	    {"abc", "acb", 3, 1},
	    {"abc", "abd", 3, 1},
	    {"abc", "abcd", 3, 1},
	    {"kitten", "sitting", 5, 3},
	    {"kitten", "sitting", 2, 3},
	    {"kitten", "sitting", 1, 2},
	    {"ab", "ba", 0, 1},
	    {"mian", "main", 1, 1},
	    {"xxmian", "main", 3, 3},
	    {"abcdef", "fedcba", 9, 5},
	};
	char longer[SNUG__NEAR_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(snug__near(rows[i].a, rows[i].b, rows[i].limit), rows[i].want);
	memset(longer, 'x', sizeof(longer));
	longer[SNUG__NEAR_MAX + 1] = 0;
	assert_int_equal(snug__near(longer, longer, 4), 5);
	longer[SNUG__NEAR_MAX] = 0;
	assert_int_equal(snug__near(longer, longer, 4), 0);
}

static void near_names(void **state)
{
	static const struct snug__symbol rows[] = {{1, 0, 0}, {2, 0, 5}, {3, 0, 12}, {4, 0, 18}};
	static const char names[] = "main\0helper\0table\0\033[2J";
	struct snug__symbols *s;

	(void)state;
	assert_int_equal(snug__symbols_make(rows, 4, names, sizeof(names), &s, NULL), 0);
	assert_string_equal(snug__symbols_near(s, "mian"), "main");
	assert_string_equal(snug__symbols_near(s, "help_er"), "helper");
	assert_string_equal(snug__symbols_near(s, "cable"), "table");
	assert_null(snug__symbols_near(s, "something"));
	assert_null(snug__symbols_near(s, "\033[2K")); /* nothing that a terminal would take for orders */
	snug__symbols_drop(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_64),       cmocka_unit_test(good_32),   cmocka_unit_test(nothing_there),
	    cmocka_unit_test(many_sections), cmocka_unit_test(damaged),   cmocka_unit_test(truncated),
	    cmocka_unit_test(huge),          cmocka_unit_test(strangers), cmocka_unit_test(distances),
	    cmocka_unit_test(near_names),
	};

	return cmocka_run_group_tests_name("symbols", tests, NULL, NULL);
}

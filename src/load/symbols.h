/* SPDX-License-Identifier: MIT */
/* symbols: the names of an ELF file's functions and data, kept after it was loaded; shared by clones */
#ifndef SNUG_LOAD_SYMBOLS_H
#define SNUG_LOAD_SYMBOLS_H

#include <stdatomic.h>

#include <snug.h>

#include "base/cursor.h"

/* More, or longer names in all, are refused: what a stranger's file may cost. */
#define SNUG__SYMBOLS_MAX (1u << 20)
#define SNUG__SYMBOL_NAMES_MAX (64u << 20)

struct snug__symbol {
	uint64_t address, bytes;
	uint32_t name; /* offset into names */
};

struct snug__symbols {
	atomic_uint owners;
	uint32_t count;
	uint32_t names_len;
	struct snug__symbol *rows; /* by address, then by name */
	char *names;               /* each ends with NUL */
	uint32_t *by_name;         /* indices of rows, by name, then by address */
};

/*
 * Reads .symtab (else .dynsym) of an ELF32 or ELF64 file that the loader accepted.  A file without one gives an empty
 * table.  -ENOEXEC (damaged; the message names the section and field), -EFBIG (more than the limits), -ENOMEM.
 */
int snug__symbols_read(struct snug__span elf, struct snug__symbols **out, struct snug_error *err);

/* Takes rows and names from a stranger (a snapshot file): checks order, offsets and terminators.  -ENOEXEC, -ENOMEM. */
int snug__symbols_make(const struct snug__symbol *rows, uint32_t count, const char *names, uint32_t names_len,
                       struct snug__symbols **out, struct snug_error *err);

/* One owner more, and one less; NULL is fine. */
struct snug__symbols *snug__symbols_hold(struct snug__symbols *s);
void snug__symbols_drop(struct snug__symbols *s);

/* NULL: no such name.  Of several of one name (`static` in several files) it is the one at the lowest address. */
const struct snug__symbol *snug__symbols_find(const struct snug__symbols *s, const char *name);

/* The name most like this one, fit for a message (printable ASCII, at most 63 bytes); NULL: none is close. */
const char *snug__symbols_near(const struct snug__symbols *s, const char *name);

#endif

/* SPDX-License-Identifier: MIT */
/* A file's symbols: what comes out must be in order and findable, and survive the way through a snapshot. */
#include <stdlib.h>
#include <string.h>

#include "load/symbols.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(const struct snug__symbols *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		const char *name = s->names + s->rows[i].name;
		const struct snug__symbol *found = snug__symbols_find(s, name);

		if (s->rows[i].name >= s->names_len || !name[0] || !found || found > &s->rows[i])
			abort();
		if (strcmp(s->names + found->name, name) != 0 || (i && s->rows[i - 1].address > s->rows[i].address))
			abort();
	}
	if (snug__symbols_near(s, "guest_main") && s->count == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct snug__symbols *s = NULL, *again = NULL;
	struct snug_error e = {0};

	if (snug__symbols_read((struct snug__span){data, len}, &s, &e) < 0) {
		if (s || !e.code || !e.msg[0] || !e.hint[0])
			abort();
		return 0;
	}
	check(s);
	if (snug__symbols_make(s->rows, s->count, s->names, s->names_len, &again, NULL) < 0 ||
	    memcmp(again->rows, s->rows, s->count * sizeof(*s->rows)) != 0)
		abort();
	check(again);
	snug__symbols_drop(s);
	snug__symbols_drop(again);
	return 0;
}

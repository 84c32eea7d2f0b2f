/* SPDX-License-Identifier: MIT */
/* guestmem: what the loaders' fuzz targets share */
#ifndef TESTS_FUZZ_GUESTMEM_H
#define TESTS_FUZZ_GUESTMEM_H

#include <stdlib.h>

#include "load/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Loads into new memory; what comes out must hold, and what fails must say why. */
static inline void fuzz_load(snug__load_fn load, struct snug__span image, const struct snug__boot_want *want,
                             uint64_t ram)
{
	struct snug_boot b = {0};
	struct snug_regs regs = {0};
	struct snug_error e = {0};
	struct snug__mem m;

	snug__mem_init(&m, 4, NULL, NULL);
	if (snug__mem_add_ram(&m, ram, NULL) < 0)
		abort();
	if (load(image, want, &m, &b, &regs, &e) == 0) {
		if (b.low >= b.high || b.mode == SNUG_MODE_AUTO || b.kind == SNUG_KIND_AUTO)
			abort();
		if (!snug__mem_has(&m, b.entry, 1))
			abort();
		/* A kernel's are those of the room it wants. */
		if (b.kind < SNUG_KIND_LINUX && (!snug__mem_dirty(&m, b.low) || !snug__mem_dirty(&m, b.high - 1)))
			abort();
	} else if (!e.code || !e.msg[0] || !e.hint[0]) {
		abort();
	}
	snug__mem_destroy(&m);
}

#endif

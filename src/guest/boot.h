/* SPDX-License-Identifier: MIT */
/* boot: what a loader is told and what it returns; register state is data, made real by core */
#ifndef SNUG_GUEST_BOOT_H
#define SNUG_GUEST_BOOT_H

#include <snug.h>

#include "base/cursor.h"
#include "guest/mem.h"

/* What the caller of snug_load asked for. */
struct snug__boot_want {
	enum snug_mode mode; /* AUTO: the loader decides */
	bool has_load, has_entry;
	snug_gpa load;
	uint64_t entry;
	uint64_t stack; /* 0: the loader decides */
};

/* struct snug_boot (snug.h) is what a loader returns: mode and addresses, never AUTO. */

/*
 * A loader checks the whole image before it writes the first byte, writes it through mem, and fills *out.  It does
 * not touch KVM.  Negative errno and *err on failure: -ENOEXEC (damaged or foreign), -ERANGE (an address outside
 * memory), -EFBIG (larger than memory), -EINVAL (options that do not go with it).
 */
typedef int (*snug__load_fn)(struct snug__span image, const struct snug__boot_want *want, struct snug__mem *mem,
                             struct snug_boot *out, struct snug_error *err);

#endif

/* SPDX-License-Identifier: MIT */
/* memuse: how much of guest memory is really there */
#include <errno.h>
#include <unistd.h>

#include "base/err.h"
#include "core/core.h"
#include "host/pagemap.h"

#define CHUNK 512u /* entries at a time */

static int fail(int e, const char *what, struct snug_error *err)
{
	return snug__err(err, -e, SNUG_STEP_NONE, "mount /proc, or leave out the figures of memory",
	                 "/proc/self/pagemap: %s: %s (%s)", what, snug__errno_text(e), snug__errno_name(e));
}

static int count_region(int fd, const struct snug__region *r, struct snug_mem_usage *u, struct snug_error *err)
{
	uint64_t pages = r->bytes / SNUG_PAGE, entries[CHUNK];

	for (uint64_t at = 0; at < pages; at += CHUNK) {
		uint64_t n = snug__min(pages - at, CHUNK);
		int e = snug__pagemap_read(fd, r->host + at * SNUG_PAGE, n, entries);

		if (e < 0)
			return fail(-e, "read", err);
		for (uint64_t i = 0; i < n; i++) {
			u->touched += entries[i] & (SNUG__PM_PRESENT | SNUG__PM_SWAPPED) ? SNUG_PAGE : 0;
			u->resident += entries[i] & SNUG__PM_PRESENT ? SNUG_PAGE : 0;
		}
	}
	return 0;
}

int snug_mem_used(const snug_vm *vm, struct snug_mem_usage *out, struct snug_error *err)
{
	struct snug_mem_usage u = {.size = sizeof(u)};
	int fd = vm->pagemap >= 0 ? vm->pagemap : snug__pagemap_open(), r = 0;

	if (fd < 0)
		return fail(-fd, "open", err);
	for (unsigned i = 0; r == 0 && i < vm->mem.count; i++) {
		u.given += vm->mem.regions[i].bytes;
		r = count_region(fd, &vm->mem.regions[i], &u, err);
	}
	if (fd != vm->pagemap)
		close(fd);
	if (r == 0)
		*out = u;
	return r;
}

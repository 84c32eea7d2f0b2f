/* SPDX-License-Identifier: MIT */
/* memuse: how much of guest memory is really there */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "core/core.h"

/* Documentation/admin-guide/mm/pagemap.rst */
#define PM_PRESENT (1ull << 63)
#define PM_SWAPPED (1ull << 62)

#define CHUNK 512u /* entries at a time */

static int fail(int e, const char *what, struct snug_error *err)
{
	return snug__err(err, -e, SNUG_STEP_NONE, "mount /proc, or leave out the figures of memory",
	                 "/proc/self/pagemap: %s: %s (%s)", what, snug__errno_text(e), snug__errno_name(e));
}

static int count_region(int fd, const struct snug__region *r, struct snug_mem_usage *u, struct snug_error *err)
{
	uint64_t first = (uintptr_t)r->host / SNUG_PAGE, pages = r->bytes / SNUG_PAGE, entries[CHUNK];

	for (uint64_t at = 0; at < pages; at += CHUNK) {
		size_t n = (size_t)snug__min(pages - at, CHUNK);
		ssize_t got = pread(fd, entries, n * sizeof(entries[0]), (off_t)((first + at) * sizeof(entries[0])));

		if (got != (ssize_t)(n * sizeof(entries[0])))
			return fail(got < 0 ? errno : EIO, "read", err);
		for (size_t i = 0; i < n; i++) {
			u->touched += entries[i] & (PM_PRESENT | PM_SWAPPED) ? SNUG_PAGE : 0;
			u->resident += entries[i] & PM_PRESENT ? SNUG_PAGE : 0;
		}
	}
	return 0;
}

int snug_mem_used(const snug_vm *vm, struct snug_mem_usage *out, struct snug_error *err)
{
	struct snug_mem_usage u = {.size = sizeof(u)};
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return fail(errno, "open", err);
	for (unsigned i = 0; r == 0 && i < vm->mem.count; i++) {
		u.given += vm->mem.regions[i].bytes;
		r = count_region(fd, &vm->mem.regions[i], &u, err);
	}
	close(fd);
	if (r == 0)
		*out = u;
	return r;
}

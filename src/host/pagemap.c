/* SPDX-License-Identifier: MIT */
#include "host/pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/num.h"

int snug__pagemap_open(void)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int snug__pagemap_read(int fd, const void *at, uint64_t pages, uint64_t *entries)
{
	size_t bytes = pages * sizeof(*entries);
	ssize_t got = pread(fd, entries, bytes, (off_t)((uintptr_t)at / SNUG_PAGE * sizeof(*entries)));

	if (got < 0)
		return -errno;
	return (size_t)got == bytes ? 0 : -EIO;
}

/* SPDX-License-Identifier: MIT */
#include "host/map.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14, include/uapi/asm-generic/mman-common.h */
#endif

#define ANY_HOST_HAS (1ull << 20)

int snug__map_check(uint64_t bytes, struct snug_error *err)
{
	struct sysinfo host;
	uint64_t units;

	if (bytes <= ANY_HOST_HAS)
		return 0; /* a reset in a sandbox may not ask */
	if (sysinfo(&host) < 0 || host.mem_unit == 0)
		return 0; /* mmap has the last word */
	units = (uint64_t)host.totalram + host.totalswap;
	if (bytes / host.mem_unit <= units)
		return 0;
	return snug__err(err, -ENOMEM, SNUG_STEP_MEMORY, "ask for less memory", "memory: %s asked, this host has %s",
	                 snug__text_size(bytes).s, snug__text_size(units * host.mem_unit).s);
}

int snug__map_anon(uint64_t bytes, void **out, struct snug_error *err)
{
	int ret = snug__map_check(bytes, err);
	void *at;

	if (ret < 0)
		return ret;
	/* NORESERVE: a guest seldom touches all it has */
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED) {
		ret = -errno;
		return snug__err(err, ret, SNUG_STEP_MEMORY,
		                 "ask for less memory, or raise this process's limit (ulimit -v)",
		                 "memory: mmap of %s: %s (%s)", snug__text_size(bytes).s, snug__errno_text(-ret),
		                 snug__errno_name(-ret));
	}
	*out = at;
	return 0;
}

static int map_failed(int e, const char *what, uint64_t bytes, struct snug_error *err)
{
	const char *hint = e == EMFILE   ? "raise the limit on open files: ulimit -n"
	                   : e == ENOMEM ? "raise the limits on mappings (sysctl vm.max_map_count) or address space "
	                                   "(ulimit -v), or use less memory"
	                                 : "update the kernel, or use less memory";

	return snug__err(err, -e, SNUG_STEP_MEMORY, hint, "memory: %s of %s: %s (%s)", what, snug__text_size(bytes).s,
	                 snug__errno_text(e), snug__errno_name(e));
}

int snug__map_private(int fd, uint64_t offset, uint64_t bytes, void **out, struct snug_error *err)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, (off_t)offset);

	if (at == MAP_FAILED)
		return map_failed(errno, "mmap", bytes, err);
	*out = at;
	return 0;
}

int snug__map_replace(int fd, uint64_t offset, uint64_t bytes, void *at, struct snug_error *err)
{
	void *got =
	    mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED, fd, (off_t)offset);

	return got == MAP_FAILED ? map_failed(errno, "mmap", bytes, err) : 0;
}

int snug__map_view(int fd, uint64_t offset, uint64_t bytes, const uint8_t **out, struct snug_error *err)
{
	void *at = mmap(NULL, bytes, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, (off_t)offset);

	if (at == MAP_FAILED)
		return map_failed(errno, "mmap", bytes, err);
	snug__map_no_dump(at, bytes); /* what VMs have of it, they dump themselves where they are to */
	*out = at;
	return 0;
}

int snug__map_drop(void *at, uint64_t bytes)
{
	return madvise(at, bytes, MADV_DONTNEED) < 0 ? -errno : 0;
}

void snug__map_populate(void *at, uint64_t bytes)
{
	madvise(at, bytes, MADV_POPULATE_WRITE);
}

int snug__map_memfd(const char *name, uint64_t bytes, struct snug_error *err)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), r;

	if (fd < 0)
		return map_failed(errno, "memfd_create", bytes, err);
	if (ftruncate(fd, (off_t)bytes) == 0)
		return fd;
	r = map_failed(errno, "ftruncate", bytes, err);
	close(fd);
	return r;
}

int snug__map_seal(int fd, struct snug_error *err)
{
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
		return 0;
	return map_failed(errno, "F_ADD_SEALS", 0, err);
}

void snug__map_no_dump(void *at, uint64_t bytes)
{
	madvise(at, bytes, MADV_DONTDUMP); /* since Linux 3.4; of memory that is mapped it cannot fail */
}

void snug__map_free(void *at, uint64_t bytes)
{
	munmap(at, bytes);
}

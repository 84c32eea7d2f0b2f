/* SPDX-License-Identifier: MIT */
#include "host/map.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include "base/err.h"
#include "base/text.h"

int snug__map_check(uint64_t bytes, struct snug_error *err)
{
	struct sysinfo host;
	uint64_t units;

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

void snug__map_free(void *at, uint64_t bytes)
{
	munmap(at, bytes);
}

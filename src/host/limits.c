/* SPDX-License-Identifier: MIT */
#include "host/limits.h"

#include <dirent.h>
#include <errno.h>
#include <sys/resource.h>

#include "base/err.h"
#include "base/num.h"

#define UNKNOWN_OPEN 64 /* where /proc does not say */

/* Descriptors this process has open. */
static uint64_t count_open(void)
{
	DIR *d = opendir("/proc/self/fd");
	uint64_t n = 0;

	if (!d)
		return UNKNOWN_OPEN;
	while (readdir(d))
		n++;
	closedir(d);
	return n > 3 ? n - 3 : 0; /* "." and "..", and the directory itself */
}

int snug__limits_files(uint64_t more, struct snug_error *err)
{
	struct rlimit lim;
	uint64_t need;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return 0; /* open has the last word */
	if (!snug__add(count_open(), more, &need))
		need = UINT64_MAX;
	if (need <= lim.rlim_cur)
		return 0;
	/* As far as it goes: then threads that do this at once cannot lower what another has raised. */
	if (need <= lim.rlim_max) {
		lim.rlim_cur = lim.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &lim) == 0)
			return 0;
	}
	return snug__err(err, -EMFILE, SNUG_STEP_NONE,
	                 "raise the hard limit: ulimit -Hn, LimitNOFILE= of systemd, or /etc/security/limits.conf",
	                 "%llu file descriptors are needed in all, the hard limit is %llu", (unsigned long long)need,
	                 (unsigned long long)lim.rlim_max);
}

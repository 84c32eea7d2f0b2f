/* SPDX-License-Identifier: MIT */
#include "host/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/num.h"

static int failed(int e, const char *what, struct snug_error *err)
{
	return snug__err(err, -e, SNUG_STEP_NONE, "see whether this process is confined already (a container)",
	                 "%s: %s (%s)", what, snug__errno_text(e), snug__errno_name(e));
}

int snug__confine_no_new_privs(struct snug_error *err)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? failed(errno, "prctl PR_SET_NO_NEW_PRIVS", err) : 0;
}

int snug__confine_no_caps(struct snug_error *err)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	static const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capset, &head, none) < 0)
		return failed(errno, "capset", err);
	return 0;
}

static int lower(__rlimit_resource_t which, const char *name, rlim_t most, struct snug_error *err)
{
	struct rlimit lim;

	if (getrlimit(which, &lim) < 0)
		return failed(errno, name, err);
	lim.rlim_max = snug__min(lim.rlim_max, most);
	lim.rlim_cur = snug__min(lim.rlim_cur, lim.rlim_max);
	return setrlimit(which, &lim) < 0 ? failed(errno, name, err) : 0;
}

int snug__confine_limits(uint64_t files, struct snug_error *err)
{
	int next = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0), r; /* the lowest that is free */

	if (next >= 0) {
		close(next);
		r = lower(RLIMIT_NOFILE, "setrlimit RLIMIT_NOFILE",
		          files > RLIM_INFINITY - (rlim_t)next ? RLIM_INFINITY : (rlim_t)next + files, err);
		if (r < 0)
			return r;
	}
	r = lower(RLIMIT_MSGQUEUE, "setrlimit RLIMIT_MSGQUEUE", 0, err);
	return r < 0 ? r : lower(RLIMIT_MEMLOCK, "setrlimit RLIMIT_MEMLOCK", 0, err);
}

/* SPDX-License-Identifier: MIT */
#include "host/landlock.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "host/sandconst.h"

/* What each ABI can forbid (Documentation/userspace-api/landlock.rst). */
static const struct {
	int abi;
	struct snug__landlock_attr adds;
} abis[] = {
    {1, {.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1}}, /* all up to the last of ABI 1 */
    {2, {.handled_access_fs = LANDLOCK_ACCESS_FS_REFER}},
    {3, {.handled_access_fs = LANDLOCK_ACCESS_FS_TRUNCATE}},
    {4, {.handled_access_net = LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP}},
    {5, {.handled_access_fs = LANDLOCK_ACCESS_FS_IOCTL_DEV}},
    {6, {.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL}},
};

/* What a keeper of files does below its directories. */
#define FILES                                                                                                        \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |                \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)

static struct snug__landlock_attr known(int abi)
{
	struct snug__landlock_attr a = {0};

	for (size_t i = 0; i < sizeof(abis) / sizeof(abis[0]) && abis[i].abi <= abi; i++) {
		a.handled_access_fs |= abis[i].adds.handled_access_fs;
		a.handled_access_net |= abis[i].adds.handled_access_net;
		a.scoped |= abis[i].adds.scoped;
	}
	return a;
}

static int failed(const char *what, struct snug_error *err)
{
	int e = errno;

	return snug__err(err, -e, SNUG_STEP_NONE,
	                 "see whether this process is confined already (ulimit, a container)",
	                 "landlock: %s: %s (%s)", what, snug__errno_text(e), snug__errno_name(e));
}

int snug__landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi > 0 ? (int)abi : 0;
}

int snug__landlock_new(int abi, bool signals, struct snug_error *err)
{
	struct snug__landlock_attr a = known(abi);
	size_t size = abi >= 6 ? sizeof(a) : abi >= 4 ? offsetof(__typeof__(a), scoped) : sizeof(a.handled_access_fs);
	long fd;

	if (abi <= 0) /* and errno says why */
		return failed("create_ruleset", err);
	if (signals)
		a.scoped &= ~LANDLOCK_SCOPE_SIGNAL;
	fd = syscall(SYS_landlock_create_ruleset, &a, size, 0);
	return fd < 0 ? failed("create_ruleset", err) : (int)fd;
}

int snug__landlock_allow(int ruleset, int abi, int dir, struct snug_error *err)
{
	struct landlock_path_beneath_attr beneath = {.allowed_access = FILES & known(abi).handled_access_fs,
	                                             .parent_fd = dir};

	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
		return failed("add_rule", err);
	return 0;
}

int snug__landlock_enter(int ruleset, struct snug_error *err)
{
	return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? failed("restrict_self", err) : 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * sandconst: what newer kernels' headers say of Landlock and an older build machine's do not
 *
 * Numbers are ABI and never change; each row names the Landlock ABI and the Linux version that brought it
 * (Documentation/userspace-api/landlock.rst, "Previous limitations").
 */
#ifndef SNUG_HOST_SANDCONST_H
#define SNUG_HOST_SANDCONST_H

#include <linux/landlock.h>

#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ull << 14) /* ABI 3, Linux 6.2 */
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ull << 15) /* ABI 5, Linux 6.10 */
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP
#define LANDLOCK_ACCESS_NET_BIND_TCP (1ull << 0)    /* ABI 4, Linux 6.7 */
#define LANDLOCK_ACCESS_NET_CONNECT_TCP (1ull << 1) /* ABI 4, Linux 6.7 */
#endif
#ifndef LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1ull << 0) /* ABI 6, Linux 6.12 */
#define LANDLOCK_SCOPE_SIGNAL (1ull << 1)               /* ABI 6, Linux 6.12 */
#endif

/* struct landlock_ruleset_attr as ABI 6 has it; older kernels are given its beginning. */
struct snug__landlock_attr {
	__u64 handled_access_fs;
	__u64 handled_access_net; /* ABI 4 */
	__u64 scoped;             /* ABI 6 */
};

#endif

/* SPDX-License-Identifier: MIT */
#include "inherited.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define MOST (1l << 20) /* what fs.nr_open is, where nobody raised it */

/* What snug opens is closed by an exec; what outlived one is not snug's. */
static void close_if_inherited(int fd)
{
	int flags = fd > STDERR_FILENO ? fcntl(fd, F_GETFD) : -1;

	if (flags >= 0 && !(flags & FD_CLOEXEC))
		close(fd);
}

void cli_close_inherited(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *d;
	long most = dir ? 0 : sysconf(_SC_OPEN_MAX);

	while (dir && (d = readdir(dir)))
		close_if_inherited(atoi(d->d_name));
	if (dir)
		closedir(dir);
	for (int fd = 0; fd < most && fd < MOST; fd++) /* there is no /proc */
		close_if_inherited(fd);
}

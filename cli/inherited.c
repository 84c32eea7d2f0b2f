/* SPDX-License-Identifier: MIT */
#include "inherited.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void cli_close_inherited(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *d;

	/* What snug opens is closed by an exec; what outlived one is not snug's. */
	while (dir && (d = readdir(dir))) {
		int fd = atoi(d->d_name);

		if (fd > STDERR_FILENO && !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
			close(fd);
	}
	if (dir)
		closedir(dir);
}

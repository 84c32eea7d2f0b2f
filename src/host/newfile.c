/* SPDX-License-Identifier: MIT */
#include "host/newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "host/file.h"

#define TRIES 16

/* A hidden name that says whose it is and of which file; a long one is cut. */
static int pick_name(struct snug__newfile *n, struct snug_error *err)
{
	uint32_t random;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return snug__file_failed(errno, "getrandom", err);
	snprintf(n->temp, sizeof(n->temp), ".%.200s.snug-%06x", n->name, random & 0xffffff);
	return 0;
}

/* Whether it is there may change; what is refused here is refused because it cannot be meant. */
static int check_target(const struct snug__newfile *n, struct snug_error *err)
{
	struct stat st;

	if (n->name[0] == '\0' || strcmp(n->name, ".") == 0 || strcmp(n->name, "..") == 0)
		return snug__err(err, -EISDIR, SNUG_STEP_NONE, "name a file in it", "it is a directory");
	if (fstatat(n->dir, n->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : snug__file_failed(errno, "stat", err);
	if (S_ISDIR(st.st_mode))
		return snug__err(err, -EISDIR, SNUG_STEP_NONE, "name a file in it", "it is a directory");
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "name a new file, or one to replace",
		                 "it is a device, pipe or socket");
	return 0;
}

static int open_dir(const char *path, size_t len)
{
	char dir[4096];

	if (len >= sizeof(dir)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(dir, path, len);
	dir[len] = '\0';
	return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* With a name of its own from the start: a process that is killed leaves it behind. */
static int create_named(struct snug__newfile *n, struct snug_error *err)
{
	for (int i = 0; i < TRIES; i++) {
		int r = pick_name(n, err);

		if (r < 0)
			return r;
		n->fd = openat(n->dir, n->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (n->fd >= 0) {
			n->named = true;
			return 0;
		}
		if (errno != EEXIST)
			break;
	}
	return snug__file_failed(errno, "create", err);
}

/* Without one, which takes /proc to be named later. */
static int create(struct snug__newfile *n, struct snug_error *err)
{
	if (access("/proc/self/fd", X_OK) == 0) {
		n->fd = openat(n->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (n->fd >= 0)
			return 0;
		if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)
			return snug__file_failed(errno, "create", err);
	}
	return create_named(n, err);
}

int snug__newfile_begin(struct snug__newfile *n, const char *path, struct snug_error *err)
{
	const char *slash = strrchr(path, '/');
	int r;

	*n = (struct snug__newfile){.fd = -1, .dir = -1, .name = slash ? slash + 1 : path};
	n->dir = slash ? open_dir(path, (size_t)(slash - path) + 1) : open_dir(".", 1);
	if (n->dir < 0)
		return snug__file_failed(errno, "open its directory", err);
	r = check_target(n, err);
	if (r >= 0)
		r = create(n, err);
	if (r >= 0 && fchmod(n->fd, 0600) < 0)
		r = snug__file_failed(errno, "chmod", err);
	if (r < 0)
		snug__newfile_end(n);
	return r;
}

static int give_name(struct snug__newfile *n, struct snug_error *err)
{
	char fd[32];

	snprintf(fd, sizeof(fd), "/proc/self/fd/%d", n->fd);
	for (int i = 0; i < TRIES; i++) {
		int r = pick_name(n, err);

		if (r < 0)
			return r;
		if (linkat(AT_FDCWD, fd, n->dir, n->temp, AT_SYMLINK_FOLLOW) == 0) {
			n->named = true;
			return 0;
		}
		if (errno != EEXIST)
			break;
	}
	return snug__file_failed(errno, "link", err);
}

int snug__newfile_commit(struct snug__newfile *n, struct snug_error *err)
{
	int r;

	if (fsync(n->fd) < 0)
		return snug__file_failed(errno, "fsync", err);
	r = n->named ? 0 : give_name(n, err);
	if (r < 0)
		return r;
	if (renameat(n->dir, n->temp, n->dir, n->name) < 0)
		return snug__file_failed(errno, "rename", err);
	n->named = false;
	/* EINVAL: a file system whose directories need none */
	if (fsync(n->dir) < 0 && errno != EINVAL)
		return snug__file_failed(
		    errno, "the file is in place, but its name may not outlive a power cut: fsync", err);
	return 0;
}

void snug__newfile_end(struct snug__newfile *n)
{
	if (n->named)
		unlinkat(n->dir, n->temp, 0);
	if (n->fd >= 0)
		close(n->fd);
	if (n->dir >= 0)
		close(n->dir);
	*n = (struct snug__newfile){.fd = -1, .dir = -1};
}

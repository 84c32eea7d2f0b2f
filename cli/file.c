/* SPDX-License-Identifier: MIT */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
	const char *option;
	size_t field;
	bool secret;
} options[CLI_FILES] = {
    [CLI_FILE_JSON] = {"json", offsetof(struct cli_args, json), false},
    [CLI_FILE_TRACE] = {"trace", offsetof(struct cli_args, trace), false},
    [CLI_FILE_REPORT] = {"report", offsetof(struct cli_args, report), false},
    [CLI_FILE_CORE] = {"core", offsetof(struct cli_args, core), false},
    [CLI_FILE_SAVE] = {"save", offsetof(struct cli_args, save), true},
};

unsigned cli_file_which(const char *option)
{
	unsigned i = 0;

	while (i < CLI_FILES - 1 && strcmp(options[i].option, option) != 0)
		i++;
	return i;
}

/* Only what is a plain file, or nothing yet, may be replaced by a rename: never /dev/null.  A snapshot replaces links. */
static bool replaceable(const struct cli_file *f)
{
	struct stat st;

	if (lstat(f->path, &st) < 0)
		return errno == ENOENT;
	return S_ISREG(st.st_mode) || (f->secret && S_ISLNK(st.st_mode));
}

void cli_file_set(struct cli_file *f, unsigned which, const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	mode_t mask = umask(0);

	umask(mask);
	*f = (struct cli_file){.option = options[which].option,
	                       .path = path,
	                       .name = slash ? slash + 1 : path,
	                       .secret = options[which].secret,
	                       .mode = options[which].secret ? 0600 : 0666 & ~mask,
	                       .dir = -1,
	                       .fd = -1};
	f->fresh = path && replaceable(f);
}

void cli_file_init(struct cli_file *f, unsigned which, const struct cli_args *args)
{
	cli_file_set(f, which, *(const char *const *)((const char *)args + options[which].field));
}

bool cli_file_folder(const char *path, char *dir, size_t len)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	if (n >= len)
		return false;
	snprintf(dir, len, "%.*s", n ? (int)n : 1, n ? path : slash ? "/" : ".");
	return true;
}

int cli_file_dir(struct cli_file *f)
{
	char path[4096];

	if (!cli_file_folder(f->path, path, sizeof path))
		return -ENAMETOOLONG;
	f->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->dir < 0 && errno == EACCES) /* one that may be written and not read */
		f->dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return f->dir < 0 ? -errno : 0;
}

int cli_file_make(struct cli_file *f)
{
	enum { TRIES = 16 };
	unsigned random;

	for (int i = 0; i < TRIES; i++) {
		if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
			return -errno;
		snprintf(f->temp, sizeof f->temp, ".%.200s.snug-%06x", f->name, random & 0xffffff);
		f->fd = openat(f->dir, f->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (f->fd >= 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	f->temp[0] = 0;
	return -errno;
}

int cli_file_finish(struct cli_file *f)
{
	int r = fchmod(f->fd, f->mode) < 0 || (f->secret && fsync(f->fd) < 0) ? -errno : 0;

	if (close(f->fd) < 0 && r == 0)
		r = -errno;
	f->fd = -1;
	if (r == 0 && renameat(f->dir, f->temp, f->dir, f->name) < 0)
		r = -errno;
	if (r == 0) {
		f->temp[0] = 0;
		/* EINVAL: a file system whose directories need none; EBADF: a directory that cannot be read */
		if (f->secret && fsync(f->dir) < 0 && errno != EINVAL && errno != EBADF)
			r = -errno;
	}
	return r;
}

void cli_file_drop(struct cli_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	if (f->temp[0])
		unlinkat(f->dir, f->temp, 0);
	f->temp[0] = 0;
}

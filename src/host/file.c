/* SPDX-License-Identifier: MIT */
#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

/* What to do where the errno tells; the last row is for all others. */
static const struct {
	int err;
	const char *hint;
} hints[] = {
    {ENOENT, "check the path"},
    {ENOTDIR, "check the path"},
    {EACCES, "make it accessible: chmod, chown"},
    {EMFILE, "raise the limit on open files: ulimit -n"},
    {ENOMEM, "free some memory"},
    {EPERM, "look at the file's and its directory's owner and attributes (ls -ld, lsattr)"},
    {ENOSPC, "free some space on the file system"},
    {EDQUOT, "free some space, or raise the disk quota"},
    {EFBIG, "raise the limit on the size of files: ulimit -f"},
    {EROFS, "name a file on a file system that can be written"},
    {ENAMETOOLONG, "name a shorter path"},
    {ENFILE, "the system has too many files open: close some"},
    {EIO, "the disk or its file system fails: the kernel log (dmesg) may say more"},
    {0, "try the file with another program"},
};

int snug__file_failed(int e, const char *what, struct snug_error *err)
{
	size_t i = 0;

	while (hints[i].err && hints[i].err != e)
		i++;
	return snug__err(err, -e, SNUG_STEP_NONE, hints[i].hint, "%s: %s (%s)", what, snug__errno_text(e),
	                 snug__errno_name(e));
}

static int check_kind(const struct stat *st, struct snug_error *err)
{
	if (S_ISDIR(st->st_mode))
		return snug__err(err, -EISDIR, SNUG_STEP_NONE, "name an image file", "it is a directory");
	if (!S_ISREG(st->st_mode))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "copy it into a regular file first",
		                 "it is not a regular file");
	if ((uint64_t)st->st_size > SNUG__FILE_MAX)
		return snug__err(err, -EFBIG, SNUG_STEP_NONE, "an image may have 1 GiB at most",
		                 "%lld bytes are too many", (long long)st->st_size);
	return 0;
}

static int read_all(int fd, struct snug__file *f, struct snug_error *err)
{
	size_t at = 0;

	while (at < f->len) {
		ssize_t n = read(fd, f->bytes + at, f->len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return snug__file_failed(errno, "read", err);
		if (n == 0)
			break; /* it became shorter */
		at += (size_t)n;
	}
	f->len = at;
	return 0;
}

static int read_first(const char *path, size_t most, struct snug__file *out, struct snug_error *err)
{
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	*out = (struct snug__file){NULL, 0};
	if (fd < 0)
		return snug__file_failed(errno, "open", err);
	if (fstat(fd, &st) < 0) {
		r = snug__file_failed(errno, "stat", err);
		goto fail;
	}
	r = check_kind(&st, err);
	if (r < 0)
		goto fail;
	out->len = (uint64_t)st.st_size < most ? (size_t)st.st_size : most;
	out->bytes = malloc(out->len ? out->len : 1);
	if (!out->bytes) {
		r = snug__file_failed(ENOMEM, "buffer for the file", err);
		goto fail;
	}
	r = read_all(fd, out, err);
	if (r < 0)
		goto fail;
	close(fd);
	return 0;
fail:
	snug__file_free(out);
	close(fd);
	return r;
}

int snug__file_read(const char *path, struct snug__file *out, struct snug_error *err)
{
	return read_first(path, SNUG__FILE_MAX, out, err);
}

int snug__file_head(const char *path, struct snug__file *out, struct snug_error *err)
{
	return read_first(path, SNUG__FILE_HEAD, out, err);
}

void snug__file_free(struct snug__file *f)
{
	free(f->bytes);
	*f = (struct snug__file){NULL, 0};
}

/* For file systems without O_TMPFILE. */
static int temp_by_name(const char *dir)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/snug-XXXXXX", dir), fd;

	if (n < 0 || (size_t)n >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

int snug__file_temp(const char *dir, int *out, struct snug_error *err)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		fd = temp_by_name(dir);
	if (fd < 0)
		return snug__err(err, -errno, SNUG_STEP_NONE, "name a directory that can be written",
		                 "temporary file: %s (%s)", snug__errno_text(errno), snug__errno_name(errno));
	*out = fd;
	return 0;
}

int snug__file_pread(int fd, void *to, size_t len, uint64_t at, struct snug_error *err)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, (uint8_t *)to + done, len - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return snug__file_failed(errno, "read", err);
		if (n == 0)
			return snug__err(err, -EIO, SNUG_STEP_NONE, "try again when nobody writes to it",
			                 "read: it became shorter meanwhile (EIO)");
		done += (size_t)n;
	}
	return 0;
}

int snug__file_pwrite(int fd, const void *from, size_t len, uint64_t at, struct snug_error *err)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pwrite(fd, (const uint8_t *)from + done, len - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return snug__file_failed(errno, "write", err);
		done += (size_t)n;
	}
	return 0;
}

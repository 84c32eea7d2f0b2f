/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "outfile.h"

/* Only what is a plain file, or nothing yet, may be replaced by a rename: never /dev/null. */
static bool replaceable(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 ? errno == ENOENT : S_ISREG(st.st_mode);
}

static int failed(struct snug_error *e, const char *option, const char *path, int err)
{
	char hint[64];

	snprintf(hint, sizeof hint, "--%s FILE needs a directory that can be written", option);
	return cli_err(e, -err, hint, "--%s: %.300s: %s", option, path, strerror(err));
}

bool cli_out_folder(const char *path, char *dir, size_t len)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	if (n >= len)
		return false;
	snprintf(dir, len, "%.*s", n ? (int)n : 1, n ? path : slash ? "/" : ".");
	return true;
}

int cli_out_check(const char *option, const char *path, struct snug_error *e)
{
	char dir[4096];
	struct stat st;

	if (!cli_out_folder(path, dir, sizeof dir))
		return failed(e, option, path, ENAMETOOLONG);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return failed(e, option, path, EISDIR);
	if (!replaceable(path))
		return access(path, W_OK) < 0 ? failed(e, option, path, errno) : 0;
	return access(dir, W_OK | X_OK) < 0 ? failed(e, option, path, errno) : 0;
}

int cli_out_open(struct cli_out *o, const char *option, const char *path, struct snug_error *e)
{
	o->option = option;
	o->path = path;
	o->fresh = replaceable(path);
	if (!o->fresh) {
		o->fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	} else if ((size_t)snprintf(o->temp, sizeof o->temp, "%s.XXXXXX", path) >= sizeof o->temp) {
		o->fd = -1;
		errno = ENAMETOOLONG;
	} else {
		o->fd = mkostemp(o->temp, O_CLOEXEC);
	}
	return o->fd < 0 ? failed(e, option, path, errno) : 0;
}

int cli_out_write(void *ctx, const void *bytes, size_t len)
{
	const struct cli_out *o = ctx;
	const char *from = bytes;

	while (len) {
		ssize_t n = write(o->fd, from, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			from += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int cli_out_close(struct cli_out *o, int r, struct snug_error *e)
{
	mode_t mask;

	if (o->fresh && r == 0) {
		mask = umask(0);
		umask(mask);
		r = fchmod(o->fd, 0666 & ~mask) < 0 ? -errno : 0;
	}
	if (close(o->fd) < 0 && r == 0)
		r = -errno;
	o->fd = -1;
	if (o->fresh && r == 0 && rename(o->temp, o->path) < 0)
		r = -errno;
	if (o->fresh && r < 0)
		unlink(o->temp);
	return r < 0 ? failed(e, o->option, o->path, -r) : 0;
}

/* Of what takes a file's name by rename, a device or a pipe would go away. */
static int check_plain(const char *option, const char *path, struct snug_error *e)
{
	struct stat st;

	if (stat(path, &st) < 0 || S_ISREG(st.st_mode))
		return 0;
	return cli_err(e, -EINVAL, "give it the name of a new file", "--%s: %.300s is no plain file", option, path);
}

/* Are these one file?  A device (/dev/null, a terminal) may well take several. */
static bool same_file(const char *a, const char *b)
{
	struct stat x, y;
	bool there = stat(a, &x) == 0, too = stat(b, &y) == 0;

	if (!there || !too)
		return !there && !too && strcmp(a, b) == 0;
	return S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int cli_check_files(const struct cli_args *args, const char *image, struct snug_error *e)
{
	const struct {
		const char *option, *path;
	} files[] = {
	    {image, args->image},       {"--json", args->json}, {"--trace", args->trace},
	    {"--report", args->report}, {"--core", args->core}, {"--save", args->save},
	};

	for (size_t i = 1; i < sizeof files / sizeof *files; i++) {
		if (!files[i].path)
			continue;
		for (size_t k = 0; k < i; k++)
			if (files[k].path && same_file(files[k].path, files[i].path))
				return cli_err(e, -EINVAL, "give each a file of its own",
				               "%s and %s are the same file: %s", files[k].option, files[i].option,
				               files[i].path);
		if (cli_out_check(files[i].option + 2, files[i].path, e) < 0)
			return e->code;
	}
	return args->save ? check_plain("save", args->save, e) : 0;
}

/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "keeper.h"
#include "outfile.h"

/* How files are made in a confined process.  A device or a pipe is open from before: -1 where it is none. */
static struct {
	int keeper; /* -1: the process makes them itself */
	int open[CLI_FILES];
} confined = {.keeper = -1};

static int failed(struct snug_error *e, const char *option, const char *path, int err)
{
	char hint[64];

	snprintf(hint, sizeof hint, "--%s FILE needs a directory that can be written", option);
	return cli_err(e, -err, hint, "--%s: %.300s: %s", option, path, strerror(err));
}

int cli_out_check(const char *option, const char *path, struct snug_error *e)
{
	struct cli_file f;
	char dir[4096];
	struct stat st;

	if (!cli_file_folder(path, dir, sizeof dir))
		return failed(e, option, path, ENAMETOOLONG);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return failed(e, option, path, EISDIR);
	cli_file_set(&f, cli_file_which(option), path);
	if (!f.fresh)
		return access(path, W_OK) < 0 ? failed(e, option, path, errno) : 0;
	return access(dir, W_OK | X_OK) < 0 ? failed(e, option, path, errno) : 0;
}

static int open_special(const struct cli_file *f)
{
	int fd = open(f->path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int cli_out_through(int keeper, const struct cli_args *args, struct snug_error *e)
{
	struct cli_file f;
	int r;

	for (unsigned i = 0; i < CLI_FILES; i++) {
		cli_file_init(&f, i, args);
		confined.open[i] = -1;
		if (!f.path)
			continue;
		r = f.fresh ? cli_keeper_ask(keeper, CLI_KEEPER_CHECK, i, NULL) : open_special(&f);
		if (r < 0)
			return failed(e, f.option, f.path, -r);
		if (!f.fresh)
			confined.open[i] = r;
	}
	confined.keeper = keeper;
	return 0;
}

static int open_here(struct cli_out *o)
{
	int r;

	if (!o->file.fresh)
		return o->fd = open_special(&o->file);
	r = cli_file_dir(&o->file);
	if (r < 0)
		return r;
	r = cli_file_make(&o->file);
	if (r < 0)
		close(o->file.dir);
	o->fd = o->file.fd;
	return r;
}

static int open_confined(struct cli_out *o)
{
	o->fd = confined.open[o->which];
	if (o->fd >= 0)
		return 0;
	return cli_keeper_ask(confined.keeper, CLI_KEEPER_OPEN, o->which, &o->fd);
}

int cli_out_open(struct cli_out *o, const char *option, const char *path, struct snug_error *e)
{
	struct stat st;
	int r;

	o->which = cli_file_which(option);
	o->fd = -1;
	if (confined.keeper < 0) {
		cli_file_set(&o->file, o->which, path);
		r = open_here(o);
	} else {
		o->file = (struct cli_file){.option = option, .path = path};
		r = open_confined(o);
	}
	if (r < 0)
		return failed(e, option, path, -r);
	/* What was there, behind a link, is no part of it. */
	if (fstat(o->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && ftruncate(o->fd, 0) < 0)
		return cli_out_close(o, -errno, e);
	return 0;
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

/* A file the process made itself. */
static int close_here(struct cli_out *o, int r)
{
	struct cli_file *f = &o->file;

	if (!f->fresh) {
		if (close(o->fd) < 0 && r == 0)
			r = -errno;
		return r;
	}
	if (r == 0)
		r = cli_file_finish(f);
	cli_file_drop(f);
	close(f->dir);
	return r;
}

static int close_confined(struct cli_out *o, int r)
{
	int ask, err = close(o->fd) < 0 ? -errno : 0;

	r = r < 0 ? r : err;
	if (confined.open[o->which] >= 0)
		return r;
	ask = cli_keeper_ask(confined.keeper, r < 0 ? CLI_KEEPER_DROP : CLI_KEEPER_FINISH, o->which, NULL);
	return r < 0 ? r : ask;
}

int cli_out_close(struct cli_out *o, int r, struct snug_error *e)
{
	r = confined.keeper < 0 ? close_here(o, r) : close_confined(o, r);
	o->fd = -1;
	return r < 0 ? failed(e, o->file.option, o->file.path, -r) : 0;
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

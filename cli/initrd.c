/* SPDX-License-Identifier: MIT */
#include "initrd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cli.h"

/* ANALYZER-OFF(malloc-leak): gcc 12 loses what is stored behind i->bytes and names; their callers free them */
#define BUSYBOX "/bin/busybox"
#define MOST (1ull << 30) /* what a module of the library may have */
#define DEPTH_MAX 64      /* of directories, each of which holds a descriptor */
#define HEADER_BYTES 110u

extern const uint8_t snug_guest_linux_init[], snug_guest_linux_init_end[];

static int no_memory(struct snug_error *e)
{
	return cli_err(e, -ENOMEM, "free some memory", "initrd: no memory");
}

static int put(struct cli_initrd *i, const void *bytes, size_t len, struct snug_error *e)
{
	size_t room = i->room ? i->room : 1 << 16;
	uint8_t *more;

	if (len > MOST - i->len)
		return cli_err(e, -EFBIG, "give a smaller directory", "initrd: more than 1 GiB");
	while (room < i->len + len)
		room *= 2;
	if (room != i->room) {
		more = realloc(i->bytes, room);
		if (!more)
			return no_memory(e);
		i->bytes = more;
		i->room = room;
	}
	if (len)
		memcpy(i->bytes + i->len, bytes, len);
	i->len += len;
	return 0;
}

/* Names and contents are filled up to a multiple of 4, counted from the start. */
static int pad(struct cli_initrd *i, struct snug_error *e)
{
	static const uint8_t zeros[4];

	return put(i, zeros, -i->len & 3, e);
}

struct entry {
	const char *name; /* without a slash before it */
	uint32_t mode, uid, gid, mtime;
	dev_t rdev;
	size_t len; /* of what follows */
};

/* Magic, inode, mode, uid, gid, links, mtime, length, device, node's device, length of the name, no checksum. */
static int put_header(struct cli_initrd *i, const struct entry *en, struct snug_error *e)
{
	const uint32_t fields[] = {++i->inode, en->mode,        en->uid,           en->gid,
	                           1,          en->mtime,       (uint32_t)en->len, 0,
	                           0,          major(en->rdev), minor(en->rdev),   (uint32_t)strlen(en->name) + 1,
	                           0};
	char header[HEADER_BYTES + 1] = "070701";
	int r;

	for (size_t n = 0; n < sizeof fields / sizeof *fields; n++)
		snprintf(header + 6 + 8 * n, 9, "%08" PRIx32, fields[n]);
	r = put(i, header, HEADER_BYTES, e);
	if (r >= 0)
		r = put(i, en->name, strlen(en->name) + 1, e);
	return r < 0 ? r : pad(i, e);
}

static int put_entry(struct cli_initrd *i, const char *name, uint32_t mode, const void *bytes, size_t len,
                     struct snug_error *e)
{
	struct entry en = {.name = name, .mode = mode, .len = len};
	int r = put_header(i, &en, e);

	if (r >= 0)
		r = put(i, bytes, len, e);
	return r < 0 ? r : pad(i, e);
}

static int bad_path(struct snug_error *e, int code, const char *path)
{
	return cli_err(e, -code, "see that it is there and may be read", "initrd: %s: %s", path, strerror(code));
}

/* A file that grows or shrinks meanwhile is taken as long as it was. */
static int put_bytes_of(struct cli_initrd *i, int fd, size_t len, const char *path, struct snug_error *e)
{
	char chunk[65536];

	while (len) {
		ssize_t n = read(fd, chunk, len < sizeof chunk ? len : sizeof chunk);
		int r;

		if (n < 0)
			return bad_path(e, errno, path);
		if (n == 0)
			return cli_err(e, -EIO, "leave it alone while snug starts", "initrd: %s: it got shorter",
			               path);
		r = put(i, chunk, (size_t)n, e);
		if (r < 0)
			return r;
		len -= (size_t)n;
	}
	return pad(i, e);
}

static int put_file(struct cli_initrd *i, int at, const char *base, const struct entry *en, const char *path,
                    struct snug_error *e)
{
	int fd = openat(at, base, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK), r;

	if (fd < 0)
		return bad_path(e, errno, path);
	r = en->len > MOST ? cli_err(e, -EFBIG, "give a smaller directory", "initrd: %s: more than 1 GiB", path)
	                   : put_header(i, en, e);
	if (r >= 0)
		r = put_bytes_of(i, fd, en->len, path, e);
	close(fd);
	return r;
}

static int put_link(struct cli_initrd *i, int at, const char *base, struct entry *en, const char *path,
                    struct snug_error *e)
{
	char to[PATH_MAX];
	ssize_t n = readlinkat(at, base, to, sizeof to);
	int r;

	if (n < 0)
		return bad_path(e, errno, path);
	en->len = (size_t)n;
	r = put_header(i, en, e);
	if (r >= 0)
		r = put(i, to, (size_t)n, e);
	return r < 0 ? r : pad(i, e);
}

struct walk {
	struct cli_initrd *i;
	const char *root;
	char name[PATH_MAX];     /* of the entry at hand, from root on */
	char path[2 * PATH_MAX]; /* for messages */
	struct snug_error *e;
};

static int walk_dir(struct walk *w, int fd, size_t len, unsigned depth);

static int walk_one(struct walk *w, int at, const char *base, size_t len, unsigned depth)
{
	struct stat st;
	struct entry en = {.name = w->name};
	int fd, r;

	snprintf(w->path, sizeof w->path, "%s/%s", w->root, w->name);
	if (fstatat(at, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return bad_path(w->e, errno, w->path);
	en.mode = st.st_mode;
	en.uid = st.st_uid;
	en.gid = st.st_gid;
	en.mtime = (uint32_t)st.st_mtime;
	if (S_ISSOCK(st.st_mode))
		return 0;
	if (S_ISLNK(st.st_mode))
		return put_link(w->i, at, base, &en, w->path, w->e);
	if (S_ISREG(st.st_mode)) {
		en.len = (size_t)st.st_size;
		return put_file(w->i, at, base, &en, w->path, w->e);
	}
	if (!S_ISDIR(st.st_mode)) {
		en.rdev = st.st_rdev;
		return put_header(w->i, &en, w->e);
	}
	r = put_header(w->i, &en, w->e);
	fd = r < 0 ? -1 : openat(at, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r >= 0 && fd < 0)
		return bad_path(w->e, errno, w->path);
	return r < 0 ? r : walk_dir(w, fd, len, depth + 1);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory, sorted, so that one tree makes one archive. */
static int read_names(DIR *dir, char ***names, size_t *count)
{
	size_t room = 0;
	struct dirent *d;

	while ((d = readdir(dir))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		if (*count == room) {
			char **more = realloc(*names, (room = room ? 2 * room : 64) * sizeof **names);

			if (!more)
				return -ENOMEM;
			*names = more;
		}
		(*names)[*count] = strdup(d->d_name);
		if (!(*names)[*count])
			return -ENOMEM;
		++*count;
	}
	if (*count)
		qsort(*names, *count, sizeof **names, by_name);
	return 0;
}

/* Takes fd. len: of the directory's own name in w->name. */
static int walk_dir(struct walk *w, int fd, size_t len, unsigned depth)
{
	DIR *dir = fdopendir(fd);
	char **names = NULL;
	size_t count = 0;
	int r;

	if (!dir) {
		close(fd);
		return no_memory(w->e);
	}
	r = depth > DEPTH_MAX                     ? cli_err(w->e, -ELOOP, "give a flatter directory",
	                                                    "initrd: %s: more than %d directories deep", w->path, DEPTH_MAX)
	    : read_names(dir, &names, &count) < 0 ? no_memory(w->e)
	                                          : 0;
	for (size_t n = 0; n < count; n++) {
		int more = snprintf(w->name + len, sizeof w->name - len, "%s%s", len ? "/" : "", names[n]);

		if (r >= 0 && (size_t)more >= sizeof w->name - len)
			r = bad_path(w->e, ENAMETOOLONG, w->path);
		if (r >= 0)
			r = walk_one(w, dirfd(dir), names[n], len + (size_t)more, depth);
		w->name[len] = 0;
		free(names[n]);
	}
	free(names);
	closedir(dir);
	return r;
}

static int put_tree(struct cli_initrd *i, const char *root, struct snug_error *e)
{
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	struct walk *w;

	if (fd < 0)
		return bad_path(e, errno, root);
	w = calloc(1, sizeof *w);
	if (!w) {
		close(fd);
		return no_memory(e);
	}
	w->i = i;
	w->root = root;
	w->e = e;
	r = walk_dir(w, fd, 0, 0);
	free(w);
	return r;
}

/* Busybox finds its commands by itself, in a shell of its own; these are for who asks for them by path. */
static const char *const commands[] = {"sh",   "ash", "cat",   "chmod", "cp",    "date", "dd",     "df",    "dmesg",
                                       "echo", "env", "false", "grep",  "kill",  "ln",   "ls",     "mkdir", "mount",
                                       "mv",   "ps",  "rm",    "sed",   "sleep", "true", "umount", "uname", "vi"};

static int put_busybox(struct cli_initrd *i, struct snug_error *e)
{
	static const char *const dirs[] = {"bin", "usr", "usr/bin", "etc", "root"};
	struct stat st;
	int fd = open(BUSYBOX, O_RDONLY | O_CLOEXEC), r = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		if (fd >= 0)
			close(fd);
		return cli_err(e, -ENOENT, "install busybox-static, or give a directory with a /bin/sh: --initrd-dir",
		               "initrd: there is no " BUSYBOX);
	}
	for (size_t n = 0; r >= 0 && n < sizeof dirs / sizeof *dirs; n++)
		r = put_entry(i, dirs[n], S_IFDIR | 0755, NULL, 0, e);
	if (r >= 0) {
		struct entry en = {.name = "bin/busybox", .mode = S_IFREG | 0755, .len = (size_t)st.st_size};

		r = put_header(i, &en, e);
		if (r >= 0)
			r = put_bytes_of(i, fd, en.len, BUSYBOX, e);
	}
	close(fd);
	for (size_t n = 0; r >= 0 && n < sizeof commands / sizeof *commands; n++) {
		char name[32];

		snprintf(name, sizeof name, "bin/%s", commands[n]);
		r = put_entry(i, name, S_IFLNK | 0777, "busybox", 7, e);
	}
	return r < 0 ? r : put_entry(i, "usr/bin/env", S_IFLNK | 0777, "../../bin/busybox", 17, e);
}

/* What process 1 needs, last: it wins over files of the directory. */
static int put_ours(struct cli_initrd *i, const char *command, struct snug_error *e)
{
	static const char *const dirs[] = {"dev", "proc", "sys", "tmp"};
	struct entry console = {.name = "dev/console", .mode = S_IFCHR | 0600, .rdev = makedev(5, 1)};
	int r = 0;

	for (size_t n = 0; r >= 0 && n < sizeof dirs / sizeof *dirs; n++)
		r = put_entry(i, dirs[n], S_IFDIR | 0755, NULL, 0, e);
	if (r >= 0)
		r = put_header(i, &console, e);
	if (r >= 0)
		r = put_entry(i, "snug-init", S_IFREG | 0755, snug_guest_linux_init,
		              (size_t)((uintptr_t)snug_guest_linux_init_end - (uintptr_t)snug_guest_linux_init), e);
	if (r >= 0)
		r = put_entry(i, "snug-cmd", S_IFREG | 0600, command, strlen(command), e);
	return r < 0 ? r : put_entry(i, "TRAILER!!!", 0, NULL, 0, e);
}

int cli_initrd_make(struct cli_initrd *out, const char *dir, const char *command, struct snug_error *e)
{
	int r;

	*out = (struct cli_initrd){0};
	r = dir ? put_tree(out, dir, e) : put_busybox(out, e);
	if (r >= 0)
		r = put_ours(out, command, e);
	if (r < 0)
		cli_initrd_free(out);
	return r;
}

void cli_initrd_free(struct cli_initrd *i)
{
	free(i->bytes);
	*i = (struct cli_initrd){0};
}

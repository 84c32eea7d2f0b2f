/* SPDX-License-Identifier: MIT */
#include "svc/snapopen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "host/file.h"

#define FIRST_READ 16384u /* has the whole head of a small VM */

typedef unsigned long long ull;

/*
 * Guests run on a mapping of this file, so whoever may write to it can change them at any time; the checks of its bytes
 * would then be worth nothing.  Group and others count by mode, which covers ACLs too: their mask stands in the group's
 * bits (acl(5)).
 */
static int check_owner(const struct stat *st, bool owned, struct snug_error *err)
{
	uid_t me = geteuid();

	if (S_ISDIR(st->st_mode))
		return snug__err(err, -EISDIR, SNUG_STEP_NONE, "name a snapshot file", "it is a directory");
	if (!S_ISREG(st->st_mode))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "copy it into a regular file first",
		                 "it is not a regular file");
	if (!owned && st->st_uid != me && st->st_uid != 0)
		return snug__err(err, -EPERM, SNUG_STEP_NONE, "make it yours if you trust it: chown, or copy it",
		                 "it belongs to user %u, who could change it while it is used; yours (user %u) or "
		                 "root's is wanted",
		                 st->st_uid, me);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return snug__err(err, -EPERM, SNUG_STEP_NONE, "chmod go-w",
		                 "mode %04o lets others change it while it is used", st->st_mode & 07777u);
	return 0;
}

/* The head into o->head, whose first bytes say how long it is. */
static int read_head(struct snug__snapopen *o, uint64_t file_bytes, struct snug__span *head, struct snug_error *err)
{
	size_t first = (size_t)snug__min(FIRST_READ, file_bytes);
	struct snug__snap_header h;
	uint8_t *more;
	int r;

	o->head = malloc(FIRST_READ);
	if (!o->head)
		return snug__err(err, -ENOMEM, SNUG_STEP_NONE, "free some memory", "snapshot: out of memory");
	r = snug__file_pread(o->fd, o->head, first, 0, err);
	if (r >= 0)
		r = snug__snap_header((struct snug__span){o->head, first}, file_bytes, &h, err);
	if (r < 0)
		return r;
	*head = (struct snug__span){o->head, h.head_bytes};
	if (h.head_bytes <= first)
		return 0;
	more = realloc(o->head, h.head_bytes);
	if (!more)
		return snug__err(err, -ENOMEM, SNUG_STEP_NONE, "free some memory", "snapshot: out of memory");
	o->head = more;
	head->at = more;
	return snug__file_pread(o->fd, more + first, h.head_bytes - first, first, err);
}

int snug__snapopen(const char *path, bool owned, struct snug__snapopen *o, struct snug_error *err)
{
	struct snug__span head = {NULL, 0};
	struct stat st;
	int r;

	*o = (struct snug__snapopen){.fd = -1};
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	o->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (o->fd < 0)
		return snug__file_failed(errno, "open", err);
	if (fstat(o->fd, &st) < 0)
		r = snug__file_failed(errno, "stat", err);
	else
		r = check_owner(&st, owned, err);
	if (r >= 0)
		r = read_head(o, (uint64_t)st.st_size, &head, err);
	if (r >= 0) {
		snug__host_cpu(&o->here);
		r = snug__snap_read(head, (uint64_t)st.st_size, snug__host_crc32(&o->here), &o->snap, err);
	}
	if (r < 0)
		snug__snapopen_end(o);
	return r;
}

void snug__snapopen_end(struct snug__snapopen *o)
{
	snug__frozen_drop(o->snap.frozen);
	free(o->head);
	if (o->fd >= 0)
		close(o->fd);
	*o = (struct snug__snapopen){.fd = -1};
}

/* The first byte from `at` on that is (no) hole; `end` where there is none or the file system cannot tell. */
static uint64_t seek(int fd, uint64_t at, int whence, uint64_t end)
{
	off_t to = lseek(fd, (off_t)at, whence);

	if (to < 0)
		return whence == SEEK_DATA && errno != ENXIO ? at : end;
	return snug__min((uint64_t)to, end);
}

uint64_t snug__snapopen_data(const struct snug__snapopen *o)
{
	uint64_t at = o->snap.header.mem_offset, end = o->snap.header.file_bytes, sum = 0;

	while (at < end) {
		uint64_t data = seek(o->fd, at, SEEK_DATA, end);

		at = seek(o->fd, data, SEEK_HOLE, end);
		if (at <= data) /* it was punched meanwhile: no progress is no reason to stay */
			break;
		sum += at - data;
	}
	return sum;
}

static int bad_chunk(const struct snug__snapopen *o, const struct snug__frozen_region *r, uint64_t at,
                     const char *what, struct snug_error *err)
{
	return snug__err(
	    err, -EBADMSG, SNUG_STEP_NONE, "the file is damaged: take it from a backup, or save it again",
	    "snapshot: memory at file offset 0x%llx (region '%s', address 0x%llx and 2 MiB from there): %s",
	    (ull)o->snap.header.mem_offset + r->offset + at, r->name, (ull)r->gpa + at, what);
}

static int verify_chunk(const struct snug__snapopen *o, const struct snug__frozen_region *r, uint64_t at,
                        uint32_t sum, uint8_t *buf, struct snug_error *err)
{
	uint64_t len = snug__min(SNUG__CHUNK, r->bytes - at);
	int ret = snug__file_pread(o->fd, buf, len, o->snap.header.mem_offset + r->offset + at, err);

	if (ret < 0)
		return ret;
	/* All bytes are equal to the next one, and the first is 0. */
	if (sum == 0 && (buf[0] || memcmp(buf, buf + 1, len - 1) != 0))
		return bad_chunk(o, r, at, "it should be all zeros", err);
	if (sum != 0 && snug__snap_sum(buf, len, snug__host_crc32(&o->here)) != sum)
		return bad_chunk(o, r, at, "the checksum differs", err);
	return 0;
}

/* *data is where the next bytes lie that are no hole, as far as that was looked up. */
static int verify_region(const struct snug__snapopen *o, const struct snug__frozen_region *r, uint8_t *buf,
                         uint64_t *data, struct snug_error *err)
{
	uint64_t base = o->snap.header.mem_offset + r->offset;
	int ret = 0;

	for (uint64_t at = 0; ret >= 0 && at < r->bytes; at += SNUG__CHUNK) {
		uint32_t sum = (uint32_t)snug__le_load(o->snap.sums.at + (r->offset + at) / SNUG__CHUNK * 4, 4);

		if (*data < base + at)
			*data = seek(o->fd, base + at, SEEK_DATA, o->snap.header.file_bytes);
		if (sum != 0 || *data < base + at + SNUG__CHUNK)
			ret = verify_chunk(o, r, at, sum, buf, err);
	}
	return ret;
}

int snug__snapopen_verify(const struct snug__snapopen *o, struct snug_error *err)
{
	const struct snug__frozen *f = o->snap.frozen;
	uint8_t *buf = malloc(SNUG__CHUNK);
	uint64_t data = 0;
	int r = 0;

	if (!buf)
		return snug__err(err, -ENOMEM, SNUG_STEP_NONE, "free some memory", "snapshot: out of memory");
	for (unsigned i = 0; r >= 0 && i < f->region_count; i++)
		r = verify_region(o, &f->regions[i], buf, &data, err);
	free(buf);
	return r;
}

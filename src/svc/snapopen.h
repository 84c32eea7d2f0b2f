/* SPDX-License-Identifier: MIT */
/* snapopen: a snapshot file, opened, trusted as far as its owner and mode go, and its head read */
#ifndef SNUG_SVC_SNAPOPEN_H
#define SNUG_SVC_SNAPOPEN_H

#include "svc/snapfile.h"

struct snug__snapopen {
	int fd; /* -1: taken away by who goes on using it */
	uint8_t *head;
	struct snug__snap snap;
	struct snug__host_cpu here;
};

/* owned: the owner was looked at by the caller.  -EPERM, -EISDIR, -EINVAL (no regular file), the errnos of open; -ENOEXEC, -ENOTSUP, -ENOMEM as snug__snap_read. */
int snug__snapopen(const char *path, bool owned, struct snug__snapopen *out, struct snug_error *err);
void snug__snapopen_end(struct snug__snapopen *o);

/* Bytes of the memory part that the file system holds; all of them where it cannot tell. */
uint64_t snug__snapopen_data(const struct snug__snapopen *o);

/* Reads all of memory and compares its checksums.  -EBADMSG */
int snug__snapopen_verify(const struct snug__snapopen *o, struct snug_error *err);

#endif

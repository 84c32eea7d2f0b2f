/* SPDX-License-Identifier: MIT */
/*
 * newfile: a file that appears under its name whole or not at all
 *
 * It is written without a name where the file system can do that, else under a hidden one beside its own
 * (".NAME.snug-XXXXXX"), and given its own by rename(2) when its bytes are on the disk.  Mode 0600, whatever the umask:
 * what is in it may be secret.
 */
#ifndef SNUG_HOST_NEWFILE_H
#define SNUG_HOST_NEWFILE_H

#include <snug.h>

struct snug__newfile {
	int fd;           /* to write to */
	int dir;          /* the directory */
	const char *name; /* in it; in the caller's path */
	char temp[256];   /* the hidden name */
	bool named;       /* it has that name now */
};

/*
 * path is borrowed until the end.  There may be a regular file, which will be replaced, or a symbolic link, which will
 * be replaced itself: what it points to stays.  Anything else that is there is refused: -EISDIR, -EINVAL.
 */
int snug__newfile_begin(struct snug__newfile *n, const char *path, struct snug_error *err);

/* Puts it in place.  On failure nothing has changed, but for a disk that fails in its last step: the message says it. */
int snug__newfile_commit(struct snug__newfile *n, struct snug_error *err);

/* Takes it away; after commit it closes what is open.  To be called in any case. */
void snug__newfile_end(struct snug__newfile *n);

#endif

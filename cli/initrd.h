/* SPDX-License-Identifier: MIT */
/* initrd: an initrd made in memory: our init, a command, and a directory or busybox */
#ifndef SNUG_CLI_INITRD_H
#define SNUG_CLI_INITRD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <snug.h>

struct cli_initrd {
	uint8_t *bytes; /* owned */
	size_t len, room;
	uint32_t inode; /* of the last entry */
};

/*
 * A cpio archive in the form "newc" (Linux Documentation/driver-api/early-userspace/buffer-format.rst) with /snug-init,
 * /snug-cmd, and all that is below dir, or without one (NULL) /bin/busybox of this host as /bin/sh and the like.
 * Symbolic links are taken as they are and not followed; sockets are left out.  Fails: -ENOENT, -EACCES and the like, with
 * the path; -EFBIG: more than 1 GiB.  On failure there is nothing to free.
 */
int cli_initrd_make(struct cli_initrd *out, const char *dir, const char *command, struct snug_error *e);
void cli_initrd_free(struct cli_initrd *i);

#endif

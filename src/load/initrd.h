/* SPDX-License-Identifier: MIT */
/* initrd: a Linux kernel's initial RAM disk: the modules, one behind the other */
#ifndef SNUG_LOAD_INITRD_H
#define SNUG_LOAD_INITRD_H

#include "guest/boot.h"
#include "guest/mem.h"

/* Made by open, let go of by close. */
struct snug__initrd {
	struct {
		struct snug__span bytes;
		uint8_t *unpacked; /* owned; NULL: bytes are the module's */
	} parts[SNUG_MODULES_MAX];
	unsigned count;
	uint64_t bytes; /* of all, each from a multiple of 4 */
};

/*
 * With want->unpack those that are packed are unpacked here, as long as they come to no more than a third of `room`: there is a
 * copy in the guest besides.  What does not unpack whole (several archives in one file, a format without its library, a
 * damaged one) stays as it is, and is the kernel's.
 */
void snug__initrd_open(struct snug__initrd *i, const struct snug__boot_want *want, uint64_t room);
int snug__initrd_write(const struct snug__initrd *i, struct snug__mem *mem, uint64_t at);
void snug__initrd_close(struct snug__initrd *i);

#endif

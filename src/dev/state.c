/* SPDX-License-Identifier: MIT */
/* state: save and load of chips without state: byte 0 is the version, and that is all */
#include <errno.h>

#include "dev/dev.h"

#define STATE_VERSION 1
#define STATE_BYTES 1

size_t snug__dev_save_none(const void *self, uint8_t *bytes)
{
	(void)self;
	bytes[0] = STATE_VERSION;
	return STATE_BYTES;
}

int snug__dev_load_none(void *self, const uint8_t *bytes, size_t len)
{
	(void)self;
	return len == STATE_BYTES && bytes[0] == STATE_VERSION ? 0 : -EINVAL;
}

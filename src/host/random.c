/* SPDX-License-Identifier: MIT */
#include "host/random.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

/* A signal may end a call early, with less than was asked for or with EINTR. */
int snug__random(void *bytes, size_t len)
{
	uint8_t *at = bytes;

	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

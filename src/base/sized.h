/* SPDX-License-Identifier: MIT */
/*
 * sized: input structs of snug.h that grow
 *
 * Their first field is the size the caller was compiled with, 0 meaning the fields of version 0.1.  A newer caller's
 * extra fields are fine as long as they are zero: zero means the default, and the default is what we do.
 */
#ifndef SNUG_BASE_SIZED_H
#define SNUG_BASE_SIZED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* No struct of snug.h will be larger; what says so holds garbage. */
#define SNUG__SIZED_MAX 4096u

/*
 * Copies such a struct into ours, of which the first `first` bytes are the fields of version 0.1; those an older caller
 * does not have are zero.  false where its size or an extra is wrong.
 */
static inline bool snug__sized_grown(void *to, size_t first, size_t ours, const void *from)
{
	const uint8_t *bytes = from;
	size_t size;

	memcpy(&size, from, sizeof(size));
	if (size == 0)
		size = first;
	if ((size < ours && size != first) || size > SNUG__SIZED_MAX)
		return false;
	for (size_t i = ours; i < size; i++) {
		/* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Branch): the struct says itself that it goes on */
		if (bytes[i])
			return false;
	}
	memset(to, 0, ours);
	memcpy(to, from, size < ours ? size : ours);
	return true;
}

/* The same for one that has not grown since. */
static inline bool snug__sized_copy(void *to, size_t ours, const void *from)
{
	return snug__sized_grown(to, ours, ours, from);
}

#endif

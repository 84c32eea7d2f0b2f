/* SPDX-License-Identifier: MIT */
/* bytes: unaligned little-endian loads and stores of 1 to 8 bytes */
#ifndef SNUG_BASE_BYTES_H
#define SNUG_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

/* KVM on x86 is all there is here, and a copy is one instruction where the size is known. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the host is little endian");

/*@
  requires size <= 8 && \valid_read(p + (0 .. size - 1));
  assigns \result \from p[0 .. size - 1];
  ensures size < 8 ==> \result < 1 << (8 * size);
*/
static inline uint64_t snug__le_load(const uint8_t *p, unsigned size)
{
	uint64_t v = 0;

	memcpy(&v, p, size);
	return v;
}

/*@
  requires size <= 8 && \valid(p + (0 .. size - 1));
  assigns p[0 .. size - 1] \from v;
*/
static inline void snug__le_store(uint8_t *p, unsigned size, uint64_t v)
{
	memcpy(p, &v, size);
}

#endif

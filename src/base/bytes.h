/* SPDX-License-Identifier: MIT */
/* bytes: unaligned little-endian loads and stores */
#ifndef SNUG_BASE_BYTES_H
#define SNUG_BASE_BYTES_H

#include <stdint.h>

/* The value of 1 to 8 bytes. */
static inline uint64_t snug__le_load(const uint8_t *p, unsigned size)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static inline void snug__le_store(uint8_t *p, unsigned size, uint64_t v)
{
	for (unsigned i = 0; i < size; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

#endif

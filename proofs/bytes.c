/* SPDX-License-Identifier: MIT */
/* bytes: base/bytes.h at every size, up against the end of a buffer; EVA walks this (docs/proofs.md) */
#include "base/bytes.h"

#define WIDEST 8u

volatile unsigned char any;

void bytes_every_size(void)
{
	uint8_t buf[WIDEST];

	for (unsigned size = 1; size <= WIDEST; size++) {
		uint64_t v;

		for (unsigned i = 0; i < WIDEST; i++)
			buf[i] = any;
		v = snug__le_load(buf + WIDEST - size, size);
		snug__le_store(buf + WIDEST - size, size, v);
	}
}

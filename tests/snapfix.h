/* SPDX-License-Identifier: MIT */
/* snapfix: makes the checksums of a changed snapshot head right again, so that what lies behind them is reached */
#ifndef TESTS_SNAPFIX_H
#define TESTS_SNAPFIX_H

#include "base/crc.h"
#include "svc/snapfile.h"

/* Table entries past the end, and sections too, are left alone. */
static inline void snap_fix(uint8_t *head, size_t len)
{
	uint64_t sections = len < SNAP_HEADER ? 0 : snug__le_load(head + SNAP_SECTIONS, 4);
	uint64_t end = SNAP_HEADER + sections * SNAP_ENTRY;

	if (len < SNAP_HEADER || end > len)
		return;
	for (uint8_t *e = head + SNAP_HEADER; e < head + end; e += SNAP_ENTRY) {
		uint64_t at = snug__le_load(e + SNAP_ENTRY_OFFSET, 8), bytes = snug__le_load(e + SNAP_ENTRY_BYTES, 8);

		if (snug__within(at, bytes, len))
			snug__le_store(e + SNAP_ENTRY_CRC, 4, snug__crc32c(0, head + at, bytes, false));
	}
	snug__le_store(head + SNAP_HEADER_CRC, 4, 0);
	snug__le_store(head + SNAP_HEADER_CRC, 4, snug__crc32c(0, head, end, false));
}

#endif

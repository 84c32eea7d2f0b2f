/* SPDX-License-Identifier: MIT */
/* crc: CRC-32C (Castagnoli): RFC 3720 12.1 and B.4 */
#ifndef SNUG_BASE_CRC_H
#define SNUG_BASE_CRC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Goes on from the CRC of what came before; 0 at the start.  sse42: the CPU has the instruction.  The caller says it,
 * since asking costs more than the CRC of a small thing, and the library keeps no global state to remember it in.
 */
uint32_t snug__crc32c(uint32_t crc, const void *bytes, size_t len, bool sse42);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * unpack: compressed kernels: gzip, xz, lzma, zstd, lz4, each by its own library
 *
 * The libraries are loaded when they are needed and let go of again: who loads no compressed kernel needs none.
 */
#ifndef SNUG_LOAD_UNPACK_H
#define SNUG_LOAD_UNPACK_H

#include <snug.h>

#include "base/cursor.h"

/*
 * Unpacks what its first bytes say it is: *bytes, *len of them, at most max.  1: done, the caller gives them back with
 * snug__unpack_free; 0: another format, or its library is not here: why says which.  -ENOEXEC: damaged; -EFBIG: more
 * than max; -ENOMEM.
 */
int snug__unpack(struct snug__span packed, uint64_t max, uint8_t **bytes, uint64_t *len, char why[96],
                 struct snug_error *err);

/*
 * Likewise for what says no length: true if all of it, but for zeros at its end, is of one format and gave at most max bytes;
 * false for anything else, and nothing is to be given back.
 */
bool snug__unpack_whole(struct snug__span packed, uint64_t max, uint8_t **bytes, uint64_t *len);
void snug__unpack_free(uint8_t *bytes, uint64_t len);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * cursor: a bounded view of bytes from a stranger
 *
 * Every read is checked; a read past the end gives 0 and sets `bad`, so that a parser may read a whole record and
 * ask once.
 */
#ifndef SNUG_BASE_CURSOR_H
#define SNUG_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/num.h"

struct snug__span {
	const uint8_t *at;
	size_t len;
};

/*@
  predicate span_ok(struct snug__span s) =
    \valid_read(s.at + (0 .. s.len - 1)) && \object_pointer(s.at) && \object_pointer(s.at + s.len);
*/
/* [off, off + len) of a span; an empty one with at == NULL where that is not all there. */
/*@
  requires span_ok(s);
  assigns \nothing;
  ensures span_ok(\result);
  ensures off + len <= s.len ==> \result.at == s.at + off && \result.len == len;
  ensures off + len > s.len ==> \result.at == \null && \result.len == 0;
*/
static inline struct snug__span snug__span_sub(struct snug__span s, uint64_t off, uint64_t len)
{
	if (!snug__within(off, len, s.len))
		return (struct snug__span){NULL, 0};
	return (struct snug__span){s.at + off, (size_t)len};
}

struct snug__cursor {
	struct snug__span span;
	uint64_t at;
	bool bad;
};

/*@
  requires size <= 8 && \valid(c) && span_ok(c->span);
  requires \separated(c, c->span.at + (0 .. c->span.len - 1));
  assigns c->at, c->bad;
  behavior inside:
    assumes !c->bad && c->at + size <= c->span.len;
    ensures !c->bad && c->at == \old(c->at) + size <= c->span.len;
    ensures size < 8 ==> \result < 1 << (8 * size);
  behavior outside:
    assumes c->bad || c->at + size > c->span.len;
    ensures c->bad && c->at == \old(c->at) && \result == 0;
  complete behaviors;
  disjoint behaviors;
*/
static inline uint64_t snug__cursor_le(struct snug__cursor *c, unsigned size)
{
	uint64_t v;

	if (c->bad || !snug__within(c->at, size, c->span.len)) {
		c->bad = true;
		return 0;
	}
	v = snug__le_load(c->span.at + c->at, size);
	c->at += size;
	return v;
}

#endif

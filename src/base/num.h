/* SPDX-License-Identifier: MIT */
/*
 * num: arithmetic that cannot wrap unseen
 *
 * Plain comparisons and typed builtins only, so that a prover can read it.
 */
#ifndef SNUG_BASE_NUM_H
#define SNUG_BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

#define SNUG_PAGE 4096ull

_Static_assert(sizeof(unsigned long) == sizeof(uint64_t), "the builtins below take unsigned long");

/* *sum = a + b; false where that does not fit, and then *sum is not to be used. */
/*@
  requires \valid(sum);
  assigns *sum;
  ensures \result <==> a + b <= UINT64_MAX;
  ensures \result ==> *sum == a + b;
*/
static inline bool snug__add(uint64_t a, uint64_t b, uint64_t *sum)
{
	unsigned long r = 0;
	bool over = __builtin_uaddl_overflow(a, b, &r);

	*sum = r;
	return !over;
}

/* Does [at, at + len) lie within [0, limit)?  Nothing is added, so nothing wraps. */
/*@
  assigns \nothing;
  ensures \result <==> at + len <= limit;
*/
static inline bool snug__within(uint64_t at, uint64_t len, uint64_t limit)
{
	return at <= limit && len <= limit - at;
}

/* Do [a, a + an) and [b, b + bn) share an address?  Empty ranges share nothing; an end of 2^64 is fine. */
/*@
  assigns \nothing;
  ensures \result <==> \exists integer x; a <= x < a + an && b <= x < b + bn;
*/
static inline bool snug__overlap(uint64_t a, uint64_t an, uint64_t b, uint64_t bn)
{
	if (an == 0 || bn == 0)
		return false;
	return a <= b ? b - a < an : a - b < bn;
}

/*@
  predicate is_pow2(integer p) = 0 < p <= UINT64_MAX && (p & (p - 1)) == 0;
*/
/* Is v a multiple of a power of two? */
/*@
  requires pow2 > 0;
  assigns \nothing;
  ensures is_pow2(pow2) ==> (\result <==> v % pow2 == 0);
  ensures \result <==> (v & (pow2 - 1)) == 0;
*/
static inline bool snug__aligned(uint64_t v, uint64_t pow2)
{
	return (v & (pow2 - 1)) == 0;
}

/* v rounded up to a multiple of a power of two; false where that does not fit. */
/*@
  requires is_pow2(pow2) && \valid(out);
  assigns *out;
  ensures \result <==> v + (pow2 - 1) <= UINT64_MAX;
  ensures \result ==> v <= *out < v + pow2 && *out % pow2 == 0;
*/
static inline bool snug__round_up(uint64_t v, uint64_t pow2, uint64_t *out)
{
	if (!snug__add(v, pow2 - 1, out))
		return false;
	*out &= ~(pow2 - 1);
	return true;
}

/*@
  assigns \nothing;
  ensures \result == \min(a, b);
*/
static inline uint64_t snug__min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*@
  assigns \nothing;
  ensures \result == \max(a, b);
*/
static inline uint64_t snug__max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* All-ones of a size of 1 to 8 bytes. */
/*@
  assigns \nothing;
  ensures size >= 8 ==> \result == UINT64_MAX;
  ensures size < 8 ==> \result == (1 << (8 * size)) - 1;
*/
static inline uint64_t snug__ones(unsigned size)
{
	return size >= 8 ? UINT64_MAX : (1ull << (8 * size)) - 1;
}

#endif

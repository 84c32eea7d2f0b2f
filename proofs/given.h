/* SPDX-License-Identifier: MIT */
/* given: what the proofs take as given; Frama-C alone reads this (docs/proofs.md) */
#ifndef SNUG_PROOFS_GIVEN_H
#define SNUG_PROOFS_GIVEN_H

#include "base/num.h"

/*
 * WP's provers know little of bits.  proofs/given.smt2 holds the same in bit vectors, and z3 proves it for all 64-bit
 * values.
 */
/*@
  axiomatic Bits {
    axiom mask_low: \forall integer v, p;
      0 <= v <= UINT64_MAX && is_pow2(p) ==> (v & (p - 1)) == v % p;
    axiom mask_high: \forall integer v, m;
      0 <= v <= UINT64_MAX && is_pow2(m + 1) ==>
      (v & (uint64_t)~m) % (m + 1) == 0 && v - m <= (v & (uint64_t)~m) <= v;
    axiom one_bit: \forall integer k; 0 <= k < 64 ==> 1 <= (1 << k) <= 0x8000000000000000;
  }
*/

/*
 * gcc's builtins on atomic values, for one width.  What they give is left open, since other threads may write: only
 * that they touch this one word is used.
 */
/*@
  requires \valid_read(p);
  assigns \result \from *p;
*/
uint64_t __atomic_load_n(const uint64_t *p, int order);

/*@
  requires \valid(p);
  assigns *p, \result \from *p, v;
*/
uint64_t __atomic_fetch_or(uint64_t *p, uint64_t v, int order);

#endif

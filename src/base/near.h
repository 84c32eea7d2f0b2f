/* SPDX-License-Identifier: MIT */
/* near: how close two names are, for "did you mean" */
#ifndef SNUG_BASE_NEAR_H
#define SNUG_BASE_NEAR_H

/* Names that are longer are far from everything. */
#define SNUG__NEAR_MAX 63

/*
 * How many letters to add, drop, change or swap with their neighbour to get from one to the other; limit + 1 where that
 * is more than limit.  It gives up early, so that one name can be held against very many.
 */
unsigned snug__near(const char *a, const char *b, unsigned limit);

#endif

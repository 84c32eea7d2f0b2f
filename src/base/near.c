/* SPDX-License-Identifier: MIT */
#include "base/near.h"

#include <string.h>

#include "base/num.h"

unsigned snug__near(const char *a, const char *b, unsigned limit)
{
	unsigned rows[3][SNUG__NEAR_MAX + 1], *before = rows[0], *above = rows[1], *now = rows[2];
	size_t n = strnlen(a, SNUG__NEAR_MAX + 1), m = strnlen(b, SNUG__NEAR_MAX + 1);

	if (n > SNUG__NEAR_MAX || m > SNUG__NEAR_MAX || n > m + limit || m > n + limit)
		return limit + 1;
	for (size_t j = 0; j <= m; j++)
		above[j] = before[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned least = now[0] = (unsigned)i, *spare = before;

		for (size_t j = 1; j <= m; j++) {
			unsigned best = above[j - 1] + (a[i - 1] != b[j - 1]);

			best = (unsigned)snug__min(best, snug__min(above[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = (unsigned)snug__min(best, before[j - 2] + 1);
			now[j] = best;
			least = (unsigned)snug__min(least, best);
		}
		/* A swap reaches over one row, at the price of one. */
		if (least > limit + 1)
			return limit + 1;
		before = above;
		above = now;
		now = spare;
	}
	return (unsigned)snug__min(above[m], limit + 1);
}

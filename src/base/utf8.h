/* SPDX-License-Identifier: MIT */
/* utf8: is it text?  The Unicode Standard, table 3-7 "Well-Formed UTF-8 Byte Sequences" */
#ifndef SNUG_BASE_UTF8_H
#define SNUG_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The length of the well-formed character that starts s, 1 to 4; 0: there is none.  len is 1 or more. */
static inline unsigned snug__utf8_len(const uint8_t *s, size_t len)
{
	unsigned n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
	uint8_t low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;  /* no longer form than needed */
	uint8_t high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf; /* no surrogates, nothing past U+10FFFF */

	if (n > len || (n > 1 && (s[1] < low || s[1] > high)))
		return 0;
	for (unsigned i = 2; i < n; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return n;
}

#endif

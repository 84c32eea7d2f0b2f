/* SPDX-License-Identifier: MIT */
/* sizes: numbers as people type them */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "sizes.h"

#define NS_PER_SECOND 1000000000ull

static const char too_large[] = "is too large";
static const char too_wide[] = "does not fit into 64 bits";

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

/* Takes digits of a base from *s; false where the number does not fit. */
static bool digits(const char **s, unsigned base, uint64_t *out)
{
	uint64_t v = 0;

	for (; (unsigned)digit(**s) < base; (*s)++) {
		uint64_t d = (uint64_t)digit(**s);

		if (v > (UINT64_MAX - d) / base)
			return false;
		v = v * base + d;
	}
	*out = v;
	return true;
}

/* What is wrong with a string that does not start with a digit. */
static const char *no_number(const char *s)
{
	if (!*s)
		return "is empty";
	if (*s == '-')
		return "is negative";
	return "is no number";
}

const char *cli_parse_size(const char *s, uint64_t *out)
{
	static const char units[] = "KMGT";
	const char *unit;
	unsigned shift = 0;
	uint64_t v;

	if (digit(*s) > 9)
		return no_number(s);
	if (!digits(&s, 10, &v))
		return too_large;
	if (*s) {
		char upper = (char)(*s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s);

		unit = strchr(units, upper);
		if (!unit || s[1])
			return "has a unit that is none of K, M, G and T";
		shift = 10 * ((unsigned)(unit - units) + 1);
	}
	if (v == 0)
		return "is nothing: the least is 4K";
	if (v > UINT64_MAX >> shift)
		return too_large;
	*out = v << shift;
	return *out % 4096 ? "is no multiple of 4096 bytes, a page" : NULL;
}

const char *cli_parse_seconds(const char *s, uint64_t *out)
{
	uint64_t whole, part = 0, scale = NS_PER_SECOND;

	if (digit(*s) > 9)
		return no_number(s);
	if (!digits(&s, 10, &whole))
		return too_large;
	if (*s == '.') {
		const char *start = ++s;

		for (; digit(*s) <= 9; s++) {
			if (s - start == 9)
				return "has more than nine decimals";
			part = part * 10 + (uint64_t)digit(*s);
			scale /= 10;
		}
		if (s == start)
			return "has no digit after the point";
		part *= scale;
	}
	if (*s)
		return "is no number of seconds: digits and a point are all it takes";
	if (whole > (UINT64_MAX - part) / NS_PER_SECOND)
		return too_large;
	*out = whole * NS_PER_SECOND + part;
	return *out ? NULL : "is no time at all: leave the option out for no limit";
}

/* Decimal, or hexadecimal after 0x; `otherwise` is for what is neither. */
static const char *number(const char *s, uint64_t *out, const char *otherwise)
{
	unsigned base = 10;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		s += 2;
		base = 16;
		if (digit(*s) > 15)
			return "has no digit after 0x";
	}
	if (!digits(&s, base, out))
		return too_wide;
	if (*s)
		return base == 10 ? otherwise : "is no hexadecimal number";
	return NULL;
}

const char *cli_parse_address(const char *s, uint64_t *out)
{
	if (digit(*s) > 9)
		return no_number(s);
	return number(s, out, "is no address: write hexadecimal after 0x, or decimal");
}

const char *cli_parse_integer(const char *s, uint64_t *out)
{
	bool negative = *s == '-';
	const char *wrong;

	if (digit(s[negative]) > 9)
		return *s ? "is no number" : no_number(s);
	wrong = number(s + negative, out, "is no number: write hexadecimal after 0x, or decimal");
	if (!wrong && negative && *out > 1ull << 63)
		return too_wide;
	if (!wrong && negative)
		*out = 0 - *out;
	return wrong;
}

const char *cli_parse_count(const char *s, uint64_t *out)
{
	uint64_t v;

	if (digit(*s) > 9)
		return no_number(s);
	if (!digits(&s, 10, &v) || v > UINT32_MAX)
		return too_large;
	if (*s)
		return "is no whole number";
	if (v == 0)
		return "is none: the least is 1";
	*out = v;
	return NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * sizes: numbers as people type them
 *
 * Each takes the whole string or nothing.  NULL is success; else a static text that says what is wrong with it
 * ("is negative"), to be put after the value.
 */
#ifndef SNUG_CLI_SIZES_H
#define SNUG_CLI_SIZES_H

#include <stdint.h>

/* Bytes: decimal digits and perhaps K, M, G or T (powers of 1024).  Whole pages of 4096, above 0. */
const char *cli_parse_size(const char *s, uint64_t *out);

/* Seconds with up to nine decimals, in nanoseconds.  Above 0. */
const char *cli_parse_seconds(const char *s, uint64_t *out);

/* An address: decimal, or hexadecimal after 0x. */
const char *cli_parse_address(const char *s, uint64_t *out);

/* An integer of 64 bits: as an address, perhaps after a minus; -2^63 to 2^64 - 1. */
const char *cli_parse_integer(const char *s, uint64_t *out);

/* A number of things: decimal, 1 to 2^32 - 1. */
const char *cli_parse_count(const char *s, uint64_t *out);

#endif

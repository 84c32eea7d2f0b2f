/* SPDX-License-Identifier: MIT */
/* walk: the way from a linear to a guest physical address through the guest's own page tables */
#ifndef SNUG_X86_WALK_H
#define SNUG_X86_WALK_H

#include <snug.h>

#include "guest/mem.h"

/*
 * SDM 3A chapter 4: no paging, 32-bit, PAE, 4-level and 5-level.  Permissions are not looked at.  The tables are the
 * guest's and may say anything: every entry is read by the checked road, so the worst is -EFAULT, with the level.
 */
int snug__walk(const struct snug__mem *mem, const struct snug_sregs *s, uint64_t linear, snug_gpa *out,
               struct snug_error *err);

/* The same, with what was found on the way. */
void snug__walk_path(const struct snug__mem *mem, const struct snug_sregs *s, uint64_t linear, struct snug_walk *out);

/* Reads as many of len bytes as are mapped; returns how many. */
size_t snug__walk_read(const struct snug__mem *mem, const struct snug_sregs *s, uint64_t linear, void *to,
                       size_t len);

/* What an access is, beyond reading: bits. */
#define SNUG__ACCESS_WRITE 1u
#define SNUG__ACCESS_USER 2u /* at CPL 3 */

/*
 * Is such an access to the page of a linear address allowed by the page tables?  Gives the guest physical address.
 * SDM 3A 4.6 "Access rights".  A guest that reads at CPL 0 is not asked about user pages (CR4.SMAP).
 */
bool snug__walk_access(const struct snug__mem *mem, const struct snug_sregs *s, uint64_t linear, unsigned access,
                       snug_gpa *out);

/* A page the tables map.  Where paging is off, one of 4 GiB. */
struct snug__page {
	uint64_t linear;
	snug_gpa gpa;
	uint64_t bytes;
	bool write, exec;
};

/* false: enough. */
typedef bool (*snug__page_fn)(void *ctx, const struct snug__page *page);

/*
 * Tells every page the tables map, from linear address 0 up.  Tables of a guest may lead to themselves and so map
 * without end: at most `budget` entries are looked at.  false where that, or the callback, ended it.
 */
bool snug__walk_pages(const struct snug__mem *mem, const struct snug_sregs *s, unsigned budget, snug__page_fn page,
                      void *ctx);

#endif

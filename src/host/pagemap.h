/* SPDX-License-Identifier: MIT */
/* pagemap: which pages of this process's memory are there; Documentation/admin-guide/mm/pagemap.rst */
#ifndef SNUG_HOST_PAGEMAP_H
#define SNUG_HOST_PAGEMAP_H

#include <stdint.h>

#define SNUG__PM_PRESENT (1ull << 63)
#define SNUG__PM_SWAPPED (1ull << 62)

/* A fd for the next function, or a negative errno.  Closing it is the caller's. */
int snug__pagemap_open(void);

/* The entries of `pages` pages from `at` on; 0 or a negative errno. */
int snug__pagemap_read(int fd, const void *at, uint64_t pages, uint64_t *entries);

#endif

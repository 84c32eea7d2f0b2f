/* SPDX-License-Identifier: MIT */
/* map: host memory that guests use as theirs */
#ifndef SNUG_HOST_MAP_H
#define SNUG_HOST_MAP_H

#include <snug.h>

/* -ENOMEM for more than the host's RAM and swap together: such a guest could only end in the OOM killer. */
int snug__map_check(uint64_t bytes, struct snug_error *err);

/* Zeroed private memory, page aligned; bytes is a multiple of 4096 above 0.  -ENOMEM; *out is set on success only. */
int snug__map_anon(uint64_t bytes, void **out, struct snug_error *err);

/*
 * A private mapping of a file's bytes, writable; and the same in place of what is mapped at `at` now.  Nothing is read
 * until it is touched, nothing is reserved.
 */
int snug__map_private(int fd, uint64_t offset, uint64_t bytes, void **out, struct snug_error *err);
int snug__map_replace(int fd, uint64_t offset, uint64_t bytes, void *at, struct snug_error *err);

/* A shared, read-only mapping of them. */
int snug__map_view(int fd, uint64_t offset, uint64_t bytes, const uint8_t **out, struct snug_error *err);

/* Drops what a private mapping has of its own in these pages: they are the file's again.  0 or a negative errno. */
int snug__map_drop(void *at, uint64_t bytes);

/* Brings pages that are to be written at once into being together, which spares a fault for each; where the kernel can. */
void snug__map_populate(void *at, uint64_t bytes);

/* A memfd of that length; -1 never.  Closing it is the caller's.  snug__map_seal: nobody can change it any more. */
int snug__map_memfd(const char *name, uint64_t bytes, struct snug_error *err);
int snug__map_seal(int fd, struct snug_error *err);

/* Leaves memory out of core dumps of this process. */
void snug__map_no_dump(void *at, uint64_t bytes);

/* Gives back what these gave. */
void snug__map_free(void *at, uint64_t bytes);

#endif

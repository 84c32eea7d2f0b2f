/* SPDX-License-Identifier: MIT */
/* map: host memory that guests use as theirs */
#ifndef SNUG_HOST_MAP_H
#define SNUG_HOST_MAP_H

#include <snug.h>

/* -ENOMEM for more than the host's RAM and swap together: such a guest could only end in the OOM killer. */
int snug__map_check(uint64_t bytes, struct snug_error *err);

/* Zeroed private memory, page aligned; bytes is a multiple of 4096 above 0.  -ENOMEM; *out is set on success only. */
int snug__map_anon(uint64_t bytes, void **out, struct snug_error *err);

/* Gives back what snug__map_anon gave. */
void snug__map_free(void *at, uint64_t bytes);

#endif

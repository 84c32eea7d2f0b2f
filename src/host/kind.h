/* SPDX-License-Identifier: MIT */
/* kind: what stands behind /dev/kvm */
#ifndef SNUG_HOST_KIND_H
#define SNUG_HOST_KIND_H

#include <snug.h>

/* Told from the modules loaded and the CPU's flags. */
enum snug_host_kind snug__host_kind(void);

#endif

/* SPDX-License-Identifier: MIT */
/* kind: what stands behind /dev/kvm */
#ifndef SNUG_HOST_KIND_H
#define SNUG_HOST_KIND_H

#include <snug.h>

/* Told from the modules loaded and the CPU's flags. */
enum snug_host_kind snug__host_kind(void);

/* "6.18.0-1-amd64", cut if it must be; empty where the kernel does not say. */
void snug__host_kernel(char release[64]);

#endif

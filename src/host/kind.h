/* SPDX-License-Identifier: MIT */
/* kind: what stands behind /dev/kvm */
#ifndef SNUG_HOST_KIND_H
#define SNUG_HOST_KIND_H

#include <snug.h>

/* Told from the CPU's flags and the modules loaded.  A CPU that hides VT-x and SVM can only have kvm_pvm. */
enum snug_host_kind snug__host_kind(void);

#endif

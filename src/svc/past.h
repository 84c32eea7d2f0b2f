/* SPDX-License-Identifier: MIT */
/* past: the last exits of each vCPU */
#ifndef SNUG_SVC_PAST_H
#define SNUG_SVC_PAST_H

#include "core/core.h"

#define SNUG__PAST 32u

/* Writes at most SNUG__PAST rows, oldest first; returns how many.  0 where nobody asked for them to be kept. */
unsigned snug__past_read(const snug_vcpu *vcpu, struct snug_past_exit *rows);

#endif

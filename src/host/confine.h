/* SPDX-License-Identifier: MIT */
/* confine: what a process gives away of its own rights */
#ifndef SNUG_HOST_CONFINE_H
#define SNUG_HOST_CONFINE_H

#include <snug.h>

/* PR_SET_NO_NEW_PRIVS: nothing that is executed gives more rights than there are (prctl(2)). */
int snug__confine_no_new_privs(struct snug_error *err);

/* All capabilities of this thread, and with it of those it makes (capabilities(7)). */
int snug__confine_no_caps(struct snug_error *err);

/* Only `files` more descriptors than are open now; no message queues; no locked memory. */
int snug__confine_limits(uint64_t files, struct snug_error *err);

#endif

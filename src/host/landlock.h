/* SPDX-License-Identifier: MIT */
/* landlock: what this process may do with files, sockets and signals, as far as the kernel's ABI knows it */
#ifndef SNUG_HOST_LANDLOCK_H
#define SNUG_HOST_LANDLOCK_H

#include <stdbool.h>

#include <snug.h>

/* The ABI the kernel has, from 1; 0: it has none, or it is switched off. */
int snug__landlock_abi(void);

/* A ruleset that forbids all that the ABI knows; signals to others only where `signals` is false.  Returns its fd. */
int snug__landlock_new(int abi, bool signals, struct snug_error *err);

/* Below the directory of `dir`, files may be made, written, renamed in their directory and removed. */
int snug__landlock_allow(int ruleset, int abi, int dir, struct snug_error *err);

/* For this thread and those it makes, for good.  The fd stays the caller's. */
int snug__landlock_enter(int ruleset, struct snug_error *err);

#endif

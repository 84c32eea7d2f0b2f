/* SPDX-License-Identifier: MIT */
/*
 * loop: waiting for descriptors and a point in time, in a thread of its own: epoll(7), eventfd(2), timerfd_create(2)
 *
 * All descriptors are made by open, so that a confined thread needs none.
 */
#ifndef SNUG_HOST_LOOP_H
#define SNUG_HOST_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SNUG__LOOP_FDS 4 /* of others */

struct snug__loop {
	int epoll, wake, timer; /* -1: none */
	atomic_bool stop;
};

/* What came, bits: woken, the time has come; and from bit 8 on those of the descriptors' numbers. */
#define SNUG__LOOP_WOKEN 1u
#define SNUG__LOOP_TIME 2u
#define SNUG__LOOP_FD(n) (1u << (8 + (n)))

/* 0 or a negative errno; then there is nothing to close. */
int snug__loop_open(struct snug__loop *l);
void snug__loop_close(struct snug__loop *l);

/*
 * Tells each time fd has become readable, as number n (0 to SNUG__LOOP_FDS - 1).  fd stays the caller's.  -EPERM: it is
 * one that cannot be waited for, and always ready: a file.
 */
int snug__loop_add(struct snug__loop *l, int fd, unsigned n);

/* [any thread] wakes the waiting thread; stop: and has it end. */
void snug__loop_wake(struct snug__loop *l);
void snug__loop_stop(struct snug__loop *l);

/* [any thread] the point in time, CLOCK_MONOTONIC in ns, in place of the one before; 0: none. */
void snug__loop_at(struct snug__loop *l, uint64_t at_ns);

/* Waits: what came, bits; 0: it is to end. */
unsigned snug__loop_wait(struct snug__loop *l);

#endif

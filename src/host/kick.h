/* SPDX-License-Identifier: MIT */
/*
 * kick: getting a thread out of KVM_RUN, by another thread or by a timer, without a signal handler
 *
 * SIGURG is blocked in the running thread and open only inside KVM_RUN (KVM_SET_SIGNAL_MASK): there it ends KVM_RUN
 * with EINTR and stays pending, and is taken off before the thread's mask is put back.  Signals are sent only while
 * the lock says that the thread is between begin and end, so none can arrive outside.  Should one ever, SIGURG's
 * default is to be ignored.
 */
#ifndef SNUG_HOST_KICK_H
#define SNUG_HOST_KICK_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct snug__kick {
	pthread_mutex_t lock;
	bool running; /* thread is between begin and end */
	bool sent;    /* a signal was sent to it */
	bool foreign; /* a SIGURG that is not ours was taken off */
	pthread_t thread;
	atomic_bool asked; /* a kick nobody has answered yet */
	bool has_timer;    /* while a run with a time limit is under way */
	timer_t timer;
	uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0: none */
	sigset_t old_mask;
};

/* 0 or a negative errno. */
int snug__kick_init(struct snug__kick *k);
void snug__kick_destroy(struct snug__kick *k);

/*
 * The calling thread starts to run; timeout_ns 0 means no limit.  KVM_RUN is interrupted every period_ns too, if that is
 * not 0.  Gives the signals to be blocked inside KVM_RUN.
 * -EBUSY: another thread runs it; -EAGAIN: no timer could be had.
 */
int snug__kick_begin(struct snug__kick *k, uint64_t timeout_ns, uint64_t period_ns, uint64_t *blocked);
void snug__kick_end(struct snug__kick *k);

/* Any thread: asks the running thread to come out. */
void snug__kick(struct snug__kick *k);

/* Was it asked?  Answers the kick. */
bool snug__kick_take(struct snug__kick *k);

/*
 * KVM_RUN was interrupted, though neither by a kick nor by the time: was it by a SIGURG of somebody else's, pending in
 * this thread?  It is taken off, so that it does not stop every run, and sent again at the end.  Afterwards look again
 * whether a kick or the time is what came.
 */
bool snug__kick_foreign(struct snug__kick *k);

/* Has the time run out? */
bool snug__kick_expired(const struct snug__kick *k);

/* Does any thread run it? */
bool snug__kick_running(struct snug__kick *k);

#endif

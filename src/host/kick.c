/* SPDX-License-Identifier: MIT */
#include "host/kick.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "host/clock.h"

#define KICK_SIGNAL SIGURG

static void kick_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, KICK_SIGNAL);
}

int snug__kick_init(struct snug__kick *k)
{
	memset(k, 0, sizeof(*k));
	atomic_init(&k->asked, false);
	return -pthread_mutex_init(&k->lock, NULL);
}

void snug__kick_destroy(struct snug__kick *k)
{
	pthread_mutex_destroy(&k->lock);
}

/*
 * A timer signals the thread it was made for, and none that gets the same number later: so it lives from begin to end
 * only, and no run inherits the timer of a dead thread.
 */
static int timer_for_me(struct snug__kick *k)
{
	struct sigevent ev;

	memset(&ev, 0, sizeof(ev));
	ev.sigev_notify = SIGEV_THREAD_ID;
	ev.sigev_signo = KICK_SIGNAL;
	ev._sigev_un._tid = gettid(); /* sigev_notify_thread_id, which glibc 2.36 has no name for */
	if (timer_create(CLOCK_MONOTONIC, &ev, &k->timer) < 0)
		return -errno;
	k->has_timer = true;
	return 0;
}

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){(time_t)(ns / SNUG__NS_PER_S), (long)(ns % SNUG__NS_PER_S)};
}

/* With a period, whose signals go on after the deadline, the first comes at the deadline if that is sooner. */
static int arm(struct snug__kick *k, uint64_t timeout_ns, uint64_t period_ns)
{
	struct itimerspec at = {0};
	uint64_t now = snug__now_ns(), first;
	int r = timer_for_me(k);

	if (r < 0)
		return r;
	/* INT64_MAX nanoseconds are 292 years: beyond that there is no deadline to miss. */
	if (timeout_ns && (!snug__add(now, timeout_ns, &k->deadline_ns) || k->deadline_ns > INT64_MAX))
		k->deadline_ns = INT64_MAX;
	first = k->deadline_ns;
	if (period_ns && (!first || first > now + period_ns))
		first = now + period_ns;
	at.it_value = timespec_of(first);
	at.it_interval = timespec_of(period_ns);
	return timer_settime(k->timer, TIMER_ABSTIME, &at, NULL) < 0 ? -errno : 0;
}

/* The kernel's sigset is the first 64 bits of glibc's. */
static uint64_t mask_bits(const sigset_t *set)
{
	uint64_t bits;

	memcpy(&bits, set, sizeof(bits));
	return bits;
}

int snug__kick_begin(struct snug__kick *k, uint64_t timeout_ns, uint64_t period_ns, uint64_t *blocked)
{
	sigset_t mine;
	int r;

	pthread_mutex_lock(&k->lock);
	if (k->running) {
		pthread_mutex_unlock(&k->lock);
		return -EBUSY;
	}
	kick_set(&mine);
	pthread_sigmask(SIG_BLOCK, &mine, &k->old_mask);
	k->running = true;
	k->sent = k->foreign = false;
	k->thread = pthread_self();
	k->deadline_ns = 0;
	pthread_mutex_unlock(&k->lock);

	r = timeout_ns || period_ns ? arm(k, timeout_ns, period_ns) : 0;
	if (r < 0) {
		snug__kick_end(k);
		return r;
	}
	*blocked = mask_bits(&k->old_mask) & ~(1ull << (KICK_SIGNAL - 1));
	return 0;
}

void snug__kick_end(struct snug__kick *k)
{
	static const struct timespec at_once;
	bool drain = k->has_timer;
	sigset_t mine, old;

	if (k->has_timer)
		timer_delete(k->timer);
	k->has_timer = false;
	pthread_mutex_lock(&k->lock);
	drain |= k->sent;
	old = k->old_mask;
	k->running = false;
	pthread_mutex_unlock(&k->lock);

	/* From here on nobody sends: what is pending now is all there is. */
	kick_set(&mine);
	if (drain)
		while (sigtimedwait(&mine, NULL, &at_once) == KICK_SIGNAL)
			;
	if (k->foreign)
		pthread_kill(pthread_self(), KICK_SIGNAL); /* whose it is gets it where it is open */
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

bool snug__kick_foreign(struct snug__kick *k)
{
	static const struct timespec at_once;
	siginfo_t info;
	sigset_t mine;

	kick_set(&mine);
	if (sigtimedwait(&mine, &info, &at_once) != KICK_SIGNAL)
		return false;
	/* Ours may have come since the caller looked: then the time is up now, or the kick is still to be answered. */
	pthread_mutex_lock(&k->lock);
	k->foreign |= info.si_code != SI_TIMER && !k->sent;
	pthread_mutex_unlock(&k->lock);
	return true;
}

void snug__kick(struct snug__kick *k)
{
	/*
	 * Flag and signal are one step under the lock: were the flag answered before the signal was sent, the signal
	 * would meet the thread's next run, which nobody kicked.
	 */
	pthread_mutex_lock(&k->lock);
	atomic_store(&k->asked, true);
	if (k->running) {
		k->sent = true;
		pthread_kill(k->thread, KICK_SIGNAL);
	}
	pthread_mutex_unlock(&k->lock);
}

bool snug__kick_take(struct snug__kick *k)
{
	return atomic_load_explicit(&k->asked, memory_order_relaxed) && atomic_exchange(&k->asked, false);
}

bool snug__kick_expired(const struct snug__kick *k)
{
	return k->deadline_ns && snug__now_ns() >= k->deadline_ns;
}

bool snug__kick_running(struct snug__kick *k)
{
	bool running;

	pthread_mutex_lock(&k->lock);
	running = k->running;
	pthread_mutex_unlock(&k->lock);
	return running;
}

/* SPDX-License-Identifier: MIT */
#include "host/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "host/clock.h"

static int add(struct snug__loop *l, int fd, uint32_t bit)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.u32 = bit};

	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

int snug__loop_open(struct snug__loop *l)
{
	int r;

	atomic_init(&l->stop, false);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	r = l->epoll < 0 || l->wake < 0 || l->timer < 0 ? -errno : 0;
	if (r >= 0)
		r = add(l, l->wake, SNUG__LOOP_WOKEN);
	if (r >= 0)
		r = add(l, l->timer, SNUG__LOOP_TIME);
	if (r < 0)
		snug__loop_close(l);
	return r;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void snug__loop_close(struct snug__loop *l)
{
	close_fd(&l->epoll);
	close_fd(&l->wake);
	close_fd(&l->timer);
}

int snug__loop_add(struct snug__loop *l, int fd, unsigned n)
{
	return add(l, fd, SNUG__LOOP_FD(n));
}

void snug__loop_wake(struct snug__loop *l)
{
	eventfd_write(l->wake, 1); /* it can fail only where it is woken already */
}

void snug__loop_stop(struct snug__loop *l)
{
	atomic_store(&l->stop, true);
	snug__loop_wake(l);
}

void snug__loop_at(struct snug__loop *l, uint64_t at_ns)
{
	struct itimerspec at = {0};

	at.it_value.tv_sec = (time_t)(at_ns / SNUG__NS_PER_S);
	at.it_value.tv_nsec = (long)(at_ns % SNUG__NS_PER_S);
	timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

unsigned snug__loop_wait(struct snug__loop *l)
{
	struct epoll_event ev[2 + SNUG__LOOP_FDS];
	eventfd_t count;
	unsigned came = 0;
	int n;

	do
		n = epoll_wait(l->epoll, ev, sizeof(ev) / sizeof(ev[0]), -1);
	while (n < 0 && errno == EINTR);
	for (int i = 0; i < n; i++)
		came |= ev[i].data.u32;
	/* Descriptors are told of when they become ready, so counters are read to be told anew. */
	if (came & SNUG__LOOP_WOKEN)
		eventfd_read(l->wake, &count);
	if (came & SNUG__LOOP_TIME)
		eventfd_read(l->timer, &count); /* timerfd_create(2): 8 bytes too */
	return atomic_load(&l->stop) ? 0 : came;
}

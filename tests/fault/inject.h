/* SPDX-License-Identifier: MIT */
/*
 * inject: makes the library's calls into libc fail on demand
 *
 * The linker puts a wrapper before each of them (-Wl,--wrap=NAME, see meson.build); calls libc makes to itself are not
 * seen.  Nothing fails until a test arms it.  One thread only.  What would confine this process for good, so that it could
 * test nothing more, is not made and succeeds: prctl, setrlimit, capset, seccomp, landlock_restrict_self.
 */
#ifndef INJECT_H
#define INJECT_H

#include <stdbool.h>
#include <stddef.h>

/* What can be made to fail. */
enum inject_fn {
	INJECT_NONE,
	INJECT_MALLOC,
	INJECT_CALLOC,
	INJECT_REALLOC,
	INJECT_MMAP,
	INJECT_OPEN,
	INJECT_IOCTL,
	INJECT_READ,
	INJECT_FSTAT,
	INJECT_TIMER_CREATE,
	INJECT_TIMER_SETTIME,
	INJECT_MUTEX_INIT,
	INJECT_OPENAT,
	INJECT_FSTATAT,
	INJECT_PWRITE,
	INJECT_FTRUNCATE,
	INJECT_FCHMOD,
	INJECT_FSYNC,
	INJECT_LINKAT,
	INJECT_RENAMEAT,
	INJECT_GETRANDOM,
	INJECT_PRCTL,
	INJECT_SETRLIMIT,
	INJECT_SYSCALL,
	INJECT_MEMFD,
	INJECT_EPOLL,
	INJECT_EPOLL_CTL,
	INJECT_EVENTFD,
	INJECT_TIMERFD,
	INJECT_THREAD,
	INJECT_FNS
};

#define INJECT_ANY_ARG (-1L)

/* The nth call (from 1 on) of any of them fails: an ioctl with err, each other with the errno that suits it. */
void inject_nth(unsigned nth, int err);

/* The nth call of fn fails with err. */
void inject_fn(enum inject_fn fn, unsigned nth, int err);

/* The nth ioctl of that request and argument fails with err, or where err is 0 is not made and gives result. */
void inject_ioctl(unsigned long request, long arg, unsigned nth, int err, int result);

/* The same for all such ioctls. */
void inject_ioctls(unsigned long request, long arg, int err, int result);

/* All syscall(2) calls of that number fail with err. */
void inject_syscalls(long nr, int err);

/* How many calls that would have confined this process were made. */
unsigned inject_confined(void);

/* Ends it, and says what was hit: INJECT_NONE, or the function, for an ioctl its request too. */
struct inject_hit {
	enum inject_fn fn;
	unsigned long request;
	unsigned count; /* calls that were failed */
	int err;
};
struct inject_hit inject_off(void);

const char *inject_name(enum inject_fn fn);

/* How many calls of fn were failed since the program began. */
unsigned inject_failed(enum inject_fn fn);

/* How many ioctls of a request were made since the last arming. */
unsigned inject_count(unsigned long request);

/* What the process holds. */
struct inject_holds {
	long blocks;    /* allocated and not freed by what is wrapped */
	long maps;      /* bytes mapped and not unmapped, likewise */
	long timers;    /* likewise */
	long mutexes;   /* likewise */
	unsigned lines; /* of /proc/self/maps, less heap and stacks; 0 under a sanitizer, which maps as it likes */
	unsigned fds;   /* open */
	unsigned long fd_set; /* which of the first 64 */
};
struct inject_holds inject_holds(void);

#endif

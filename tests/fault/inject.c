/* SPDX-License-Identifier: MIT */
#include "inject.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <sys/epoll.h>
#include <unistd.h>

#define LOG_MAX 4096

static struct {
	bool armed, every;
	enum inject_fn fn;     /* INJECT_NONE: any */
	unsigned long request; /* 0: any */
	long arg;
	unsigned nth, seen;
	int err, result;
	struct inject_hit hit;
	unsigned long log[LOG_MAX]; /* requests of the ioctls made */
	unsigned logged;
} plan;

static struct inject_holds held;
static unsigned failed[INJECT_FNS];
static unsigned confined;

static const struct {
	const char *name;
	int err; /* what it fails with when any call is to fail; 0: the test says */
} fns[] = {
    [INJECT_NONE] = {"nothing", 0},
    [INJECT_MALLOC] = {"malloc", ENOMEM},
    [INJECT_CALLOC] = {"calloc", ENOMEM},
    [INJECT_REALLOC] = {"realloc", ENOMEM},
    [INJECT_MMAP] = {"mmap", ENOMEM},
    [INJECT_OPEN] = {"open", EMFILE},
    [INJECT_IOCTL] = {"ioctl", 0},
    [INJECT_READ] = {"read", EIO},
    [INJECT_FSTAT] = {"fstat", EIO},
    [INJECT_TIMER_CREATE] = {"timer_create", EAGAIN},
    [INJECT_TIMER_SETTIME] = {"timer_settime", EINVAL},
    [INJECT_MUTEX_INIT] = {"pthread_mutex_init", ENOMEM},
    [INJECT_OPENAT] = {"openat", EMFILE},
    [INJECT_FSTATAT] = {"fstatat", EACCES},
    [INJECT_PWRITE] = {"pwrite", ENOSPC},
    [INJECT_FTRUNCATE] = {"ftruncate", EFBIG},
    [INJECT_FCHMOD] = {"fchmod", EPERM},
    [INJECT_FSYNC] = {"fsync", EIO},
    [INJECT_LINKAT] = {"linkat", EMLINK},
    [INJECT_RENAMEAT] = {"renameat", EACCES},
    [INJECT_GETRANDOM] = {"getrandom", ENOSYS},
    [INJECT_PRCTL] = {"prctl", EINVAL},
    [INJECT_SETRLIMIT] = {"setrlimit", EPERM},
    [INJECT_SYSCALL] = {"syscall", ENOSYS},
    [INJECT_MEMFD] = {"memfd_create", EMFILE},
    [INJECT_EPOLL] = {"epoll_create1", EMFILE},
    [INJECT_EPOLL_CTL] = {"epoll_ctl", ENOSPC},
    [INJECT_EVENTFD] = {"eventfd", EMFILE},
    [INJECT_TIMERFD] = {"timerfd_create", EMFILE},
    [INJECT_THREAD] = {"pthread_create", EAGAIN},
};

static void arm(enum inject_fn fn, unsigned nth, int err)
{
	memset(&plan, 0, sizeof(plan));
	plan.fn = fn;
	plan.nth = nth;
	plan.err = err;
	plan.arg = INJECT_ANY_ARG;
	plan.armed = true;
}

void inject_nth(unsigned nth, int err)
{
	arm(INJECT_NONE, nth, err);
}

void inject_fn(enum inject_fn fn, unsigned nth, int err)
{
	arm(fn, nth, err);
}

void inject_ioctl(unsigned long request, long arg, unsigned nth, int err, int result)
{
	arm(INJECT_IOCTL, nth, err);
	plan.request = request;
	plan.arg = arg;
	plan.result = result;
}

void inject_ioctls(unsigned long request, long arg, int err, int result)
{
	inject_ioctl(request, arg, 0, err, result);
	plan.every = true;
}

void inject_syscalls(long nr, int err)
{
	arm(INJECT_SYSCALL, 0, err);
	plan.request = (unsigned long)nr;
	plan.every = true;
}

unsigned inject_confined(void)
{
	return confined;
}

struct inject_hit inject_off(void)
{
	plan.armed = false;
	return plan.hit;
}

const char *inject_name(enum inject_fn fn)
{
	return fns[fn].name;
}

unsigned inject_failed(enum inject_fn fn)
{
	return failed[fn];
}

unsigned inject_count(unsigned long request)
{
	unsigned n = 0;

	for (unsigned i = 0; i < plan.logged; i++)
		n += plan.log[i] == request;
	return n;
}

/* Is this call to be kept from happening?  Then errno is set. */
static bool hits(enum inject_fn fn, unsigned long request, long arg)
{
	if (plan.armed && fn == INJECT_IOCTL && plan.logged < LOG_MAX)
		plan.log[plan.logged++] = request;
	if (!plan.armed || (plan.fn != INJECT_NONE && plan.fn != fn) || (plan.request && plan.request != request) ||
	    (plan.arg != INJECT_ANY_ARG && plan.arg != arg))
		return false;
	if (++plan.seen != plan.nth && !plan.every)
		return false;
	plan.hit.fn = fn;
	plan.hit.request = request;
	plan.hit.count++;
	failed[fn]++;
	plan.hit.err = plan.fn == INJECT_NONE && fns[fn].err ? fns[fn].err : plan.err;
	errno = plan.hit.err;
	return true;
}

static unsigned count_maps(void)
{
	unsigned n = 0;
#ifndef __SANITIZE_ADDRESS__
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		n += !strstr(line, "[heap]") && !strstr(line, "[stack");
	if (f)
		fclose(f);
#endif
	return n;
}

struct inject_holds inject_holds(void)
{
	struct inject_holds now = held;
	DIR *d = opendir("/proc/self/fd");
	const struct dirent *e;

	while (d && (e = readdir(d))) {
		int fd = atoi(e->d_name);

		if (e->d_name[0] == '.' || fd == dirfd(d))
			continue;
		now.fds++;
		if (fd < 64)
			now.fd_set |= 1ul << fd;
	}
	if (d)
		closedir(d);
	now.lines = count_maps();
	return now;
}

/*
 * The wrappers.  The linker sends each call of NAME to __wrap_NAME and calls of __real_NAME to libc.
 */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *p);
void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off);
int __real_munmap(void *at, size_t len);
int __real_open(const char *path, int flags, ...);
int __real_ioctl(int fd, unsigned long request, ...);
ssize_t __real_read(int fd, void *to, size_t len);
ssize_t __real_pread(int fd, void *to, size_t len, off_t at);
int __real_fstat(int fd, struct stat *st);
int __real_timer_create(clockid_t clock, struct sigevent *ev, timer_t *out);
int __real_timer_settime(timer_t t, int flags, const struct itimerspec *at, struct itimerspec *old);
int __real_timer_delete(timer_t t);
int __real_pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *a);
int __real_pthread_mutex_destroy(pthread_mutex_t *m);
int __real_openat(int dir, const char *path, int flags, ...);
int __real_fstatat(int dir, const char *path, struct stat *st, int flags);
ssize_t __real_pwrite(int fd, const void *from, size_t len, off_t at);
int __real_ftruncate(int fd, off_t len);
int __real_fchmod(int fd, mode_t mode);
int __real_fsync(int fd);
int __real_linkat(int from, const char *path, int to, const char *name, int flags);
int __real_renameat(int from, const char *path, int to, const char *name);
ssize_t __real_getrandom(void *to, size_t len, unsigned flags);
long __real_syscall(long nr, ...);
int __real_memfd_create(const char *name, unsigned flags);
int __real_epoll_create1(int flags);
int __real_epoll_ctl(int epoll, int op, int fd, struct epoll_event *ev);
int __real_eventfd(unsigned count, int flags);
int __real_timerfd_create(int clock, int flags);
int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *p);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off);
int __wrap_munmap(void *at, size_t len);
int __wrap_open(const char *path, int flags, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
ssize_t __wrap_read(int fd, void *to, size_t len);
ssize_t __wrap_pread(int fd, void *to, size_t len, off_t at);
int __wrap_fstat(int fd, struct stat *st);
int __wrap_timer_create(clockid_t clock, struct sigevent *ev, timer_t *out);
int __wrap_timer_settime(timer_t t, int flags, const struct itimerspec *at, struct itimerspec *old);
int __wrap_timer_delete(timer_t t);
int __wrap_pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *a);
int __wrap_pthread_mutex_destroy(pthread_mutex_t *m);
int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_fstatat(int dir, const char *path, struct stat *st, int flags);
ssize_t __wrap_pwrite(int fd, const void *from, size_t len, off_t at);
int __wrap_ftruncate(int fd, off_t len);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_fsync(int fd);
int __wrap_linkat(int from, const char *path, int to, const char *name, int flags);
int __wrap_renameat(int from, const char *path, int to, const char *name);
ssize_t __wrap_getrandom(void *to, size_t len, unsigned flags);
int __wrap_prctl(int what, ...);
int __wrap_setrlimit(__rlimit_resource_t which, const struct rlimit *lim);
long __wrap_syscall(long nr, ...);
int __wrap_memfd_create(const char *name, unsigned flags);
int __wrap_epoll_create1(int flags);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *ev);
int __wrap_eventfd(unsigned count, int flags);
int __wrap_timerfd_create(int clock, int flags);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg);

/* What these are called where off_t is asked to have 64 bits, which it has here anyway. */
#define ALIAS(name) __attribute__((alias(#name)))
void *__wrap_mmap64(void *at, size_t len, int prot, int flags, int fd, off_t off) ALIAS(__wrap_mmap);
int __wrap_open64(const char *path, int flags, ...) ALIAS(__wrap_open);
int __wrap_fstat64(int fd, struct stat *st) ALIAS(__wrap_fstat);
ssize_t __wrap_pread64(int fd, void *to, size_t len, off_t at) ALIAS(__wrap_pread);
int __wrap_openat64(int dir, const char *path, int flags, ...) ALIAS(__wrap_openat);
int __wrap_fstatat64(int dir, const char *path, struct stat *st, int flags) ALIAS(__wrap_fstatat);
ssize_t __wrap_pwrite64(int fd, const void *from, size_t len, off_t at) ALIAS(__wrap_pwrite);
int __wrap_ftruncate64(int fd, off_t len) ALIAS(__wrap_ftruncate);
int __wrap_setrlimit64(__rlimit_resource_t which, const struct rlimit *lim) ALIAS(__wrap_setrlimit);

void *__wrap_malloc(size_t size)
{
	void *p = hits(INJECT_MALLOC, 0, 0) ? NULL : __real_malloc(size);

	held.blocks += p != NULL;
	return p;
}

void *__wrap_calloc(size_t n, size_t size)
{
	void *p = hits(INJECT_CALLOC, 0, 0) ? NULL : __real_calloc(n, size);

	held.blocks += p != NULL;
	return p;
}

void *__wrap_realloc(void *old, size_t size)
{
	void *p = hits(INJECT_REALLOC, 0, 0) ? NULL : __real_realloc(old, size);

	held.blocks += p && !old;
	return p;
}

void __wrap_free(void *p)
{
	held.blocks -= p != NULL;
	__real_free(p);
}

void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	void *p = hits(INJECT_MMAP, 0, 0) ? MAP_FAILED : __real_mmap(at, len, prot, flags, fd, off);

	if (p != MAP_FAILED && !(flags & MAP_FIXED)) /* that takes the place of another */
		held.maps += (long)len;
	return p;
}

int __wrap_munmap(void *at, size_t len)
{
	int r = __real_munmap(at, len);

	if (r == 0)
		held.maps -= (long)len;
	return r;
}

int __wrap_open(const char *path, int flags, ...)
{
	va_list ap;
	int mode;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, int) : 0;
	va_end(ap);
	return hits(INJECT_OPEN, 0, 0) ? -1 : __real_open(path, flags, mode);
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (hits(INJECT_IOCTL, request, (long)arg))
		return plan.err ? -1 : plan.result;
	return __real_ioctl(fd, request, arg);
}

ssize_t __wrap_read(int fd, void *to, size_t len)
{
	return hits(INJECT_READ, 0, 0) ? -1 : __real_read(fd, to, len);
}

ssize_t __wrap_pread(int fd, void *to, size_t len, off_t at)
{
	return hits(INJECT_READ, 0, 0) ? -1 : __real_pread(fd, to, len, at);
}

int __wrap_fstat(int fd, struct stat *st)
{
	return hits(INJECT_FSTAT, 0, 0) ? -1 : __real_fstat(fd, st);
}

int __wrap_timer_create(clockid_t clock, struct sigevent *ev, timer_t *out)
{
	int r = hits(INJECT_TIMER_CREATE, 0, 0) ? -1 : __real_timer_create(clock, ev, out);

	held.timers += r == 0;
	return r;
}

int __wrap_timer_settime(timer_t t, int flags, const struct itimerspec *at, struct itimerspec *old)
{
	return hits(INJECT_TIMER_SETTIME, 0, 0) ? -1 : __real_timer_settime(t, flags, at, old);
}

int __wrap_timer_delete(timer_t t)
{
	int r = __real_timer_delete(t);

	held.timers -= r == 0;
	return r;
}

int __wrap_pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *a)
{
	int r = hits(INJECT_MUTEX_INIT, 0, 0) ? plan.hit.err : __real_pthread_mutex_init(m, a);

	held.mutexes += r == 0;
	return r;
}

ssize_t __wrap_getrandom(void *to, size_t len, unsigned flags)
{
	return hits(INJECT_GETRANDOM, 0, 0) ? -1 : __real_getrandom(to, len, flags);
}

int __wrap_pthread_mutex_destroy(pthread_mutex_t *m)
{
	int r = __real_pthread_mutex_destroy(m);

	held.mutexes -= r == 0;
	return r;
}

int __wrap_openat(int dir, const char *path, int flags, ...)
{
	va_list ap;
	int mode;

	va_start(ap, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, int) : 0;
	va_end(ap);
	return hits(INJECT_OPENAT, 0, 0) ? -1 : __real_openat(dir, path, flags, mode);
}

int __wrap_fstatat(int dir, const char *path, struct stat *st, int flags)
{
	return hits(INJECT_FSTATAT, 0, 0) ? -1 : __real_fstatat(dir, path, st, flags);
}

ssize_t __wrap_pwrite(int fd, const void *from, size_t len, off_t at)
{
	return hits(INJECT_PWRITE, 0, 0) ? -1 : __real_pwrite(fd, from, len, at);
}

int __wrap_ftruncate(int fd, off_t len)
{
	return hits(INJECT_FTRUNCATE, 0, 0) ? -1 : __real_ftruncate(fd, len);
}

int __wrap_fchmod(int fd, mode_t mode)
{
	return hits(INJECT_FCHMOD, 0, 0) ? -1 : __real_fchmod(fd, mode);
}

int __wrap_fsync(int fd)
{
	return hits(INJECT_FSYNC, 0, 0) ? -1 : __real_fsync(fd);
}

int __wrap_linkat(int from, const char *path, int to, const char *name, int flags)
{
	return hits(INJECT_LINKAT, 0, 0) ? -1 : __real_linkat(from, path, to, name, flags);
}

int __wrap_renameat(int from, const char *path, int to, const char *name)
{
	return hits(INJECT_RENAMEAT, 0, 0) ? -1 : __real_renameat(from, path, to, name);
}

int __wrap_prctl(int what, ...)
{
	(void)what;
	confined++;
	return hits(INJECT_PRCTL, 0, 0) ? -1 : 0;
}

int __wrap_setrlimit(__rlimit_resource_t which, const struct rlimit *lim)
{
	(void)which, (void)lim;
	confined++;
	return hits(INJECT_SETRLIMIT, 0, 0) ? -1 : 0;
}

static bool confines(long nr, long first)
{
	return nr == SYS_capset || nr == SYS_landlock_restrict_self || (nr == SYS_seccomp && first == 1);
}

/* Six arguments are read, as syscall(2) itself does, though fewer may have been passed: no matter for what is unused. */
__attribute__((no_sanitize("address"))) long __wrap_syscall(long nr, ...)
{
	long a[6];
	va_list ap;

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (hits(INJECT_SYSCALL, (unsigned long)nr, 0))
		return -1;
	confined += confines(nr, a[0]);
	return confines(nr, a[0]) ? 0 : __real_syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int __wrap_memfd_create(const char *name, unsigned flags)
{
	return hits(INJECT_MEMFD, 0, 0) ? -1 : __real_memfd_create(name, flags);
}

int __wrap_epoll_create1(int flags)
{
	return hits(INJECT_EPOLL, 0, 0) ? -1 : __real_epoll_create1(flags);
}

int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *ev)
{
	return hits(INJECT_EPOLL_CTL, 0, 0) ? -1 : __real_epoll_ctl(epoll, op, fd, ev);
}

int __wrap_eventfd(unsigned count, int flags)
{
	return hits(INJECT_EVENTFD, 0, 0) ? -1 : __real_eventfd(count, flags);
}

int __wrap_timerfd_create(int clock, int flags)
{
	return hits(INJECT_TIMERFD, 0, 0) ? -1 : __real_timerfd_create(clock, flags);
}

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg)
{
	return hits(INJECT_THREAD, 0, 0) ? plan.hit.err : __real_pthread_create(t, a, run, arg);
}

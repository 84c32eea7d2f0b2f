/* SPDX-License-Identifier: MIT */
/*
 * fork: a process for each request.  The server outlives crashes and loops, and each request finds memory as it was at
 * the start; but the child has a copy of all the server knows, and every system call.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

#include "mode.h"
#include "page.h"

static unsigned timeout_ms;

static int start(const struct options *o)
{
	timeout_ms = o->timeout_ms;
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void write_all(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno != EINTR)
			_exit(1);
		at += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
}

/* Other threads may hold any lock at the time of fork: from here on only what is async-signal-safe. */
static void child(int fd, const char *request, size_t len, struct answer *a)
{
	int64_t result;

	/* Clients' sockets are not the child's, nor are pipes of its siblings, whose end would not be seen. */
	if (dup2(fd, 3) < 0 || close_range(4, ~0u, 0) < 0)
		_exit(1);
	result = handle(request, len, a->text, a->max);
	write_all(3, &result, sizeof(result));
	if (result > 0 && (uint64_t)result <= a->max)
		write_all(3, a->text, (size_t)result);
	_exit(0);
}

/* 1: all bytes came, 0: the end came first, -1: the time was up. */
static int read_all(int fd, void *bytes, size_t len, int64_t deadline)
{
	char *at = bytes;

	while (len) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = deadline - now_ms();
		int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
		ssize_t n;

		if (ready == 0)
			return -1;
		if (ready < 0)
			continue;
		n = read(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		at += n;
		len -= (size_t)n;
	}
	return 1;
}

static int read_answer(int fd, struct answer *a, int64_t *result)
{
	int64_t deadline = now_ms() + timeout_ms;
	int r = read_all(fd, result, sizeof(*result), deadline);

	if (r > 0 && *result > 0 && (uint64_t)*result <= a->max)
		r = read_all(fd, a->text, (size_t)*result, deadline);
	return r;
}

static void call(const char *request, size_t len, struct answer *a)
{
	int ends[2], status = 0, r;
	int64_t result = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		answer_say(a, 503, "pipe: %s", strerrordesc_np(errno));
		return;
	}
	pid = fork();
	if (pid == 0)
		child(ends[1], request, len, a);
	close(ends[1]);
	if (pid < 0) {
		answer_say(a, 503, "fork: %s", strerrordesc_np(errno));
		close(ends[0]);
		return;
	}
	r = read_answer(ends[0], a, &result);
	close(ends[0]);
	/* Always: one that has answered may still do as it likes.  One that died already keeps its status. */
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r > 0)
		answer_take(a, result);
	else if (r < 0)
		answer_say(a, 504, "the function took more than %u ms", timeout_ms);
	else
		answer_say(a, 500, "the function crashed: %s",
		           WIFSIGNALED(status) ? sigdescr_np(WTERMSIG(status)) : "it ended without an answer");
}

static void stop(void)
{
}

const struct mode mode_fork = {"fork", start, call, stop};

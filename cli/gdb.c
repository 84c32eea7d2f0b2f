/* SPDX-License-Identifier: MIT */
/* gdb: --gdb: a socket, and the loop that serves it */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli.h"
#include "gdb.h"

#define MS 1000000ull
#define SLICE (10 * MS) /* how long the guest runs before the socket is looked at again */
#define PARTING 1000    /* milliseconds for the last words */

static int sock_failed(const char *where, struct snug_error *e)
{
	int err = errno;

	return cli_err(e, -err, err == EADDRINUSE ? "somebody else listens there: name another place" : NULL,
	               "--gdb %.200s: %s", where, strerror(err));
}

static int listen_tcp(struct cli_gdb *g, const char *where, const char *port, struct snug_error *e)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	char *end;
	unsigned long n = strtoul(port, &end, 10);
	int one = 1;

	if (*port < '0' || *port > '9' || *end || n > 65535)
		return cli_err(e, -EINVAL, "0 takes a free port",
		               "--gdb %.200s: the port is no number from 0 to 65535", where);
	a.sin_port = htons((uint16_t)n);
	g->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (g->listener < 0 || setsockopt(g->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
	    setsockopt(g->listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 || /* accepted ones have it too */
	    bind(g->listener, (struct sockaddr *)&a, len) < 0 || listen(g->listener, 1) < 0 ||
	    getsockname(g->listener, (struct sockaddr *)&a, &len) < 0)
		return sock_failed(where, e);
	cli_say("waiting for gdb: target remote 127.0.0.1:%u", ntohs(a.sin_port));
	return 0;
}

/* A socket that was left behind by one who is gone.  One who lives may take his time: his queue is not waited for. */
static bool is_stale(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;
	bool stale = fd >= 0 && stat(a->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	             connect(fd, (const struct sockaddr *)a, sizeof *a) < 0 && errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	errno = EADDRINUSE; /* what it is, if it is not stale */
	return stale;
}

static int listen_unix(struct cli_gdb *g, const char *where, const char *path, struct snug_error *e)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	mode_t mask;
	int r;

	if (!*path || strlen(path) >= sizeof a.sun_path)
		return cli_err(e, -EINVAL, NULL, "--gdb %.200s: the path is empty or longer than %zu bytes", where,
		               sizeof a.sun_path - 1);
	memcpy(a.sun_path, path, strlen(path) + 1);
	g->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (g->listener < 0)
		return sock_failed(where, e);
	mask = umask(0177); /* who may debug a guest may do anything to it: the user alone */
	r = bind(g->listener, (struct sockaddr *)&a, sizeof a);
	if (r < 0 && errno == EADDRINUSE && is_stale(&a) && unlink(path) == 0)
		r = bind(g->listener, (struct sockaddr *)&a, sizeof a);
	umask(mask);
	if (r < 0)
		return sock_failed(where, e);
	g->path = path;
	if (listen(g->listener, 1) < 0)
		return sock_failed(where, e);
	cli_say("waiting for gdb: target remote %s", path);
	return 0;
}

int cli_gdb_open(struct cli_gdb *g, const char *where, struct snug_error *e)
{
	int r;

	*g = (struct cli_gdb){.listener = -1, .peer = -1};
	if (!strncmp(where, "tcp:", 4))
		r = listen_tcp(g, where, where + 4, e);
	else if (!strncmp(where, "unix:", 5))
		r = listen_unix(g, where, where + 5, e);
	else
		r = cli_err(e, -EINVAL, "it takes tcp:PORT or unix:PATH", "--gdb: '%.200s' is neither", where);
	if (r < 0)
		cli_gdb_close(g);
	return r;
}

void cli_gdb_end(struct cli_gdb *g)
{
	snug_gdb_free(g->session);
	g->session = NULL;
	if (g->peer >= 0)
		close(g->peer);
	g->peer = -1;
	g->in_len = g->out_len = 0;
	g->detached = false;
}

void cli_gdb_close(struct cli_gdb *g)
{
	cli_gdb_end(g);
	if (g->listener >= 0)
		close(g->listener);
	g->listener = -1;
	if (g->path)
		unlink(g->path);
	g->path = NULL;
}

/* Somebody may be at the door: the guest stands for him. */
static int greet(struct cli_gdb *g, snug_vm *vm, struct snug_error *e)
{
	g->peer = accept4(g->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (g->peer < 0)
		return 0;
	return snug_gdb_new(vm, 1, &g->session, e);
}

/* Sends what there is, as far as it goes now.  False: the peer is gone. */
static bool flush_out(struct cli_gdb *g)
{
	for (;;) {
		ssize_t n;

		g->out_len += snug_gdb_output(g->session, g->out + g->out_len, sizeof g->out - g->out_len);
		if (!g->out_len)
			return true;
		n = write(g->peer, g->out, g->out_len);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		g->out_len -= (size_t)n;
		memmove(g->out, g->out + n, g->out_len);
	}
}

/* Hands on what came.  False: the peer is gone. */
static bool listen_to(struct cli_gdb *g)
{
	ssize_t n = sizeof g->in - g->in_len ? read(g->peer, g->in + g->in_len, sizeof g->in - g->in_len) : -1;
	size_t taken;

	if (n == 0 || (n < 0 && g->in_len < sizeof g->in && errno != EAGAIN && errno != EINTR))
		return false;
	if (n > 0)
		g->detached = false; /* it speaks: a debugger */
	g->in_len += n > 0 ? (size_t)n : 0;
	taken = snug_gdb_input(g->session, g->in, g->in_len);
	g->in_len -= taken;
	memmove(g->in, g->in + taken, g->in_len);
	return true;
}

static void say_goodbye(struct cli_gdb *g)
{
	struct pollfd p = {.fd = g->peer, .events = POLLOUT};
	uint64_t until = cli_now() + PARTING * MS;

	while (flush_out(g) && g->out_len && cli_now() < until && cli_poll(&p, PARTING) > 0)
		;
	snug_gdb_free(g->session);
	g->session = NULL;
	close(g->peer);
	g->peer = -1;
	g->in_len = g->out_len = 0;
}

/* Waits for the debugger or at the door, at most until the deadline. */
static void wait_for(const struct cli_gdb *g, uint64_t deadline)
{
	struct pollfd p = {.fd = g->peer >= 0 ? g->peer : g->listener, .events = POLLIN};
	uint64_t now = cli_now(), ms = deadline > now ? (deadline - now) / MS + 1 : 0;

	if (g->peer >= 0 && g->in_len && !g->out_len)
		return; /* there is more to hand on */
	if (g->out_len)
		p.events = g->in_len < sizeof g->in ? POLLIN | POLLOUT : POLLOUT;
	cli_poll(&p, !deadline ? -1 : ms < 1000000 ? (int)ms : 1000000);
}

/* The guest stands until a debugger comes back, but for one who only knocked: a detached guest runs on. */
static void gone(struct cli_gdb *g)
{
	bool detached = g->detached;

	if (!detached)
		cli_say("gdb went away: the guest stands until one comes back");
	cli_gdb_end(g);
	g->detached = detached;
}

/* One go with a debugger.  1: *x is for the caller, 0: go on. */
static int serve(struct cli_gdb *g, uint64_t deadline, uint64_t ns, struct snug_exit *x, struct snug_error *e)
{
	int state;

	if (!listen_to(g) || !flush_out(g)) {
		gone(g);
		return 0;
	}
	state = snug_gdb_run(g->session, ns < SLICE ? ns : SLICE, x, e);
	if (state < 0)
		return state;
	flush_out(g);
	switch ((enum snug_gdb_state)state) {
	case SNUG_GDB_WAIT:
		wait_for(g, deadline);
		return 0;
	case SNUG_GDB_RUN:
		if (x->kind == SNUG_EXIT_HLT)
			wait_for(g, deadline);
		return x->kind != SNUG_EXIT_HLT && x->kind != SNUG_EXIT_TIMEOUT;
	case SNUG_GDB_DETACHED:
		say_goodbye(g);
		g->detached = true;
		return 0;
	case SNUG_GDB_KILLED:
		say_goodbye(g);
		return cli_err(e, -ECANCELED, NULL, "gdb killed the guest");
	case SNUG_GDB_ENDED:
		say_goodbye(g);
		return 1;
	}
	return 0;
}

/* Halted with interrupts on: a debugger may still come. */
static bool waits(const struct snug_exit *x)
{
	return x->kind == SNUG_EXIT_HLT && x->hlt.interrupts;
}

/* A PC's vCPUs have threads of their own. */
static int run_detached(snug_vm *vm, uint64_t ns, struct snug_exit *x, struct snug_error *e)
{
	int r = snug_vm_devices(vm) & SNUG_DEV_PC ? snug_resume(vm, e) : -ESRCH;

	if (r == -ESRCH)
		return snug_vcpu_run(snug_vm_vcpu(vm, 0), ns, x, e);
	return r < 0 ? r : snug_wait(vm, ns, x, e);
}

int cli_gdb_run(struct cli_gdb *g, snug_vm *vm, uint64_t timeout_ns, struct snug_exit *x, struct snug_error *e)
{
	uint64_t now = cli_now();
	uint64_t deadline = !timeout_ns ? 0 : timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;
	int r = 0;

	while (r == 0) {
		uint64_t left = deadline ? deadline - now : UINT64_MAX;

		if (deadline && now >= deadline) {
			x->kind = SNUG_EXIT_TIMEOUT;
			return 0;
		}
		if (g->peer >= 0) {
			r = serve(g, deadline, left, x, e);
		} else if (g->detached) {
			r = run_detached(vm, left < SLICE ? left : SLICE, x, e);
			if (r < 0 || (x->kind != SNUG_EXIT_TIMEOUT && !waits(x)))
				return r;
			if (waits(x))
				wait_for(g, deadline);
			r = greet(g, vm, e);
		} else {
			wait_for(g, deadline);
			r = greet(g, vm, e);
		}
		now = cli_now();
	}
	return r < 0 ? r : 0;
}

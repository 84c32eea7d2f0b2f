/* SPDX-License-Identifier: MIT */
#include "keeper.h"
#include "tty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "inherited.h"

struct request {
	uint32_t op, which;
};

struct reply {
	int32_t err;
};

/* Room for one descriptor beside a message. */
union beside {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int cli_keeper_ask(int sock, enum cli_keeper_op op, unsigned which, int *fd)
{
	struct request q = {op, which};
	struct reply a;
	union beside b;
	struct iovec v = {&a, sizeof a};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &b, .msg_controllen = sizeof b};
	const struct cmsghdr *c;
	ssize_t n;

	if (write(sock, &q, sizeof q) != (ssize_t)sizeof q)
		return -errno;
	while ((n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
		;
	if (n != (ssize_t)sizeof a)
		return n < 0 ? -errno : -EPIPE;
	c = CMSG_FIRSTHDR(&m);
	if (fd && c && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof *fd);
	return a.err;
}

int cli_keeper_open(struct cli_keeper *k, const struct cli_args *args)
{
	int pair[2];

	*k = (struct cli_keeper){.saves = args->save != NULL, .net = -1};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	k->sock = pair[0];
	k->theirs = pair[1];
	for (unsigned i = 0; i < CLI_FILES; i++) {
		cli_file_init(&k->files[i], i, args);
		if (k->files[i].fresh)
			cli_file_dir(&k->files[i]);
	}
	k->socket.dir = -1;
	if (args->gdb && !strncmp(args->gdb, "unix:", 5)) {
		cli_file_set(&k->socket, CLI_FILE_JSON, args->gdb + 5);
		cli_file_dir(&k->socket);
	}
	return 0;
}

static void close_dirs(struct cli_keeper *k)
{
	for (unsigned i = 0; i < CLI_FILES; i++)
		if (k->files[i].dir >= 0)
			close(k->files[i].dir);
	if (k->socket.dir >= 0)
		close(k->socket.dir);
}

void cli_keeper_forget(struct cli_keeper *k)
{
	close_dirs(k);
	close(k->sock);
}

/* What it does for a request; the descriptor to hand over, or a negative errno, or 0. */
static int serve(struct cli_keeper *k, const struct request *q)
{
	struct cli_file *f = &k->files[q->which];
	int r;

	if (q->op == CLI_KEEPER_SOCKET) {
		k->has_socket = k->socket.dir >= 0;
		return 0;
	}
	if (q->op == CLI_KEEPER_NET)
		return k->net;
	if (f->dir < 0)
		return -ENOENT;
	switch (q->op) {
	case CLI_KEEPER_CHECK:
		return faccessat(f->dir, ".", W_OK | X_OK, AT_EACCESS) < 0 ? -errno : 0;
	case CLI_KEEPER_OPEN:
		cli_file_drop(f);
		r = cli_file_make(f);
		return r < 0 ? r : f->fd;
	case CLI_KEEPER_FINISH:
		r = f->fd < 0 ? -EBADF : cli_file_finish(f);
		cli_file_drop(f);
		return r;
	case CLI_KEEPER_DROP:
		cli_file_drop(f);
		return 0;
	}
	return -EINVAL;
}

/* It never waits for the child: who asks and does not listen, or asks for what is none, was taken over. */
enum answer { ANSWERED, HUNG_UP, MADNESS };

static enum answer answer(struct cli_keeper *k)
{
	struct request q;
	struct reply a = {0};
	union beside b = {.bytes = {0}};
	struct iovec in = {&q, sizeof q}, out = {&a, sizeof a};
	struct msghdr m = {.msg_iov = &in, .msg_iovlen = 1};
	struct msghdr reply = {.msg_iov = &out, .msg_iovlen = 1};
	ssize_t n = recvmsg(k->sock, &m, MSG_CMSG_CLOEXEC);
	int r;

	if (n <= 0)
		return HUNG_UP;
	if (n != (ssize_t)sizeof q || q.which >= CLI_FILES)
		return MADNESS;
	r = serve(k, &q);
	a.err = r < 0 ? r : 0;
	if ((q.op == CLI_KEEPER_OPEN || q.op == CLI_KEEPER_NET) && r >= 0) {
		b.head.cmsg_level = SOL_SOCKET;
		b.head.cmsg_type = SCM_RIGHTS;
		b.head.cmsg_len = CMSG_LEN(sizeof r);
		memcpy(CMSG_DATA(&b.head), &r, sizeof r);
		reply.msg_control = &b;
		reply.msg_controllen = sizeof b;
	}
	return sendmsg(k->sock, &reply, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof a ? ANSWERED : MADNESS;
}

/* Signals: the user knows this process, and means the guest. */
static volatile sig_atomic_t end_by;
static volatile pid_t child_pid;

static void on_end(int number)
{
	end_by = number;
}

static void on_save(int number)
{
	kill(child_pid, number);
}

/* It is enough that it comes: it ends the wait. */
static void on_child(int number)
{
	(void)number;
}

/* The child is the first process of its namespace: it would not stop for this signal of its own accord. */
static void on_stop(int number)
{
	int e = errno;

	(void)number;
	kill(child_pid, SIGSTOP);
	kill(getpid(), SIGSTOP);
	kill(child_pid, SIGCONT);
	errno = e;
}

static const struct {
	int number;
	void (*handler)(int);
} signals[] = {{SIGINT, on_end},   {SIGTERM, on_end},  {SIGHUP, on_end},   {SIGQUIT, on_end},  {SIGTSTP, on_stop},
               {SIGTTIN, on_stop}, {SIGTTOU, on_stop}, {SIGUSR1, on_save}, {SIGCHLD, on_child}};

enum { SIGNALS = sizeof signals / sizeof *signals };

void cli_keeper_block(sigset_t *old)
{
	sigset_t mine;

	sigemptyset(&mine);
	for (unsigned i = 0; i < SIGNALS; i++)
		sigaddset(&mine, signals[i].number);
	sigprocmask(SIG_BLOCK, &mine, old);
	signal(SIGCHLD, SIG_DFL); /* who starts snug may ignore it, and then a child's status is lost */
}

/* What the user had ignored stays so; without --save SIGUSR1 ends it, as it ends any program. */
static void take_signals(bool saves)
{
	struct sigaction act, was;

	memset(&act, 0, sizeof act);
	sigemptyset(&act.sa_mask);
	for (unsigned i = 0; i < SIGNALS; i++) {
		act.sa_handler = signals[i].number == SIGUSR1 && !saves ? on_end : signals[i].handler;
		if (signals[i].number != SIGCHLD && sigaction(signals[i].number, NULL, &was) == 0 &&
		    was.sa_handler == SIG_IGN)
			continue;
		sigaction(signals[i].number, &act, NULL);
	}
}

/* It takes longer than anything else of the sandbox, so it is made beside the VM, by the process that has nothing to do. */
static int new_net(void)
{
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int confine(const struct cli_keeper *k, pid_t child, struct snug_error *e)
{
	int dirs[CLI_FILES + 1];
	struct snug_sandbox how = {.size = sizeof how,
	                           .parts = SNUG_SANDBOX_PROCESS | SNUG_SANDBOX_THREAD,
	                           .kind = SNUG_SANDBOX_FILES,
	                           .dirs = dirs,
	                           .child = child};

	for (unsigned i = 0; i < CLI_FILES; i++)
		if (k->files[i].dir >= 0)
			dirs[how.dir_count++] = k->files[i].dir;
	if (k->socket.dir >= 0)
		dirs[how.dir_count++] = k->socket.dir;
	return snug_sandbox(&how, NULL, e);
}

static void clean_up(struct cli_keeper *k)
{
	for (unsigned i = 0; i < CLI_FILES; i++)
		cli_file_drop(&k->files[i]);
	if (k->has_socket)
		unlinkat(k->socket.dir, k->socket.name, 0);
	close_dirs(k);
	close(k->sock);
	if (k->net >= 0)
		close(k->net);
}

static int told(int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (WTERMSIG(status) == SIGSYS)
		cli_say("the sandbox ended the run: a system call that is not in its table (dmesg names it); if no "
		        "guest did this, it is a bug of snug: report it, and use --sandbox off till then");
	else
		cli_say("the run was ended by signal %d (%s)", WTERMSIG(status), sigabbrev_np(WTERMSIG(status)));
	return CLI_FAILED;
}

static void die_by(int number)
{
	sigset_t set;

	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	kill(getpid(), number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* One round: waits for a request, a signal or the child's end. */
static void wait_and_answer(struct cli_keeper *k, struct pollfd *p, pid_t child, const sigset_t *mask)
{
	enum answer a;

	if (ppoll(p, 1, NULL, mask) <= 0)
		return;
	a = p->revents & POLLIN ? answer(k) : HUNG_UP;
	if (a == MADNESS) {
		cli_say("the process of the guest asked for what nobody asks for: it was taken over, and is ended");
		kill(child, SIGKILL);
	}
	if (a != ANSWERED)
		p->fd = -1; /* which ppoll leaves out */
}

int cli_keeper_serve(struct cli_keeper *k, pid_t child, const sigset_t *old)
{
	struct pollfd p = {.fd = k->sock, .events = POLLIN};
	sigset_t mask = *old;
	struct snug_error e;
	int status = 0;
	pid_t gone = 0;

	sigdelset(&mask, SIGCHLD); /* it may have come blocked */
	child_pid = child;
	close(k->theirs);
	take_signals(k->saves);
	cli_close_inherited();
	k->net = new_net();
	if (confine(k, child, &e) < 0) {
		cli_say_error(&e);
		kill(child, SIGKILL);
	}
	while (!end_by && (gone = waitpid(child, &status, WNOHANG)) == 0)
		wait_and_answer(k, &p, child, &mask);
	if (end_by) {
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
	}
	clean_up(k);
	cli_tty_restore();
	if (end_by)
		die_by(end_by);
	return gone < 0 ? CLI_FAILED : told(status);
}

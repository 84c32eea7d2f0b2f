/* SPDX-License-Identifier: MIT */
/*
 * snug-init: process 1 of `snug run --exec`
 *
 * When all is ready it makes the mark "ready", at which the machine can be saved.  Then it runs the host's command, or where
 * the host has none the one in /snug-cmd, by /bin/sh, with /dev/null as stdin, hands what comes out of its stdout and stderr to the
 * host, byte for byte and apart, and ends the machine with the command's status: as a shell has it, 128 and the signal's
 * number for one that a signal ended.  What the command left running in the background ends with it: of its output, what was
 * there when the command ended is handed over.
 *
 * It needs no library: system calls alone, and linked below 4 GiB, where the host looks for its calls (snug/guest.h).
 */
#include <stdint.h>

#include <asm/unistd_64.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/poll.h>
#include <linux/signal.h>
#include <linux/wait.h>

#include <snug/guest.h>

#define ROOM 65536 /* what a pipe holds */
#define COMMAND_MAX (1 << 20)
#define SNUG_FAILED 125

typedef long word;

static char buffer[ROOM] __attribute__((aligned(4096)));
static char command[COMMAND_MAX + 1];
static struct snug_host_block block;

static word call(word n, word a, word b, word c, word d, word e)
{
	register word r10 __asm__("r10") = d, r8 __asm__("r8") = e;
	word r;

	__asm__ volatile("syscall"
	                 : "=a"(r)
	                 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
	                 : "rcx", "r11", "memory");
	return r;
}

#define CALL1(n, a) call(__NR_##n, (word)(a), 0, 0, 0, 0)
#define CALL2(n, a, b) call(__NR_##n, (word)(a), (word)(b), 0, 0, 0)
#define CALL3(n, a, b, c) call(__NR_##n, (word)(a), (word)(b), (word)(c), 0, 0)
#define CALL4(n, a, b, c, d) call(__NR_##n, (word)(a), (word)(b), (word)(c), (word)(d), 0)
#define CALL5(n, a, b, c, d, e) call(__NR_##n, (word)(a), (word)(b), (word)(c), (word)(d), (word)(e))

/* The compiler may ask for these. */
void *memset(void *to, int byte, unsigned long n)
{
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(byte) : "memory");
	return to;
}

static unsigned long length(const char *s)
{
	unsigned long n = 0;

	while (s[n])
		n++;
	return n;
}

/* To the kernel's console: the host shows it with --verbose. */
static void say(const char *what)
{
	CALL3(write, 2, "snug-init: ", 11);
	CALL3(write, 2, what, length(what));
	CALL3(write, 2, "\n", 1);
}

static __attribute__((noreturn)) void end(int status)
{
	snug_exit(status);
}

static word host(const char *name, const char *bytes, word n)
{
	block.name = (uint64_t)(uintptr_t)name;
	block.args[0] = (uint64_t)(uintptr_t)bytes;
	block.args[1] = (uint64_t)n;
	block.result = (uint64_t)-SNUG_ENOSYS;
	snug_out32(SNUG_PORT_HOST, (uint32_t)(uintptr_t)&block);
	return (word)block.result;
}

static void give(const char *to, const char *bytes, word n)
{
	if (host(to, bytes, n)) {
		say("the host did not take the output");
		end(SNUG_FAILED);
	}
}

static void mounts(void)
{
	static const struct {
		const char *what, *where;
	} table[] = {{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}};

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		CALL2(mkdir, table[i].where, 0755);
		CALL5(mount, table[i].what, table[i].where, table[i].what, 0, 0);
	}
}

/* Pages that were never touched are nowhere yet, and the host does not bring them about. */
static word ask_command(void)
{
	word n = host("exec-size", 0, 0);

	if (n <= 0 || n > COMMAND_MAX)
		return 0;
	memset(command, ' ', (unsigned long)n);
	if (host("exec-command", command, n))
		return 0;
	command[n] = 0;
	return n;
}

static word read_command(void)
{
	word fd = CALL2(open, "/snug-cmd", O_RDONLY | O_CLOEXEC), n, at = 0;

	if (fd < 0)
		return fd;
	do {
		n = CALL3(read, fd, command + at, COMMAND_MAX - at);
		at += n > 0 ? n : 0;
	} while (n > 0);
	command[at] = 0;
	CALL1(close, fd);
	return n < 0 ? n : at;
}

/* The child: never comes back. */
static void run(const int out[2], const int err[2])
{
	static const char *const argv[] = {"/bin/sh", "-c", command, 0};
	static const char *const envp[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	                                   "HOME=/", "TERM=linux", 0};
	word null = CALL2(open, "/dev/null", O_RDWR), r;

	CALL1(setsid, 0);
	CALL2(dup2, null, 0);
	CALL2(dup2, out[1], 1);
	CALL2(dup2, err[1], 2);
	CALL1(close, null);
	r = CALL3(execve, argv[0], argv, envp);
	say("/bin/sh cannot be run: is it in the initrd?");
	CALL1(exit, r == -ENOENT ? 127 : 126);
}

/* What is there now; 0: nothing, or its end. */
static word drain(int fd, const char *to)
{
	word n = CALL3(read, fd, buffer, ROOM);

	if (n > 0)
		give(to, buffer, n);
	return n > 0 ? n : 0;
}

/* SIGCHLD stays blocked, and comes by a descriptor that is waited for with the pipes. */
static int shell_ended(word shell, int *status)
{
	int s;
	word pid, done = 0;

	while ((pid = CALL4(wait4, -1, &s, WNOHANG, 0)) > 0) {
		if (pid != shell)
			continue;
		*status = s;
		done = 1;
	}
	return (int)done;
}

static int watch(word shell, int out, int err, int signals)
{
	struct pollfd fds[3] = {{out, POLLIN, 0}, {err, POLLIN, 0}, {signals, POLLIN, 0}};
	static char info[128 * 8]; /* struct signalfd_siginfo */
	int status = 0, ended = 0;

	while (!ended) {
		if (CALL3(poll, fds, 3, -1) < 0)
			continue;
		if (fds[2].revents) {
			CALL3(read, signals, info, sizeof(info));
			ended = shell_ended(shell, &status);
		}
		if (fds[0].revents && !drain(out, "exec-out"))
			fds[0].fd = -1;
		if (fds[1].revents && !drain(err, "exec-err"))
			fds[1].fd = -1;
	}
	while (drain(out, "exec-out"))
		;
	while (drain(err, "exec-err"))
		;
	return status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff;
}

__attribute__((used)) void start(void)
{
	uint64_t chld = 1ull << (SIGCHLD - 1);
	int out[2], err[2];
	word shell, signals;

	/* Without the ports nothing can be told: the kernel panics when this process ends. */
	if (CALL3(ioperm, SNUG_PORT_EXIT, 16, 1) < 0) {
		say("no right to the host's ports: the kernel needs CONFIG_X86_IOPL_IOPERM");
		CALL1(exit, SNUG_FAILED);
	}
	mounts();
	snug_mark("ready");
	if (!ask_command() && read_command() < 0) {
		say("/snug-cmd cannot be read");
		end(SNUG_FAILED);
	}
	CALL4(rt_sigprocmask, SIG_BLOCK, &chld, 0, sizeof(chld));
	signals = CALL4(signalfd4, -1, &chld, sizeof(chld), O_NONBLOCK | O_CLOEXEC);
	if (signals < 0 || CALL2(pipe2, out, O_NONBLOCK | O_CLOEXEC) < 0 ||
	    CALL2(pipe2, err, O_NONBLOCK | O_CLOEXEC) < 0) {
		say("no pipes");
		end(SNUG_FAILED);
	}
	shell = CALL1(fork, 0);
	if (shell == 0) {
		/* Nobody expects a pipe of its own that does not wait, nor a blocked signal. */
		CALL3(fcntl, out[1], F_SETFL, 0);
		CALL3(fcntl, err[1], F_SETFL, 0);
		CALL4(rt_sigprocmask, SIG_UNBLOCK, &chld, 0, sizeof(chld));
		run(out, err);
	}
	CALL1(close, out[1]);
	CALL1(close, err[1]);
	end(shell < 0 ? SNUG_FAILED : watch(shell, out[0], err[0], (int)signals));
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall start\n\tud2\n");

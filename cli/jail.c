/* SPDX-License-Identifier: MIT */
#include "jail.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "inherited.h"
#include "keeper.h"
#include "outfile.h"
#include "tty.h"

struct cli_jail {
	pthread_t loader;
	bool loading;
	int keeper;
	bool pc;          /* the guest is a kernel */
	bool user, mount; /* in a user namespace; in a mount namespace of its own */
	bool owner_known; /* the image is the user's or root's; looked at before ids were mapped */
	char lacks[400];
};

static const struct {
	int flag;
	const char *name;
} spaces[] = {{CLONE_NEWNS, "mount"}, {CLONE_NEWPID, "pid"}, {CLONE_NEWIPC, "ipc"}, {CLONE_NEWUTS, "uts"}};

static void lack(char *lacks, size_t len, const char *what, const char *why)
{
	size_t used = strlen(lacks);

	snprintf(lacks + used, len - used, "%s%s (%s)", used ? ", " : "", what, why);
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return good;
}

/* Who may not make the others makes this one first; ids stay what they are (user_namespaces(7)). */
static bool own_user(void)
{
	unsigned uid = geteuid(), gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWUSER) < 0)
		return false;
	put("/proc/self/setgroups", "deny");
	snprintf(map, sizeof map, "%u %u 1", gid, gid);
	put("/proc/self/gid_map", map);
	snprintf(map, sizeof map, "%u %u 1", uid, uid);
	return put("/proc/self/uid_map", map);
}

/* The flags of those that could be had. */
static int unshare_all(bool *user, char *lacks, size_t len)
{
	int all = 0, got = 0;

	for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
		all |= spaces[i].flag;
	if (unshare(all) == 0)
		return all;
	*user = errno == EPERM && own_user();
	for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
		char what[32];

		if (unshare(spaces[i].flag) == 0) {
			got |= spaces[i].flag;
			continue;
		}
		snprintf(what, sizeof what, "%s namespace", spaces[i].name);
		lack(lacks, len, what, strerror(errno));
	}
	return got;
}

void cli_jail_namespaces(char *lacks, size_t len)
{
	int pipe_fd[2];
	bool user = false;
	pid_t child;
	ssize_t n;

	lacks[0] = 0;
	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return;
	child = fork();
	if (child == 0) {
		unshare_all(&user, lacks, len);
		if (unshare(CLONE_NEWNET) < 0)
			lack(lacks, len, "network namespace", strerror(errno));
		n = write(pipe_fd[1], lacks, strlen(lacks));
		_exit(n < 0);
	}
	close(pipe_fd[1]);
	n = child > 0 ? read(pipe_fd[0], lacks, len - 1) : 0;
	lacks[n > 0 ? n : 0] = 0;
	close(pipe_fd[0]);
	if (child > 0)
		waitpid(child, NULL, 0);
}

/* A mount namespace begins as a copy whose changes travel; this one's shall not. */
static void enter(struct cli_jail *j, const struct cli_args *args)
{
	struct stat st;

	j->owner_known = stat(args->image, &st) == 0 && (st.st_uid == 0 || st.st_uid == geteuid());
	j->mount = unshare_all(&j->user, j->lacks, sizeof j->lacks) & CLONE_NEWNS;
	if (j->mount && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		lack(j->lacks, sizeof j->lacks, "private mounts", strerror(errno));
		j->mount = false;
	}
}

static void *load(void *arg)
{
	struct snug_sandbox how = {.size = sizeof how, .parts = SNUG_SANDBOX_LOAD};

	(void)arg;
	snug_sandbox(&how, NULL, NULL);
	return NULL;
}

static int run_child(struct cli_args *args, struct cli_jail *j, struct cli_keeper *k, const sigset_t *mask,
                     int (*verb)(const struct cli_args *))
{
	char byte;

	cli_keeper_forget(k);
	/* A parent that went before this line is seen by its socket. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (recv(k->theirs, &byte, 1, MSG_DONTWAIT) == 0)
		return CLI_FAILED;
	sigprocmask(SIG_SETMASK, mask, NULL);
	j->keeper = k->theirs;
	args->jail = j;
	/* Beside the making of the VM; where there is no thread to be had, it is done later. */
	j->loading = pthread_create(&j->loader, NULL, load, NULL) == 0;
	return verb(args);
}

static int too_weak(const struct cli_jail *j, struct snug_error *e)
{
	return cli_err(e, -ENOTSUP, "--sandbox on goes on without it; 'snug check' lists the layers",
	               "--sandbox strict: not to be had here: %s", j->lacks);
}

static int refuse(const struct cli_jail *j)
{
	struct snug_error e;

	too_weak(j, &e);
	cli_say_error(&e);
	return CLI_FAILED;
}

static int no_sandbox(const char *what)
{
	struct snug_error e;

	cli_err(&e, -errno, errno == EMFILE ? "raise the limit: ulimit -n" : "--sandbox off goes on without",
	        "--sandbox: %s: %s", what, strerror(errno));
	cli_say_error(&e);
	return CLI_FAILED;
}

int cli_jail_run(struct cli_args *args, int (*verb)(const struct cli_args *))
{
	struct cli_jail jail = {.keeper = -1};
	struct cli_keeper keeper;
	sigset_t mask;
	pid_t child;

#ifdef SNUG_SANITIZED
	/* A sanitizer's runtime asks the kernel for what no filter lets pass: "on" is off. */
	if (args->sandbox == CLI_SANDBOX_STRICT) {
		lack(jail.lacks, sizeof jail.lacks, "all of it", "a build with sanitizers");
		return refuse(&jail);
	}
	args->sandbox = CLI_SANDBOX_OFF;
#endif
	if (args->sandbox == CLI_SANDBOX_OFF)
		return verb(args);
	if (cli_keeper_open(&keeper, args) < 0)
		return no_sandbox("socketpair");
	enter(&jail, args);
	if (args->sandbox == CLI_SANDBOX_STRICT && jail.lacks[0])
		return refuse(&jail);
	cli_keeper_block(&mask);
	cli_tty_keep();
	child = fork();
	if (child == 0)
		return run_child(args, &jail, &keeper, &mask, verb);
	return child < 0 ? no_sandbox("fork") : cli_keeper_serve(&keeper, child, &mask);
}

/* pivot_root(2), "pivot_root(".", ".")": the new root lies over the old one, which then goes. */
static void empty_root(struct cli_jail *j)
{
	static const char *const places[] = {"/proc", "/dev", "/tmp"};

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		if (mount("none", places[i], "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY,
		          "size=4k,mode=555") < 0)
			continue;
		if (chdir(places[i]) == 0 && syscall(SYS_pivot_root, ".", ".") == 0 &&
		    umount2(".", MNT_DETACH) == 0 && chdir("/") == 0)
			return;
		break;
	}
	lack(j->lacks, sizeof j->lacks, "empty root directory", strerror(errno));
}

static void loaded(struct cli_jail *j)
{
	if (j->loading)
		pthread_join(j->loader, NULL);
	else
		load(NULL);
	j->loading = false;
}

/* gdb's listening socket is of the one before. */
static void enter_net(struct cli_jail *j)
{
	int fd = -1, r = cli_keeper_ask(j->keeper, CLI_KEEPER_NET, 0, &fd);

	if (r == 0 && setns(fd, CLONE_NEWNET) < 0)
		r = -errno;
	if (fd >= 0)
		close(fd);
	if (r < 0)
		lack(j->lacks, sizeof j->lacks, "network namespace", strerror(-r));
}

static uint32_t uses(const struct cli_args *a)
{
	bool files = a->json || a->trace || a->report || a->core || a->save;

	return (files ? SNUG_USE_FILES : 0) | (a->save ? SNUG_USE_SAVE : 0) |
	       (a->reboot || a->repeat || a->calls ? SNUG_USE_STATE : 0) |
	       (a->stats || a->json || a->report || a->trace ? SNUG_USE_STATS : 0) | (a->gdb ? SNUG_USE_GDB : 0) |
	       (a->count ? SNUG_USE_THREADS : 0) | (a->jail && a->jail->pc ? SNUG_USE_PC : 0);
}

static int confine(const struct cli_args *a, uint32_t parts, uint64_t files, struct snug_error *e)
{
	struct snug_sandbox how = {.size = sizeof how,
	                           .parts = parts,
	                           .uses = uses(a),
	                           .strict = a->sandbox == CLI_SANDBOX_STRICT,
	                           .files = files};

	return snug_sandbox(&how, NULL, e);
}

/* Of all layers, so that it is told once; a thread's is seen to lack beforehand too. */
static void note_layers(struct cli_jail *j)
{
	struct snug_layer rows[8];
	int n = snug_sandbox_layers(rows, sizeof rows / sizeof *rows);

	for (int i = 0; i < n; i++)
		if (!rows[i].there)
			lack(j->lacks, sizeof j->lacks, rows[i].name, rows[i].what);
}

void cli_jail_pc(const struct cli_args *a)
{
	if (a->jail)
		a->jail->pc = true;
}

int cli_jail_process(const struct cli_args *a, uint64_t files, struct snug_error *e)
{
	struct cli_jail *j = a->jail;
	int r;

	if (!j)
		return 0;
	r = cli_out_through(j->keeper, a, e);
	if (r < 0)
		return r;
	loaded(j);
	cli_close_inherited();
	enter_net(j);
	if (j->mount)
		empty_root(j);
	note_layers(j);
	if (j->lacks[0] && a->sandbox == CLI_SANDBOX_STRICT)
		return too_weak(j, e);
	r = confine(a, SNUG_SANDBOX_PROCESS, files, e);
	if (r >= 0 && j->lacks[0])
		cli_say("the sandbox is not whole here, without: %s", j->lacks);
	return r;
}

int cli_jail_thread(const struct cli_args *a, struct snug_error *e)
{
	return a->jail ? confine(a, SNUG_SANDBOX_THREAD, 0, e) : 0;
}

int cli_jail_close(const struct cli_args *a, struct snug_error *e)
{
	int r = cli_jail_process(a, 0, e);

	return r < 0 ? r : cli_jail_thread(a, e);
}

bool cli_jail_has_socket(const struct cli_args *a)
{
	return a->jail && cli_keeper_ask(a->jail->keeper, CLI_KEEPER_SOCKET, 0, NULL) == 0;
}

uint32_t cli_jail_config(const struct cli_args *a)
{
	return (a->jail ? SNUG_CONFIG_KEEP : 0) |
	       (a->jail && a->jail->user && a->jail->owner_known ? SNUG_CONFIG_OWNED : 0) |
	       (a->dumpable ? SNUG_CONFIG_DUMP : 0);
}

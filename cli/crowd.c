/* SPDX-License-Identifier: MIT */
/* crowd: many clones of one machine */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "crowd.h"
#include "ends.h"
#include "jail.h"

#define SPARE_FILES 16 /* descriptors for all else */
#define LOOP_FILES 3   /* of an event loop */

/* The clones not yet taken are left alone. */
static void give_up(struct cli_crowd *c, const struct snug_error *e)
{
	pthread_mutex_lock(&c->lock);
	if (!c->error.code)
		c->error = *e;
	pthread_mutex_unlock(&c->lock);
	atomic_store(&c->next, c->count);
}

/* All threads are confined before any runs a guest: what breaks out in one of them could use the others. */
static bool confine(struct cli_crowd *c)
{
	struct snug_error e;
	bool good = cli_jail_thread(c->args, &e) == 0;

	if (!good)
		give_up(c, &e);
	pthread_barrier_wait(&c->confined);
	return good;
}

static void *worker(void *arg)
{
	struct cli_crowd *c = arg;
	size_t i;

	/* Till all are made. */
	pthread_mutex_lock(&c->lock);
	pthread_mutex_unlock(&c->lock);
	if (c->guests && !confine(c))
		return NULL;
	while ((i = atomic_fetch_add(&c->next, 1)) < c->count)
		c->work(c, &c->clones[i]);
	return NULL;
}

/* Does work for each clone, in as many threads as are of use; guests: the work runs guests. */
static void each(struct cli_crowd *c, bool guests, void (*work)(struct cli_crowd *c, struct cli_clone *one))
{
	enum { MOST = 256 };
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t thread[MOST];
	size_t threads = cpus > 1 ? (size_t)cpus : 1, made = 0;

	threads = threads < MOST ? threads : MOST;
	threads = threads < c->count ? threads : c->count;
	c->work = work;
	c->guests = guests;
	atomic_store(&c->next, 0);
	pthread_mutex_lock(&c->lock);
	/* This thread is one of them, so that all goes on, slower, where no further one can be had. */
	while (made + 1 < threads && pthread_create(&thread[made], NULL, worker, c) == 0)
		made++;
	pthread_barrier_init(&c->confined, NULL, (unsigned)made + 1);
	pthread_mutex_unlock(&c->lock);
	worker(c);
	for (size_t i = 0; i < made; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&c->confined);
}

static void keep(void *ctx, const void *bytes, size_t len)
{
	struct cli_clone *one = ctx;
	size_t take = len < CLI_CLONE_KEPT - one->len ? len : CLI_CLONE_KEPT - one->len;

	one->bytes += len;
	if (one->len + take > one->room) {
		size_t room = one->len + take > 2 * one->room ? one->len + take : 2 * one->room;
		char *more = realloc(one->out, room);

		if (!more)
			return;
		one->out = more;
		one->room = room;
	}
	if (take)
		memcpy(one->out + one->len, bytes, take);
	one->len += take;
}

static int keep_said(void *ctx, int fd, const void *bytes, size_t len)
{
	(void)fd;
	keep(ctx, bytes, len);
	return 0;
}

static int begin_thread(void *ctx, int cpu)
{
	struct snug_error e;

	(void)cpu;
	return cli_jail_thread(ctx, &e);
}

/* With --exec the console is looked at for a kernel's last words alone. */
static void give_console(const struct cli_crowd *c, struct cli_clone *one)
{
	struct snug_console console = {.write = keep, .ctx = one};

	one->console.lines = one->console.apart = true;
	if (c->pc && c->args->exec)
		console = (struct snug_console){.write = cli_console_write, .ctx = &one->console};
	snug_console_set(one->vm, &console);
}

/* A PC has threads of its own, made now and not when all is confined. */
static int make_pc(const struct cli_crowd *c, struct cli_clone *one, struct snug_error *e)
{
	struct snug_threads how = {.size = sizeof how, .begin = begin_thread, .ctx = (void *)(uintptr_t)c->args};
	int code;

	one->exec = (struct cli_exec){c->args->exec, keep_said, one};
	code = cli_exec_add(one->vm, &one->exec, e);
	return code < 0 ? code : snug_start(one->vm, &how, e);
}

static void make(struct cli_crowd *c, struct cli_clone *one)
{
	uint64_t begin = cli_now();
	struct snug_error e;

	if (snug_clone(c->parent, 1, &one->vm, &e) < 0) {
		one->vm = NULL;
		give_up(c, &e);
		return;
	}
	give_console(c, one);
	one->clone_ns = cli_now() - begin;
	if (c->pc && make_pc(c, one, &e) < 0)
		give_up(c, &e);
}

__attribute__((format(printf, 3, 4))) static void end(struct cli_clone *one, int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(one->what, sizeof one->what, fmt, ap);
	va_end(ap);
	one->status = status;
	one->ended = true;
}

static void end_by_guest(struct cli_clone *one, int status)
{
	one->status = status;
	one->by_guest = one->ended = true;
}

static void crash(struct cli_clone *one, const struct snug_exit *x)
{
	struct snug_autopsy a = {.size = sizeof a};

	if (snug_autopsy(x->vcpu, x, &a, NULL) < 0)
		snprintf(a.what, sizeof a.what, "%s", snug_exit_name(x->kind));
	end(one, CLI_CRASH, "it crashed: %s", a.what);
}

static void at_exit(struct cli_clone *one, const struct snug_exit *x)
{
	if (one->console.panic[0] && (x->kind == SNUG_EXIT_RESET || x->kind == SNUG_EXIT_PANIC)) {
		end(one, CLI_CRASH, "its kernel panicked: %.150s", one->console.panic);
		return;
	}
	switch (cli_end(x)) {
	case CLI_END_NOT:
	case CLI_END_MARK:
		break;
	case CLI_END_HLT:
		if (x->hlt.interrupts)
			end(one, CLI_TIMEOUT, "it halted with interrupts on, and nothing can wake it");
		else
			end_by_guest(one, CLI_OK);
		break;
	case CLI_END_STATUS:
		end_by_guest(one, x->status.code);
		break;
	case CLI_END_RESET:
	case CLI_END_OFF:
		end_by_guest(one, CLI_OK);
		break;
	case CLI_END_CRASH:
		crash(one, x);
		break;
	}
}

static int run_some(const struct cli_clone *one, uint64_t ns, struct snug_exit *x, struct snug_error *e)
{
	int r;

	if (!(snug_vm_devices(one->vm) & SNUG_DEV_PC))
		return snug_vcpu_run(snug_vm_vcpu(one->vm, 0), ns, x, e);
	r = snug_resume(one->vm, e);
	return r < 0 ? r : snug_wait(one->vm, ns, x, e);
}

static void run_to_end(struct cli_clone *one, uint64_t timeout_ns)
{
	uint64_t begin = cli_now(), spent = 0;
	struct snug_error e;
	struct snug_exit x;

	while (!one->ended) {
		if (timeout_ns && spent >= timeout_ns)
			end(one, CLI_TIMEOUT, "it was stopped after %g s", (double)timeout_ns / 1e9);
		else if (run_some(one, timeout_ns ? timeout_ns - spent : 0, &x, &e) < 0)
			end(one, CLI_FAILED, "%.190s", e.msg);
		else
			at_exit(one, &x);
		spent = cli_now() - begin;
	}
	one->run_ns = spent;
}

/* Returns 0 or an errno. */
static int write_all(const char *bytes, size_t len)
{
	struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};

	while (len) {
		ssize_t n = write(STDOUT_FILENO, bytes, len);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return errno;
		if (n < 0 && errno == EAGAIN) /* a pipe somebody made non-blocking */
			cli_poll(&p, -1);
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static void show(struct cli_crowd *c, size_t number)
{
	struct cli_clone *one = &c->clones[number];
	int err = c->error.code ? 0 : write_all(one->out, one->len);

	if (err) {
		cli_err(&c->error, -err, "the clones' consoles go to stdout", "stdout: %s", strerror(err));
		atomic_store(&c->next, c->count);
	}
	if (one->bytes > one->len)
		cli_say("clone %zu: its console is cut after %zu of %" PRIu64 " bytes", number, one->len, one->bytes);
	if (c->args->verbose)
		cli_say("clone %zu: status %d, set by %s%s%s", number, one->status,
		        one->by_guest ? "the guest" : "snug", one->what[0] ? ": " : "", one->what);
	free(one->out);
	one->out = NULL;
}

static void run_one(struct cli_crowd *c, struct cli_clone *one)
{
	run_to_end(one, c->args->timeout_ns);
	snug_vm_free(one->vm);
	one->vm = NULL;
	pthread_mutex_lock(&c->lock);
	one->done = true;
	while (c->shown < c->count && c->clones[c->shown].done)
		show(c, c->shown++);
	pthread_mutex_unlock(&c->lock);
}

/* So many descriptors are needed at a time; it is better to know before the first clone. */
static int prepare(struct cli_crowd *c)
{
	uint64_t cpus = 0, files;

	while (snug_vm_vcpu(c->parent, (unsigned)cpus))
		cpus++;
	c->pc = snug_vm_devices(c->parent) & SNUG_DEV_PC;
	if (c->pc)
		cli_jail_pc(c->args);
	files = (1 + cpus + (c->pc ? LOOP_FILES : 0)) * c->count;
	if (snug_files_need(files, &c->error) < 0)
		return c->error.code;
	c->clones = calloc(c->count, sizeof *c->clones);
	if (!c->clones)
		return cli_err(&c->error, -ENOMEM, NULL, "no memory for %zu clones", c->count);
	return cli_jail_process(c->args, files + SPARE_FILES, &c->error);
}

void cli_crowd_run(struct cli_crowd *c)
{
	pthread_mutex_init(&c->lock, NULL);
	if (prepare(c) < 0)
		return;
	each(c, false, make);
	if (!c->error.code)
		each(c, true, run_one);
}

void cli_crowd_free(struct cli_crowd *c)
{
	for (size_t i = 0; c->clones && i < c->count; i++) {
		snug_vm_free(c->clones[i].vm);
		free(c->clones[i].out);
	}
	free(c->clones);
	pthread_mutex_destroy(&c->lock);
}

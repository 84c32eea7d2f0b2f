/* SPDX-License-Identifier: MIT */
/* save: snug run --save */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "outfile.h"
#include "save.h"

static volatile sig_atomic_t asked;

/* It is enough that it comes: the kernel ends KVM_RUN for it. */
static void on_signal(int number)
{
	(void)number;
	asked = 1;
}

void cli_save_open(struct cli_save *s, const char *path, bool verbose)
{
	struct sigaction act = {.sa_handler = on_signal};

	*s = (struct cli_save){.path = path, .verbose = verbose};
	if (!path)
		return;
	sigemptyset(&act.sa_mask);
	sigaction(SIGUSR1, &act, NULL);
}

int cli_save_arm(const struct cli_save *s, snug_vm *vm, struct snug_error *e)
{
	int r = s->path && s->count == 0 ? snug_mark_stop(vm, CLI_SAVE_MARK) : 0;

	return r < 0 ? cli_err(e, r, NULL, "--save: the mark \"%s\" cannot be waited for", CLI_SAVE_MARK) : 0;
}

bool cli_save_asked(void)
{
	bool was = asked;

	asked = 0;
	return was;
}

/* As snug_save does it, by way of a file that may come from the keeper. */
static int save(const char *path, snug_vm *vm, struct snug_error *e)
{
	struct cli_out out;
	struct snug_error why;
	const char *at;
	int r = cli_out_open(&out, "save", path, e);

	if (r < 0)
		return r;
	r = snug_save_fd(vm, out.fd, &why);
	if (r == 0)
		return cli_out_close(&out, 0, e);
	cli_out_close(&out, r, e);
	at = strstr(why.msg, ": "); /* after "save to descriptor N" */
	return cli_err(e, r, why.hint, "save '%.200s'%.300s", path, at ? at : "");
}

void cli_save_now(struct cli_save *s, snug_vm *vm, const char *why)
{
	uint64_t begin = cli_now();
	struct snug_error e;
	char text[16];

	if (save(s->path, vm, &e) < 0) {
		cli_say_error(&e);
		s->failed = true;
		return;
	}
	s->count++;
	if (s->verbose)
		cli_say("saved to %s %s, in %s", s->path, why, cli_time(text, cli_now() - begin));
}

void cli_save_sleep(uint64_t ns)
{
	struct timespec t = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
	sigset_t usr1, old;

	/* Let in during the sleep alone, so that none comes between the look and the sleep. */
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, &old);
	if (!asked)
		ppoll(NULL, 0, ns ? &t : NULL, &old);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

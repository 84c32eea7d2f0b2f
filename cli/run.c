/* SPDX-License-Identifier: MIT */
/* run: snug run */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "crash.h"
#include "ends.h"
#include "jail.h"
#include "outfile.h"
#include "monitor.h"
#include "pc.h"
#include "report.h"
#include "run.h"
#include "timeline.h"
#include "tty.h"

void cli_run_fail(struct cli_run *r, int status, const struct snug_error *e)
{
	r->result->status = status;
	r->result->error = *e;
	cli_say_error(e);
}

/* What is left of the time, 0 for no limit; false where it is used up. */
static bool time_left(const struct cli_run *r, uint64_t *ns)
{
	uint64_t now = cli_now();

	*ns = 0;
	if (!r->deadline)
		return true;
	if (now >= r->deadline)
		return false;
	*ns = r->deadline - now;
	return true;
}

static void save_if_asked(struct cli_run *r)
{
	if (r->save.path && cli_save_asked())
		cli_save_now(&r->save, r->vm, "on SIGUSR1");
}

/* The guest waits for an interrupt, and nothing makes one. */
static void sleep_on(struct cli_run *r)
{
	uint64_t ns;

	r->asleep = true;
	if (!r->deadline)
		cli_say("the guest halted with interrupts on and nothing can wake it: waiting for Ctrl-C (or use "
		        "--timeout)");
	while (time_left(r, &ns)) {
		cli_save_sleep(ns);
		save_if_asked(r);
	}
}

void cli_run_timed_out(struct cli_run *r)
{
	struct snug_error e;
	double seconds = (double)r->args->timeout_ns / 1e9;

	cli_err(&e, -ETIMEDOUT, r->asleep ? "it had halted with interrupts on, and nothing could wake it" : NULL,
	        "timeout: the guest was stopped after %g s", seconds);
	cli_run_fail(r, CLI_TIMEOUT, &e);
}

void cli_run_crashed(struct cli_run *r, const struct snug_exit *x)
{
	struct cli_result *res = r->result;

	free(res->crash);
	res->crash = cli_crash_text(x, &res->autopsy);
	cli_say("the guest crashed: %s", res->autopsy.what);
	fputs(res->crash ? res->crash : "", stderr);
	cli_err(&res->error, -EFAULT, NULL, "the guest crashed: %s", res->autopsy.what);
	res->status = CLI_CRASH;
}

/* After memory was counted: writing a core looks at every page, and a page looked at is there. */
static void keep_core(struct cli_run *r)
{
	struct cli_result *res = r->result;
	struct snug_error e;

	if (!r->args->core || res->by_guest || res->status != CLI_CRASH)
		return;
	if (cli_crash_core(r->args->core, &res->exit, &e) < 0) {
		cli_say_error(&e);
		res->failed = true;
	}
}

static int run_some(struct cli_run *r, uint64_t ns, struct snug_error *e)
{
	struct snug_exit *x = &r->result->exit;

	if (r->save.path && (ns == 0 || ns > CLI_SAVE_SLICE_NS))
		ns = CLI_SAVE_SLICE_NS;
	if (r->args->gdb)
		return cli_gdb_run(&r->gdb, r->vm, ns, x, e);
	return r->pc ? cli_pc_some(r, ns, x, e) : snug_vcpu_run(snug_vm_vcpu(r->vm, 0), ns, x, e);
}

/* The first mark counts: a guest that makes one for each piece of its work is not to be saved over and over. */
static void at_mark(struct cli_run *r)
{
	snug_mark_stop(r->vm, NULL);
	cli_save_now(&r->save, r->vm, "at the mark \"" CLI_SAVE_MARK "\"");
}

/* What was saved earlier is of more use than a guest that is done. */
static void at_halt(struct cli_run *r)
{
	if (r->save.path && r->save.count == 0)
		cli_save_now(&r->save, r->vm, "where it halted");
}

/* Runs until something ends the guest; the exit that did is in the result.  True: it asked for a reset. */
static bool run_guest(struct cli_run *r)
{
	struct snug_exit *x = &r->result->exit;
	struct snug_error e;
	uint64_t ns;

	for (;;) {
		if (!time_left(r, &ns)) {
			x->kind = SNUG_EXIT_TIMEOUT;
			cli_run_timed_out(r);
			return false;
		}
		if (run_some(r, ns, &e) < 0) {
			x->kind = SNUG_EXIT_NONE;
			cli_run_fail(r, CLI_FAILED, &e);
			return false;
		}
		if (r->console.err) {
			cli_err(&e, -r->console.err, "the guest's console goes to stdout", "stdout: %s",
			        strerror(r->console.err));
			cli_run_fail(r, CLI_FAILED, &e);
			return false;
		}
		if (cli_pc_panicked(r, x))
			return false;
		if (r->console.monitor && !cli_monitor(r))
			r->console.quit = true;
		if (r->console.quit) {
			cli_say("ended from the terminal");
			return false;
		}
		switch (cli_end(x)) {
		case CLI_END_NOT:
			save_if_asked(r);
			break;
		case CLI_END_MARK:
			at_mark(r);
			break;
		case CLI_END_HLT:
			if (x->hlt.interrupts) {
				sleep_on(r);
				break;
			}
			at_halt(r);
			r->result->by_guest = true;
			return false;
		case CLI_END_OFF:
			r->result->by_guest = true;
			return false;
		case CLI_END_STATUS:
			r->result->status = x->status.code;
			r->result->by_guest = true;
			return false;
		case CLI_END_RESET:
			r->result->by_guest = true;
			return true;
		case CLI_END_CRASH:
			cli_run_crashed(r, x);
			return false;
		}
	}
}

/* The timeline, before its machine goes. */
static void keep_trace(struct cli_run *r)
{
	struct cli_result *res = r->result;
	struct snug_error e;

	if (r->args->trace && cli_trace_write(r->vm, r->args, &e) < 0) {
		cli_say_error(&e);
		res->failed = true;
	}
	if (r->args->report)
		res->timeline = cli_trace_text(r->vm, res->cpus, &res->timeline_len);
}

/* Threads are made when nothing but their filter of system calls is missing, and have that before this one has it. */
static int confine(struct cli_run *r, struct snug_error *e)
{
	int code;

	if (r->pc)
		cli_jail_pc(r->args);
	else
		return cli_jail_close(r->args, e);
	if (!r->args->exec && !r->args->gdb)
		r->console.raw = r->args->jail ? cli_tty_raw() : cli_tty_raw_here();
	code = cli_jail_process(r->args, 0, e);
	if (code >= 0)
		code = cli_pc_start(r, e);
	return code < 0 ? code : cli_jail_thread(r->args, e);
}

/* The machine with its guest, in the jail; what a reboot goes back to is taken while KVM may still be asked for it. */
static bool begin(struct cli_run *r)
{
	struct snug_error e;

	if (!cli_run_start(r))
		return false;
	if ((r->args->reboot && snug_baseline(r->vm, &e) < 0) || confine(r, &e) < 0) {
		cli_run_fail(r, CLI_FAILED, &e);
		return false;
	}
	return true;
}

static void set_deadline(struct cli_run *r)
{
	uint64_t now = cli_now();

	if (!r->args->timeout_ns)
		return;
	r->deadline = r->args->timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + r->args->timeout_ns;
	r->console.deadline = r->deadline;
}

static bool reboot(struct cli_run *r)
{
	struct snug_error e;

	if (r->args->gdb)
		cli_gdb_end(&r->gdb);
	r->result->by_guest = false;
	r->result->reboots++;
	if (snug_reset(r->vm, NULL, &e) == 0 && cli_save_arm(&r->save, r->vm, &e) == 0)
		return true;
	cli_run_fail(r, CLI_FAILED, &e);
	return false;
}

static void run_all(struct cli_run *r)
{
	if (begin(r)) {
		set_deadline(r);
		while (run_guest(r) && r->args->reboot && reboot(r))
			;
		if (r->args->gdb)
			cli_gdb_end(&r->gdb);
		if (r->args->stats || r->args->json || r->args->report)
			cli_stats_gather(&r->result->stats, r->vm);
		keep_core(r);
		keep_trace(r);
	}
	snug_vm_free(r->vm);
}

static void end_saving(struct cli_run *r)
{
	struct cli_result *res = r->result;
	struct snug_error e;

	res->saves = r->save.count;
	res->failed = res->failed || r->save.failed;
	if (!r->save.path || r->save.count || r->save.failed || !res->started)
		return;
	cli_err(&e, -ENODATA, "the guest did not halt or make the mark \"" CLI_SAVE_MARK "\", and no SIGUSR1 came",
	        "--save: nothing was saved to %.300s", r->save.path);
	res->by_guest = false;
	cli_run_fail(r, CLI_FAILED, &e);
}

/* Options that mean nothing are told before the guest runs. */
static int check_args(const struct cli_args *args, const char *image, struct snug_error *e)
{
	if (args->stream && !args->trace)
		return cli_err(e, -EINVAL, "add --trace FILE", "--stream: there is no --trace");
	if (args->save && args->gdb)
		return cli_err(e, -EINVAL, "leave one of them out", "--save and --gdb do not go together");
	return cli_check_files(args, image, e);
}

/* Writes what was asked for; false where that failed, and then all is said. */
static bool write_files(const struct cli_run *r)
{
	const struct cli_args *a = r->args;
	struct snug_error e;
	bool good = !r->result->failed;

	if (a->json && cli_json_write(a->json, cli_result_json(r->result, a), &e) < 0) {
		cli_say_error(&e);
		good = false;
	}
	if (a->report && cli_report_write(a, r->result, &r->console, &e) < 0) {
		cli_say_error(&e);
		good = false;
	}
	return good;
}

static int run(const struct cli_args *args, bool snapshot)
{
	struct cli_result *result;
	struct snug_error e;
	struct cli_run r = {.args = args, .snapshot = snapshot};
	uint64_t begin = cli_now();
	int status;

	if (check_args(args, snapshot ? "FILE" : "IMAGE", &e) < 0) {
		cli_say_error(&e);
		return CLI_FAILED;
	}
	if (args->gdb && cli_gdb_open(&r.gdb, args->gdb, &e) < 0) {
		cli_say_error(&e);
		return CLI_FAILED;
	}
	if (r.gdb.path && cli_jail_has_socket(args))
		r.gdb.path = NULL;
	result = calloc(1, sizeof *result);
	if (!result || (args->report && !cli_console_keep(&r.console))) {
		if (args->gdb)
			cli_gdb_close(&r.gdb);
		cli_say("no memory");
		free(result);
		return CLI_FAILED;
	}
	r.result = result;
	cli_facts_gather(&result->facts, args);
	cli_save_open(&r.save, args->save, args->verbose);
	run_all(&r);
	end_saving(&r);
	if (args->gdb)
		cli_gdb_close(&r.gdb);
	result->wall_ns = cli_now() - begin;
	if (args->verbose)
		cli_say("ended by %s: status %d, set by %s", snug_exit_name(result->exit.kind), result->status,
		        result->by_guest ? "the guest" : "snug");
	if (args->stats && result->started)
		cli_stats_print(&result->stats);
	status = write_files(&r) ? result->status : CLI_FAILED;
	free(r.console.tail);
	free(result->crash);
	free(result->timeline);
	free(result);
	return status;
}

int verb_run(const struct cli_args *args)
{
	return run(args, false);
}

int verb_restore(const struct cli_args *args)
{
	return run(args, true);
}

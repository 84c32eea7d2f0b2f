/* SPDX-License-Identifier: MIT */
/* run: snug run */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "console.h"
#include "crash.h"
#include "gdb.h"
#include "outfile.h"
#include "report.h"
#include "result.h"
#include "timeline.h"

struct run {
	const struct cli_args *args;
	snug_vm *vm;
	struct cli_console console;
	struct cli_result *result;
	struct cli_gdb gdb;
	uint64_t deadline; /* 0: none */
	bool asleep;       /* halted with interrupts on */
};

/* Snug's own end of the run, told on stderr. */
static void fail(struct run *r, int status, const struct snug_error *e)
{
	r->result->status = status;
	r->result->error = *e;
	cli_say_error(e);
}

static int open_vm(struct run *r, struct snug_error *e)
{
	const struct cli_args *a = r->args;
	struct snug_config cfg = {
	    .size = sizeof cfg,
	    .mem_bytes = a->mem,
	    .cpus = (uint32_t)a->cpus,
	    .devices = SNUG_DEV_ALL,
	    .unclaimed = SNUG_UNCLAIMED_IGNORE,
	    .console = {.write = cli_console_write, .read = cli_console_read, .ctx = &r->console},
	    .kvm_path = a->kvm,
	};
	int code = snug_vm_new(&cfg, &r->vm, e);

	if (code < 0) {
		r->vm = NULL;
		return code;
	}
	cli_console_open(&r->console, snug_vm_vcpu(r->vm, 0));
	code = snug_autopsy_start(r->vm, e);
	if (code >= 0 && (a->stats || a->json || a->report))
		code = snug_stats_start(r->vm, e);
	return code < 0 || !(a->trace || a->report) ? code : cli_trace_start(r->vm, a, e);
}

static int load(struct run *r, struct snug_error *e)
{
	const struct cli_args *a = r->args;
	struct snug_image image = {
	    .size = sizeof image,
	    .path = a->image,
	    .kind = (enum snug_kind)a->kind,
	    .mode = (enum snug_mode)a->mode,
	    .flags = (a->load.given ? SNUG_IMAGE_LOAD : 0) | (a->entry.given ? SNUG_IMAGE_ENTRY : 0),
	    .load = a->load.value,
	    .entry = a->entry.value,
	    .stack = a->stack.value,
	};

	return snug_load(r->vm, &image, e);
}

/* Makes the machine and puts the guest into it; false where that failed, and then all is said. */
static bool start(struct run *r)
{
	struct snug_boot *boot = &r->result->boot;
	struct snug_error e;
	int code = open_vm(r, &e);

	if (code < 0) {
		fail(r, CLI_FAILED, &e);
		return false;
	}
	code = load(r, &e);
	if (code < 0) {
		fail(r, code == -ENOENT ? CLI_NOT_FOUND : code == -ENOEXEC ? CLI_NO_GUEST : CLI_FAILED, &e);
		return false;
	}
	*boot = (struct snug_boot){.size = sizeof *boot};
	snug_loaded(r->vm, boot);
	r->result->loaded = true;
	if (r->args->verbose)
		cli_say("%s: %s, mode %s, at 0x%llx-0x%llx, entry 0x%llx, stack 0x%llx", r->args->image,
		        snug_kind_name(boot->kind), snug_mode_name(boot->mode), (unsigned long long)boot->low,
		        (unsigned long long)boot->high, (unsigned long long)boot->entry,
		        (unsigned long long)boot->stack);
	return true;
}

/* What is left of the time, 0 for no limit; false where it is used up. */
static bool time_left(const struct run *r, uint64_t *ns)
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

/* The guest waits for an interrupt, and nothing makes one. */
static void sleep_on(struct run *r)
{
	uint64_t ns;

	r->asleep = true;
	if (!r->deadline)
		cli_say("the guest halted with interrupts on and nothing can wake it: waiting for Ctrl-C (or use "
		        "--timeout)");
	while (time_left(r, &ns)) {
		struct timespec t = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};

		if (r->deadline)
			nanosleep(&t, NULL);
		else
			pause();
	}
}

static void timed_out(struct run *r)
{
	struct snug_error e;
	double seconds = (double)r->args->timeout_ns / 1e9;

	cli_err(&e, -ETIMEDOUT, r->asleep ? "it had halted with interrupts on, and nothing could wake it" : NULL,
	        "timeout: the guest was stopped after %g s", seconds);
	fail(r, CLI_TIMEOUT, &e);
}

static void crashed(struct run *r, const struct snug_exit *x)
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
static void keep_core(struct run *r)
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

static int run_some(struct run *r, uint64_t ns, struct snug_error *e)
{
	struct snug_exit *x = &r->result->exit;

	return r->args->gdb ? cli_gdb_run(&r->gdb, r->vm, ns, x, e) : snug_vcpu_run(snug_vm_vcpu(r->vm, 0), ns, x, e);
}

/* Runs until something ends the guest; the exit that did is in the result.  True: it asked for a reset. */
static bool run_guest(struct run *r)
{
	struct snug_exit *x = &r->result->exit;
	struct snug_error e;
	uint64_t ns;

	for (;;) {
		if (!time_left(r, &ns)) {
			x->kind = SNUG_EXIT_TIMEOUT;
			timed_out(r);
			return false;
		}
		if (run_some(r, ns, &e) < 0) {
			x->kind = SNUG_EXIT_NONE;
			fail(r, CLI_FAILED, &e);
			return false;
		}
		if (r->console.err) {
			cli_err(&e, -r->console.err, "the guest's console goes to stdout", "stdout: %s",
			        strerror(r->console.err));
			fail(r, CLI_FAILED, &e);
			return false;
		}
		switch (x->kind) {
		case SNUG_EXIT_SIGNAL:
		case SNUG_EXIT_KICKED:
		case SNUG_EXIT_TIMEOUT:
		case SNUG_EXIT_PIO: /* unclaimed ones do not come here; if one does, it reads all-ones */
		case SNUG_EXIT_MMIO:
			break;
		case SNUG_EXIT_HLT:
			if (x->hlt.interrupts) {
				sleep_on(r);
				break;
			}
			r->result->by_guest = true;
			return false;
		case SNUG_EXIT_STATUS:
			r->result->status = x->status.code;
			r->result->by_guest = true;
			return false;
		case SNUG_EXIT_RESET:
			r->result->by_guest = true;
			return true;
		default:
			crashed(r, x);
			return false;
		}
	}
}

/* The timeline, before its machine goes. */
static void keep_trace(struct run *r)
{
	struct cli_result *res = r->result;
	struct snug_error e;

	if (r->args->trace && cli_trace_write(r->vm, r->args, &e) < 0) {
		cli_say_error(&e);
		res->failed = true;
	}
	if (r->args->report)
		res->timeline = cli_trace_text(r->vm, r->args, &res->timeline_len);
}

static void run_all(struct run *r)
{
	bool again = true;

	while (again && start(r)) {
		if (r->args->timeout_ns && !r->deadline) {
			uint64_t now = cli_now();

			r->deadline = r->args->timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + r->args->timeout_ns;
			r->console.deadline = r->deadline;
		}
		again = run_guest(r) && r->args->reboot;
		if (r->args->gdb)
			cli_gdb_end(&r->gdb);
		cli_stats_gather(&r->result->stats, r->vm);
		if (!again) {
			keep_core(r);
			keep_trace(r);
			break;
		}
		r->result->by_guest = false;
		r->result->reboots++;
		snug_vm_free(r->vm);
		r->vm = NULL;
	}
	snug_vm_free(r->vm);
}

/* Files that cannot be made, and options that mean nothing, are told before the guest runs. */
/* Are these one file?  A device (/dev/null, a terminal) may well take several. */
static bool same_file(const char *a, const char *b)
{
	struct stat x, y;
	bool there = stat(a, &x) == 0, too = stat(b, &y) == 0;

	if (!there || !too)
		return !there && !too && strcmp(a, b) == 0;
	return S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* No file is to be written over by another one of the same run, the guest least of all. */
static int check_files(const struct cli_args *args, struct snug_error *e)
{
	const struct {
		const char *option, *path;
	} files[] = {
	    {"IMAGE", args->image},     {"--json", args->json}, {"--trace", args->trace},
	    {"--report", args->report}, {"--core", args->core},
	};

	for (size_t i = 1; i < sizeof files / sizeof *files; i++) {
		if (!files[i].path)
			continue;
		for (size_t k = 0; k < i; k++)
			if (files[k].path && same_file(files[k].path, files[i].path))
				return cli_err(e, -EINVAL, "give each a file of its own",
				               "%s and %s are the same file: %s", files[k].option, files[i].option,
				               files[i].path);
		if (cli_out_check(files[i].option + 2, files[i].path, e) < 0)
			return e->code;
	}
	return 0;
}

static int check_args(const struct cli_args *args, struct snug_error *e)
{
	if (args->sandbox)
		return cli_err(e, -ENOTSUP, "leave it out, or say --sandbox off",
		               "--sandbox on: this version has no sandbox yet");
	if (args->stream && !args->trace)
		return cli_err(e, -EINVAL, "add --trace FILE", "--stream: there is no --trace");
	return check_files(args, e);
}

/* Writes what was asked for; false where that failed, and then all is said. */
static bool write_files(const struct run *r)
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

int verb_run(const struct cli_args *args)
{
	struct cli_result *result;
	struct snug_error e;
	struct run r = {.args = args};
	uint64_t begin = cli_now();
	int status;

	if (check_args(args, &e) < 0) {
		cli_say_error(&e);
		return CLI_FAILED;
	}
	if (args->gdb && cli_gdb_open(&r.gdb, args->gdb, &e) < 0) {
		cli_say_error(&e);
		return CLI_FAILED;
	}
	result = calloc(1, sizeof *result);
	if (!result || (args->report && !cli_console_keep(&r.console))) {
		if (args->gdb)
			cli_gdb_close(&r.gdb);
		cli_say("no memory");
		free(result);
		return CLI_FAILED;
	}
	r.result = result;
	run_all(&r);
	if (args->gdb)
		cli_gdb_close(&r.gdb);
	result->wall_ns = cli_now() - begin;
	if (args->verbose)
		cli_say("ended by %s: status %d, set by %s", snug_exit_name(result->exit.kind), result->status,
		        result->by_guest ? "the guest" : "snug");
	if (args->stats && result->loaded)
		cli_stats_print(&result->stats);
	status = write_files(&r) ? result->status : CLI_FAILED;
	free(r.console.tail);
	free(result->crash);
	free(result->timeline);
	free(result);
	return status;
}

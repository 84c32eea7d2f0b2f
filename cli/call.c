/* SPDX-License-Identifier: MIT */
/* call: snug call */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "callarg.h"
#include "cli.h"
#include "ends.h"
#include "jail.h"
#include "outfile.h"
#include "run.h"
#include "times.h"

#define REPEAT_MAX 10000000u /* two stamps are kept of each */

struct call {
	struct cli_run run;
	struct cli_call_args args;
	struct snug_function fn;
	uint64_t value;             /* what the first call returned */
	void *first[SNUG_ARGS_MAX]; /* and left in its buffers; NULL: not kept */
	uint64_t returned, differ;  /* how many did, and how many of them not as the first */
	uint64_t *call_ns, *reset_ns;
	struct cli_times call, reset;
};

static int check_args(const struct cli_args *a, bool elf, struct snug_error *e)
{
	if (a->mode != SNUG_MODE_AUTO && a->mode != SNUG_MODE_USER && a->mode != SNUG_MODE_LONG)
		return cli_err(e, -EINVAL, "functions are called in user or in long mode",
		               "--mode %s: not for a call", snug_mode_name((enum snug_mode)a->mode));
	if (!elf && (a->mode || a->mem))
		return cli_err(e, -EINVAL, "a snapshot says itself what machine it is of",
		               "%s: '%.200s' is no ELF file", a->mode ? "--mode" : "--mem", a->image);
	if (a->list && a->operand_count > 1)
		return cli_err(e, -EINVAL, "it lists the names that could be called", "--list: '%.200s' is too much",
		               a->operands[1]);
	if (!a->list && a->operand_count < 2)
		return cli_err(e, -EINVAL, "'snug call --list IMAGE' lists the names there are",
		               "FUNCTION is missing");
	if (a->repeat > REPEAT_MAX)
		return cli_err(e, -EINVAL, NULL, "--repeat: at most %u times", REPEAT_MAX);
	return cli_check_files(a, "IMAGE", e);
}

static int list(snug_vm *vm)
{
	const char *name;
	uint64_t address, first, bytes;
	size_t i = 0;

	for (; (name = snug_symbol_name(vm, i, &address)); i++) {
		char *shown = strdup(name);

		/* Of several of one name only the first can be asked for. */
		if (snug_symbol(vm, name, &first, &bytes) < 0 || first != address)
			bytes = 0;
		if (shown)
			cli_defuse(shown);
		printf("0x%016" PRIx64 " %8" PRIu64 " %s\n", address, bytes, shown ? shown : "?");
		free(shown);
	}
	if (i == 0)
		cli_say("there are no symbols in it");
	return cli_flush(CLI_OK);
}

/* What ended the guest instead of the function's return, told on stderr. */
static void ended(struct call *c)
{
	struct cli_run *r = &c->run;
	struct snug_exit *x = &r->result->exit;
	struct snug_error e;

	if (x->kind == SNUG_EXIT_TIMEOUT) {
		cli_run_timed_out(r);
	} else if (r->console.err) {
		cli_err(&e, -r->console.err, "the guest's console goes to stdout", "stdout: %s",
		        strerror(r->console.err));
		cli_run_fail(r, CLI_FAILED, &e);
	} else if (cli_end(x) == CLI_END_CRASH) {
		cli_run_crashed(r, x);
	} else if (x->kind == SNUG_EXIT_STATUS) {
		cli_say("%s did not return: the guest ended with status %d", c->fn.name, x->status.code);
		r->result->status = x->status.code;
		r->result->by_guest = true;
	} else {
		/* A call that a signal ended cannot go on: its buffers' places are forgotten. */
		cli_err(&e, -ECANCELED, x->kind == SNUG_EXIT_SIGNAL ? "snug was stopped or traced: try again" : NULL,
		        "%s did not return: it was ended by %s", c->fn.name, snug_exit_name(x->kind));
		cli_run_fail(r, CLI_FAILED, &e);
	}
}

/* What the library would have a program do, as the command's user can do it. */
static void hint(struct snug_error *e)
{
	if (e->code == -ENOENT)
		snprintf(e->hint, sizeof e->hint, "'snug call --list IMAGE' lists the names there are");
	else if (e->code == -E2BIG)
		snprintf(e->hint, sizeof e->hint, "give the guest more memory, --mem, or pass less at a time");
}

/* Calls once; false where it did not return, and then all is said. */
static bool call_once(struct call *c, uint64_t *value)
{
	struct cli_run *r = &c->run;
	struct snug_error e;
	int code;

	memcpy(c->fn.args, c->args.arg, sizeof c->fn.args);
	code = snug_call(r->vm, &c->fn, value, &r->result->exit, &e);
	if (code < 0)
		hint(&e);
	if (code < 0)
		cli_run_fail(r, CLI_FAILED, &e);
	else if (code > 0 || r->console.err)
		ended(c);
	return code == 0 && !r->console.err;
}

/* Keeps what the first call gave, so that the others can be held against it. */
static bool keep_first(struct call *c, uint64_t value)
{
	c->value = value;
	for (unsigned i = 0; i < c->args.count; i++) {
		if (!c->args.show[i])
			continue;
		c->first[i] = malloc(c->args.show[i]);
		if (!c->first[i])
			return false;
		memcpy(c->first[i], c->args.arg[i].data, c->args.show[i]);
	}
	return true;
}

static bool as_first(const struct call *c, uint64_t value)
{
	for (unsigned i = 0; i < c->args.count; i++)
		if (c->first[i] && memcmp(c->first[i], c->args.arg[i].data, c->args.show[i]) != 0)
			return false;
	return value == c->value;
}

static bool no_memory(struct call *c)
{
	struct snug_error e;

	cli_err(&e, -ENOMEM, NULL, "no memory");
	cli_run_fail(&c->run, CLI_FAILED, &e);
	return false;
}

/* Back to where the guest stood; false where that failed, and then all is said. */
static bool back(struct call *c)
{
	struct snug_error e;

	if (snug_reset(c->run.vm, NULL, &e) == 0)
		return true;
	cli_run_fail(&c->run, CLI_FAILED, &e);
	return false;
}

static bool repeat(struct call *c, uint64_t times)
{
	for (uint64_t i = 0; i < times; i++) {
		uint64_t begin = cli_now(), value;

		cli_call_args_renew(&c->args);
		if (!call_once(c, &value)) {
			if (times > 1)
				cli_say("that was call %" PRIu64 " of %" PRIu64, i + 1, times);
			return false;
		}
		if (c->call_ns)
			c->call_ns[i] = cli_now() - begin;
		if (i == 0 && !keep_first(c, value))
			return no_memory(c);
		c->differ += !as_first(c, value);
		c->returned++;
		begin = cli_now();
		if (c->call_ns && !back(c))
			return false;
		if (c->call_ns)
			c->reset_ns[i] = cli_now() - begin;
		/* The guest's words are those of one call. */
		if (i == 0 && times > 1)
			snug_console_set(c->run.vm, NULL);
	}
	return true;
}

/* With --repeat each call begins where the first did. */
static bool call_all(struct call *c)
{
	uint64_t times = c->run.args->repeat;
	struct snug_error e;

	if ((times && snug_baseline(c->run.vm, &e) < 0) || cli_jail_close(c->run.args, &e) < 0) {
		cli_run_fail(&c->run, CLI_FAILED, &e);
		return false;
	}
	if (!times)
		return repeat(c, 1);
	c->call_ns = calloc(times, sizeof *c->call_ns);
	c->reset_ns = calloc(times, sizeof *c->reset_ns);
	if (!c->call_ns || !c->reset_ns)
		return no_memory(c);
	if (!repeat(c, times))
		return false;
	c->call = cli_times(c->call_ns, times);
	c->reset = cli_times(c->reset_ns, times);
	return true;
}

/* The result's line comes first, since a buffer may end in anything. */
static void show(struct call *c)
{
	const struct cli_args *a = c->run.args;

	if (!a->quiet && a->hex)
		printf("0x%" PRIx64 "\n", c->value);
	else if (!a->quiet)
		printf("%" PRId64 "\n", (int64_t)c->value);
	for (unsigned i = 0; i < c->args.count; i++)
		if (c->first[i])
			fwrite(c->first[i], 1, c->args.show[i], stdout);
	c->run.result->status = cli_flush(CLI_OK);
	c->run.result->by_guest = c->run.result->status == CLI_OK;
}

static void tell_repeat(struct call *c)
{
	struct snug_error e;
	char text[64];

	cli_say("%" PRIu64 " calls: %s", c->returned, cli_times_text(text, &c->call));
	cli_say("%" PRIu64 " resets: %s", c->returned, cli_times_text(text, &c->reset));
	if (!c->differ)
		return;
	cli_err(&e, -EILSEQ, "it depends on something besides its arguments: the time, random numbers",
	        "%" PRIu64 " of %" PRIu64 " calls did not give what the first one gave", c->differ, c->returned);
	c->run.result->by_guest = false;
	cli_run_fail(&c->run, CLI_FAILED, &e);
}

static json_t *call_json(const struct call *c)
{
	json_t *o = cli_result_json(c->run.result, c->run.args), *call;
	const char *name = c->run.args->operand_count > 1 ? c->run.args->operands[1] : NULL; /* --list: none */
	char hex[32];

	call = json_pack("{s:o, s:b, s:I}", "function", name ? cli_json_text(name) : json_null(), "returned",
	                 c->returned > 0, "count", (json_int_t)c->returned);
	if (c->returned) {
		snprintf(hex, sizeof hex, "0x%" PRIx64, c->value);
		json_object_set_new(call, "value", json_integer((json_int_t)c->value));
		json_object_set_new(call, "hex", json_string(hex));
	}
	if (c->run.args->repeat) {
		json_object_set_new(call, "differ", json_integer((json_int_t)c->differ));
		json_object_set_new(call, "time", cli_times_json(&c->call));
		json_object_set_new(call, "reset", cli_times_json(&c->reset));
	}
	json_object_set_new(o, "call", call);
	return o;
}

static void call(struct call *c)
{
	struct cli_run *r = &c->run;

	if (r->args->list) {
		r->result->status = list(r->vm);
		return;
	}
	c->fn = (struct snug_function){.size = sizeof c->fn,
	                               .name = r->args->operands[1],
	                               .count = c->args.count,
	                               .timeout_ns = r->args->timeout_ns};
	if (call_all(c)) {
		show(c);
		if (r->args->repeat)
			tell_repeat(c);
	}
	if (r->args->verbose)
		cli_say("ended by %s: status %d, set by %s", snug_exit_name(r->result->exit.kind), r->result->status,
		        r->result->by_guest ? "the guest" : "snug");
	if (r->args->stats || r->args->json)
		cli_stats_gather(&r->result->stats, r->vm);
	if (r->args->stats)
		cli_stats_print(&r->result->stats);
}

static void free_call(struct call *c)
{
	for (unsigned i = 0; i < SNUG_ARGS_MAX; i++)
		free(c->first[i]);
	cli_call_args_free(&c->args);
	free(c->call_ns);
	free(c->reset_ns);
	snug_vm_free(c->run.vm);
	free(c->run.result->crash);
	free(c->run.result);
}

int verb_call(const struct cli_args *args)
{
	bool elf = cli_is_elf(args->image);
	struct call c = {.run = {.args = args, .snapshot = !elf, .call = true}};
	uint64_t begin = cli_now();
	struct snug_error e;
	int status = CLI_FAILED;

	c.run.result = calloc(1, sizeof *c.run.result);
	if (!c.run.result)
		return cli_say("no memory"), CLI_FAILED;
	if (check_args(args, elf, &e) < 0 ||
	    (args->operand_count > 2 &&
	     cli_call_args_read(args->operands + 2, args->operand_count - 2, &c.args, &e) < 0)) {
		cli_say_error(&e);
	} else {
		if (cli_run_start(&c.run))
			call(&c);
		c.run.result->wall_ns = cli_now() - begin;
		status = c.run.result->status;
		if (args->json && cli_json_write(args->json, call_json(&c), &e) < 0) {
			cli_say_error(&e);
			status = CLI_FAILED;
		}
	}
	free_call(&c);
	return status;
}

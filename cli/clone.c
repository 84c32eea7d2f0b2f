/* SPDX-License-Identifier: MIT */
/* clone: snug clone */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cli.h"
#include "crowd.h"
#include "jail.h"
#include "json.h"
#include "outfile.h"
#include "run.h"
#include "times.h"

struct times {
	uint64_t restore_ns, wall_ns;
	struct cli_times clone, run;
};

/* The highest is the command's. */
static int highest(const struct cli_crowd *c)
{
	int status = CLI_OK;

	for (size_t i = 0; i < c->count; i++)
		if (c->clones[i].status > status)
			status = c->clones[i].status;
	return status;
}

static void say_statuses(const struct cli_crowd *c)
{
	size_t counts[256][2] = {0};

	for (size_t i = 0; i < c->count; i++)
		counts[c->clones[i].status & 255][c->clones[i].by_guest]++;
	for (int status = 0; status < 256; status++)
		for (int by_guest = 1; by_guest >= 0; by_guest--)
			if (counts[status][by_guest])
				cli_say("%zu of %zu clones ended with status %d%s", counts[status][by_guest],
				        c->count, status, by_guest ? "" : ", set by snug");
}

static void measure(const struct cli_crowd *c, struct times *t)
{
	uint64_t *ns = calloc(c->count, sizeof *ns);

	for (size_t i = 0; ns && i < c->count; i++)
		ns[i] = c->clones[i].clone_ns;
	t->clone = cli_times(ns, ns ? c->count : 0);
	for (size_t i = 0; ns && i < c->count; i++)
		ns[i] = c->clones[i].run_ns;
	t->run = cli_times(ns, ns ? c->count : 0);
	free(ns);
}

static void print_times(const struct times *t)
{
	char text[64];

	fprintf(stderr, "restore  %s\n", cli_time(text, t->restore_ns));
	fprintf(stderr, "clone    %s\n", cli_times_text(text, &t->clone));
	fprintf(stderr, "run      %s\n", cli_times_text(text, &t->run));
	fprintf(stderr, "in all   %s\n", cli_time(text, t->wall_ns));
}

static json_t *clone_json(const struct cli_clone *one)
{
	return json_pack("{s:i, s:s, s:I, s:I, s:I, s:b, s:o}", "status", one->status, "set_by",
	                 one->by_guest ? "guest" : "snug", "clone_ns", (json_int_t)one->clone_ns, "run_ns",
	                 (json_int_t)one->run_ns, "console_bytes", (json_int_t)one->bytes, "console_cut",
	                 one->bytes > one->len, "what", cli_json_text(one->what));
}

static json_t *crowd_json(const struct cli_crowd *c, const struct times *t)
{
	json_t *o, *rows = json_array();

	for (size_t i = 0; !c->error.code && i < c->count; i++)
		json_array_append_new(rows, clone_json(&c->clones[i]));
	o = json_pack("{s:i, s:s, s:o, s:I, s:I, s:I, s:o}", "schema", CLI_JSON_SCHEMA, "snug", snug_version(),
	              "file", cli_json_text(c->args->image), "count", (json_int_t)c->count, "restore_ns",
	              (json_int_t)t->restore_ns, "wall_ns", (json_int_t)t->wall_ns, "clones", rows);
	if (c->error.code)
		json_object_set_new(o, "error", cli_json_error(&c->error));
	json_object_set_new(o, "clone", cli_times_json(&t->clone));
	json_object_set_new(o, "run", cli_times_json(&t->run));
	return o;
}

/* Tells all that is to be told of the clones; the exit status. */
static int tell(const struct cli_crowd *c, struct times *t)
{
	int status = c->error.code ? CLI_FAILED : highest(c);
	struct snug_error e;

	if (c->error.code) {
		cli_say_error(&c->error);
	} else {
		measure(c, t);
		say_statuses(c);
		if (c->args->stats)
			print_times(t);
	}
	if (c->args->json && cli_json_write(c->args->json, crowd_json(c, t), &e) < 0) {
		cli_say_error(&e);
		return CLI_FAILED;
	}
	return status;
}

static int check_args(const struct cli_args *args, struct snug_error *e)
{
	if (!args->count)
		return cli_err(e, -EINVAL, "usage: snug clone [OPTIONS] FILE -n N",
		               "-n: how many clones? none are asked for");
	return cli_check_files(args, "FILE", e);
}

int verb_clone(const struct cli_args *args)
{
	const struct snug_config cfg = {.size = sizeof cfg,
	                                .unclaimed = SNUG_UNCLAIMED_IGNORE,
	                                .flags = cli_jail_config(args),
	                                .kvm_path = args->kvm};
	struct cli_crowd c = {.args = args, .count = args->count};
	struct times t = {0};
	uint64_t begin = cli_now();
	struct snug_error e;
	int status, code;

	if (check_args(args, &e) < 0) {
		cli_say_error(&e);
		return CLI_FAILED;
	}
	code = snug_restore(args->image, &cfg, &c.parent, &e);
	if (code < 0) {
		cli_say_error(&e);
		return cli_snapshot_status(&e, code);
	}
	t.restore_ns = cli_now() - begin;
	cli_crowd_run(&c);
	t.wall_ns = cli_now() - begin;
	status = tell(&c, &t);
	cli_crowd_free(&c);
	snug_vm_free(c.parent);
	return status;
}

/* SPDX-License-Identifier: MIT */
/*
 * report: one HTML page that shows a run
 *
 * report/page.html with its marks replaced: @STYLE@ and @SCRIPT@ by the files beside it, @DATA@ and @TRACE@ by JSON.
 * What a guest says is in that JSON alone, where no < is left, and the script makes text of it, never markup; a nonce
 * keeps any other script from running.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "outfile.h"
#include "report.h"

/* The files of cli/report, see report.S. */
extern const char snug_report_page[];
extern const size_t snug_report_page_len;
extern const char snug_report_style[];
extern const size_t snug_report_style_len;
extern const char snug_report_script[];
extern const size_t snug_report_script_len;

/* A page being written: what its marks stand for, and the first error. */
struct page {
	struct cli_out out;
	const struct cli_result *result;
	json_t *data;
	int err;
	size_t used;
	char buffer[16384];
};

static void flush(struct page *p)
{
	if (!p->err)
		p->err = cli_out_write(&p->out, p->buffer, p->used);
	p->used = 0;
}

static void put(struct page *p, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p->used == sizeof p->buffer)
			flush(p);
		p->buffer[p->used++] = s[i];
	}
}

/* In JSON a < stands in texts only, where an escape says the same: so </script> and <!-- cannot come about. */
static int put_json(const char *s, size_t len, void *ctx)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] == '<')
			put(ctx, "\\u003c", 6);
		else
			put(ctx, s + i, 1);
	return 0;
}

static void put_nonce(struct page *p)
{
	put(p, p->result->facts.nonce, strlen(p->result->facts.nonce));
}

static void put_style(struct page *p)
{
	put(p, snug_report_style, snug_report_style_len);
}

static void put_script(struct page *p)
{
	put(p, snug_report_script, snug_report_script_len);
}

static void put_data(struct page *p)
{
	json_dump_callback(p->data, put_json, p, JSON_COMPACT);
}

static void put_trace(struct page *p)
{
	const struct cli_result *r = p->result;

	put_json(r->timeline ? r->timeline : "null", r->timeline ? r->timeline_len : 4, p);
}

static const struct {
	const char *name;
	void (*put)(struct page *p);
} marks[] = {
    {"@NONCE@", put_nonce}, {"@STYLE@", put_style}, {"@SCRIPT@", put_script},
    {"@DATA@", put_data},   {"@TRACE@", put_trace},
};

static void put_page(struct page *p)
{
	size_t left = snug_report_page_len, len;

	for (const char *at = snug_report_page; left; at += len, left -= len) {
		size_t i = 0, n = sizeof marks / sizeof *marks;

		while (i < n &&
		       (left < strlen(marks[i].name) || memcmp(at, marks[i].name, strlen(marks[i].name)) != 0))
			i++;
		len = i < n ? strlen(marks[i].name) : 1;
		if (i < n)
			marks[i].put(p);
		else
			put(p, at, 1);
	}
}

static json_t *machine(const struct cli_result *r)
{
	const struct cli_facts *f = &r->facts;

	return json_pack("{s:s, s:s, s:o, s:I, s:I, s:I}", "kvm", snug_host_name(f->kind), "kernel", f->kernel, "cpu",
	                 cli_json_text(f->cpu), "host_cpus", (json_int_t)f->host_cpus, "vcpus", (json_int_t)r->cpus,
	                 "mem", (json_int_t)r->mem);
}

/* Some of the guest's bytes as text. */
static json_t *words(const struct cli_console *console)
{
	size_t len;
	char *kept = cli_console_kept(console, &len);
	json_t *text = cli_json_bytes(kept ? kept : "", len);

	free(kept);
	return json_pack("{s:o, s:I, s:I}", "text", text, "kept", (json_int_t)len, "bytes",
	                 (json_int_t)console->bytes);
}

static json_t *data(const struct cli_args *args, const struct cli_result *r, const struct cli_console *console)
{
	json_t *o = cli_result_json(r, args);
	char when[32] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (gmtime_r(&now, &tm))
		strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_object_set_new(o, "when", json_string(when));
	json_object_set_new(o, "machine", machine(r));
	json_object_set_new(o, "console", words(console));
	if (r->crash)
		json_object_set_new(o, "crash", cli_json_bytes(r->crash, strlen(r->crash)));
	return o;
}

int cli_report_write(const struct cli_args *args, const struct cli_result *r, const struct cli_console *console,
                     struct snug_error *e)
{
	struct page *p = calloc(1, sizeof *p);
	int code = -ENOMEM;

	if (!p || cli_out_open(&p->out, "report", args->report, e) < 0) {
		code = p ? e->code : cli_err(e, code, NULL, "--report: no memory");
		free(p);
		return code;
	}
	p->result = r;
	p->data = data(args, r, console);
	if (p->data && p->result->facts.nonce[0]) {
		put_page(p);
		flush(p);
		code = p->err;
	}
	code = cli_out_close(&p->out, code, e);
	json_decref(p->data);
	free(p);
	return code;
}

/* SPDX-License-Identifier: MIT */
/* snapshot: snug snapshot info */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "json.h"
#include "outfile.h"
#include "run.h"

static const struct {
	uint32_t bit;
	const char *name;
} devices[] = {
    {SNUG_DEV_SERIAL, "serial"}, {SNUG_DEV_DEBUGCON, "debugcon"}, {SNUG_DEV_DEBUG_EXIT, "debug-exit"},
    {SNUG_DEV_RESET, "reset"},   {SNUG_DEV_CMOS, "cmos"},         {SNUG_DEV_GUEST, "guest"},
    {SNUG_DEV_PC, "pc"},
};

enum { DEVICES = sizeof devices / sizeof *devices };

/* What the file says may be anything. */
__attribute__((format(printf, 2, 3))) static void row(const char *name, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	cli_defuse(text);
	printf("%-9s  %s\n", name, text);
}

static const char *when(char out[32], uint64_t time_ns)
{
	time_t t = (time_t)(time_ns / 1000000000u);
	struct tm tm;

	out[0] = 0;
	if (gmtime_r(&t, &tm))
		strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}

static void print_guest(const struct snug_snapshot_info *s)
{
	char names[128] = "";
	size_t used = 0;

	row("cpus", "%" PRIu32, s->cpus);
	for (size_t i = 0; i < DEVICES; i++)
		if (s->devices & devices[i].bit)
			used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? " " : "",
			                         devices[i].name);
	row("devices", "%s", used ? names : "none");
	if (s->boot.kind)
		row("guest", "%s, mode %s, at 0x%" PRIx64 "-0x%" PRIx64 ", entry 0x%" PRIx64 ", stack 0x%" PRIx64,
		    snug_kind_name(s->boot.kind), snug_mode_name(s->boot.mode), s->boot.low, s->boot.high,
		    s->boot.entry, s->boot.stack);
	row("symbols", "%" PRIu64, s->symbols);
}

static void print_info(const struct snug_snapshot_info *s, const struct cli_args *args)
{
	char text[2][32];

	row("file", "%s: %s, version %" PRIu32, args->image, cli_size(text[0], s->file_bytes), s->version);
	row("made", "%s by snug %s", when(text[0], s->time_ns), s->snug);
	row("host", "%s", snug_host_name(s->host));
	row("kernel", "%s", s->kernel);
	row("cpu", "%s", s->cpu);
	row("memory", "%s in %" PRIu32 " region%s, %s of it not zero", cli_size(text[0], s->mem_bytes), s->regions,
	    s->regions == 1 ? "" : "s", cli_size(text[1], s->data_bytes));
	print_guest(s);
	if (args->verify)
		row("checked", "all of memory is as it was saved");
	row("fits here", "%s", s->fits ? "yes" : "no");
	if (!s->fits)
		row("", "%s", s->why);
}

static json_t *info_json(const struct snug_snapshot_info *s, const struct cli_args *args)
{
	json_t *o, *names = json_array();
	char made[32];

	for (size_t i = 0; i < DEVICES; i++)
		if (s->devices & devices[i].bit)
			json_array_append_new(names, json_string(devices[i].name));
	o = json_pack("{s:i, s:s, s:o, s:I, s:s, s:o, s:o, s:o, s:s}", "schema", CLI_JSON_SCHEMA, "snug",
	              snug_version(), "file", cli_json_text(args->image), "version", (json_int_t)s->version, "made",
	              when(made, s->time_ns), "made_by", cli_json_text(s->snug), "kernel", cli_json_text(s->kernel),
	              "cpu", cli_json_text(s->cpu), "host", snug_host_name(s->host));
	json_object_update_new(o,
	                       json_pack("{s:I, s:o, s:I, s:I, s:I, s:I, s:I}", "cpus", (json_int_t)s->cpus,
	                                 "devices", names, "regions", (json_int_t)s->regions, "mem_bytes",
	                                 (json_int_t)s->mem_bytes, "data_bytes", (json_int_t)s->data_bytes,
	                                 "file_bytes", (json_int_t)s->file_bytes, "symbols", (json_int_t)s->symbols));
	json_object_update_new(o, json_pack("{s:b, s:b, s:o}", "verified", args->verify, "fits", s->fits, "why",
	                                    cli_json_text(s->fits ? "" : s->why)));
	return o;
}

int verb_snapshot(const struct cli_args *args)
{
	struct snug_snapshot_info info = {.size = sizeof info};
	struct snug_error e;
	int code;

	if (cli_check_files(args, "FILE", &e) < 0) {
		cli_say_error(&e);
		return CLI_FAILED;
	}
	code = snug_snapshot_info(args->image, args->kvm, args->verify ? SNUG_SNAPSHOT_VERIFY : 0, &info, &e);
	if (code < 0) {
		cli_say_error(&e);
		return code == -ENOTSUP ? CLI_CHECK_FAILED : cli_snapshot_status(&e, code);
	}
	print_info(&info, args);
	if (args->json && cli_json_write(args->json, info_json(&info, args), &e) < 0) {
		cli_say_error(&e);
		return CLI_FAILED;
	}
	return cli_flush(info.fits ? CLI_OK : CLI_CHECK_FAILED);
}

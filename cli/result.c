/* SPDX-License-Identifier: MIT */
/* result: what became of a run, as JSON */
#include <inttypes.h>

#include "result.h"

/* Addresses are texts: JSON's numbers lose the low bits of large ones in many readers. */
static json_t *hex(uint64_t v)
{
	return json_sprintf("0x%" PRIx64, v);
}

static json_t *fault(const struct snug_exit *x)
{
	return json_pack("{s:i, s:s, s:o, s:o, s:o, s:o}", "vector", x->fault.vector, "name",
	                 snug_vector_name(x->fault.vector), "code",
	                 x->fault.has_code ? hex(x->fault.code) : json_null(), "rip", hex(x->fault.rip), "rsp",
	                 hex(x->fault.rsp), "cr2", hex(x->fault.cr2));
}

static json_t *outcome(const struct cli_result *r)
{
	json_t *o = json_pack("{s:s, s:i, s:s}", "exit", snug_exit_name(r->exit.kind), "status", r->status, "set_by",
	                      r->by_guest ? "guest" : "snug");

	if (r->exit.kind != SNUG_EXIT_NONE)
		json_object_set_new(o, "reason", json_string(snug_reason_name(r->exit.reason)));
	if (r->exit.kind == SNUG_EXIT_FAULT)
		json_object_set_new(o, "fault", fault(&r->exit));
	if (r->autopsy.why[0])
		json_object_set_new(o, "cause",
		                    json_pack("{s:s, s:s}", "rule", r->autopsy.rule, "text", r->autopsy.why));
	if (r->error.msg[0])
		json_object_set_new(o, "error", cli_json_error(&r->error));
	return o;
}

static json_t *stat_time(const struct snug_stat_time *t)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "total_ns", (json_int_t)t->total, "p50_ns", (json_int_t)t->p50,
	                 "p99_ns", (json_int_t)t->p99, "max_ns", (json_int_t)t->max);
}

static json_t *stat_row(const struct snug_stat *s)
{
	static const char *const groups[] = {"reason", "port", "page", "msr", "rest"};
	json_t *o = json_pack("{s:s, s:s, s:I, s:I, s:o, s:o}", "reason", snug_reason_name(s->reason), "group",
	                      s->group < 5 ? groups[s->group] : "?", "count", (json_int_t)s->count, "unclaimed",
	                      (json_int_t)s->unclaimed, "run", stat_time(&s->run), "host", stat_time(&s->host));

	if (s->group == SNUG_STAT_PORT || s->group == SNUG_STAT_PAGE || s->group == SNUG_STAT_MSR) {
		json_object_set_new(o, "key", hex(s->key));
		json_object_set_new(o, "write", json_boolean(s->write));
	}
	return o;
}

static json_t *memory(const struct snug_mem_usage *m)
{
	if (!m->size)
		return json_null();
	return json_pack("{s:I, s:I, s:I}", "given", (json_int_t)m->given, "touched", (json_int_t)m->touched,
	                 "resident", (json_int_t)m->resident);
}

json_t *cli_result_json(const struct cli_result *r, const struct cli_args *args)
{
	json_t *o, *rows = json_array(), *kernel = json_object(), *assist = json_object();

	for (size_t i = 0; i < r->stats.count; i++)
		json_array_append_new(rows, stat_row(&r->stats.rows[i]));
	for (size_t i = 0; i < r->stats.kernel_count; i++)
		json_object_set_new(kernel, r->stats.kernel[i].name,
		                    json_integer((json_int_t)r->stats.kernel[i].value));
	o = json_pack("{s:i, s:s, s:o, s:s, s:o, s:I, s:I, s:o}", "schema", CLI_JSON_SCHEMA, "snug", snug_version(),
	              "image", cli_json_text(args->image), "host", snug_host_name(r->facts.kind), "result",
	              outcome(r), "reboots", (json_int_t)r->reboots, "wall_ns", (json_int_t)r->wall_ns, "stats",
	              rows);
	for (size_t i = 0; i < r->stats.assist_count; i++)
		json_object_set_new(assist, r->stats.assist[i].name,
		                    json_integer((json_int_t)r->stats.assist[i].count));
	json_object_set_new(o, "kernel", kernel);
	json_object_set_new(o, "assist", assist);
	json_object_set_new(o, "memory", memory(&r->stats.memory));
	if (args->save)
		json_object_set_new(o, "saves", json_integer((json_int_t)r->saves));
	if (!r->loaded)
		return o;
	json_object_set_new(o, "kind", json_string(snug_kind_name(r->boot.kind)));
	json_object_set_new(o, "mode", json_string(snug_mode_name(r->boot.mode)));
	json_object_set_new(o, "entry", hex(r->boot.entry));
	json_object_set_new(o, "low", hex(r->boot.low));
	json_object_set_new(o, "high", hex(r->boot.high));
	return o;
}

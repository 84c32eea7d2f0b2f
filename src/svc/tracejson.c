/* SPDX-License-Identifier: MIT */
/*
 * tracejson: a trace in Chrome's "Trace Event Format", JSON object form
 *
 * Thread 1 + i is vCPU i, the next one the host, those after it devices in the order of their ranges.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/num.h"
#include "base/utf8.h"
#include "svc/trace.h"

#define NS_MAX 1e18 /* no time is later: 31 years */

/* The parts of a turn, in the order they begin. */
enum stage { STAGE_RUN, STAGE_EXIT, STAGE_DEVICE };

/* A lane, and its next event. */
struct source {
	struct snug__lane_reader reader;
	const struct snug__record *r; /* NULL: no more */
	enum stage stage;
	uint64_t busy; /* the end of its track's last event, in ns as all times here */
};

struct writer {
	const snug_vm *vm;
	const struct snug__tracelog *log;
	double ns; /* a tick */
	uint64_t last;
	struct source *sources;
	uint64_t *busy; /* the same of each device's track */
	unsigned devices;
	int (*write)(void *ctx, const void *bytes, size_t len);
	void *ctx;
	int err;
	bool comma;
	size_t used;
	char out[16384];
};

static void flush(struct writer *w)
{
	if (!w->err && w->used)
		w->err = w->write(w->ctx, w->out, w->used);
	w->used = 0;
}

/* Some bytes, far fewer than the buffer has. */
static void put(struct writer *w, const char *s, size_t len)
{
	if (w->used + len > sizeof(w->out))
		flush(w);
	memcpy(w->out + w->used, s, len);
	w->used += len;
}

__attribute__((format(printf, 2, 3))) static void putf(struct writer *w, const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0)
		put(w, line, snug__min((unsigned)n, sizeof(line) - 1));
}

/* A guest's text, in JSON's quotes: what is no UTF-8 becomes U+FFFD. */
static void put_text(struct writer *w, const char *s)
{
	size_t len = strnlen(s, SNUG__TRACE_NAME);

	put(w, "\"", 1);
	while (len) {
		unsigned n = snug__utf8_len((const uint8_t *)s, len);

		if (!n)
			put(w, "\\ufffd", 6);
		else if (*s == '"' || *s == '\\')
			putf(w, "\\%c", *s);
		else if ((uint8_t)*s < 0x20 || *s == 0x7f)
			putf(w, "\\u%04x", (unsigned)*s);
		else
			put(w, s, n);
		n += !n;
		s += n;
		len -= n;
	}
	put(w, "\"", 1);
}

static uint64_t to_ns(const struct writer *w, uint64_t ticks)
{
	uint64_t zero = w->vm->ticks.start;
	double ns = ticks > zero ? (double)(ticks - zero) * w->ns : 0;

	return (uint64_t)(ns < NS_MAX ? ns : NS_MAX);
}

static void begin(struct writer *w, const char *ph, uint64_t tid)
{
	putf(w, "%s\n{\"ph\":\"%s\",\"pid\":1,\"tid\":%" PRIu64, w->comma ? "," : "", ph, tid);
	w->comma = true;
}

static void put_ts(struct writer *w, uint64_t ns)
{
	putf(w, ",\"ts\":%" PRIu64 ".%03u", ns / 1000, (unsigned)(ns % 1000));
	w->last = ns;
}

/* A complete event, but for its name. */
static void begin_span(struct writer *w, uint64_t tid, uint64_t from, uint64_t to)
{
	uint64_t ns = to - from;

	begin(w, "X", tid);
	put_ts(w, from);
	putf(w, ",\"dur\":%" PRIu64 ".%03u,\"name\":", ns / 1000, (unsigned)(ns % 1000));
}

/* The track of the device that answers an address now; the last one is of those that are gone. */
static unsigned device_of(const struct writer *w, const struct snug__record *r)
{
	bool port = r->turn.reason == KVM_EXIT_IO;
	const struct snug__bus *bus = port ? &w->vm->pio : &w->vm->mmio;
	const struct snug__range *range = snug__bus_find(bus, r->turn.addr);

	if (!range)
		return w->devices - 1;
	return (unsigned)(range - bus->ranges) + (port ? 0 : w->vm->pio.count);
}

static uint64_t device_tid(const struct writer *w, unsigned device)
{
	return 1ull + w->log->count + device;
}

/* How accesses are told: by reason, read and write. */
static const char *verb(const struct snug__record *r)
{
	bool write = r->flags & SNUG__TURN_WRITE;

	if (r->turn.reason == KVM_EXIT_IO)
		return write ? "out" : "in";
	return write ? "write" : "read";
}

static void put_value(struct writer *w, const struct snug__record *r)
{
	if (r->flags & SNUG__TURN_VALUE)
		putf(w, ",\"value\":\"0x%" PRIx64 "\"", r->turn.value);
}

/* What snug__turn.addr is, for reasons that have one. */
static const struct detail {
	uint32_t reason;
	const char *key, *verb; /* verb NULL: the reason's name will do */
} details[] = {
    {KVM_EXIT_X86_RDMSR, "msr", "rdmsr"},        {KVM_EXIT_X86_WRMSR, "msr", "wrmsr"},
    {KVM_EXIT_INTERNAL_ERROR, "suberror", NULL}, {KVM_EXIT_FAIL_ENTRY, "hardware_reason", NULL},
    {KVM_EXIT_SYSTEM_EVENT, "type", NULL},       {KVM_EXIT_DEBUG, "pc", NULL},
};

static void put_exit(struct writer *w, const struct snug__record *r)
{
	const struct snug__turn *t = &r->turn;
	const char *reason = snug_reason_name(t->reason), *prefix = "KVM_EXIT_";
	const struct detail *d = NULL;

	if (t->reason == KVM_EXIT_IO || t->reason == KVM_EXIT_MMIO) {
		putf(w, "\"%s 0x%" PRIx64 "\",\"args\":{\"reason\":\"%s\",\"%s\":\"0x%" PRIx64 "\"", verb(r), t->addr,
		     reason, t->reason == KVM_EXIT_IO ? "port" : "gpa", t->addr);
		putf(w, ",\"size\":%u,\"direction\":\"%s\",\"count\":%" PRIu32 ",\"claimed\":%s", r->size, verb(r),
		     t->count, r->flags & SNUG__TURN_CLAIMED ? "true" : "false");
		put_value(w, r);
		put(w, "}", 1);
		return;
	}
	for (size_t i = 0; i < sizeof(details) / sizeof(details[0]); i++)
		if (details[i].reason == t->reason)
			d = &details[i];
	if (d && d->verb)
		putf(w, "\"%s 0x%" PRIx64 "\"", d->verb, t->addr);
	else
		putf(w, "\"%s\"", strncmp(reason, prefix, strlen(prefix)) == 0 ? reason + strlen(prefix) : reason);
	putf(w, ",\"args\":{\"reason\":\"%s\"", reason);
	if (d)
		putf(w, ",\"%s\":\"0x%" PRIx64 "\"", d->key, t->addr);
	put_value(w, r);
	put(w, "}", 1);
}

/* When the next event of a source begins; nothing on a track begins before what is there has ended. */
static uint64_t starts(const struct writer *w, const struct source *s)
{
	const struct snug__record *r = s->r;

	if (r->kind == SNUG__RECORD_MARK)
		return to_ns(w, r->at);
	if (s->stage == STAGE_RUN)
		return snug__max(to_ns(w, r->at), s->busy);
	if (s->stage == STAGE_EXIT)
		return snug__max(to_ns(w, r->turn.left), s->busy);
	return snug__max(to_ns(w, r->turn.left), w->busy[device_of(w, r)]);
}

static void put_mark(struct writer *w, const struct snug__record *r, uint64_t tid, uint64_t ts)
{
	begin(w, "i", tid);
	put_ts(w, ts);
	putf(w, ",\"s\":\"t\",\"name\":");
	put_text(w, r->name);
}

/* The next event of source i, and on to the one after it. */
static void put_event(struct writer *w, unsigned i)
{
	struct source *s = &w->sources[i];
	const struct snug__record *r = s->r;
	const struct snug__turn *t = &r->turn;
	uint64_t ts = snug__max(starts(w, s), w->last), end;
	unsigned events = snug__record_events(r), device;

	if (r->kind == SNUG__RECORD_MARK) {
		put_mark(w, r, 1ull + i, ts);
	} else if (s->stage == STAGE_RUN) {
		end = snug__max(to_ns(w, t->left), ts);
		begin_span(w, 1ull + i, ts, end);
		putf(w, "\"KVM_RUN\"");
		s->busy = end;
	} else if (s->stage == STAGE_EXIT) {
		end = snug__max(to_ns(w, t->end), ts);
		begin_span(w, 1ull + i, ts, end);
		put_exit(w, r);
		s->busy = end;
	} else {
		device = device_of(w, r);
		end = snug__max(to_ns(w, t->left + t->device), ts);
		begin_span(w, device_tid(w, device), ts, end);
		putf(w, "\"%s 0x%" PRIx64 "\",\"args\":{\"vcpu\":%u,\"size\":%u,\"count\":%" PRIu32, verb(r), t->addr,
		     i, r->size, t->count);
		put_value(w, r);
		put(w, "}", 1);
		w->busy[device] = end;
	}
	put(w, "}", 1);
	s->stage++;
	if (s->stage < events)
		return;
	s->stage = STAGE_RUN;
	s->r = snug__lane_read(&s->reader);
	if (s->reader.err && !w->err)
		w->err = s->reader.err;
}

static void put_events(struct writer *w)
{
	while (!w->err) {
		unsigned first = w->log->count;
		uint64_t when = UINT64_MAX;

		for (unsigned i = 0; i < w->log->count; i++) {
			uint64_t t = w->sources[i].r ? starts(w, &w->sources[i]) : UINT64_MAX;

			if (t < when) {
				when = t;
				first = i;
			}
		}
		if (first == w->log->count)
			break;
		put_event(w, first);
	}
}

static void put_thread(struct writer *w, uint64_t tid, const char *name)
{
	begin(w, "M", tid);
	putf(w, ",\"name\":\"thread_name\",\"args\":{\"name\":\"%s\"}}", name);
	begin(w, "M", tid);
	putf(w, ",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":%" PRIu64 "}}", tid);
}

static void put_devices(struct writer *w, const struct snug__bus *bus, unsigned first)
{
	char name[96];

	for (unsigned i = 0; i < bus->count; i++) {
		const char *chip = snug__machine_name(w->vm, bus->ranges[i].self);

		snprintf(name, sizeof(name), "%s%s%s 0x%" PRIx64, chip ? chip : "", chip ? ", " : "", bus->name,
		         bus->ranges[i].base);
		put_thread(w, device_tid(w, first + i), name);
	}
}

static void put_head(struct writer *w)
{
	char name[32];

	putf(w,
	     "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"producer\":\"snug %s\",\"events\":%" PRIu64
	     ",\"lost\":%" PRIu64 "},\n\"traceEvents\":[",
	     snug_version(), snug__tracelog_seen(w->log), snug__tracelog_lost(w->log));
	begin(w, "M", 0);
	putf(w, ",\"name\":\"process_name\",\"args\":{\"name\":\"guest\"}}");
	for (unsigned i = 0; i + 1 < w->log->count; i++) {
		snprintf(name, sizeof(name), "vCPU %u", i);
		put_thread(w, 1ull + i, name);
	}
	put_thread(w, w->log->count, "host");
	put_devices(w, &w->vm->pio, 0);
	put_devices(w, &w->vm->mmio, w->vm->pio.count);
	put_thread(w, device_tid(w, w->devices - 1), "removed devices");
}

static int open_sources(struct writer *w, uint64_t newest)
{
	int r = 0;

	w->devices = w->vm->pio.count + w->vm->mmio.count + 1;
	w->sources = calloc(w->log->count, sizeof(*w->sources));
	w->busy = calloc(w->devices, sizeof(*w->busy));
	if (!w->sources || !w->busy)
		return -ENOMEM;
	for (unsigned i = 0; r == 0 && i < w->log->count; i++) {
		struct source *s = &w->sources[i];

		r = snug__lane_reader_init(&s->reader, w->log, &w->log->lanes[i], newest);
		if (r == 0)
			s->r = snug__lane_read(&s->reader);
		if (r == 0)
			r = s->reader.err;
	}
	return r;
}

static void close_writer(struct writer *w)
{
	for (unsigned i = 0; w->sources && i < w->log->count; i++)
		snug__lane_reader_end(&w->sources[i].reader);
	free(w->sources);
	free(w->busy);
	free(w);
}

int snug__trace_json(const snug_vm *vm, const struct snug__tracelog *log, uint64_t newest,
                     int (*write)(void *ctx, const void *bytes, size_t len), void *ctx, struct snug_error *err)
{
	struct writer *w = calloc(1, sizeof(*w));
	int r = -ENOMEM;

	if (w) {
		w->vm = vm;
		w->log = log;
		w->ns = snug__ticks_ns(&vm->ticks);
		w->write = write;
		w->ctx = ctx;
		r = open_sources(w, newest);
	}
	if (r == 0) {
		put_head(w);
		put_events(w);
		putf(w, "\n]}\n");
		flush(w);
		r = w->err;
	}
	if (w)
		close_writer(w);
	if (r == -ENOMEM)
		return snug__err(err, r, SNUG_STEP_NONE, "free some memory", "trace: out of memory");
	if (r < 0)
		return snug__err(err, r, SNUG_STEP_NONE, "is there room where it goes to?", "trace: writing: %s (%s)",
		                 snug__errno_text(-r), snug__errno_name(-r));
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* gdbwire: RSP "Overview": $payload#checksum, + and -, and the interrupt byte */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "svc/gdb.h"

#define INTERRUPT 0x03
#define ESCAPE 0x20 /* xor of the byte after '}' */

void snug__gdb_put(struct snug__gdb_text *t, const void *bytes, size_t len)
{
	if (len > t->room - t->len) {
		t->over = true;
		return;
	}
	memcpy(t->at + t->len, bytes, len);
	t->len += len;
}

void snug__gdb_printf(struct snug__gdb_text *t, const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	snug__gdb_put(t, line, n < 0 ? 0 : snug__min((uint64_t)n, sizeof(line) - 1));
}

int snug__gdb_init(struct snug__gdb_engine *e, const struct snug__gdb_ops *ops, void *ctx, unsigned cpus)
{
	memset(e, 0, sizeof(*e));
	e->ops = ops;
	e->ctx = ctx;
	e->cpus = cpus;
	e->stop = (struct snug__gdb_stop){.signal = SNUG__GDB_SIGTRAP};
	e->actions = calloc(cpus, 1);
	return e->actions ? 0 : -ENOMEM;
}

void snug__gdb_destroy(struct snug__gdb_engine *e)
{
	free(e->actions);
}

static bool has_room(const struct snug__gdb_engine *e)
{
	return sizeof(e->out) - e->out_len >= sizeof(e->last) + 1; /* an answer and its '+' */
}

static void queue(struct snug__gdb_engine *e, const char *bytes, size_t len)
{
	if (len > sizeof(e->out) - e->out_len)
		return; /* a debugger that asks again and again without reading what it asked for */
	memcpy(e->out + e->out_len, bytes, len);
	e->out_len += len;
}

void snug__gdb_send(struct snug__gdb_engine *e, const char *payload, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + (uint8_t)payload[i]);
	e->last[0] = '$';
	memcpy(e->last + 1, payload, len);
	snprintf(e->last + 1 + len, 4, "#%02x", sum);
	e->last_len = len + 4;
	queue(e, e->last, e->last_len);
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A packet is there whole.  Without acknowledgements nobody would send it again: it is taken as it is. */
static void whole(struct snug__gdb_engine *e)
{
	bool good = !e->bad && e->want == e->sum;

	e->rx = SNUG__GDB_IDLE;
	if (!e->no_ack)
		queue(e, good ? "+" : "-", 1);
	if (!good && !e->no_ack)
		return;
	if (e->too_long) {
		snug__gdb_send(e, "E07", 3); /* E2BIG */
		return;
	}
	e->in[e->in_len] = 0;
	snug__gdb_packet(e);
}

static void data(struct snug__gdb_engine *e, uint8_t c)
{
	if (e->in_len == SNUG__GDB_PACKET)
		e->too_long = true;
	else
		e->in[e->in_len++] = (char)c;
}

static void idle(struct snug__gdb_engine *e, uint8_t c)
{
	switch (c) {
	case '$':
		e->rx = SNUG__GDB_DATA;
		e->in_len = 0;
		e->sum = 0;
		e->too_long = e->bad = false;
		break;
	case '-':
		if (!e->no_ack)
			queue(e, e->last, e->last_len);
		break;
	case INTERRUPT:
		if (e->state == SNUG_GDB_RUN)
			e->interrupt = true;
		break;
	default: /* '+', and what is left of a broken packet */
		break;
	}
}

static void receive(struct snug__gdb_engine *e, uint8_t c)
{
	int digit = hex_digit(c);

	switch (e->rx) {
	case SNUG__GDB_IDLE:
		idle(e, c);
		break;
	case SNUG__GDB_DATA:
		if (c == '#') {
			e->rx = SNUG__GDB_SUM1;
		} else if (c == '$') { /* the end of the packet before was lost */
			idle(e, c);
		} else {
			e->sum = (uint8_t)(e->sum + c);
			if (c == '}')
				e->rx = SNUG__GDB_ESCAPED;
			else
				data(e, c);
		}
		break;
	case SNUG__GDB_ESCAPED:
		e->sum = (uint8_t)(e->sum + c);
		data(e, c ^ ESCAPE);
		e->rx = SNUG__GDB_DATA;
		break;
	case SNUG__GDB_SUM1:
	case SNUG__GDB_SUM2:
		e->bad = e->bad || digit < 0;
		e->want = (uint8_t)(e->want << 4 | (digit & 15));
		if (e->rx++ == SNUG__GDB_SUM2)
			whole(e);
		break;
	}
}

size_t snug__gdb_input(struct snug__gdb_engine *e, const uint8_t *bytes, size_t len)
{
	size_t n = 0;

	while (n < len && has_room(e))
		receive(e, bytes[n++]);
	return n;
}

size_t snug__gdb_output(struct snug__gdb_engine *e, void *to, size_t max)
{
	size_t n = snug__min(max, e->out_len - e->out_sent);

	if (n)
		memcpy(to, e->out + e->out_sent, n);
	e->out_sent += n;
	if (e->out_sent == e->out_len)
		e->out_sent = e->out_len = 0;
	return n;
}

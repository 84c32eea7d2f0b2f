/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int snug__err(struct snug_error *e, int code, int step, const char *hint, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return code;
	e->code = code;
	e->step = step;
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	snprintf(e->hint, sizeof(e->hint), "%s", hint ? hint : "");
	return code;
}

int snug__err_wrap(struct snug_error *e, int code, const char *fmt, ...)
{
	char inner[sizeof(e->msg)];
	size_t used, room;
	va_list ap;
	int n;

	if (!e)
		return code;
	memcpy(inner, e->msg, sizeof(inner));
	va_start(ap, fmt);
	n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	used = n < 0 ? 0 : (size_t)n;
	if (used >= sizeof(e->msg) - 1)
		return code;
	room = sizeof(e->msg) - used;
	snprintf(e->msg + used, room, ": %.*s", (int)room, inner);
	return code;
}

const char *snug__errno_text(int err)
{
	const char *s = strerrordesc_np(err);

	return s ? s : "unknown error";
}

const char *snug__errno_name(int err)
{
	const char *s = strerrorname_np(err);

	return s ? s : "?";
}

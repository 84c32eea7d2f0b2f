/* SPDX-License-Identifier: MIT */
/* json: results for programs to read */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "outfile.h"

int cli_json_write(const char *path, json_t *value, struct snug_error *e)
{
	char *text = value ? json_dumps(value, JSON_INDENT(2)) : NULL;
	struct cli_out out;
	int r = text ? 0 : -ENOMEM;

	json_decref(value);
	if (cli_out_open(&out, "json", path, e) < 0) {
		free(text);
		return e->code;
	}
	if (r == 0)
		r = cli_out_write(&out, text, strlen(text));
	if (r == 0)
		r = cli_out_write(&out, "\n", 1);
	free(text);
	return cli_out_close(&out, r, e);
}

json_t *cli_json_text(const char *s)
{
	json_t *text = json_string(s);
	char *copy;

	if (text)
		return text;
	copy = strdup(s);
	for (char *c = copy; c && *c; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	text = copy ? json_string(copy) : NULL;
	free(copy);
	return text;
}

/* The Unicode Standard, table 3-7 "Well-Formed UTF-8 Byte Sequences": the length of the character there, or 0. */
static size_t utf8_len(const unsigned char *s, size_t len)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
	unsigned char low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
	unsigned char high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;

	if (n > len || (n > 1 && (s[1] < low || s[1] > high)))
		return 0;
	for (size_t i = 2; i < n; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return n;
}

json_t *cli_json_bytes(const char *s, size_t len)
{
	char *text = malloc(3 * len + 1);
	size_t used = 0;
	json_t *value;

	for (size_t i = 0; text && i < len;) {
		size_t n = utf8_len((const unsigned char *)s + i, len - i);

		memcpy(text + used, n ? s + i : "\xef\xbf\xbd", n ? n : 3); /* U+FFFD */
		used += n ? n : 3;
		i += n ? n : 1;
	}
	value = text ? json_stringn(text, used) : NULL;
	free(text);
	return value;
}

json_t *cli_json_error(const struct snug_error *e)
{
	return json_pack("{s:i, s:i, s:o, s:o}", "errno", -e->code, "step", e->step, "message", cli_json_text(e->msg),
	                 "hint", cli_json_text(e->hint));
}

json_t *cli_times_json(const struct cli_times *t)
{
	return json_pack("{s:I, s:I, s:I}", "p50_ns", (json_int_t)t->p50, "p99_ns", (json_int_t)t->p99, "max_ns",
	                 (json_int_t)t->max);
}

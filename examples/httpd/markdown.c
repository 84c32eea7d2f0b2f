/* SPDX-License-Identifier: MIT */
#include "markdown.h"

#define DEPTH_MAX 4 /* of emphasis in emphasis: the stack is not the text's to fill */

/* A piece of the text, not terminated. */
struct span {
	const char *at;
	size_t len;
};

enum block { NONE, PARAGRAPH, LIST, CODE };

void put(struct out *o, const char *text, size_t len)
{
	for (size_t i = 0; i < len && !o->full; i++) {
		if (o->len == o->max)
			o->full = true;
		else
			o->at[o->len++] = text[i];
	}
}

void put_string(struct out *o, const char *text)
{
	size_t len = 0;

	while (text[len])
		len++;
	put(o, text, len);
}

void put_number(struct out *o, unsigned long n)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + n % 10);
	while (n /= 10);
	put(o, digits + at, sizeof(digits) - at);
}

void put_escaped(struct out *o, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		switch (text[i]) {
		case '&':
			put_string(o, "&amp;");
			break;
		case '<':
			put_string(o, "&lt;");
			break;
		case '>':
			put_string(o, "&gt;");
			break;
		case '"':
			put_string(o, "&quot;");
			break;
		default:
			put(o, text + i, 1);
		}
	}
}

static bool begins(struct span s, const char *with)
{
	size_t i = 0;

	while (with[i] && i < s.len && s.at[i] == with[i])
		i++;
	return !with[i];
}

static struct span skip(struct span s, size_t n)
{
	return n < s.len ? (struct span){s.at + n, s.len - n} : (struct span){s.at + s.len, 0};
}

/* Where the mark comes next; the length of s if it does not. */
static size_t find(struct span s, const char *mark)
{
	size_t i = 0;

	while (i < s.len && !begins(skip(s, i), mark))
		i++;
	return i;
}

static void inline_text(struct out *o, struct span s, unsigned depth);

/* Puts what stands between two marks, if s begins with one and there is another; returns how much of s that was. */
static size_t between(struct out *o, struct span s, const char *mark, size_t mark_len, const char *tag,
                      unsigned depth)
{
	struct span inner = skip(s, mark_len);
	size_t len = begins(s, mark) ? find(inner, mark) : 0;

	if (len == 0 || len == inner.len)
		return 0;
	inner.len = len;
	put_string(o, "<");
	put_string(o, tag);
	put_string(o, ">");
	if (*mark == '`')
		put_escaped(o, inner.at, inner.len);
	else
		inline_text(o, inner, depth + 1);
	put_string(o, "</");
	put_string(o, tag);
	put_string(o, ">");
	return len + 2 * mark_len;
}

/* [text](target), where the target is of the web or of this server: no scripts. */
static size_t link(struct out *o, struct span s, unsigned depth)
{
	struct span text = skip(s, 1), target;
	size_t text_len = begins(s, "[") ? find(text, "](") : 0, target_len;

	if (text_len == 0 || text_len == text.len)
		return 0;
	target = skip(text, text_len + 2);
	target_len = find(target, ")");
	if (target_len == target.len ||
	    !(begins(target, "https://") || begins(target, "http://") || begins(target, "/")))
		return 0;
	text.len = text_len;
	put_string(o, "<a href=\"");
	put_escaped(o, target.at, target_len);
	put_string(o, "\">");
	inline_text(o, text, depth + 1);
	put_string(o, "</a>");
	return text_len + target_len + 4;
}

static void inline_text(struct out *o, struct span s, unsigned depth)
{
	while (s.len && !o->full) {
		size_t used = 0;

		if (depth < DEPTH_MAX) {
			used = between(o, s, "`", 1, "code", depth);
			used = used ? used : between(o, s, "**", 2, "strong", depth);
			used = used ? used : between(o, s, "*", 1, "em", depth);
			used = used ? used : link(o, s, depth);
		}
		if (!used)
			put_escaped(o, s.at, used = 1);
		s = skip(s, used);
	}
}

/* Ends the block that is open, unless it goes on, and begins the next. */
static void change(struct out *o, enum block *now, enum block next)
{
	static const char *const begin[] = {"", "<p>", "<ul>\n", "<pre>"};
	static const char *const end[] = {"", "</p>\n", "</ul>\n", "</pre>\n"};

	if (*now == next)
		return;
	put_string(o, end[*now]);
	put_string(o, begin[next]);
	*now = next;
}

static void heading(struct out *o, struct span line)
{
	size_t level = 0;
	char tag[] = "h1>";

	while (level < 6 && level < line.len && line.at[level] == '#')
		level++;
	tag[1] = (char)('0' + level);
	line = skip(line, level);
	while (begins(line, " "))
		line = skip(line, 1);
	put_string(o, "<");
	put_string(o, tag);
	inline_text(o, line, 0);
	put_string(o, "</");
	put_string(o, tag);
	put_string(o, "\n");
}

static void one_line(struct out *o, struct span line, enum block *block)
{
	if (begins(line, "```")) {
		change(o, block, *block == CODE ? NONE : CODE);
	} else if (*block == CODE) {
		put_escaped(o, line.at, line.len);
		put_string(o, "\n");
	} else if (line.len == 0) {
		change(o, block, NONE);
	} else if (begins(line, "#")) {
		change(o, block, NONE);
		heading(o, line);
	} else if (begins(line, "- ")) {
		change(o, block, LIST);
		put_string(o, "<li>");
		inline_text(o, skip(line, 2), 0);
		put_string(o, "</li>\n");
	} else {
		put_string(o, *block == PARAGRAPH ? "\n" : "");
		change(o, block, PARAGRAPH);
		inline_text(o, line, 0);
	}
}

void markdown(struct out *o, const char *text, size_t len)
{
	struct span rest = {text, len};
	enum block block = NONE;

	while (rest.len && !o->full) {
		struct span line = {rest.at, find(rest, "\n")};

		rest = skip(rest, line.len + 1);
		if (line.len && line.at[line.len - 1] == '\r')
			line.len--;
		one_line(o, line, &block);
	}
	change(o, &block, NONE);
}

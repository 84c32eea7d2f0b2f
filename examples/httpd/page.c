/* SPDX-License-Identifier: MIT */
/*
 * Some of it is of use, some of it is bad: it keeps what it should not, crashes, does not end and snoops.  It is written
 * for one request at a time.
 */
#include <stdbool.h>
#include <stdint.h>

#include "markdown.h"
#include "page.h"

/* In canonical space, above all that is mapped: a #PF in the guest, SIGSEGV in the host. */
#define WILD 0x666000000000u

/* What outlives a request, unless somebody sees to it that nothing does. */
static unsigned long count;
static volatile char kept[1024]; /* ends with 0; volatile: or the compiler sees that nobody asks for it by name */

/* "password=", each byte turned over: a search through all memory must not find what it searches with. */
static const volatile uint8_t needle[] = {0x8f, 0x9e, 0x8c, 0x8c, 0x88, 0x90, 0x8d, 0x9b, 0xc2};

static const char welcome[] = "# A page from an untrusted function\n\n"
                              "It is *C code* that gets `METHOD PATH` and a body, and answers in HTML.\n"
                              "Where it runs is up to the server: `--mode snug`, `fork` or `native`.\n\n"
                              "- [/count](/count) how often **this memory** was used\n"
                              "- [/crash](/crash) follows a wild pointer\n"
                              "- [/loop](/loop) never ends\n"
                              "- [/secret](/secret) looks for what an earlier request left behind\n\n"
                              "Markdown that you `POST` here comes back as HTML:\n\n"
                              "```\ncurl --data-binary @README.md http://127.0.0.1:8080/\n```\n";

static void footer(struct out *o)
{
	put_string(o, "<hr><p>Request ");
	put_number(o, count);
	put_string(o, " of this memory.</p>\n");
}

static long get_welcome(struct out *o, const char *body, size_t len)
{
	(void)body, (void)len;
	put_string(o, "<!DOCTYPE html>\n<title>untrusted</title>\n");
	markdown(o, welcome, sizeof(welcome) - 1);
	footer(o);
	return 0;
}

static long post_markdown(struct out *o, const char *body, size_t len)
{
	put_string(o, "<!DOCTYPE html>\n<title>rendered</title>\n");
	markdown(o, body, len);
	footer(o);
	return 0;
}

static long get_count(struct out *o, const char *body, size_t len)
{
	(void)body, (void)len;
	put_number(o, count);
	put_string(o, "\n");
	return 0;
}

static long get_crash(struct out *o, const char *body, size_t len)
{
	(void)o, (void)body, (void)len;
	*(volatile int *)(uintptr_t)WILD = 1;
	return 0;
}

static long get_loop(struct out *o, const char *body, size_t len)
{
	(void)o, (void)body, (void)len;
	for (volatile unsigned long n = 0;; n++)
		;
	return 0;
}

static bool matches(const volatile uint8_t *at)
{
	size_t i = 0;

	while (i < sizeof(needle) && (at[i] ^ needle[i]) == 0xff)
		i++;
	return i == sizeof(needle);
}

/* A guest has all of its machine to look through: code, data, the whole stack with buffers of former calls. */
static const uint8_t *search(void)
{
#ifdef PAGE_MEMORY
	uintptr_t from = 0x1000, to = PAGE_MEMORY;
#else
	uintptr_t from = (uintptr_t)kept, to = from + sizeof(kept);
#endif

	for (uintptr_t at = from; at + sizeof(needle) <= to; at++)
		if (matches((const volatile uint8_t *)at))
			return (const uint8_t *)at;
	return NULL;
}

static long get_secret(struct out *o, const char *body, size_t len)
{
	const uint8_t *found = search();
	size_t n = 0;

	(void)body, (void)len;
	if (!found) {
		put_string(o, "nothing found\n");
		return 0;
	}
	while (n < 60 && found[n] > ' ' && found[n] < 0x7f)
		n++;
	put_string(o, "found: ");
	put_escaped(o, (const char *)found, n);
	put_string(o, "\n");
	return 0;
}

static const struct route {
	const char *line;
	long (*answer)(struct out *o, const char *body, size_t len);
} routes[] = {
    {"GET /", get_welcome},    {"POST /", post_markdown}, {"GET /count", get_count},
    {"GET /crash", get_crash}, {"GET /loop", get_loop},   {"GET /secret", get_secret},
};

static bool is_line(const char *line, const char *request, size_t len)
{
	size_t i = 0;

	while (i < len && line[i] && line[i] == request[i])
		i++;
	return i == len && !line[i];
}

static void keep(const char *text, size_t len)
{
	for (size_t i = 0; i + 1 < sizeof(kept); i++)
		kept[i] = i < len ? text[i] : 0;
}

long handle(const char *request, size_t len, char *response, size_t max)
{
	struct out o = {.at = response, .max = max};
	size_t line = 0, body;

	while (line < len && request[line] != '\n')
		line++;
	body = line < len ? line + 1 : len;
	count++;
	if (body < len)
		keep(request + body, len - body);
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		long r;

		if (!is_line(routes[i].line, request, line))
			continue;
		r = routes[i].answer(&o, request + body, len - body);
		return r < 0 ? r : o.full ? -413 : (long)o.len;
	}
	return -404;
}

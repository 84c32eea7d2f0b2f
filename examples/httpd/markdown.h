/* SPDX-License-Identifier: MIT */
/* markdown: a small part of Markdown, to HTML; needs no libc */
#ifndef MARKDOWN_H
#define MARKDOWN_H

#include <stdbool.h>
#include <stddef.h>

/* Where output goes.  What does not fit is dropped, and full says so. */
struct out {
	char *at;
	size_t len, max;
	bool full;
};

void put(struct out *o, const char *text, size_t len);
void put_string(struct out *o, const char *text);
void put_number(struct out *o, unsigned long n);

/* The characters that mean something in HTML as references. */
void put_escaped(struct out *o, const char *text, size_t len);

/*
 * Headings (#), lists (-), code (```), paragraphs; in them *emphasis*, **strong**, `code` and [links](https://...).
 * HTML in the text stays text.
 */
void markdown(struct out *o, const char *text, size_t len);

#endif

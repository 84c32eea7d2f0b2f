/* SPDX-License-Identifier: MIT */
/* mode: where the untrusted function runs */
#ifndef MODE_H
#define MODE_H

#include <stddef.h>
#include <stdint.h>

#define REQUEST_MAX 16384u

/* Markdown grows by at most six: `"` to &quot;.  Not more than needed: in a VM each page is zeroed before and after. */
#define RESPONSE_MAX(request) (4096 + 6 * (size_t)(request))

struct options {
	unsigned port, threads, timeout_ms;
	const char *guest; /* the ELF file; NULL but for snug */
};

struct answer {
	unsigned status; /* of HTTP */
	char *text;
	size_t len, max;
};

struct mode {
	const char *name;
	int (*start)(const struct options *o);                           /* 0, or says on stderr what is wrong */
	void (*call)(const char *request, size_t len, struct answer *a); /* by several threads at once */
	void (*stop)(void);
};

extern const struct mode mode_snug, mode_fork, mode_native;

/* An answer of the server's own: one line of text. */
__attribute__((format(printf, 3, 4))) void answer_say(struct answer *a, unsigned status, const char *format, ...);

/* What handle returned, with its response in a->text.  It is a stranger's word. */
void answer_take(struct answer *a, int64_t result);

#endif

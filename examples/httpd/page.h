/* SPDX-License-Identifier: MIT */
/* page: the function nobody trusts; the same source is the guest's program and a part of the host's */
#ifndef PAGE_H
#define PAGE_H

#include <stddef.h>

/*
 * Answers a request, "METHOD PATH\nBODY", in HTML.  Returns how many bytes of response it filled, at most max, or a
 * negative HTTP status: -404.
 */
long handle(const char *request, size_t len, char *response, size_t max);

#endif

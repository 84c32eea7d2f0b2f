/* SPDX-License-Identifier: MIT */
/* crash: what is to be said of a guest that crashed */
#ifndef SNUG_CLI_CRASH_H
#define SNUG_CLI_CRASH_H

#include <snug.h>

/* The autopsy, and as text of at most 100 columns.  To be freed; NULL: no memory. */
char *cli_crash_text(const struct snug_exit *x, struct snug_autopsy *a);

/* The file of --core.  It appears whole or not at all. */
int cli_crash_core(const char *path, const struct snug_exit *x, struct snug_error *e);

#endif

/* SPDX-License-Identifier: MIT */
/* crash: what is to be said of a guest that crashed */
#ifndef SNUG_CLI_CRASH_H
#define SNUG_CLI_CRASH_H

#include <snug.h>

/* "#PF page fault, error code 0x2": one line, cut to fit. */
void cli_crash_reason(const struct snug_exit *x, char *out, size_t len);

/* The report: mode, what happened, the bytes there, all registers.  At most 100 columns.  To be freed; NULL: no memory. */
char *cli_crash_text(snug_vm *vm, const struct snug_exit *x, const struct snug_host *host);

#endif

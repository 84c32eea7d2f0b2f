/* SPDX-License-Identifier: MIT */
/* json: results for programs to read */
#ifndef SNUG_CLI_JSON_H
#define SNUG_CLI_JSON_H

#include <jansson.h>
#include <snug.h>

#include "times.h"

/* Of all objects written; raised when a member changes its meaning or goes away. */
#define CLI_JSON_SCHEMA 1

/* Writes an object to the file of --json (see outfile.h) and gives it up.  A value of NULL is "no memory". */
int cli_json_write(const char *path, json_t *value, struct snug_error *e);

/* {"step": 1, "message": "...", "hint": "..."} */
json_t *cli_json_error(const struct snug_error *e);

/* {"p50_ns": 1, "p99_ns": 2, "max_ns": 3} */
json_t *cli_times_json(const struct cli_times *t);

/* A text of unknown bytes: what is no UTF-8 becomes '?'. */
json_t *cli_json_text(const char *s);

/* The same of len bytes, NULs among them; what is no UTF-8 becomes U+FFFD. */
json_t *cli_json_bytes(const char *s, size_t len);

#endif

/* SPDX-License-Identifier: MIT */
/* json: results for programs to read */
#ifndef SNUG_CLI_JSON_H
#define SNUG_CLI_JSON_H

#include <jansson.h>
#include <snug.h>

/* Of all objects written; raised when a member changes its meaning or goes away. */
#define CLI_JSON_SCHEMA 1

/* Can a file of that name be made?  Asked before the work, so that an hour's run is not lost to a typing error. */
int cli_json_check(const char *path, struct snug_error *e);

/*
 * Writes an object and gives it up.  A regular file appears whole or not at all; a pipe or a device is written in
 * place.  A value of NULL is "no memory".
 */
int cli_json_write(const char *path, json_t *value, struct snug_error *e);

/* {"step": 1, "message": "...", "hint": "..."} */
json_t *cli_json_error(const struct snug_error *e);

/* A text of unknown bytes: what is no UTF-8 becomes '?'. */
json_t *cli_json_text(const char *s);

#endif

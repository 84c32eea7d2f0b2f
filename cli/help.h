/* SPDX-License-Identifier: MIT */
/* help: what --help prints, from the tables */
#ifndef SNUG_CLI_HELP_H
#define SNUG_CLI_HELP_H

#include <stdio.h>

#include "options.h"

/* All verbs. */
void cli_help(FILE *out);

/* One verb: at most 24 lines of 100 columns, which a test holds it to. */
void cli_verb_help(FILE *out, const struct cli_verb *verb);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * file: a file that an option asks for, under another name until it is whole
 *
 * Used by the process itself, or by its keeper (keeper.h) where the process is confined.
 */
#ifndef SNUG_CLI_FILE_H
#define SNUG_CLI_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "options.h"

/* The options that name files which are written; the order is that of a struct cli_files. */
enum { CLI_FILE_JSON, CLI_FILE_TRACE, CLI_FILE_REPORT, CLI_FILE_CORE, CLI_FILE_SAVE, CLI_FILES };

struct cli_file {
	const char *option; /* "json" */
	const char *path;   /* NULL: not asked for */
	const char *name;   /* in its directory */
	bool secret;        /* a snapshot: for its owner alone, and safe from a power cut before it has its name */
	bool fresh;         /* a plain file, or none yet: it is made anew, and takes its name at the end */
	mode_t mode;        /* what it gets then */
	int dir, fd;        /* -1: not open */
	char temp[300];     /* its name until then; empty: there is none */
};

/* The row of an option, as a command line has it; nothing is opened. */
void cli_file_init(struct cli_file *f, unsigned which, const struct cli_args *args);
void cli_file_set(struct cli_file *f, unsigned which, const char *path);

/* The row's number; the option must be one of them. */
unsigned cli_file_which(const char *option);

/* The folder a file is in, "." where the name tells none.  false: the name is too long. */
bool cli_file_folder(const char *path, char *dir, size_t len);

/* Each returns 0 or a negative errno.  dir: opens the directory of a fresh file. */
int cli_file_dir(struct cli_file *f);
int cli_file_make(struct cli_file *f);   /* opens an unfinished file in it */
int cli_file_finish(struct cli_file *f); /* which gets its mode and its name */

/* Takes an unfinished file away. */
void cli_file_drop(struct cli_file *f);

#endif

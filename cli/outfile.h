/* SPDX-License-Identifier: MIT */
/*
 * outfile: files that options ask for
 *
 * A regular file appears whole or not at all; a pipe or a device is written in place.
 */
#ifndef SNUG_CLI_OUTFILE_H
#define SNUG_CLI_OUTFILE_H

#include <stdbool.h>
#include <stddef.h>

#include <snug.h>

#include "file.h"
#include "options.h"

struct cli_out {
	struct cli_file file;
	unsigned which;
	int fd; /* -1: not open */
};

/* Can a file of that name be made?  Asked before the work, so that an hour's run is not lost to a typing error. */
int cli_out_check(const char *option, const char *path, struct snug_error *e);

/*
 * The same for all files the options name, which are to be files of their own: none is written over by another one of
 * the same run, the guest least of all.  image is what args->image is called.
 */
int cli_check_files(const struct cli_args *args, const char *image, struct snug_error *e);

/*
 * From now on files are made by the keeper at the other end of this socket (keeper.h); what is a device or a pipe is
 * opened here and now.  Fails where a file could not be made later.
 */
int cli_out_through(int keeper, const struct cli_args *args, struct snug_error *e);

int cli_out_open(struct cli_out *o, const char *option, const char *path, struct snug_error *e);

/* Writes all of it; 0 or a negative errno.  ctx is a struct cli_out. */
int cli_out_write(void *ctx, const void *bytes, size_t len);

/* Closes the file; where r is 0 it takes its name, else it goes away and r is told as the reason. */
int cli_out_close(struct cli_out *o, int r, struct snug_error *e);

#endif

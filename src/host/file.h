/* SPDX-License-Identifier: MIT */
/* file: reading a stranger's file whole, and files without a name */
#ifndef SNUG_HOST_FILE_H
#define SNUG_HOST_FILE_H

#include <snug.h>

#define SNUG__FILE_MAX (1ull << 30)
#define SNUG__FILE_HEAD (32u << 10)

struct snug__file {
	uint8_t *bytes; /* owned; at least one byte is allocated */
	size_t len;
};

/* Reads a regular file of at most SNUG__FILE_MAX bytes.  It may change meanwhile: what was read is what counts. */
int snug__file_read(const char *path, struct snug__file *out, struct snug_error *err);
/* The same, of its first SNUG__FILE_HEAD bytes at most. */
int snug__file_head(const char *path, struct snug__file *out, struct snug_error *err);
void snug__file_free(struct snug__file *f);

/* The message for a positive errno of a call on a file, with what to do; returns the negative one. */
int snug__file_failed(int e, const char *what, struct snug_error *err);

/* Exactly len bytes at an offset; -EIO where the file ends before. */
int snug__file_pread(int fd, void *to, size_t len, uint64_t at, struct snug_error *err);
int snug__file_pwrite(int fd, const void *from, size_t len, uint64_t at, struct snug_error *err);

/* A file without a name in a directory, for reading and writing; it goes with *fd, which is set on success only. */
int snug__file_temp(const char *dir, int *fd, struct snug_error *err);

#endif

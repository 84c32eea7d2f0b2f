/* SPDX-License-Identifier: MIT */
/* file: reading what a stranger names */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "host/file.h"

static char folder[] = "/tmp/snug-file-XXXXXX";
static char path[64];

static int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/f", mkdtemp(folder) ? folder : "");
	return folder[0] ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void make(const char *bytes, long size)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(bytes, f);
	fflush(f);
	if (size >= 0)
		assert_int_equal(ftruncate(fileno(f), size), 0);
	fclose(f);
}

static void whole(void **state)
{
	struct snug__file f;

	(void)state;
	make("four", -1);
	assert_int_equal(snug__file_read(path, &f, NULL), 0);
	assert_int_equal(f.len, 4);
	assert_memory_equal(f.bytes, "four", 4);
	snug__file_free(&f);
	make("", -1);
	assert_int_equal(snug__file_read(path, &f, NULL), 0);
	assert_int_equal(f.len, 0);
	snug__file_free(&f);
}

static void first_bytes(void **state)
{
	struct snug__file f;

	(void)state;
	make("four", SNUG__FILE_HEAD + 1);
	assert_int_equal(snug__file_head(path, &f, NULL), 0);
	assert_int_equal(f.len, SNUG__FILE_HEAD);
	assert_memory_equal(f.bytes, "four", 5);
	snug__file_free(&f);
	make("four", -1);
	assert_int_equal(snug__file_head(path, &f, NULL), 0);
	assert_int_equal(f.len, 4);
	snug__file_free(&f);
}

static void refused(void **state)
{
	struct snug__file f;
	struct snug_error e;

	(void)state;
	unlink(path);
	assert_int_equal(snug__file_read(path, &f, &e), -ENOENT);
	assert_error(e, -ENOENT, "open: No such file or directory (ENOENT)");
	assert_hint(e, "path");
	assert_int_equal(snug__file_read(folder, &f, &e), -EISDIR);
	assert_error(e, -EISDIR, "directory");
	assert_int_equal(snug__file_read("/dev/zero", &f, &e), -EINVAL);
	assert_error(e, -EINVAL, "not a regular file");
	assert_int_equal(mkfifo(path, 0600), 0); /* must not wait for a writer */
	assert_int_equal(snug__file_read(path, &f, &e), -EINVAL);
	unlink(path);
	make("", (1l << 30) + 1);
	assert_int_equal(snug__file_read(path, &f, &e), -EFBIG);
	assert_error(e, -EFBIG, "1073741825 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(whole), cmocka_unit_test(first_bytes),
	                                   cmocka_unit_test(refused)};

	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: MIT */
/* newfile: the old file or the new one, whatever happens in between */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "host/file.h"
#include "host/newfile.h"

#define BIG 300000 /* takes a while to write, for those that are killed while they do */

static char folder[] = "/tmp/snug-newfile-XXXXXX";
static char path[64];

static int setup(void **state)
{
	(void)state;
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	snprintf(path, sizeof(path), "%s/f", mkdtemp(folder) ? folder : "");
	return folder[0] ? 0 : -1;
}

/* Empties the folder, and says how many files there were, hidden ones by themselves. */
static unsigned sweep(unsigned *hidden)
{
	DIR *d = opendir(folder);
	const struct dirent *e;
	unsigned n = 0;

	*hidden = 0;
	while (d && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		*hidden += strncmp(e->d_name, ".f.snug-", 8) == 0;
		n++;
		unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d)
		closedir(d);
	return n;
}

static int teardown(void **state)
{
	unsigned hidden;

	(void)state;
	sweep(&hidden);
	return rmdir(folder);
}

static void put(const char *at, const char *text)
{
	FILE *f = fopen(at, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void assert_holds(const char *at, const char *text)
{
	char seen[64] = "";
	FILE *f = fopen(at, "re");

	assert_non_null(f);
	seen[fread(seen, 1, sizeof(seen) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(seen, text);
}

static int replace(const char *at, const char *text, struct snug_error *e)
{
	struct snug__newfile n;
	int r = snug__newfile_begin(&n, at, e);

	if (r >= 0)
		r = snug__file_pwrite(n.fd, text, strlen(text), 0, e);
	if (r >= 0)
		r = snug__newfile_commit(&n, e);
	snug__newfile_end(&n);
	return r;
}

static void appears(void **state)
{
	mode_t old = umask(0);
	struct stat st;
	unsigned hidden;

	(void)state;
	assert_int_equal(replace(path, "one", NULL), 0);
	assert_holds(path, "one");
	assert_int_equal(replace(path, "two", NULL), 0);
	assert_holds(path, "two");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	umask(old);
	assert_int_equal(sweep(&hidden), 1);
	assert_int_equal(hidden, 0);
}

static void given_up(void **state)
{
	struct snug__newfile n;
	unsigned hidden;

	(void)state;
	put(path, "old");
	assert_int_equal(snug__newfile_begin(&n, path, NULL), 0);
	assert_int_equal(snug__file_pwrite(n.fd, "new", 3, 0, NULL), 0);
	snug__newfile_end(&n);
	assert_int_equal(n.fd, -1);
	assert_holds(path, "old");
	assert_int_equal(sweep(&hidden), 1);
}

static void other_things(void **state)
{
	struct snug_error e;
	char at[96];

	(void)state;
	snprintf(at, sizeof(at), "%s/", folder);
	assert_int_equal(replace(at, "x", &e), -EISDIR);
	assert_error(e, -EISDIR, "it is a directory");
	assert_int_equal(replace("/tmp", "x", &e), -EISDIR);
	snprintf(at, sizeof(at), "%s/none/f", folder);
	assert_int_equal(replace(at, "x", &e), -ENOENT);
	assert_error(e, -ENOENT, "open its directory: No such file");
	assert_hint(e, "check the path");
	assert_int_equal(replace("/dev/null", "x", &e), -EINVAL);
	assert_error(e, -EINVAL, "it is a device, pipe or socket");
	snprintf(at, sizeof(at), "%s/pipe", folder);
	assert_int_equal(mkfifo(at, 0600), 0);
	assert_int_equal(replace(at, "x", &e), -EINVAL);
}

/* The link becomes the file; what it pointed to is somebody's who was not asked. */
static void link_itself(void **state)
{
	char target[96];
	struct stat st;

	(void)state;
	snprintf(target, sizeof(target), "%s/target", folder);
	put(target, "theirs");
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(replace(path, "ours", NULL), 0);
	assert_holds(target, "theirs");
	assert_holds(path, "ours");
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	unlink(path);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(replace(path, "ours", NULL), 0);
	assert_holds(path, "ours");
	unlink(path);
	assert_int_equal(symlink("nowhere", path), 0);
	assert_int_equal(replace(path, "ours", NULL), 0);
	assert_holds(path, "ours");
}

static void forbidden(void **state)
{
	struct snug_error e;
	int r;

	(void)state;
	put(path, "old");
	assert_int_equal(chmod(folder, 0555), 0);
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	r = replace(path, "x", &e);
	if (geteuid() != getuid())
		assert_int_equal(seteuid(getuid()), 0);
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(r, -EACCES);
	assert_error(e, -EACCES, "create: Permission denied (EACCES)");
	assert_holds(path, "old");
}

/* A limit on the size of files is the disk that is full everywhere. */
static void full(void **state)
{
	struct rlimit old, none = {1, RLIM_INFINITY};
	struct snug_error e;
	unsigned hidden;
	int r;

	(void)state;
	put(path, "old");
	getrlimit(RLIMIT_FSIZE, &old);
	none.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &none);
	r = replace(path, "too much", &e);
	setrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(r, -EFBIG);
	assert_error(e, -EFBIG, "write: File too large (EFBIG)");
	assert_hint(e, "ulimit -f");
	assert_holds(path, "old");
	assert_int_equal(sweep(&hidden), 1);
}

static _Noreturn void write_for_ever(void)
{
	static char bytes[BIG];

	for (char c = 'a';; c = c == 'z' ? 'a' : (char)(c + 1)) {
		struct snug__newfile n;

		memset(bytes, c, sizeof(bytes));
		if (snug__newfile_begin(&n, path, NULL) < 0 || snug__file_pwrite(n.fd, bytes, BIG / 2, 0, NULL) < 0 ||
		    snug__file_pwrite(n.fd, bytes, BIG / 2, BIG / 2, NULL) < 0 || snug__newfile_commit(&n, NULL) < 0)
			_exit(1);
		snug__newfile_end(&n);
	}
}

static void killed(void **state)
{
	static char bytes[BIG + 1];
	unsigned hidden, all, seed = 1;

	(void)state;
	assert_int_equal(replace(path, "first", NULL), 0);
	for (unsigned i = 0; i < 40; i++) {
		struct timespec t = {0, 0};
		pid_t child = fork();
		int status;
		FILE *f;

		assert_true(child >= 0);
		if (child == 0)
			write_for_ever();
		t.tv_nsec = 10000 + rand_r(&seed) % 6000000;
		nanosleep(&t, NULL);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		f = fopen(path, "re");
		assert_non_null(f);
		if (fread(bytes, 1, sizeof(bytes), f) != BIG)
			assert_memory_equal(bytes, "first", 5);
		else
			assert_memory_equal(bytes, bytes + 1, BIG - 1);
		fclose(f);
	}
	/* What is left over has a name that tells what it is, and is in nobody's way. */
	all = sweep(&hidden);
	assert_int_equal(all, 1 + hidden);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(appears, setup, teardown),
	    cmocka_unit_test_setup_teardown(given_up, setup, teardown),
	    cmocka_unit_test_setup_teardown(other_things, setup, teardown),
	    cmocka_unit_test_setup_teardown(link_itself, setup, teardown),
	    cmocka_unit_test_setup_teardown(forbidden, setup, teardown),
	    cmocka_unit_test_setup_teardown(full, setup, teardown),
	    cmocka_unit_test_setup_teardown(killed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

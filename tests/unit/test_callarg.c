/* SPDX-License-Identifier: MIT */
/* callarg: the arguments of snug call */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "callarg.h"
#include "cli.h"

/* A file of len bytes 'x' as PREFIX@FILE; the word is good until the next call. */
static const char *file_word(const char *prefix, size_t len)
{
	static char word[64];
	char name[] = "/tmp/snug-callarg-XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	snprintf(word, sizeof word, "%s@%s", prefix, name);
	return word;
}

static void good(const char *word, struct cli_call_args *a)
{
	struct snug_error e;

	if (cli_call_args_read(&word, 1, a, &e) < 0)
		fail_msg("%s: %s", word, e.msg);
}

static void bad(const char *word, int code, const char *text)
{
	struct cli_call_args a;
	struct snug_error e;

	assert_int_equal(cli_call_args_read(&word, 1, &a, &e), code);
	assert_error(e, code, text);
	cli_call_args_free(&a);
}

static void test_integers(void **state)
{
	static const char *const words[] = {"12", "-3", "0x10"};
	struct cli_call_args a;
	struct snug_error e;

	(void)state;
	assert_int_equal(cli_call_args_read(words, 3, &a, &e), 0);
	assert_int_equal(a.count, 3);
	assert_true(a.arg[0].value == 12 && a.arg[1].value == (uint64_t)-3 && a.arg[2].value == 16);
	assert_true(a.arg[1].kind == SNUG_ARG_INT && !a.arg[1].data && !a.show[1]);
	cli_call_args_free(&a);
	bad("x", -EINVAL, "argument 'x' is no number");
	bad("", -EINVAL, "argument '' is empty");
	bad("12k", -EINVAL, "is no number");
	bad("0x", -EINVAL, "no digit");
	bad("99999999999999999999", -EINVAL, "64 bits");
}

static void test_texts(void **state)
{
	struct cli_call_args a;

	(void)state;
	good("s:hello", &a);
	assert_true(a.count == 1 && a.arg[0].kind == SNUG_ARG_IN && a.arg[0].len == 6 && a.show[0] == 0);
	assert_memory_equal(a.arg[0].data, "hello", 6);
	cli_call_args_free(&a);
	good("s:", &a);
	assert_true(a.arg[0].len == 1 && *(char *)a.arg[0].data == 0);
	cli_call_args_free(&a);
	good("s:@x", &a); /* a text, no file */
	assert_memory_equal(a.arg[0].data, "@x", 3);
	cli_call_args_free(&a);
	good("io:abc", &a);
	assert_true(a.arg[0].kind == SNUG_ARG_INOUT && a.arg[0].len == 4 && a.show[0] == 3);
	memset(a.arg[0].data, 'z', 4);
	cli_call_args_renew(&a);
	assert_memory_equal(a.arg[0].data, "abc", 4);
	cli_call_args_free(&a);
}

static void test_output(void **state)
{
	struct cli_call_args a;

	(void)state;
	good("o:16", &a);
	assert_true(a.arg[0].kind == SNUG_ARG_OUT && a.arg[0].len == 16 && a.show[0] == 16);
	cli_call_args_free(&a);
	good("o:67108864", &a);
	cli_call_args_free(&a);
	bad("o:67108865", -EFBIG, "too large");
	bad("o:0", -EINVAL, "least is 1");
	bad("o:", -EINVAL, "empty");
	bad("o:-1", -EINVAL, "negative");
	bad("o:x", -EINVAL, "no number");
	bad("o:4K", -EINVAL, "no whole number");
}

static void test_files(void **state)
{
	const char *word = file_word("", 70000);
	struct cli_call_args a;

	(void)state;
	good(word, &a);
	assert_int_equal(a.count, 2);
	assert_true(a.arg[0].kind == SNUG_ARG_IN && a.arg[0].len == 70000 && ((char *)a.arg[0].data)[69999] == 'x');
	assert_true(a.arg[1].kind == SNUG_ARG_INT && a.arg[1].value == 70000 && !a.show[0]);
	cli_call_args_free(&a);
	assert_int_equal(truncate(word + 1, (64 << 20) + 1), 0);
	bad(word, -EFBIG, "File too large");
	assert_int_equal(truncate(word + 1, 0), 0);
	good(word, &a);
	assert_true(a.count == 2 && a.arg[0].len == 0 && a.arg[1].value == 0);
	cli_call_args_free(&a);
	unlink(word + 1);
	bad(word, -ENOENT, "No such file");
	bad("@", -ENOENT, "No such file");
	bad("@/tmp", -EISDIR, "Is a directory");
	bad("@/dev/zero", -EFBIG, "File too large");
	word = file_word("io:", 5);
	good(word, &a);
	assert_true(a.count == 2 && a.arg[0].kind == SNUG_ARG_INOUT && a.show[0] == 5 && a.arg[1].value == 5);
	cli_call_args_free(&a);
	unlink(word + 4);
}

static void test_too_many(void **state)
{
	const char *words[] = {"1", "2", "3", "4", "5", "6", "7"};
	struct cli_call_args a;
	struct snug_error e;

	(void)state;
	assert_int_equal(cli_call_args_read(words, 6, &a, &e), 0);
	cli_call_args_free(&a);
	assert_int_equal(cli_call_args_read(words, 7, &a, &e), -E2BIG);
	assert_error(e, -E2BIG, "'7': a function takes at most 6 arguments");
	cli_call_args_free(&a);
	words[5] = file_word("", 1); /* its length is the seventh */
	assert_int_equal(cli_call_args_read(words, 6, &a, &e), -E2BIG);
	assert_hint(e, "counts twice");
	cli_call_args_free(&a);
	unlink(words[5] + 1);
	words[5] = "io:x";
	words[6] = "io:y";
	assert_int_equal(cli_call_args_read(words, 7, &a, &e), -E2BIG);
	cli_call_args_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_integers), cmocka_unit_test(test_texts),    cmocka_unit_test(test_output),
	    cmocka_unit_test(test_files),    cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* options: the command's table of options and its parser */
#include "check.h"

#include <errno.h>
#include <stdio.h>

#include "cli.h"
#include "help.h"
#include "jail.h"

/* Parses "a b c"; a word "''" is empty. */
static int parse(const char *verb, const char *line, struct cli_args *args, struct snug_error *e)
{
	static char copy[512];
	static char *argv[33];
	int argc = 0;

	snprintf(copy, sizeof copy, "%s", line);
	for (char *word = strtok(copy, " "); word && argc < 32; word = strtok(NULL, " ")) {
		static char empty[1];

		argv[argc++] = strcmp(word, "''") ? word : empty;
	}
	argv[argc] = NULL;
	*e = (struct snug_error){0};
	return cli_parse(cli_verb_find(verb), argv, args, e);
}

static void good(const char *verb, const char *line, struct cli_args *args)
{
	struct snug_error e;

	if (parse(verb, line, args, &e) < 0)
		fail_msg("%s: %s", line, e.msg);
}

static void bad(const char *verb, const char *line, const char *text)
{
	struct cli_args args;
	struct snug_error e;

	assert_int_equal(parse(verb, line, &args, &e), -EINVAL);
	assert_error(e, -EINVAL, text);
}

static void test_defaults(void **state)
{
	struct cli_args a;

	(void)state;
	good("run", "image", &a);
	assert_string_equal(a.image, "image");
	assert_true(!a.mem && !a.cpus && !a.timeout_ns && !a.json && !a.kvm && !a.guest_args);
	assert_true(a.kind == SNUG_KIND_AUTO && a.mode == SNUG_MODE_AUTO);
	assert_true(!a.load.given && !a.entry.given && !a.stack.given);
	assert_true(!a.stats && a.sandbox == CLI_SANDBOX_ON && !a.reboot && !a.verbose && !a.help);
}

static void test_every_option_of_run(void **state)
{
	struct cli_args a;

	(void)state;
	good("run",
	     "--as flat --mode real --mem 2M --cpus 3 --load 0x0 --entry 16 --stack 0x7000 --timeout 1.5 --stats "
	     "--json out --core file --save snap --sandbox strict --kvm dev --reboot --verbose image",
	     &a);
	assert_int_equal(a.kind, SNUG_KIND_FLAT);
	assert_int_equal(a.mode, SNUG_MODE_REAL);
	assert_int_equal(a.mem, 2 << 20);
	assert_int_equal(a.cpus, 3);
	assert_true(a.load.given && a.load.value == 0);
	assert_true(a.entry.given && a.entry.value == 16);
	assert_true(a.stack.given && a.stack.value == 0x7000);
	assert_int_equal(a.timeout_ns, 1500000000);
	assert_string_equal(a.json, "out");
	assert_string_equal(a.core, "file");
	assert_string_equal(a.save, "snap");
	assert_string_equal(a.kvm, "dev");
	assert_string_equal(a.image, "image");
	assert_true(a.stats && a.sandbox == CLI_SANDBOX_STRICT && a.reboot && a.verbose);
}

static void test_places(void **state)
{
	struct cli_args a;

	(void)state;
	good("run", "image --mem=4K --json=--odd --stats", &a);
	assert_int_equal(a.mem, 4096);
	assert_string_equal(a.json, "--odd");
	assert_true(a.stats);
	good("run", "--mem 1M --mem 2M - ", &a);
	assert_int_equal(a.mem, 2 << 20);
	assert_string_equal(a.image, "-");
	good("run", "--nonsense --help", &a);
	assert_true(a.help);
	bad("run", "image -- --help", "'--help' after --");
}

static void test_operands(void **state)
{
	struct cli_args a;

	(void)state;
	good("call", "image --hex f 1 -2 s:x", &a);
	assert_true(a.operand_count == 5 && a.hex);
	assert_string_equal(a.image, "image");
	assert_string_equal(a.operands[1], "f");
	assert_string_equal(a.operands[3], "-2");
	good("call", "image f -- --hex -x", &a);
	assert_true(a.operand_count == 4 && !a.hex);
	assert_string_equal(a.operands[2], "--hex");
	good("call", "image f ''", &a);
	assert_int_equal(a.operand_count, 3);
	good("restore", "-- --file", &a);
	assert_string_equal(a.image, "--file");
	bad("call", "", "IMAGE is missing");
	bad("call", "image ''", "FUNCTION: the name is empty");
	bad("call", "i f 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15", "'15': 'snug call' takes at most 16 words");
	bad("call", "image f -x", "unknown option -x");
	bad("run", "-1", "unknown option -1");
	bad("restore", "", "FILE is missing");
	bad("restore", "a b", "two files: 'a' and 'b'");
	bad("restore", "a -- b", "two files: 'a' and 'b'");
}

static void test_words(void **state)
{
	struct cli_args a;
	struct snug_error e;

	(void)state;
	good("snapshot", "info --verify file", &a);
	assert_true(a.verify && a.operand_count == 1);
	assert_string_equal(a.word, "info");
	assert_string_equal(a.image, "file");
	good("snapshot", "--json j info file", &a);
	bad("snapshot", "", "'snug snapshot' needs one of: info");
	bad("snapshot", "info", "FILE is missing");
	bad("snapshot", "info a b", "two files");
	bad("snapshot", "''", "'snug snapshot' does not know ''");
	bad("snapshot", "nfo file", "'snug snapshot' does not know 'nfo'");
	bad("snapshot", "inf file", "'snug snapshot' does not know 'inf'");
	assert_int_equal(parse("snapshot", "file", &a, &e), -EINVAL);
	assert_hint(e, "snug snapshot info [OPTIONS] FILE");
}

static void test_letters(void **state)
{
	struct cli_args a;

	(void)state;
	good("clone", "file -n 100", &a);
	assert_int_equal(a.count, 100);
	good("clone", "-n7 file", &a);
	assert_int_equal(a.count, 7);
	good("clone", "--count 8 -n 9 file", &a);
	assert_int_equal(a.count, 9);
	bad("clone", "file -n", "--count: its argument N is missing");
	bad("clone", "file -n --stats", "--count: its argument N is missing");
	bad("clone", "file -n 0", "--count: '0' is none");
	bad("clone", "file -n -1", "--count: '-1' is negative");
	bad("clone", "file -n x", "--count: 'x' is no number");
	bad("clone", "file -m 1", "unknown option -m");
	bad("run", "file -n 1", "unknown option -n");
}

/* No two options of a verb are called the same, and what a verb says of its operands fits together. */
static void test_tables(void **state)
{
	(void)state;
	for (const struct cli_option *o = cli_options; o->name; o++)
		for (const struct cli_option *p = o + 1; p->name; p++)
			assert_false((o->verbs & p->verbs) &&
			             (!strcmp(o->name, p->name) || (o->letter && o->letter == p->letter)));
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		assert_true(v->min <= v->max && v->max <= CLI_OPERANDS_MAX);
		assert_int_equal(v->max > 0, v->operands[0] != NULL);
		assert_true(strlen(v->summary) <= 78);
		for (const char *c = v->name; *c; c++)
			assert_in_range(*c, 'a', 'z');
	}
}

static void test_refusals(void **state)
{
	(void)state;
	bad("run", "", "IMAGE is missing");
	bad("run", "a b", "two images: 'a' and 'b'");
	bad("run", "--mem", "--mem: its argument SIZE is missing");
	bad("run", "--mem --stats a", "--mem: its argument SIZE is missing");
	bad("run", "--mem -1 a", "--mem: '-1' is negative");
	bad("run", "--mem= a", "--mem: '' is empty");
	bad("run", "--json '' a", "--json: the name is empty");
	bad("run", "''", "IMAGE: the name is empty");
	bad("run", "--stats=1 a", "--stats takes no argument");
	bad("run", "--me 1M a", "unknown option --me");
	bad("run", "-x a", "unknown option -x");
	bad("run", "--sandbox maybe a", "--sandbox: unknown sandbox 'maybe'");
	bad("run", "--mode Real a", "--mode: unknown mode 'Real'");
	bad("run", "--as rom a", "--as: unknown kind 'rom'");
	bad("check", "--stats", "'snug check' has no such option");
	bad("check", "x", "'snug check' takes no argument 'x'");
	bad("demo", "-- x", "'snug demo' takes no argument 'x'");
}

static void test_an_option_of_one_name_in_two_verbs(void **state)
{
	struct cli_args a;

	(void)state;
	good("demo", "--mode user", &a);
	assert_int_equal(a.mode, SNUG_MODE_USER);
	bad("check", "--mode user", "'snug check' has no such option");
}

static void test_guesses(void **state)
{
	static const char *const pairs[][2] = {{"--mme 1M a", "--mem?"},
	                                       {"--timout 1 a", "--timeout?"},
	                                       {"--jsn o a", "--json?"},
	                                       {"--statss a", "--stats?"},
	                                       {"--aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa a", "lists the options"}};
	struct cli_args args;
	struct snug_error e;

	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		assert_int_equal(parse("run", pairs[i][0], &args, &e), -EINVAL);
		assert_hint(e, pairs[i][1]);
	}
	assert_string_equal(cli_verb_guess("chekc"), "check");
	assert_string_equal(cli_verb_guess("rnu"), "run");
	assert_null(cli_verb_guess("suspend"));
	assert_null(cli_verb_find("suspend"));
}

static void test_choices(void **state)
{
	char text[64], little[12];

	(void)state;
	for (enum cli_type type = CLI_TYPE_FLAG; type <= CLI_TYPE_SANDBOX; type++)
		assert_int_equal(cli_choice(type, 0) != NULL,
		                 type == CLI_TYPE_KIND || type == CLI_TYPE_MODE || type == CLI_TYPE_SANDBOX);
	cli_choices(CLI_TYPE_KIND, text, sizeof text);
	assert_string_equal(text, "flat, elf, firmware, linux, pvh and multiboot");
	cli_choices(CLI_TYPE_MODE, little, sizeof little);
	assert_string_equal(little, "real, prote");
}

/* The help texts name what the parser takes. */
static void test_help_names_every_choice(void **state)
{
	const char *name;

	(void)state;
	for (const struct cli_option *o = cli_options; o->name; o++) {
		for (unsigned i = 0; (o->verbs & CLI_RUN) && (name = cli_choice(o->type, i)); i++)
			if (o->type != CLI_TYPE_SANDBOX && !strstr(o->help, name))
				fail_msg("--%s: the help does not name %s", o->name, name);
		assert_true(strlen(o->help) <= 78);
		assert_true((o->type == CLI_TYPE_FLAG) == (o->arg == NULL));
	}
}

static void test_help_fits_a_screen(void **state)
{
	char text[8192];

	(void)state;
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		FILE *f = fmemopen(text, sizeof text, "w");
		unsigned lines = 0;

		cli_verb_help(f, v);
		fclose(f);
		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
			assert_true(strlen(line) <= 100);
			lines++;
		}
		assert_in_range(lines, 4, 28);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_every_option_of_run),
	    cmocka_unit_test(test_places),
	    cmocka_unit_test(test_operands),
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_letters),
	    cmocka_unit_test(test_tables),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_an_option_of_one_name_in_two_verbs),
	    cmocka_unit_test(test_guesses),
	    cmocka_unit_test(test_choices),
	    cmocka_unit_test(test_help_names_every_choice),
	    cmocka_unit_test(test_help_fits_a_screen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* snug: small, safe virtual machines on Linux KVM; the command */
#include <signal.h>
#include <string.h>

#include "cli.h"
#include "help.h"
#include "jail.h"
#include "json.h"

static const struct {
	unsigned bit;
	int (*main)(const struct cli_args *args);
} verbs[] = {
    {CLI_RUN, verb_run},           {CLI_RESTORE, verb_restore}, {CLI_CLONE, verb_clone}, {CLI_CALL, verb_call},
    {CLI_SNAPSHOT, verb_snapshot}, {CLI_CHECK, verb_check},     {CLI_DEMO, verb_demo},
};

static int unknown_verb(const char *name)
{
	const char *guess = cli_verb_guess(name);
	struct snug_error e;
	char hint[64];

	if (guess)
		snprintf(hint, sizeof hint, "did you mean 'snug %s'?", guess);
	else
		snprintf(hint, sizeof hint, "'snug --help' lists the verbs; to run an image: snug run IMAGE");
	cli_err(&e, -1, hint, "unknown verb '%.200s'", name);
	cli_say_error(&e);
	return CLI_FAILED;
}

static int help(const char *name)
{
	const struct cli_verb *verb = name ? cli_verb_find(name) : NULL;

	if (name && !verb)
		return unknown_verb(name);
	if (verb)
		cli_verb_help(stdout, verb);
	else
		cli_help(stdout);
	return cli_flush(CLI_OK);
}

/* What has guests of strangers in it, in a sandbox. */
static int run_in(struct cli_args *args, unsigned verb, int (*main)(const struct cli_args *))
{
	args->calls = verb == CLI_CALL;
	if (args->json || args->report)
		json_object_seed(
		    0); /* jansson opens /dev/urandom for the first object, which no sandbox lets it do */
	return verb & (CLI_RUN | CLI_RESTORE | CLI_CLONE | CLI_CALL) ? cli_jail_run(args, main) : main(args);
}

static int run_verb(const struct cli_verb *verb, char *argv[])
{
	struct cli_args args;
	struct snug_error e;

	if (cli_parse(verb, argv, &args, &e) < 0) {
		cli_say_error(&e);
		return CLI_FAILED;
	}
	if (args.help)
		return help(verb->name);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (verbs[i].bit == verb->bit)
			return run_in(&args, verb->bit, verbs[i].main);
	return unknown_verb(verb->name);
}

int main(int argc, char *argv[])
{
	const char *word = argc > 1 ? argv[1] : NULL;
	const struct cli_verb *verb;

	/* A reader that went away is an error of write(2), told as such, not a silent death. */
	signal(SIGPIPE, SIG_IGN);
	if (!word) {
		cli_help(stderr);
		return CLI_FAILED;
	}
	if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
		printf("snug %s\n", snug_version());
		return cli_flush(CLI_OK);
	}
	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		return help(NULL);
	if (!strcmp(word, "help"))
		return help(argc > 2 ? argv[2] : NULL);
	verb = cli_verb_find(word);
	return verb ? run_verb(verb, argv + 2) : unknown_verb(word);
}

/* SPDX-License-Identifier: MIT */
/* parse: reads a command line by the tables of options.c */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "sizes.h"

/* How many letters to add, drop, change or swap with their neighbour; what is longer than 15 is far. */
static unsigned distance(const char *a, const char *b)
{
	enum { MAX = 15, FAR = 99 };
	unsigned d[MAX + 1][MAX + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > MAX || m > MAX)
		return FAR;
	for (size_t i = 0; i <= n; i++) {
		for (size_t j = 0; j <= m; j++) {
			unsigned best = (unsigned)(i + j);

			if (i && j)
				best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (i && d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (j && d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	}
	return d[n][m];
}

const char *cli_verb_guess(const char *name)
{
	const char *guess = NULL;
	unsigned best = 3, d;

	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		d = distance(name, v->name);
		if (d < best) {
			best = d;
			guess = v->name;
		}
	}
	return guess;
}

/* The option of any of these verbs that is called by a word of len bytes, or NULL. */
static const struct cli_option *find(unsigned verbs, const char *word, size_t len)
{
	for (const struct cli_option *o = cli_options; o->name; o++)
		if ((o->verbs & verbs) && strlen(o->name) == len && !memcmp(o->name, word, len))
			return o;
	return NULL;
}

static const struct cli_option *find_letter(unsigned verbs, char letter)
{
	for (const struct cli_option *o = cli_options; o->name; o++)
		if ((o->verbs & verbs) && o->letter && o->letter == letter)
			return o;
	return NULL;
}

static int unknown_option(const struct cli_verb *verb, const char *word, size_t len, struct snug_error *e)
{
	const struct cli_option *guess = find(~0u, word, len), *o;
	char name[16], hint[128];
	unsigned best = 3;

	if (guess) {
		snprintf(hint, sizeof hint, "'snug %s --help' lists those it has", verb->name);
		return cli_err(e, -EINVAL, hint, "--%s: 'snug %s' has no such option", guess->name, verb->name);
	}
	snprintf(name, sizeof name, "%.*s", (int)(len < 15 ? len : 15), word);
	for (o = cli_options; o->name; o++) {
		unsigned d = o->verbs & verb->bit ? distance(name, o->name) : best;

		if (d < best) {
			best = d;
			guess = o;
		}
	}
	if (guess)
		snprintf(hint, sizeof hint, "did you mean --%s?", guess->name);
	else
		snprintf(hint, sizeof hint, "'snug %s --help' lists the options", verb->name);
	return cli_err(e, -EINVAL, hint, "unknown option --%.*s", (int)(len < 200 ? len : 200), word);
}

static int bad_choice(const struct cli_option *o, const char *value, struct snug_error *e)
{
	char names[128], hint[192];

	cli_choices(o->type, names, sizeof names);
	snprintf(hint, sizeof hint, "it takes %s", names);
	return cli_err(e, -EINVAL, hint, "--%s: unknown %s '%.200s'", o->name, o->name[0] == 'a' ? "kind" : o->name,
	               value);
}

/* Puts a value where the option says; NULL, of an option without an argument, is true. */
static int store(const struct cli_option *o, const char *value, struct cli_args *args, struct snug_error *e)
{
	static const char *(*const numbers[])(const char *, uint64_t *) = {
	    [CLI_TYPE_SIZE] = cli_parse_size,
	    [CLI_TYPE_COUNT] = cli_parse_count,
	    [CLI_TYPE_SECONDS] = cli_parse_seconds,
	    [CLI_TYPE_ADDRESS] = cli_parse_address,
	};
	void *field = (char *)args + o->field;
	const char *wrong = NULL;
	int choice;

	if (!value) {
		*(bool *)field = true;
		return 0;
	}
	switch (o->type) {
	case CLI_TYPE_FLAG: /* has no value */
		break;
	case CLI_TYPE_PATH:
		if (!*value)
			return cli_err(e, -EINVAL, NULL, "--%s: the name is empty", o->name);
		*(const char **)field = value;
		return 0;
	case CLI_TYPE_TEXT:
		*(const char **)field = value;
		return 0;
	case CLI_TYPE_KIND:
	case CLI_TYPE_MODE:
		choice = o->type == CLI_TYPE_KIND ? snug_kind_from_name(value) : snug_mode_from_name(value);
		if (choice < 0)
			return bad_choice(o, value, e);
		*(int *)field = choice;
		return 0;
	case CLI_TYPE_SANDBOX:
		for (unsigned i = 0; cli_choice(o->type, i); i++)
			if (!strcmp(value, cli_choice(o->type, i))) {
				*(int *)field = (int)i;
				return 0;
			}
		return bad_choice(o, value, e);
	case CLI_TYPE_ADDRESS:
		wrong = cli_parse_address(value, &((struct cli_address *)field)->value);
		((struct cli_address *)field)->given = true;
		break;
	case CLI_TYPE_SIZE:
	case CLI_TYPE_COUNT:
	case CLI_TYPE_SECONDS:
		wrong = numbers[o->type](value, field);
		break;
	}
	return wrong ? cli_err(e, -EINVAL, NULL, "--%s: '%.200s' %s", o->name, value, wrong) : 0;
}

/* Gives an option its argument: what stands after it in its own word (value), or the next word, which is taken. */
static int argument(const struct cli_option *o, const char *value, char *const **next, struct cli_args *args,
                    struct snug_error *e)
{
	if (!o->arg && value)
		return cli_err(e, -EINVAL, NULL, "--%s takes no argument", o->name);
	if (o->arg && !value) {
		if (!**next || !strncmp(**next, "--", 2))
			return cli_err(e, -EINVAL, o->help, "--%s: its argument %s is missing", o->name, o->arg);
		value = *(*next)++;
	}
	return store(o, value, args, e);
}

static int option(const struct cli_verb *verb, const char *word, char *const **next, struct cli_args *args,
                  struct snug_error *e)
{
	const char *equals = strchr(word, '=');
	size_t len = equals ? (size_t)(equals - word) : strlen(word);
	const struct cli_option *o = find(verb->bit, word, len);

	return o ? argument(o, equals ? equals + 1 : NULL, next, args, e) : unknown_option(verb, word, len, e);
}

static int short_option(const struct cli_verb *verb, const char *word, char *const **next, struct cli_args *args,
                        struct snug_error *e)
{
	const struct cli_option *o = find_letter(verb->bit, word[1]);

	if (!o)
		return cli_err(e, -EINVAL, "options are spelled out: --mem, --mode; a file may be called ./-name",
		               "unknown option %.200s", word);
	return argument(o, word[2] ? word + 2 : NULL, next, args, e);
}

/* Is it one of words, which have blanks between them? */
static bool among(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = words; len && (at = strstr(at, word)); at += len)
		if ((at == words || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
			return true;
	return false;
}

static const char *operand_name(const struct cli_verb *verb, unsigned index)
{
	enum { LAST = sizeof verb->operands / sizeof *verb->operands - 1 };
	const char *name = NULL;

	for (unsigned i = 0; i <= LAST && i <= index && verb->operands[i]; i++)
		name = verb->operands[i];
	return name;
}

static int too_many(const struct cli_verb *verb, const char *word, const struct cli_args *args, struct snug_error *e)
{
	char hint[128], name[16] = "";

	snprintf(hint, sizeof hint, "see 'snug %s --help'", verb->name);
	if (verb->max == 0)
		return cli_err(e, -EINVAL, hint, "'snug %s' takes no argument '%.200s'", verb->name, word);
	if (verb->max > 1)
		return cli_err(e, -EINVAL, hint, "'%.200s': 'snug %s' takes at most %u words", word, verb->name,
		               verb->max);
	for (size_t i = 0; verb->operands[0][i] && i < sizeof name - 1; i++)
		name[i] = (char)(verb->operands[0][i] | 0x20); /* letters of ASCII alone: lower case */
	snprintf(hint, sizeof hint, "'snug %s' takes one %s", verb->name, verb->operands[0]);
	return cli_err(e, -EINVAL, hint, "two %ss: '%.100s' and '%.100s'", name, args->image, word);
}

static int operand(const struct cli_verb *verb, const char *word, struct cli_args *args, struct snug_error *e)
{
	char hint[128];

	if (verb->words && !args->word) {
		snprintf(hint, sizeof hint, "it takes: %s; usage: snug %s %s", verb->words, verb->name, verb->usage);
		if (!among(verb->words, word))
			return cli_err(e, -EINVAL, hint, "'snug %s' does not know '%.200s'", verb->name, word);
		args->word = word;
		return 0;
	}
	if (args->operand_count == verb->max)
		return too_many(verb, word, args, e);
	/* Names of files and functions; an argument may be any text. */
	if (!*word && args->operand_count < 2) {
		snprintf(hint, sizeof hint, "see 'snug %s --help'", verb->name);
		return cli_err(e, -EINVAL, hint, "%s: the name is empty", operand_name(verb, args->operand_count));
	}
	args->operands[args->operand_count++] = word;
	args->image = args->operands[0];
	return 0;
}

/* What follows "--". */
static int rest(const struct cli_verb *verb, char *const *words, struct cli_args *args, struct snug_error *e)
{
	int r = 0;

	if (verb->guest_args && *words) {
		args->guest_args = *words;
		return cli_err(e, -EINVAL, "no kind of guest takes arguments in this version",
		               "'%.200s' after --: the guest cannot be given arguments", *words);
	}
	for (; *words && r == 0; words++)
		r = operand(verb, *words, args, e);
	return r;
}

static int missing(const struct cli_verb *verb, const struct cli_args *args, struct snug_error *e)
{
	char hint[128];

	snprintf(hint, sizeof hint, "usage: snug %s %s", verb->name, verb->usage);
	if (verb->words && !args->word)
		return cli_err(e, -EINVAL, hint, "'snug %s' needs one of: %s", verb->name, verb->words);
	return cli_err(e, -EINVAL, hint, "%s is missing", operand_name(verb, args->operand_count));
}

/* --kernel stands for IMAGE. */
static int kernel_for_image(struct cli_args *args, struct snug_error *e)
{
	if (args->image)
		return cli_err(e, -EINVAL, "leave one of them out", "--kernel %.200s and an image, '%.200s'",
		               args->kernel, args->image);
	args->image = args->kernel;
	return 0;
}

static int check_kernel(const struct cli_args *args, struct snug_error *e)
{
	if (args->exec && args->initrd)
		return cli_err(e, -EINVAL, "give a directory: --initrd-dir",
		               "--exec makes an initrd of its own: --initrd does not go with it");
	if (args->initrd_dir && !args->exec)
		return cli_err(e, -EINVAL, "add --exec CMD, or give a file: --initrd",
		               "--initrd-dir: there is no --exec");
	return 0;
}

int cli_parse(const struct cli_verb *verb, char *const argv[], struct cli_args *out, struct snug_error *e)
{
	char *const *next = argv;
	const char *word;
	int r = 0;

	*out = (struct cli_args){0};
	for (; (word = *next) && strcmp(word, "--") != 0; next++) {
		if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
			out->help = true;
			return 0;
		}
	}
	next = argv;
	while (r == 0 && (word = *next)) {
		bool number = verb->numbers && word[0] == '-' && word[1] >= '0' && word[1] <= '9';

		next++;
		if (!strcmp(word, "--")) {
			r = rest(verb, next, out, e);
			break;
		}
		if (!strncmp(word, "--", 2))
			r = option(verb, word + 2, &next, out, e);
		else if (word[0] == '-' && word[1] && !number)
			r = short_option(verb, word, &next, out, e);
		else
			r = operand(verb, word, out, e);
	}
	if (r == 0 && out->kernel)
		r = kernel_for_image(out, e);
	else if (r == 0 && (out->operand_count < verb->min || (verb->words && !out->word)))
		r = missing(verb, out, e);
	return r < 0 ? r : check_kernel(out, e);
}

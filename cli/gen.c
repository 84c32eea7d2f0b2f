/* SPDX-License-Identifier: MIT */
/*
 * gen: prints the man pages' source and the completions from the tables, at build time
 *
 *     gen man < PAGE.scd.in     replaces a line "@OPTIONS VERB@" by the verb's options, "@VERBS@" by all verbs
 *     gen bash, gen zsh         the completions
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "options.h"

/* scdoc takes _ and * for marks. */
static void put_escaped(const char *s)
{
	for (; *s; s++) {
		if (strchr("_*\\", *s))
			putchar('\\');
		putchar(*s);
	}
}

static void man_options(const struct cli_verb *verb)
{
	for (const struct cli_option *o = cli_options; o->name; o++) {
		if (!(o->verbs & verb->bit))
			continue;
		printf("*--%s*", o->name);
		if (o->letter)
			printf(", *-%c*", o->letter);
		if (o->arg)
			printf(" _%s_", o->arg);
		printf("\n\t%c", toupper((unsigned char)o->help[0]));
		put_escaped(o->help + 1);
		printf(".");
		if (o->more) {
			printf(" ");
			put_escaped(o->more);
		}
		printf("\n\n");
	}
}

static void man_verbs(void)
{
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		printf("*snug %s* ", v->name);
		put_escaped(v->usage);
		printf("\n\t%c", toupper((unsigned char)v->summary[0]));
		put_escaped(v->summary + 1);
		printf(". See *snug-%s*(1).\n\n", v->name);
	}
}

static int man(void)
{
	char line[4096], name[32];

	while (fgets(line, sizeof line, stdin)) {
		if (!strcmp(line, "@VERBS@\n")) {
			man_verbs();
		} else if (sscanf(line, "@OPTIONS %31[a-z]@", name) == 1) {
			if (!cli_verb_find(name))
				return 1;
			man_options(cli_verb_find(name));
		} else {
			fputs(line, stdout);
		}
	}
	return 0;
}

static void choices(enum cli_type type)
{
	const char *name;

	for (unsigned i = 0; (name = cli_choice(type, i)); i++)
		printf("%s%s", i ? " " : "", name);
}

static void verb_names(void)
{
	for (const struct cli_verb *v = cli_verbs; v->name; v++)
		printf(v == cli_verbs ? "%s" : " %s", v->name);
}

/* The arguments of one option, as a case of "VERB --OPTION". */
static void bash_argument(const struct cli_verb *v, const struct cli_option *o)
{
	if (!o->arg || !(o->verbs & v->bit))
		return;
	printf("\t'%s --%s'", v->name, o->name);
	if (o->letter)
		printf("|'%s -%c'", v->name, o->letter);
	printf(") ");
	if (o->type == CLI_TYPE_PATH) {
		printf("mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); ");
	} else if (cli_choice(o->type, 0)) {
		printf("mapfile -t COMPREPLY < <(compgen -W '");
		choices(o->type);
		printf("' -- \"$cur\"); ");
	}
	printf("return ;;\n");
}

static void bash_words(const struct cli_verb *v)
{
	printf("\t%s) words='", v->name);
	for (const struct cli_option *o = cli_options; o->name; o++)
		if (o->verbs & v->bit)
			printf("--%s ", o->name);
	printf("' ;;\n");
}

/* What completes an operand: a verb's own words first, then files. */
static void bash_operands(void)
{
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		if (v->words)
			printf("\telif [[ $verb == %s ]] && ((COMP_CWORD == 2)); then\n"
			       "\t\tmapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\")\n",
			       v->name, v->words);
	}
	printf("\telif [[ ' ");
	for (const struct cli_verb *v = cli_verbs; v->name; v++)
		if (v->max)
			printf("%s ", v->name);
	printf("' == *\" $verb \"* ]]; then\n\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n\tfi\n");
}

static int bash(void)
{
	printf(
	    "# bash completion for snug; made from the table of options\n"
	    "_snug()\n{\n"
	    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]} words=\n\n"
	    "\tCOMPREPLY=()\n"
	    "\tif ((COMP_CWORD == 1)); then\n"
	    "\t\tmapfile -t COMPREPLY < <(compgen -W '");
	verb_names();
	printf(" help --help --version' -- \"$cur\")\n\t\treturn\n\tfi\n\tcase \"$verb $prev\" in\n");
	for (const struct cli_verb *v = cli_verbs; v->name; v++)
		for (const struct cli_option *o = cli_options; o->name; o++)
			bash_argument(v, o);
	printf("\tesac\n\tcase $verb in\n");
	for (const struct cli_verb *v = cli_verbs; v->name; v++)
		bash_words(v);
	printf("\thelp) words='");
	verb_names();
	printf("' ;;\n\tesac\n"
	       "\tif [[ $cur == -* || $verb == help ]]; then\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n");
	bash_operands();
	printf("}\ncomplete -o filenames -F _snug snug\n");
	return 0;
}

/* zsh takes these for marks inside a description. */
static void put_zsh(const char *s)
{
	for (; *s; s++) {
		if (*s == '\'')
			fputs("'\\'", stdout);
		else if (strchr("[]:\\", *s))
			putchar('\\');
		putchar(*s);
	}
}

/* By its long name, or by its letter. */
static void zsh_option(const struct cli_option *o, bool letter)
{
	if (letter)
		printf("\t\t'-%c[", o->letter);
	else
		printf("\t\t'--%s[", o->name);
	put_zsh(o->help);
	printf("]");
	if (o->arg) {
		printf(":%s:", o->arg);
		if (o->type == CLI_TYPE_PATH) {
			printf("_files");
		} else if (cli_choice(o->type, 0)) {
			printf("(");
			choices(o->type);
			printf(")");
		}
	}
	printf("' \\\n");
}

static void zsh_verb(const struct cli_verb *v)
{
	printf("%s)\n\t_arguments \\\n", v->name);
	for (const struct cli_option *o = cli_options; o->name; o++) {
		if (!(o->verbs & v->bit))
			continue;
		zsh_option(o, false);
		if (o->letter)
			zsh_option(o, true);
	}
	if (v->words)
		printf("\t\t':what:(%s)' \\\n", v->words);
	if (v->max)
		printf("\t\t'%s:operand:_files'\n\t;;\n", v->max > 1 ? "*" : "");
	else
		printf("\t\t&& return\n\t;;\n");
}

static int zsh(void)
{
	printf("#compdef snug\n# zsh completion for snug; made from the table of options\n\n"
	       "if ((CURRENT == 2)); then\n\tlocal -a verbs=(\n");
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		printf("\t\t'%s:", v->name);
		put_zsh(v->summary);
		printf("'\n");
	}
	printf("\t\t'help:show the options of a verb'\n\t)\n\t_describe verb verbs\n\treturn\nfi\n"
	       "shift words\n((CURRENT--))\ncase $words[1] in\n");
	for (const struct cli_verb *v = cli_verbs; v->name; v++)
		zsh_verb(v);
	printf("help)\n\tcompadd ");
	verb_names();
	printf("\n\t;;\nesac\n");
	return 0;
}

int main(int argc, char *argv[])
{
	if (argc == 2 && !strcmp(argv[1], "man"))
		return man();
	if (argc == 2 && !strcmp(argv[1], "bash"))
		return bash();
	if (argc == 2 && !strcmp(argv[1], "zsh"))
		return zsh();
	fprintf(stderr, "usage: gen man|bash|zsh\n");
	return 1;
}

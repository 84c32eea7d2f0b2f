/* SPDX-License-Identifier: MIT */
/* help: what --help prints, from the tables */
#include "cli.h"
#include "help.h"

void cli_help(FILE *out)
{
	fprintf(out, "usage: snug VERB [OPTIONS]\n\nSmall, safe virtual machines on Linux KVM.\n\n");
	for (const struct cli_verb *v = cli_verbs; v->name; v++)
		fprintf(out, "  %-16s %s\n", v->name, v->summary);
	fprintf(out, "  %-16s %s\n", "help [VERB]", "show this, or the options of a verb");
	fprintf(out, "  %-16s %s\n\n", "--version", "show the version");
	fprintf(out, "A first look:     snug demo\n"
	             "A first guest:    snug run --as firmware --timeout 5 /usr/share/seabios/bios.bin\n"
	             "The manual:       man snug\n");
}

/* Those few need are named only. */
static void rare(FILE *out, const struct cli_verb *verb)
{
	const char *glue = "  and, see the man page:";

	for (const struct cli_option *o = cli_options; o->name; o++) {
		if (!(o->verbs & verb->bit) || !o->rare)
			continue;
		fprintf(out, "%s --%s", glue, o->name);
		glue = "";
	}
	if (!*glue)
		fputc('\n', out);
}

void cli_verb_help(FILE *out, const struct cli_verb *verb)
{
	char left[40], letter[8];

	fprintf(out, "usage: snug %s %s\n\n%s\n\n", verb->name, verb->usage, verb->summary);
	for (const struct cli_option *o = cli_options; o->name; o++) {
		if (!(o->verbs & verb->bit) || o->rare)
			continue;
		snprintf(letter, sizeof letter, ", -%c", o->letter);
		snprintf(left, sizeof left, "--%s%s%s%s", o->name, o->letter ? letter : "", o->arg ? " " : "",
		         o->arg ? o->arg : "");
		fprintf(out, "  %-18s %s\n", left, o->help);
	}
	rare(out, verb);
	fprintf(out, "\n%s\n", verb->about);
}

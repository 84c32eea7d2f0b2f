/* SPDX-License-Identifier: MIT */
/* options: the table, and the parser that reads it */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "sizes.h"

#define FIELD(name) offsetof(struct cli_args, name)
#define ALL (CLI_RUN | CLI_CHECK | CLI_DEMO)

const struct cli_option cli_options[] = {
    {"as", "KIND", "what the image is: flat, elf or firmware (default: told from its bytes)",
     "A flat image is raw code. An ELF file must be static, for x86 and not relocatable. A firmware image ends at "
     "4 GiB and starts at the reset vector.",
     CLI_RUN, CLI_TYPE_KIND, FIELD(kind)},
    {"mode", "MODE", "CPU mode to start in: real, protected, paged32, long, user or reset",
     "The default is what the image asks for: real for a boot sector, protected for 32-bit ELF, long for 64-bit ELF "
     "and other flat images, reset for firmware.",
     CLI_RUN, CLI_TYPE_MODE, FIELD(mode)},
    {"mode", "MODE", "show one CPU mode only: real, protected, paged32, long or user", NULL, CLI_DEMO, CLI_TYPE_MODE,
     FIELD(mode)},
    {"mem", "SIZE", "guest memory, a multiple of 4K; K, M, G and T are units (default 16M)", NULL, CLI_RUN,
     CLI_TYPE_SIZE, FIELD(mem)},
    {"cpus", "N", "virtual CPUs (default 1)",
     "CPU 0 starts the guest; a bare guest has no way yet to start the others.", CLI_RUN, CLI_TYPE_COUNT,
     FIELD(cpus)},
    {"load", "ADDR", "where a flat image goes (default 0x100000; real mode 0x1000)",
     "Addresses are decimal, or hexadecimal after 0x. A boot sector goes to 0x7c00.", CLI_RUN, CLI_TYPE_ADDRESS,
     FIELD(load)},
    {"entry", "ADDR", "first instruction (default: start of a flat image, or as the ELF file says)", NULL, CLI_RUN,
     CLI_TYPE_ADDRESS, FIELD(entry)},
    {"stack", "ADDR", "initial stack pointer (default: end of memory; real mode 0x7000)", NULL, CLI_RUN,
     CLI_TYPE_ADDRESS, FIELD(stack)},
    {"timeout", "SECONDS", "stop the guest after so long, with status 124; decimals are fine", NULL, CLI_RUN,
     CLI_TYPE_SECONDS, FIELD(timeout_ns)},
    {"reboot", NULL, "a reset by the guest starts it over instead of ending the run",
     "The image is read again into a new machine. The time of --timeout goes on.", CLI_RUN, CLI_TYPE_FLAG,
     FIELD(reboot)},
    {"stats", NULL, "at the end, print what each kind of exit cost, to stderr", NULL, CLI_RUN, CLI_TYPE_FLAG,
     FIELD(stats)},
    {"gdb", "WHERE", "let gdb drive the guest from its first instruction on: tcp:PORT or unix:PATH",
     "TCP is on 127.0.0.1 alone; port 0 takes a free one and says which. The guest stands until gdb connects, and "
     "again where gdb goes away without detaching.",
     CLI_RUN, CLI_TYPE_PATH, FIELD(gdb)},
    {"json", "FILE", "write the results to FILE as JSON",
     "FILE appears whole or not at all. That it cannot be written is status 125.", CLI_RUN | CLI_CHECK, CLI_TYPE_PATH,
     FIELD(json)},
    {"trace", "FILE", "write a timeline to FILE, for ui.perfetto.dev or chrome://tracing",
     "It shows KVM_RUN, each exit with its arguments, the work of devices and the marks of the guest (snug_mark of "
     "snug/guest.h), the newest 131072 exits of them; otherData in the file counts the lost events. With --reboot it "
     "is the last machine's.",
     CLI_RUN, CLI_TYPE_PATH, FIELD(trace)},
    {"stream", NULL, "let --trace lose nothing: records go to a file beside FILE as the guest runs", NULL, CLI_RUN,
     CLI_TYPE_FLAG, FIELD(stream)},
    {"report", "FILE", "write a page for a browser to FILE: result, exits, timeline, console",
     "One HTML file that needs no network. It has the newest 8192 exits and the last 256K of the console.", CLI_RUN,
     CLI_TYPE_PATH, FIELD(report)},
    {"core", "FILE", "if the guest crashes, write an ELF core file to FILE, for gdb",
     "It holds all guest memory, zeros as holes, at the addresses the guest's page tables give it. FILE appears "
     "whole or "
     "not at all, and only after a crash.",
     CLI_RUN, CLI_TYPE_PATH, FIELD(core)},
    {"sandbox", "on|off", "confine snug itself (default off; this version has no sandbox yet)", NULL, CLI_RUN,
     CLI_TYPE_ONOFF, FIELD(sandbox)},
    {"kvm", "PATH", "the KVM device (default /dev/kvm)", NULL, ALL, CLI_TYPE_PATH, FIELD(kvm)},
    {"verbose", NULL, "tell on stderr what was loaded where, and what ended the run", NULL, CLI_RUN, CLI_TYPE_FLAG,
     FIELD(verbose)},
    {"help", NULL, "show this", NULL, ALL, CLI_TYPE_FLAG, FIELD(help)},
    {NULL},
};

const struct cli_verb cli_verbs[] = {
    {"run", CLI_RUN, "[OPTIONS] IMAGE [-- ARG...]", "run a guest: its console is stdin and stdout",
     "Status: the guest's own, 0 after HLT or reset; 123 crash, 124 timeout, 125 snug failed,\n"
     "126 no guest in IMAGE, 127 no such IMAGE.",
     true},
    {"check", CLI_CHECK, "[OPTIONS]", "say what this host's KVM can do, and what to do about what it can't",
     "Status: 0 if guests can run here, else 1.", false},
    {"demo", CLI_DEMO, "[OPTIONS]", "show the nine steps from /dev/kvm to a running guest, in each CPU mode",
     "Status: 0 if every mode ran, or is one this host cannot have; else 1.", false},
    {NULL},
};

const struct cli_verb *cli_verb_find(const char *name)
{
	const struct cli_verb *v;

	for (v = cli_verbs; v->name; v++)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

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

const char *cli_choice(enum cli_type type, unsigned index)
{
	if (type == CLI_TYPE_KIND)
		return index < SNUG_KIND_FIRMWARE ? snug_kind_name(SNUG_KIND_FLAT + index) : NULL;
	if (type == CLI_TYPE_MODE)
		return index < SNUG_MODE_RESET ? snug_mode_name(SNUG_MODE_REAL + index) : NULL;
	if (type == CLI_TYPE_ONOFF)
		return index == 0 ? "on" : index == 1 ? "off" : NULL;
	return NULL;
}

void cli_choices(enum cli_type type, char *out, size_t len)
{
	const char *name;
	size_t used = 0;

	out[0] = 0;
	for (unsigned i = 0; (name = cli_choice(type, i)) && used < len; i++) {
		const char *glue = i == 0 ? "" : cli_choice(type, i + 1) ? ", " : " and ";
		int n = snprintf(out + used, len - used, "%s%s", glue, name);

		used += n > 0 ? (size_t)n : 0;
	}
}

/* The option of any of these verbs that is called by a word of len bytes, or NULL. */
static const struct cli_option *find(unsigned verbs, const char *word, size_t len)
{
	for (const struct cli_option *o = cli_options; o->name; o++)
		if ((o->verbs & verbs) && strlen(o->name) == len && !memcmp(o->name, word, len))
			return o;
	return NULL;
}

static int unknown_option(const struct cli_verb *verb, const char *word, size_t len, struct snug_error *e)
{
	const struct cli_option *guess = find(ALL, word, len), *o;
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
	return cli_err(e, -EINVAL, hint, "--%s: unknown %s '%.200s'", o->name,
	               o->type == CLI_TYPE_ONOFF ? "answer"
	               : o->name[0] == 'a'       ? "kind"
	                                         : o->name,
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
	case CLI_TYPE_KIND:
	case CLI_TYPE_MODE:
		choice = o->type == CLI_TYPE_KIND ? snug_kind_from_name(value) : snug_mode_from_name(value);
		if (choice < 0)
			return bad_choice(o, value, e);
		*(int *)field = choice;
		return 0;
	case CLI_TYPE_ONOFF:
		if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
			return bad_choice(o, value, e);
		*(bool *)field = value[1] == 'n';
		return 0;
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

/* Reads one option; *next is the word after it, taken where it is the argument. */
static int option(const struct cli_verb *verb, const char *word, char *const **next, struct cli_args *args,
                  struct snug_error *e)
{
	const char *equals = strchr(word, '='), *value = equals ? equals + 1 : NULL;
	size_t len = equals ? (size_t)(equals - word) : strlen(word);
	const struct cli_option *o = find(verb->bit, word, len);

	if (!o)
		return unknown_option(verb, word, len, e);
	if (!o->arg && value)
		return cli_err(e, -EINVAL, NULL, "--%s takes no argument", o->name);
	if (o->arg && !value) {
		if (!**next || !strncmp(**next, "--", 2))
			return cli_err(e, -EINVAL, o->help, "--%s: its argument %s is missing", o->name, o->arg);
		value = *(*next)++;
	}
	return store(o, value, args, e);
}

static int operand(const struct cli_verb *verb, const char *word, struct cli_args *args, struct snug_error *e)
{
	char hint[64];

	snprintf(hint, sizeof hint, "see 'snug %s --help'", verb->name);
	if (!verb->image)
		return cli_err(e, -EINVAL, hint, "'snug %s' takes no argument '%.200s'", verb->name, word);
	if (args->image)
		return cli_err(e, -EINVAL, "one run takes one IMAGE", "two images: '%.100s' and '%.100s'",
		               args->image, word);
	if (!*word)
		return cli_err(e, -EINVAL, hint, "IMAGE: the name is empty");
	args->image = word;
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
		next++;
		if (!strcmp(word, "--")) {
			out->guest_args = *next;
			break;
		}
		if (!strncmp(word, "--", 2))
			r = option(verb, word + 2, &next, out, e);
		else if (word[0] == '-' && word[1])
			r = cli_err(e, -EINVAL,
			            "options are spelled out: --mem, --mode; a file may be called ./-name",
			            "unknown option %.200s", word);
		else
			r = operand(verb, word, out, e);
	}
	if (r < 0)
		return r;
	if (out->guest_args)
		return verb->image
		           ? cli_err(e, -EINVAL, "no kind of guest takes arguments in this version",
		                     "'%.200s' after --: the guest cannot be given arguments", out->guest_args)
		           : operand(verb, out->guest_args, out, e);
	if (verb->image && !out->image)
		return cli_err(e, -EINVAL, "usage: snug run [OPTIONS] IMAGE", "IMAGE is missing");
	return 0;
}

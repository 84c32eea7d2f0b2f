/* SPDX-License-Identifier: MIT */
/*
 * options: one table of all options
 *
 * The parser, --help, the man pages and the completions are made from it.
 */
#ifndef SNUG_CLI_OPTIONS_H
#define SNUG_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <snug.h>

enum cli_verb_bit {
	CLI_RUN = 1 << 0,
	CLI_CHECK = 1 << 1,
	CLI_DEMO = 1 << 2,
	CLI_RESTORE = 1 << 3,
	CLI_SNAPSHOT = 1 << 4,
	CLI_CLONE = 1 << 5,
	CLI_CALL = 1 << 6,
};

/* How the argument of an option is read, and what field type it fills. */
enum cli_type {
	CLI_TYPE_FLAG,    /* bool; no argument */
	CLI_TYPE_KIND,    /* int, enum snug_kind */
	CLI_TYPE_MODE,    /* int, enum snug_mode */
	CLI_TYPE_SIZE,    /* uint64_t, bytes */
	CLI_TYPE_COUNT,   /* uint64_t */
	CLI_TYPE_SECONDS, /* uint64_t, nanoseconds */
	CLI_TYPE_ADDRESS, /* struct cli_address */
	CLI_TYPE_PATH,    /* const char *, not empty */
	CLI_TYPE_TEXT,    /* const char * */
	CLI_TYPE_SANDBOX, /* int, enum cli_sandbox */
};

struct cli_jail;

struct cli_address {
	bool given; /* 0 is an address like any other */
	uint64_t value;
};

enum { CLI_OPERANDS_MAX = 16 };

/* A command line, read.  Strings are those of argv. */
struct cli_args {
	const char *word; /* of a verb's own words ("info"), NULL: it has none */
	const char *operands[CLI_OPERANDS_MAX];
	unsigned operand_count;
	const char *image;      /* the first operand, NULL: none given */
	const char *guest_args; /* the first after --, NULL: none */
	int kind, mode;
	uint64_t mem, cpus, timeout_ns, count, repeat; /* 0: not given */
	struct cli_address load, entry, stack;
	const char *json, *trace, *report, *core, *kvm, *gdb, *save;    /* NULL: not given */
	const char *kernel, *exec, *initrd, *initrd_dir, *append, *cpu; /* likewise */
	int sandbox;                                                    /* enum cli_sandbox */
	struct cli_jail *jail;                                          /* NULL: not in one */
	bool calls;                                                     /* functions are called */
	bool stats, stream, dumpable, reboot, verbose, verify, hex, quiet, list, no_host_hints, help;
};

struct cli_option {
	const char *name; /* without the dashes; two verbs may have options of one name in rows of their own */
	const char *arg;  /* "SIZE"; NULL: none */
	const char *help; /* one line of at most 78 columns */
	const char *more; /* what the man page adds; may be NULL */
	unsigned verbs;   /* CLI_RUN and so on */
	enum cli_type type;
	size_t field; /* offset in struct cli_args */
	char letter;  /* a short name, "-n"; 0: none */
	bool rare;    /* --help names it, and the man page explains it */
};

struct cli_verb {
	const char *name;
	unsigned bit;
	const char *usage;   /* what follows "snug NAME" */
	const char *summary; /* one line */
	const char *about;   /* further lines of --help; may be empty */
	/* What operands are called; the last name stands for all further ones too. */
	const char *operands[3];
	unsigned min, max; /* how many it takes, CLI_OPERANDS_MAX at most */
	bool guest_args;   /* what follows -- is the guest's */
	bool numbers;      /* an operand may be a negative number */
	const char *words; /* one of these words comes first, with blanks between them; NULL: none does */
};

/* The tables; each ends with a name of NULL. */
extern const struct cli_option cli_options[];
extern const struct cli_verb cli_verbs[];

/* The verb of that name, or NULL. */
const struct cli_verb *cli_verb_find(const char *name);

/* The verb's name that is closest to a mistyped one, or NULL where none is close. */
const char *cli_verb_guess(const char *name);

/* The index-th name an option of a type takes ("real"), or NULL past the last. */
const char *cli_choice(enum cli_type type, unsigned index);

/* "flat, elf and firmware", cut to fit. */
void cli_choices(enum cli_type type, char *out, size_t len);

/*
 * Reads what follows the verb; argv ends with NULL.  With --help nothing else is looked at.
 * Fails: -EINVAL; the message names the option.
 */
int cli_parse(const struct cli_verb *verb, char *const argv[], struct cli_args *out, struct snug_error *e);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * keeper: the process outside, which puts files into place for one that can open none
 *
 * It holds the directories of the files that the command line names, makes an unfinished file in one of them when the
 * confined process asks, hands it over, and gives it its name when it is told that it is whole.  Which file is said by a
 * number: the confined process chooses no names.  It also hands on signals, and takes away what is left behind.
 */
#ifndef SNUG_CLI_KEEPER_H
#define SNUG_CLI_KEEPER_H

#include <sys/types.h>

#include "file.h"

enum cli_keeper_op {
	CLI_KEEPER_CHECK,  /* can it be made? */
	CLI_KEEPER_OPEN,   /* makes it: a descriptor comes back */
	CLI_KEEPER_FINISH, /* it is whole */
	CLI_KEEPER_DROP,   /* it is not to be */
	CLI_KEEPER_SOCKET, /* gdb's socket is there, and is to go at the end */
	CLI_KEEPER_NET,    /* an empty network namespace, which it has made for both: a descriptor comes back */
};

/* Asks, as the confined process; 0 or a negative errno.  fd may be NULL but for CLI_KEEPER_OPEN and _NET. */
int cli_keeper_ask(int sock, enum cli_keeper_op op, unsigned which, int *fd);

struct cli_keeper {
	int sock, theirs; /* a pair */
	struct cli_file files[CLI_FILES];
	struct cli_file socket; /* gdb's: a directory and a name */
	bool has_socket, saves;
	int net; /* or a negative errno */
};

/* Opens the directories, and a pair of sockets; 0 or a negative errno.  Where a directory cannot be opened, the confined
 * process will say so when it looks at its files. */
int cli_keeper_open(struct cli_keeper *k, const struct cli_args *args);

/* In the child: what is the parent's. */
void cli_keeper_forget(struct cli_keeper *k);

/* Blocks the signals that cli_keeper_serve takes; *old gets what was. */
void cli_keeper_block(sigset_t *old);

/* Confines itself, serves the child until it ends, and returns its status; does not return where a signal ends it. */
int cli_keeper_serve(struct cli_keeper *k, pid_t child, const sigset_t *old);

#endif

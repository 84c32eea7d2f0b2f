/* SPDX-License-Identifier: MIT */
/*
 * crowd: many clones of one machine
 *
 * All are made before the first runs; a few threads make and run them, each takes the next one.  What a clone prints
 * is kept until those before it have been written out.
 */
#ifndef SNUG_CLI_CROWD_H
#define SNUG_CLI_CROWD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <snug.h>

#include "console.h"
#include "exec.h"
#include "options.h"

#define CLI_CLONE_KEPT (256u << 10) /* bytes of one clone's console */

struct cli_clone {
	snug_vm *vm;
	int status;
	bool by_guest, ended;
	bool done;      /* all of this is settled; of the crowd's lock */
	char what[192]; /* in words, where the guest did not set the status */
	uint64_t clone_ns, run_ns;
	char *out;
	size_t len, room;
	uint64_t bytes; /* all it printed; what exceeds CLI_CLONE_KEPT is dropped */
	struct cli_exec exec;
	struct cli_console console; /* of a kernel, for its last words */
};

struct cli_crowd {
	const struct cli_args *args;
	snug_vm *parent;
	struct cli_clone *clones;
	size_t count;
	bool pc;                                                  /* they are kernels, with threads of their own */
	void (*work)(struct cli_crowd *c, struct cli_clone *one); /* what is done now with each of them */
	bool guests;                                              /* it runs them */
	pthread_barrier_t confined;                               /* all threads are */
	atomic_size_t next;
	pthread_mutex_t lock;    /* of the rest */
	size_t shown;            /* those before are written out */
	struct snug_error error; /* code 0: none; the first that ends it all */
};

/* Makes `count` clones of the parent and runs each to its end.  error says whether that was done. */
void cli_crowd_run(struct cli_crowd *c);

/* Frees what is left of the clones. */
void cli_crowd_free(struct cli_crowd *c);

#endif

/* SPDX-License-Identifier: MIT */
/* gdb: the connection to a debugger */
#ifndef SNUG_CLI_GDB_H
#define SNUG_CLI_GDB_H

#include <snug.h>

struct cli_gdb {
	int listener, peer; /* -1: none */
	const char *path;   /* of a Unix socket, to be removed */
	snug_gdb *session;  /* while there is a peer */
	bool detached;      /* the guest runs without a debugger */
	size_t in_len, out_len;
	unsigned char in[4096], out[4096]; /* what was not taken yet */
};

/* Listens where `where` says: "tcp:PORT" or "unix:PATH"; tells it on stderr. */
int cli_gdb_open(struct cli_gdb *g, const char *where, struct snug_error *e);
void cli_gdb_close(struct cli_gdb *g);

/*
 * As snug_vcpu_run for vCPU 0, under the debugger's control once there is one, and standing until then.  What comes back
 * ended the guest, or used up the time, or is a signal's.  -ECANCELED: the debugger killed the guest.
 */
int cli_gdb_run(struct cli_gdb *g, snug_vm *vm, uint64_t timeout_ns, struct snug_exit *x, struct snug_error *e);

/* Ends the session, before its VM is freed. */
void cli_gdb_end(struct cli_gdb *g);

#endif

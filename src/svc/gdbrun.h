/* SPDX-License-Identifier: MIT */
/* gdbrun: what a debugging session of a VM is, and running it */
#ifndef SNUG_SVC_GDBRUN_H
#define SNUG_SVC_GDBRUN_H

#include "svc/gdb.h"

/* Where a vCPU stands: the address of its next instruction, and what maps it. */
struct snug__gdb_seen {
	uint64_t pc;
	struct snug_sregs sregs;
};

struct snug__gdb_cpu {
	struct kvm_guest_debug debug; /* what KVM was told last */
	const struct snug__gdb_place *regs[SNUG__GDB_DEBUG_REGS];
	uint64_t gates[SNUG__GDB_GATES]; /* handlers of #DB and #BP that are stopped at */
	bool has_seen;                   /* seen is where it stands now */
	struct snug__gdb_seen seen;
	bool halted;   /* waits for an interrupt */
	bool stepping; /* the instruction stepped over made an access that has to be retired */
};

struct snug_gdb {
	snug_vm *vm;
	unsigned run_cpus; /* the first so many run */
	unsigned turn;     /* whose turn it is, counted on without end */
	unsigned last;     /* who ran last */
	struct snug__gdb_places places;
	struct snug_exit end; /* what ended the guest, or did so but for the debugger */
	struct snug__gdb_engine engine;
	struct snug__gdb_cpu cpus[];
};

/*
 * Runs until the debugger is to be told something, the guest ended, an exit is the caller's, or `deadline` (0: none);
 * the engine's state says which.  *x is the exit, TIMEOUT where there was none.
 */
int snug__gdb_go(struct snug_gdb *g, uint64_t deadline, struct snug_exit *x, struct snug_error *err);

/* No more breakpoints, no more debugging by KVM. */
int snug__gdb_disarm(struct snug_gdb *g, struct snug_error *err);

#endif

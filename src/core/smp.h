/* SPDX-License-Identifier: MIT */
/* smp: a VM's own threads: one for each vCPU, and one that waits for input and for points in time */
#ifndef SNUG_CORE_SMP_H
#define SNUG_CORE_SMP_H

#include "core/core.h"
#include "host/loop.h"

/* What the vCPU threads are to do. */
enum snug__smp_want {
	SNUG__SMP_PAUSE = 0,
	SNUG__SMP_RUN,
	SNUG__SMP_STOP,
};

struct snug__smp;

struct snug__smp_thread {
	struct snug__smp *smp;
	int cpu; /* -1: the loop */
	pthread_t thread;
	bool kicked; /* by us: its next exit may be that */
};

struct snug__smp {
	snug_vm *vm;
	struct snug_threads how;
	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t changed;
	enum snug__smp_want want;
	unsigned running; /* vCPUs that are not out */
	bool has_exit;
	struct snug_exit exit;
	int code; /* of a run that failed; then error says why */
	struct snug_error error;
	bool begun; /* the thread being made has begun, with begun_code */
	int begun_code;
	struct snug__loop loop;
	unsigned made;                    /* threads */
	struct snug__smp_thread thread[]; /* the loop's first */
};

/* Devices act by themselves, though no vCPU thread runs: another thread runs the vCPUs.  Nothing where there are none. */
void snug__smp_live(snug_vm *vm, bool live);

/* machine.c calls these under bus_lock.  When the next device's time comes; from vm->devs[].at. */
void snug__smp_timer(snug_vm *vm);

/* The VM ends: so do its threads. */
void snug__smp_free(snug_vm *vm);

#endif

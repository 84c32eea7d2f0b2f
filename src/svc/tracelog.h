/* SPDX-License-Identifier: MIT */
/*
 * tracelog: where the records of a trace lie
 *
 * Each vCPU has a lane of its own, written by its thread alone, and marks made by the host have one more.  A lane is a
 * ring that keeps its newest records, or, with a spill file, a buffer whose full loads go to that file.  Times are in
 * ticks.
 */
#ifndef SNUG_SVC_TRACELOG_H
#define SNUG_SVC_TRACELOG_H

#include <pthread.h>

#include <snug.h>

#define SNUG__TRACE_NAME 64 /* bytes of a mark's name, its NUL among them */

enum snug__record_kind {
	SNUG__RECORD_NONE, /* of a turn that is not over */
	SNUG__RECORD_TURN, /* KVM_RUN, and its exit if there was one */
	SNUG__RECORD_MARK,
};

enum snug__record_flag {
	SNUG__TURN_EXITED = 1 << 0, /* else KVM_RUN gave no exit, and nothing past `left` counts */
	SNUG__TURN_WRITE = 1 << 1,
	SNUG__TURN_CLAIMED = 1 << 2, /* a device took it: `device` counts */
	SNUG__TURN_VALUE = 1 << 3,   /* `value` counts */
};

/* What KVM_RUN ended with. */
struct snug__turn {
	uint64_t left, end; /* when KVM_RUN came back, and when the exit was dealt with */
	uint64_t device;    /* how long the device took, from `left` on */
	uint64_t addr;      /* port, gpa, MSR or what else the reason tells */
	uint64_t value;     /* of a string access its first element */
	uint32_t count;     /* elements of a string access */
	uint32_t reason;    /* KVM_EXIT_* */
};

struct snug__record {
	uint64_t at; /* when KVM_RUN was entered, or the mark was made */
	uint8_t kind, flags, size;
	union {
		struct snug__turn turn;
		char name[SNUG__TRACE_NAME]; /* terminated */
	};
};
_Static_assert(sizeof(struct snug__record) == 80, "80 bytes are what snug.h says");

struct snug__lane {
	struct snug__record *records; /* number n lies at n & (room - 1) */
	uint32_t room;                /* a power of two */
	uint64_t next, base;          /* numbers of the next record, and of the first that was not spilled */
	uint64_t seen, lost;          /* events of all records so far; of those that are nowhere any more */
	/* the spill file's part: records, and the places of the first and the last load */
	uint64_t spilled, first, last;
	uint8_t apart[64]; /* from the next lane, which another thread writes */
};

struct snug__tracelog {
	struct snug__lane *lanes;
	unsigned count;
	bool has_lock;
	int spill;            /* fd, -1: none */
	uint64_t spill_bytes; /* guarded by lock */
	pthread_mutex_t lock; /* also the last lane's, which has the marks of the host */
};

/*
 * `cpus` lanes of at least `room` records and one of `host_room`.  spill is owned by the log from now on, failed or not;
 * -1: none.  -ENOMEM.
 */
int snug__tracelog_init(struct snug__tracelog *log, unsigned cpus, uint32_t room, uint32_t host_room, int spill,
                        struct snug_error *err);
void snug__tracelog_destroy(struct snug__tracelog *log);

/* The number of a new record of kind NONE, to be filled later: the order of a lane is that of beginnings. */
uint64_t snug__lane_reserve(struct snug__tracelog *log, struct snug__lane *lane);

/* Fills a reserved record; if that is gone by now, this one is lost. */
void snug__lane_fill(struct snug__lane *lane, uint64_t number, const struct snug__record *r);

/* Adds a record behind a reserved one, which does not move: with a spill file it is lost where there is no room. */
void snug__lane_add(const struct snug__tracelog *log, struct snug__lane *lane, const struct snug__record *r);

/* Sums over all lanes. */
uint64_t snug__tracelog_seen(const struct snug__tracelog *log);
uint64_t snug__tracelog_lost(const struct snug__tracelog *log);

/* How many events a record makes: its KVM_RUN, its exit and its device's work, or its mark. */
unsigned snug__record_events(const struct snug__record *r);

/* Reads a lane's newest records, oldest first. */
struct snug__lane_reader {
	const struct snug__tracelog *log;
	const struct snug__lane *lane;
	struct snug__record *buffer; /* of what comes from the file; NULL: nothing does */
	unsigned buffered, taken;
	uint64_t at, left;  /* place in the file, and records left there of its load */
	uint64_t next_load; /* its place */
	uint64_t in_file;   /* records yet to come from it */
	uint64_t number;    /* the next in memory */
	uint64_t skip;      /* records to leave out */
	int err;            /* negative errno: the file could not be read */
};

/* newest: how many records at most, 0: all.  -ENOMEM. */
int snug__lane_reader_init(struct snug__lane_reader *rd, const struct snug__tracelog *log,
                           const struct snug__lane *lane, uint64_t newest);
void snug__lane_reader_end(struct snug__lane_reader *rd);

/* The next record, good until the next call, or NULL: that was all, or rd->err says why not. */
const struct snug__record *snug__lane_read(struct snug__lane_reader *rd);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * dev: what every built-in device looks like, and which there are
 *
 * A device is an opaque struct behind a class.  It never learns its base address, its VM or KVM: what it needs of the
 * world it gets in struct snug__dev_env when it is created, so each runs in a unit test and in a fuzzer by itself.
 * Calls are serialised by the caller.  docs/device-howto.md shows how to write one.
 */
#ifndef SNUG_DEV_DEV_H
#define SNUG_DEV_DEV_H

#include <snug.h>

/* What a device may ask of the machine. */
enum snug__dev_ask {
	SNUG__ASK_DEBUG_EXIT, /* end the run; value as written */
	SNUG__ASK_EXIT,       /* the same, by the call of guest.h */
	SNUG__ASK_RESET,      /* value is 0 */
	SNUG__ASK_MARK,       /* the next byte of a mark's name; 0 ends it */
	SNUG__ASK_HOST,       /* call a host function; value is the linear address of its block */
	SNUG__ASK_RETURN,     /* end the run: the function of snug_call returned */
};

struct snug__dev_env {
	struct snug_console console;
	uint64_t low_bytes;  /* RAM below 4 GiB, from 0 on */
	uint64_t high_bytes; /* RAM from 4 GiB on */
	void (*ask)(void *ctx, enum snug__dev_ask what, uint32_t value);
	void *ask_ctx;
};

struct snug__dev_class {
	const char *name;
	struct snug_device_ops ops;                       /* self is what create returned */
	void *(*create)(const struct snug__dev_env *env); /* env is copied; NULL: out of memory */
	void (*destroy)(void *self);
	void (*reset)(void *self); /* as after power-on */
};

extern const struct snug__dev_class snug__dev_serial;    /* serial.c: 16550A, 8 ports */
extern const struct snug__dev_class snug__dev_debugcon;  /* debugcon.c: 1 port, reads 0xe9 */
extern const struct snug__dev_class snug__dev_debugexit; /* debugexit.c: 4 ports */
extern const struct snug__dev_class snug__dev_i8042;     /* i8042.c: port 0x64 alone: status 0, reset pulse */
extern const struct snug__dev_class snug__dev_resetctl;  /* resetctl.c: ICH9's reset control register 0xcf9 */
extern const struct snug__dev_class snug__dev_cmos;      /* cmos.c: MC146818, memory-size bytes, 2 ports */
extern const struct snug__dev_class snug__dev_guestport; /* guestport.c: calls of guest.h, 16 ports */

#endif

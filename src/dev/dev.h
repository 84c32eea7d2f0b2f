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
	SNUG__ASK_DEBUG_EXIT, /* end the run; value as written, 32 bits */
	SNUG__ASK_EXIT,       /* the same, by the call of guest.h */
	SNUG__ASK_RESET,      /* value is 0 */
	SNUG__ASK_MARK,       /* the next byte of a mark's name; 0 ends it */
	SNUG__ASK_HOST,       /* call a host function; value is the address of the call's block, 32 bits */
	SNUG__ASK_RETURN,     /* end the run: the function of snug_call returned; value is 0 */
	SNUG__ASK_POWEROFF,   /* the guest turned the machine off */
	SNUG__ASK_PANIC,      /* the guest's kernel says it cannot go on; value is what it wrote */
	SNUG__ASK_GENERATION, /* where the guest wants its generation written, from now on; 0: nowhere */
	SNUG__ASKS
};

#define SNUG__GENERATION_ID 16 /* bytes */

struct snug__dev_env {
	const struct snug_console *console; /* looked at for each byte, so that it can be set anew; NULL: nowhere */
	uint64_t low_bytes;                 /* RAM below 4 GiB, from 0 on */
	uint64_t high_bytes;                /* RAM from 4 GiB on */
	/* Any may be NULL.  generation gives the id of this life; false: there is none. */
	void (*ask)(void *ctx, enum snug__dev_ask what, uint64_t value);
	bool (*generation)(void *ctx, uint8_t id[SNUG__GENERATION_ID]);
	/* Its interrupt line is now so; telling the same twice is fine. */
	void (*irq)(void *ctx, bool level);
	/* CLOCK_REALTIME and CLOCK_MONOTONIC in ns; a tick at that monotonic time, in place of the one asked for before;
	 * 0: none. */
	uint64_t (*real_ns)(void *ctx);
	uint64_t (*now_ns)(void *ctx);
	void (*timer)(void *ctx, uint64_t at_ns);
	void *ask_ctx; /* for all of them */
};

/*
 * The state of a device as bytes: what a reset, a clone and a snapshot file give back.  Each chip's layout stands above
 * its save: fixed, little endian, byte 0 is its version.  It is a format: a change makes a new version.  What belongs to
 * the host (console, env) is not in it.  Bytes to load may be a stranger's: what save could not have written is refused,
 * so that each state has one form.  Loading touches nothing but the device.
 */
#define SNUG__DEV_STATE_MAX 256u /* of any chip */

struct snug__dev_class {
	const char *name;
	struct snug_device_ops ops;                       /* self is what create returned */
	void *(*create)(const struct snug__dev_env *env); /* env is copied; NULL: out of memory */
	void (*destroy)(void *self);
	void (*reset)(void *self);                        /* as after power-on */
	size_t (*save)(const void *self, uint8_t *bytes); /* to SNUG__DEV_STATE_MAX bytes; how many it wrote */
	int (*load)(void *self, const uint8_t *bytes, size_t len); /* 0; -EINVAL: it is as it was */
	void (*tick)(void *self);  /* the time it asked for has come; NULL: it asks for none */
	void (*input)(void *self); /* the console has input; NULL: it does not care */
	/* Its state was loaded, or it was reset: what it drives (its line, its timer) is to be as that says; NULL: nothing */
	void (*resume)(void *self);
};

/* state.c: save and load of a chip without state, whose one byte is a version. */
size_t snug__dev_save_none(const void *self, uint8_t *bytes);
int snug__dev_load_none(void *self, const uint8_t *bytes, size_t len);

extern const struct snug__dev_class snug__dev_serial;     /* serial.c: 16550A, 8 ports */
extern const struct snug__dev_class snug__dev_debugcon;   /* debugcon.c: 1 port, reads 0xe9 */
extern const struct snug__dev_class snug__dev_debugexit;  /* debugexit.c: 4 ports */
extern const struct snug__dev_class snug__dev_i8042;      /* i8042.c: port 0x64 alone: status 0, reset pulse */
extern const struct snug__dev_class snug__dev_resetctl;   /* resetctl.c: ICH9's reset control register 0xcf9 */
extern const struct snug__dev_class snug__dev_acpipm;     /* acpipm.c: ACPI PM1 and timer, 12 ports */
extern const struct snug__dev_class snug__dev_pvpanic;    /* pvpanic.c: 1 port */
extern const struct snug__dev_class snug__dev_cmos;       /* cmos.c: MC146818, memory sizes, a PC's clock; 2 ports */
extern const struct snug__dev_class snug__dev_guestport;  /* guestport.c: calls of guest.h, 16 ports */
extern const struct snug__dev_class snug__dev_generation; /* generation.c: the id of this life, 16 ports */

#endif

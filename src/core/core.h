/* SPDX-License-Identifier: MIT */
/* core: what a VM and a vCPU are made of; shared by the files of this folder and by svc */
#ifndef SNUG_CORE_CORE_H
#define SNUG_CORE_CORE_H

#include <pthread.h>

#include <snug.h>

#include "dev/dev.h"
#include "guest/bus.h"
#include "guest/mem.h"
#include "host/kick.h"
#include "host/kvm.h"
#include "host/ticks.h"
#include "table/table.h"

struct snug__frozen;    /* core/frozen.h */
struct snug__symbols;   /* load/symbols.h */
struct snug__hostcalls; /* core/hostcalls.h */

/*
 * Who watches the run loop.  Services add themselves; the loop knows nothing of them.  Calls come in the vCPU's thread:
 * enter before KVM_RUN, exited after it, handled when the exit was dealt with, left when it goes to the caller instead
 * of back into KVM_RUN.  A KVM_RUN that gives no exit (EINTR) is enter and left alone.  `now` is in ticks of vm->ticks,
 * read once for all watchers.
 */
struct snug__watcher {
	void (*enter)(void *ctx, unsigned cpu, uint64_t now);
	void (*exited)(void *ctx, unsigned cpu, uint64_t now, const struct kvm_run *run);
	void (*handled)(void *ctx, unsigned cpu, bool claimed);
	void (*left)(void *ctx, unsigned cpu, uint64_t now);
	void (*free)(void *ctx); /* with the VM */
	/* A byte of a mark's name, 0 at its end; between exited and handled.  The one function that may be NULL. */
	void (*mark)(void *ctx, unsigned cpu, uint8_t byte);
	void *ctx;
};

#define SNUG__WATCHERS 4

/* KVM retires an access only at the next KVM_RUN; until then it is pending. */
enum snug__pending {
	SNUG__PENDING_NONE,
	SNUG__PENDING_DONE, /* a write, or a read with its answer in place */
	SNUG__PENDING_READ, /* a read the caller was handed */
};

struct snug_vcpu {
	snug_vm *vm;
	unsigned index;
	struct snug__kvm_vcpu kvm;
	struct snug__kick kick;
	enum snug__pending pending;
	bool ran;           /* KVM_RUN was called at least once */
	bool once;          /* a debugger steps: come back after each exit; one a device took is SNUG_EXIT_NONE */
	uint32_t signature; /* CPUID leaf 1 EAX: EDX after a reset */
	bool has_mask;      /* mask is what KVM has */
	uint64_t mask;      /* signals blocked inside KVM_RUN */
	uint8_t mark_len;   /* of a mark's name, as far as it was sent */
	char mark[64];
	uint64_t sync_dirty; /* KVM_SYNC_X86_*: registers in kvm_run that KVM takes at the next KVM_RUN */
	bool has_held;       /* held came while an access was completed: the next run returns it */
	struct snug_exit held;
};

/* A built-in device of a VM: its row of the machine table, and what its asking means. */
struct snug__machine_dev {
	const struct snug__dev_class *cls;
	void *self;
	snug_vm *vm;
	uint16_t port;
};

struct snug_vm {
	int fd;
	struct snug__kvm_watch watch;
	enum snug_unclaimed unclaimed;
	bool insn_bytes;    /* KVM tells the bytes of an instruction it cannot emulate */
	uint64_t sync_regs; /* KVM_SYNC_X86_*: registers that may travel with KVM_RUN; 0: none */
	struct snug__mem mem;
	uint64_t ram_top; /* end of the RAM snug_vm_new made */
	struct snug__bus pio, mmio;
	pthread_mutex_t bus_lock; /* one device call at a time; also guards `ask` and `bus_cpu` */
	bool has_lock;
	snug_vcpu *vcpus;
	unsigned cpus;
	struct snug__machine_dev *devs;
	unsigned dev_count;
	unsigned bus_cpu;     /* whose access is under way */
	struct snug_exit ask; /* what a device asked for during the access under way; kind NONE: nothing */
	struct snug__tables tables;
	bool has_tables;
	bool has_ivt;
	struct snug_boot boot; /* kind AUTO: nothing was loaded */
	struct snug__ticks ticks;
	struct snug__watcher watchers[SNUG__WATCHERS];
	unsigned watcher_count;

	char *kvm_path;   /* for clones; owned */
	uint32_t devices; /* SNUG_DEV_* */
	struct snug_console console;
	struct snug_hygiene hygiene;
	snug_gpa generation_gpa;            /* where the guest wants to be told of its generation; 0: nowhere */
	char mark_stop[64];                 /* the name snug_mark_stop waits for; empty: none */
	struct snug__frozen *baseline;      /* owned by one count; NULL: none */
	struct snug__symbols *symbols;      /* likewise */
	struct snug__hostcalls *host_calls; /* likewise; svc/hostcall.c */
	/* The guest asks for a host function, with the linear address of its block; under bus_lock.  NULL: there are none. */
	void (*on_host_call)(snug_vm *vm, unsigned cpu, uint32_t address);
};

/*
 * watch.c: adds a watcher, which must set every function but mark; -ENOSPC.  The VM owns ctx from then on.  The ctx of the
 * watcher whose `enter` is this one, or NULL.
 */
int snug__watch_add(snug_vm *vm, const struct snug__watcher *w, struct snug_error *err);
void *snug__watch_find(const snug_vm *vm, void (*enter)(void *ctx, unsigned cpu, uint64_t now));
void snug__watch_free(snug_vm *vm);

/* The run loop's side. */
void snug__watch_enter(const snug_vcpu *vcpu);
void snug__watch_exited(const snug_vcpu *vcpu);
void snug__watch_handled(const snug_vcpu *vcpu, bool claimed);
void snug__watch_left(const snug_vcpu *vcpu);

/* A device's side, during an access. */
void snug__watch_mark(const snug_vm *vm, uint8_t byte);

/* machine.c: creates the devices of `bits` and puts them on the bus. */
int snug__machine_build(snug_vm *vm, uint32_t bits, const struct snug_console *console, struct snug_error *err);
void snug__machine_destroy(snug_vm *vm);

/* The name of the built-in device that a range's `self` is, or NULL: it is the caller's.  Static. */
const char *snug__machine_name(const snug_vm *vm, const void *self);

/* vcpu.c */
int snug__vcpu_init(snug_vcpu *vcpu, snug_vm *vm, unsigned index, size_t run_bytes, struct snug__kvm_cpuid *cpuid,
                    struct snug_error *err);
void snug__vcpu_destroy(snug_vcpu *vcpu);

/*
 * Makes the vCPU's registers readable and settable: refuses while it runs elsewhere or a read waits for its answer,
 * else retires what is pending and gives KVM what waits in kvm_run.
 */
int snug__vcpu_settle(snug_vcpu *vcpu, struct snug_error *err);

/* The first half of it: what waits in kvm_run goes on waiting. */
int snug__vcpu_retire(snug_vcpu *vcpu, struct snug_error *err);

/*
 * sync.c: registers that travel in kvm_run with KVM_RUN, where ioctls would cost one entry into the kernel each
 * (KVM_CAP_SYNC_REGS, KVM 5 "The kvm_run structure").  A host without it gets the ioctls.
 *
 * get retires what is pending and gives the place in kvm_run where the general registers are, to be edited; set then
 * makes what is there the vCPU's.
 */
int snug__sync_get_regs(snug_vcpu *vcpu, struct snug_regs **regs, struct snug_error *err);
int snug__sync_set_regs(snug_vcpu *vcpu, struct snug_error *err);

/* KVM_RUN shall leave the general registers in kvm_run, or no longer. */
void snug__sync_want(snug_vcpu *vcpu, bool want);

/* The registers as the KVM_RUN that just returned left them; nothing is retired. */
int snug__sync_seen(snug_vcpu *vcpu, struct snug_regs *out, struct snug_error *err);

/* Gives KVM by ioctls what waits in kvm_run. */
int snug__sync_flush(snug_vcpu *vcpu, struct snug_error *err);

/*
 * exit.c: deals with what KVM_RUN left in kvm_run.  1: *x is for the caller, 0: go on, negative: broken.  *claimed says
 * whether a device took the access (true for exits that are none).
 */
int snug__exit_handle(snug_vcpu *vcpu, struct snug_exit *x, bool *claimed, struct snug_error *err);

/* fault.c: is this port write one of our fault stubs?  1: *x is the fault, 0: no, negative: it cannot be told. */
int snug__fault_decode(snug_vcpu *vcpu, struct snug_exit *x, struct snug_error *err);

#endif

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
#include "table/pctab.h"
#include "table/table.h"
#include "x86/assist/assist.h"

struct snug__frozen;    /* core/frozen.h */
struct snug__symbols;   /* load/symbols.h */
struct snug__hostcalls; /* core/hostcalls.h */
struct snug__smp;       /* core/smp.h */

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

/* Of a vCPU whose code at CPL 0 KVM emulates: core/pvm.h */
struct snug__pvm_cpu {
	struct snug__kvm_cpuid *cpuid; /* its table, for the instructions that ask */
	uint64_t star, lstar, fmask;   /* the MSRs by which user-mode code enters the kernel */
	uint64_t trap;                 /* linear address of the page-fault handler, where a breakpoint is; 0: none */
	bool stepping;                 /* over the instruction under it */
	uint64_t count[SNUG__ASSIST_KINDS];
	uint64_t syscalls;
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
	bool touched;       /* the host, or a fault, may have changed more than user-mode code can */
	unsigned msr_count; /* of the baseline, those that KVM takes without complaint; for resets */
	struct kvm_msr_entry *msrs;
	uint8_t mark_len; /* of a mark's name, as far as it was sent */
	char mark[64];
	struct snug__pvm_cpu pvm;
	struct kvm_guest_debug debug; /* what a debugger wants */
	bool has_held;                /* held came while an access was completed: the next run returns it */
	struct snug_exit held;
};

/* A built-in device of a VM: its row of the machine table, and what its asking means. */
struct snug__machine_dev {
	const struct snug__dev_class *cls;
	void *self;
	snug_vm *vm;
	uint16_t port;
	uint8_t irq;    /* its interrupt line; 0: none */
	bool level;     /* of it */
	uint64_t at_ns; /* when it wants its tick; 0: never */
};

struct snug_vm {
	int fd;
	struct snug__kvm_watch watch;
	enum snug_unclaimed unclaimed;
	bool insn_bytes; /* KVM tells the bytes of an instruction it cannot emulate */
	bool pc;         /* KVM has interrupt controllers and timer for it */
	bool pvm;        /* what KVM's emulator lacks is done by us: core/pvm.h */
	struct snug__decoder decoder;
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
	unsigned bus_cpu;      /* whose access is under way */
	struct snug__smp *smp; /* its threads; NULL: the caller's run it */
	bool debugger;         /* int3 is the debugger's first */
	bool live;             /* they run it: devices may act by themselves */
	struct snug_exit ask;  /* what a device asked for during the access under way; kind NONE: nothing */
	struct snug__tables tables;
	bool has_tables;
	bool has_ivt;
	struct snug_boot boot; /* kind AUTO: nothing was loaded */
	struct snug__ticks ticks;
	struct snug__watcher watchers[SNUG__WATCHERS];
	unsigned watcher_count;

	char *kvm_path;           /* for clones; owned */
	int dev, pagemap;         /* kept open by SNUG_CONFIG_KEEP; else -1 */
	enum snug_host_kind kind; /* likewise, or where frozen state told it; else asked for when it is wanted */
	char kernel[64];          /* likewise; else empty */
	unsigned msr_count;       /* the MSRs that make a vCPU's state here */
	uint32_t *msrs;
	uint32_t devices; /* SNUG_DEV_* */
	struct snug_console console;
	struct snug_hygiene hygiene;
	snug_gpa generation_gpa; /* where the guest wants to be told of its generation; 0: nowhere */
	uint8_t generation_id[SNUG__GENERATION_ID];
	bool has_generation;                /* generation_id is this life's; else it is drawn when somebody asks */
	char mark_stop[64];                 /* the name snug_mark_stop waits for; empty: none */
	uint64_t *dirty;                    /* room for KVM's log of the largest region; NULL: not needed yet */
	bool manual_log;                    /* KVM clears the log when it is told to */
	unsigned mem_changes;               /* of mem, when the baseline was taken */
	struct snug__frozen *baseline;      /* owned by one count; NULL: none */
	struct snug__symbols *symbols;      /* likewise */
	struct snug__hostcalls *host_calls; /* likewise; core/hostcalls.h */
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

/* mark.c: a byte of a mark's name, 0 at its end, of the vCPU whose access is under way.  May set vm->ask. */
void snug__mark_byte(snug_vm *vm, uint8_t byte);

/* machine.c: creates the devices of `bits` and puts them on the bus; vm keeps bits and console. */
int snug__machine_build(snug_vm *vm, uint32_t bits, const struct snug_console *console, struct snug_error *err);
void snug__machine_destroy(snug_vm *vm);

/*
 * For the event loop, under bus_lock: when the next device wants its tick, CLOCK_MONOTONIC in ns, 0 for never; and having
 * them do what is due, by the time and for input.
 */
uint64_t snug__machine_next(const snug_vm *vm);
void snug__machine_events(snug_vm *vm, uint64_t now_ns);

/* Their states were loaded, or they were reset: their lines and ticks are to be as those say. */
void snug__machine_resume(snug_vm *vm);

/* devstate.c: a device of the caller's was added: if the baseline has a state for it, it is loaded. */
int snug__device_added(snug_vm *vm, bool mmio, uint64_t base, struct snug_error *err);
/*
 * The state of the index-th built-in device (of vm->dev_count) and its first port, which tells it from the others: how
 * many bytes, at most SNUG__DEV_STATE_MAX.  -ENOENT: there is none; -ENOSPC: more than max.
 */
int snug__machine_save(const snug_vm *vm, unsigned index, uint16_t *port, uint8_t *bytes, size_t max);

#define SNUG__DEV_KNOWN (SNUG_DEV_ALL | SNUG_DEV_PC) /* of enum snug_device_bit */
#define SNUG__MACHINE_MAX 16
#define SNUG__RENEW_IRQ 10 /* tells a PC's guest of a new generation */

/* What the tables of firmware say of it: how many devices. */
unsigned snug__machine_describe(const snug_vm *vm, struct snug__pc *pc, struct snug__pc_dev devs[SNUG__MACHINE_MAX]);

/* Is it on the bus still?  And off it. */
bool snug__machine_there(const snug_vm *vm, unsigned index);
void snug__machine_remove(snug_vm *vm, unsigned index);

/* Puts such a state back.  -EINVAL: no built-in device at that port, or bytes that are not its; then it is as it was. */
int snug__machine_load(snug_vm *vm, uint16_t port, const uint8_t *bytes, size_t len);

/*
 * generation.c: may the guest have the host write here for it?  Wholly in its own memory: not ROM, and not the tables,
 * which code at CPL 3 cannot write itself.  An empty range may.
 */
bool snug__guest_may_write(const snug_vm *vm, snug_gpa gpa, uint64_t len);

/* A new life begins: the id changes, and a guest that asked is told.  Fails: what hygiene's `random` returned. */
int snug__generation_renew(snug_vm *vm, struct snug_error *err);

/* The id of this life. */
int snug__generation_id(snug_vm *vm, uint8_t id[SNUG__GENERATION_ID], struct snug_error *err);

/* The guest wants to be told here, now and in each new life.  Where it must not write, that is nowhere. */
int snug__generation_place(snug_vm *vm, snug_gpa gpa, struct snug_error *err);

/* The name of the built-in device that a range's `self` is, or NULL: it is the caller's.  Static. */
const char *snug__machine_name(const snug_vm *vm, const void *self);

/*
 * vm.c: snug_vm_new, or with `from` a VM with its memory, vCPUs and CPUID, but not yet its registers and device states:
 * c then says console, unclaimed, flags, kvm_path, on_call; log: KVM logs what the guest writes.  dev: the KVM device,
 * which stays the caller's, or -1: it is opened by its path.
 */
int snug__vm_make(const struct snug_config *c, const struct snug__frozen *from, int dev, bool log, snug_vm **out,
                  struct snug_error *err);

/* What is behind the KVM of this VM. */
enum snug_host_kind snug__vm_kind(const snug_vm *vm);

/* Are they flags this version knows?  -EINVAL. */
int snug__vm_check_flags(const struct snug_config *c, struct snug_error *err);

/* vm.c: from now on the dirty log is cleared when we say so, not when it is read (KVM 4.117, 8.19). */
int snug__vm_log(snug_vm *vm, struct snug_error *err);

/* Is a vCPU of it running, in any thread?  -EBUSY. */
int snug__vm_idle(const snug_vm *vm, struct snug_error *err);

/*
 * state.c: a vCPU's whole state.  get needs a settled vCPU; rows of MSRs and CPUID are owned by *out, which is all zero
 * before.  put sets all of it at once; put_tsc (0: leave it) goes into the time-stamp counter.
 */
struct snug__cpu_state;
int snug__state_get(snug_vcpu *vcpu, struct snug__cpu_state *out, struct snug_error *err);
int snug__state_put(snug_vcpu *vcpu, struct snug__cpu_state *in, uint64_t tsc, struct snug_error *err);

/* msrs.c: its MSRs' part of that.  put is for a vCPU that has not run. */
int snug__msrs_get(snug_vcpu *vcpu, struct snug__cpu_state *out, struct snug_error *err);
int snug__msrs_put(snug_vcpu *vcpu, struct snug__cpu_state *in, uint64_t tsc, struct snug_error *err);
int snug__msrs_return(snug_vcpu *vcpu, const struct snug__cpu_state *in, uint64_t tsc, struct snug_error *err);

/*
 * Back to the state that put set: what user-mode code can change, and the rest.  The rest comes before memory, since by its
 * MSRs KVM writes there (steal time, clocks), and registers after it, since KVM may load PDPTRs from there.
 */
int snug__state_return_rest(snug_vcpu *vcpu, const struct snug__cpu_state *in, uint64_t tsc, struct snug_error *err);
int snug__state_return(snug_vcpu *vcpu, const struct snug__cpu_state *in, struct snug_error *err);

/* vcpu.c: with a CPUID table that gets this vCPU's number, unless it is a frozen vCPU's own. */
int snug__vcpu_init(snug_vcpu *vcpu, snug_vm *vm, unsigned index, size_t run_bytes, struct snug__kvm_cpuid *cpuid,
                    unsigned cpus, bool frozen, struct snug_error *err);
/* Gives it the table as one of `cpus` that are alike: with its own number put in. */
int snug__vcpu_cpuid(snug_vcpu *vcpu, struct snug__kvm_cpuid *table, unsigned cpus, struct snug_error *err);
void snug__vcpu_destroy(snug_vcpu *vcpu);

/*
 * Makes the vCPU's registers readable and settable: refuses while it runs elsewhere or a read waits for its answer,
 * else retires what is pending and gives KVM what waits in kvm_run.
 */
int snug__vcpu_settle(snug_vcpu *vcpu, struct snug_error *err);

/* Forgets what is pending, answered or not, and kicks: for a vCPU whose registers are set next. */
int snug__vcpu_forget(snug_vcpu *vcpu, struct snug_error *err);

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

/* Sets all three sets: they wait for KVM_RUN where they can. */
int snug__sync_set(snug_vcpu *vcpu, const struct snug_regs *regs, const struct snug_sregs *sregs,
                   const struct kvm_vcpu_events *events, struct snug_error *err);

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

/* gate.c: the handler of a vector in a 64-bit guest's own IDT; 0: it is snug's stub, or there is none. */
uint64_t snug__gate(const snug_vcpu *vcpu, const struct snug_sregs *s, unsigned vector);

/* vcpu.c: what a debugger wants from now on, besides what the host needs itself. */
int snug__vcpu_debug(snug_vcpu *vcpu, const struct kvm_guest_debug *d, struct snug_error *err);

/* fault.c: is this port write one of our fault stubs?  1: *x is the fault, 0: no, negative: it cannot be told. */
int snug__fault_decode(snug_vcpu *vcpu, struct snug_exit *x, struct snug_error *err);

#endif

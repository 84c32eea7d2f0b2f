/* SPDX-License-Identifier: MIT */
/*
 * frozen: a state of a VM that does not change any more
 *
 * A baseline, what clones share, and what a snapshot file holds are one and the same: struct snug__frozen.  Once made it
 * is immutable but for its count of owners; any thread may read it.
 */
#ifndef SNUG_CORE_FROZEN_H
#define SNUG_CORE_FROZEN_H

#include <stdatomic.h>

#include "core/core.h"
#include "load/symbols.h"

/* Memory is cut into pieces of this size: of a huge page, so that it can be mapped as one. */
#define SNUG__CHUNK (2ull << 20)

/*
 * A region of memory, and where its bytes lie: `offset` from the start of the frozen memory, a multiple of SNUG__CHUNK,
 * rising from region to region.  What is between them is zero.
 */
struct snug__frozen_region {
	snug_gpa gpa;
	uint64_t bytes, offset;
	uint32_t flags; /* enum snug_mem_flag */
	char name[16];
};

struct snug__msr_rows {
	unsigned count;
	struct kvm_msr_entry rows[];
};

/* All of a vCPU that KVM holds, and what the library keeps of it. */
struct snug__cpu_state {
	struct snug_regs regs;
	struct snug_sregs sregs;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debug;
	struct kvm_xcrs xcrs;
	struct kvm_mp_state mp;
	uint8_t xsave[SNUG__XSAVE_BYTES];
	uint32_t msr_count;
	struct kvm_msr_entry *msrs; /* those this host can give back; IA32_TIME_STAMP_COUNTER among them */
	/* Of them, those that are not what a new vCPU has: found out by the first clone, for all others.  NULL: not yet. */
	_Atomic(struct snug__msr_rows *) fresh;
	uint32_t cpuid_count;
	struct kvm_cpuid_entry2 *cpuid;
	struct kvm_lapic_state lapic; /* of a PC; else zeros */
	uint8_t mark_len;             /* of a mark's name that is half sent (snug_mark_stop) */
	char mark[64];
};

#define SNUG__IRQCHIPS 3u /* two 8259A, an I/O APIC: KVM 4.26 */

/* What KVM holds of a PC besides its vCPUs. */
struct snug__pc_state {
	struct kvm_irqchip chip[SNUG__IRQCHIPS];
	struct kvm_pit_state2 pit;
};

/* A device that saves its state: a built-in one, or one of the caller's. */
struct snug__dev_state {
	uint64_t base; /* its first port or address */
	bool mmio;
	bool builtin;
	uint32_t len;
	uint8_t *bytes;
};

/* Where it was made, for people and for the question whether it fits elsewhere. */
struct snug__origin {
	enum snug_host_kind kind;
	char snug[16], kernel[64], cpu[64];
	uint64_t time_ns; /* CLOCK_REALTIME */
};

struct snug__frozen {
	atomic_uint owners;
	atomic_int sealed; /* of snug__user_sealed: 1 yes, -1 no, 0: nobody has looked yet */

	/* Memory: `bytes` at `base` of fd, a sealed memfd or a snapshot file; view is a read-only mapping of them. */
	int fd;               /* -1: none (yet) */
	uint64_t base, bytes; /* multiples of 4096 and SNUG__CHUNK */
	const uint8_t *view;  /* NULL: none */
	unsigned region_count;
	struct snug__frozen_region *regions; /* in order of gpa */

	unsigned cpus;
	struct snug__cpu_state *cpu;

	uint32_t devices; /* SNUG_DEV_* */
	enum snug_unclaimed unclaimed;
	uint64_t ram_top;
	bool has_tables, has_ivt;
	struct snug_boot boot;       /* kind AUTO: nothing was loaded */
	struct snug__pc_state pc;    /* where devices has SNUG_DEV_PC */
	struct kvm_clock_data clock; /* flags 0: this host's KVM has none */
	uint32_t tsc_khz;            /* 0: unknown */
	snug_gpa generation_gpa;     /* where the guest wants to be told of its generation; 0: nowhere */
	char mark_stop[64];          /* empty: none */

	unsigned dev_count;
	struct snug__dev_state *devs;

	struct snug__symbols *symbols; /* NULL: none */
	struct snug__origin origin;
};

/* One owner more, and one less: the last one frees it, its fd and its view.  NULL is fine. */
struct snug__frozen *snug__frozen_hold(struct snug__frozen *f);
void snug__frozen_drop(struct snug__frozen *f);

/* An empty one with one owner, fd -1; NULL: no memory.  freeze.c and the reader of snapshot files fill it. */
struct snug__frozen *snug__frozen_new(void);

/* freeze.c: all of a VM's state but its memory: regions are there with their offsets, fd is -1, view NULL. */
int snug__freeze_state(snug_vm *vm, struct snug__frozen **out, struct snug_error *err);

/* devstate.c: the devices' states, and putting them back; what was added later and has a state in the baseline gets it. */
int snug__devices_save(snug_vm *vm, struct snug__frozen *f, struct snug_error *err);
int snug__devices_load(snug_vm *vm, const struct snug__frozen *f, struct snug_error *err);

/* Takes built-in devices that have no state in f off the bus: they were not on that of the VM it was made of. */
void snug__devices_only(snug_vm *vm, const struct snug__frozen *f);

/*
 * Told of frozen memory as it is written, in rising order: a chunk of SNUG__CHUNK bytes (a region's last may be shorter)
 * that holds data, at its offset from the start of the frozen memory.  Chunks of zeros are left out.
 */
typedef int (*snug__chunk_fn)(void *ctx, uint64_t offset, const uint8_t *bytes, uint64_t len);

/* Writes the memory f describes to fd from `base` on: pages of zeros are left out (they must read as zeros there). */
int snug__freeze_memory(snug_vm *vm, const struct snug__frozen *f, int fd, uint64_t base, snug__chunk_fn chunk,
                        void *ctx, struct snug_error *err);

/* What a VM has besides its state, and a clone gets too. */
struct snug__traits {
	int dev;                /* the KVM device, borrowed for the call; -1: by its path */
	bool log;               /* it is to be reset soon: its writes are logged from the start */
	struct snug_config cfg; /* console, unclaimed, flags, kvm_path and on_call count */
	struct snug_hygiene hygiene;
	struct snug__hostcalls *host_calls; /* shared; NULL: none */
	void (*on_host_call)(snug_vm *vm, unsigned cpu, uint32_t address);
};

/* thaw.c: a VM that stands where f was taken and has it as its baseline (it becomes an owner). */
int snug__thaw_as(struct snug__frozen *f, const struct snug__traits *traits, snug_vm **out, struct snug_error *err);

/* The same with cfg's console, unclaimed (where use_unclaimed, else f's), flags, kvm_path, on_call; cfg may be NULL. */
int snug__thaw(struct snug__frozen *f, const struct snug_config *cfg, bool use_unclaimed, snug_vm **out,
               struct snug_error *err);

/* sealed.c: can the guest change nothing but what user-mode code can? */
bool snug__user_sealed(struct snug__frozen *f);

/* Makes f the baseline of a VM whose regions have f's memory as their frozen memory. */
void snug__baseline_is(snug_vm *vm, struct snug__frozen *f);

/* What the TSC of vCPU `cpu` is to be set to, so long after f was taken; clocks as hygiene says. */
uint64_t snug__thaw_tsc(const struct snug__frozen *f, unsigned cpu, uint64_t elapsed_ns);
int snug__thaw_clock(snug_vm *vm, const struct snug__frozen *f, uint64_t elapsed_ns, struct snug_error *err);

#endif

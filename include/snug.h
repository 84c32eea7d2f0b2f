/* SPDX-License-Identifier: MIT */
/*
 * snug.h - small, safe virtual machines on Linux KVM
 *
 * This is the only header of libsnug and its documentation of record.  The simplest things come first:
 *
 *   1. create, load, run          snug_vm_new, snug_load, snug_run, snug_vm_free
 *   2. guest memory               snug_mem_*
 *   3. virtual CPUs, registers    snug_vcpu_*, snug_reg_*
 *   4. threads                    snug_vcpu_run, snug_vcpu_kick, snug_start, snug_resume, snug_pause, snug_wait
 *   5. devices                    snug_pio_add, snug_mmio_add
 *   6. services                   snug_stats_*, snug_host_*, snug_trace_*, snug_autopsy*, snug_core_write,
 *                               snug_gdb_*
 *   7. prepare once, use often    snug_baseline, snug_reset, snug_clone, snug_pool_*, snug_save, snug_restore,
 *                               snug_call, snug_host_add
 *   8. confine                    snug_sandbox, snug_sandbox_layers
 *
 * The smallest program that is of use:
 *
 *     snug_vm *vm; struct snug_error e; struct snug_exit x;
 *     if (snug_vm_new(SNUG_CONFIG(.mem_bytes = 1 << 20), &vm, &e) < 0 ||
 *         snug_load(vm, &(struct snug_image){ .path = "hello.bin", .mode = SNUG_MODE_REAL }, &e) < 0)
 *             return fprintf(stderr, "%s\n", e.msg), 1;
 *     while (snug_run(vm, &x) == 0 && x.kind == SNUG_EXIT_PIO)
 *             if (x.pio.write) fwrite(x.pio.data, x.pio.size, x.pio.count, stdout);
 *     printf("stopped: %s\n", snug_exit_name(x.kind));
 *     snug_vm_free(vm);
 *
 * Conventions, true of every function below unless it says otherwise
 * -------------------------------------------------------------------
 * Results    0 or more is success, a negative errno is failure.  A call that can fail for several reasons
 *            takes a `struct snug_error *` owned by the caller, which may be NULL; it is written on failure
 *            only.
 * Threads    A VM and all that hangs on it belongs to one thread at a time, but for what is marked
 *            [any thread].  Different VMs share nothing: any number of them in any threads.  Each vCPU of a
 *            VM may run in a thread of its own; see tier 4.
 * Ownership  The library owns what its handles point to.  It keeps no pointer given to it after the call
 *            returns, except where a function says "borrowed".
 * Structs    Those with a `size` field grow in later versions: set it to sizeof (SNUG_CONFIG does), or leave
 *            0 for the fields this version 0.1 has.  In every input struct zero means the default.
 * Guests     What a guest does is never an error of the library and never ends the process: it comes back as
 *            a `struct snug_exit`.
 * Silence    The library does not print, does not exit, installs no signal handler and has no global state.
 *
 * References: "KVM" is the kernel's Documentation/virt/kvm/api.rst with its section number; "SDM" is Intel's
 * Software Developer's Manual (order 325384, volume 3; the numbers of chapters 7 and up are those before a chapter
 * "User interrupts" was put in: newer editions have them one higher); "APM" is AMD's (24593, volume 2).
 */
#ifndef SNUG_H
#define SNUG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The library is built with hidden symbols; what is declared here is what it exports. */
#pragma GCC visibility push(default)

#define SNUG_VERSION_MAJOR 0
#define SNUG_VERSION_MINOR 1
#define SNUG_VERSION_PATCH 0

/* A virtual machine.  Opaque; made by snug_vm_new, ended by snug_vm_free. */
typedef struct snug_vm snug_vm;

/* A virtual CPU of a VM.  Opaque; made and ended with its VM. */
typedef struct snug_vcpu snug_vcpu;

/* A guest physical address, in bytes.  Never a pointer: snug_mem_ptr is the checked road to one. */
typedef uint64_t snug_gpa;

/* ---------------------------------------------------------------------------------------------------------
 * 1. Create, load, run
 * ------------------------------------------------------------------------------------------------------ */

/* The nine steps by which a program drives KVM.  An error names the one that failed. */
enum snug_step {
	SNUG_STEP_NONE = 0,  /* no step: a bad argument, a file */
	SNUG_STEP_INIT,      /* 1 open /dev/kvm, KVM_CREATE_VM, KVM_CREATE_VCPU, CPUID */
	SNUG_STEP_VERSION,   /* 2 KVM_GET_API_VERSION and the capabilities */
	SNUG_STEP_TSS,       /* 3 KVM_SET_IDENTITY_MAP_ADDR, KVM_SET_TSS_ADDR */
	SNUG_STEP_MEMORY,    /* 4 mmap, KVM_SET_USER_MEMORY_REGION */
	SNUG_STEP_GET_SREGS, /* 5 KVM_GET_SREGS */
	SNUG_STEP_SET_SREGS, /* 6 KVM_SET_SREGS */
	SNUG_STEP_REGS,      /* 7 KVM_SET_REGS, KVM_GET_REGS */
	SNUG_STEP_RUN,       /* 8 KVM_RUN */
	SNUG_STEP_EXIT,      /* 9 kvm_run->exit_reason */
};

/*
 * Why a call failed.  `msg` is one line without a newline that names what was tried, outermost first
 * ("load 'vmlinux': elf: segment 2: file range past the end"); `hint` says what to do, and may be empty.
 * Both are always terminated; what does not fit is cut.
 */
struct snug_error {
	int code; /* the negative errno the call returned */
	int step; /* enum snug_step */
	char msg[512];
	char hint[256];
};

/* One call into the kernel, as told to snug_config.on_call.  Valid during the callback only. */
struct snug_call {
	int step;         /* enum snug_step */
	int err;          /* 0, or the positive errno */
	const char *name; /* "KVM_CREATE_VM", "mmap", "open"; static */
	long result;      /* what the call returned; -1 on failure */
	uint64_t arg;     /* the value given, where it is a number or an address (the TSS's, a slot's gpa), else 0 */
	uint64_t ns;      /* how long it took, nanoseconds */
};

/*
 * Where the guest's console goes: the 16550 at 0x3f8 and the debug consoles at 0xe9 and 0x402. `write` gets the
 * bytes as the guest sends them, in the vCPU's thread.  `read` is asked when the guest looks for input on the 16550:
 * it gives at most `len` bytes that are there now and returns how many, without waiting.  Either may be NULL (output
 * is dropped, no input comes).  Of the same VM they may call snug_vcpu_kick alone.
 */
struct snug_console {
	void (*write)(void *ctx, const void *bytes, size_t len);
	size_t (*read)(void *ctx, void *bytes, size_t len);
	void *ctx; /* borrowed until snug_vm_free */
	/* For snug_start: a descriptor that is readable when `read` has bytes, plus 1; 0: none.  Then the 16550 asks `read` when
	 * bytes come, in the event loop's thread, so that a guest needs not look for them: its interrupt tells. */
	int input;
};

/* Built-in devices, bits of snug_config.devices.  Their addresses are those of a PC. */
enum snug_device_bit {
	SNUG_DEV_SERIAL = 1 << 0,     /* National 16550A UART at ports 0x3f8-0x3ff, no interrupts yet */
	SNUG_DEV_DEBUGCON = 1 << 1,   /* debug console at ports 0xe9 and 0x402; reading gives 0xe9 */
	SNUG_DEV_DEBUG_EXIT = 1 << 2, /* ports 0xf4-0xf7: writing v ends the run with status (v << 1) | 1 */
	SNUG_DEV_RESET = 1 << 3,      /* ports 0x64 (keyboard controller's pulse 0xfe) and 0xcf9 (reset control) */
	SNUG_DEV_CMOS = 1 << 4,       /* MC146818's memory-size bytes behind ports 0x70 and 0x71 */
	SNUG_DEV_GUEST = 1 << 5, /* snug's own ports 0x5e0-0x5ff: exit, marks, calls, generation: <snug/guest.h> */
	SNUG_DEV_ALL = (1 << 6) - 1, /* these, for bare guests */
	/* The rest of a PC, for kernels: interrupt controllers, local APICs and timer (KVM's own, KVM 4.24, 4.71),
	 * interrupts of the devices, a clock in the RTC, ACPI power management, pvpanic, VM generation.  HLT does not end a
	 * run then. */
	SNUG_DEV_PC = 1 << 6,
};

/* What becomes of a port or MMIO access that no device claims.  It is counted either way. */
enum snug_unclaimed {
	SNUG_UNCLAIMED_EXIT = 0, /* snug_run returns it to the caller; an unanswered read gives all-ones */
	SNUG_UNCLAIMED_IGNORE,   /* reads give all-ones, writes go nowhere, the guest runs on */
};

/* Bits of snug_config.flags. */
enum snug_config_flag {
	/* Opens now, and keeps, what later calls open by name, so that they work in a sandbox: the KVM device, for
	 * clones, and /proc/self/pagemap, for snug_save, snug_baseline and snug_mem_used.  Two descriptors; its clones
	 * have none. */
	SNUG_CONFIG_KEEP = 1 << 0,
	/* Guest memory is left in core dumps of this process.  Without it, it is not: madvise(2), MADV_DONTDUMP. */
	SNUG_CONFIG_DUMP = 1 << 1,
	/* snug_restore: the file's owner was looked at before.  In a user namespace root's files seem to be nobody's. */
	SNUG_CONFIG_OWNED = 1 << 2,
};

/*
 * How a VM is made.  Zero everywhere gives 16 MiB, one vCPU, no devices.
 */
struct snug_config {
	size_t size;        /* sizeof(struct snug_config), or 0 */
	uint64_t mem_bytes; /* RAM, a multiple of 4096; 0: 16 MiB. It starts at gpa 0; what exceeds 3 GiB at 4 GiB.
	                        More than the host has is refused. */
	uint32_t cpus;      /* vCPUs, 1 to what the host allows; 0: 1. They are numbered from 0. */
	uint32_t devices;   /* SNUG_DEV_* bits */
	uint32_t unclaimed; /* enum snug_unclaimed */
	uint32_t flags;     /* SNUG_CONFIG_* bits */
	struct snug_console console;
	const char *kvm_path; /* NULL: "/dev/kvm" */
	/* Told of every call into KVM, KVM_RUN too, after it was made; NULL: nobody. Runs in the thread that called.
	 * It must not call into the VM. */
	void (*on_call)(void *ctx, const struct snug_call *call);
	void *on_call_ctx; /* borrowed until snug_vm_free */
	/* What CPU the guest sees (CPUID): "host", all that KVM can give (and NULL), or "baseline", x86-64-v2, for guests
	 * that are to go on on other hosts; then ",+NAME" and ",-NAME" by the names of /proc/cpuinfo. */
	const char *cpu;
};

#ifndef __cplusplus
/* A configuration in place: SNUG_CONFIG(.mem_bytes = 1 << 20).  C only; in C++ fill a struct snug_config. */
#define SNUG_CONFIG(...) (&(struct snug_config){.size = sizeof(struct snug_config), __VA_ARGS__})
#endif

/* What an image is. */
enum snug_kind {
	SNUG_KIND_AUTO = 0,  /* told from the bytes; see snug_load */
	SNUG_KIND_FLAT,      /* raw code */
	SNUG_KIND_ELF,       /* ELF32 or ELF64 for x86, static, not relocatable */
	SNUG_KIND_FIRMWARE,  /* a ROM that ends at 4 GiB and starts at the reset vector */
	SNUG_KIND_LINUX,     /* a bzImage, or an ELF file with Linux's notes: vmlinux; started at its 64-bit entry */
	SNUG_KIND_PVH,       /* an ELF file with Xen's note PHYS32_ENTRY: started there, in protected mode */
	SNUG_KIND_MULTIBOOT, /* a file with a Multiboot header (version 1), ELF or flat */
};

/* The state a CPU starts in.  SDM 3A 2.2 "Modes of operation". */
enum snug_mode {
	SNUG_MODE_AUTO = 0,
	SNUG_MODE_REAL,      /* 16-bit real-address mode, all segments at base 0 */
	SNUG_MODE_PROTECTED, /* 32-bit protected mode, flat segments, no paging */
	SNUG_MODE_PAGED32,   /* the same with 32-bit paging, first 4 GiB mapped to itself by 4 MiB pages */
	SNUG_MODE_LONG,  /* 64-bit mode at CPL 0; the RAM of snug_vm_new and the first 4 GiB mapped to themselves */
	SNUG_MODE_USER,  /* the same at CPL 3 with IOPL 3: port access allowed, nothing else privileged */
	SNUG_MODE_RESET, /* as after power-on: CS base 0xffff0000, IP 0xfff0 (SDM 3A table 9-1) */
};

enum snug_image_flag {
	SNUG_IMAGE_LOAD = 1 << 0,    /* `load` counts even where it is 0 */
	SNUG_IMAGE_ENTRY = 1 << 1,   /* `entry` counts even where it is 0 */
	SNUG_IMAGE_SYMBOLS = 1 << 2, /* ELF: keep the names of functions and data, for snug_symbol and snug_call */
};

/* A file for a kernel, besides its image: by `path`, or `len` bytes at `data`. */
struct snug_module {
	const char *path; /* a regular file of at most 1 GiB, or NULL */
	const void *data;
	size_t len;
	const char *args; /* Multiboot: the module's own command line; NULL: none */
};

#define SNUG_MODULES_MAX 16

/*
 * What to load: a file by `path`, or `len` bytes at `data`.
 */
struct snug_image {
	size_t size;      /* sizeof(struct snug_image), or 0 */
	const char *path; /* a regular file of at most 1 GiB, or NULL */
	const void *data; /* used where path is NULL */
	size_t len;
	enum snug_kind kind;
	enum snug_mode mode; /* AUTO: flat: REAL for a boot sector, else LONG; ELF32: PROTECTED; ELF64: LONG;
	                        firmware: RESET */
	uint32_t flags;      /* enum snug_image_flag */
	snug_gpa load;       /* flat only; 0: 0x100000, in real mode 0x1000, a boot sector 0x7c00 */
	uint64_t entry;      /* 0: flat: where it was loaded; ELF: as the file says */
	uint64_t stack;      /* 0: the end of RAM below 3 GiB; in real mode 0x7000 */
	const char *cmdline; /* Linux, PVH, Multiboot: the kernel's command line; NULL: none */
	/* Linux: the initrd, several follow each other; PVH, Multiboot: its modules; at most SNUG_MODULES_MAX. */
	const struct snug_module *modules;
	uint32_t module_count;
};

/* What snug_load made of an image. */
struct snug_boot {
	size_t size; /* out: the library's sizeof(struct snug_boot) */
	enum snug_kind kind;
	enum snug_mode mode;
	snug_gpa low, high; /* the guest memory it takes, of kernels without modules: low <= gpa < high */
	uint64_t entry;     /* linear address of the first instruction */
	uint64_t stack;
};

/*
 * Makes a VM: steps 1 to 4 and a vCPU in its reset state (steps 5 to 7 belong to snug_load).  *out is set on
 * success only; the caller owns it.
 * Fails: -ENOENT, -ENXIO, -EACCES (open), -ENOTTY (not a KVM device), -EPROTO (an API version that is not 12),
 * -ENOTSUP (a needed capability is missing), -EINVAL (a field of cfg), -ENOMEM, or the errno of the ioctl that
 * failed.  KVM 4.1, 4.2, 4.4, 4.7, 4.34 (TSS), 4.32 (identity map), 4.35 (slots).
 * [any thread]
 */
int snug_vm_new(const struct snug_config *cfg, snug_vm **out, struct snug_error *err);

/* Ends a VM and all it owns.  No vCPU of it may be running.  NULL is fine. */
void snug_vm_free(snug_vm *vm);

/*
 * Loads an image into guest memory and sets vCPU 0 to start it (steps 5 to 7).
 *
 * With SNUG_KIND_AUTO the bytes decide: Linux by the magic of its setup header ("HdrS" at 0x202) or, in an ELF file, by
 * its notes; PVH by Xen's note; Multiboot by its header; other ELF files by their magic; a boot sector (55 AA at offset 510)
 * and anything for which mode, load or entry is given are flat.
 * Nothing else is guessed: -ENOEXEC.
 *
 * In modes with protection the guest gets our GDT, IDT and TSS (and page tables) in memory of their own at gpa
 * 0xfef00000, outside its RAM: a fault it has no handler for comes back as SNUG_EXIT_FAULT.  A guest that loads
 * tables of its own replaces them.  In real mode the interrupt vectors at 0 and stubs at 0x500-0x8ff serve for that,
 * unless the image starts below 0x900.
 *
 * Guest memory is written where the image goes and not cleared elsewhere; all registers are those of a new CPU.
 *
 * Fails: -ENOENT, -EACCES, -EISDIR and the like (the file), -EFBIG (larger than memory), -ENOEXEC (damaged, or not
 * for this machine), -ERANGE (an address outside memory), -EEXIST (a device or a ROM of another size is in the way
 * of the ROM or the tables), -EINVAL, and as snug_vcpu_boot.  On failure the contents of guest memory and the vCPU's
 * registers are unspecified.
 */
int snug_load(snug_vm *vm, const struct snug_image *image, struct snug_error *err);

/*
 * What snug_load would take an image for, by its bytes, or its kind where it gives one: enum snug_kind.  A kernel (LINUX, PVH,
 * MULTIBOOT) wants SNUG_DEV_PC.  Fails: -ENOEXEC (nothing that is known), and the errnos of files.  [any thread]
 */
int snug_detect(const struct snug_image *image, struct snug_error *err);

/* The SNUG_DEV_* bits it was made with; of a restored VM and of clones, those of the VM that was saved. */
uint32_t snug_vm_devices(const snug_vm *vm);

/* What the last successful snug_load made.  Fails: -ENOENT (nothing was loaded). */
int snug_loaded(const snug_vm *vm, struct snug_boot *out);

/* Why snug_run returned.  Each has its member in struct snug_exit. */
enum snug_exit_kind {
	SNUG_EXIT_NONE = 0,
	SNUG_EXIT_PIO,        /* .pio       port access that no device claims */
	SNUG_EXIT_MMIO,       /* .mmio      memory access that no RAM and no device claims */
	SNUG_EXIT_HLT,        /* .hlt       the guest halted */
	SNUG_EXIT_STATUS,     /* .status    the guest ended itself, by debug exit or the call of guest.h */
	SNUG_EXIT_RESET,      /* .reset     the guest asked for a reset */
	SNUG_EXIT_FAULT,      /* .fault     an exception that only snug's own IDT caught */
	SNUG_EXIT_SHUTDOWN,   /*            triple fault */
	SNUG_EXIT_INTERNAL,   /* .internal  KVM could not go on: emulation failure (at CPL 3 too) and the like */
	SNUG_EXIT_FAIL_ENTRY, /* .fail_entry the CPU refused the guest's state */
	SNUG_EXIT_MEMORY,     /* .memory    guest memory the host could not provide */
	SNUG_EXIT_MSR,        /* .msr       MSR access handed to user space */
	SNUG_EXIT_DEBUG,      /* .debug     KVM's guest debugging */
	SNUG_EXIT_SYSTEM,     /* .system    KVM_EXIT_SYSTEM_EVENT */
	SNUG_EXIT_DIRTY_FULL, /*            the dirty ring is full */
	SNUG_EXIT_KICKED,     /*            snug_vcpu_kick */
	SNUG_EXIT_TIMEOUT,    /*            the time given was used up */
	SNUG_EXIT_SIGNAL,     /*            a signal came for this thread; run again to go on */
	SNUG_EXIT_OTHER,      /* .other     any other KVM exit reason, as KVM gave it */
	SNUG_EXIT_MARK,       /* .mark      the guest reached the mark of snug_mark_stop */
	SNUG_EXIT_RETURN,     /*            the function of snug_call returned */
	SNUG_EXIT_POWEROFF,   /*            the guest turned the machine off (ACPI) */
	SNUG_EXIT_PANIC,      /* .panic     the guest's kernel says it cannot go on (pvpanic) */
};

/* What each kind of exit says of itself; see enum snug_exit_kind. */
struct snug_exit_pio {
	uint16_t port;
	uint8_t size;   /* 1, 2 or 4 bytes */
	bool write;     /* the guest's `out`; else `in`: fill data, preset to all-ones */
	uint32_t count; /* string instructions give several at once */
	uint8_t *data;  /* size * count bytes, little endian */
};

struct snug_exit_mmio {
	snug_gpa gpa;
	uint8_t size; /* 1 to 8 bytes */
	bool write;
	uint8_t *data;
};

struct snug_exit_hlt {
	bool interrupts; /* RFLAGS.IF: an interrupt could have woken it, but there is no source */
};

struct snug_exit_status {
	uint32_t value; /* what the guest wrote */
	uint8_t code;   /* the exit status it means: debug exit (value << 1) | 1, exit call value & 255 */
	uint16_t port;  /* the port it used: who set the status */
};

struct snug_exit_reset {
	uint16_t port; /* 0x64 or 0xcf9 */
};

struct snug_exit_fault {
	uint8_t vector; /* SDM 3A table 6-1 */
	bool has_code;
	uint32_t code;   /* the error code pushed, where has_code */
	uint16_t cs, ss; /* the frame: where it happened; ss:rsp is that of the faulting code */
	uint64_t rip, rflags, rsp;
	uint64_t cr2; /* the address, for a page fault (vector 14) */
};

struct snug_exit_internal {
	uint32_t suberror; /* KVM_INTERNAL_ERROR_* */
	uint32_t insn_len; /* bytes in insn; 0: the host gave none */
	uint8_t insn[16];  /* the instruction KVM could not emulate */
	uint32_t ndata;
	uint64_t data[16]; /* KVM's own, host dependent */
};

struct snug_exit_fail_entry {
	uint64_t hardware_reason;
	uint32_t cpu;
};

struct snug_exit_memory {
	uint64_t flags; /* KVM_MEMORY_EXIT_FLAG_* */
	snug_gpa gpa;   /* 0 where the kernel does not say */
	uint64_t bytes;
};

struct snug_exit_msr {
	uint32_t index;
	bool write;
	uint64_t *data;
};

struct snug_exit_debug {
	uint32_t exception;
	uint64_t pc, dr6, dr7;
};

struct snug_exit_system {
	uint32_t type; /* KVM_SYSTEM_EVENT_* */
	uint32_t ndata;
	uint64_t data[16];
};

struct snug_exit_mark {
	char name[64]; /* terminated */
};

struct snug_exit_panic {
	uint8_t events; /* QEMU docs/specs/pvpanic.rst: bit 0 panicked, bit 1 crash kernel loaded */
};

struct snug_exit_other {
	const void *run; /* struct kvm_run */
	size_t bytes;
};

/*
 * An exit is a value.  Pointers in it point into KVM's shared page or the VM, and are good until the next call on
 * the same vCPU.  KVM 5 "The kvm_run structure".
 *
 * A port or MMIO access is retired by KVM only when the vCPU next enters the kernel.  For a write, and for a
 * read whose answer was filled into `data`, snug does that where it must (snug_vcpu_complete says when).
 */
struct snug_exit {
	enum snug_exit_kind kind;
	uint32_t reason; /* KVM_EXIT_* behind it */
	snug_vcpu *vcpu; /* whose exit it is */
	union {
		struct snug_exit_pio pio;
		struct snug_exit_mmio mmio;
		struct snug_exit_hlt hlt;
		struct snug_exit_status status;
		struct snug_exit_reset reset;
		struct snug_exit_fault fault;
		struct snug_exit_internal internal;
		struct snug_exit_fail_entry fail_entry;
		struct snug_exit_memory memory;
		struct snug_exit_msr msr;
		struct snug_exit_debug debug;
		struct snug_exit_system system;
		struct snug_exit_mark mark;
		struct snug_exit_panic panic;
		struct snug_exit_other other;
	};
};

/*
 * Runs vCPU 0 until something happens that the VM's own devices do not deal with.  The same as
 * snug_vcpu_run(snug_vm_vcpu(vm, 0), 0, exit, NULL).
 */
int snug_run(snug_vm *vm, struct snug_exit *exit);

/* "mmio", "triple fault": a short name for an exit kind; never NULL, static.  [any thread] */
const char *snug_exit_name(enum snug_exit_kind kind);

/* "KVM_EXIT_IO": the kernel's name for an exit reason; "KVM_EXIT_?" for one no one knew.  [any thread] */
const char *snug_reason_name(uint32_t reason);

/* "real", "flat", "KVM_CREATE_VM": names for modes, kinds and steps; never NULL, static.  [any thread] */
const char *snug_mode_name(enum snug_mode mode);
const char *snug_kind_name(enum snug_kind kind);
const char *snug_step_name(enum snug_step step);

/* "#PF page fault": the CPU's name for an exception vector; SDM 3A table 6-1.  [any thread] */
const char *snug_vector_name(uint8_t vector);

/* The mode or kind of that name (case matters), or -EINVAL.  [any thread] */
int snug_mode_from_name(const char *name);
int snug_kind_from_name(const char *name);

/* The version of the library at run time: "0.1.0".  [any thread] */
const char *snug_version(void);

/* ---------------------------------------------------------------------------------------------------------
 * 2. Guest memory
 *
 * One checked road: every function here refuses, with -EFAULT, a range that does not lie wholly in RAM or ROM
 * of this guest.  A range may cross from one region into one that adjoins it, but for snug_mem_ptr.
 * Stores made here are marked for snapshots; KVM's own dirty log does not see them.
 * Reading and writing is [any thread]; the guest may change the bytes at the same time.
 * ------------------------------------------------------------------------------------------------------ */

enum snug_mem_flag {
	SNUG_MEM_READONLY = 1 << 0, /* the guest cannot write it: a write exits as MMIO.  The host can. */
};

/* A piece of guest memory, backed by one KVM memory slot.  KVM 4.35. */
struct snug_region {
	size_t size;    /* sizeof(struct snug_region), or 0 */
	snug_gpa gpa;   /* a multiple of 4096 */
	uint64_t bytes; /* a multiple of 4096, above 0 */
	uint32_t flags; /* enum snug_mem_flag */
	/* in: NULL: the library allocates zeroed memory; else borrowed, page aligned, until the region is removed or the VM
	 * freed. out: where it is. */
	void *host;
	/* For messages and listings. in: copied, cut to 15 bytes; NULL: "ram". out: good until a region is added or
	 * removed. */
	const char *name;
};

/*
 * Adds a region while no vCPU runs.
 * Fails: -EINVAL (alignment, flags), -EEXIST (overlaps a region, a device, or the reserved pages 0xfeffc000-
 * 0xfeffffff that hold KVM's TSS and identity map; the message names it), -ENOSPC (no slot left), -ENOMEM.
 */
int snug_mem_add(snug_vm *vm, const struct snug_region *region, struct snug_error *err);

/* Removes the region that starts at gpa while no vCPU runs.  Fails: -ENOENT. */
int snug_mem_remove(snug_vm *vm, snug_gpa gpa, struct snug_error *err);

/* The index-th region in order of gpa.  Fails: -ENOENT past the last. */
int snug_mem_region(const snug_vm *vm, unsigned index, struct snug_region *out);

/* Copies len bytes from or to guest physical memory.  Fails: -EFAULT, and then nothing was copied. */
int snug_mem_read(const snug_vm *vm, snug_gpa gpa, void *to, size_t len);
int snug_mem_write(snug_vm *vm, snug_gpa gpa, const void *from, size_t len);

/*
 * The host's address of len bytes (1 or more) at gpa, wholly inside one region, or NULL.  With `write` the pages
 * are marked dirty now; who keeps the pointer and writes later calls snug_mem_mark.  Good until the region is
 * removed or the VM freed.
 */
void *snug_mem_ptr(snug_vm *vm, snug_gpa gpa, size_t len, bool write);

/* Marks len bytes at gpa as written by the host.  Fails: -EFAULT. */
int snug_mem_mark(snug_vm *vm, snug_gpa gpa, size_t len);

/* ---------------------------------------------------------------------------------------------------------
 * 3. Virtual CPUs and registers
 *
 * While a vCPU runs, only snug_vcpu_kick may be called on it.  A pending access is retired first (see
 * snug_vcpu_complete); a read that nobody answered gives -EBUSY, and so does an access over a page whose second half
 * is still to be returned by snug_vcpu_run.
 * ------------------------------------------------------------------------------------------------------ */

/* vCPU number index of a VM, or NULL.  Owned by the VM.  [any thread] */
snug_vcpu *snug_vm_vcpu(snug_vm *vm, unsigned index);

/* The VM a vCPU belongs to, and its number.  [any thread] */
snug_vm *snug_vcpu_vm(const snug_vcpu *vcpu);
unsigned snug_vcpu_index(const snug_vcpu *vcpu);

/* General registers.  KVM 4.11; the fields are those of struct kvm_regs. */
struct snug_regs {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
};

/* A segment register with its hidden part.  SDM 3A 3.4.3; the fields are those of struct kvm_segment. */
struct snug_segment {
	uint64_t base;
	uint32_t limit;
	uint16_t selector;
	uint8_t type, present, dpl, db, s, l, g, avl, unusable, padding;
};

/* GDTR or IDTR. */
struct snug_dtable {
	uint64_t base;
	uint16_t limit, padding[3];
};

/* Special registers.  KVM 4.13; the fields are those of struct kvm_sregs. */
struct snug_sregs {
	struct snug_segment cs, ds, es, fs, gs, ss, tr, ldt;
	struct snug_dtable gdt, idt;
	uint64_t cr0, cr2, cr3, cr4, cr8, efer, apic_base;
	uint64_t interrupt_bitmap[4];
};

/*
 * Get and set registers.  Fails: -EBUSY (an `in` or MMIO read waits for its answer), -EINVAL (the host refuses
 * the values; for sregs the message names the field where that can be known), or the ioctl's errno.
 */
int snug_vcpu_get_regs(snug_vcpu *vcpu, struct snug_regs *out, struct snug_error *err);
int snug_vcpu_set_regs(snug_vcpu *vcpu, const struct snug_regs *in, struct snug_error *err);
int snug_vcpu_get_sregs(snug_vcpu *vcpu, struct snug_sregs *out, struct snug_error *err);
int snug_vcpu_set_sregs(snug_vcpu *vcpu, const struct snug_sregs *in, struct snug_error *err);

/*
 * One register by name: "rax" to "r15", "rip", "rflags", "cr0" "cr2" "cr3" "cr4" "cr8", "efer", "apic_base",
 * "cs" (the selector), "cs.base", "cs.limit", "cs.type", "cs.dpl", ..., "gdt.base", "idt.limit".
 * Fails: -EINVAL (no such name, or a value too wide for it), and as above.
 */
int snug_vcpu_get_reg(snug_vcpu *vcpu, const char *name, uint64_t *out, struct snug_error *err);
int snug_vcpu_set_reg(snug_vcpu *vcpu, const char *name, uint64_t value, struct snug_error *err);

/* The index-th register name, or NULL past the last.  Static.  [any thread] */
const char *snug_reg_name(unsigned index);

/*
 * Sets all registers of a vCPU for a mode, entry and stack (steps 5 to 7), as snug_load does for vCPU 0. entry and
 * stack are linear addresses; in real mode below 1 MiB (entry becomes CS:IP with CS a multiple of 0x1000) and 64
 * KiB.  For SNUG_MODE_RESET they are not looked at.  entry need not be mapped.  What a guest left in x87, SSE and
 * AVX registers, debug registers, MSRs and pending events is reset too.  No vCPU of the VM may run.
 * Fails: -ENOTSUP (a mode this host refuses), -ERANGE (entry or stack the mode cannot reach; tables for more than 242
 * GiB of RAM or 80 vCPUs), -EINVAL, -ENOMEM, -EBUSY (a vCPU runs, or a read waits for its answer), -EEXIST (a device
 * is where the tables go), -EFAULT (their region was removed).
 */
int snug_vcpu_boot(snug_vcpu *vcpu, enum snug_mode mode, uint64_t entry, uint64_t stack, struct snug_error *err);

/* One row of CPUID.  KVM 4.20; the fields are those of struct kvm_cpuid_entry2. */
struct snug_cpuid {
	uint32_t function, index, flags, eax, ebx, ecx, edx, padding[3];
};

/*
 * The CPUID table of a vCPU; a new one has all the host supports.  get returns the number of rows and writes at
 * most `max` of them.  set is for a vCPU that has not run yet, of a VM without a baseline.  Fails: -E2BIG (too many rows), -EINVAL.
 */
int snug_vcpu_get_cpuid(snug_vcpu *vcpu, struct snug_cpuid *rows, size_t max, struct snug_error *err);
int snug_vcpu_set_cpuid(snug_vcpu *vcpu, const struct snug_cpuid *rows, size_t n, struct snug_error *err);

/*
 * Walks the page tables the vCPU uses now: the guest physical address behind a linear one.  Without paging they
 * are the same.  SDM 3A chapter 4.  Permissions are not looked at, accessed bits not set.
 * Fails: -EFAULT (not mapped, a table outside memory, a non-canonical address; the message names the level),
 * and as snug_vcpu_get_sregs.
 */
int snug_vcpu_translate(snug_vcpu *vcpu, uint64_t linear, snug_gpa *out, struct snug_error *err);

/* Copies from guest memory by linear address: as many bytes as are mapped, at most len; returns how many. */
int snug_vcpu_read(snug_vcpu *vcpu, uint64_t linear, void *to, size_t len, struct snug_error *err);

/* ---------------------------------------------------------------------------------------------------------
 * 4. Threads
 *
 * Any thread may run a vCPU, one at a time.  Memory regions and devices are changed only while none runs.
 * ------------------------------------------------------------------------------------------------------ */

/*
 * Runs a vCPU for at most timeout_ns nanoseconds (0: no limit) and says why it stopped.  Exits that devices deal
 * with do not come back and count against the time.  After SNUG_EXIT_PIO, MMIO, MSR, HLT, FAULT, KICKED, TIMEOUT,
 * SIGNAL, STATUS, RESET, MARK or RETURN, running again goes on; after the others the guest is stuck until its registers are set.
 * After a FAULT the vCPU stands in the stub that told of it, and running on returns from there to the faulting
 * instruction (not in 32-bit modes on kvm_pvm, whose emulator has no iret there).
 *
 * While it runs, SIGURG is blocked in the calling thread and used to interrupt KVM_RUN, without a handler: it is let
 * through to KVM_RUN alone (KVM_SET_SIGNAL_MASK, KVM 4.19) and taken off again; a SIGURG of somebody else's is sent
 * to the thread again at the end.  KVM_RUN ended by another signal is SNUG_EXIT_SIGNAL; EAGAIN is tried again.
 *
 * Fails: -EBUSY (it runs in another thread), -EAGAIN (no timer for the time limit), -EIO and other errnos of KVM_RUN.
 * KVM 4.10.
 */
int snug_vcpu_run(snug_vcpu *vcpu, uint64_t timeout_ns, struct snug_exit *exit, struct snug_error *err);

/*
 * Makes a running vCPU return SNUG_EXIT_KICKED soon, or the next run of one that is not running.  Kicks do not
 * add up.  May be called from a device's callbacks and from signal handlers' threads, not from a handler.
 * [any thread]
 */
void snug_vcpu_kick(snug_vcpu *vcpu);

/*
 * A VM's own threads: one for each vCPU, and one, the event loop, for what devices do by themselves: input of the console,
 * timers.  A VM that has them is in one of three states:
 *
 *              snug_start            snug_resume
 *     stopped ------------> paused -------------> running
 *             <------------        <-------------
 *              snug_stop             snug_pause, snug_wait, or an exit of any vCPU
 *
 * While it is paused no vCPU is in KVM_RUN and no device acts, and everything that wants a VM that does not run may be
 * called: registers, memory, snug_save, snug_reset.  While it runs, only what is [any thread].
 */
struct snug_threads {
	size_t size; /* sizeof(struct snug_threads), or 0 */
	/* Called first in each new thread, one after the other: cpu is the vCPU's number, -1 in the event loop's.  For
	 * snug_sandbox.  A negative errno fails snug_start.  NULL: nothing is called. */
	int (*begin)(void *ctx, int cpu);
	void *ctx; /* borrowed until snug_stop or snug_vm_free */
};

/*
 * Makes the VM's threads: stopped to paused.  All signals are blocked in them.  threads may be NULL.
 * Fails: -EALREADY (it has them), -EMFILE, -EAGAIN and the like (no descriptor, no thread), and what begin returned.
 */
int snug_start(snug_vm *vm, const struct snug_threads *threads, struct snug_error *err);

/* Paused to running; an exit that snug_wait was not asked for is gone then.  Nothing to do where it runs: 0.
 * Fails: -ESRCH (no snug_start).  [any thread] */
int snug_resume(snug_vm *vm, struct snug_error *err);

/* Running to paused: returns when every vCPU is out of KVM_RUN and no device acts.  Fails: -ESRCH.  [any thread] */
int snug_pause(snug_vm *vm, struct snug_error *err);

/*
 * Waits until a vCPU exits, at most timeout_ns nanoseconds (0: no limit), and gives that exit; the VM is paused then.  As of
 * snug_vcpu_run, but for SNUG_EXIT_KICKED, which is also what a snug_pause of another thread gives.  One thread may wait.
 * Fails: -ESRCH, and as snug_vcpu_run.
 */
int snug_wait(snug_vm *vm, uint64_t timeout_ns, struct snug_exit *exit, struct snug_error *err);

/* Paused or running to stopped: its threads are gone.  snug_vm_free does this too.  Fails: -ESRCH. */
int snug_stop(snug_vm *vm, struct snug_error *err);

/*
 * Retires the access of the last SNUG_EXIT_PIO or SNUG_EXIT_MMIO without running on (immediate_exit): for a read,
 * with the answer that is in exit.data now.  Without a pending access does nothing.  The calls of tier 3 do this by
 * themselves for writes; for reads they give -EBUSY until this was called, since only the caller knows whether it
 * answered.
 * Fails: -EBUSY: the same instruction made another access; the next run returns it.
 */
int snug_vcpu_complete(snug_vcpu *vcpu, struct snug_error *err);

/* ---------------------------------------------------------------------------------------------------------
 * 5. Devices
 * ------------------------------------------------------------------------------------------------------ */

/*
 * A device as the bus sees it.  offset counts from the start of the range it was added with, whose base it never
 * learns; size is 1, 2, 4 or 8 and never above max_size.  An access belongs to the range that holds its first byte;
 * wider ones than max_size arrive in pieces, lowest address first; what passes the end of the range reads as ones and
 * is dropped.  The bits of a read above size are dropped.  String instructions give one call per element.
 * Calls come in the thread of the vCPU that made the access, one at a time per VM.  They may call snug_mem_*,
 * snug_vcpu_kick and other VMs, not add or remove ranges.
 */
struct snug_device_ops {
	size_t size;                                                  /* sizeof(struct snug_device_ops), or 0 */
	unsigned max_size;                                            /* widest access taken: 1, 2, 4 or 8; 0: 8 */
	uint64_t (*read)(void *self, uint64_t offset, unsigned size); /* NULL: all-ones */
	void (*write)(void *self, uint64_t offset, uint64_t value, unsigned size); /* NULL: dropped */
	/*
	 * For baselines and snapshots (tier 7).  save writes the device's state, at most max bytes, and returns how many
	 * it needs, which is always the same number and at most 65536; load puts such a state back, and returns 0 or a
	 * negative errno for bytes it did not write.  Either NULL, or size 0: the device has no state, and is left alone.
	 */
	size_t (*save)(void *self, void *bytes, size_t max);
	int (*load)(void *self, const void *bytes, size_t len);
};

/*
 * Gives a device the ports [port, port + count) or the addresses [gpa, gpa + bytes).  ops and self are borrowed
 * until the range is removed or the VM freed.
 * Fails: -EEXIST (overlaps another range, memory, or KVM's reserved pages; the message names both), -EINVAL (empty,
 * or past the end), -ENOMEM.
 */
int snug_pio_add(snug_vm *vm, uint16_t port, uint32_t count, const struct snug_device_ops *ops, void *self,
                 struct snug_error *err);
int snug_mmio_add(snug_vm *vm, snug_gpa gpa, uint64_t bytes, const struct snug_device_ops *ops, void *self,
                  struct snug_error *err);

/* Takes away the range that starts there.  Fails: -ENOENT. */
int snug_pio_remove(snug_vm *vm, uint16_t port);
int snug_mmio_remove(snug_vm *vm, snug_gpa gpa);

/* ---------------------------------------------------------------------------------------------------------
 * 6. Services
 * ------------------------------------------------------------------------------------------------------ */

/* What exits are counted by. */
enum snug_stat_group {
	SNUG_STAT_REASON = 0, /* only its reason tells it apart */
	SNUG_STAT_PORT,       /* key is the port */
	SNUG_STAT_PAGE,       /* key is the gpa of a 4 KiB page */
	SNUG_STAT_MSR,        /* key is the MSR's index */
	SNUG_STAT_REST,       /* of a reason with too many keys, all further ones together */
};

/* How long something took, nanoseconds.  total and max are exact, p50 and p99 within 1/16. */
struct snug_stat_time {
	uint64_t total, p50, p99, max;
};

/* One row of the exit statistics. */
struct snug_stat {
	uint32_t reason; /* KVM_EXIT_* */
	uint32_t group;  /* enum snug_stat_group */
	uint64_t key;
	bool write;                /* for ports, pages and MSRs */
	uint64_t count;            /* exits */
	uint64_t unclaimed;        /* of them, those no device took */
	struct snug_stat_time run; /* in KVM_RUN before these exits: guest and kernel */
	struct snug_stat_time
	    host; /* in user space after them, until KVM_RUN was called again or the exit returned */
};

/*
 * Counts and times the exits of all vCPUs from now on; none may be running.  At most 512 rows are kept for each
 * vCPU; further keys are added up in a row SNUG_STAT_REST of their reason.  Does nothing where it is on.  Fails:
 * -ENOMEM, -ENOSPC (too many services watch this VM).
 */
int snug_stats_start(snug_vm *vm, struct snug_error *err);

/*
 * Writes at most max rows, costliest first, and returns how many there are; 0 if never started.  snug_stats_read
 * adds up all vCPUs.  Call them while no vCPU runs in another thread; a device's callbacks may, on a VM of one vCPU.
 * Fails: -ENOMEM.
 */
int snug_stats_read(snug_vm *vm, struct snug_stat *rows, size_t max);
int snug_stats_read_vcpu(snug_vcpu *vcpu, struct snug_stat *rows, size_t max);

/* A figure of the kernel's own, under the kernel's name.  KVM 4.133 "KVM_GET_STATS_FD". */
struct snug_kernel_stat {
	char name[48];    /* "exits", "halt_poll_success_ns"; cut to fit */
	uint64_t value;   /* the value, or a histogram's number of entries */
	uint32_t unit;    /* 0 none, 1 bytes, 2 seconds, 3 cycles, 4 yes or no */
	int32_t exponent; /* value * 10^exponent units (2^exponent for bytes) */
};

/*
 * What the kernel counts for a VM (vcpu NULL) or for a vCPU, from their creation on: returns the number of rows and
 * writes at most max.  Nothing has to be started for it.  Fails: -ENOTSUP (a kernel before Linux 5.14), -EPROTO (it
 * does not add up), -EMFILE and other errnos.  [any thread]
 */
int snug_kernel_stats(const snug_vm *vm, const snug_vcpu *vcpu, struct snug_kernel_stat *rows, size_t max,
                      struct snug_error *err);

/* A kind of instruction that was carried out for KVM. */
struct snug_assist_stat {
	const char
	    *name; /* "traps", "system", "integer", ...; "syscall": user mode's entries of the kernel; static */
	uint64_t count;
};

/*
 * On kvm_pvm, whose emulator lacks instructions that kernels use, the library carries them out (docs/kvm-pvm.md): how many
 * of each kind, since the VM was made.  Returns how many kinds there were and writes at most max; on other hosts 0.  Nothing
 * has to be started for it.  Call it while no vCPU runs in another thread.
 */
int snug_assist_stats(const snug_vm *vm, struct snug_assist_stat *rows, size_t max);

/* Guest memory, in bytes. */
struct snug_mem_usage {
	size_t size;       /* out: the library's sizeof(struct snug_mem_usage) */
	uint64_t given;    /* all regions */
	uint64_t touched;  /* of it, what guest or host ever touched (swapped out or not) */
	uint64_t resident; /* of that, what is in the host's memory now */
};

/* Looks at /proc/self/pagemap: 8 bytes for each page of all regions are read.  Fails: errnos of open and read. */
int snug_mem_used(const snug_vm *vm, struct snug_mem_usage *out, struct snug_error *err);

/* What stands behind /dev/kvm. */
enum snug_host_kind {
	SNUG_HOST_UNKNOWN = 0,
	SNUG_HOST_VMX, /* kvm_intel */
	SNUG_HOST_SVM, /* kvm_amd */
	SNUG_HOST_PVM, /* kvm_pvm: KVM without VT-x or SVM; kernel mode is emulated, 32-bit paging refused */
};

struct snug_host {
	size_t size; /* out: the library's sizeof(struct snug_host) */
	enum snug_host_kind kind;
	int api_version;
	uint32_t max_vcpus; /* per VM */
	uint32_t mem_slots; /* per VM */
	bool paged32;       /* SNUG_MODE_PAGED32 can run */
};

/* Looks at the host's KVM (NULL: "/dev/kvm").  Fails as the first two steps of snug_vm_new.  [any thread] */
int snug_host_info(const char *kvm_path, struct snug_host *out, struct snug_error *err);

/* A capability of KVM that snug uses.  KVM 4.4. */
struct snug_cap {
	const char *name; /* "KVM_CAP_READONLY_MEM"; static */
	int value;        /* what KVM_CHECK_EXTENSION gave; 0: absent */
	bool required;    /* no VM can be made without it */
	const char *lost; /* what does not work without it; static */
};

/* All of them: returns their number and writes at most max rows.  Fails as snug_host_info.  [any thread] */
int snug_host_caps(const char *kvm_path, struct snug_cap *rows, size_t max, struct snug_error *err);

/* "vmx", "svm", "pvm", "unknown"; static.  [any thread] */
const char *snug_host_name(enum snug_host_kind kind);

/*
 * How a timeline is kept.  A record is 80 bytes of memory, which is touched only as it is used; it holds one exit with
 * its KVM_RUN and its device's work (3 events), or one mark.
 */
struct snug_trace_config {
	size_t size;    /* sizeof(struct snug_trace_config), or 0 */
	uint32_t exits; /* records kept, the newest, shared out evenly among the vCPUs and then rounded up to a power
	                      of two, at least 64 each; 0: 131072 (10 MiB), with `spill` 8192; at most 16777216 */
	const char *spill; /* a directory: records that memory cannot keep go to a file without a name there, which is
	                      gone with the VM; NULL: the oldest are lost */
};

/*
 * Keeps a timeline of all vCPUs from now on: KVM_RUN, exits, the work of devices, marks.  cfg may be NULL.  Does
 * nothing where it is on.  The host has 4096 records besides, for marks of its own.
 * Fails: -EINVAL (a field), -ENOMEM, -ENOSPC (too many services), or the errno that `spill` gave.
 */
int snug_trace_start(snug_vm *vm, const struct snug_trace_config *cfg, struct snug_error *err);

/*
 * Marks this moment with a name: UTF-8, at most 63 bytes of it are kept.  Guests have snug_mark of <snug/guest.h>.
 * Fails: -ENOENT (never started).  [any thread]
 */
int snug_trace_mark(snug_vm *vm, const char *name);

/* How many events there were, and how many of them are lost.  Fails: -ENOENT.  As for snug_trace_write. */
int snug_trace_count(const snug_vm *vm, uint64_t *events, uint64_t *lost);

/*
 * Writes the timeline as JSON that ui.perfetto.dev and chrome://tracing open ("Trace Event Format"): complete events
 * sorted by ts, in microseconds since the first service of the VM was started; a thread for each vCPU, the host and
 * each device; lost events counted in otherData.  newest: at most so many records of each vCPU, 0: all.  `write` gets
 * it piece by piece and returns 0, or a negative errno that ends it.  Reading does not forget.
 * Call it while no vCPU runs in another thread.
 * Fails: -ENOENT (never started), -ENOMEM, -EIO (the spill file), or what `write` returned.
 */
int snug_trace_write(snug_vm *vm, uint64_t newest, int (*write)(void *ctx, const void *bytes, size_t len), void *ctx,
                     struct snug_error *err);

/* How a page walk ends. */
enum snug_walk_end {
	SNUG_WALK_MAPPED = 0,
	SNUG_WALK_ABSENT,        /* the last step's entry is not present */
	SNUG_WALK_OUTSIDE,       /* the last step's entry lies outside memory */
	SNUG_WALK_NOT_CANONICAL, /* the address is none: no step was made */
};

/* One level of a page walk.  SDM 3A chapter 4. */
struct snug_walk_step {
	uint32_t level; /* 5 to 1 */
	snug_gpa at;    /* where the entry lies */
	uint64_t entry; /* what it says; 0 where it cannot be read */
};

/* The way from a linear to a guest physical address. */
struct snug_walk {
	uint64_t linear;
	const char *paging; /* "no paging", "32-bit paging", "PAE paging", "4-level paging"; static */
	enum snug_walk_end end;
	uint32_t steps;
	struct snug_walk_step step[5];
	snug_gpa gpa;  /* where it is mapped */
	uint64_t page; /* bytes of the page; 0 without paging */
	bool memory;   /* RAM or ROM is there */
};

/* Walks as snug_vcpu_translate, and tells every level.  Fails as snug_vcpu_get_sregs. */
int snug_vcpu_walk(snug_vcpu *vcpu, uint64_t linear, struct snug_walk *out, struct snug_error *err);

/* One exit of the past, for the autopsy. */
struct snug_past_exit {
	uint32_t reason; /* KVM_EXIT_* */
	uint8_t size;    /* bytes of a port or MMIO access, else 0 */
	bool write;      /* of such an access, or of an MSR's */
	bool claimed;    /* a device took it, or it was no access */
	uint32_t count;  /* elements of a string instruction, else 1 */
	uint64_t key;    /* port, gpa or MSR index, else 0 */
	uint64_t value;  /* the first element, as it went in or out */
	uint64_t ns;     /* how long before the newest one, nanoseconds */
};

/*
 * Keeps the last 32 exits of each vCPU from now on, for snug_autopsy: two readings of the time-stamp counter and some
 * stores an exit.  Does nothing where it is on.  Fails: -ENOMEM, -ENOSPC (too many services).
 */
int snug_autopsy_start(snug_vm *vm, struct snug_error *err);

/* One instruction, decoded. */
struct snug_insn {
	uint64_t at; /* linear */
	uint8_t len;
	uint8_t bytes[15];
	char text[64]; /* in Intel's notation, cut to fit; "(bad)" for none */
};

/* An entry of a table of the CPU's that matters to a crash: a gate, or a descriptor. */
struct snug_table_entry {
	const char *name;  /* "gate", "cs", "ss", "tr"; static */
	uint32_t selector; /* of a gate its vector */
	uint64_t at;       /* linear */
	uint8_t len;       /* bytes that were read; 0: there are none */
	bool beyond;       /* the table's limit ends before it; it was not read */
	uint8_t bytes[16];
};

/* What is to be said of a guest that crashed.  It holds no pointer into the VM. */
struct snug_autopsy {
	size_t size;     /* in: sizeof(struct snug_autopsy), or 0 */
	char what[160];  /* what ended it: "#UD invalid opcode (vector 6)" */
	char why[256];   /* one sentence: what most likely happened */
	char rule[24];   /* which rule says so, for programs: "no-gate", "bad-jump"; docs/autopsy.md lists them */
	char doubt[192]; /* why the registers are not those of the crash; else empty */
	enum snug_exit_kind kind;
	uint32_t reason; /* KVM_EXIT_* */
	uint32_t cpu;
	enum snug_mode started; /* as snug_load left it; AUTO: nothing was loaded */
	const char *mode;       /* "64-bit mode": what it is in now; static */
	uint32_t bits, cpl;     /* 16, 32 or 64; 0 to 3 */
	/* Of the code that crashed, not of snug's fault stub: rip, rsp, rflags, cs and ss are the frame's. */
	struct snug_regs regs;
	struct snug_sregs sregs;
	struct snug_exit_fault fault;       /* for SNUG_EXIT_FAULT */
	struct snug_exit_internal internal; /* for SNUG_EXIT_INTERNAL */
	uint64_t rip, rsp;                  /* linear */
	uint32_t bytes_len;
	uint8_t bytes[16];  /* at rip */
	char undecoded[96]; /* why there are no instructions; else empty */
	uint32_t insns;
	uint32_t insn_now; /* index of the one at rip; those before it are a guess: x86 does not read backwards */
	struct snug_insn insn[12];
	struct snug_walk rip_walk;
	bool has_cr2; /* for a page fault, or where cr2 is not 0 */
	struct snug_walk cr2_walk;
	int32_t vector; /* the exception, as told or found out; -1: none is known */
	struct snug_table_entry gate, cs, ss, tr;
	uint32_t word; /* bytes of a stack word */
	uint32_t words;
	uint64_t stack[16]; /* from rsp up */
	uint32_t exits;
	struct snug_past_exit exit[32]; /* oldest first; none without snug_autopsy_start */
};

/*
 * Looks at a vCPU after a crash: FAULT, SHUTDOWN, INTERNAL, FAIL_ENTRY, MEMORY (other exits are described too).  Nothing
 * in the VM changes but that a pending write is retired.  Instructions are decoded by Zydis, loaded at this call, where
 * the library was built with it and finds it.
 * Fails: -EINVAL (out->size; exit is of another vCPU), and as snug_vcpu_get_regs.
 */
int snug_autopsy(snug_vcpu *vcpu, const struct snug_exit *exit, struct snug_autopsy *out, struct snug_error *err);

/*
 * The same as text of at most 100 columns, ASCII only, a line a call of write, with its newline.
 * [any thread]
 */
void snug_autopsy_text(const struct snug_autopsy *a, void (*write)(void *ctx, const char *line, size_t len),
                       void *ctx);

/* Takes len bytes for an offset of a file.  Negative: stop with this errno. */
typedef int (*snug_core_fn)(void *ctx, uint64_t offset, const void *bytes, size_t len);

/*
 * Writes an ELF core file of a VM whose vCPUs do not run, for gdb: a thread for each vCPU, the memory vCPU `first` maps,
 * all guest memory once.  Class 64 where that vCPU is in long mode, else 32.  With exit, that vCPU's registers are
 * those of the code that crashed.  Offsets come in rising order; pages of zeros are left out, and *bytes is the
 * length to give the file (bytes may be NULL).  docs/autopsy.md describes the notes and the bounds.
 * Fails: -EINVAL (exit is of another vCPU), -ENOMEM, as snug_vcpu_get_regs, and what write returned.
 */
int snug_core_write(snug_vcpu *first, const struct snug_exit *exit, snug_core_fn write, void *ctx, uint64_t *bytes,
                    struct snug_error *err);

/*
 * gdb's remote serial protocol (GDB manual, appendix E), as bytes in and bytes out: the caller has the connection.
 *
 *     for (state = SNUG_GDB_WAIT; state == SNUG_GDB_WAIT || state == SNUG_GDB_RUN;) {
 *             wait for bytes from gdb (but not while state is SNUG_GDB_RUN) and pass them to snug_gdb_input;
 *             state = snug_gdb_run(gdb, 10000000, &exit, &e);
 *             send what snug_gdb_output gives;
 *     }
 *
 * Thread n of gdb is vCPU n - 1.  Registers come with a target description, made for the mode vCPU 0 is in when the
 * session begins: 16-bit, 32-bit, or 64-bit wherever EFER.LMA is set.  Outside 64-bit mode eip is told with CS's base
 * added, addresses are linear, and memory goes by the page tables of the vCPU in use.
 *
 * What the host's KVM cannot do is done otherwise: see docs/debugging.md.  A fault only snug's own IDT caught stops the
 * guest at the instruction that faulted; going on with the signal ends it, without tries the instruction again.
 */
typedef struct snug_gdb snug_gdb;

enum snug_gdb_state {
	SNUG_GDB_WAIT = 0, /* the guest stands until gdb says more */
	SNUG_GDB_RUN,      /* it runs on: call snug_gdb_run again */
	SNUG_GDB_DETACHED, /* gdb let go of it: the caller runs it from now on */
	SNUG_GDB_KILLED,   /* gdb wants it ended */
	SNUG_GDB_ENDED,    /* the guest came to its end, and gdb is told */
};

/*
 * Starts a session with the guest standing.  While it lasts the VM's vCPUs are run by snug_gdb_run alone.  Of them the
 * first `cpus` are started (0: 1), which must have been booted; the others are there to be looked at and stepped.
 * Fails: -EINVAL (more than the VM has), -ENOMEM, and as snug_vcpu_get_sregs.
 */
int snug_gdb_new(snug_vm *vm, unsigned cpus, snug_gdb **out, struct snug_error *err);

/* Ends a session and takes its breakpoints out; to be called before snug_vm_free.  NULL is fine. */
void snug_gdb_free(snug_gdb *gdb);

/*
 * Bytes from gdb, and at most max bytes for gdb; each returns how many were taken.  Input left over is for after output
 * was fetched: what is kept for a debugger that asks and does not listen is bounded.  While the guest runs only the
 * interrupt (Ctrl-C) is heard.
 */
size_t snug_gdb_input(snug_gdb *gdb, const void *bytes, size_t len);
size_t snug_gdb_output(snug_gdb *gdb, void *buf, size_t max);

/*
 * Runs the guest as gdb asked, for at most timeout_ns nanoseconds (0: no limit); several vCPUs take turns in the
 * calling thread.  Returns the state.  In state RUN *exit says why it came back: TIMEOUT, KICKED, SIGNAL, HLT where
 * every vCPU waits for an interrupt, or an exit that is the caller's (answered as after snug_vcpu_run).  In state ENDED
 * it is what ended the guest: STATUS, RESET, HLT, or the crash gdb went on from.
 * Fails: as snug_vcpu_run; the errno of KVM_SET_GUEST_DEBUG (KVM 4.87).
 */
int snug_gdb_run(snug_gdb *gdb, uint64_t timeout_ns, struct snug_exit *exit, struct snug_error *err);

/* ---------------------------------------------------------------------------------------------------------
 * 7. Prepare once, use often
 *
 * A baseline is a state of a VM to return to: guest memory, every state of its vCPUs that KVM holds, built-in devices
 * and those of the caller that can save theirs.  It is immutable; VM, clones and pools share it, and the last one frees
 * it.  Memory lies in a sealed memfd (or in the snapshot file), and each VM runs on a private mapping of it: what one
 * writes, no other sees.  docs/snapshots.md has the whole story, with what a guest can rely on.
 *
 *     snug_baseline(vm, &e);                      prepare: the guest stands where every use begins
 *     for (;;) {
 *             snug_call(vm, &function, &result, &exit, &e);
 *             snug_reset(vm, NULL, &e);           nothing of this use is left for the next
 *     }
 * ------------------------------------------------------------------------------------------------------ */

/*
 * Takes the VM's present state as its baseline, in place of an older one.  Pending writes are retired.  No vCPU may be
 * running.  From now on KVM logs what the guest writes (KVM 4.8 "KVM_GET_DIRTY_LOG").
 * Fails: -EBUSY (a vCPU runs; a read waits for its answer: snug_vcpu_complete), -ENOMEM, -EMFILE, -ENOTSUP (this host
 * cannot give back a state it has), or the errno of the ioctl that failed.  On failure the VM goes on as it was, but
 * may have lost an older baseline.
 */
int snug_baseline(snug_vm *vm, struct snug_error *err);

/* What a reset did.  */
struct snug_reset_info {
	size_t size;    /* out: the library's sizeof(struct snug_reset_info) */
	uint64_t pages; /* pages of 4096 bytes put back */
	uint64_t guest; /* of them, those the guest wrote */
	uint64_t host;  /* and those the host wrote (snug_mem_*, snug_load, calls); a page can be both */
	bool
	    remapped; /* a region had so many that its whole mapping was renewed; at a first reset the guest's go uncounted */
};

/*
 * Returns to the baseline: cost in proportion to the pages written since, not to the size of memory; but for the first
 * reset of a clone or a restored VM, which renews its whole mapping and has writes logged from then on.  Accesses that
 * are pending or unanswered, kicks and marks are forgotten.  What the host has set stays: console, hygiene, services,
 * host functions, the name of snug_mark_stop, devices added and removed.  info may be NULL.  No vCPU may be running.
 * Fails: -ENOENT (there is no baseline), -EBUSY (a vCPU runs), -ESTALE (memory regions were added or removed since),
 * or the errno of the ioctl that failed; then the VM is unusable but for snug_vm_free, or another snug_reset.
 */
int snug_reset(snug_vm *vm, struct snug_reset_info *info, struct snug_error *err);

/*
 * Makes n VMs that stand at the baseline of vm (one is taken if there is none), and have it as theirs.  out gets n
 * handles, each for snug_vm_free; all or none are made.  They have the built-in devices, the console and on_call (whose
 * callbacks may then be called from several threads, until the last of them is freed), host functions, symbols and
 * hygiene of vm, but no services, and of the caller's own devices only the state: it is loaded when a device is added at
 * the same place.
 * Needs 1 + cpus file descriptors a clone; the soft limit RLIMIT_NOFILE is raised where it is too low (snug_files_need).
 * Several threads may clone one VM that has a baseline at the same time, also while it runs.
 * Fails: as snug_vm_new and snug_baseline.
 */
int snug_clone(snug_vm *vm, unsigned n, snug_vm **out, struct snug_error *err);

/* Where this VM's console goes from now on; NULL: nowhere.  No vCPU may be running. */
void snug_console_set(snug_vm *vm, const struct snug_console *console);

/* What becomes of the guest's clocks at a reset, a clone and a restore. */
enum snug_time {
	SNUG_TIME_ON =
	    0, /* time went on: TSC and kvmclock are as if the guest had been asleep, the wall clock is right */
	SNUG_TIME_BACK, /* TSC and kvmclock return to the baseline's, where the host can (kvm_pvm cannot set the TSC) */
};

/*
 * What must differ between lives of one state.  Whenever a VM is reset, cloned or restored, its generation changes: a
 * new id of 16 bytes and a seed of 32, which a guest that asked for them finds in its memory before its first
 * instruction (<snug/guest.h>, snug_generation).
 */
struct snug_hygiene {
	size_t size; /* sizeof(struct snug_hygiene), or 0 */
	enum snug_time time;
	/* Random bytes for id and seed; NULL: getrandom(2).  0, or a negative errno that fails the call. For clones it may be
	 * called from several threads. */
	int (*random)(void *ctx, void *bytes, size_t len);
	void *ctx; /* borrowed until the VM and its clones are freed */
};

/* Sets it, for this VM and clones made later.  Fails: -EINVAL (a field). */
int snug_hygiene_set(snug_vm *vm, const struct snug_hygiene *hygiene, struct snug_error *err);

/* The id of this life.  Fails: what hygiene's `random` returned. */
int snug_generation(snug_vm *vm, uint8_t id[16]);

/* A stock of clones, kept ready.  All calls but snug_pool_new and snug_pool_free are [any thread]. */
typedef struct snug_pool snug_pool;

/*
 * Makes a pool of VMs at the baseline of vm (one is taken if there is none) with `ready` of them in it.  vm may be freed
 * before the pool.  Fails: as snug_clone.
 */
int snug_pool_new(snug_vm *vm, unsigned ready, snug_pool **out, struct snug_error *err);

/* Takes a VM out, or makes one where the pool is empty.  It is the caller's.  Fails: as snug_clone. */
int snug_pool_get(snug_pool *pool, snug_vm **out, struct snug_error *err);

/*
 * Gives a VM of this pool back: it is reset and kept, or freed where the pool is full, the reset fails, or it has devices,
 * host functions or services that the pool's VMs do not have.  NULL is fine.  Its console, hygiene and mark to stop at are
 * the parent's again.
 */
void snug_pool_put(snug_pool *pool, snug_vm *vm);

/* How many are ready now. */
unsigned snug_pool_count(snug_pool *pool);

/* Ends a pool and the VMs in it; those that were taken out stay.  NULL is fine. */
void snug_pool_free(snug_pool *pool);

/*
 * Raises the soft limit RLIMIT_NOFILE to the hard one, if need be, so that this process can open `more` files besides those
 * it has.
 * Fails: -EMFILE (the message has the number needed and the hard limit).  [any thread]
 */
int snug_files_need(uint64_t more, struct snug_error *err);

/*
 * Writes the VM's state to a snapshot file: where it stands now, not its baseline.  The file appears whole or not at all
 * (a temporary file beside it, fsync, rename): at any crash there is the old one or the new one.  Zero pages are holes.
 * Its mode is 0600, since a guest's memory may hold secrets; a symbolic link is replaced itself, not what it points to.
 * docs/snapshot-format.md has the format.
 * Fails: as snug_baseline, and the errnos of files (-ENOSPC, -EACCES, ...).
 */
int snug_save(snug_vm *vm, const char *path, struct snug_error *err);

/* The same into an empty regular file, open for writing; its name and fsync are the caller's business. */
int snug_save_fd(snug_vm *vm, int fd, struct snug_error *err);

/*
 * Makes a VM from a snapshot file; it stands where it was saved and has that as its baseline.  Memory is mapped from the
 * file and read as it is touched: the file must not be changed in place while any VM of it lives (replacing it by rename
 * is fine), so one that others may write to is refused.  cfg says console, unclaimed, flags, kvm_path, on_call; what the
 * file says itself (mem_bytes, cpus, devices, cpu) must be 0.  cfg may be NULL.
 * Fails: as snug_vm_new; the errnos of open; -EPERM (owner or mode would let others change it), -ENOEXEC (no snapshot,
 * or damaged: the message names the field), -ENOTSUP (another version, host kind or CPU: the message says what is missing).
 */
int snug_restore(const char *path, const struct snug_config *cfg, snug_vm **out, struct snug_error *err);

enum snug_snapshot_flag {
	SNUG_SNAPSHOT_VERIFY = 1 << 0, /* read all of memory and compare its checksums too */
};

/* What a snapshot file says of itself. */
struct snug_snapshot_info {
	size_t size; /* in: sizeof(struct snug_snapshot_info), or 0 */
	uint32_t version;
	enum snug_host_kind host; /* where it was made */
	char snug[16];            /* by which version of the library */
	char kernel[64];          /* on which kernel */
	char cpu[64];             /* and CPU */
	uint64_t time_ns;         /* when, nanoseconds since 1970 */
	uint32_t cpus;
	uint32_t devices; /* SNUG_DEV_* */
	uint32_t regions;
	uint64_t mem_bytes;  /* all regions */
	uint64_t data_bytes; /* of them, what is not zero */
	uint64_t file_bytes; /* length of the file */
	struct snug_boot boot;
	uint64_t symbols;
	bool fits;     /* it can be restored here */
	char why[256]; /* if not, why */
};

/* Reads and checks one without making a VM.  kvm_path NULL: "/dev/kvm".  Fails: as snug_restore, -EBADMSG (VERIFY). */
int snug_snapshot_info(const char *path, const char *kvm_path, uint32_t flags, struct snug_snapshot_info *out,
                       struct snug_error *err);

/*
 * Stops the run with SNUG_EXIT_MARK when a vCPU makes a mark of that name (snug_mark of <snug/guest.h>); NULL: never.
 * Name: at most 63 bytes, copied.  Needs SNUG_DEV_GUEST.  Fails: -EINVAL.
 */
int snug_mark_stop(snug_vm *vm, const char *name);

/*
 * The linear address of a function or datum of the image loaded with SNUG_IMAGE_SYMBOLS, and its size (bytes may be NULL).
 * Fails: -ENOENT (no such name, or nothing loaded so).
 */
int snug_symbol(const snug_vm *vm, const char *name, uint64_t *address, uint64_t *bytes);

/* The index-th symbol in order of address, or NULL past the last; good until the next snug_load, snug_reset or
 * snug_vm_free. */
const char *snug_symbol_name(const snug_vm *vm, size_t index, uint64_t *address);

/* An argument of a guest function: an integer, or a buffer of the caller's that is passed by reference. */
enum snug_arg_kind {
	SNUG_ARG_INT = 0, /* value */
	SNUG_ARG_IN,      /* the guest gets the address of a copy of len bytes at data */
	SNUG_ARG_OUT,     /* of len zero bytes, which are copied to data when the function returned */
	SNUG_ARG_INOUT,   /* both */
};

struct snug_arg {
	enum snug_arg_kind kind;
	uint64_t value;
	void *data; /* 16-aligned in the guest, whatever it is here */
	size_t len;
};

#define SNUG_ARGS_MAX 6

#ifndef __cplusplus
#define SNUG_INT(v) ((struct snug_arg){.value = (uint64_t)(v)})
#define SNUG_IN(p, n) ((struct snug_arg){.kind = SNUG_ARG_IN, .data = (void *)(uintptr_t)(p), .len = (n)})
#define SNUG_OUT(p, n) ((struct snug_arg){.kind = SNUG_ARG_OUT, .data = (p), .len = (n)})
#define SNUG_INOUT(p, n) ((struct snug_arg){.kind = SNUG_ARG_INOUT, .data = (p), .len = (n)})
#endif

/* A function of the guest's, and what to call it with. */
struct snug_function {
	size_t size;      /* sizeof(struct snug_function), or 0 */
	const char *name; /* of snug_symbol, or NULL: address */
	uint64_t address; /* linear */
	uint32_t count;   /* arguments, at most SNUG_ARGS_MAX */
	struct snug_arg args[SNUG_ARGS_MAX];
	uint64_t timeout_ns; /* 0: no limit */
};

/*
 * Calls a function of a 64-bit guest on vCPU 0 by the System V AMD64 convention (psABI 3.2): integers and addresses in
 * rdi, rsi, rdx, rcx, r8, r9, the result in rax.  The guest must have been loaded in user or long mode.  Buffers, and a
 * return address that leads back here, are put below the stack of snug_load (struct snug_boot.stack), as far as there
 * is room above the image.  rsp, rip and these six registers are set; all else stays as it is, so what must be the
 * same for each call is made so by snug_reset.
 *
 * Returns 0: the function returned, *result is rax and exit->kind is SNUG_EXIT_RETURN; 1: something else ended it
 * (TIMEOUT, KICKED, FAULT, STATUS, HLT, PIO...), *exit says what, and buffers are not copied back.  A signal for the
 * calling thread is handled and does not end it; snug_vcpu_kick does.
 * Fails: -EINVAL (a field, a mode that is not 64-bit), -ENOENT (no such function; the message names one that is close),
 * -E2BIG (the buffers do not fit on the stack; the message says how many bytes there are), -EFAULT (no memory there),
 * and as snug_vcpu_run.  result and exit may be NULL.
 */
int snug_call(snug_vm *vm, const struct snug_function *f, uint64_t *result, struct snug_exit *exit,
              struct snug_error *err);

/* An argument a guest passed to a host function, checked. */
struct snug_host_arg {
	uint64_t value; /* the integer, or the guest's address */
	void *data;     /* a copy of the guest's bytes, good during the call; NULL for an integer.  s: terminated */
	size_t len;
};

/*
 * A function of the host's for the guest to call.  Runs in the vCPU's thread, inside its exit: it may call snug_mem_*,
 * snug_vcpu_kick and other VMs.  Returns 0 and *result for the guest, or a negative errno, which the guest gets as its
 * result.
 */
typedef int (*snug_host_fn)(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *args, uint64_t *result);

/*
 * Registers a host function under a name (1 to 31 bytes, copied), for snug_host of <snug/guest.h>.  types has a letter
 * for each argument, at most SNUG_ARGS_MAX:
 *     i  an integer of 64 bits
 *     s  an address of a string that ends with NUL, at most 4095 bytes
 *     r  an address and, as the guest's next argument, a length: bytes to read, at most 1 MiB
 *     w  the same: bytes the guest gets back when fn returned 0; they are zero before
 * The guest's addresses are linear and walked with its page tables.  A call with a name nobody registered, an address
 * outside the guest's own memory or a length above the limit is refused without a call of fn: the guest gets -ENOSYS,
 * -EFAULT or -E2BIG.  Needs SNUG_DEV_GUEST; clones have the same functions.  At most 64.
 * Fails: -EINVAL (name, types), -EEXIST, -ENOSPC, -ENOMEM.
 */
int snug_host_add(snug_vm *vm, const char *name, const char *types, snug_host_fn fn, void *ctx,
                  struct snug_error *err);

/* ---------------------------------------------------------------------------------------------------------
 * 8. Confine
 * ------------------------------------------------------------------------------------------------------ */

/* What is done by one call of snug_sandbox; 0: all of it, for a program of one thread. */
enum snug_sandbox_part {
	/* Loads what cannot be loaded later: the disassembler of autopsies.  Undoes nothing and forbids nothing, so it
	 * may be called early, in a thread of its own. */
	SNUG_SANDBOX_LOAD = 1 << 0,
	/* no_new_privs, capabilities, Landlock, resource limits.  Of this thread and those it makes later: so before the
	 * first pthread_create. */
	SNUG_SANDBOX_PROCESS = 1 << 1,
	/* The filter of system calls, of this thread and those it makes later: last, in each thread. */
	SNUG_SANDBOX_THREAD = 1 << 2,
};

/* What a thread is for, which decides what its filter lets pass. */
enum snug_sandbox_kind {
	SNUG_SANDBOX_VCPU = 0, /* runs guests, and what `uses` says */
	SNUG_SANDBOX_FILES,    /* runs no guest: makes, renames and removes files below `dirs` for one that does */
	SNUG_SANDBOX_KINDS,
};

/* What a thread that runs guests does besides.  Each lets more system calls pass; docs/sandbox.md lists them. */
enum snug_sandbox_use {
	SNUG_USE_FILES = 1 << 0,   /* takes descriptors of files from a socket, cuts a file to size: cores */
	SNUG_USE_STATE = 1 << 1,   /* snug_baseline, snug_reset, pools, snug_clock_set */
	SNUG_USE_STATS = 1 << 2,   /* snug_kernel_stats, snug_mem_used */
	SNUG_USE_GDB = 1 << 3,     /* accepts a connection on a listening socket, snug_gdb_run */
	SNUG_USE_THREADS = 1 << 4, /* it is one of several threads, made before */
	SNUG_USE_SAVE = 1 << 5,    /* snug_save_fd */
	SNUG_USE_PC = 1 << 6,      /* a VM with SNUG_DEV_PC: vCPUs' threads, and that of the event loop */
	SNUG_USE_ALL = (1 << 7) - 1,
};

/* Bits of the layers a kernel may lack. */
enum snug_sandbox_layer {
	SNUG_LAYER_NO_NEW_PRIVS = 1 << 0, /* prctl(2), PR_SET_NO_NEW_PRIVS */
	SNUG_LAYER_CAPABILITIES = 1 << 1, /* capabilities(7): none are left */
	SNUG_LAYER_LANDLOCK = 1 << 2, /* Documentation/userspace-api/landlock.rst, as far as the kernel's ABI goes */
	SNUG_LAYER_LIMITS = 1 << 3,   /* setrlimit(2): few descriptors more; no message queues, no locked memory */
	SNUG_LAYER_SECCOMP = 1 << 4,  /* Documentation/userspace-api/seccomp_filter.rst, through libseccomp */
};

struct snug_sandbox {
	size_t size;        /* sizeof(struct snug_sandbox), or 0 */
	uint32_t parts;     /* SNUG_SANDBOX_LOAD and so on; 0: all */
	uint32_t kind;      /* enum snug_sandbox_kind */
	uint32_t uses;      /* SNUG_USE_* bits */
	uint32_t strict;    /* not 0: what the kernel lacks is an error, and then nothing is done */
	const int *dirs;    /* SNUG_SANDBOX_FILES: descriptors of directories, borrowed for the call */
	uint32_t dir_count; /* how many */
	int child;          /* SNUG_SANDBOX_FILES: the one process it may signal */
	uint64_t files;     /* descriptors that may be opened from now on, as by snug_clone; 0: 16 */
};

/*
 * Confines the calling thread, or process, for good: to be called when VMs are made, images loaded, files opened,
 * vCPU threads made and their run loops next.  Then a system call that is not in the table of docs/sandbox.md ends the
 * process (SIGSYS), no file can be opened by name, and memory cannot be made executable.  What the library does needs no
 * more than the uses say, but for: making VMs and clones (make them before: pools keep clones ready), loading images,
 * snug_save (snug_save_fd instead), snug_baseline for the first time.  SNUG_CONFIG_KEEP opens before what some calls
 * need.  A caller's own callbacks are confined too.
 *
 * It does not cover what a process has to be born into: namespaces, an empty root directory.  `snug run` adds those;
 * docs/threat-model.md says what each layer is for.
 *
 * *lacks (may be NULL) gets the SNUG_LAYER_* bits of `parts` that could not be had; they are left out unless strict.
 * Fails: -EINVAL (a field), -ENOTSUP (strict, and a layer is not there; nothing was done), and the errnos of the system
 * calls: then the process is confined in part, and should not run a guest.
 */
int snug_sandbox(const struct snug_sandbox *how, uint32_t *lacks, struct snug_error *err);

/* A layer, and what this kernel has of it. */
struct snug_layer {
	uint32_t bit; /* SNUG_LAYER_* */
	bool there;
	const char *name; /* "Landlock"; static */
	char what[112];   /* "ABI 7: files, TCP, abstract sockets, signals"; or what is lost, and what to do */
};

/* All layers: returns their number and writes at most max rows.  [any thread] */
int snug_sandbox_layers(struct snug_layer *rows, size_t max);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif

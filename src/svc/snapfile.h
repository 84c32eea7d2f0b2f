/* SPDX-License-Identifier: MIT */
/*
 * snapfile: the bytes of a snapshot file, without files and without KVM
 *
 * A file is its head (header, section table, sections), then the guest's memory.  docs/snapshot-format.md is the
 * format's documentation of record; the offsets here are its.
 */
#ifndef SNUG_SVC_SNAPFILE_H
#define SNUG_SVC_SNAPFILE_H

#include "base/cursor.h"
#include "core/frozen.h"
#include "host/cpu.h"

#define SNUG__SNAP_VERSION 1u
#define SNUG__SNAP_MAGIC "\x89SNUG\r\n\x1a"

/* Header: offsets, then what they hold. */
enum {
	SNAP_MAGIC = 0,
	SNAP_VERSION = 8,      /* 4 */
	SNAP_HEADER_LEN = 12,  /* 4: SNAP_HEADER */
	SNAP_SECTIONS = 16,    /* 4 */
	SNAP_ENTRY_LEN = 20,   /* 4: SNAP_ENTRY */
	SNAP_HEAD_BYTES = 24,  /* 8 */
	SNAP_MEM_OFFSET = 32,  /* 8 */
	SNAP_MEM_BYTES = 40,   /* 8 */
	SNAP_FILE_BYTES = 48,  /* 8 */
	SNAP_HEADER_ZERO = 56, /* 4 */
	SNAP_HEADER_CRC = 60,  /* 4: of header and table, itself taken as 0 */
	SNAP_HEADER = 64,
};

/* An entry of the section table. */
enum {
	SNAP_ENTRY_TYPE = 0,   /* 4 */
	SNAP_ENTRY_FLAGS = 4,  /* 4 */
	SNAP_ENTRY_OFFSET = 8, /* 8 */
	SNAP_ENTRY_BYTES = 16, /* 8 */
	SNAP_ENTRY_INDEX = 24, /* 4 */
	SNAP_ENTRY_CRC = 28,   /* 4 */
	SNAP_ENTRY = 32,
};

#define SNAP_REQUIRED 1u /* flag: who does not know the type must refuse the file */

enum snug__snap_type {
	SNAP_ORIGIN = 1,
	SNAP_MACHINE,
	SNAP_NEEDS,
	SNAP_REGIONS,
	SNAP_CPU,    /* one for each vCPU */
	SNAP_DEVICE, /* one for each device state */
	SNAP_SYMBOLS,
	SNAP_SUMS,
	SNAP_PC, /* where the machine has SNUG_DEV_PC */
	SNAP_TYPES
};

/* Section origin */
enum {
	ORIGIN_KIND = 0,    /* 4: enum snug_host_kind */
	ORIGIN_ZERO = 4,    /* 4 */
	ORIGIN_TIME = 8,    /* 8 */
	ORIGIN_SNUG = 16,   /* 16 */
	ORIGIN_KERNEL = 32, /* 64 */
	ORIGIN_CPU = 96,    /* 64 */
	ORIGIN_BYTES = 160,
};

/* Section machine */
enum {
	MACHINE_CPUS = 0,        /* 4 */
	MACHINE_DEVICES = 4,     /* 4 */
	MACHINE_UNCLAIMED = 8,   /* 4 */
	MACHINE_FLAGS = 12,      /* 4 */
	MACHINE_RAM_TOP = 16,    /* 8 */
	MACHINE_BOOT_KIND = 24,  /* 4 */
	MACHINE_BOOT_MODE = 28,  /* 4 */
	MACHINE_BOOT_LOW = 32,   /* 8 */
	MACHINE_BOOT_HIGH = 40,  /* 8 */
	MACHINE_BOOT_ENTRY = 48, /* 8 */
	MACHINE_BOOT_STACK = 56, /* 8 */
	MACHINE_GENERATION = 64, /* 8 */
	MACHINE_TSC_KHZ = 72,    /* 4 */
	MACHINE_ZERO = 76,       /* 4 */
	MACHINE_CLOCK = 80,      /* 48: struct kvm_clock_data */
	MACHINE_MARK_STOP = 128, /* 64 */
	MACHINE_BYTES = 192,
};

#define MACHINE_HAS_TABLES 1u
#define MACHINE_HAS_IVT 2u

/* Section needs */
enum {
	NEEDS_KIND = 0,    /* 4: enum snug_host_kind */
	NEEDS_TSC_KHZ = 4, /* 4 */
	NEEDS_XCR0 = 8,    /* 8 */
	NEEDS_VENDOR = 16, /* 12 */
	NEEDS_WORDS = 28,  /* 6 times 4: struct snug__host_cpu */
	NEEDS_ZERO = 52,   /* 4 */
	NEEDS_BYTES = 56,
};

/* Section regions: rows of */
enum {
	REGION_GPA = 0,     /* 8 */
	REGION_LEN = 8,     /* 8 */
	REGION_OFFSET = 16, /* 8 */
	REGION_FLAGS = 24,  /* 4 */
	REGION_ZERO = 28,   /* 4 */
	REGION_NAME = 32,   /* 16 */
	REGION_BYTES = 48,
};

/* Section cpu; struct NAME is the kernel's, whose layout is ABI. */
enum {
	CPU_REGS = 0,           /* 144: struct kvm_regs */
	CPU_SREGS = 144,        /* 312: struct kvm_sregs */
	CPU_EVENTS = 456,       /* 64: struct kvm_vcpu_events */
	CPU_DEBUG = 520,        /* 128: struct kvm_debugregs */
	CPU_XCRS = 648,         /* 392: struct kvm_xcrs */
	CPU_MP = 1040,          /* 4: struct kvm_mp_state */
	CPU_MARK_LEN = 1044,    /* 4 */
	CPU_MARK = 1048,        /* 64 */
	CPU_MSR_COUNT = 1112,   /* 4 */
	CPU_CPUID_COUNT = 1116, /* 4 */
	CPU_XSAVE = 1120,       /* 4096: struct kvm_xsave */
	CPU_BYTES = 5216,       /* then MSRs: 16 each, then CPUID rows: 40 each */
	CPU_MSR_BYTES = 16,     /* struct kvm_msr_entry */
	CPU_CPUID_BYTES = 40,   /* struct kvm_cpuid_entry2 */
};

/* Section device */
enum {
	DEVICE_BASE = 0,  /* 8 */
	DEVICE_FLAGS = 8, /* 4 */
	DEVICE_LEN = 12,  /* 4 */
	DEVICE_BYTES = 16,
};

#define DEVICE_MMIO 1u
#define DEVICE_BUILTIN 2u

/* Section pc: what KVM holds; struct NAME is the kernel's. */
enum {
	PC_CHIPS = 0,     /* 3 times 520: struct kvm_irqchip */
	PC_PIT = 1560,    /* 112: struct kvm_pit_state2 */
	PC_LAPICS = 1672, /* of each vCPU 1024: struct kvm_lapic_state */
	PC_LAPIC_BYTES = 1024,
};
_Static_assert(sizeof(struct kvm_irqchip) * SNUG__IRQCHIPS == PC_PIT - PC_CHIPS, "kernel ABI");
_Static_assert(sizeof(struct kvm_pit_state2) == PC_LAPICS - PC_PIT, "kernel ABI");
_Static_assert(sizeof(struct kvm_lapic_state) == PC_LAPIC_BYTES, "kernel ABI");

/* Section symbols */
enum {
	SYMBOLS_COUNT = 0, /* 4 */
	SYMBOLS_NAMES = 4, /* 4 */
	SYMBOLS_BYTES = 8, /* then rows, then names */
	SYMBOL_ADDRESS = 0,
	SYMBOL_LEN = 8,
	SYMBOL_NAME = 16, /* 4 */
	SYMBOL_ZERO = 20, /* 4 */
	SYMBOL_BYTES = 24,
};

/* What a file may have at most. */
#define SNAP_CPUS_MAX 4096u
#define SNAP_REGIONS_MAX 512u
#define SNAP_MSRS_MAX 1024u
#define SNAP_CPUID_MAX SNUG__KVM_CPUID_MAX
#define SNAP_DEVICES_MAX 256u
#define SNAP_DEVICE_MAX 65536u
#define SNAP_OTHERS_MAX 64u /* sections of types this version does not know */
#define SNAP_SYMBOLS_MAX (SYMBOLS_BYTES + (uint64_t)SNUG__SYMBOLS_MAX * SYMBOL_BYTES + SNUG__SYMBOL_NAMES_MAX)
#define SNAP_HEAD_MAX ((64ull << 20) + SNAP_SYMBOLS_MAX)
#define SNAP_MEM_MAX (1ull << 52)
#define SNAP_SECTIONS_MAX (SNAP_CPUS_MAX + SNAP_DEVICES_MAX + SNAP_OTHERS_MAX + SNAP_TYPES)
#define SNAP_ALIGN 8ull /* of sections */

_Static_assert(sizeof(struct kvm_regs) == CPU_SREGS - CPU_REGS, "kernel ABI");
_Static_assert(sizeof(struct kvm_sregs) == CPU_EVENTS - CPU_SREGS, "kernel ABI");
_Static_assert(sizeof(struct kvm_vcpu_events) == CPU_DEBUG - CPU_EVENTS, "kernel ABI");
_Static_assert(sizeof(struct kvm_debugregs) == CPU_XCRS - CPU_DEBUG, "kernel ABI");
_Static_assert(sizeof(struct kvm_xcrs) == CPU_MP - CPU_XCRS, "kernel ABI");
_Static_assert(sizeof(struct kvm_mp_state) == CPU_MARK_LEN - CPU_MP, "kernel ABI");
_Static_assert(SNUG__XSAVE_BYTES == CPU_BYTES - CPU_XSAVE, "kernel ABI");
_Static_assert(sizeof(struct kvm_msr_entry) == CPU_MSR_BYTES, "kernel ABI");
_Static_assert(sizeof(struct kvm_cpuid_entry2) == CPU_CPUID_BYTES, "kernel ABI");
_Static_assert(sizeof(struct kvm_clock_data) == MACHINE_MARK_STOP - MACHINE_CLOCK, "kernel ABI");

/* What a file needs of the host it is restored on; what its CPUID tables need is in them. */
struct snug__snap_needs {
	enum snug_host_kind kind;
	uint32_t tsc_khz; /* for information */
	uint64_t xcr0;    /* of all vCPUs together */
	struct snug__host_cpu cpu;
};

/* The head of a file about to be written; its checksums are there once it is sealed. */
struct snug__snap_image {
	uint8_t *bytes; /* owned */
	uint64_t len;
	uint64_t mem_offset, mem_bytes, file_bytes;
	uint8_t *sums; /* in bytes: one for each chunk of memory */
	bool crc32;    /* the CPU has the instruction */
};

/*
 * snapwrite.c: the head of the file for a frozen state, with no chunk holding data yet.  needs->kind, tsc_khz and xcr0
 * are worked out here.  -ENOMEM, or -E2BIG for more than a file may have.
 */
int snug__snap_image(const struct snug__frozen *f, const struct snug__host_cpu *cpu, struct snug__snap_image *out,
                     struct snug_error *err);
void snug__snap_image_free(struct snug__snap_image *image);

/* A chunk of memory that holds data, as freeze_memory tells of it. */
void snug__snap_image_chunk(struct snug__snap_image *image, uint64_t offset, const uint8_t *bytes, uint64_t len);

/* Fills in the checksums of sections and header. */
void snug__snap_image_seal(struct snug__snap_image *image);

/* XCR0 bits that some vCPU has set. */
uint64_t snug__snap_xcr0(const struct snug__frozen *f);

/* The checksum of a chunk: 0 is kept for one that is all zeros. */
uint32_t snug__snap_sum(const uint8_t *bytes, uint64_t len, bool crc32);

/* What the header says, checked. */
struct snug__snap_header {
	uint32_t version, sections;
	uint64_t head_bytes, mem_offset, mem_bytes, file_bytes;
};

/* snapread.c: checks the first SNAP_HEADER bytes of a file of that length.  -ENOEXEC, -ENOTSUP. */
int snug__snap_header(struct snug__span first, uint64_t file_bytes, struct snug__snap_header *out,
                      struct snug_error *err);

/* A file's head, read. */
struct snug__snap {
	struct snug__snap_header header;
	struct snug__snap_needs needs;
	struct snug__frozen *frozen; /* owned by one count; no fd, no view */
	struct snug__span sums;      /* in the bytes it was read from */
};

/*
 * Reads a head of header.head_bytes bytes.  Nothing in it is believed: all is checked before it is used.
 * -ENOEXEC (the message names section and field), -ENOTSUP (a newer version's), -ENOMEM; then *out holds nothing.
 */
int snug__snap_read(struct snug__span head, uint64_t file_bytes, bool crc32, struct snug__snap *out,
                    struct snug_error *err);

/*
 * snapfit.c: can this host give the file's VM what it had?  -ENOTSUP says what is missing; the errnos of KVM.
 * `here` is this host's CPU.
 */
int snug__snap_fit(const struct snug__snap *s, const struct snug__host_cpu *here, const char *kvm_path,
                   const struct snug__kvm_watch *w, struct snug_error *err);

/* The same by data, for tests: what KVM can show guests. */
int snug__snap_fit_cpuid(const struct snug__snap *s, const struct snug__kvm_cpuid *host, struct snug_error *err);

/*
 * Adds what the CPU itself has.  kvm_pvm's guests run on it without VT-x or SVM, and its vCPUs show more of it than its
 * KVM_GET_SUPPORTED_CPUID says (of leaf 1 ECX it leaves out nearly all, SSE3 too).
 */
void snug__snap_fit_native(struct snug__kvm_cpuid *host);

#endif

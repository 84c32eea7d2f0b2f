/* SPDX-License-Identifier: MIT */
/*
 * table: the tables a CPU in a mode with protection needs: GDT, TSS, IDT, page tables
 *
 * They lie in a region of their own, outside the guest's RAM, so that an image may go anywhere in it.  Page 0 to 6 are
 * shared by all vCPUs, then come the page directories of long mode and one page for each vCPU:
 *
 *   0 IDT of 64-bit modes   1 its stubs   2 IDT of 32-bit modes   3 its stubs
 *   4 page directory of 32-bit paging   5 PML4   6 PDPT   7.. page directories
 *   then each vCPU's three pages: GDT at 0, TSS with its I/O bitmap at 0x100, stack for faults downward from the end
 *
 * A fault's stub is one `out` to SNUG__FAULT_PORT, with every register as the faulting code left it: its address tells
 * the vector, its stack pointer the frame.  After the `out` it drops the error code and returns, so that a host that
 * mended the cause can just run on.
 */
#ifndef SNUG_TABLE_TABLE_H
#define SNUG_TABLE_TABLE_H

#include <snug.h>

#include "guest/mem.h"
#include "x86/mode.h"

#define SNUG__TABLES_GPA 0xfef00000ull
#define SNUG__TABLES_MAX (SNUG__RESERVED_GPA - SNUG__TABLES_GPA)

/* In the range of the x87's old ports (0xf0-0xff); an access counts as a fault only from a stub's address. */
#define SNUG__FAULT_PORT 0xfc

struct snug__tables {
	unsigned directories; /* page directories of long mode: GiB mapped */
	unsigned cpus;
	uint64_t bytes; /* of the region */
};

/* Plans for memory that ends at `top`.  -ERANGE where that is more than the region has room for. */
int snug__tables_plan(struct snug__tables *t, uint64_t top, unsigned cpus, struct snug_error *err);

/*
 * Writes what one vCPU in this mode needs into the region, which must be in mem, and says where it is.
 * -EFAULT where the region is not there.
 */
int snug__tables_write(const struct snug__tables *t, enum snug_mode mode, unsigned cpu, struct snug__mem *mem,
                       struct snug__mode_tables *out);

/* Where a vCPU finds them in this mode. */
void snug__tables_where(const struct snug__tables *t, enum snug_mode mode, unsigned cpu,
                        struct snug__mode_tables *out);

/*
 * Are these the bytes of the region, with the 64-bit tables of every vCPU as they were written, but for what a CPU notes in
 * them (accessed, dirty, busy)?  false where memory for the comparison is missing.
 */
bool snug__tables_intact(const struct snug__tables *t, const uint8_t *now);

/*
 * ivt.c: real mode's interrupt vectors (SDM 3A 20.1.4) at 0 and their stubs at 0x500, behind the BIOS data area, in the
 * guest's own RAM: nothing else would tell of a fault there.  -EFAULT where there is no RAM.
 */
#define SNUG__IVT_STUBS 0x500
#define SNUG__IVT_END 0x900
int snug__ivt_write(struct snug__mem *mem);

/* The vector whose real-mode stub holds this linear address, or -1. */
int snug__ivt_vector(uint64_t linear);

/* The vector whose stub holds this linear address, or -1. */
int snug__stub_vector(uint64_t rip, bool wide);

/* gdt.c: a GDT and TSS into one vCPU's pages at gpa.  idt.c: gates and stubs.  paging.c: page tables. */
void snug__gdt_write(uint8_t *pages, uint64_t gpa, bool wide);
void snug__idt_write(uint8_t *idt, uint8_t *stubs, uint64_t stubs_gpa, bool wide);
void snug__paging32_write(uint8_t *directory);
void snug__paging64_write(uint8_t *pml4, uint8_t *pdpt, uint8_t *directories, unsigned count, uint64_t pdpt_gpa,
                          uint64_t directories_gpa);

#define SNUG__TSS_OFFSET 0x100
#define SNUG__CPU_PAGES 3
#define SNUG__TSS_BYTES 0x68 /* 32-bit and 64-bit TSS, SDM 3A 7.2.1 and 7.7 */
/* Behind it a bit for each port, and a byte of ones (SDM 1 19.5.2). */
#define SNUG__TSS_LIMIT (SNUG__TSS_BYTES + 0x2000)
#define SNUG__STUB_BYTES 16
#define SNUG__VECTORS 256ull

#endif

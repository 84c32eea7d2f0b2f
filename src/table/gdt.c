/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/bytes.h"
#include "table/table.h"
#include "x86/x86.h"

/* Access byte and flags of a descriptor: SDM 3A 3.4.5, figure 3-8. */
#define ACCESS(type, dpl) (0x90u | (dpl) << 5 | (type)) /* present, code or data */
#define FLAGS_32 0xcu                                   /* 4 KiB granularity, 32-bit */
#define FLAGS_64 0xau                                   /* 4 KiB granularity, 64-bit code */

static const struct {
	uint16_t selector;
	uint8_t access, flags;
} flat[] = {
    {SNUG__SEL_CODE32, ACCESS(X86_TYPE_CODE_XR_A, 0), FLAGS_32},
    {SNUG__SEL_DATA, ACCESS(X86_TYPE_DATA_RW_A, 0), FLAGS_32},
    {SNUG__SEL_CODE64, ACCESS(X86_TYPE_CODE_XR_A, 0), FLAGS_64},
    {SNUG__SEL_USER_DATA, ACCESS(X86_TYPE_DATA_RW_A, 3u), FLAGS_32},
    {SNUG__SEL_USER_CODE64, ACCESS(X86_TYPE_CODE_XR_A, 3u), FLAGS_64},
};

static uint64_t descriptor(uint64_t base, uint64_t limit, uint64_t access, uint64_t flags)
{
	return (limit & 0xffff) | (base & 0xffffff) << 16 | access << 40 | (limit >> 16 & 0xf) << 48 | flags << 52 |
	       (base >> 24 & 0xff) << 56;
}

/* A TSS descriptor is 16 bytes in 64-bit mode; SDM 3A 7.2.3. */
static void tss_descriptor(uint8_t *at, uint64_t base)
{
	snug__le_store(at, 8, descriptor(base, SNUG__TSS_LIMIT, 0x80u | X86_TYPE_TSS_BUSY, 0));
	snug__le_store(at + 8, 8, base >> 32);
}

/* 64-bit: RSP0 at 4 and IST1 at 0x24 (SDM 3A figure 7-11); 32-bit: ESP0 at 4, SS0 at 8 (figure 7-2). */
static void tss(uint8_t *at, uint64_t stack, bool wide)
{
	snug__le_store(at + 4, wide ? 8 : 4, stack);
	if (wide)
		snug__le_store(at + 0x24, 8, stack);
	else
		snug__le_store(at + 8, 2, SNUG__SEL_DATA);
	/*
	 * All ports are open at CPL 3.  On hardware IOPL 3 alone would do; kvm_pvm runs CPL 3 without IOPL, and its
	 * emulator then asks the bitmap, which is zero as the region was.
	 */
	snug__le_store(at + 0x66, 2, SNUG__TSS_BYTES);
	at[SNUG__TSS_LIMIT] = 0xff;
}

void snug__gdt_write(uint8_t *pages, uint64_t gpa, bool wide)
{
	memset(pages, 0, SNUG__TSS_OFFSET + SNUG__TSS_BYTES);
	for (size_t i = 0; i < sizeof(flat) / sizeof(flat[0]); i++)
		snug__le_store(pages + flat[i].selector, 8, descriptor(0, 0xfffff, flat[i].access, flat[i].flags));
	tss_descriptor(pages + SNUG__SEL_TSS, gpa + SNUG__TSS_OFFSET);
	tss(pages + SNUG__TSS_OFFSET, gpa + SNUG__CPU_PAGES * SNUG_PAGE, wide);
}

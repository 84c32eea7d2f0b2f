/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/bytes.h"
#include "table/table.h"
#include "x86/x86.h"

/* out %al, $SNUG__FAULT_PORT; then the way back: drop the error code where there is one, and return. */
static const uint8_t stub_out[] = {0xe6, SNUG__FAULT_PORT};
static const uint8_t stub_drop64[] = {0x48, 0x83, 0xc4, 0x08}; /* add $8, %rsp */
static const uint8_t stub_drop32[] = {0x83, 0xc4, 0x04};       /* add $4, %esp */
static const uint8_t stub_ret64[] = {0x48, 0xcf};              /* iretq */
static const uint8_t stub_ret32[] = {0xcf};                    /* iret */

static uint8_t *put(uint8_t *at, const uint8_t *code, size_t len)
{
	memcpy(at, code, len);
	return at + len;
}

static void stub(uint8_t *at, unsigned vector, bool wide)
{
	bool has_code = vector < 32 && (X86_VECTORS_WITH_CODE >> vector & 1);

	at = put(at, stub_out, sizeof(stub_out));
	if (has_code)
		at = wide ? put(at, stub_drop64, sizeof(stub_drop64)) : put(at, stub_drop32, sizeof(stub_drop32));
	if (wide)
		put(at, stub_ret64, sizeof(stub_ret64));
	else
		put(at, stub_ret32, sizeof(stub_ret32));
}

/*
 * Interrupt gates: SDM 3A figure 6-2 (32-bit), figure 6-8 (64-bit).  Every 64-bit gate uses IST 1, so that a fault is
 * told even where the guest's stack pointer is what broke.  DPL 3 for vectors 3 and 4 alone (int3, into).
 */
static void gate(uint8_t *idt, unsigned vector, uint64_t target, bool wide)
{
	uint64_t dpl = vector == 3 || vector == 4 ? 3 : 0;
	uint64_t access = 0x80 | dpl << 5 | X86_TYPE_INTERRUPT_GATE;
	uint64_t selector = wide ? SNUG__SEL_CODE64 : SNUG__SEL_CODE32;
	uint64_t low = (target & 0xffff) | selector << 16 | (wide ? 1ull : 0) << 32 | access << 40 |
	               (target >> 16 & 0xffff) << 48;
	uint8_t *at = idt + (size_t)vector * (wide ? 16 : 8);

	snug__le_store(at, 8, low);
	if (wide)
		snug__le_store(at + 8, 8, target >> 32);
}

void snug__idt_write(uint8_t *idt, uint8_t *stubs, uint64_t stubs_gpa, bool wide)
{
	for (unsigned v = 0; v < SNUG__VECTORS; v++) {
		stub(stubs + (size_t)v * SNUG__STUB_BYTES, v, wide);
		gate(idt, v, stubs_gpa + (uint64_t)v * SNUG__STUB_BYTES, wide);
	}
}

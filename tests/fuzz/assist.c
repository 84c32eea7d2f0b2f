/* SPDX-License-Identifier: MIT */
/* Registers, mode bits, an XSAVE area and page tables of a hostile guest, and bytes as its instruction. */
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "x86/assist/assist.h"
#include "x86/x86.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t state[4096];

static int get_xsave(void *ctx, uint8_t area[4096])
{
	(void)ctx;
	memcpy(area, state, sizeof(state));
	return 0;
}

static int set_xsave(void *ctx, const uint8_t area[4096])
{
	(void)ctx;
	memcpy(state, area, sizeof(state));
	return 0;
}

static int get_xcr0(void *ctx, uint64_t *xcr0)
{
	(void)ctx;
	*xcr0 = 0xe7;
	return 0;
}

static int set_xcr0(void *ctx, uint64_t xcr0)
{
	(void)ctx;
	return xcr0 & ~0xe7ull ? -1 : 0;
}

static int get_msr(void *ctx, uint32_t msr, uint64_t *value)
{
	(void)ctx;
	*value = msr;
	return 0;
}

static int set_msr(void *ctx, uint32_t msr, uint64_t value)
{
	(void)ctx, (void)msr, (void)value;
	return 0;
}

static bool cpuid(void *ctx, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	(void)ctx, (void)subleaf;
	memset(out, 0xff, 16);
	if (leaf == 0xd) {
		out[0] = subleaf == 0 ? 0xe7 : subleaf == 6 ? 512 : 256;
		out[1] = subleaf < 2 ? 0xa80 : 576 + 64 * (subleaf & 7);
		out[2] = out[3] = 0;
	}
	return true;
}

static const struct snug__assist_ops ops = {get_xsave, set_xsave, get_xcr0, set_xcr0, get_msr, set_msr, cpuid};

static uint64_t mode_bits(struct snug__assist *a, uint64_t bits)
{
	a->sregs.cr0 = X86_CR0_PE | X86_CR0_ET | (bits & 1 ? X86_CR0_PG : 0) | (bits & 2 ? X86_CR0_WP : 0) |
	               (bits & 4 ? X86_CR0_TS : 0) | (bits & 8 ? X86_CR0_MP : 0);
	a->sregs.cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_FSGSBASE | (bits & 16 ? X86_CR4_OSXSAVE : 0) |
	               (bits & 32 ? X86_CR4_SMAP : 0) | (bits & 64 ? X86_CR4_PKE : 0);
	if (bits & 1)
		a->sregs.efer = X86_EFER_SCE | X86_EFER_LME | X86_EFER_LMA;
	a->sregs.cs.l = bits & 1 && bits & 128;
	a->sregs.cs.db = bits >> 8 & !a->sregs.cs.l;
	a->sregs.cs.dpl = a->sregs.ss.dpl = bits & 512 ? 3 : 0;
	a->sregs.cr3 = 0x1000;
	a->sregs.gdt.base = 0x3000;
	a->sregs.gdt.limit = 0xff;
	return bits >> 10;
}

/* Two levels of it: a mapping of all by large pages, and whatever the input says over them. */
static void tables(struct snug__mem *m, struct snug__cursor *c)
{
	uint8_t b[8];

	for (unsigned i = 0; i < 4; i++) {
		snug__le_store(b, 8, i ? snug__cursor_le(c, 8) : 0x2007);
		snug__mem_write(m, 0x1000 + 8 * i, b, 8);
		snug__le_store(b, 8, i ? snug__cursor_le(c, 8) : 0x87);
		snug__mem_write(m, 0x2000 + 8 * i, b, 8);
		snug__le_store(b, 8, snug__cursor_le(c, 8));
		snug__mem_write(m, 0x3000 + 8 * i, b, 8);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct snug__decoder d;
	struct snug__cursor c = {.span = {data, len}};
	struct snug__assist a = {.decoder = &d, .ops = &ops}, was;
	struct snug__mem m;
	uint8_t insn[15] = {0};
	unsigned bytes;

	if (!d.lib)
		snug__decoder_open(&d);
	mode_bits(&a, snug__cursor_le(&c, 4));
	for (size_t i = 0; i < sizeof(a.regs) / 8; i++)
		((uint64_t *)&a.regs)[i] = snug__cursor_le(&c, 8) & (i & 1 ? UINT64_MAX : 0x3fffff);
	snug__mem_init(&m, 4, NULL, NULL);
	if (snug__mem_add_ram(&m, 1 << 16, NULL) < 0)
		abort();
	tables(&m, &c);
	memset(state, (int)snug__cursor_le(&c, 1), sizeof(state));
	if (!c.bad && c.at < len) {
		bytes = (unsigned)snug__min(len - c.at, sizeof(insn));
		memcpy(insn, data + c.at, bytes);
		a.mem = &m;
		was = a;
		switch (snug__assist(&a, insn, bytes)) {
		case SNUG__ASSIST_UNKNOWN:
			if (memcmp(&a.regs, &was.regs, sizeof(a.regs)))
				abort();
			break;
		case SNUG__ASSIST_FAULT:
			if (a.fault.vector > 31 && !a.fault.soft)
				abort();
			break;
		default:
			if (a.kind == SNUG__ASSIST_OTHER)
				abort();
		}
	}
	snug__mem_destroy(&m);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* hostile: rounds whose registers or page tables are nonsense; any end is a good one, but the guest's */
#include <string.h>

#include "fuzz.h"

#define TABLES 0x210000u /* four pages of page tables */
#define CODE 0x3a0000u

static void random_segment(struct fuzz *f, struct snug_segment *s)
{
	uint8_t bytes[sizeof(*s)];

	if (below(f, 3)) { /* one field */
		s->base = below(f, 2) ? odd_value(f) : s->base;
		s->limit = below(f, 2) ? (uint32_t)odd_value(f) : s->limit;
		s->selector = below(f, 2) ? (uint16_t)odd_value(f) : s->selector;
		s->type = below(f, 2) ? (uint8_t)below(f, 16) : s->type;
		s->dpl = below(f, 4) ? s->dpl : (uint8_t)below(f, 4);
		s->l = below(f, 4) ? s->l : (uint8_t)below(f, 2);
		s->db = below(f, 4) ? s->db : (uint8_t)below(f, 2);
		s->present = below(f, 4) != 0;
		return;
	}
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)rnd(f);
	memcpy(s, bytes, sizeof(bytes));
}

static void set_sregs(struct fuzz *f)
{
	struct snug_sregs s;
	struct snug_segment *segments[] = {&s.cs, &s.ds, &s.es, &s.fs, &s.gs, &s.ss, &s.tr, &s.ldt};
	uint64_t *values[] = {&s.cr0,  &s.cr2,       &s.cr3,      &s.cr4,     &s.cr8,
	                      &s.efer, &s.apic_base, &s.gdt.base, &s.idt.base};

	if (snug_vcpu_get_sregs(f->cpu, &s, NULL) < 0)
		return;
	for (unsigned n = 1 + below(f, 3); n; n--) {
		unsigned which = below(f, 20);

		if (which < 8)
			random_segment(f, segments[which]);
		else if (which < 17 && below(f, 2))
			*values[which - 8] ^= 1ull << below(f, below(f, 4) ? 22 : 64);
		else if (which < 17)
			*values[which - 8] = odd_value(f);
		else if (which == 17)
			s.idt.limit = (uint16_t)rnd(f);
		else if (which == 18)
			s.gdt.limit = (uint16_t)rnd(f);
		else
			s.interrupt_bitmap[below(f, 4)] |= 1ull << below(f, 64);
	}
	snug_vcpu_set_sregs(f->cpu, &s, NULL);
}

static void set_regs(struct fuzz *f)
{
	uint64_t values[sizeof(struct snug_regs) / 8];
	struct snug_regs r;

	if (snug_vcpu_get_regs(f->cpu, &r, NULL) < 0)
		return;
	memcpy(values, &r, sizeof(values));
	for (unsigned i = 0; i < 16; i++)
		values[i] = odd_value(f);
	if (!below(f, 4))
		values[16] = below(f, 2) ? CODE + below(f, 4096) : odd_value(f); /* rip */
	if (!below(f, 2))
		values[17] = odd_value(f) & (below(f, 8) ? 0x3fffff : ~0ull);
	memcpy(&r, values, sizeof(values));
	snug_vcpu_set_regs(f->cpu, &r, NULL);
}

static void set_named(struct fuzz *f)
{
	unsigned names = 0;

	while (snug_reg_name(names))
		names++;
	for (unsigned n = 1 + below(f, 4); n; n--)
		snug_vcpu_set_reg(f->cpu, snug_reg_name(below(f, names)), odd_value(f), NULL);
}

/* Accesses of every form, and anything, as code: in, out, ins, outs, moves, lock, segment loads, msr, iret, far jumps. */
static void random_code(struct fuzz *f)
{
	static const char *const forms[] = {
	    "\xec",         "\xed",         "\xee",         "\xef",         "\xf3\x6c",     "\xf3\x6d",
	    "\xf3\x6e",     "\xf3\x6f",     "\xfd",         "\x66\xed",     "\x8b\x06",     "\x89\x07",
	    "\x48\x8b\x07", "\x48\x89\x06", "\xf3\xa4",     "\xf3\x48\xa5", "\xf3\xaa",     "\xf0\x0f\xb1",
	    "\xf0\x48\x0f", "\x87\x07",     "\x01\x06",     "\x0f\x01",     "\x0f\x20",     "\x0f\x22\xd8",
	    "\x0f\x22\xc0", "\x0f\x32",     "\x0f\x30",     "\x8e\xd8",     "\x8e\xd0",     "\xcf",
	    "\x48\xcf",     "\xff\x2f",     "\x0f\x00\xd8", "\x0f\x05",     "\xcc",         "\xcd\x80",
	    "\xf4",         "\x0f\x6f\x06", "\xc5\xf8\x10", "\x0f\xc7\x0f", "\x0f\x11\x07", "\xe4\x64",
	    "\xe6\xf4",     "\x0f\xa2",     "\x0f\x0b",     "\xfb",         "\x9d",         "\x0f\xae\x07"};
	uint8_t code[4096];

	for (unsigned i = 0; i < sizeof(code); i++)
		code[i] = (uint8_t)rnd(f);
	for (unsigned i = 0; i + 8 < sizeof(code); i += 1 + below(f, 5)) {
		const char *form = forms[below(f, sizeof(forms) / sizeof(forms[0]))];

		memcpy(code + i, form, strlen(form));
		i += (unsigned)strlen(form) - 1;
	}
	snug_mem_write(f->vm, CODE, code, sizeof(code));
	snug_vcpu_set_reg(f->cpu, "rip", CODE + below(f, 64), NULL);
}

/* Tables that point at themselves, at each other, outside of memory and to the guest's code, with any bits. */
static void random_tables(struct fuzz *f)
{
	uint64_t table[4][512];
	struct snug_sregs s;

	for (unsigned i = 0; i < 4 * 512; i++) {
		uint64_t to = below(f, 4) ? TABLES + 0x1000 * below(f, 4) : odd_value(f) & ~0xfffull;

		table[i / 512][i % 512] = to | (below(f, 8) ? 7 : 0) | (rnd(f) & (below(f, 4) ? 0x60 : 0xfff)) |
		                          (below(f, 8) ? 0 : 1ull << (32 + below(f, 32)));
	}
	if (below(f, 4)) { /* the first 2 MiB, or more, as the guest needs them to run */
		table[0][0] = (TABLES + 0x1000) | 7;
		table[1][0] = (TABLES + 0x2000) | 7;
		for (unsigned i = 0; i < 1 + below(f, 512); i++)
			table[2][i] = (0x200000ull * i) | 0x87;
	}
	snug_mem_write(f->vm, TABLES, table, sizeof(table));
	if (snug_vcpu_get_sregs(f->cpu, &s, NULL) < 0)
		return;
	s.cr3 = below(f, 8) ? TABLES : odd_value(f);
	s.cr4 ^= below(f, 4) ? 0 : 1ull << below(f, 24); /* PSE, PAE, PGE, LA57, SMEP... */
	s.efer ^= below(f, 8) ? 0 : 1ull << below(f, 12);
	snug_vcpu_set_sregs(f->cpu, &s, NULL);
}

/* Windows at any address: what the tables make of them is theirs. */
static void wild_plan(struct fuzz *f)
{
	struct gf_plan plan;

	life_plan(f, &plan);
	plan.todo = 500;
	for (unsigned i = 0; i < GF_WINDOWS; i++)
		plan.windows[i] =
		    (struct gf_window){below(f, 2) ? odd_value(f) : below(f, 1u << 30), (uint32_t)rnd(f), 0, 0, 0};
	snug_mem_write(f->vm, GF_PLAN, &plan, sizeof(plan));
}

/* Answers as a program may that embeds the library: rightly, not at all, too early, or by asking what it must not. */
static void answer(struct fuzz *f, struct snug_exit *x)
{
	uint64_t value = rnd(f);

	if (x->kind == SNUG_EXIT_PIO && !x->pio.write && below(f, 2))
		memset(x->pio.data, (int)value, (size_t)x->pio.size * x->pio.count);
	else if (x->kind == SNUG_EXIT_MMIO && !x->mmio.write && below(f, 2))
		memcpy(x->mmio.data, &value, x->mmio.size);
	if (!below(f, 8))
		snug_vcpu_complete(f->cpu, NULL);
	if (!below(f, 16))
		set_named(f);
	if (!below(f, 64))
		look_inside(f, x);
}

/* A guest that faulted goes on elsewhere in its code, in the stub's segments and with what registers it has. */
static void revive(struct fuzz *f)
{
	struct snug_regs r;

	if (snug_vcpu_get_regs(f->cpu, &r, NULL) < 0)
		return;
	r.rip = CODE + below(f, 4096);
	if (below(f, 4)) { /* to string instructions, ports and addresses that get somewhere */
		r.rdx = below(f, 2) ? rnd(f) & 0xffff : 0x3f8 + below(f, 8);
		r.rcx = below(f, 300);
		r.rsi = below(f, 2) ? below(f, RAM_BYTES) : 0xd0000000 + below(f, 0x2000);
		r.rdi = below(f, 2) ? below(f, RAM_BYTES) : 0xcffffff0 + below(f, 0x2000);
	}
	snug_vcpu_set_regs(f->cpu, &r, NULL);
}

static bool goes_on(enum snug_exit_kind kind)
{
	return kind == SNUG_EXIT_PIO || kind == SNUG_EXIT_MMIO || kind == SNUG_EXIT_STATUS ||
	       kind == SNUG_EXIT_RESET || kind == SNUG_EXIT_MARK || kind == SNUG_EXIT_RETURN ||
	       kind == SNUG_EXIT_MSR || kind == SNUG_EXIT_HLT || kind == SNUG_EXIT_FAULT;
}

void hostile_round(struct fuzz *f, int what)
{
	struct snug_exit x = {0};
	unsigned exits = 0, faults = 0;

	wild_plan(f);
	if (what == DO_TABLES)
		random_tables(f);
	else if (below(f, 4))
		random_code(f);
	if (what == DO_REGISTERS && below(f, 4)) {
		void (*const sets[])(struct fuzz *) = {set_regs, set_sregs, set_named};

		for (unsigned n = 1 + below(f, 3); n; n--)
			sets[below(f, 3)](f);
	}
	mix(f, rnd(f)); /* what was fed is a seed's; what became of it is the host's */
	f->silent = true;
	do {
		struct snug_error e = {0};

		if (snug_vcpu_run(f->cpu, 5 * MS, &x, &e) < 0) {
			f->hostile[SNUG_EXIT_NONE]++;
			break;
		}
		f->hostile[x.kind < EXIT_KINDS ? x.kind : SNUG_EXIT_OTHER]++;
		if (goes_on(x.kind))
			answer(f, &x);
		if (x.kind == SNUG_EXIT_FAULT && ++faults < 16)
			revive(f);
	} while (goes_on(x.kind) && ++exits < 200 && faults < 16);
	f->rounds[what]++;
	look_inside(f, &x);
	f->silent = false;
}

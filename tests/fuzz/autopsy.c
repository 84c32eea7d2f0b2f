/* SPDX-License-Identifier: MIT */
/* An autopsy and a core file of hostile registers and memory: first the exit and the registers, then memory. */
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "svc/autopsy.h"
#include "svc/corefile.h"

#define PAGES 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void line(void *ctx, const char *text, size_t len)
{
	if (len < 2 || len > 101 || text[len - 1] != '\n' || strlen(text) != len)
		abort();
	++*(unsigned *)ctx;
}

static int sink(void *ctx, uint64_t offset, const void *bytes, size_t len)
{
	uint64_t *next = ctx;

	if (offset < *next || !bytes)
		abort();
	*next = offset + len;
	return 0;
}

/* Registers are as likely small, and so inside memory, as they are anything. */
static uint64_t reg(struct snug__cursor *c)
{
	uint64_t kind = snug__cursor_le(c, 1), v = snug__cursor_le(c, kind & 1 ? 8 : 2);

	return kind & 2 ? v << 12 : v;
}

static void take_regs(struct snug__cursor *c, struct snug_autopsy *a)
{
	struct snug_sregs *s = &a->sregs;
	struct snug_segment *const segs[] = {&s->cs, &s->ds, &s->ss, &s->ldt};

	a->regs.rip = reg(c);
	a->regs.rsp = reg(c);
	a->regs.rbx = reg(c);
	s->cr0 = reg(c);
	s->cr2 = reg(c);
	s->cr3 = reg(c);
	s->cr4 = reg(c);
	s->efer = reg(c);
	s->gdt.base = reg(c);
	s->gdt.limit = (uint16_t)reg(c);
	s->idt.base = reg(c);
	s->idt.limit = (uint16_t)reg(c);
	s->tr.selector = (uint16_t)reg(c);
	for (size_t i = 0; i < sizeof(segs) / sizeof(*segs); i++) {
		segs[i]->base = reg(c);
		segs[i]->limit = (uint32_t)reg(c);
		segs[i]->selector = (uint16_t)reg(c);
		segs[i]->l = snug__cursor_le(c, 1) & 1;
		segs[i]->db = segs[i]->l ^ 1;
	}
	a->fault.vector = (uint8_t)reg(c);
	a->fault.has_code = snug__cursor_le(c, 1) & 1;
	a->fault.code = (uint32_t)reg(c);
	a->fault.cs = (uint16_t)reg(c);
	a->fault.ss = (uint16_t)reg(c);
	a->fault.rip = a->regs.rip;
	a->fault.rsp = a->regs.rsp;
	a->fault.cr2 = s->cr2;
	a->internal.suberror = (uint32_t)reg(c);
	a->internal.ndata = (uint32_t)reg(c);
	a->internal.insn_len = (uint32_t)reg(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct snug__cursor c = {.span = {data, len}};
	static struct snug_autopsy a;
	struct snug__core_cpu cpu = {0};
	struct snug_error e = {0};
	uint64_t kinds, next = 0, bytes;
	unsigned lines = 0;
	struct snug__mem m;

	memset(&a, 0, sizeof(a));
	kinds = snug__cursor_le(&c, 1);
	a.kind = (enum snug_exit_kind)(kinds % (SNUG_EXIT_RETURN + 1));
	take_regs(&c, &a);
	if (c.bad)
		return 0;
	snug__mem_init(&m, 2, NULL, NULL);
	if (snug__mem_add_ram(&m, PAGES * SNUG_PAGE, NULL) < 0)
		abort();
	len = (size_t)snug__min(len - c.at, PAGES * SNUG_PAGE);
	if (snug__mem_write(&m, 0, data + c.at, len) < 0)
		abort();
	cpu.regs = a.regs;
	cpu.sregs = a.sregs;
	snug__autopsy_fill(&a, &m, (enum snug_host_kind)(kinds >> 6));
	if (!a.why[0] || !a.rule[0] || !a.mode)
		abort();
	snug_autopsy_text(&a, line, &lines);
	if (lines < 20)
		abort();
	if (snug__corefile_write(&m, &cpu, 1, 11, sink, &next, &bytes, &e) < 0 || next > bytes)
		abort();
	snug__mem_destroy(&m);
	return 0;
}

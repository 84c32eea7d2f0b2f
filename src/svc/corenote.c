/* SPDX-License-Identifier: MIT */
#include "svc/corenote.h"

#include <elf.h>
#include <string.h>

#include "base/bytes.h"

/*
 * struct elf_prstatus and elf_gregset_t of Linux (include/uapi/linux/elfcore.h, arch/x86/include/asm/elf.h), as gdb
 * reads them: what is not named here is zero.
 */
struct shape {
	unsigned bytes;  /* of elf_prstatus */
	unsigned signal; /* offset of pr_cursig */
	unsigned pid;    /* offset of pr_pid */
	unsigned regs;   /* offset of pr_reg */
	unsigned word;   /* bytes of a register */
};

static const struct shape wide_shape = {336, 12, 32, 112, 8};
static const struct shape narrow_shape = {144, 12, 24, 72, 4};

static uint8_t *put(uint8_t *at, unsigned size, uint64_t v)
{
	snug__le_store(at, size, v);
	return at + size;
}

/* The head of a note; its descriptor comes next. */
static uint8_t *head(uint8_t *at, const char *name, uint64_t bytes, uint32_t type)
{
	size_t len = strlen(name) + 1;

	at = put(at, 4, len);
	at = put(at, 4, bytes);
	at = put(at, 4, type);
	memcpy(at, name, len); /* the buffer is zeroed: so is the padding */
	return at + (len + 3) / 4 * 4;
}

/* The kernel's order: struct user_regs_struct of each width. */
static void put_regs(uint8_t *at, const struct snug__core_cpu *cpu, bool wide)
{
	const struct snug_regs *r = &cpu->regs;
	const struct snug_sregs *s = &cpu->sregs;
	const uint64_t orig = UINT64_MAX; /* no system call */
	const uint64_t values64[] = {
	    r->r15,     r->r14,     r->r13,         r->r12,         r->rbp,         r->rbx,        r->r11,
	    r->r10,     r->r9,      r->r8,          r->rax,         r->rcx,         r->rdx,        r->rsi,
	    r->rdi,     orig,       r->rip,         s->cs.selector, r->rflags,      r->rsp,        s->ss.selector,
	    s->fs.base, s->gs.base, s->ds.selector, s->es.selector, s->fs.selector, s->gs.selector};
	const uint64_t values32[] = {r->rbx, r->rcx,         r->rdx,         r->rsi,         r->rdi,         r->rbp,
	                             r->rax, s->ds.selector, s->es.selector, s->fs.selector, s->gs.selector, orig,
	                             r->rip, s->cs.selector, r->rflags,      r->rsp,         s->ss.selector};
	const uint64_t *from = wide ? values64 : values32;
	size_t n = wide ? sizeof(values64) / sizeof(*values64) : sizeof(values32) / sizeof(*values32);

	for (size_t i = 0; i < n; i++)
		at = put(at, wide ? 8 : 4, from[i]);
}

#define SEGMENT_BYTES 16ull

static uint8_t *put_segment(uint8_t *at, const struct snug_segment *g)
{
	unsigned rights = g->type | (unsigned)g->s << 4 | (unsigned)g->dpl << 5 | (unsigned)g->present << 7 |
	                  (unsigned)g->avl << 8 | (unsigned)g->l << 9 | (unsigned)g->db << 10 | (unsigned)g->g << 11 |
	                  (unsigned)g->unusable << 15;

	at = put(at, 8, g->base);
	at = put(at, 4, g->limit);
	at = put(at, 2, g->selector);
	return put(at, 2, rights);
}

uint8_t *snug__corenote_cpu(uint8_t *at, const struct snug__core_cpu *cpu, bool wide, int signal)
{
	const struct shape *sh = wide ? &wide_shape : &narrow_shape;
	const struct snug_sregs *s = &cpu->sregs;
	const struct snug_segment segs[] = {s->cs, s->ds, s->es, s->fs, s->gs, s->ss, s->tr, s->ldt};
	const uint64_t values[] = {s->cr0,       s->cr2,      s->cr3,       s->cr4,      s->cr8,      s->efer,
	                           s->apic_base, s->gdt.base, s->gdt.limit, s->idt.base, s->idt.limit};

	at = head(at, "CORE", sh->bytes, NT_PRSTATUS);
	put(at + sh->signal, 2, (uint64_t)signal);
	put(at + sh->pid, 4, cpu->index + 1);
	put_regs(at + sh->regs, cpu, wide);
	at += sh->bytes;
	at = head(at, "SNUG", 8 + sizeof(values) + sizeof(segs) / sizeof(*segs) * SEGMENT_BYTES, SNUG__CORE_NOTE_CPU);
	at = put(at, 4, 1); /* version */
	at = put(at, 4, cpu->index);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		at = put(at, 8, values[i]);
	for (size_t i = 0; i < sizeof(segs) / sizeof(*segs); i++)
		at = put_segment(at, &segs[i]);
	return at;
}

uint8_t *snug__corenote_memory(uint8_t *at, const struct snug__mem *mem, uint64_t data, uint64_t limit, bool cut)
{
	unsigned rows = 0;
	uint64_t end = data;

	while (rows < mem->count && snug__within(end, mem->regions[rows].bytes, limit))
		end += mem->regions[rows++].bytes;
	at = head(at, "SNUG", 16 + (uint64_t)rows * SNUG__CORE_ROW, SNUG__CORE_NOTE_MEMORY);
	at = put(at, 4, 1); /* version */
	at = put(at, 4, rows);
	at = put(at, 4, cut);
	at = put(at, 4, 0);
	for (unsigned i = 0; i < rows; i++) {
		at = put(at, 8, mem->regions[i].gpa);
		at = put(at, 8, mem->regions[i].bytes);
		at = put(at, 8, data);
		at = put(at, 8, mem->regions[i].flags);
		data += mem->regions[i].bytes;
	}
	return at;
}

/* SPDX-License-Identifier: MIT */
/* autopsy_text: an autopsy as lines of at most 100 columns */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/num.h"
#include "base/text.h"
#include "svc/autopsy.h"
#include "x86/x86.h"

#define COLUMNS 100

struct out {
	void (*write)(void *ctx, const char *line, size_t len);
	void *ctx;
};

/* One line, cut to fit; what a guest put into it cannot reach a terminal's controls. */
__attribute__((format(printf, 2, 3))) static void line(const struct out *o, const char *fmt, ...)
{
	char s[COLUMNS + 2];
	size_t len;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s, COLUMNS + 1, fmt, ap);
	va_end(ap);
	len = strlen(s);
	while (len > 0 && s[len - 1] == ' ')
		len--;
	for (size_t i = 0; i < len; i++)
		if (s[i] < ' ' || s[i] > '~')
			s[i] = '?';
	s[len] = '\n';
	s[len + 1] = '\0';
	o->write(o->ctx, s, len + 1);
}

/* A sentence, broken between words. */
static void sentence(const struct out *o, const char *first, const char *text)
{
	const size_t room = COLUMNS - 2;

	while (*text) {
		size_t lead = strlen(first), n = strlen(text);

		if (lead + n > room) {
			for (n = room - lead; n > 0 && text[n] != ' '; n--)
				;
			n = n ? n : room - lead;
		}
		line(o, "  %s%.*s", first, (int)n, text);
		text += n;
		text += strspn(text, " ");
		first = "";
	}
}

/* SDM 3A 4.7, figure 4-12 */
static void page_fault(const struct out *o, const struct snug_exit_fault *x)
{
	uint32_t c = x->code;

	line(o, "  address 0x%" PRIx64 " (cr2): %s %s, page %s%s", x->cr2, c & X86_PF_USER ? "user" : "kernel",
	     c & X86_PF_FETCH   ? "instruction fetch"
	     : c & X86_PF_WRITE ? "write"
	                        : "read",
	     c & X86_PF_PRESENT ? "present" : "not present",
	     c & X86_PF_RESERVED  ? ", a reserved bit is set in its tables"
	     : c & X86_PF_PRESENT ? ", but does not allow it"
	                          : "");
}

/* "0f 0b c3", with the one at `mark` in brackets (UINT_MAX: none), at most 16, into 56 bytes. */
static const char *hex(char *out, const uint8_t *bytes, unsigned n, unsigned mark)
{
	char *at = out;

	*at = '\0';
	for (unsigned i = 0; i < n && i < 16; i++)
		at += sprintf(at, i == mark ? "%s[%02x]" : "%s%02x", i ? " " : "", bytes[i]);
	return out;
}

static void place(const struct out *o, const struct snug_autopsy *a)
{
	char bytes[56];

	line(o, "  started in mode %s, now in %s, CPL %u; vCPU %u, %s", snug_mode_name(a->started), a->mode, a->cpl,
	     a->cpu, snug_reason_name(a->reason));
	line(o, "  at cs:rip %04x:%016" PRIx64 "  ss:rsp %04x:%016" PRIx64, a->sregs.cs.selector, a->regs.rip,
	     a->sregs.ss.selector, a->regs.rsp);
	if (a->kind == SNUG_EXIT_FAULT && a->fault.vector == X86_VECTOR_PF)
		page_fault(o, &a->fault);
	if (!a->bytes_len)
		line(o, "  bytes at 0x%" PRIx64 ": none, no memory is mapped there", a->rip);
	else
		line(o, "  bytes at 0x%" PRIx64 ": %s", a->rip, hex(bytes, a->bytes, a->bytes_len, 0));
}

static void internal(const struct out *o, const struct snug_autopsy *a)
{
	const struct snug_exit_internal *x = &a->internal;
	char bytes[56], text[4 * 17 + 1];
	unsigned n = (unsigned)snug__min(x->insn_len, sizeof(x->insn));

	if (n)
		line(o, "  KVM could not emulate: %s", hex(bytes, x->insn, n, UINT32_MAX));
	for (unsigned i = 0; i < x->ndata && i < 16; i += 4) {
		char *at = text;

		for (unsigned k = i; k < i + 4 && k < x->ndata && k < 16; k++)
			at += sprintf(at, " %016" PRIx64, x->data[k]);
		line(o, "  data%s", text);
	}
}

static void code(const struct out *o, const struct snug_autopsy *a)
{
	if (a->undecoded[0])
		line(o, "  no instructions: %s", a->undecoded);
	if (!a->insns)
		return;
	line(o, "  code%s", a->insn_now ? " (before => a guess: x86 does not read backwards)" : "");
	for (unsigned i = 0; i < a->insns && i < sizeof(a->insn) / sizeof(a->insn[0]); i++) {
		const struct snug_insn *in = &a->insn[i];
		char bytes[56];

		hex(bytes, in->bytes, (unsigned)snug__min(in->len, 10), UINT32_MAX);
		line(o, "  %s %0*" PRIx64 "  %-29s%s %s", i == a->insn_now ? "=>" : "  ", a->bits == 64 ? 16 : 8,
		     in->at, bytes, in->len > 10 ? "+" : " ", in->text);
	}
}

static void general(const struct out *o, const struct snug_regs *r)
{
	line(o, "  rax %016" PRIx64 "  rbx %016" PRIx64 "  rcx %016" PRIx64 "  rdx %016" PRIx64, r->rax, r->rbx,
	     r->rcx, r->rdx);
	line(o, "  rsi %016" PRIx64 "  rdi %016" PRIx64 "  rbp %016" PRIx64 "  rsp %016" PRIx64, r->rsi, r->rdi,
	     r->rbp, r->rsp);
	line(o, "  r8  %016" PRIx64 "  r9  %016" PRIx64 "  r10 %016" PRIx64 "  r11 %016" PRIx64, r->r8, r->r9, r->r10,
	     r->r11);
	line(o, "  r12 %016" PRIx64 "  r13 %016" PRIx64 "  r14 %016" PRIx64 "  r15 %016" PRIx64, r->r12, r->r13,
	     r->r14, r->r15);
	line(o, "  rip %016" PRIx64 "  rflags %08" PRIx64, r->rip, r->rflags);
}

static void special(const struct out *o, const struct snug_sregs *s)
{
	const struct {
		const char *name;
		const struct snug_segment *seg;
	} segs[] = {{"cs", &s->cs}, {"ss", &s->ss}, {"ds", &s->ds}, {"es", &s->es},
	            {"fs", &s->fs}, {"gs", &s->gs}, {"tr", &s->tr}, {"ldt", &s->ldt}};

	line(o, "  cr0 %016" PRIx64 "  cr2 %016" PRIx64 "  cr3 %016" PRIx64 "  cr4 %016" PRIx64, s->cr0, s->cr2,
	     s->cr3, s->cr4);
	line(o, "  cr8 %016" PRIx64 "  efer %015" PRIx64 "  gdt %016" PRIx64 "+%04x  idt %" PRIx64 "+%04x", s->cr8,
	     s->efer, s->gdt.base, s->gdt.limit, s->idt.base, s->idt.limit);
	for (size_t i = 0; i < sizeof(segs) / sizeof(*segs); i++) {
		const struct snug_segment *g = segs[i].seg;

		line(o, "  %-3s %04x  base %016" PRIx64 "  limit %08x  type %x s %d dpl %d p %d db %d l %d g %d%s",
		     segs[i].name, g->selector, g->base, g->limit, g->type, g->s, g->dpl, g->present, g->db, g->l,
		     g->g, g->unusable ? " unusable" : "");
	}
}

static void walk(const struct out *o, const char *name, const struct snug_walk *w)
{
	static const struct {
		uint64_t bit;
		const char *name;
	} flags[] = {{X86_PTE_P, " P"}, {X86_PTE_W, " W"},   {X86_PTE_U, " U"},  {X86_PTE_A, " A"},
	             {X86_PTE_D, " D"}, {X86_PTE_PS, " PS"}, {1ull << 63, " NX"}};

	unsigned steps = (unsigned)snug__min(w->steps, 5);

	line(o, "  walk of %s 0x%" PRIx64 ", %s", name, w->linear, w->paging);
	for (unsigned i = 0; i < steps; i++) {
		const struct snug_walk_step *s = &w->step[i];
		char text[32] = "", *at = text;

		for (size_t k = 0; k < sizeof(flags) / sizeof(*flags); k++)
			at += sprintf(at, "%s", s->entry & flags[k].bit ? flags[k].name : "");
		if (w->end == SNUG_WALK_OUTSIDE && i + 1 == steps)
			line(o, "    level %u at 0x%" PRIx64 ": outside memory", s->level, s->at);
		else
			line(o, "    level %u at 0x%" PRIx64 ": %016" PRIx64 "%s", s->level, s->at, s->entry, text);
	}
	if (w->end == SNUG_WALK_NOT_CANONICAL)
		line(o, "    ends at once: no canonical address");
	else if (w->end != SNUG_WALK_MAPPED)
		line(o, "    ends at level %u", steps ? w->step[steps - 1].level : 0);
	else
		line(o, "    gpa 0x%" PRIx64 "%s%s, %s", w->gpa, w->page ? ", a page of " : "",
		     w->page ? snug__text_size(w->page).s : "", w->memory ? "memory" : "no memory there");
}

/* What a gate says: SDM 3A figures 6-2, 6-8 and 20-3. */
static void gate_fields(const struct snug_table_entry *e, char out[64])
{
	uint64_t low = snug__le_load(e->bytes, 2), sel = snug__le_load(e->bytes + 2, 2);

	if (e->len == 4) {
		sprintf(out, "to %04x:%04x", (unsigned)sel, (unsigned)low);
		return;
	}
	low |= snug__le_load(e->bytes + 6, 2) << 16;
	if (e->len == 16)
		low |= snug__le_load(e->bytes + 8, 4) << 32;
	sprintf(out, "to %04x:%" PRIx64 " type %x dpl %d %s", (unsigned)sel, low, e->bytes[5] & 0xf,
	        e->bytes[5] >> 5 & 3, e->bytes[5] & 0x80 ? "present" : "ABSENT");
}

static void entry(const struct out *o, const struct snug_table_entry *e)
{
	bool gate = e->name && !strcmp(e->name, "gate");
	char bytes[56], head[64], fields[64] = "";

	if (!e->name)
		return;
	snprintf(head, sizeof(head), gate ? "  %-4s %4u at 0x%" PRIx64 : "  %-4s %04x at 0x%" PRIx64, e->name,
	         e->selector, e->at);
	if (e->beyond || !e->len) {
		line(o, "%s: %s", head, e->beyond ? "past the table's limit" : "no memory there");
		return;
	}
	if (gate)
		gate_fields(e, fields);
	else
		sprintf(fields, "type %x dpl %d %s", e->bytes[5] & 0x1f, e->bytes[5] >> 5 & 3,
		        e->bytes[5] & 0x80 ? "present" : "ABSENT");
	line(o, "%s: %s", head, fields);
	line(o, "         %s", hex(bytes, e->bytes, e->len, UINT32_MAX));
}

static void stack(const struct out *o, const struct snug_autopsy *a)
{
	unsigned each = a->word == 8 ? 4 : 8, digits = (unsigned)snug__min(a->word, 8) * 2;

	if (!a->words) {
		line(o, "  stack at 0x%" PRIx64 ": none, no memory is mapped there", a->rsp);
		return;
	}
	line(o, "  stack at 0x%" PRIx64, a->rsp);
	for (unsigned i = 0; i < a->words && i < 16; i += each) {
		char text[8 * 18], *at = text;

		for (unsigned k = i; k < i + each && k < a->words && k < 16; k++)
			at += sprintf(at, " %0*" PRIx64, (int)digits, a->stack[k]);
		line(o, "   +%02x %s", i * a->word, text);
	}
}

static void past(const struct out *o, const struct snug_past_exit *e)
{
	const char *name = snug_reason_name(e->reason);
	char what[48] = "", value[48] = "", times[24] = "";

	if (!strncmp(name, "KVM_EXIT_", 9))
		name += 9;
	if (e->size || e->key)
		snprintf(what, sizeof(what), "%s 0x%04" PRIx64, e->write ? "write" : "read ", e->key);
	if (e->size)
		snprintf(value, sizeof(value), "%0*" PRIx64 "%s", (int)snug__min(e->size, 8) * 2, e->value,
		         e->claimed ? "" : "  unclaimed");
	if (e->count > 1)
		snprintf(times, sizeof(times), " and %" PRIu32 " more", e->count - 1);
	line(o, "   %12.1f us  %-14s %-24s %s%s", 0.0 - (double)e->ns / 1e3, name, what, value, times);
}

void snug_autopsy_text(const struct snug_autopsy *a, void (*write)(void *ctx, const char *line, size_t len),
                       void *ctx)
{
	const struct out out = {write, ctx}, *o = &out;

	sentence(o, "", a->why);
	if (a->doubt[0])
		sentence(o, "Do not trust the registers: ", a->doubt);
	place(o, a);
	if (a->kind == SNUG_EXIT_INTERNAL)
		internal(o, a);
	code(o, a);
	general(o, &a->regs);
	special(o, &a->sregs);
	walk(o, "rip", &a->rip_walk);
	if (a->has_cr2)
		walk(o, "cr2", &a->cr2_walk);
	entry(o, &a->gate);
	entry(o, &a->cs);
	entry(o, &a->ss);
	entry(o, &a->tr);
	stack(o, a);
	if (a->exits)
		line(o, "  the last %u exit%s, the newest last", a->exits, a->exits == 1 ? "" : "s");
	for (unsigned i = 0; i < a->exits && i < sizeof(a->exit) / sizeof(a->exit[0]); i++)
		past(o, &a->exit[i]);
}

/* SPDX-License-Identifier: MIT */
/* cause: what ended a guest, and by a table of rules why */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "svc/autopsy.h"
#include "x86/regname.h"
#include "x86/walk.h"
#include "x86/x86.h"

#define EMULATION 1      /* linux/kvm.h, KVM_INTERNAL_ERROR_EMULATION */
#define DELIVERY 3       /* KVM_INTERNAL_ERROR_DELIVERY_EV */
#define TYPE_TASK_GATE 5 /* SDM 3A table 3-2 */
#define TYPE_CODE 8      /* SDM 3A table 3-1: of a code segment's type */

static void fault_name(const struct snug_exit_fault *fault, char *out, size_t len)
{
	char code[32] = "";

	if (fault->has_code)
		snprintf(code, sizeof(code), ", error code 0x%" PRIx32, fault->code);
	snprintf(out, len, "%s (vector %u)%s", snug_vector_name(fault->vector), fault->vector, code);
}

void snug__cause_name(struct snug_autopsy *a, const struct snug_exit *x)
{
	static const char *const internal[] = {"", "emulation failure", "simultaneous exceptions",
	                                       "an exit during event delivery", "an exit KVM did not expect"};
	char *out = a->what;
	size_t len = sizeof(a->what);
	uint32_t sub;

	switch (x->kind) {
	case SNUG_EXIT_FAULT:
		fault_name(&x->fault, out, len);
		break;
	case SNUG_EXIT_SHUTDOWN:
		snprintf(out, len, "triple fault, an exception that could not be delivered");
		break;
	case SNUG_EXIT_INTERNAL:
		sub = x->internal.suberror;
		snprintf(out, len, "KVM internal error %" PRIu32 ": %s", sub,
		         sub < sizeof(internal) / sizeof(*internal) ? internal[sub] : "unknown");
		break;
	case SNUG_EXIT_FAIL_ENTRY:
		snprintf(out, len,
		         "the CPU refused the guest's state: hardware reason 0x%" PRIx64 " on host CPU %" PRIu32,
		         x->fail_entry.hardware_reason, x->fail_entry.cpu);
		break;
	case SNUG_EXIT_MEMORY:
		snprintf(out, len, "the host could not provide guest memory at gpa 0x%" PRIx64, x->memory.gpa);
		break;
	case SNUG_EXIT_SYSTEM:
		snprintf(out, len, "system event %" PRIu32, x->system.type);
		break;
	default:
		snprintf(out, len, "%s (%s)", snug_exit_name(x->kind), snug_reason_name(x->reason));
		break;
	}
}

/* A rule's sentence; true, so that a rule may end with it. */
__attribute__((format(printf, 2, 3))) static bool say(const struct snug__facts *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->a->why, sizeof(f->a->why), fmt, ap);
	va_end(ap);
	return true;
}

/* "mov al, [rbx]", or without Zydis "the instruction". */
static const char *insn_text(const struct snug__facts *f)
{
	return f->has_insn ? f->insn.text : "the instruction there";
}

static bool starts_with(const struct snug__facts *f, const char *bytes, unsigned len)
{
	return f->a->bytes_len >= len && memcmp(f->a->bytes, bytes, len) == 0;
}

static bool pvm_kernel(const struct snug__facts *f)
{
	return f->host == SNUG_HOST_PVM && (f->a->cpl < 3 || !(f->a->sregs.efer & X86_EFER_LMA));
}

/* Where a walk ends, as the end of a sentence. */
static const char *walk_end(const struct snug_walk *w, char out[96])
{
	const struct snug_walk_step *last = &w->step[w->steps ? w->steps - 1 : 0];

	if (w->end == SNUG_WALK_ABSENT)
		snprintf(out, 96, "which is not mapped: its entry of level %u is not present", last->level);
	else if (w->end == SNUG_WALK_OUTSIDE)
		snprintf(out, 96, "which is not mapped: its table of level %u lies outside memory", last->level);
	else if (w->end == SNUG_WALK_NOT_CANONICAL)
		snprintf(out, 96, "which is no canonical address");
	else
		snprintf(out, 96, "%s", w->memory ? "which is memory" : "which is not memory");
	return out;
}

/* Rules about where the CPU was. */

static bool amd_reset(const struct snug__facts *f)
{
	return f->a->doubt[0] && say(f, "triple fault: what began it cannot be told, since %s", f->a->doubt);
}

/* kvm_pvm: CR0.PG without EFER.LME is refused, by a shutdown at the next entry, or #GP at the instruction. */
static bool paged32_refused(const struct snug__facts *f)
{
	const struct snug_sregs *s = &f->a->sregs;
	bool to_cr0 = starts_with(f, "\x0f\x22", 2) && f->a->bytes_len > 2 && !(f->a->bytes[2] & 0x38);

	if (f->host != SNUG_HOST_PVM || (s->efer & X86_EFER_LMA) || !(s->cr0 & X86_CR0_PE))
		return false;
	return ((s->cr0 & X86_CR0_PG) || to_cr0) && say(f, "the guest turned on 32-bit paging, which this host "
	                                                   "(kvm_pvm) refuses; long mode works here, and on "
	                                                   "hardware KVM 32-bit paging does too");
}

static bool tables_outside(const struct snug__facts *f)
{
	const struct snug_walk *w = &f->a->rip_walk;

	return w->end == SNUG_WALK_OUTSIDE && w->steps == 1 &&
	       say(f, "the page tables are gone: cr3 0x%" PRIx64 " lies outside memory", f->a->sregs.cr3);
}

static bool bad_jump(const struct snug__facts *f)
{
	const struct snug_walk *w = &f->a->rip_walk;
	char end[96];

	if (w->end == SNUG_WALK_MAPPED && w->memory)
		return false;
	return say(f, "jump to 0x%" PRIx64 ", %s", f->a->rip, walk_end(w, end));
}

/* Mapped, and yet the fetch was refused. */
static bool fetch_denied(const struct snug__facts *f)
{
	const struct snug_exit_fault *x = &f->a->fault;

	return x->cr2 == f->a->rip && (x->code & X86_PF_PRESENT) && !(x->code & X86_PF_WRITE) &&
	       !(x->code & X86_PF_RESERVED) &&
	       say(f, "jump to 0x%" PRIx64 ", a page that %s", x->cr2,
	           x->code & X86_PF_USER ? "user mode may not execute" : "may not be executed");
}

static bool zeros(const struct snug__facts *f)
{
	static const uint8_t none[16];

	return f->a->bytes_len == 16 && !memcmp(f->a->bytes, none, 16) &&
	       say(f,
	           "0x%" PRIx64
	           " holds only zeros: the guest jumped to where nothing was loaded, or ran past the end "
	           "of its code",
	           f->a->rip);
}

/* Rules of the triple fault: the exception, then what kept it from being told. */

/* "page fault at 0x1234", "#UD invalid opcode at 0x100000". */
static const char *first_fault(const struct snug__facts *f, char out[112])
{
	const struct snug_autopsy *a = f->a;

	if (a->vector == X86_VECTOR_PF && f->insn.mem && f->mem_walk.end != SNUG_WALK_MAPPED)
		snprintf(out, 112, "page fault at 0x%" PRIx64, f->insn.mem_at);
	else if (a->vector == X86_VECTOR_PF && a->has_cr2)
		snprintf(out, 112, "page fault at 0x%" PRIx64, a->cr2_walk.linear);
	else if (a->vector >= 32)
		snprintf(out, 112, "int 0x%x at 0x%" PRIx64, (unsigned)a->vector, a->rip);
	else if (a->vector >= 0)
		snprintf(out, 112, "%s at 0x%" PRIx64, snug_vector_name((uint8_t)a->vector), a->rip);
	else
		snprintf(out, 112, "an exception at 0x%" PRIx64, a->rip);
	return out;
}

static bool idt_limit(const struct snug__facts *f)
{
	const struct snug_autopsy *a = f->a;
	uint16_t limit = a->sregs.idt.limit;
	char first[112];

	if (a->vector >= 0 ? !a->gate.beyond : limit >= 8)
		return false;
	if (limit == 0)
		return say(f, "triple fault: IDT limit is 0, so %s has no gate", first_fault(f, first));
	return say(f, "triple fault: IDT limit is 0x%x, so %s has no gate", limit, first_fault(f, first));
}

static bool idt_outside(const struct snug__facts *f)
{
	struct snug_walk w;
	char end[96], first[112];
	uint8_t byte;

	if (snug__walk_read(f->mem, &f->a->sregs, f->a->sregs.idt.base, &byte, 1) == 1)
		return false;
	snug__walk_path(f->mem, &f->a->sregs, f->a->sregs.idt.base, &w);
	return say(f, "triple fault: %s, and the IDT is at 0x%" PRIx64 ", %s", first_fault(f, first),
	           f->a->sregs.idt.base, walk_end(&w, end));
}

/* Byte 5 of a gate: P, DPL, 0, type.  SDM 3A figures 6-2 and 6-8. */
static bool gate_works(const struct snug_table_entry *g)
{
	unsigned type = g->bytes[5] & 0x1f;

	return (g->bytes[5] & 0x80) &&
	       (type == 0xe || type == 0xf || type == 6 || type == 7 || type == TYPE_TASK_GATE);
}

static bool has_gate(const struct snug__facts *f)
{
	return f->a->gate.len >= 8;
}

static bool no_gate(const struct snug__facts *f)
{
	char first[112];

	return has_gate(f) && !gate_works(&f->a->gate) &&
	       say(f, "%s, vector %d has no gate", first_fault(f, first), f->a->vector);
}

static bool gate_code(const struct snug__facts *f)
{
	const struct snug_autopsy *a = f->a;
	uint16_t selector = (uint16_t)snug__le_load(a->gate.bytes + 2, 2);
	uint8_t d[8];

	if (!has_gate(f) || a->gate.bytes[5] % 32 == TYPE_TASK_GATE || (selector & 4))
		return false;
	if ((selector & ~3u) && (selector | 7u) <= a->sregs.gdt.limit &&
	    snug__walk_read(f->mem, &a->sregs, a->sregs.gdt.base + (selector & ~7u), d, 8) == 8 &&
	    (d[5] & (0x90 | TYPE_CODE)) == (0x90 | TYPE_CODE)) /* present, no system segment, code */
		return false;
	return say(f, "triple fault: the gate of vector %d has the code selector 0x%x, which the GDT does not have",
	           a->vector, selector);
}

/* A handler's first fetch failed, and so did those of #PF and #DF: rip is where a gate leads. */
static bool gate_jump(const struct snug__facts *f)
{
	const struct snug_autopsy *a = f->a;
	const struct snug_sregs *s = &a->sregs;
	unsigned bytes = s->efer & X86_EFER_LMA ? 16 : 8;
	char end[96];

	if (!(s->cr0 & X86_CR0_PE) || (a->rip_walk.end == SNUG_WALK_MAPPED && a->rip_walk.memory))
		return false;
	for (unsigned v = 0; v < 256 && (v + 1) * bytes - 1 <= s->idt.limit; v++) {
		struct snug_table_entry g = {.len = (uint8_t)bytes};
		uint64_t to;

		if (snug__walk_read(f->mem, s, s->idt.base + (uint64_t)v * bytes, g.bytes, bytes) != bytes)
			return false;
		to = snug__le_load(g.bytes, 2) | snug__le_load(g.bytes + 6, 2) << 16;
		to |= bytes == 16 ? snug__le_load(g.bytes + 8, 4) << 32 : 0;
		if (gate_works(&g) && g.bytes[5] % 32 != TYPE_TASK_GATE && to == a->regs.rip)
			return say(f, "triple fault: the gate of vector %u leads to 0x%" PRIx64 ", %s", v, to,
			           walk_end(&a->rip_walk, end));
	}
	return false;
}

/* The first word an exception would push. */
static bool stack_outside(const struct snug__facts *f)
{
	struct snug_walk w;
	char end[96];

	snug__walk_path(f->mem, &f->a->sregs, f->a->rsp - 1, &w);
	return !w.memory && say(f, "stack pointer 0x%" PRIx64 " outside memory: 0x%" PRIx64 " is an address %s",
	                        f->a->rsp, w.linear, walk_end(&w, end));
}

static bool triple(const struct snug__facts *f)
{
	char first[112];

	return say(f, "triple fault: %s could not be delivered, nor the double fault after it",
	           first_fault(f, first));
}

/* Rules of what KVM and the host could not do. */

/* A push to where nothing is: KVM cannot even begin. */
static bool pvm_lacks(const struct snug__facts *f)
{
	const struct snug_autopsy *a = f->a;

	if (a->internal.suberror != EMULATION || !pvm_kernel(f))
		return false;
	if (!f->has_insn)
		return say(
		    f, "the emulator of kvm_pvm lacks the instruction at 0x%" PRIx64 ": in user mode it would work",
		    a->rip);
	return say(f, "the emulator of kvm_pvm has no %s at CPL %u: %s", f->insn.vector ? f->insn.isa : f->insn.name,
	           a->cpl, f->insn.text);
}

static bool emulation(const struct snug__facts *f)
{
	return f->a->internal.suberror == EMULATION &&
	       say(f, "KVM's instruction emulator could not do this: %s", insn_text(f));
}

static bool delivery(const struct snug__facts *f)
{
	return f->a->internal.suberror == DELIVERY && say(f, "an exception was being delivered and KVM had to leave: "
	                                                     "the IDT, GDT, TSS or stack lies where there is "
	                                                     "no memory");
}

static bool internal(const struct snug__facts *f)
{
	return say(f, "KVM gave up at 0x%" PRIx64 "; its own data is all there is to go by", f->a->rip);
}

static bool refused_state(const struct snug__facts *f)
{
	const char *why = snug__sregs_fault(&f->a->sregs);

	return say(f, "the CPU refused the registers%s%s", why ? ": " : ", and it does not say which",
	           why ? why : "");
}

static bool host_memory(const struct snug__facts *f)
{
	return say(f, "the host has no page for guest memory the guest used: it is out of memory, or the page broke");
}

/* Rules of faults. */

/*
 * The number of the `int` that raised the vector, which is the instruction before rip; -1: none did.  Where it was refused
 * (#GP by its gate; #UD at CPL 3 of kvm_pvm) rip is still at it.
 */
static int by_int(const struct snug__facts *f)
{
	uint8_t b[2];

	if (f->a->vector == X86_VECTOR_UD || f->a->vector == X86_VECTOR_GP)
		return starts_with(f, "\xcd", 1) && f->a->bytes_len > 1 ? f->a->bytes[1] : -1;
	if (snug__walk_read(f->mem, &f->a->sregs, f->a->rip - 2, b, 2) != 2)
		return -1;
	return b[0] == 0xcd && b[1] == f->a->vector ? b[1] : -1;
}

static bool no_bios(const struct snug__facts *f)
{
	static const char *const services[16] = {
	    "video", "equipment", "memory size", "disk",         "serial port", "system", "keyboard", "printer",
	    "BASIC", "boot",      "clock",       "Ctrl-C check", "timer tick",  "",       "",         ""};
	int n = by_int(f);

	return !(f->a->sregs.cr0 & X86_CR0_PE) && n >= 0x10 && n <= 0x1f &&
	       say(f, "int 0x%x%s%s: there is no BIOS here", (unsigned)n, services[n - 0x10][0] ? ", " : "",
	           services[n - 0x10]);
}

static bool no_system(const struct snug__facts *f)
{
	int n = by_int(f);

	if (f->a->vector == X86_VECTOR_UD && (starts_with(f, "\x0f\x05", 2) || starts_with(f, "\x0f\x34", 2)))
		return say(f, "%s: there is no kernel here to take a system call",
		           f->a->bytes[1] == 5 ? "syscall" : "sysenter");
	if (n < 0x20)
		return false;
	if (!(f->a->sregs.cr0 & X86_CR0_PE) && n < 0x30)
		return say(f, "int 0x%x: there is no DOS here", (unsigned)n);
	if (n == 0x80)
		return say(f, "int 0x80: there is no Linux here to take a system call");
	return say(f, "int 0x%x: the guest has no handler for it", (unsigned)n);
}

static bool stack_fault(const struct snug__facts *f)
{
	const struct snug_autopsy *a = f->a;
	char end[96];

	/* A push or call writes right below rsp, a pop or ret reads at it. */
	if (a->cr2_walk.linear - (a->rsp - 64) >= 64 + a->word)
		return false;
	return say(f, "stack pointer 0x%" PRIx64 " outside memory: the guest %s 0x%" PRIx64 ", %s", a->rsp,
	           a->fault.code & X86_PF_WRITE ? "writes" : "reads", a->cr2_walk.linear,
	           walk_end(&a->cr2_walk, end));
}

static const char *access_name(uint32_t code)
{
	return code & X86_PF_FETCH ? "executes" : code & X86_PF_WRITE ? "writes" : "reads";
}

static bool page_absent(const struct snug__facts *f)
{
	const struct snug_autopsy *a = f->a;
	char end[96];

	return !(a->fault.code & X86_PF_PRESENT) &&
	       say(f, "page fault: the guest %s 0x%" PRIx64 "%s, %s", access_name(a->fault.code), a->fault.cr2,
	           a->fault.cr2 < SNUG_PAGE ? " (a null pointer?)" : "", walk_end(&a->cr2_walk, end));
}

static bool page_denied(const struct snug__facts *f)
{
	const struct snug_exit_fault *x = &f->a->fault;

	if (x->code & X86_PF_RESERVED)
		return say(f, "page fault: the entry that maps 0x%" PRIx64 " has a reserved bit set", x->cr2);
	return say(f, "page fault: %s mode %s 0x%" PRIx64 ", a page that does not allow it",
	           x->code & X86_PF_USER ? "user" : "kernel", access_name(x->code), x->cr2);
}

static bool privileged(const struct snug__facts *f)
{
	static const char *const io[] = {"in",    "out",   "insb",  "insw", "insd",
	                                 "outsb", "outsw", "outsd", "cli",  "sti"};
	bool is = f->insn.privileged;

	for (size_t i = 0; i < sizeof(io) / sizeof(*io); i++)
		is |= !strcmp(f->insn.name, io[i]);
	return f->has_insn && is && f->a->cpl == 3 && say(f, "user mode may not do this: %s", f->insn.text);
}

static bool not_canonical(const struct snug__facts *f)
{
	if (!f->insn.mem || f->mem_walk.end != SNUG_WALK_NOT_CANONICAL)
		return false;
	return say(f, "the guest %s 0x%" PRIx64 ", which is no canonical address: %s",
	           f->insn.mem_write ? "writes" : "reads", f->insn.mem_at, f->insn.text);
}

static bool unaligned(const struct snug__facts *f)
{
	unsigned size = f->insn.mem_bytes;

	return f->insn.mem && f->insn.vector && size >= 16 && f->insn.mem_at % size &&
	       say(f, "0x%" PRIx64 " is not a multiple of %u, as this wants: %s", f->insn.mem_at, size, f->insn.text);
}

/* SDM 3A 6.13: a selector's error code has EXT, IDT and TI below the index. */
static bool bad_selector(const struct snug__facts *f)
{
	uint32_t code = f->a->fault.code;

	if (!f->a->fault.has_code || !(code & 0xfffc))
		return false;
	if (code & 2)
		return say(f, "vector 0x%x: its gate may not be used from CPL %u, or is none", code >> 3 & 0xff,
		           f->a->cpl);
	return say(f, "selector 0x%x%s: %s", code & 0xfffc,
	           (code | 7) > f->a->sregs.gdt.limit && !(code & 4) ? " lies past the GDT's limit"
	                                                             : " is not one to use here",
	           insn_text(f));
}

static bool segment_end(const struct snug__facts *f)
{
	return f->a->bits == 16 && f->insn.mem &&
	       say(f, "an access past the end of its segment, or of one that is not there: %s", f->insn.text);
}

static bool stack_pointer(const struct snug__facts *f)
{
	struct snug_walk w;

	snug__walk_path(f->mem, &f->a->sregs, f->a->rsp, &w);
	return w.end == SNUG_WALK_NOT_CANONICAL &&
	       say(f,
	           "stack pointer 0x%" PRIx64 " outside memory: it is no canonical "
	           "address",
	           f->a->rsp);
}

static bool ud2(const struct snug__facts *f)
{
	return starts_with(f, "\x0f\x0b", 2) &&
	       say(f,
	           "ud2 at 0x%" PRIx64 ": the guest stopped itself; compilers put it where a program must not come",
	           f->a->rip);
}

static bool simd_off(const struct snug__facts *f)
{
	const struct snug_sregs *s = &f->a->sregs;
	bool avx = !strncmp(f->insn.isa, "AVX", 3);

	if (!f->has_insn || !f->insn.vector)
		return false;
	if (s->cr0 & X86_CR0_EM)
		return say(f, "%s is off, cr0.EM is set: %s", f->insn.isa, f->insn.text);
	if (!(s->cr4 & X86_CR4_OSFXSR))
		return say(f, "%s is off, cr4.OSFXSR is clear: %s", f->insn.isa, f->insn.text);
	return avx && !(s->cr4 & X86_CR4_OSXSAVE) &&
	       say(f, "%s is off, cr4.OSXSAVE is clear: %s", f->insn.isa, f->insn.text);
}

static bool bad_opcode(const struct snug__facts *f)
{
	return say(f, "the CPU does not know the instruction at 0x%" PRIx64 " in %s at CPL %u%s%s", f->a->rip,
	           f->a->mode, f->a->cpl, f->has_insn ? ": " : "", f->has_insn ? f->insn.text : "");
}

static bool divide(const struct snug__facts *f)
{
	return say(f, "division by zero, or a quotient that does not fit: %s", insn_text(f));
}

static bool breakpoint(const struct snug__facts *f)
{
	return say(f, "int3 before 0x%" PRIx64 ": a breakpoint, or filler between functions that was run into",
	           f->a->rip);
}

static bool fpu_off(const struct snug__facts *f)
{
	return say(f, "the FPU is off, cr0.%s is set: %s", f->a->sregs.cr0 & X86_CR0_EM ? "EM" : "TS", insn_text(f));
}

static bool exception(const struct snug__facts *f)
{
	return say(f, "%s at 0x%" PRIx64 ": %s", snug_vector_name(f->a->fault.vector), f->a->rip, insn_text(f));
}

static bool other(const struct snug__facts *f)
{
	return say(f, "%s at 0x%" PRIx64, snug_exit_name(f->a->kind), f->a->rip);
}

#define ANY (-1)

/* The first rule that holds speaks.  docs/autopsy.md has the same list. */
static const struct {
	const char *name;
	enum snug_exit_kind kind; /* NONE: any */
	int vector;
	bool (*holds)(const struct snug__facts *f);
} rules[] = {
    {"amd-reset", SNUG_EXIT_SHUTDOWN, ANY, amd_reset},
    {"paged32-refused", SNUG_EXIT_SHUTDOWN, ANY, paged32_refused},
    {"paged32-refused", SNUG_EXIT_INTERNAL, ANY, paged32_refused},
    {"paged32-refused", SNUG_EXIT_FAULT, X86_VECTOR_GP, paged32_refused},
    {"refused-state", SNUG_EXIT_FAIL_ENTRY, ANY, refused_state},
    {"host-memory", SNUG_EXIT_MEMORY, ANY, host_memory},
    {"tables-outside", SNUG_EXIT_NONE, ANY, tables_outside},
    {"gate-jump", SNUG_EXIT_SHUTDOWN, ANY, gate_jump},
    {"bad-jump", SNUG_EXIT_NONE, ANY, bad_jump},
    {"no-bios", SNUG_EXIT_FAULT, ANY, no_bios},
    {"no-system", SNUG_EXIT_FAULT, ANY, no_system},
    {"breakpoint", SNUG_EXIT_FAULT, X86_VECTOR_BP, breakpoint},
    {"zeros", SNUG_EXIT_NONE, ANY, zeros},
    {"idt-limit", SNUG_EXIT_SHUTDOWN, ANY, idt_limit},
    {"idt-outside", SNUG_EXIT_SHUTDOWN, ANY, idt_outside},
    {"no-gate", SNUG_EXIT_SHUTDOWN, ANY, no_gate},
    {"gate-code", SNUG_EXIT_SHUTDOWN, ANY, gate_code},
    {"stack-outside", SNUG_EXIT_SHUTDOWN, ANY, stack_outside},
    {"triple", SNUG_EXIT_SHUTDOWN, ANY, triple},
    {"pvm-lacks", SNUG_EXIT_INTERNAL, ANY, pvm_lacks},
    {"emulation", SNUG_EXIT_INTERNAL, ANY, emulation},
    {"delivery", SNUG_EXIT_INTERNAL, ANY, delivery},
    {"internal", SNUG_EXIT_INTERNAL, ANY, internal},
    {"fetch-denied", SNUG_EXIT_FAULT, X86_VECTOR_PF, fetch_denied},
    {"stack-outside", SNUG_EXIT_FAULT, X86_VECTOR_PF, stack_fault},
    {"page-absent", SNUG_EXIT_FAULT, X86_VECTOR_PF, page_absent},
    {"page-denied", SNUG_EXIT_FAULT, X86_VECTOR_PF, page_denied},
    {"privileged", SNUG_EXIT_FAULT, X86_VECTOR_GP, privileged},
    {"not-canonical", SNUG_EXIT_FAULT, X86_VECTOR_GP, not_canonical},
    {"bad-selector", SNUG_EXIT_FAULT, X86_VECTOR_GP, bad_selector},
    {"unaligned", SNUG_EXIT_FAULT, X86_VECTOR_GP, unaligned},
    {"segment-end", SNUG_EXIT_FAULT, X86_VECTOR_GP, segment_end},
    {"not-canonical", SNUG_EXIT_FAULT, X86_VECTOR_SS, not_canonical},
    {"stack-outside", SNUG_EXIT_FAULT, X86_VECTOR_SS, stack_pointer},
    {"bad-selector", SNUG_EXIT_FAULT, X86_VECTOR_SS, bad_selector},
    {"bad-selector", SNUG_EXIT_FAULT, X86_VECTOR_NP, bad_selector},
    {"bad-selector", SNUG_EXIT_FAULT, X86_VECTOR_TS, bad_selector},
    {"ud2", SNUG_EXIT_FAULT, X86_VECTOR_UD, ud2},
    {"simd-off", SNUG_EXIT_FAULT, X86_VECTOR_UD, simd_off},
    {"bad-opcode", SNUG_EXIT_FAULT, X86_VECTOR_UD, bad_opcode},
    {"fpu-off", SNUG_EXIT_FAULT, X86_VECTOR_NM, fpu_off},
    {"divide", SNUG_EXIT_FAULT, X86_VECTOR_DE, divide},
    {"exception", SNUG_EXIT_FAULT, ANY, exception},
    {"other", SNUG_EXIT_NONE, ANY, other},
};

void snug__cause_find(const struct snug__facts *f)
{
	struct snug_autopsy *a = f->a;

	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		if ((rules[i].kind != SNUG_EXIT_NONE && rules[i].kind != a->kind) ||
		    (rules[i].vector != ANY && rules[i].vector != a->vector) || !rules[i].holds(f))
			continue;
		snprintf(a->rule, sizeof(a->rule), "%s", rules[i].name);
		return;
	}
}

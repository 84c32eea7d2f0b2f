/* SPDX-License-Identifier: MIT */
/* crash: what is to be said of a guest that crashed */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "crash.h"

enum {
	PAGE_FAULT = 14,            /* SDM 3A table 6-1 */
	KVM_INTERNAL_EMULATION = 1, /* linux/kvm.h, KVM_INTERNAL_ERROR_EMULATION and the next three */
};

#define CR0_PE (1ull << 0)    /* SDM 3A 2.5 */
#define CR0_PG (1ull << 31)   /* SDM 3A 2.5 */
#define EFER_LMA (1ull << 10) /* SDM 3A 2.2.1 */

static void fault_reason(const struct snug_exit *x, char *out, size_t len)
{
	char code[32] = "";

	if (x->fault.has_code)
		snprintf(code, sizeof code, ", error code 0x%" PRIx32, x->fault.code);
	snprintf(out, len, "%s (vector %u)%s", snug_vector_name(x->fault.vector), x->fault.vector, code);
}

void cli_crash_reason(const struct snug_exit *x, char *out, size_t len)
{
	static const char *const internal[] = {"", "emulation failure", "simultaneous exceptions",
	                                       "an exit during event delivery", "an exit KVM did not expect"};
	uint32_t sub = x->internal.suberror;

	switch (x->kind) {
	case SNUG_EXIT_FAULT:
		fault_reason(x, out, len);
		break;
	case SNUG_EXIT_SHUTDOWN:
		snprintf(out, len, "triple fault, an exception that could not be delivered");
		break;
	case SNUG_EXIT_INTERNAL:
		snprintf(out, len, "KVM internal error %" PRIu32 ": %s", sub,
		         sub < sizeof internal / sizeof *internal ? internal[sub] : "unknown");
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

/* The mode the registers are in, which need not be the one it started in. */
static const char *mode_now(const struct snug_sregs *s)
{
	if (!(s->cr0 & CR0_PE))
		return "real mode";
	if (s->efer & EFER_LMA)
		return s->cs.l ? "64-bit mode" : "compatibility mode";
	return s->cr0 & CR0_PG ? "32-bit protected mode, paging on" : "protected mode, paging off";
}

static void print_general(FILE *to, const struct snug_regs *r)
{
	fprintf(to, "  rax %016" PRIx64 "  rbx %016" PRIx64 "  rcx %016" PRIx64 "  rdx %016" PRIx64 "\n", r->rax,
	        r->rbx, r->rcx, r->rdx);
	fprintf(to, "  rsi %016" PRIx64 "  rdi %016" PRIx64 "  rbp %016" PRIx64 "  rsp %016" PRIx64 "\n", r->rsi,
	        r->rdi, r->rbp, r->rsp);
	fprintf(to, "  r8  %016" PRIx64 "  r9  %016" PRIx64 "  r10 %016" PRIx64 "  r11 %016" PRIx64 "\n", r->r8,
	        r->r9, r->r10, r->r11);
	fprintf(to, "  r12 %016" PRIx64 "  r13 %016" PRIx64 "  r14 %016" PRIx64 "  r15 %016" PRIx64 "\n", r->r12,
	        r->r13, r->r14, r->r15);
	fprintf(to, "  rip %016" PRIx64 "  rflags %08" PRIx64 "\n", r->rip, r->rflags);
}

static void print_special(FILE *to, const struct snug_sregs *s)
{
	const struct {
		const char *name;
		const struct snug_segment *seg;
	} segs[] = {{"cs", &s->cs}, {"ss", &s->ss}, {"ds", &s->ds}, {"es", &s->es},
	            {"fs", &s->fs}, {"gs", &s->gs}, {"tr", &s->tr}, {"ldt", &s->ldt}};

	fprintf(to, "  cr0 %016" PRIx64 "  cr2 %016" PRIx64 "  cr3 %016" PRIx64 "  cr4 %016" PRIx64 "\n", s->cr0,
	        s->cr2, s->cr3, s->cr4);
	fprintf(to, "  cr8 %016" PRIx64 "  efer %015" PRIx64 "  gdt %016" PRIx64 "+%04x  idt %" PRIx64 "+%04x\n",
	        s->cr8, s->efer, s->gdt.base, s->gdt.limit, s->idt.base, s->idt.limit);
	for (size_t i = 0; i < sizeof segs / sizeof *segs; i++) {
		const struct snug_segment *g = segs[i].seg;

		fprintf(to,
		        "  %-3s %04x  base %016" PRIx64 "  limit %08x  type %x s %d dpl %d p %d db %d l %d g %d%s\n",
		        segs[i].name, g->selector, g->base, g->limit, g->type, g->s, g->dpl, g->present, g->db, g->l,
		        g->g, g->unusable ? " unusable" : "");
	}
}

static void print_bytes(FILE *to, snug_vcpu *vcpu, uint64_t linear)
{
	uint8_t bytes[16];
	struct snug_error e;
	int n = snug_vcpu_read(vcpu, linear, bytes, sizeof bytes, &e);

	if (n <= 0) {
		fprintf(to, "  bytes at 0x%" PRIx64 ": none, no memory is mapped there\n", linear);
		return;
	}
	fprintf(to, "  bytes at 0x%" PRIx64 ":", linear);
	for (int i = 0; i < n; i++)
		fprintf(to, i == 0 ? " [%02x]" : " %02x", bytes[i]);
	fprintf(to, "\n");
}

/* SDM 3A 4.7, figure 4-12 */
static void print_page_fault(FILE *to, const struct snug_exit *x)
{
	uint32_t code = x->fault.code;

	fprintf(to, "  address 0x%" PRIx64 " (cr2): %s %s, page %s%s\n", x->fault.cr2, code & 4 ? "user" : "kernel",
	        code & 16  ? "instruction fetch"
	        : code & 2 ? "write"
	                   : "read",
	        code & 1 ? "present" : "not present",
	        code & 8   ? ", a reserved bit is set in its tables"
	        : code & 1 ? ", but does not allow it"
	                   : "");
}

static void print_internal(FILE *to, const struct snug_exit *x)
{
	if (x->internal.suberror == KVM_INTERNAL_EMULATION && x->internal.insn_len) {
		fprintf(to, "  KVM could not emulate:");
		for (uint32_t i = 0; i < x->internal.insn_len && i < sizeof x->internal.insn; i++)
			fprintf(to, " %02x", x->internal.insn[i]);
		fprintf(to, "\n");
	}
	for (uint32_t i = 0; i < x->internal.ndata && i < 16; i++)
		fprintf(to, "%s%016" PRIx64 "%s", i % 4 == 0 ? "  data " : " ", x->internal.data[i],
		        i % 4 == 3 || i + 1 == x->internal.ndata ? "\n" : "");
}

/* Does `mov reg, %cr0` stand there?  Opcode 0F 22 /0. */
static bool is_mov_to_cr0(snug_vcpu *vcpu, uint64_t linear)
{
	uint8_t b[3];

	return snug_vcpu_read(vcpu, linear, b, sizeof b, NULL) == 3 && b[0] == 0x0f && b[1] == 0x22 && !(b[2] & 0x38);
}

/* What the host's kind makes of it, which no register shows. */
static void print_notes(FILE *to, const struct snug_exit *x, const struct snug_sregs *s, const struct snug_host *host,
                        uint64_t linear)
{
	bool long_mode = s->efer & EFER_LMA;

	if (x->kind == SNUG_EXIT_SHUTDOWN && host->kind == SNUG_HOST_SVM)
		fprintf(to,
		        "  On AMD hardware a triple fault resets the registers: those below are the reset state.\n");
	if (!host->paged32 && !long_mode &&
	    (x->kind == SNUG_EXIT_SHUTDOWN ? (s->cr0 & CR0_PG) != 0 : is_mov_to_cr0(x->vcpu, linear)))
		fprintf(to,
		        "  Did it turn on 32-bit paging? This host (kvm_%s) refuses that. Long mode works here; on\n"
		        "  hardware KVM, 32-bit paging does too.\n",
		        snug_host_name(host->kind));
	if (x->kind == SNUG_EXIT_INTERNAL && host->kind == SNUG_HOST_PVM)
		fprintf(to, "  This host (kvm_pvm) emulates kernel mode and lacks some instructions there, SSE\n"
		            "  arithmetic and int3 among them; in user mode they work.\n");
}

/* Where it happened, and the bytes there.  Returns the linear address. */
static uint64_t print_place(FILE *to, const struct snug_exit *x, const struct snug_regs *regs,
                            const struct snug_sregs *s)
{
	uint64_t base = s->cs.base;

	if (x->kind == SNUG_EXIT_FAULT) {
		/* cs is the handler's by now; that of the fault is flat, or in real mode 16 times its selector. */
		base = s->cr0 & CR0_PE ? base : (uint64_t)x->fault.cs << 4;
		fprintf(to, "  at cs:rip %04x:%016" PRIx64 "  ss:rsp %04x:%016" PRIx64 "\n", x->fault.cs, regs->rip,
		        x->fault.ss, regs->rsp);
		if (x->fault.vector == PAGE_FAULT)
			print_page_fault(to, x);
	} else {
		fprintf(to, "  at cs:rip %04x:%016" PRIx64 "\n", s->cs.selector, regs->rip);
	}
	print_bytes(to, x->vcpu, base + regs->rip);
	return base + regs->rip;
}

static void print(FILE *to, snug_vm *vm, const struct snug_exit *x, const struct snug_host *host)
{
	struct snug_regs regs;
	struct snug_sregs sregs;
	struct snug_boot boot = {.size = sizeof boot};
	struct snug_error e;
	bool fault = x->kind == SNUG_EXIT_FAULT;
	uint64_t linear;

	snug_loaded(vm, &boot);
	if (snug_vcpu_get_sregs(x->vcpu, &sregs, &e) < 0 || snug_vcpu_get_regs(x->vcpu, &regs, &e) < 0) {
		fprintf(to, "  %s\n", e.msg);
		return;
	}
	if (fault) {
		regs.rip = x->fault.rip;
		regs.rsp = x->fault.rsp;
		regs.rflags = x->fault.rflags;
	}
	fprintf(to, "  started in mode %s, now in %s%s%s\n", snug_mode_name(boot.mode), mode_now(&sregs),
	        fault ? "" : "; ", fault ? "" : snug_reason_name(x->reason));
	linear = print_place(to, x, &regs, &sregs);
	if (x->kind == SNUG_EXIT_INTERNAL)
		print_internal(to, x);
	print_notes(to, x, &sregs, host, linear);
	print_general(to, &regs);
	print_special(to, &sregs);
	if (fault)
		fprintf(to, "  (cs and ss above are those of snug's fault handler)\n");
}

char *cli_crash_text(snug_vm *vm, const struct snug_exit *x, const struct snug_host *host)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	if (!to)
		return NULL;
	print(to, vm, x, host);
	if (fclose(to) == 0)
		return text;
	free(text);
	return NULL;
}

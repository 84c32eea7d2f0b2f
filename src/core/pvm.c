/* SPDX-License-Identifier: MIT */
#include "core/pvm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/kind.h"
#include "host/kvmpc.h"
#include "x86/walk.h"
#include "x86/x86.h"

#define TRAP_SLOT 3u /* the debug register the breakpoint is in */
#define INT3 0xcc
#define INSN_BYTES 15u /* SDM 2A 2.3.11: no instruction is longer */

int snug__pvm_open(snug_vm *vm, enum snug_host_kind kind, struct snug_error *err)
{
	int r;

	if (kind != SNUG_HOST_PVM)
		return 0;
	r = snug__kvm_watch_msrs(vm->fd, X86_MSR_STAR, X86_MSR_FMASK - X86_MSR_STAR + 1, &vm->watch, err);
	if (r < 0)
		return r;
	snug__decoder_open(&vm->decoder);
	if (!vm->decoder.lib)
		return snug__err(err, -ENOTSUP, SNUG_STEP_VERSION,
		                 "install libzydis, or use a host whose KVM runs on VT-x or SVM",
		                 "kernels on kvm_pvm need a decoder of instructions: %s", vm->decoder.why);
	vm->pvm = true;
	return 0;
}

int snug__pvm_cpuid(snug_vcpu *vcpu, const struct snug__kvm_cpuid *table, struct snug_error *err)
{
	struct snug__pvm_cpu *p = &vcpu->pvm;

	if (!vcpu->vm->pvm)
		return 0;
	if (!p->cpuid)
		p->cpuid = malloc(sizeof(*p->cpuid));
	if (!p->cpuid)
		return snug__err(err, -ENOMEM, SNUG_STEP_INIT, "free some memory", "CPUID: out of memory");
	memcpy(p->cpuid, table, sizeof(*table));
	return 0;
}

void snug__pvm_close(snug_vcpu *vcpu)
{
	free(vcpu->pvm.cpuid);
}

/* ---- What an instruction may ask for: ctx is the vCPU. */

static int get_xsave(void *ctx, uint8_t area[4096])
{
	snug_vcpu *vcpu = ctx;

	return snug__kvm_get_xsave(vcpu->kvm.fd, area, &vcpu->vm->watch, NULL);
}

static int set_xsave(void *ctx, const uint8_t area[4096])
{
	snug_vcpu *vcpu = ctx;

	return snug__kvm_set_xsave(vcpu->kvm.fd, area, &vcpu->vm->watch, NULL);
}

static int get_xcr0(void *ctx, uint64_t *xcr0)
{
	snug_vcpu *vcpu = ctx;
	struct kvm_xcrs x;
	int r = snug__kvm_get_xcrs(vcpu->kvm.fd, &x, &vcpu->vm->watch, NULL);

	*xcr0 = r >= 0 && x.nr_xcrs ? x.xcrs[0].value : X86_XSTATE_X87;
	return r;
}

static int set_xcr0(void *ctx, uint64_t xcr0)
{
	snug_vcpu *vcpu = ctx;
	struct kvm_xcrs x = {.nr_xcrs = 1, .xcrs = {{.xcr = 0, .value = xcr0}}};

	return snug__kvm_set_xcrs(vcpu->kvm.fd, &x, &vcpu->vm->watch, NULL);
}

static int get_msr(void *ctx, uint32_t msr, uint64_t *value)
{
	snug_vcpu *vcpu = ctx;
	struct kvm_msr_entry row = {.index = msr};
	int r = snug__kvm_get_msrs(vcpu->kvm.fd, &row, 1, &vcpu->vm->watch, NULL);

	*value = row.data;
	return r < 1 ? -EINVAL : 0;
}

static int set_msr(void *ctx, uint32_t msr, uint64_t value)
{
	snug_vcpu *vcpu = ctx;
	struct kvm_msr_entry row = {.index = msr, .data = value};

	return snug__kvm_set_msrs(vcpu->kvm.fd, &row, 1, &vcpu->vm->watch, NULL) < 1 ? -EINVAL : 0;
}

static bool cpuid(void *ctx, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	const snug_vcpu *vcpu = ctx;
	const struct snug__kvm_cpuid *t = vcpu->pvm.cpuid;

	for (uint32_t i = 0; t && i < t->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &t->rows[i];

		if (e->function != leaf || ((e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) && e->index != subleaf))
			continue;
		memcpy(out, &e->eax, sizeof(uint32_t[4]));
		return true;
	}
	return false;
}

static const struct snug__assist_ops ops = {get_xsave, set_xsave, get_xcr0, set_xcr0, get_msr, set_msr, cpuid};

/* ---- The breakpoint on the page-fault handler. */

void snug__pvm_debug(const snug_vcpu *vcpu, struct kvm_guest_debug *d)
{
	const struct snug__pvm_cpu *p = &vcpu->pvm;

	if (p->stepping) {
		d->control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
		return;
	}
	if (!p->trap)
		return;
	/* SDM 3B 17.2.4: an execution breakpoint has length and condition 0. */
	d->control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
	d->arch.debugreg[TRAP_SLOT] = p->trap;
	d->arch.debugreg[7] = (d->arch.debugreg[7] & ~(0xfull << (16 + 4 * TRAP_SLOT))) | 2ull << (2 * TRAP_SLOT);
}

static int rearm(snug_vcpu *vcpu, struct snug_error *err)
{
	struct kvm_guest_debug d = vcpu->debug;

	snug__pvm_debug(vcpu, &d);
	return snug__kvm_set_debug(vcpu->kvm.fd, &d, &vcpu->vm->watch, err);
}

/* The guest may have moved its handler, or now have what a trap is of use for. */
static int place(snug_vcpu *vcpu, const struct snug_sregs *s, struct snug_error *err)
{
	struct snug__pvm_cpu *p = &vcpu->pvm;
	uint64_t trap = p->lstar ? snug__gate(vcpu, s, X86_VECTOR_PF) : 0;

	if (trap == p->trap)
		return 0;
	p->trap = trap;
	return rearm(vcpu, err);
}

static int read_state(snug_vcpu *vcpu, struct snug_regs *regs, struct snug_sregs *s, struct snug_error *err)
{
	int r = snug__kvm_get_regs(vcpu->kvm.fd, regs, &vcpu->vm->watch, err);

	return r < 0 ? r : snug__kvm_get_sregs(vcpu->kvm.fd, s, &vcpu->vm->watch, err);
}

/* What the CPU pushed: SDM 3A figure 6-9. */
struct frame {
	uint64_t code, rip, cs, rflags, rsp, ss;
};

static bool read_frame(const snug_vcpu *vcpu, const struct snug_sregs *s, uint64_t rsp, struct frame *f)
{
	uint8_t bytes[sizeof(*f)];

	if (snug__walk_read(&vcpu->vm->mem, s, rsp, bytes, sizeof(bytes)) != sizeof(bytes))
		return false;
	*f = (struct frame){snug__le_load(bytes, 8),      snug__le_load(bytes + 8, 8),  snug__le_load(bytes + 16, 8),
	                    snug__le_load(bytes + 24, 8), snug__le_load(bytes + 32, 8), snug__le_load(bytes + 40, 8)};
	return true;
}

/*
 * User-mode code wanted to run what is at LSTAR: it cannot tell a `syscall` from a jump there, and nor can we.  The code
 * tells of a fetch only where pages have execute rights (SDM 3A 4.7), CR2 always does.
 */
static bool is_syscall(const struct snug__pvm_cpu *p, const struct snug_sregs *s, const struct frame *f)
{
	return f->rip == p->lstar && s->cr2 == p->lstar && (f->cs & 3) == 3 && (f->code & X86_PF_USER) &&
	       !(f->code & X86_PF_WRITE);
}

/*
 * SDM 2B SYSCALL, from where the CPU has done its part: RCX and R11 are set.  The handler runs at CPL 0 already, and where
 * STAR names the code segment it has, all that is different in segments is SS, which is null; no 64-bit code can tell.
 */
static int enter(snug_vcpu *vcpu, struct snug_regs *regs, struct snug_sregs *s, const struct frame *f,
                 struct snug_error *err)
{
	struct snug__pvm_cpu *p = &vcpu->pvm;
	uint16_t cs = (uint16_t)(p->star >> 32 & 0xfffc);
	int r = 0;

	p->syscalls++;
	regs->rip = p->lstar;
	regs->rsp = f->rsp;
	regs->rflags = (regs->r11 & ~p->fmask & ~X86_RFLAGS_RF) | X86_RFLAGS_ONE;
	if (s->cs.selector != cs) {
		s->cs = (struct snug_segment){.limit = UINT32_MAX,
		                              .selector = cs,
		                              .type = X86_TYPE_CODE_XR_A,
		                              .present = 1,
		                              .s = 1,
		                              .l = 1,
		                              .g = 1};
		s->ss = (struct snug_segment){.limit = UINT32_MAX,
		                              .selector = (uint16_t)(cs + 8),
		                              .type = X86_TYPE_DATA_RW_A,
		                              .present = 1,
		                              .s = 1,
		                              .db = 1,
		                              .g = 1};
		r = snug__kvm_set_sregs(vcpu->kvm.fd, s, &vcpu->vm->watch, err);
	}
	return r < 0 ? r : snug__kvm_set_regs(vcpu->kvm.fd, regs, &vcpu->vm->watch, err);
}

/* What handlers start with, and what is left to do for it but going past it: flags that are cleared. */
static const struct first {
	uint8_t len, bytes[4];
	uint64_t clears;
} firsts[] = {
    {4, {0xf3, 0x0f, 0x1e, 0xfa}, 0},       /* endbr64 */
    {3, {0x0f, 0x1f, 0x00}, 0},             /* nop, where clac is put in */
    {3, {0x0f, 0x01, 0xca}, X86_RFLAGS_AC}, /* clac */
    {1, {0xfc}, X86_RFLAGS_DF},             /* cld */
    {3, {0x90, 0x90, 0x90}, 0},             /* where clac is put in, too */
};

/* The instruction under the breakpoint: past it, or over it by a single step. */
static int step_over(snug_vcpu *vcpu, struct snug_regs *regs, const struct snug_sregs *s, struct snug_error *err)
{
	uint8_t code[4] = {0};

	snug__walk_read(&vcpu->vm->mem, s, regs->rip, code, sizeof(code));
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		if (memcmp(code, firsts[i].bytes, firsts[i].len) != 0)
			continue;
		regs->rip += firsts[i].len;
		regs->rflags &= ~firsts[i].clears;
		return snug__kvm_set_regs(vcpu->kvm.fd, regs, &vcpu->vm->watch, err);
	}
	vcpu->pvm.stepping = true;
	return rearm(vcpu, err);
}

/* The step over it is done, whatever ended it. */
static int stepped(snug_vcpu *vcpu, struct snug_error *err)
{
	vcpu->pvm.stepping = false;
	return rearm(vcpu, err);
}

static int on_debug(snug_vcpu *vcpu, struct snug_error *err)
{
	const struct kvm_debug_exit_arch *x = &vcpu->kvm.run->debug.arch;
	struct snug__pvm_cpu *p = &vcpu->pvm;
	struct snug_sregs s;
	struct snug_regs regs;
	struct frame f;
	int r;

	if (x->exception == X86_VECTOR_DB && p->stepping && (x->dr6 & X86_DR6_BS)) {
		r = stepped(vcpu, err);
		return r < 0 ? r : !(vcpu->debug.control & KVM_GUESTDBG_SINGLESTEP);
	}
	if (x->exception != X86_VECTOR_DB || !p->trap || x->pc != p->trap || !(x->dr6 >> TRAP_SLOT & 1))
		return 0;
	r = read_state(vcpu, &regs, &s, err);
	if (r < 0)
		return r;
	if (read_frame(vcpu, &s, regs.rsp, &f) && is_syscall(p, &s, &f))
		r = enter(vcpu, &regs, &s, &f, err);
	else
		r = step_over(vcpu, &regs, &s, err);
	return r < 0 ? r : 1;
}

/* ---- The MSRs. */

static int on_wrmsr(snug_vcpu *vcpu, struct snug_error *err)
{
	struct kvm_run *run = vcpu->kvm.run;
	struct snug__pvm_cpu *p = &vcpu->pvm;
	struct snug_sregs s;
	int r;

	if (run->msr.index < X86_MSR_STAR || run->msr.index > X86_MSR_FMASK)
		return 0;
	vcpu->pending = SNUG__PENDING_DONE;
	run->msr.error = set_msr(vcpu, run->msr.index, run->msr.data) < 0; /* 1: #GP; KVM 5 */
	if (run->msr.error)
		return 1;
	if (run->msr.index == X86_MSR_STAR)
		p->star = run->msr.data;
	else if (run->msr.index == X86_MSR_LSTAR)
		p->lstar = run->msr.data;
	else if (run->msr.index == X86_MSR_FMASK)
		p->fmask = run->msr.data;
	r = snug__kvm_get_sregs(vcpu->kvm.fd, &s, &vcpu->vm->watch, err);
	if (r >= 0)
		r = place(vcpu, &s, err);
	return r < 0 ? r : 1;
}

int snug__pvm_resume(snug_vcpu *vcpu, struct snug_error *err)
{
	struct snug__pvm_cpu *p = &vcpu->pvm;
	struct kvm_msr_entry rows[] = {{.index = X86_MSR_STAR}, {.index = X86_MSR_LSTAR}, {.index = X86_MSR_FMASK}};
	struct snug_sregs s;
	int r;

	if (!vcpu->vm->pvm)
		return 0;
	r = snug__kvm_get_msrs(vcpu->kvm.fd, rows, 3, &vcpu->vm->watch, err);
	if (r < 0)
		return r;
	p->star = rows[0].data;
	p->lstar = r == 3 ? rows[1].data : 0;
	p->fmask = rows[2].data;
	p->stepping = false;
	p->trap = 0;
	r = snug__sync_flush(vcpu, err);
	if (r >= 0)
		r = snug__kvm_get_sregs(vcpu->kvm.fd, &s, &vcpu->vm->watch, err);
	if (r >= 0 && p->lstar)
		p->trap = snug__gate(vcpu, &s, X86_VECTOR_PF);
	return r < 0 ? r : rearm(vcpu, err);
}

/* ---- Instructions the emulator lacks. */

/* KVM 4.32 "KVM_SET_VCPU_EVENTS"; SDM 3A 6.5: int3 and into are exceptions of their own, int n is a software interrupt. */
static int inject(snug_vcpu *vcpu, const struct snug__assist_fault *f, struct snug_error *err)
{
	struct kvm_vcpu_events ev;
	int r = snug__kvm_get_events(vcpu->kvm.fd, &ev, &vcpu->vm->watch, err);

	if (r < 0)
		return r;
	if (f->soft && f->vector != X86_VECTOR_BP && f->vector != X86_VECTOR_OF) {
		ev.interrupt.injected = 1;
		ev.interrupt.nr = f->vector;
		ev.interrupt.soft = 1;
	} else {
		ev.exception.injected = 1;
		ev.exception.nr = f->vector;
		ev.exception.has_error_code = f->has_code;
		ev.exception.error_code = f->code;
	}
	return snug__kvm_set_events(vcpu->kvm.fd, &ev, &vcpu->vm->watch, err);
}

static int put_back(snug_vcpu *vcpu, struct snug__assist *a, enum snug__assist_result result, struct snug_error *err)
{
	bool fault = result == SNUG__ASSIST_FAULT;
	int r = 0;

	if (fault && a->fault.vector == X86_VECTOR_PF)
		a->sregs.cr2 = a->fault.cr2;
	/* KVM forgets what it has of page tables when CR4.PGE changes: SDM 3A 4.10.4.1. */
	if (a->flush) {
		a->sregs.cr4 ^= X86_CR4_PGE;
		r = snug__kvm_set_sregs(vcpu->kvm.fd, &a->sregs, &vcpu->vm->watch, err);
		a->sregs.cr4 ^= X86_CR4_PGE;
		a->sregs_changed = true;
	}
	if (r < 0)
		return r;
	if (a->sregs_changed || (fault && a->fault.vector == X86_VECTOR_PF))
		r = snug__kvm_set_sregs(vcpu->kvm.fd, &a->sregs, &vcpu->vm->watch, err);
	if (r >= 0)
		r = snug__kvm_set_regs(vcpu->kvm.fd, &a->regs, &vcpu->vm->watch, err);
	if (r >= 0 && fault)
		r = inject(vcpu, &a->fault, err);
	return r;
}

/* The bytes at RIP: KVM's, and what follows them. */
static unsigned fetch(const snug_vcpu *vcpu, const struct snug__assist *a, uint8_t insn[INSN_BYTES])
{
	uint64_t at = a->regs.rip + (a->sregs.efer & X86_EFER_LMA && a->sregs.cs.l ? 0 : a->sregs.cs.base);

	return (unsigned)snug__walk_read(&vcpu->vm->mem, &a->sregs, at, insn, INSN_BYTES);
}

/* A debugger's single step over an instruction that was done here ends as KVM would have ended it. */
static int tell_step(snug_vcpu *vcpu, uint64_t rip)
{
	struct kvm_run *run = vcpu->kvm.run;

	if (!(vcpu->debug.control & KVM_GUESTDBG_SINGLESTEP))
		return 1;
	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch = (struct kvm_debug_exit_arch){.exception = X86_VECTOR_DB, .pc = rip, .dr6 = X86_DR6_BS};
	return 0;
}

int snug__pvm_emulate(snug_vcpu *vcpu, struct snug_error *err)
{
	struct snug__pvm_cpu *p = &vcpu->pvm;
	struct snug__assist a = {.mem = &vcpu->vm->mem, .decoder = &vcpu->vm->decoder, .ops = &ops, .ctx = vcpu};
	enum snug__assist_result result = SNUG__ASSIST_UNKNOWN;
	uint8_t insn[INSN_BYTES];
	unsigned len;
	int r = read_state(vcpu, &a.regs, &a.sregs, err);

	if (r < 0)
		return r;
	len = fetch(vcpu, &a, insn);
	if (len)
		result = snug__assist(&a, insn, len);
	if (result == SNUG__ASSIST_UNKNOWN)
		return 0;
	p->count[a.kind]++;
	r = put_back(vcpu, &a, result, err);
	if (r >= 0 && p->stepping)
		r = stepped(vcpu, err);
	if (r >= 0)
		r = place(vcpu, &a.sregs, err);
	return r < 0 ? r : tell_step(vcpu, a.regs.rip);
}

static int on_emulation(snug_vcpu *vcpu, struct snug_error *err)
{
	struct snug__assist a = {0};
	uint8_t insn[INSN_BYTES];
	int r = vcpu->vm->debugger ? read_state(vcpu, &a.regs, &a.sregs, err) : 0;

	if (r < 0)
		return r;
	/* It may be the debugger's, who calls snug__pvm_emulate if it is not. */
	if (vcpu->vm->debugger && fetch(vcpu, &a, insn) && insn[0] == INT3)
		return 0;
	return snug__pvm_emulate(vcpu, err);
}

int snug_assist_stats(const snug_vm *vm, struct snug_assist_stat *rows, size_t max)
{
	struct snug_assist_stat row;
	int n = 0;

	for (unsigned kind = SNUG__ASSIST_TRAP; kind <= SNUG__ASSIST_KINDS; kind++) {
		bool entries = kind == SNUG__ASSIST_KINDS;

		row = (struct snug_assist_stat){
		    entries ? "syscall" : snug__assist_kind_name((enum snug__assist_kind)kind), 0};
		for (unsigned i = 0; i < vm->cpus; i++)
			row.count += entries ? vm->vcpus[i].pvm.syscalls : vm->vcpus[i].pvm.count[kind];
		if (!row.count)
			continue;
		if ((size_t)n < max)
			rows[n] = row;
		n++;
	}
	return n;
}

int snug__pvm_exit(snug_vcpu *vcpu, struct snug_error *err)
{
	const struct kvm_run *run = vcpu->kvm.run;

	switch (run->exit_reason) {
	case KVM_EXIT_INTERNAL_ERROR:
		return run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION ? on_emulation(vcpu, err) : 0;
	case KVM_EXIT_DEBUG:
		return on_debug(vcpu, err);
	case KVM_EXIT_X86_WRMSR:
		return on_wrmsr(vcpu, err);
	default:
		return 0;
	}
}

/* SDM 2B VMCALL; APM 3 VMMCALL. */
static bool is_vmcall(const uint8_t code[3])
{
	return code[0] == 0x0f && code[1] == 0x01 && (code[2] == 0xc1 || code[2] == 0xd9);
}

int snug__pvm_look(snug_vcpu *vcpu, struct snug_error *err)
{
	struct snug_sregs s;
	struct snug_regs regs;
	uint8_t code[3] = {0};
	int r = read_state(vcpu, &regs, &s, err);

	if (r < 0 || !(s.efer & X86_EFER_LMA) || (s.cs.selector & 3))
		return r;
	if (snug__walk_read(&vcpu->vm->mem, &s, regs.rip, code, sizeof(code)) != sizeof(code) || !is_vmcall(code))
		return 0;
	/* Linux Documentation/virt/kvm/x86/hypercalls.rst: -KVM_ENOSYS, there is no such call. */
	regs.rax = (uint64_t)-1000;
	regs.rip += sizeof(code);
	return snug__kvm_set_regs(vcpu->kvm.fd, &regs, &vcpu->vm->watch, err);
}

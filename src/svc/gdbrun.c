/* SPDX-License-Identifier: MIT */
/* gdbrun: a VM run under a debugger: vCPUs take turns in the calling thread, and each exit is a stop, an end or nothing */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "core/core.h"
#include "core/pvm.h"
#include "core/smp.h"
#include "host/clock.h"
#include "svc/gdbrun.h"
#include "x86/walk.h"
#include "x86/x86.h"

#define INT3 0xcc
#define HLT 0xf4
#define TURN_NS 1000000ull      /* of one vCPU of several */
#define SHORT_TURN_NS 100000ull /* while another one steps */

/* What one turn came to. */
enum outcome {
	MORE,    /* nothing to tell */
	STEPPED, /* the one instruction is done */
	STOP,    /* the debugger is to be told */
	CALLER,  /* the exit is the caller's */
	END,     /* the exit ended the guest */
	PASS,    /* a stop of ours that is none: on from there, past one instruction */
};

/* Where a vCPU stands. */
static int find(snug_vcpu *vcpu, struct snug__gdb_seen *out, struct snug_error *err)
{
	struct snug_regs r;
	int code = snug_vcpu_get_regs(vcpu, &r, err);

	if (code >= 0)
		code = snug_vcpu_get_sregs(vcpu, &out->sregs, err);
	if (code >= 0)
		out->pc = snug__gdb_pc(&r, &out->sregs);
	return code;
}

static int pc_of(snug_vcpu *vcpu, uint64_t *pc, struct snug_error *err)
{
	struct snug__gdb_seen seen;
	int r = find(vcpu, &seen, err);

	*pc = r < 0 ? 0 : seen.pc;
	return r;
}

static int set_debug(struct snug_gdb *g, unsigned cpu, struct kvm_guest_debug d, struct snug_error *err)
{
	int r = snug__vcpu_debug(&g->vm->vcpus[cpu], &d, err);

	if (r >= 0)
		g->cpus[cpu].debug = d;
	return r;
}

/*
 * On kvm_pvm the trap flag and int3 of user mode end up in the handlers of a guest that has an IDT of its own.  These run
 * at CPL 0, where debug registers work.
 */
static void find_gates(const struct snug_gdb *g, unsigned cpu, const struct snug_sregs *s, bool step,
                       uint64_t gates[SNUG__GDB_GATES])
{
	snug_vcpu *vcpu = &g->vm->vcpus[cpu];

	gates[0] = !g->places.native && step ? snug__gate(vcpu, s, X86_VECTOR_DB) : 0;
	gates[1] = !g->places.native && !step && g->places.count ? snug__gate(vcpu, s, X86_VECTOR_BP) : 0;
}

static int arm(struct snug_gdb *g, unsigned cpu, struct snug_error *err)
{
	struct snug__gdb_cpu *c = &g->cpus[cpu];
	struct kvm_guest_debug d;
	struct snug_sregs s = {0};
	int r = g->places.count ? snug_vcpu_get_sregs(&g->vm->vcpus[cpu], &s, err) : 0;

	if (r < 0)
		return r;
	find_gates(g, cpu, &s, false, c->gates);
	d = snug__gdb_debug(&g->places, false, c->gates, c->regs);
	return memcmp(&d, &c->debug, sizeof(d)) ? set_debug(g, cpu, d, err) : 0;
}

/*
 * KVM sets the trap flag for the instruction that is next when it is told, so each step is told anew.  `hlt` exits by
 * itself, and stepped over it leaves the emulator with a halt that comes too late, after another instruction.
 */
static int arm_step(struct snug_gdb *g, unsigned cpu, struct snug_error *err)
{
	struct snug__gdb_cpu *c = &g->cpus[cpu];
	uint8_t first = 0;
	int r = c->has_seen ? 0 : find(&g->vm->vcpus[cpu], &c->seen, err);

	c->has_seen = false;
	if (r < 0)
		return r;
	snug__walk_read(&g->vm->mem, &c->seen.sregs, c->seen.pc, &first, 1);
	if (first == HLT)
		return set_debug(g, cpu, (struct kvm_guest_debug){0}, err);
	find_gates(g, cpu, &c->seen.sregs, true, c->gates);
	if (c->gates[0] == c->seen.pc)
		c->gates[0] = 0; /* it stands there already */
	return set_debug(g, cpu, snug__gdb_debug(&g->places, true, c->gates, c->regs), err);
}

int snug__gdb_disarm(struct snug_gdb *g, struct snug_error *err)
{
	int r = 0;

	g->places.count = 0;
	for (unsigned i = 0; i < g->vm->cpus && r >= 0; i++)
		r = arm(g, i, err);
	return r;
}

static int move_rip(snug_vcpu *vcpu, int by, struct snug_error *err)
{
	struct snug_regs r;
	int code = snug_vcpu_get_regs(vcpu, &r, err);

	if (code < 0)
		return code;
	r.rip += (uint64_t)(int64_t)by;
	return snug_vcpu_set_regs(vcpu, &r, err);
}

static int at_break(struct snug__gdb_stop *stop, const struct snug__gdb_place *p)
{
	stop->signal = SNUG__GDB_SIGTRAP;
	stop->why = p->type == SNUG__GDB_SW ? SNUG__GDB_AT_SW : SNUG__GDB_AT_HW;
	return STOP;
}

static int at_watch(struct snug__gdb_stop *stop, const struct snug__gdb_place *p)
{
	stop->signal = SNUG__GDB_SIGTRAP;
	stop->why = SNUG__GDB_AT_WATCH;
	stop->point = p->type;
	stop->addr = p->addr;
	return STOP;
}

static int fatal(struct snug_gdb *g, const struct snug_exit *x, enum snug__gdb_signal signal,
                 struct snug__gdb_stop *stop)
{
	g->end = *x;
	stop->signal = signal;
	stop->fatal = true;
	return STOP;
}

/* GDB's names for what an exception means to a program. */
static enum snug__gdb_signal signal_of(uint8_t vector)
{
	static const uint8_t signals[] = {
	    [0] = SNUG__GDB_SIGFPE,  [6] = SNUG__GDB_SIGILL,  [7] = SNUG__GDB_SIGFPE,
	    [16] = SNUG__GDB_SIGFPE, [17] = SNUG__GDB_SIGBUS, [19] = SNUG__GDB_SIGFPE,
	};

	return vector < sizeof(signals) && signals[vector] ? (enum snug__gdb_signal)signals[vector]
	                                                   : SNUG__GDB_SIGSEGV;
}

static int on_fault(struct snug_gdb *g, unsigned cpu, bool step, const struct snug_exit *x,
                    struct snug__gdb_stop *stop, struct snug_error *err)
{
	snug_vcpu *vcpu = &g->vm->vcpus[cpu];
	const struct snug__gdb_place *p;
	uint64_t pc;
	int r = snug__gdb_unfault(vcpu, &x->fault, step, err);

	if (r < 0)
		return r;
	if (r > 0 && x->fault.vector == X86_VECTOR_DB) {
		stop->signal = SNUG__GDB_SIGTRAP;
		return step ? STEPPED : STOP;
	}
	if (r > 0 && x->fault.vector == X86_VECTOR_BP) {
		r = pc_of(vcpu, &pc, err);
		p = r < 0 ? NULL : snug__gdb_break_at(&g->places, pc - 1);
		if (p && !step) {
			r = move_rip(vcpu, -1, err);
			return r < 0 ? r : at_break(stop, p);
		}
		stop->signal = SNUG__GDB_SIGTRAP; /* the guest's own int3, done */
		return r < 0 ? r : STOP;
	}
	return fatal(g, x, signal_of(x->fault.vector), stop);
}

/* Stopped at a guest's own handler: STEPPED or STOP where the debugger led there, PASS where the guest did. */
static int at_gate(struct snug_gdb *g, unsigned cpu, bool step, struct snug__gdb_stop *stop, struct snug_error *err)
{
	unsigned vector = step ? X86_VECTOR_DB : X86_VECTOR_BP;
	struct snug_exit x = {.kind = SNUG_EXIT_FAULT};

	if (!snug__gdb_gate_frame(&g->vm->vcpus[cpu], vector, &x.fault) ||
	    (!step && !snug__gdb_break_at(&g->places, x.fault.rip - 1)))
		return PASS;
	return on_fault(g, cpu, step, &x, stop, err);
}

/* KVM stops at every int3 while there are breakpoints: the guest's own go to its handler, or to snug's stub. */
static int give_back(struct snug_gdb *g, unsigned cpu, struct snug_error *err)
{
	struct kvm_guest_debug d = g->cpus[cpu].debug, once = d;
	int r;

	once.control |= KVM_GUESTDBG_INJECT_BP;
	r = set_debug(g, cpu, once, err);
	g->cpus[cpu].debug = d;
	return r < 0 ? r : MORE;
}

static int on_debug(struct snug_gdb *g, unsigned cpu, bool step, const struct snug_exit *x,
                    struct snug__gdb_stop *stop, struct snug_error *err)
{
	snug_vcpu *vcpu = &g->vm->vcpus[cpu];
	const struct snug__gdb_place *p = NULL;
	uint64_t pc;
	int r;

	for (unsigned i = 0; i < SNUG__GDB_DEBUG_REGS && x->debug.exception == X86_VECTOR_DB; i++) {
		if (!(x->debug.dr6 >> i & 1) || !(p = g->cpus[cpu].regs[i]))
			continue;
		if (p->type != SNUG__GDB_SW && p->type != SNUG__GDB_HW)
			return at_watch(stop, p);
	}
	if (x->debug.exception == X86_VECTOR_DB && (x->debug.dr6 & X86_DR6_BS))
		return STEPPED;
	r = pc_of(vcpu, &pc, err);
	if (r < 0)
		return r;
	p = p ? p : snug__gdb_break_at(&g->places, pc);
	if (!p && pc && pc == g->cpus[cpu].gates[step ? 0 : 1])
		return at_gate(g, cpu, step, stop, err);
	if (p)
		return at_break(stop, p);
	if (x->debug.exception == X86_VECTOR_BP)
		return give_back(g, cpu, err);
	stop->signal = SNUG__GDB_SIGTRAP;
	return STOP;
}

/* kvm_pvm's emulator has no int3 in protected and long mode: it fails there. */
static int on_internal(struct snug_gdb *g, unsigned cpu, bool step, const struct snug_exit *x,
                       struct snug__gdb_stop *stop, struct snug_error *err)
{
	snug_vcpu *vcpu = &g->vm->vcpus[cpu];
	const struct snug__gdb_place *p;
	uint64_t pc;
	int r;

	if (x->internal.suberror != KVM_INTERNAL_ERROR_EMULATION || x->internal.insn_len == 0 ||
	    x->internal.insn[0] != INT3)
		return fatal(g, x, SNUG__GDB_SIGILL, stop);
	r = pc_of(vcpu, &pc, err);
	if (r < 0)
		return r;
	p = snug__gdb_break_at(&g->places, pc);
	if (p && !step)
		return at_break(stop, p);
	/* A kernel's own goes to its handler; a bare guest has none that could be found in the way of a debugger. */
	if (g->vm->pvm) {
		r = snug__pvm_emulate(vcpu, err);
		return r < 0 ? r : step ? STEPPED : MORE;
	}
	stop->signal = SNUG__GDB_SIGTRAP;
	r = move_rip(vcpu, 1, err);
	return r < 0 ? r : STOP;
}

/* What an exit means; enum outcome or a negative errno. */
static int classify(struct snug_gdb *g, unsigned cpu, bool step, struct snug_exit *x, struct snug__gdb_stop *stop,
                    struct snug_error *err)
{
	switch (x->kind) {
	case SNUG_EXIT_NONE: /* a device dealt with it */
	case SNUG_EXIT_TIMEOUT:
		return MORE;
	case SNUG_EXIT_DEBUG:
		return on_debug(g, cpu, step, x, stop, err);
	case SNUG_EXIT_FAULT:
		return on_fault(g, cpu, step, x, stop, err);
	case SNUG_EXIT_INTERNAL:
		return on_internal(g, cpu, step, x, stop, err);
	case SNUG_EXIT_SHUTDOWN:
		return fatal(g, x, SNUG__GDB_SIGABRT, stop);
	case SNUG_EXIT_FAIL_ENTRY:
		return fatal(g, x, SNUG__GDB_SIGILL, stop);
	case SNUG_EXIT_MEMORY:
		return fatal(g, x, SNUG__GDB_SIGBUS, stop);
	case SNUG_EXIT_HLT:
		if (!x->hlt.interrupts)
			return END;
		g->cpus[cpu].halted = !step;
		return step ? STEPPED : MORE;
	case SNUG_EXIT_STATUS:
	case SNUG_EXIT_RESET:
	case SNUG_EXIT_POWEROFF:
	case SNUG_EXIT_PANIC:
		return END;
	default:
		return CALLER;
	}
}

/*
 * Retires the access of the last exit.  MORE: nothing was pending, or it is done; STEPPED: and with it the instruction
 * being stepped over.  Where the instruction made another access, the next run returns that.
 */
static int retire(struct snug_gdb *g, unsigned cpu, struct snug_error *err)
{
	struct snug__gdb_cpu *c = &g->cpus[cpu];
	int r = snug_vcpu_complete(&g->vm->vcpus[cpu], err);
	bool stepped = c->stepping && r >= 0;

	if (r < 0 && r != -EBUSY)
		return r;
	c->stepping = false;
	return stepped ? STEPPED : MORE;
}

/* One instruction, or what comes in its place. */
static int step_once(struct snug_gdb *g, unsigned cpu, uint64_t ns, struct snug_exit *x, struct snug__gdb_stop *stop,
                     struct snug_error *err)
{
	snug_vcpu *vcpu = &g->vm->vcpus[cpu];
	int r = vcpu->has_held ? 0 : arm_step(g, cpu, err);

	if (r < 0)
		return r;
	vcpu->once = true;
	r = snug_vcpu_run(vcpu, ns, x, err);
	vcpu->once = false;
	if (r < 0)
		return r;
	r = classify(g, cpu, true, x, stop, err);
	if (r == PASS)
		return STEPPED; /* into the handler */
	if ((r == MORE || r == CALLER) && vcpu->pending != SNUG__PENDING_NONE)
		g->cpus[cpu].stepping = true; /* KVM loses the stop of such an instruction */
	return r == MORE ? retire(g, cpu, err) : r;
}

/* After a step: is there more to tell than that it was one? */
static int look(struct snug_gdb *g, unsigned cpu, struct snug__gdb_stop *stop, struct snug_error *err)
{
	struct snug__gdb_cpu *c = &g->cpus[cpu];
	const struct snug__gdb_place *p;
	int r;

	if (g->vm->vcpus[cpu].has_held)
		return MORE;
	r = find(&g->vm->vcpus[cpu], &c->seen, err);
	if (r < 0)
		return r;
	c->has_seen = true;
	p = snug__gdb_changed(&g->places, &g->vm->mem, &c->seen.sregs);
	if (p)
		return at_watch(stop, p);
	stop->signal = SNUG__GDB_SIGTRAP;
	if (g->engine.actions[cpu] == SNUG__GDB_STEP)
		return STOP;
	p = snug__gdb_break_at(&g->places, c->seen.pc);
	return p ? at_break(stop, p) : MORE;
}

static int run_on(struct snug_gdb *g, unsigned cpu, uint64_t ns, struct snug_exit *x, struct snug__gdb_stop *stop,
                  struct snug_error *err)
{
	snug_vcpu *vcpu = &g->vm->vcpus[cpu];
	int r = vcpu->has_held ? 0 : arm(g, cpu, err);

	if (r >= 0 && !vcpu->has_held)
		r = snug__gdb_patch(&g->places, vcpu, g->cpus[cpu].regs, err);
	if (r < 0)
		return r;
	r = snug_vcpu_run(vcpu, ns, x, err);
	snug__gdb_unpatch(&g->places, vcpu);
	if (r < 0)
		return r;
	r = classify(g, cpu, false, x, stop, err);
	if (r != PASS)
		return r;
	r = step_once(g, cpu, ns, x, stop, err);
	return r == STEPPED ? MORE : r;
}

/* A vCPU's turn, until `deadline` at most (0: none). */
static int turn(struct snug_gdb *g, unsigned cpu, uint64_t deadline, struct snug_exit *x, struct snug__gdb_stop *stop,
                struct snug_error *err)
{
	bool stepwise = g->engine.actions[cpu] == SNUG__GDB_STEP || snug__gdb_compares(&g->places);
	uint64_t now = 0;
	int r;

	*stop = (struct snug__gdb_stop){.cpu = cpu};
	g->cpus[cpu].has_seen = false;
	r = retire(g, cpu, err);
	if (r == STEPPED)
		r = look(g, cpu, stop, err);
	while (r == MORE && !g->cpus[cpu].halted) {
		now = deadline ? snug__now_ns() : 0;
		if (deadline && now >= deadline)
			break;
		if (!stepwise)
			return run_on(g, cpu, deadline ? deadline - now : 0, x, stop, err);
		r = step_once(g, cpu, deadline ? deadline - now : 0, x, stop, err);
		if (r == STEPPED)
			r = look(g, cpu, stop, err);
	}
	return r;
}

static bool runs(const struct snug_gdb *g, unsigned cpu)
{
	uint8_t action = g->engine.actions[cpu];

	if (g->cpus[cpu].halted)
		return false;
	return action == SNUG__GDB_STEP || (action == SNUG__GDB_CONT && cpu < g->run_cpus);
}

/* The next in turn, -1: none can run.  *several and *steps tell of the others. */
static int next(struct snug_gdb *g, bool *several, bool *steps)
{
	int found = -1;

	*several = *steps = false;
	for (unsigned i = 0; i < g->vm->cpus; i++) {
		unsigned cpu = (g->turn + i) % g->vm->cpus;

		if (!runs(g, cpu))
			continue;
		*several = found >= 0;
		*steps = *steps || g->engine.actions[cpu] == SNUG__GDB_STEP;
		found = found < 0 ? (int)cpu : found;
	}
	return found;
}

static void tell(struct snug_gdb *g, const struct snug__gdb_stop *stop)
{
	for (unsigned i = 0; i < g->vm->cpus; i++)
		g->cpus[i].halted = false;
	snug__gdb_stopped(&g->engine, stop);
}

/* Ctrl-C: the vCPU that ran last is shown.  What it was in the middle of is finished first, and may be told instead. */
static int interrupted(struct snug_gdb *g, struct snug_exit *x, struct snug_error *err)
{
	unsigned cpu = g->last;
	struct snug__gdb_stop stop = {.cpu = cpu, .signal = SNUG__GDB_SIGINT};
	snug_vcpu *vcpu = &g->vm->vcpus[cpu];
	int r = MORE;

	while (r == MORE && snug_vcpu_complete(vcpu, err) == -EBUSY) {
		r = snug_vcpu_run(vcpu, 0, x, err);
		if (r >= 0)
			r = classify(g, cpu, false, x, &stop, err);
	}
	if (r == MORE || r == STEPPED || r == STOP)
		tell(g, &stop);
	return r == STEPPED || r == STOP ? MORE : r;
}

static void end(struct snug_gdb *g, const struct snug_exit *x)
{
	g->end = *x;
	snug__gdb_exited(&g->engine, x->kind == SNUG_EXIT_STATUS ? x->status.code : 0);
}

static int go(struct snug_gdb *g, uint64_t deadline, struct snug_exit *x, struct snug_error *err)
{
	struct snug__gdb_engine *e = &g->engine;
	struct snug__gdb_stop stop;
	bool several, steps;

	while (e->state == SNUG_GDB_RUN) {
		int cpu = next(g, &several, &steps), r;
		uint64_t now = snug__now_ns(), until = now + (steps ? SHORT_TURN_NS : TURN_NS);

		if (e->interrupt) {
			r = interrupted(g, x, err);
		} else if (cpu < 0) {
			*x = (struct snug_exit){.kind = SNUG_EXIT_HLT, .reason = KVM_EXIT_HLT, .vcpu = g->vm->vcpus};
			x->hlt.interrupts = true;
			return 0;
		} else if (deadline && now >= deadline) {
			x->kind = SNUG_EXIT_TIMEOUT;
			return 0;
		} else {
			if (!several || (deadline && until > deadline))
				until = deadline;
			r = turn(g, (unsigned)cpu, until, x, &stop, err);
			g->last = (unsigned)cpu;
			g->turn = (unsigned)cpu + 1;
			if (r == STOP)
				tell(g, &stop);
		}
		if (r < 0)
			return r;
		if (r == END)
			end(g, x);
		if (r == CALLER)
			return 0;
	}
	return 0;
}

int snug__gdb_go(struct snug_gdb *g, uint64_t deadline, struct snug_exit *x, struct snug_error *err)
{
	int r;

	g->vm->debugger = true;
	snug__smp_live(g->vm, true);
	r = go(g, deadline, x, err);
	snug__smp_live(g->vm, false);
	g->vm->debugger = false;
	return r;
}

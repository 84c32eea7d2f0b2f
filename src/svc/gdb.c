/* SPDX-License-Identifier: MIT */
/* gdb: the public calls, and what the engine asks of a VM */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "core/core.h"
#include "host/clock.h"
#include "host/kind.h"
#include "svc/gdbrun.h"
#include "x86/walk.h"
#include "x86/x86.h"

static snug_vcpu *vcpu_of(void *ctx, unsigned cpu)
{
	return &((struct snug_gdb *)ctx)->vm->vcpus[cpu];
}

static int get_regs(void *ctx, unsigned cpu, struct snug__gdb_regs *out)
{
	snug_vcpu *vcpu = vcpu_of(ctx, cpu);
	int r = snug_vcpu_get_regs(vcpu, &out->regs, NULL);

	if (r >= 0)
		r = snug_vcpu_get_sregs(vcpu, &out->sregs, NULL);
	return r < 0 ? r : snug__kvm_get_fpu(vcpu->kvm.fd, &out->fpu, &vcpu->vm->watch, NULL);
}

/* A selector that changes brings its hidden part along, as when the guest loads it. */
static int set_sregs(snug_vcpu *vcpu, struct snug_sregs s)
{
	struct snug_sregs old;
	struct snug_segment *const now[] = {&s.cs, &s.ss, &s.ds, &s.es, &s.fs, &s.gs};
	const struct snug_segment *const was[] = {&old.cs, &old.ss, &old.ds, &old.es, &old.fs, &old.gs};
	int r = snug_vcpu_get_sregs(vcpu, &old, NULL);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < sizeof(now) / sizeof(now[0]); i++)
		if (now[i]->selector != was[i]->selector && !snug__gdb_segment(vcpu, &s, now[i]->selector, now[i]))
			return -EINVAL;
	return snug_vcpu_set_sregs(vcpu, &s, NULL);
}

static int set_regs(void *ctx, unsigned cpu, const struct snug__gdb_regs *in, unsigned which)
{
	snug_vcpu *vcpu = vcpu_of(ctx, cpu);
	int r = 0;

	if (which & SNUG__GDB_SREGS)
		r = set_sregs(vcpu, in->sregs);
	if (r >= 0 && (which & SNUG__GDB_REGS))
		r = snug_vcpu_set_regs(vcpu, &in->regs, NULL);
	if (r >= 0 && (which & SNUG__GDB_FPU))
		r = snug__kvm_set_fpu(vcpu->kvm.fd, &in->fpu, &vcpu->vm->watch, NULL);
	return r;
}

static size_t read_memory(void *ctx, unsigned cpu, uint64_t addr, void *to, size_t len)
{
	int n = snug_vcpu_read(vcpu_of(ctx, cpu), addr, to, len, NULL);

	return n < 0 ? 0 : (size_t)n;
}

/* All of it or nothing: the pages are found first. */
static int write_memory(void *ctx, unsigned cpu, uint64_t addr, const void *from, size_t len)
{
	struct snug_gdb *g = ctx;
	snug_vcpu *vcpu = vcpu_of(ctx, cpu);
	struct snug_sregs s;
	snug_gpa gpa;
	int r = snug_vcpu_get_sregs(vcpu, &s, NULL);

	for (unsigned pass = 0; pass < 2 && r >= 0; pass++) {
		for (size_t done = 0, n; done < len; done += n) {
			uint64_t at = addr + done;

			n = (size_t)snug__min(len - done, SNUG_PAGE - (at & (SNUG_PAGE - 1)));
			if (snug__walk(&g->vm->mem, &s, at, &gpa, NULL) < 0 || !snug__mem_has(&g->vm->mem, gpa, n))
				return -EFAULT;
			if (pass)
				snug__mem_write(&g->vm->mem, gpa, (const uint8_t *)from + done, n);
		}
	}
	if (r >= 0)
		snug__gdb_changed(&g->places, &g->vm->mem, &s); /* what the debugger writes is no news to it */
	return r;
}

static int point(void *ctx, unsigned cpu, bool set, enum snug__gdb_point type, uint64_t addr, uint64_t len)
{
	struct snug_gdb *g = ctx;

	return snug__gdb_place(&g->places, vcpu_of(ctx, cpu), set, type, addr, len);
}

static void describe(void *ctx, unsigned cpu, struct snug__gdb_text *out)
{
	const struct snug_gdb *g = ctx;
	struct snug_sregs s;

	snug__gdb_printf(out, "vCPU %u", cpu);
	if (cpu >= g->run_cpus)
		snug__gdb_printf(out, ", not started");
	if (snug_vcpu_get_sregs(vcpu_of(ctx, cpu), &s, NULL) < 0)
		return;
	snug__gdb_printf(out, ", %s, CPL %u",
	                 !(s.cr0 & X86_CR0_PE)  ? "real mode"
	                 : snug__gdb_code64(&s) ? "64-bit"
	                 : s.cs.db              ? "32-bit"
	                                        : "16-bit",
	                 s.cs.dpl & 3u);
}

static void monitor(void *ctx, unsigned cpu, const char *line, struct snug__gdb_text *out)
{
	snug__gdb_monitor(vcpu_of(ctx, cpu), line, out);
}

static const struct snug__gdb_ops ops = {get_regs, set_regs, read_memory, write_memory, point, describe, monitor};

int snug_gdb_new(snug_vm *vm, unsigned cpus, snug_gdb **out, struct snug_error *err)
{
	struct snug_sregs s;
	struct snug_gdb *g;
	int r;

	if (cpus > vm->cpus)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "name at most as many as the VM has",
		                 "gdb: %u vCPUs are to run, the VM has %u", cpus, vm->cpus);
	r = snug_vcpu_get_sregs(&vm->vcpus[0], &s, err);
	if (r < 0)
		return r;
	g = calloc(1, sizeof(*g) + vm->cpus * sizeof(g->cpus[0]));
	r = g ? snug__gdb_init(&g->engine, &ops, g, vm->cpus) : -ENOMEM;
	if (r < 0) {
		free(g);
		return snug__err(err, r, SNUG_STEP_NONE, "free some memory", "gdb: out of memory");
	}
	g->vm = vm;
	g->run_cpus = cpus ? cpus : 1;
	g->places.native = snug__vm_kind(vm) != SNUG_HOST_PVM;
	g->places.reserved = vm->pvm ? 1 : 0; /* core/pvm.c has the last */
	g->engine.arch = snug__gdb_arch_of(&s);
	*out = g;
	return 0;
}

void snug_gdb_free(snug_gdb *gdb)
{
	if (!gdb)
		return;
	snug__gdb_disarm(gdb, NULL);
	snug__gdb_destroy(&gdb->engine);
	free(gdb);
}

size_t snug_gdb_input(snug_gdb *gdb, const void *bytes, size_t len)
{
	return snug__gdb_input(&gdb->engine, bytes, len);
}

size_t snug_gdb_output(snug_gdb *gdb, void *buf, size_t max)
{
	return snug__gdb_output(&gdb->engine, buf, max);
}

int snug_gdb_run(snug_gdb *gdb, uint64_t timeout_ns, struct snug_exit *exit, struct snug_error *err)
{
	struct snug__gdb_engine *e = &gdb->engine;
	uint64_t deadline = 0;
	int r = 0;

	memset(exit, 0, sizeof(*exit));
	if (e->state == SNUG_GDB_RUN) {
		if (timeout_ns && !snug__add(snug__now_ns(), timeout_ns, &deadline))
			deadline = UINT64_MAX;
		r = snug__gdb_go(gdb, deadline, exit, err);
	}
	if (r >= 0 && (e->state == SNUG_GDB_DETACHED || e->state == SNUG_GDB_KILLED || e->state == SNUG_GDB_ENDED))
		r = snug__gdb_disarm(gdb, err);
	if (e->state == SNUG_GDB_ENDED)
		*exit = gdb->end;
	return r < 0 ? r : (int)e->state;
}

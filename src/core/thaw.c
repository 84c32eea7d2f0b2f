/* SPDX-License-Identifier: MIT */
/* thaw: a VM from a frozen state */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "core/frozen.h"
#include "core/hostcalls.h"
#include "core/pc.h"
#include "host/clock.h"
#include "x86/x86.h"

uint64_t snug__thaw_tsc(const struct snug__frozen *f, unsigned cpu, uint64_t elapsed_ns)
{
	const struct snug__cpu_state *c = &f->cpu[cpu];

	if (f->origin.kind == SNUG_HOST_PVM)
		return 0; /* there it is the host's, whatever is set */
	/* kHz * ns is below 2^24 * 2^64; its quotient fits for thousands of years. */
	for (unsigned i = 0; i < c->msr_count; i++)
		if (c->msrs[i].index == X86_MSR_TSC)
			return c->msrs[i].data + (uint64_t)((unsigned __int128)f->tsc_khz * elapsed_ns / 1000000);
	return 0;
}

int snug__thaw_clock(snug_vm *vm, const struct snug__frozen *f, uint64_t elapsed_ns, struct snug_error *err)
{
	int can = snug__kvm_cap(vm->fd, KVM_CAP_ADJUST_CLOCK, &vm->watch);
	struct kvm_clock_data c = {.clock = f->clock.clock + elapsed_ns};

	if (!can || !f->clock.clock)
		return 0;
	/* KVM knows better how long it was, if it wrote down when.  The capability's value is the flags it takes: KVM 4.30. */
	if (vm->hygiene.time == SNUG_TIME_ON && (can & KVM_CLOCK_REALTIME) && (f->clock.flags & KVM_CLOCK_REALTIME)) {
		c.clock = f->clock.clock;
		c.realtime = f->clock.realtime;
		c.flags = KVM_CLOCK_REALTIME;
	}
	return snug__kvm_set_clock(vm->fd, &c, &vm->watch, err);
}

static int put_tables(snug_vm *vm, const struct snug__frozen *f, struct snug_error *err)
{
	vm->has_tables = f->has_tables;
	vm->has_ivt = f->has_ivt;
	return f->has_tables ? snug__tables_plan(&vm->tables, f->ram_top, f->cpus, err) : 0;
}

static int put_cpus(snug_vm *vm, struct snug__frozen *f, uint64_t elapsed, struct snug_error *err)
{
	int r = 0;

	for (unsigned i = 0; r >= 0 && i < vm->cpus; i++)
		r = snug__state_put(&vm->vcpus[i], &f->cpu[i], snug__thaw_tsc(f, i, elapsed), err);
	return r;
}

void snug__baseline_is(snug_vm *vm, struct snug__frozen *f)
{
	snug__frozen_hold(f);
	snug__frozen_drop(vm->baseline);
	vm->baseline = f;
	vm->mem_changes = vm->mem.changes;
}

static int fill(snug_vm *vm, struct snug__frozen *f, const struct snug__traits *t, struct snug_error *err)
{
	uint64_t now = snug__real_ns(), elapsed = 0;
	int r;

	if (t->hygiene.time == SNUG_TIME_ON && now > f->origin.time_ns)
		elapsed = now - f->origin.time_ns;
	vm->hygiene = t->hygiene;
	vm->host_calls = snug__hostcalls_hold(t->host_calls);
	vm->on_host_call = t->on_host_call;
	vm->boot = f->boot;
	vm->symbols = snug__symbols_hold(f->symbols);
	vm->generation_gpa = f->generation_gpa;
	memcpy(vm->mark_stop, f->mark_stop, sizeof(vm->mark_stop));
	snug__baseline_is(vm, f);
	r = t->log ? snug__vm_log(vm, err) : 0;
	if (r >= 0)
		r = put_tables(vm, f, err);
	if (r >= 0)
		r = put_cpus(vm, f, elapsed, err);
	if (r >= 0)
		r = snug__pc_put(vm, &f->pc, err);
	if (r >= 0)
		r = snug__devices_load(vm, f, err);
	if (r >= 0)
		snug__devices_only(vm, f);
	if (r >= 0)
		r = snug__thaw_clock(vm, f, elapsed, err);
	if (r >= 0)
		r = snug__pc_resume(vm, err);
	if (r >= 0)
		r = snug__generation_renew(vm, err);
	return r;
}

int snug__thaw_as(struct snug__frozen *f, const struct snug__traits *traits, snug_vm **out, struct snug_error *err)
{
	snug_vm *vm;
	int r = snug__vm_make(&traits->cfg, f, traits->dev, traits->log, &vm, err);

	if (r < 0)
		return r;
	r = fill(vm, f, traits, err);
	if (r < 0)
		snug_vm_free(vm);
	else
		*out = vm;
	return r < 0 ? r : 0;
}

int snug__thaw(struct snug__frozen *f, const struct snug_config *cfg, bool use_unclaimed, snug_vm **out,
               struct snug_error *err)
{
	struct snug__traits t = {.dev = -1, .cfg = {.size = sizeof(t.cfg)}};

	if (cfg)
		t.cfg = *cfg;
	if (!t.cfg.kvm_path)
		t.cfg.kvm_path = "/dev/kvm";
	if (!use_unclaimed)
		t.cfg.unclaimed = f->unclaimed;
	return snug__thaw_as(f, &t, out, err);
}

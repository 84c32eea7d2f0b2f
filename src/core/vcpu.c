/* SPDX-License-Identifier: MIT */
/* vcpu: a virtual CPU and its registers: steps 5 to 7 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "core/core.h"
#include "core/pc.h"
#include "core/pvm.h"
#include "host/kind.h"
#include "x86/cpuid.h"
#include "x86/regname.h"
#include "x86/walk.h"

/*
 * The host's table names the host CPU it was read on: each vCPU gets its own APIC id instead.  SDM 2A table 3-8: leaf 1
 * EBX bits 31:24; leaves 0xb and 0x1f EDX.
 */
static void own_cpuid(snug_vcpu *vcpu, struct snug__kvm_cpuid *table)
{
	for (uint32_t i = 0; i < table->nent; i++) {
		struct kvm_cpuid_entry2 *e = &table->rows[i];

		if (e->function == 1)
			e->ebx = (e->ebx & 0x00ffffff) | vcpu->index << 24;
		else if (e->function == 0xb || e->function == 0x1f)
			e->edx = vcpu->index;
	}
}

static int set_cpuid(snug_vcpu *vcpu, struct snug__kvm_cpuid *table, struct snug_error *err)
{
	int r = snug__kvm_set_cpuid(vcpu->kvm.fd, table, &vcpu->vm->watch, err);

	if (r >= 0)
		r = snug__pvm_cpuid(vcpu, table, err);
	for (uint32_t i = 0; r >= 0 && i < table->nent; i++)
		if (table->rows[i].function == 1)
			vcpu->signature = table->rows[i].eax;
	return r;
}

int snug__vcpu_cpuid(snug_vcpu *vcpu, struct snug__kvm_cpuid *table, unsigned cpus, struct snug_error *err)
{
	own_cpuid(vcpu, table);
	if (vcpu->vm->pc)
		snug__cpuid_topology(table, vcpu->index, cpus);
	return set_cpuid(vcpu, table, err);
}

int snug__vcpu_init(snug_vcpu *vcpu, snug_vm *vm, unsigned index, size_t run_bytes, struct snug__kvm_cpuid *cpuid,
                    unsigned cpus, bool frozen, struct snug_error *err)
{
	int r;

	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->kvm = (struct snug__kvm_vcpu){.fd = -1};
	r = snug__kick_init(&vcpu->kick);
	if (r < 0)
		return snug__err(err, r, SNUG_STEP_INIT, "free some memory", "vCPU %u: no lock", index);
	r = snug__kvm_create_vcpu(vm->fd, index, run_bytes, &vcpu->kvm, &vm->watch, err);
	if (r >= 0)
		r = frozen ? set_cpuid(vcpu, cpuid, err) : snug__vcpu_cpuid(vcpu, cpuid, cpus, err);
	if (r < 0)
		snug__vcpu_destroy(vcpu);
	return r;
}

void snug__vcpu_destroy(snug_vcpu *vcpu)
{
	snug__kvm_close_vcpu(&vcpu->kvm);
	snug__kick_destroy(&vcpu->kick);
	snug__pvm_close(vcpu);
	free(vcpu->msrs);
}

snug_vm *snug_vcpu_vm(const snug_vcpu *vcpu)
{
	return vcpu->vm;
}

unsigned snug_vcpu_index(const snug_vcpu *vcpu)
{
	return vcpu->index;
}

int snug__vcpu_retire(snug_vcpu *vcpu, struct snug_error *err)
{
	if (snug__kick_running(&vcpu->kick))
		return snug__err(err, -EBUSY, SNUG_STEP_NONE, "stop it first: snug_vcpu_kick", "vCPU %u is running",
		                 vcpu->index);
	if (vcpu->pending == SNUG__PENDING_READ)
		return snug__err(err, -EBUSY, SNUG_STEP_NONE,
		                 "fill exit.pio.data or exit.mmio.data, then call snug_vcpu_complete",
		                 "vCPU %u: a read waits for its answer", vcpu->index);
	return snug_vcpu_complete(vcpu, err);
}

/*
 * KVM finishes an access at the next KVM_RUN, whatever the registers are by then: so it must be over before they are set.
 * An instruction of several accesses comes back with each of them; it has at most some hundred.
 */
int snug__vcpu_forget(snug_vcpu *vcpu, struct snug_error *err)
{
	struct kvm_run *run = vcpu->kvm.run;
	unsigned left = 4096;
	int r = 0;

	while ((vcpu->pending != SNUG__PENDING_NONE || vcpu->has_held) && left--) {
		run->immediate_exit = 1;
		r = snug__kvm_run(&vcpu->kvm, &vcpu->vm->watch);
		run->immediate_exit = 0;
		vcpu->has_held = false;
		if (r < 0)
			vcpu->pending = SNUG__PENDING_NONE;
		else
			vcpu->touched = true; /* nobody looks what kind of exit that was */
		if (r < 0 && r != -EINTR && r != -EAGAIN)
			break;
		r = 0;
	}
	snug__kick_take(&vcpu->kick);
	if (r < 0)
		return snug__kvm_run_failed(r, err);
	if (vcpu->pending != SNUG__PENDING_NONE)
		return snug__err(err, -EIO, SNUG_STEP_RUN, "free this VM", "vCPU %u: its instruction does not end",
		                 vcpu->index);
	return 0;
}

int snug__vcpu_settle(snug_vcpu *vcpu, struct snug_error *err)
{
	int r = snug__vcpu_retire(vcpu, err);

	return r < 0 ? r : snug__sync_flush(vcpu, err);
}

int snug__vcpu_debug(snug_vcpu *vcpu, const struct kvm_guest_debug *d, struct snug_error *err)
{
	struct kvm_guest_debug all = *d;
	int r;

	snug__pvm_debug(vcpu, &all);
	r = snug__kvm_set_debug(vcpu->kvm.fd, &all, &vcpu->vm->watch, err);
	if (r >= 0)
		vcpu->debug = *d;
	return r;
}

int snug_vcpu_get_regs(snug_vcpu *vcpu, struct snug_regs *out, struct snug_error *err)
{
	int r = snug__vcpu_settle(vcpu, err);

	return r < 0 ? r : snug__kvm_get_regs(vcpu->kvm.fd, out, &vcpu->vm->watch, err);
}

int snug_vcpu_set_regs(snug_vcpu *vcpu, const struct snug_regs *in, struct snug_error *err)
{
	int r = snug__vcpu_settle(vcpu, err);

	return r < 0 ? r : snug__kvm_set_regs(vcpu->kvm.fd, in, &vcpu->vm->watch, err);
}

int snug_vcpu_get_sregs(snug_vcpu *vcpu, struct snug_sregs *out, struct snug_error *err)
{
	int r = snug__vcpu_settle(vcpu, err);

	return r < 0 ? r : snug__kvm_get_sregs(vcpu->kvm.fd, out, &vcpu->vm->watch, err);
}

int snug_vcpu_set_sregs(snug_vcpu *vcpu, const struct snug_sregs *in, struct snug_error *err)
{
	const char *why;
	int r = snug__vcpu_settle(vcpu, err);

	if (r < 0)
		return r;
	vcpu->touched = true;
	r = snug__kvm_set_sregs(vcpu->kvm.fd, in, &vcpu->vm->watch, err);
	if (r >= 0)
		vcpu->kvm.run->cr8 = in->cr8; /* see snug__sync_set */
	why = r == -EINVAL ? snug__sregs_fault(in) : NULL;
	return why ? snug__err_wrap(err, r, "%s", why) : r;
}

union any_regs {
	struct snug_regs regs;
	struct snug_sregs sregs;
};

/* Finds a register by name and gets the set it belongs to. */
static int get_set(snug_vcpu *vcpu, const char *name, const struct snug__reg **reg, union any_regs *u,
                   struct snug_error *err)
{
	*reg = snug__reg_find(name);
	if (!*reg)
		return snug__reg_unknown(name, err);
	return (*reg)->special ? snug_vcpu_get_sregs(vcpu, &u->sregs, err) : snug_vcpu_get_regs(vcpu, &u->regs, err);
}

int snug_vcpu_get_reg(snug_vcpu *vcpu, const char *name, uint64_t *out, struct snug_error *err)
{
	const struct snug__reg *reg;
	union any_regs u;
	int r = get_set(vcpu, name, &reg, &u, err);

	if (r >= 0)
		*out = snug__reg_get(reg, &u);
	return r;
}

int snug_vcpu_set_reg(snug_vcpu *vcpu, const char *name, uint64_t value, struct snug_error *err)
{
	const struct snug__reg *reg;
	union any_regs u;
	int r = get_set(vcpu, name, &reg, &u, err);

	if (r >= 0)
		r = snug__reg_set(reg, &u, value, err);
	if (r < 0)
		return r;
	return reg->special ? snug_vcpu_set_sregs(vcpu, &u.sregs, err) : snug_vcpu_set_regs(vcpu, &u.regs, err);
}

int snug_vcpu_translate(snug_vcpu *vcpu, uint64_t linear, snug_gpa *out, struct snug_error *err)
{
	struct snug_sregs s;
	int r = snug_vcpu_get_sregs(vcpu, &s, err);

	return r < 0 ? r : snug__walk(&vcpu->vm->mem, &s, linear, out, err);
}

int snug_vcpu_read(snug_vcpu *vcpu, uint64_t linear, void *to, size_t len, struct snug_error *err)
{
	struct snug_sregs s;
	int r = snug_vcpu_get_sregs(vcpu, &s, err);

	return r < 0 ? r : (int)snug__walk_read(&vcpu->vm->mem, &s, linear, to, snug__min(len, INT32_MAX));
}

_Static_assert(sizeof(struct snug_cpuid) == sizeof(struct kvm_cpuid_entry2), "cpuid");

int snug_vcpu_get_cpuid(snug_vcpu *vcpu, struct snug_cpuid *rows, size_t max, struct snug_error *err)
{
	struct snug__kvm_cpuid table;
	int r = snug__vcpu_settle(vcpu, err);

	if (r >= 0)
		r = snug__kvm_get_cpuid(vcpu->kvm.fd, &table, &vcpu->vm->watch, err);
	if (r < 0)
		return r;
	if (max && rows)
		memcpy(rows, table.rows, snug__min(table.nent, max) * sizeof(*rows));
	return (int)table.nent;
}

int snug_vcpu_set_cpuid(snug_vcpu *vcpu, const struct snug_cpuid *rows, size_t n, struct snug_error *err)
{
	struct snug__kvm_cpuid table = {.nent = (uint32_t)n};
	int r = snug__vcpu_settle(vcpu, err);

	if (r < 0)
		return r;
	if (n > SNUG__KVM_CPUID_MAX)
		return snug__err(err, -E2BIG, SNUG_STEP_INIT, "leave some out", "cpuid: %zu rows, KVM takes %d", n,
		                 SNUG__KVM_CPUID_MAX);
	if (vcpu->ran || vcpu->vm->baseline)
		return snug__err(err, -EINVAL, SNUG_STEP_INIT, "set it before the first run and the first baseline",
		                 vcpu->ran ? "cpuid: vCPU %u has run already" : "cpuid: vCPU %u has a baseline",
		                 vcpu->index);
	memcpy(table.rows, rows, n * sizeof(*rows));
	return set_cpuid(vcpu, &table, err);
}

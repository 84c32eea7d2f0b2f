/* SPDX-License-Identifier: MIT */
/* baseline: a state to return to, and returning to it */
#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "core/frozen.h"
#include "core/pc.h"
#include "host/map.h"

/* Room for KVM's log of the largest region. */
static int need_log(snug_vm *vm, struct snug_error *err)
{
	uint64_t words = 1;

	if (vm->dirty)
		return 0;
	for (unsigned i = 0; i < vm->mem.count; i++)
		words = snug__max(words, snug__mem_words(&vm->mem.regions[i]));
	vm->dirty = calloc(words, sizeof(*vm->dirty));
	return vm->dirty ? 0
	                 : snug__err(err, -ENOMEM, SNUG_STEP_MEMORY, "free some memory", "dirty log: out of memory");
}

/* Takes the marks of `words` words from `first` on off again. */
static int clear_log(const snug_vm *vm, const struct snug__region *r, uint64_t first, uint64_t words,
                     struct snug_error *err)
{
	uint64_t pages = snug__min(words * 64, r->bytes / SNUG_PAGE - first * 64);

	if (!words || !vm->manual_log)
		return 0;
	return snug__kvm_clear_log(vm->fd, r->slot, first * 64, (uint32_t)pages, vm->dirty + first, &vm->watch, err);
}

/* Forgets what a region's log has. */
static int empty_log(snug_vm *vm, const struct snug__region *r, struct snug_error *err)
{
	int e;

	if (!r->log)
		return 0;
	e = snug__kvm_dirty_log(vm->fd, r->slot, vm->dirty, &vm->watch, err);
	return e < 0 ? e : clear_log(vm, r, 0, snug__mem_words(r), err);
}

/* f's memory goes into a memfd that nobody can change. */
static int store(snug_vm *vm, struct snug__frozen *f, struct snug_error *err)
{
	int r;

	f->fd = snug__map_memfd("snug-baseline", f->bytes, err);
	if (f->fd < 0)
		return f->fd;
	r = snug__freeze_memory(vm, f, f->fd, 0, NULL, NULL, err);
	if (r >= 0)
		r = snug__map_seal(f->fd, err);
	return r < 0 ? r : snug__map_view(f->fd, 0, f->bytes, &f->view, err);
}

/* Puts the regions on it.  A failure half-way leaves the bytes, and no baseline. */
static int adopt(snug_vm *vm, struct snug__frozen *f, struct snug_error *err)
{
	int r = 0;

	for (unsigned i = 0; r >= 0 && i < vm->mem.count; i++) {
		struct snug__mem_frozen frozen = {f->fd, f->regions[i].offset, f->view + f->regions[i].offset, true};

		r = snug__mem_refreeze(&vm->mem, i, &frozen, err);
		if (r >= 0)
			r = empty_log(vm, &vm->mem.regions[i], err);
	}
	if (r >= 0) {
		snug__baseline_is(vm, f);
		return 0;
	}
	for (unsigned i = 0; i < vm->mem.count; i++) {
		struct snug__region *region = &vm->mem.regions[i];

		region->base = NULL;
		region->lost |= region->mapped;
		region->mapped = false;
	}
	snug__frozen_drop(vm->baseline);
	vm->baseline = NULL;
	return r;
}

int snug_baseline(snug_vm *vm, struct snug_error *err)
{
	struct snug__frozen *f;
	int r = snug__freeze_state(vm, &f, err);

	if (r < 0)
		return snug__err_wrap(err, r, "baseline");
	r = snug__vm_log(vm, err);
	free(vm->dirty); /* regions may have come since */
	vm->dirty = NULL;
	if (r >= 0)
		r = need_log(vm, err);
	if (r >= 0)
		r = store(vm, f, err);
	if (r >= 0)
		r = adopt(vm, f, err);
	snug__frozen_drop(f);
	if (r < 0)
		return snug__err_wrap(err, r, "baseline");
	for (unsigned i = 0; i < vm->cpus; i++) {
		free(vm->vcpus[i].msrs);
		vm->vcpus[i].msrs = NULL;
		vm->vcpus[i].touched = false;
	}
	return 0;
}

static int return_region(snug_vm *vm, unsigned index, struct snug__putback *sum, struct snug_error *err)
{
	struct snug__region *r = &vm->mem.regions[index];
	uint64_t first, words;
	int e = snug__mem_restart(&vm->mem, index, sum, err);

	if (e)
		return e < 0 ? e : 0;
	if (r->log)
		e = snug__kvm_dirty_log(vm->fd, r->slot, vm->dirty, &vm->watch, err);
	if (e < 0)
		return e;
	snug__mem_putback(r, r->log ? vm->dirty : NULL, sum, &first, &words);
	return clear_log(vm, r, first, words, err);
}

/* Did the host write to the tables that keep user-mode code where it is? */
static bool tables_marked(const snug_vm *vm)
{
	const struct snug__region *r = snug__mem_find(&vm->mem, SNUG__TABLES_GPA);

	return r && snug__mem_marked(r);
}

/* What user-mode code cannot change, where there may have been other code. */
static int return_rest(snug_vm *vm, struct snug_error *err)
{
	struct snug__frozen *f = vm->baseline;
	bool back = vm->hygiene.time == SNUG_TIME_BACK, sealed = snug__user_sealed(f) && !back && !tables_marked(vm);
	int r = 0;

	for (unsigned i = 0; r >= 0 && i < vm->cpus; i++)
		if (!sealed || vm->vcpus[i].touched)
			r = snug__state_return_rest(&vm->vcpus[i], &f->cpu[i], back ? snug__thaw_tsc(f, i, 0) : 0,
			                            err);
	if (r >= 0)
		r = snug__pc_put(vm, &f->pc, err);
	return r >= 0 && back ? snug__thaw_clock(vm, f, 0, err) : r;
}

static int check(const snug_vm *vm, struct snug_error *err)
{
	if (!vm->baseline)
		return snug__err(err, -ENOENT, SNUG_STEP_NONE, "take one first: snug_baseline",
		                 "there is no baseline to return to");
	if (vm->mem_changes != vm->mem.changes)
		return snug__err(err, -ESTALE, SNUG_STEP_MEMORY, "take a new baseline",
		                 "memory regions were added or removed since the baseline");
	return snug__vm_idle(vm, err);
}

int snug_reset(snug_vm *vm, struct snug_reset_info *info, struct snug_error *err)
{
	struct snug__putback sum = {0};
	int r = check(vm, err);

	/* Accesses first: finishing one may write memory. */
	for (unsigned i = 0; r >= 0 && i < vm->cpus; i++)
		r = snug__vcpu_forget(&vm->vcpus[i], err);
	if (r >= 0)
		r = return_rest(vm, err);
	if (r >= 0)
		r = need_log(vm, err);
	if (r >= 0)
		r = snug__vm_log(vm, err);
	for (unsigned i = 0; r >= 0 && i < vm->mem.count; i++)
		r = return_region(vm, i, &sum, err);
	for (unsigned i = 0; r >= 0 && i < vm->cpus; i++)
		r = snug__state_return(&vm->vcpus[i], &vm->baseline->cpu[i], err);
	if (r >= 0)
		r = snug__devices_load(vm, vm->baseline, err);
	if (r >= 0)
		r = snug__pc_resume(vm, err);
	if (r < 0)
		return snug__err_wrap(err, r, "reset");
	if (vm->symbols != vm->baseline->symbols) {
		snug__symbols_drop(vm->symbols);
		vm->symbols = snug__symbols_hold(vm->baseline->symbols);
	}
	vm->boot = vm->baseline->boot;
	vm->has_ivt = vm->baseline->has_ivt;
	vm->has_tables = vm->baseline->has_tables;
	vm->generation_gpa = vm->baseline->generation_gpa;
	r = snug__generation_renew(vm, err);
	if (info)
		*info = (struct snug_reset_info){sizeof(*info), sum.pages, sum.guest, sum.host, sum.remapped};
	return r < 0 ? snug__err_wrap(err, r, "reset") : 0;
}

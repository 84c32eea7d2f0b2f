/* SPDX-License-Identifier: MIT */
/* watch: who is told of the run loop's turns */
#include <errno.h>

#include "base/err.h"
#include "core/core.h"

int snug__watch_add(snug_vm *vm, const struct snug__watcher *w, struct snug_error *err)
{
	if (vm->watcher_count == SNUG__WATCHERS)
		return snug__err(err, -ENOSPC, SNUG_STEP_NONE, "use fewer services at once",
		                 "%d services watch this VM already", SNUG__WATCHERS);
	if (!vm->watcher_count)
		snug__ticks_init(&vm->ticks);
	vm->watchers[vm->watcher_count++] = *w;
	return 0;
}

void *snug__watch_find(const snug_vm *vm, void (*enter)(void *ctx, unsigned cpu, uint64_t now))
{
	for (unsigned i = 0; i < vm->watcher_count; i++)
		if (vm->watchers[i].enter == enter)
			return vm->watchers[i].ctx;
	return NULL;
}

void snug__watch_free(snug_vm *vm)
{
	for (unsigned i = 0; i < vm->watcher_count; i++)
		vm->watchers[i].free(vm->watchers[i].ctx);
}

void snug__watch_enter(const snug_vcpu *vcpu)
{
	const snug_vm *vm = vcpu->vm;
	uint64_t now = snug__ticks_now(&vm->ticks);

	for (unsigned i = 0; i < vm->watcher_count; i++)
		vm->watchers[i].enter(vm->watchers[i].ctx, vcpu->index, now);
}

void snug__watch_exited(const snug_vcpu *vcpu)
{
	const snug_vm *vm = vcpu->vm;
	uint64_t now = snug__ticks_now(&vm->ticks);

	for (unsigned i = 0; i < vm->watcher_count; i++)
		vm->watchers[i].exited(vm->watchers[i].ctx, vcpu->index, now, vcpu->kvm.run);
}

void snug__watch_handled(const snug_vcpu *vcpu, bool claimed)
{
	const snug_vm *vm = vcpu->vm;

	for (unsigned i = 0; i < vm->watcher_count; i++)
		vm->watchers[i].handled(vm->watchers[i].ctx, vcpu->index, claimed);
}

void snug__watch_left(const snug_vcpu *vcpu)
{
	const snug_vm *vm = vcpu->vm;
	uint64_t now = snug__ticks_now(&vm->ticks);

	for (unsigned i = 0; i < vm->watcher_count; i++)
		vm->watchers[i].left(vm->watchers[i].ctx, vcpu->index, now);
}

void snug__watch_mark(const snug_vm *vm, uint8_t byte)
{
	for (unsigned i = 0; i < vm->watcher_count; i++)
		if (vm->watchers[i].mark)
			vm->watchers[i].mark(vm->watchers[i].ctx, vm->bus_cpu, byte);
}

/* SPDX-License-Identifier: MIT */
/* mark: the name of a guest's mark, gathered byte by byte, and the mark a run stops at */
#include <errno.h>
#include <string.h>

#include "core/core.h"

/*
 * Gathered whether somebody waits or not, so that a name half sent when the waiting begins is not taken for its end.
 * mark_len may come from a snapshot file.
 */
void snug__mark_byte(snug_vm *vm, uint8_t byte)
{
	snug_vcpu *vcpu = &vm->vcpus[vm->bus_cpu];
	size_t at = (size_t)snug__min(vcpu->mark_len, sizeof(vcpu->mark) - 1);

	if (byte) {
		if (at < sizeof(vcpu->mark) - 1)
			vcpu->mark[at++] = (char)byte;
		vcpu->mark_len = (uint8_t)at;
		return;
	}
	vcpu->mark[at] = '\0';
	vcpu->mark_len = 0;
	if (!vm->mark_stop[0] || strcmp(vcpu->mark, vm->mark_stop) != 0)
		return;
	vm->ask.kind = SNUG_EXIT_MARK;
	memcpy(vm->ask.mark.name, vcpu->mark, sizeof(vm->ask.mark.name));
}

int snug_mark_stop(snug_vm *vm, const char *name)
{
	size_t len = name ? strnlen(name, sizeof(vm->mark_stop)) : 0;

	if (name && (len == 0 || len == sizeof(vm->mark_stop) || !(vm->devices & SNUG_DEV_GUEST)))
		return -EINVAL;
	memset(vm->mark_stop, 0, sizeof(vm->mark_stop));
	if (name)
		memcpy(vm->mark_stop, name, len);
	return 0;
}

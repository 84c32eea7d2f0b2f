/* SPDX-License-Identifier: MIT */
#include "core/core.h"

int snug__generation_renew(snug_vm *vm, struct snug_error *err)
{
	(void)vm;
	(void)err;
	return 0;
}

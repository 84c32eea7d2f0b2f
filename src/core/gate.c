/* SPDX-License-Identifier: MIT */
/* gate: where a 64-bit guest's own handlers are */
#include "base/bytes.h"
#include "core/core.h"
#include "x86/walk.h"
#include "x86/x86.h"

/* SDM 3A figure 6-8 */
uint64_t snug__gate(const snug_vcpu *vcpu, const struct snug_sregs *s, unsigned vector)
{
	uint64_t at = vector * 16ull, low, handler;
	uint8_t gate[16];

	if (!(s->efer & X86_EFER_LMA) || at + 15 > s->idt.limit ||
	    snug__walk_read(&vcpu->vm->mem, s, s->idt.base + at, gate, sizeof(gate)) != sizeof(gate))
		return 0;
	low = snug__le_load(gate, 8);
	handler = (low & 0xffff) | (low >> 48) << 16 | snug__le_load(gate + 8, 4) << 32;
	return (low >> 47 & 1) && snug__stub_vector(handler, true) < 0 ? handler : 0;
}

/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"
#include "table/table.h"

#define STUB 4u

_Static_assert(SNUG__IVT_STUBS + SNUG__VECTORS * STUB == SNUG__IVT_END, "real-mode stubs");

/* out %al, $SNUG__FAULT_PORT; iret.  Real mode pushes no error codes. */
static const uint8_t stub_code[STUB] = {0xe6, SNUG__FAULT_PORT, 0xcf};

int snug__ivt_write(struct snug__mem *mem)
{
	uint8_t vectors[SNUG__VECTORS * 4], stubs[SNUG__VECTORS * STUB];
	int r;

	for (unsigned v = 0; v < SNUG__VECTORS; v++) {
		snug__le_store(vectors + 4ul * v, 4, SNUG__IVT_STUBS + v * STUB); /* segment 0 */
		for (unsigned i = 0; i < STUB; i++)
			stubs[v * STUB + i] = stub_code[i];
	}
	r = snug__mem_write(mem, 0, vectors, sizeof(vectors));
	return r < 0 ? r : snug__mem_write(mem, SNUG__IVT_STUBS, stubs, sizeof(stubs));
}

int snug__ivt_vector(uint64_t linear)
{
	if (linear < SNUG__IVT_STUBS || linear >= SNUG__IVT_END)
		return -1;
	return (int)((linear - SNUG__IVT_STUBS) / STUB);
}

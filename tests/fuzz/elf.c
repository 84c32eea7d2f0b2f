/* SPDX-License-Identifier: MIT */
#include "guestmem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct snug__boot_want wants[] = {
	    {SNUG_MODE_AUTO},
	    {SNUG_MODE_USER, .has_entry = true, .entry = 0x1000},
	};

	for (unsigned i = 0; i < sizeof(wants) / sizeof(wants[0]); i++)
		fuzz_load(snug__load_elf, (struct snug__span){data, len}, &wants[i], 0x40000);
	return 0;
}

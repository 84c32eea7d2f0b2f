/* SPDX-License-Identifier: MIT */
#include "guestmem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct snug__boot_want want = {SNUG_MODE_AUTO};

	/* a ROM's bytes are not looked at, only its length: two memory sizes around its copy below 1 MiB */
	fuzz_load(snug__load_firmware, (struct snug__span){data, len}, &want, 0x100000);
	fuzz_load(snug__load_firmware, (struct snug__span){data, len}, &want, 0xff000);
	return 0;
}

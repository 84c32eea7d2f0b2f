/* SPDX-License-Identifier: MIT */
/* Two initrds, cut where the first byte says, packed or not, that are unpacked where they can be. */
#include <stdlib.h>

#include "guestmem.h"
#include "load/initrd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct snug__module modules[2];
	struct snug__boot_want want = {.modules = modules, .module_count = 2, .unpack = true};
	struct snug__initrd i;
	struct snug__mem m;
	size_t first;

	if (len < 1)
		return 0;
	first = data[0] * (len - 1) / 255;
	modules[0] = (struct snug__module){{data + 1, first}, ""};
	modules[1] = (struct snug__module){{data + 1 + first, len - 1 - first}, ""};
	snug__mem_init(&m, 4, NULL, NULL);
	if (snug__mem_add_ram(&m, 1 << 20, NULL) < 0)
		abort();
	snug__initrd_open(&i, &want, 1 << 20);
	if (i.bytes < i.parts[0].bytes.len + i.parts[1].bytes.len)
		abort();
	if (i.bytes <= 1 << 20 && snug__initrd_write(&i, &m, 0) < 0)
		abort();
	snug__initrd_close(&i);
	snug__mem_destroy(&m);
	return 0;
}

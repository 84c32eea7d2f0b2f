/* SPDX-License-Identifier: MIT */
/* One byte says which loader, the next how many bytes the command line has; the rest is a kernel. */
#include <string.h>

#include "guestmem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const snug__load_fn loaders[] = {snug__load_linux, snug__load_pvh, snug__load_multiboot};
	static const struct snug__module module = {{(const uint8_t *)"module", 6}, "args"};
	char cmdline[256];
	struct snug__boot_want want = {.cmdline = cmdline, .modules = &module, .module_count = 1};

	if (len < 2)
		return 0;
	memset(cmdline, 'x', data[1]);
	cmdline[data[1]] = 0;
	fuzz_load(loaders[data[0] % 3], (struct snug__span){data + 2, len - 2}, &want, 0x400000);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* The first 28 bytes are the options, the rest the image, which then goes to the loader found. */
#include "guestmem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const snug__load_fn loaders[] = {
	    [SNUG_KIND_FLAT] = snug__load_flat,           [SNUG_KIND_ELF] = snug__load_elf,
	    [SNUG_KIND_LINUX] = snug__load_linux,         [SNUG_KIND_PVH] = snug__load_pvh,
	    [SNUG_KIND_MULTIBOOT] = snug__load_multiboot,
	};
	struct snug__cursor c = {.span = {data, len}};
	unsigned options = (unsigned)snug__cursor_le(&c, 4);
	struct snug__boot_want want = {
	    .mode = (enum snug_mode)(options & 7),
	    .has_load = options & 8,
	    .has_entry = options & 16,
	};
	struct snug__span image;
	int kind;

	want.load = snug__cursor_le(&c, 8);
	want.entry = snug__cursor_le(&c, 8);
	want.stack = snug__cursor_le(&c, 8);
	if (c.bad)
		return 0;
	image = snug__span_sub(c.span, c.at, len - c.at);
	kind = snug__detect(image, &want, NULL);
	if (kind < 0)
		return 0;
	if ((size_t)kind >= sizeof(loaders) / sizeof(loaders[0]) || !loaders[kind])
		abort();
	fuzz_load(loaders[kind], image, &want, 0x120000);
	return 0;
}

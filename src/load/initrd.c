/* SPDX-License-Identifier: MIT */
#include "load/initrd.h"

#include "load/unpack.h"

/* Linux Documentation/driver-api/early-userspace/buffer-format.rst: archives begin at multiples of 4. */
static uint64_t padded(uint64_t len)
{
	return (len + 3) & ~3ull;
}

void snug__initrd_open(struct snug__initrd *i, const struct snug__boot_want *want, uint64_t room)
{
	uint64_t left = room / 3;

	*i = (struct snug__initrd){.count = want->module_count};
	for (unsigned n = 0; n < i->count; n++) {
		struct snug__span packed = want->modules[n].bytes;
		uint64_t len = 0;

		i->parts[n].bytes = packed;
		if (want->unpack && snug__unpack_whole(packed, left, &i->parts[n].unpacked, &len)) {
			i->parts[n].bytes = (struct snug__span){i->parts[n].unpacked, len};
			left -= len;
		}
		i->bytes += padded(i->parts[n].bytes.len);
	}
}

int snug__initrd_write(const struct snug__initrd *i, struct snug__mem *mem, uint64_t at)
{
	int r = 0;

	for (unsigned n = 0; r >= 0 && n < i->count; n++) {
		struct snug__span s = i->parts[n].bytes;

		r = s.len ? snug__mem_write(mem, at, s.at, s.len) : 0;
		at += padded(s.len);
	}
	return r;
}

void snug__initrd_close(struct snug__initrd *i)
{
	for (unsigned n = 0; n < i->count; n++)
		snug__unpack_free(i->parts[n].unpacked, i->parts[n].bytes.len);
	i->count = 0;
}

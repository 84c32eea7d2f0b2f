/* SPDX-License-Identifier: MIT */
/* The decoder's feed: a mode, registers, then any bytes as code. */
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "x86/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct snug__code_mode modes[] = {{64, false}, {32, false}, {16, false}, {16, true}};
	static struct snug__decoder d;
	struct snug__cursor c = {.span = {data, len}};
	struct snug_regs regs;
	struct snug_sregs sregs = {0};
	struct snug__decoded in;
	unsigned mode = snug__cursor_le(&c, 1) % 4;
	uint64_t fill = snug__cursor_le(&c, 8);

	if (c.bad)
		return 0;
	if (!d.lib)
		snug__decoder_open(&d);
	for (size_t i = 0; i < sizeof(regs) / 8; i++)
		memcpy((uint8_t *)&regs + 8 * i, &fill, 8);
	sregs.fs.base = sregs.ds.base = fill;
	len -= c.at;
	data += c.at;
	if (snug__decode(&d, modes[mode], data, len, &regs, &sregs, &in)) {
		if (in.len == 0 || in.len > 15 || in.len > len || memchr(in.text, 0, sizeof(in.text)) == NULL)
			abort();
		if (modes[mode].bits != 64 && in.mem_at > UINT32_MAX)
			abort();
	} else if (in.len) {
		abort();
	}
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Registers by name: the first 8 bytes are a value, the rest a name. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/num.h"
#include "x86/regname.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct snug_error e = {0};
	const struct snug__reg *reg;
	struct snug_sregs regs; /* the larger of the two */
	char name[64];
	uint64_t value;

	if (len < 8)
		return 0;
	value = snug__le_load(data, 8);
	len = snug__min(len - 8, sizeof(name) - 1);
	memcpy(name, data + 8, len);
	name[len] = 0;
	reg = snug__reg_find(name);
	if (!reg) {
		if (snug__reg_unknown(name, &e) >= 0 || !e.msg[0] || !e.hint[0])
			abort();
		return 0;
	}
	memset(&regs, 0, sizeof(regs));
	if (snug__reg_set(reg, &regs, value, &e) == 0) {
		if (snug__reg_get(reg, &regs) != value)
			abort();
	} else if (value <= snug__ones(reg->bytes) || !e.msg[0]) {
		abort();
	}
	snug__sregs_fault(&regs);
	return 0;
}

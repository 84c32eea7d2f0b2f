/* SPDX-License-Identifier: MIT */
/* allports: a guest that uses every function of <snug/guest.h>; test_builtin.c plays the other side */
#include <snug/guest.h>

int guest_main(void);

static volatile struct snug_generation told;

/* Both ways tell the same id; no seed is told twice; NULL ends it. */
static int generations(void)
{
	uint8_t id[16], named = 0, fresh = 0, first[sizeof(told.seed)];
	unsigned i;

	snug_generation_tell(&told);
	snug_generation_id(id);
	for (i = 0; i < sizeof(id); i++) {
		if (id[i] != told.id[i])
			return 0;
		named |= id[i];
	}
	for (i = 0; i < sizeof(first); i++)
		first[i] = told.seed[i];
	snug_generation_tell(&told);
	for (i = 0; i < sizeof(first); i++)
		fresh |= first[i] ^ told.seed[i];
	snug_generation_tell(0);
	return named && fresh;
}

int guest_main(void)
{
	uint32_t sum = 0;

	snug_out8(0x330, 0x11);
	snug_out16(0x332, 0x2222);
	snug_out32(0x334, 0x44444444);
	sum += snug_in8(0x330);
	sum += snug_in16(0x332);
	sum += snug_in32(0x334);
	snug_putc('<');
	snug_puts("words");
	snug_putc('>');
	snug_mark("four");
	snug_mark("");
	snug_mark("a name of just sixty-three bytes, as long as one can be, or not, and this is cut");
	snug_exit(sum == 0x01 + 0x0202 + 0x04040404 && generations() ? 77 : 78);
}

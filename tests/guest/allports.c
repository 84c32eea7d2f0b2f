/* SPDX-License-Identifier: MIT */
/* allports: a guest that uses every function of <snug/guest.h>; test_builtin.c plays the other side */
#include <snug/guest.h>

int guest_main(void);

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
	snug_exit(sum == 0x01 + 0x0202 + 0x04040404 ? 77 : 78);
}

/* SPDX-License-Identifier: MIT */
/*
 * ready: a guest that prepares, says that it is ready, and then does what it was prepared for:
 *
 *     snug run --save ready.snap ready.elf
 *     snug restore ready.snap
 *     snug clone ready.snap -n 100
 */
#include <snug/guest.h>

int guest_main(void);

/* volatile: the CPU is to do it, not the compiler */
static volatile uint32_t sum;

static void put_number(uint32_t n)
{
	if (n > 9)
		put_number(n / 10);
	snug_putc((char)('0' + n % 10));
}

int guest_main(void)
{
	for (uint32_t i = 1; i <= 10000; i++)
		sum += i;
	snug_puts("prepared: counted to 10000\n");
	snug_mark("ready");
	snug_puts("the sum is ");
	put_number(sum);
	snug_puts("\n");
	return 7;
}

/* SPDX-License-Identifier: MIT */
/* hypercalls_guest: what examples/hypercalls.c runs */
#include <snug/guest.h>

static char text[16] = "in guest memory";

static void put_number(uint64_t v)
{
	char digits[20];
	int n = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while (v /= 10);
	while (n)
		snug_putc(digits[--n]);
}

static uint64_t host_address(uint64_t gpa)
{
	snug_out32(0x304, (uint32_t)gpa);
	return snug_in32(0x304) | (uint64_t)snug_in32(0x308) << 32;
}

void _start(void);

void _start(void)
{
	uint32_t before = snug_in32(0x300), after;
	int bad = 0;

	snug_puts("guest: hello\n"); /* 13 exits */
	after = snug_in32(0x300);    /* and 1 */
	snug_puts("guest: exits for those 13 characters and asking: ");
	put_number(after - before);
	snug_puts("\n");
	bad |= after - before != 14;
	bad |= host_address((uint64_t)(uintptr_t)text) == 0;
	bad |= host_address(0xdead0000) != 0;
	snug_puts(bad ? "guest: that is wrong\n" : "guest: all is well\n");
	snug_exit(bad);
}

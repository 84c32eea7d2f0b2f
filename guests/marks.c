/* SPDX-License-Identifier: MIT */
/*
 * marks: a guest that marks what it does, to be looked at:
 *
 *     snug run --trace t.json --report r.html marks.elf
 */
#include <snug/guest.h>

int guest_main(void);

static uint8_t sieve[1000];

static unsigned count_primes(void)
{
	unsigned found = 0;

	for (unsigned i = 2; i < sizeof(sieve); i++) {
		if (sieve[i])
			continue;
		found++;
		for (unsigned j = 2 * i; j < sizeof(sieve); j += i)
			sieve[j] = 1;
	}
	return found;
}

static void put_number(unsigned n)
{
	if (n > 9)
		put_number(n / 10);
	snug_putc((char)('0' + n % 10));
}

/* The 16550's transmitter, asked before each byte whether it is free: National PC16550D, "line status register". */
static void send(const char *s)
{
	for (; *s; s++) {
		while (!(snug_in8(SNUG_PORT_SERIAL + 5) & 0x20))
			;
		snug_out8(SNUG_PORT_SERIAL, (uint8_t)*s);
	}
}

int guest_main(void)
{
	unsigned primes;

	snug_mark("say hello");
	snug_puts("Hello from a guest that leaves marks.\n");
	snug_mark("count primes");
	primes = count_primes();
	snug_mark("tell");
	put_number(primes);
	snug_puts(" primes below 1000\n");
	snug_mark("serial line");
	send("This goes by the serial port, with a look at its status before each byte.\n");
	snug_mark("done");
	return 0;
}

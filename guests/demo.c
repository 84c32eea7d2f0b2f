/* SPDX-License-Identifier: MIT */
/*
 * demo: one guest for all five CPU modes; it looks around, tries what it was promised, and says what it found
 *
 * Built once for each mode with GUEST_MODE set to the mode's name.  Exit status: 0 if all checks hold, else 1.
 */
#include <snug/guest.h>

#define CR0_PE (1ul << 0)  /* SDM 3A 2.5 */
#define CR0_PG (1ul << 31) /* SDM 3A 2.5 */

static unsigned failed;

static void put_number(unsigned long n)
{
	char digits[24];
	unsigned i = sizeof(digits) - 1;

	digits[i] = 0;
	do
		digits[--i] = (char)('0' + n % 10);
	while (n /= 10);
	snug_puts(digits + i);
}

static void check(int holds)
{
	snug_puts(holds ? ": right.\n" : ": WRONG.\n");
	failed += !holds;
}

static unsigned privilege(void)
{
	unsigned cs;

	__asm__("mov %%cs, %0" : "=r"(cs));
	return cs & 3; /* SDM 3A 3.4.2; real mode's selector is 0 */
}

static unsigned long control(void)
{
	unsigned long cr0;

	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	return cr0;
}

static const char *find_mode(void)
{
	if (privilege() == 3)
		return "user";
	if (sizeof(void *) == 8)
		return "long";
	if (!(control() & CR0_PE))
		return "real";
	return control() & CR0_PG ? "paged32" : "protected";
}

static int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static void look_around(void)
{
	const char *mode = find_mode();

	snug_puts("I find myself in ");
	snug_puts(mode);
	snug_puts(" mode");
	check(same(mode, GUEST_MODE));
	snug_puts("My privilege level is ");
	put_number(privilege());
	check(privilege() == (same(GUEST_MODE, "user") ? 3u : 0u));
	if (privilege())
		return;
	snug_puts(control() & CR0_PG ? "Paging is on" : "Paging is off");
	check(!(control() & CR0_PG) == (sizeof(void *) == 4 && !same(GUEST_MODE, "paged32")));
}

static void try_arithmetic(void)
{
	volatile unsigned long one = 1; /* volatile: the CPU is to do it, not the compiler */
	unsigned long sum = 0;

	for (unsigned i = 1; i <= 100; i++)
		sum += i * one;
	snug_puts("1 + 2 + ... + 100 = ");
	put_number(sum);
	check(sum == 5050);
	snug_puts("Registers have ");
	put_number(8 * sizeof(sum));
	snug_puts(" bits");
	check((one << (8 * sizeof(sum) - 1)) >> (8 * sizeof(sum) - 1) == 1);
}

static void try_memory(void)
{
	static volatile uint32_t cells[16];
	unsigned bad = 0;

	for (unsigned i = 0; i < 16; i++)
		cells[i] = 0x01010101u * i;
	for (unsigned i = 0; i < 16; i++)
		bad += cells[i] != 0x01010101u * i;
	snug_puts("Memory keeps what I write");
	check(!bad);
}

int guest_main(void);

int guest_main(void)
{
	look_around();
	try_arithmetic();
	try_memory();
	snug_puts(failed ? "Something is not as it should be.\n" : "All is as it should be.\n");
	return failed != 0;
}

/* SPDX-License-Identifier: MIT */
#include "host/ticks.h"

#include <cpuid.h>

#define CPUID_80000007_EDX_INVARIANT_TSC (1u << 8) /* SDM 2A table 3-17 */

#define MIN_SPAN_NS 100000 /* shorter, and reading the clocks would be most of what is measured */

void snug__ticks_init(struct snug__ticks *t)
{
	unsigned a, b, c, d = 0;

	t->tsc = __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & CPUID_80000007_EDX_INVARIANT_TSC);
	t->start_ns = snug__now_ns();
	t->start = snug__ticks_now(t);
}

double snug__ticks_ns(const struct snug__ticks *t)
{
	uint64_t ns, ticks;

	if (!t->tsc)
		return 1;
	do {
		ns = snug__now_ns() - t->start_ns;
		ticks = snug__ticks_now(t) - t->start;
	} while (ns < MIN_SPAN_NS);
	return ticks ? (double)ns / (double)ticks : 1;
}

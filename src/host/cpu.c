/* SPDX-License-Identifier: MIT */
#include "host/cpu.h"

#include <cpuid.h>
#include <string.h>

/* SDM 2A tables 3-8 and 3-10 */
#define LEAF_1_ECX_OSXSAVE (1u << 27)
#define LEAF_7_ECX_OSPKE (1u << 4)

void snug__host_cpu(struct snug__host_cpu *out)
{
	uint32_t max, a, b, c, d;

	memset(out, 0, sizeof(*out));
	__cpuid(0, max, b, c, d);
	memcpy(out->vendor, &b, 4);
	memcpy(out->vendor + 4, &d, 4);
	memcpy(out->vendor + 8, &c, 4);
	__cpuid(1, a, b, c, d);
	out->words[0] = a;
	out->words[1] = c & ~LEAF_1_ECX_OSXSAVE;
	out->words[2] = d;
	if (max < 7)
		return;
	__cpuid_count(7, 0, a, b, c, d);
	out->words[3] = b;
	out->words[4] = c & ~LEAF_7_ECX_OSPKE;
	out->words[5] = d;
}

void snug__host_cpu_name(char name[64])
{
	uint32_t a, b, c, d, r[12];
	char text[sizeof(r) + 1] = "";
	size_t from, len;

	name[0] = '\0';
	__cpuid(0x80000000, a, b, c, d);
	if (a < 0x80000004)
		return;
	__cpuid(0x80000002, r[0], r[1], r[2], r[3]);
	__cpuid(0x80000003, r[4], r[5], r[6], r[7]);
	__cpuid(0x80000004, r[8], r[9], r[10], r[11]);
	memcpy(text, r, sizeof(r));
	from = strspn(text, " ");
	len = strlen(text + from);
	while (len && text[from + len - 1] == ' ')
		len--;
	memcpy(name, text + from, len);
	name[len] = '\0';
}

void snug__host_cpuid(uint32_t function, uint32_t index, uint32_t regs[4])
{
	uint32_t max, b, c, d;

	memset(regs, 0, 4 * sizeof(*regs));
	__cpuid(function & 0x80000000, max, b, c, d);
	if (function <= max)
		__cpuid_count(function, index, regs[0], regs[1], regs[2], regs[3]);
}

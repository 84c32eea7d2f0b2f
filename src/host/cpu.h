/* SPDX-License-Identifier: MIT */
/* cpu: which CPU this is, by CPUID.  Where CPUID exits to a hypervisor it costs a microsecond or more: ask once. */
#ifndef SNUG_HOST_CPU_H
#define SNUG_HOST_CPU_H

#include <stdbool.h>
#include <stdint.h>

struct snug__host_cpu {
	char vendor[13]; /* "GenuineIntel"; terminated */
	/*
	 * What tells CPUs with the same brand string apart, since those of clouds are all "AMD EPYC": leaf 1 EAX, ECX, EDX
	 * and leaf 7.0 EBX, ECX, EDX, without the bits that the system software sets.
	 */
	uint32_t words[6];
};

void snug__host_cpu(struct snug__host_cpu *out);

/* Does it have SSE4.2's CRC32 instruction?  SDM 2A table 3-10: leaf 1 ECX bit 20 */
static inline bool snug__host_crc32(const struct snug__host_cpu *c)
{
	return c->words[1] >> 20 & 1;
}

/* The brand string without blanks around it (SDM 2A table 3-10, leaves 0x80000002 to 4); empty: it has none. */
void snug__host_cpu_name(char name[64]);

/* One leaf as this CPU itself gives it: EAX, EBX, ECX, EDX; zeros for one beyond its range's last. */
void snug__host_cpuid(uint32_t function, uint32_t index, uint32_t regs[4]);

#endif

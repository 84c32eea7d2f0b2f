/* SPDX-License-Identifier: MIT */
/* mptable: Intel's MultiProcessor Specification 1.4, chapter 4: for kernels without ACPI */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "table/pctab.h"

#define FLOATING_BYTES 16u
#define HEADER_BYTES 44u
#define CPU_BYTES 20u
#define OTHER_BYTES 8u
#define ISA_LINES 16u
#define ROOM (SNUG__HOLE_END - SNUG__MPTABLE_GPA)

/* Table 4-2: entry types */
enum { CPU, BUS, IOAPIC, IO_INTERRUPT, LOCAL_INTERRUPT };

#define SPEC_REV 4
#define CPU_ENABLED 1
#define CPU_BSP 2
#define APIC_VERSION 0x14   /* of KVM's local APICs: KVM_APIC_VERSION */
#define IOAPIC_VERSION 0x11 /* of its I/O APIC: IOAPIC_VERSION_ID */
#define IOAPIC_ENABLED 1
#define INT 0
#define NMI 1
#define EXTINT 3
#define ALL_APICS 0xff

struct table {
	uint8_t bytes[ROOM];
	unsigned len, entries;
};

static uint8_t *entry(struct table *t, uint8_t type, unsigned bytes)
{
	uint8_t *e = t->bytes + t->len;

	e[0] = type;
	t->len += bytes;
	t->entries++;
	return e;
}

static void add_cpu(struct table *t, unsigned id)
{
	uint8_t *e = entry(t, CPU, CPU_BYTES);

	e[1] = (uint8_t)id;
	e[2] = APIC_VERSION;
	e[3] = CPU_ENABLED | (id == 0 ? CPU_BSP : 0);
	snug__le_store(e + 4, 4, 0x600); /* family 6: a P6; CPUID says what it is */
	snug__le_store(e + 8, 4, 0x201); /* table 4-6: FPU, APIC */
}

/* The flags are 0: polarity and trigger mode are those of the bus. */
static void add_interrupt(struct table *t, uint8_t type, uint8_t kind, uint8_t irq, uint8_t to, uint8_t pin)
{
	uint8_t *e = entry(t, type, OTHER_BYTES);

	e[1] = kind;
	e[4] = 0; /* bus 0 */
	e[5] = irq;
	e[6] = to;
	e[7] = pin;
}

static void finish(struct table *t)
{
	uint8_t *h = t->bytes + FLOATING_BYTES;

	snug__put_text(t->bytes, 4, "_MP_");
	snug__le_store(t->bytes + 4, 4, SNUG__MPTABLE_GPA + FLOATING_BYTES);
	t->bytes[8] = FLOATING_BYTES / 16;
	t->bytes[9] = SPEC_REV;
	snug__pc_checksum(t->bytes, FLOATING_BYTES, 10);
	snug__put_text(h, 4, "PCMP");
	snug__le_store(h + 4, 2, t->len - FLOATING_BYTES);
	h[6] = SPEC_REV;
	snug__put_text(h + 8, 8, "SNUG    ");
	snug__put_text(h + 16, 12, "PC          ");
	snug__le_store(h + 34, 2, t->entries);
	snug__le_store(h + 36, 4, SNUG__LAPIC_GPA);
	snug__pc_checksum(h, t->len - FLOATING_BYTES, 7);
}

int snug__mptable_write(const struct snug__pc *pc, struct snug__mem *mem)
{
	struct table t = {.len = FLOATING_BYTES + HEADER_BYTES};
	uint8_t ioapic = (uint8_t)pc->cpus, *e;

	if (FLOATING_BYTES + HEADER_BYTES + pc->cpus * CPU_BYTES + (ISA_LINES + 4) * OTHER_BYTES > ROOM ||
	    pc->cpus > 254)
		return -E2BIG;
	for (unsigned i = 0; i < pc->cpus; i++)
		add_cpu(&t, i);
	e = entry(&t, BUS, OTHER_BYTES);
	snug__put_text(e + 2, 6, "ISA   ");
	e = entry(&t, IOAPIC, OTHER_BYTES);
	e[1] = ioapic;
	e[2] = IOAPIC_VERSION;
	e[3] = IOAPIC_ENABLED;
	snug__le_store(e + 4, 4, SNUG__IOAPIC_GPA);
	/* KVM's lines go to the I/O APIC's pins of the same number. */
	for (uint8_t irq = 0; irq < ISA_LINES; irq++)
		add_interrupt(&t, IO_INTERRUPT, INT, irq, ioapic, irq);
	add_interrupt(&t, LOCAL_INTERRUPT, EXTINT, 0, 0, 0);
	add_interrupt(&t, LOCAL_INTERRUPT, NMI, 0, ALL_APICS, 1);
	finish(&t);
	return snug__mem_write(mem, SNUG__MPTABLE_GPA, t.bytes, t.len);
}

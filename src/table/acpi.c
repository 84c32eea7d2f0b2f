/* SPDX-License-Identifier: MIT */
/*
 * acpi: ACPI 6.5 chapter 5: RSDP, XSDT, FADT, FACS, MADT, DSDT
 *
 * There is no System Management Mode, so the machine is in ACPI mode from the start (SMI_CMD is 0: 4.8.1.1).
 */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "table/aml.h"
#include "table/pctab.h"

#define ROOM (SNUG__MPTABLE_GPA - SNUG__ACPI_GPA)
#define ALIGN 64u
#define GENERATION_BYTES 64u
#define HEADER_BYTES 36u /* 5.2.6: signature, length, revision, checksum, OEM ids, creator */
#define CHECKSUM 9u
#define RSDP_BYTES 36u
#define FACS_BYTES 64u
#define FADT_BYTES 276u
#define FADT_REVISION 6
#define MADT_REVISION 5
#define DSDT_REVISION 2 /* integers have 64 bits */

/* All tables in one block; at is where the next one goes. */
struct block {
	uint8_t bytes[ROOM];
	unsigned at;
	bool full;
};

static uint64_t gpa_of(const struct block *b, const uint8_t *p)
{
	return SNUG__ACPI_GPA + (uint64_t)(p - b->bytes);
}

static uint8_t *take(struct block *b, unsigned len)
{
	uint8_t *p = b->bytes + b->at;

	if (len > ROOM - b->at) {
		b->full = true;
		return b->bytes;
	}
	b->at += (len + ALIGN - 1) & ~(ALIGN - 1);
	return p;
}

static void header(uint8_t *t, const char *signature, unsigned len, uint8_t revision)
{
	memcpy(t, signature, 4);
	snug__le_store(t + 4, 4, len);
	t[8] = revision;
	snug__put_text(t + 10, 14, "SNUG  SNUGPC  ");
	snug__le_store(t + 24, 4, 1);
	snug__put_text(t + 28, 4, "SNUG");
	snug__le_store(t + 32, 4, 1);
	snug__pc_checksum(t, len, CHECKSUM);
}

/* 5.2.3.2: a port, as a Generic Address Structure. */
static void gas(uint8_t *g, uint16_t port, unsigned bytes)
{
	g[0] = 1; /* system I/O */
	g[1] = (uint8_t)(bytes * 8);
	g[3] = bytes == 1 ? 1 : bytes == 2 ? 2 : 3;
	snug__le_store(g + 4, 8, port);
}

/* 6.4.2, 6.4.3: what a device has: ports, an interrupt line. */
static void resources(struct snug__aml *a, const struct snug__pc_dev *d)
{
	uint8_t r[16];
	unsigned n = 0, buffer;

	if (d->count) {
		const uint8_t io[] = {0x47,
		                      1,
		                      (uint8_t)d->port,
		                      (uint8_t)(d->port >> 8),
		                      (uint8_t)d->port,
		                      (uint8_t)(d->port >> 8),
		                      1,
		                      (uint8_t)d->count};

		memcpy(r, io, sizeof(io));
		n = sizeof(io);
	}
	if (d->irq) {
		r[n++] = 0x22;
		r[n++] = (uint8_t)(1u << d->irq);
		r[n++] = (uint8_t)(1u << d->irq >> 8);
	}
	r[n++] = 0x79;
	r[n++] = 0;
	snug__aml_define(a, "_CRS");
	buffer = snug__aml_begin(a, SNUG__AML_BUFFER);
	snug__aml_integer(a, n);
	snug__aml_bytes(a, r, n);
	snug__aml_end(a, buffer);
}

static unsigned device(struct snug__aml *a, const char *name, const char *hid)
{
	unsigned begun = snug__aml_begin(a, SNUG__AML_DEVICE);

	snug__aml_name(a, name);
	snug__aml_define(a, "_HID");
	snug__aml_hid(a, hid);
	return begun;
}

/* Microsoft's "Virtual Machine Generation ID", 2012: ADDR gives where the id is, in two halves. */
static void generation_device(struct snug__aml *a, uint64_t gpa)
{
	unsigned dev = device(a, "VGEN", "SNUG0001"), package;

	snug__aml_define(a, "_CID");
	snug__aml_string(a, "VM_Gen_Counter");
	snug__aml_define(a, "_DDN");
	snug__aml_string(a, "VM_Gen_Counter");
	snug__aml_define(a, "ADDR");
	package = snug__aml_begin(a, SNUG__AML_PACKAGE);
	snug__aml_byte(a, 2);
	snug__aml_integer(a, gpa & UINT32_MAX);
	snug__aml_integer(a, gpa >> 32);
	snug__aml_end(a, package);
	snug__aml_end(a, dev);
}

/* 5.6.9 Generic Event Device: an interrupt that means: look at the generation again (Notify 0x80). */
static void event_device(struct snug__aml *a, uint8_t irq)
{
	const uint8_t interrupt[] = {0x89, 6, 0, 3 /* consumer, edge, active high */, 1, irq, 0, 0, 0, 0x79, 0};
	unsigned dev = device(a, "GED_", "ACPI0013"), part;

	snug__aml_define(a, "_CRS");
	part = snug__aml_begin(a, SNUG__AML_BUFFER);
	snug__aml_integer(a, sizeof(interrupt));
	snug__aml_bytes(a, interrupt, sizeof(interrupt));
	snug__aml_end(a, part);
	part = snug__aml_begin(a, SNUG__AML_METHOD);
	snug__aml_name(a, "_EVT");
	snug__aml_byte(a, 1 | 8); /* one argument, serialized */
	snug__aml_byte(a, 0x86);  /* Notify */
	snug__aml_name(a, "VGEN");
	snug__aml_integer(a, 0x80);
	snug__aml_end(a, part);
	snug__aml_end(a, dev);
}

static uint8_t *dsdt(struct block *b, const struct snug__pc *pc, uint64_t generation)
{
	uint8_t *t = b->bytes + b->at;
	struct snug__aml a = {.at = t, .len = HEADER_BYTES, .room = ROOM - b->at};
	unsigned part;

	/* \_S5: SLP_TYP 5 turns the machine off. */
	snug__aml_define(&a, "_S5_");
	part = snug__aml_begin(&a, SNUG__AML_PACKAGE);
	snug__aml_byte(&a, 4);
	snug__aml_integer(&a, 5);
	snug__aml_integer(&a, 5);
	snug__aml_integer(&a, 0);
	snug__aml_integer(&a, 0);
	snug__aml_end(&a, part);
	part = snug__aml_begin(&a, SNUG__AML_SCOPE);
	snug__aml_name(&a, "_SB_");
	for (unsigned i = 0; i < pc->dev_count; i++) {
		unsigned dev = device(&a, pc->devs[i].name, pc->devs[i].hid);

		snug__aml_define(&a, "_UID");
		snug__aml_integer(&a, i);
		snug__aml_define(&a, "_STA");
		snug__aml_integer(&a, 0xf);
		resources(&a, &pc->devs[i]);
		snug__aml_end(&a, dev);
	}
	generation_device(&a, generation);
	if (pc->renew_irq)
		event_device(&a, pc->renew_irq);
	snug__aml_end(&a, part);
	b->full |= a.full;
	take(b, a.len);
	header(t, "DSDT", a.len, DSDT_REVISION);
	return t;
}

static uint8_t *facs(struct block *b)
{
	uint8_t *t = take(b, FACS_BYTES);

	snug__put_text(t, 4, "FACS");
	snug__le_store(t + 4, 4, FACS_BYTES);
	t[32] = 2;
	return t;
}

/* 5.2.9, table 5.9 */
static uint8_t *fadt(struct block *b, const struct snug__pc *pc, uint64_t facs_at, uint64_t dsdt_at)
{
	uint8_t *t = take(b, FADT_BYTES);

	snug__le_store(t + 36, 4, facs_at);
	snug__le_store(t + 40, 4, dsdt_at);
	snug__le_store(t + 46, 2, pc->sci);
	snug__le_store(t + 56, 4, pc->pm_port);
	snug__le_store(t + 64, 4, pc->pm_port + 4u);
	snug__le_store(t + 76, 4, pc->pm_port + 8u);
	t[88] = 4;
	t[89] = 2;
	t[91] = 4;
	snug__le_store(t + 96, 2, 0xffff); /* more than 100: there is no C2, nor C3 */
	snug__le_store(t + 98, 2, 0xffff);
	t[108] = 0x32; /* the RTC's century */
	snug__le_store(t + 109, 2,
	               1 | 1 << 2); /* table 5.10: legacy devices, no VGA; no keyboard controller to probe */
	/* WBINVD, no fixed buttons and no fixed RTC event, a timer of 32 bits, the reset register */
	snug__le_store(t + 112, 4, 1 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 8 | 1 << 10);
	gas(t + 116, pc->reset_port, 1);
	t[128] = 6; /* a hard reset */
	t[131] = 5; /* 6.5 */
	snug__le_store(t + 140, 8, dsdt_at);
	gas(t + 148, pc->pm_port, 4);
	gas(t + 172, (uint16_t)(pc->pm_port + 4), 2);
	gas(t + 208, (uint16_t)(pc->pm_port + 8), 4);
	snug__put_text(t + 268, 8, "SNUG    ");
	header(t, "FACP", FADT_BYTES, FADT_REVISION);
	return t;
}

/* 5.2.12 */
static uint8_t *madt(struct block *b, const struct snug__pc *pc)
{
	const uint8_t sci[10] = {2, 10, 0, pc->sci, pc->sci, 0, 0, 0, 0xd /* active high, level */, 0};
	const uint8_t nmi[6] = {4, 6, 0xff, 0, 0, 1}; /* LINT1 of all */
	unsigned len = HEADER_BYTES + 8 + pc->cpus * 8 + 12 + sizeof(sci) + sizeof(nmi);
	uint8_t *t = take(b, len), *p = t + HEADER_BYTES + 8;

	if (b->full)
		return t;
	snug__le_store(t + 36, 4, SNUG__LAPIC_GPA);
	t[40] = 1; /* there are two 8259A too */
	for (unsigned i = 0; i < pc->cpus; i++, p += 8) {
		p[0] = 0;
		p[1] = 8;
		p[2] = p[3] = (uint8_t)i;
		p[4] = 1;
	}
	p[0] = 1;
	p[1] = 12;
	p[2] = (uint8_t)pc->cpus;
	snug__le_store(p + 4, 4, SNUG__IOAPIC_GPA);
	memcpy(p + 12, sci, sizeof(sci));
	memcpy(p + 12 + sizeof(sci), nmi, sizeof(nmi));
	header(t, "APIC", len, MADT_REVISION);
	return t;
}

int snug__acpi_write(const struct snug__pc *pc, struct snug__mem *mem, snug_gpa *rsdp, snug_gpa *generation)
{
	struct block b = {.at = 0};
	uint8_t *root = take(&b, RSDP_BYTES), *gen = take(&b, GENERATION_BYTES), *xsdt, *tables[2], *d, *f;

	if (pc->cpus > 254)
		return -E2BIG;
	f = facs(&b);
	d = dsdt(&b, pc, gpa_of(&b, gen));
	tables[0] = fadt(&b, pc, gpa_of(&b, f), gpa_of(&b, d));
	tables[1] = madt(&b, pc);
	xsdt = take(&b, HEADER_BYTES + 16);
	if (b.full)
		return -E2BIG;
	for (unsigned i = 0; i < 2; i++)
		snug__le_store(xsdt + HEADER_BYTES + i * 8ul, 8, gpa_of(&b, tables[i]));
	header(xsdt, "XSDT", HEADER_BYTES + 16, 1);
	/* 5.2.5.3: the first 20 bytes have a checksum of their own */
	snug__put_text(root, 8, "RSD PTR ");
	snug__put_text(root + 9, 6, "SNUG  ");
	root[15] = 2;
	snug__le_store(root + 20, 4, RSDP_BYTES);
	snug__le_store(root + 24, 8, gpa_of(&b, xsdt));
	snug__pc_checksum(root, 20, 8);
	snug__pc_checksum(root, RSDP_BYTES, 32);
	*rsdp = SNUG__ACPI_GPA;
	*generation = gpa_of(&b, gen);
	return snug__mem_write(mem, SNUG__ACPI_GPA, b.bytes, b.at);
}

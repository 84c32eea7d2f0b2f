/* SPDX-License-Identifier: MIT */
/* snapwrite: a frozen state as the head of a snapshot file */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "base/err.h"
#include "svc/snapfile.h"

#define CRC32(image, at, len) snug__crc32c(0, at, len, (image)->crc32)

struct source {
	const struct snug__frozen *f;
	const struct snug__host_cpu *cpu;
};

static void put(uint8_t *at, unsigned offset, unsigned size, uint64_t v)
{
	snug__le_store(at + offset, size, v);
}

/* Text for people: terminated, and what could trouble a terminal is a question mark. */
static void put_text(uint8_t *at, const char *s, size_t size)
{
	for (size_t i = 0; i + 1 < size && s[i]; i++)
		at[i] = s[i] >= ' ' && s[i] <= '~' ? (uint8_t)s[i] : '?';
}

static void put_origin(const struct source *s, unsigned i, uint8_t *at)
{
	const struct snug__origin *o = &s->f->origin;

	(void)i;
	put(at, ORIGIN_KIND, 4, o->kind);
	put(at, ORIGIN_TIME, 8, o->time_ns);
	put_text(at + ORIGIN_SNUG, o->snug, sizeof(o->snug));
	put_text(at + ORIGIN_KERNEL, o->kernel, sizeof(o->kernel));
	put_text(at + ORIGIN_CPU, o->cpu, sizeof(o->cpu));
}

static void put_machine(const struct source *s, unsigned i, uint8_t *at)
{
	const struct snug__frozen *f = s->f;

	(void)i;
	put(at, MACHINE_CPUS, 4, f->cpus);
	put(at, MACHINE_DEVICES, 4, f->devices);
	put(at, MACHINE_UNCLAIMED, 4, f->unclaimed);
	put(at, MACHINE_FLAGS, 4, (f->has_tables ? MACHINE_HAS_TABLES : 0) | (f->has_ivt ? MACHINE_HAS_IVT : 0));
	put(at, MACHINE_RAM_TOP, 8, f->ram_top);
	put(at, MACHINE_BOOT_KIND, 4, f->boot.kind);
	put(at, MACHINE_BOOT_MODE, 4, f->boot.mode);
	put(at, MACHINE_BOOT_LOW, 8, f->boot.low);
	put(at, MACHINE_BOOT_HIGH, 8, f->boot.high);
	put(at, MACHINE_BOOT_ENTRY, 8, f->boot.entry);
	put(at, MACHINE_BOOT_STACK, 8, f->boot.stack);
	put(at, MACHINE_GENERATION, 8, f->generation_gpa);
	put(at, MACHINE_TSC_KHZ, 4, f->tsc_khz);
	memcpy(at + MACHINE_CLOCK, &f->clock, sizeof(f->clock));
	memcpy(at + MACHINE_MARK_STOP, f->mark_stop, strnlen(f->mark_stop, sizeof(f->mark_stop) - 1));
}

uint64_t snug__snap_xcr0(const struct snug__frozen *f)
{
	uint64_t used = 0;

	for (unsigned c = 0; c < f->cpus; c++)
		for (unsigned i = 0; i < f->cpu[c].xcrs.nr_xcrs && i < KVM_MAX_XCRS; i++)
			if (f->cpu[c].xcrs.xcrs[i].xcr == 0)
				used |= f->cpu[c].xcrs.xcrs[i].value;
	return used;
}

static void put_needs(const struct source *s, unsigned i, uint8_t *at)
{
	(void)i;
	put(at, NEEDS_KIND, 4, s->f->origin.kind);
	put(at, NEEDS_TSC_KHZ, 4, s->f->tsc_khz);
	put(at, NEEDS_XCR0, 8, snug__snap_xcr0(s->f));
	memcpy(at + NEEDS_VENDOR, s->cpu->vendor, 12);
	for (unsigned n = 0; n < 6; n++)
		put(at, NEEDS_WORDS + 4 * n, 4, s->cpu->words[n]);
}

static void put_regions(const struct source *s, unsigned unused, uint8_t *at)
{
	(void)unused;
	for (unsigned i = 0; i < s->f->region_count; i++, at += REGION_BYTES) {
		const struct snug__frozen_region *r = &s->f->regions[i];

		put(at, REGION_GPA, 8, r->gpa);
		put(at, REGION_LEN, 8, r->bytes);
		put(at, REGION_OFFSET, 8, r->offset);
		put(at, REGION_FLAGS, 4, r->flags);
		put_text(at + REGION_NAME, r->name, sizeof(r->name));
	}
}

static void put_cpu(const struct source *s, unsigned i, uint8_t *at)
{
	const struct snug__cpu_state *c = &s->f->cpu[i];
	uint8_t *rows = at + CPU_BYTES;

	memcpy(at + CPU_REGS, &c->regs, sizeof(c->regs));
	memcpy(at + CPU_SREGS, &c->sregs, sizeof(c->sregs));
	memcpy(at + CPU_EVENTS, &c->events, sizeof(c->events));
	memcpy(at + CPU_DEBUG, &c->debug, sizeof(c->debug));
	memcpy(at + CPU_XCRS, &c->xcrs, sizeof(c->xcrs));
	memcpy(at + CPU_MP, &c->mp, sizeof(c->mp));
	put(at, CPU_MARK_LEN, 4, c->mark_len);
	memcpy(at + CPU_MARK, c->mark, snug__min(c->mark_len, sizeof(c->mark)));
	put(at, CPU_MSR_COUNT, 4, c->msr_count);
	put(at, CPU_CPUID_COUNT, 4, c->cpuid_count);
	memcpy(at + CPU_XSAVE, c->xsave, sizeof(c->xsave));
	if (c->msr_count)
		memcpy(rows, c->msrs, (size_t)c->msr_count * CPU_MSR_BYTES);
	rows += (size_t)c->msr_count * CPU_MSR_BYTES;
	if (c->cpuid_count)
		memcpy(rows, c->cpuid, (size_t)c->cpuid_count * CPU_CPUID_BYTES);
}

static void put_device(const struct source *s, unsigned i, uint8_t *at)
{
	const struct snug__dev_state *d = &s->f->devs[i];

	put(at, DEVICE_BASE, 8, d->base);
	put(at, DEVICE_FLAGS, 4, (d->mmio ? DEVICE_MMIO : 0) | (d->builtin ? DEVICE_BUILTIN : 0));
	put(at, DEVICE_LEN, 4, d->len);
	if (d->len)
		memcpy(at + DEVICE_BYTES, d->bytes, d->len);
}

static void put_symbols(const struct source *s, unsigned unused, uint8_t *at)
{
	const struct snug__symbols *y = s->f->symbols;
	uint8_t *row = at + SYMBOLS_BYTES;

	(void)unused;
	put(at, SYMBOLS_COUNT, 4, y->count);
	put(at, SYMBOLS_NAMES, 4, y->names_len);
	for (uint32_t i = 0; i < y->count; i++, row += SYMBOL_BYTES) {
		put(row, SYMBOL_ADDRESS, 8, y->rows[i].address);
		put(row, SYMBOL_LEN, 8, y->rows[i].bytes);
		put(row, SYMBOL_NAME, 4, y->rows[i].name);
	}
	if (y->names_len)
		memcpy(row, y->names, y->names_len);
}

static void put_sums(const struct source *s, unsigned i, uint8_t *at)
{
	(void)s, (void)i, (void)at; /* they are known once memory was written */
}

static void put_pc(const struct source *s, unsigned unused, uint8_t *at)
{
	(void)unused;
	memcpy(at + PC_CHIPS, s->f->pc.chip, sizeof(s->f->pc.chip));
	memcpy(at + PC_PIT, &s->f->pc.pit, sizeof(s->f->pc.pit));
	for (unsigned i = 0; i < s->f->cpus; i++)
		memcpy(at + PC_LAPICS + (size_t)i * PC_LAPIC_BYTES, &s->f->cpu[i].lapic, PC_LAPIC_BYTES);
}

static unsigned one(const struct snug__frozen *f)
{
	(void)f;
	return 1;
}

static unsigned count_cpus(const struct snug__frozen *f)
{
	return f->cpus;
}

static unsigned count_devices(const struct snug__frozen *f)
{
	return f->dev_count;
}

static unsigned count_symbols(const struct snug__frozen *f)
{
	return f->symbols != NULL;
}

static unsigned count_pc(const struct snug__frozen *f)
{
	return (f->devices & SNUG_DEV_PC) != 0;
}

static uint64_t bytes_pc(const struct snug__frozen *f, unsigned i)
{
	(void)i;
	return PC_LAPICS + (uint64_t)f->cpus * PC_LAPIC_BYTES;
}

static uint64_t bytes_regions(const struct snug__frozen *f, unsigned i)
{
	(void)i;
	return (uint64_t)f->region_count * REGION_BYTES;
}

static uint64_t bytes_cpu(const struct snug__frozen *f, unsigned i)
{
	return CPU_BYTES + (uint64_t)f->cpu[i].msr_count * CPU_MSR_BYTES +
	       (uint64_t)f->cpu[i].cpuid_count * CPU_CPUID_BYTES;
}

static uint64_t bytes_device(const struct snug__frozen *f, unsigned i)
{
	return DEVICE_BYTES + (uint64_t)f->devs[i].len;
}

static uint64_t bytes_symbols(const struct snug__frozen *f, unsigned i)
{
	(void)i;
	return SYMBOLS_BYTES + (uint64_t)f->symbols->count * SYMBOL_BYTES + f->symbols->names_len;
}

static uint64_t bytes_sums(const struct snug__frozen *f, unsigned i)
{
	(void)i;
	return f->bytes / SNUG__CHUNK * 4;
}

/* How many sections of a type there are, how long each is (or always is), and what is in it. */
static const struct {
	unsigned (*count)(const struct snug__frozen *f);
	uint64_t fixed;
	uint64_t (*bytes)(const struct snug__frozen *f, unsigned i);
	void (*put)(const struct source *s, unsigned i, uint8_t *at);
} types[SNAP_TYPES] = {
    [SNAP_ORIGIN] = {one, ORIGIN_BYTES, NULL, put_origin},
    [SNAP_MACHINE] = {one, MACHINE_BYTES, NULL, put_machine},
    [SNAP_NEEDS] = {one, NEEDS_BYTES, NULL, put_needs},
    [SNAP_REGIONS] = {one, 0, bytes_regions, put_regions},
    [SNAP_CPU] = {count_cpus, 0, bytes_cpu, put_cpu},
    [SNAP_DEVICE] = {count_devices, 0, bytes_device, put_device},
    [SNAP_SYMBOLS] = {count_symbols, 0, bytes_symbols, put_symbols},
    [SNAP_SUMS] = {one, 0, bytes_sums, put_sums},
    [SNAP_PC] = {count_pc, 0, bytes_pc, put_pc},
};

static uint64_t bytes_of(const struct snug__frozen *f, unsigned type, unsigned i)
{
	return types[type].bytes ? types[type].bytes(f, i) : types[type].fixed;
}

static uint64_t aligned(uint64_t v, uint64_t to)
{
	return (v + to - 1) & ~(to - 1);
}

/* Sections and their bytes; false where that is more than any file may have, so that no sum below can wrap. */
static bool measure(const struct snug__frozen *f, uint64_t *sections, uint64_t *bytes)
{
	*sections = *bytes = 0;
	if (f->bytes > SNAP_MEM_MAX || f->cpus > SNAP_CPUS_MAX || f->dev_count > SNAP_DEVICES_MAX)
		return false;
	for (unsigned type = 1; type < SNAP_TYPES; type++)
		for (unsigned i = 0; i < types[type].count(f); i++) {
			*bytes += aligned(bytes_of(f, type, i), SNAP_ALIGN);
			++*sections;
		}
	*bytes += SNAP_HEADER + *sections * SNAP_ENTRY;
	return *bytes <= SNAP_HEAD_MAX;
}

/* Table and sections; the CRCs come last. */
static void fill(const struct source *s, struct snug__snap_image *image, uint64_t sections)
{
	uint8_t *entry = image->bytes + SNAP_HEADER;
	uint64_t at = SNAP_HEADER + sections * SNAP_ENTRY;

	for (unsigned type = 1; type < SNAP_TYPES; type++)
		for (unsigned i = 0; i < types[type].count(s->f); i++, entry += SNAP_ENTRY) {
			uint64_t bytes = bytes_of(s->f, type, i);

			put(entry, SNAP_ENTRY_TYPE, 4, type);
			put(entry, SNAP_ENTRY_FLAGS, 4, SNAP_REQUIRED);
			put(entry, SNAP_ENTRY_OFFSET, 8, at);
			put(entry, SNAP_ENTRY_BYTES, 8, bytes);
			put(entry, SNAP_ENTRY_INDEX, 4, i);
			types[type].put(s, i, image->bytes + at);
			if (type == SNAP_SUMS)
				image->sums = image->bytes + at;
			at = aligned(at + bytes, SNAP_ALIGN);
		}
}

int snug__snap_image(const struct snug__frozen *f, const struct snug__host_cpu *cpu, struct snug__snap_image *out,
                     struct snug_error *err)
{
	struct source s = {f, cpu};
	uint64_t sections;

	*out = (struct snug__snap_image){.mem_bytes = f->bytes, .crc32 = snug__host_crc32(cpu)};
	if (!measure(f, &sections, &out->len))
		return snug__err(err, -E2BIG, SNUG_STEP_NONE, "docs/snapshot-format.md has the limits",
		                 "snapshot: the VM has more than a file may hold");
	out->bytes = calloc(1, out->len);
	if (!out->bytes)
		return snug__err(err, -ENOMEM, SNUG_STEP_NONE, "free some memory", "snapshot: out of memory");
	/* So that the file's huge pages can be mapped as such.  The gap is a hole. */
	out->mem_offset = aligned(out->len, SNUG__CHUNK);
	out->file_bytes = out->mem_offset + f->bytes;
	memcpy(out->bytes + SNAP_MAGIC, SNUG__SNAP_MAGIC, 8);
	put(out->bytes, SNAP_VERSION, 4, SNUG__SNAP_VERSION);
	put(out->bytes, SNAP_HEADER_LEN, 4, SNAP_HEADER);
	put(out->bytes, SNAP_SECTIONS, 4, sections);
	put(out->bytes, SNAP_ENTRY_LEN, 4, SNAP_ENTRY);
	put(out->bytes, SNAP_HEAD_BYTES, 8, out->len);
	put(out->bytes, SNAP_MEM_OFFSET, 8, out->mem_offset);
	put(out->bytes, SNAP_MEM_BYTES, 8, f->bytes);
	put(out->bytes, SNAP_FILE_BYTES, 8, out->file_bytes);
	fill(&s, out, sections);
	snug__snap_image_seal(out);
	return 0;
}

void snug__snap_image_free(struct snug__snap_image *image)
{
	free(image->bytes);
	*image = (struct snug__snap_image){0};
}

uint32_t snug__snap_sum(const uint8_t *bytes, uint64_t len, bool crc32)
{
	uint32_t crc = snug__crc32c(0, bytes, len, crc32);

	return crc ? crc : 1;
}

void snug__snap_image_chunk(struct snug__snap_image *image, uint64_t offset, const uint8_t *bytes, uint64_t len)
{
	put(image->sums + offset / SNUG__CHUNK * 4, 0, 4, snug__snap_sum(bytes, len, image->crc32));
}

void snug__snap_image_seal(struct snug__snap_image *image)
{
	uint64_t sections = snug__le_load(image->bytes + SNAP_SECTIONS, 4);
	uint8_t *entry = image->bytes + SNAP_HEADER;

	for (uint64_t i = 0; i < sections; i++, entry += SNAP_ENTRY) {
		uint64_t at = snug__le_load(entry + SNAP_ENTRY_OFFSET, 8);
		uint64_t bytes = snug__le_load(entry + SNAP_ENTRY_BYTES, 8);

		put(entry, SNAP_ENTRY_CRC, 4, CRC32(image, image->bytes + at, bytes));
	}
	put(image->bytes, SNAP_HEADER_CRC, 4, 0);
	put(image->bytes, SNAP_HEADER_CRC, 4, CRC32(image, image->bytes, SNAP_HEADER + sections * SNAP_ENTRY));
}

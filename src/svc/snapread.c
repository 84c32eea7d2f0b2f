/* SPDX-License-Identifier: MIT */
/* snapread: the head of a snapshot file, from a stranger, as a frozen state */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "base/err.h"
#include "svc/snapfile.h"

/* ANALYZER-OFF(malloc-leak): gcc 12 loses what is stored behind in->f; snug__frozen_drop frees it */
#define HINT_DAMAGED "the file is damaged, or was not written by snug: save it again"
#define HINT_NEWER "use the snug that wrote it, or a newer one (`snug snapshot` shows which that was)"

typedef unsigned long long ull;

/* What is being read. */
struct in {
	struct snug__span head;
	struct snug__snap *out;
	struct snug__frozen *f;
	struct snug_error *err;
	bool crc32;
	unsigned counts[SNAP_TYPES], others;
	uint32_t machine_cpus;
	/* the section at hand */
	unsigned section, type, index;
	const uint8_t *at;
	uint64_t len;
};

typedef int (*read_fn)(struct in *in);

static int read_origin(struct in *in);
static int read_machine(struct in *in);
static int read_needs(struct in *in);
static int read_regions(struct in *in);
static int read_cpu(struct in *in);
static int read_device(struct in *in);
static int read_symbols(struct in *in);
static int read_sums(struct in *in);
static int read_pc(struct in *in);

/* Every type: how many sections a file has of it, and how long they are at least and at most. */
static const struct {
	const char *name;
	unsigned min, max;
	uint64_t least, most;
	read_fn read;
} types[SNAP_TYPES] = {
    [SNAP_ORIGIN] = {"origin", 1, 1, ORIGIN_BYTES, ORIGIN_BYTES, read_origin},
    [SNAP_MACHINE] = {"machine", 1, 1, MACHINE_BYTES, MACHINE_BYTES, read_machine},
    [SNAP_NEEDS] = {"needs", 1, 1, NEEDS_BYTES, NEEDS_BYTES, read_needs},
    [SNAP_REGIONS] = {"regions", 1, 1, REGION_BYTES, (uint64_t)SNAP_REGIONS_MAX *REGION_BYTES, read_regions},
    [SNAP_CPU] = {"cpu", 1, SNAP_CPUS_MAX, CPU_BYTES,
                  CPU_BYTES + (uint64_t)SNAP_MSRS_MAX *CPU_MSR_BYTES + (uint64_t)SNAP_CPUID_MAX *CPU_CPUID_BYTES,
                  read_cpu},
    [SNAP_DEVICE] = {"device", 0, SNAP_DEVICES_MAX, DEVICE_BYTES, DEVICE_BYTES + SNAP_DEVICE_MAX, read_device},
    [SNAP_SYMBOLS] = {"symbols", 0, 1, SYMBOLS_BYTES, SNAP_SYMBOLS_MAX, read_symbols},
    [SNAP_SUMS] = {"sums", 1, 1, 4, SNAP_HEAD_MAX, read_sums},
    [SNAP_PC] = {"pc", 0, 1, PC_LAPICS + PC_LAPIC_BYTES, PC_LAPICS + (uint64_t)SNAP_CPUS_MAX *PC_LAPIC_BYTES,
                 read_pc},
};

static uint64_t get(const uint8_t *at, unsigned offset, unsigned size)
{
	return snug__le_load(at + offset, size);
}

__attribute__((format(printf, 2, 3))) static int refuse(struct snug_error *err, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return snug__err(err, -ENOEXEC, SNUG_STEP_NONE, HINT_DAMAGED, "snapshot: %s", what);
}

/* About the section at hand. */
__attribute__((format(printf, 2, 3))) static int bad(const struct in *in, const char *fmt, ...)
{
	const char *name = in->type < SNAP_TYPES && types[in->type].name ? types[in->type].name : "unknown";
	char what[256], index[16] = "";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (in->type == SNAP_CPU || in->type == SNAP_DEVICE)
		snprintf(index, sizeof(index), " %u", in->index);
	return refuse(in->err, "section %u (%s%s): %s", in->section, name, index, what);
}

static int no_memory(struct snug_error *err)
{
	return snug__err(err, -ENOMEM, SNUG_STEP_NONE, "free some memory", "snapshot: out of memory");
}

static bool is_zero(const uint8_t *at, uint64_t len)
{
	while (len && at[len - 1] == 0)
		len--;
	return len == 0;
}

/* Text for people: printable ASCII, then zeros to the end. */
static bool get_text(char *to, const uint8_t *at, size_t size)
{
	size_t n = 0;

	while (n < size && at[n] >= ' ' && at[n] <= '~')
		n++;
	if (n == size || !is_zero(at + n, size - n))
		return false;
	memcpy(to, at, size);
	return true;
}

static int read_origin(struct in *in)
{
	struct snug__origin *o = &in->f->origin;
	uint64_t kind = get(in->at, ORIGIN_KIND, 4);

	if (kind > SNUG_HOST_PVM)
		return bad(in, "host kind %llu, at most %d", (ull)kind, SNUG_HOST_PVM);
	if (!is_zero(in->at + ORIGIN_ZERO, 4))
		return bad(in, "bytes %d to %d are not zero", ORIGIN_ZERO, ORIGIN_ZERO + 3);
	o->kind = (enum snug_host_kind)kind;
	o->time_ns = get(in->at, ORIGIN_TIME, 8);
	if (!get_text(o->snug, in->at + ORIGIN_SNUG, sizeof(o->snug)))
		return bad(in, "snug version: no text that ends with NUL");
	if (!get_text(o->kernel, in->at + ORIGIN_KERNEL, sizeof(o->kernel)))
		return bad(in, "kernel: no text that ends with NUL");
	if (!get_text(o->cpu, in->at + ORIGIN_CPU, sizeof(o->cpu)))
		return bad(in, "CPU: no text that ends with NUL");
	return 0;
}

static int read_boot(struct in *in)
{
	struct snug_boot *b = &in->f->boot;
	uint64_t kind = get(in->at, MACHINE_BOOT_KIND, 4), mode = get(in->at, MACHINE_BOOT_MODE, 4);

	if (kind > SNUG_KIND_MULTIBOOT)
		return bad(in, "boot kind %llu, at most %d", (ull)kind, SNUG_KIND_MULTIBOOT);
	if (mode > SNUG_MODE_RESET)
		return bad(in, "boot mode %llu, at most %d", (ull)mode, SNUG_MODE_RESET);
	*b = (struct snug_boot){
	    .size = sizeof(*b),
	    .kind = (enum snug_kind)kind,
	    .mode = (enum snug_mode)mode,
	    .low = get(in->at, MACHINE_BOOT_LOW, 8),
	    .high = get(in->at, MACHINE_BOOT_HIGH, 8),
	    .entry = get(in->at, MACHINE_BOOT_ENTRY, 8),
	    .stack = get(in->at, MACHINE_BOOT_STACK, 8),
	};
	if (b->low > b->high || b->high > SNAP_MEM_MAX)
		return bad(in, "boot low 0x%llx, high 0x%llx: no range of addresses", (ull)b->low, (ull)b->high);
	return 0;
}

static int read_machine(struct in *in)
{
	struct snug__frozen *f = in->f;
	uint64_t flags = get(in->at, MACHINE_FLAGS, 4), unclaimed = get(in->at, MACHINE_UNCLAIMED, 4);
	const char *stop = (const char *)in->at + MACHINE_MARK_STOP;

	in->machine_cpus = (uint32_t)get(in->at, MACHINE_CPUS, 4);
	f->devices = (uint32_t)get(in->at, MACHINE_DEVICES, 4);
	f->ram_top = get(in->at, MACHINE_RAM_TOP, 8);
	f->generation_gpa = get(in->at, MACHINE_GENERATION, 8);
	f->tsc_khz = (uint32_t)get(in->at, MACHINE_TSC_KHZ, 4);
	if (in->machine_cpus != in->counts[SNAP_CPU])
		return bad(in, "cpus %u, with %u sections of type cpu", in->machine_cpus, in->counts[SNAP_CPU]);
	if (f->devices & ~(uint32_t)SNUG__DEV_KNOWN)
		return bad(in, "devices 0x%x, known are 0x%x", f->devices, SNUG__DEV_KNOWN);
	if (unclaimed > SNUG_UNCLAIMED_IGNORE)
		return bad(in, "unclaimed %llu, at most %d", (ull)unclaimed, SNUG_UNCLAIMED_IGNORE);
	if (flags & ~(uint64_t)(MACHINE_HAS_TABLES | MACHINE_HAS_IVT))
		return bad(in, "flags 0x%llx, known are 0x%x", (ull)flags, MACHINE_HAS_TABLES | MACHINE_HAS_IVT);
	if (f->ram_top > SNAP_MEM_MAX || !snug__aligned(f->ram_top, SNUG_PAGE))
		return bad(in, "ram_top 0x%llx, wanted is a multiple of 4096 up to 2^52", (ull)f->ram_top);
	if (f->generation_gpa >= SNAP_MEM_MAX)
		return bad(in, "generation address 0x%llx, below 2^52 is wanted", (ull)f->generation_gpa);
	if (!is_zero(in->at + MACHINE_ZERO, 4))
		return bad(in, "bytes %d to %d are not zero", MACHINE_ZERO, MACHINE_ZERO + 3);
	if (strnlen(stop, sizeof(f->mark_stop)) == sizeof(f->mark_stop))
		return bad(in, "mark: no text that ends with NUL");
	f->unclaimed = (enum snug_unclaimed)unclaimed;
	f->has_tables = flags & MACHINE_HAS_TABLES;
	f->has_ivt = flags & MACHINE_HAS_IVT;
	memcpy(&f->clock, in->at + MACHINE_CLOCK, sizeof(f->clock));
	memcpy(f->mark_stop, stop, strlen(stop));
	return read_boot(in);
}

static int read_needs(struct in *in)
{
	struct snug__snap_needs *n = &in->out->needs;
	uint64_t kind = get(in->at, NEEDS_KIND, 4);
	uint8_t bytes[16] = {0};
	char vendor[16];

	if (kind != in->f->origin.kind)
		return bad(in, "host kind %llu, the origin's is %d", (ull)kind, in->f->origin.kind);
	memcpy(bytes, in->at + NEEDS_VENDOR, 12);
	if (!get_text(vendor, bytes, sizeof(vendor)))
		return bad(in, "CPU vendor: no text");
	if (!is_zero(in->at + NEEDS_ZERO, 4))
		return bad(in, "bytes %d to %d are not zero", NEEDS_ZERO, NEEDS_ZERO + 3);
	n->kind = (enum snug_host_kind)kind;
	n->tsc_khz = (uint32_t)get(in->at, NEEDS_TSC_KHZ, 4);
	n->xcr0 = get(in->at, NEEDS_XCR0, 8);
	memcpy(n->cpu.vendor, vendor, sizeof(n->cpu.vendor));
	for (unsigned i = 0; i < 6; i++)
		n->cpu.words[i] = (uint32_t)get(in->at, NEEDS_WORDS + 4 * i, 4);
	return 0;
}

/* One row, which must lie behind the one before in the guest, and start the next chunk in the file. */
static int read_region(struct in *in, unsigned i, uint64_t *offset, uint64_t *end)
{
	struct snug__frozen_region *r = &in->f->regions[i];
	const uint8_t *at = in->at + (size_t)i * REGION_BYTES;

	r->gpa = get(at, REGION_GPA, 8);
	r->bytes = get(at, REGION_LEN, 8);
	r->offset = get(at, REGION_OFFSET, 8);
	r->flags = (uint32_t)get(at, REGION_FLAGS, 4);
	if (!snug__aligned(r->gpa | r->bytes, SNUG_PAGE) || r->bytes == 0)
		return bad(in, "row %u: 0x%llx bytes at 0x%llx, wanted are multiples of 4096 above 0", i,
		           (ull)r->bytes, (ull)r->gpa);
	if (!snug__within(r->gpa, r->bytes, SNAP_MEM_MAX))
		return bad(in, "row %u: 0x%llx bytes at 0x%llx end beyond 2^52", i, (ull)r->bytes, (ull)r->gpa);
	if (r->gpa < *end)
		return bad(in, "row %u: address 0x%llx, the row before ends at 0x%llx", i, (ull)r->gpa, (ull)*end);
	if (snug__overlap(r->gpa, r->bytes, SNUG__RESERVED_GPA, SNUG__RESERVED_BYTES))
		return bad(in, "row %u: 0x%llx bytes at 0x%llx overlap KVM's reserved pages", i, (ull)r->bytes,
		           (ull)r->gpa);
	if (r->offset != *offset || !snug__within(r->offset, r->bytes, in->out->header.mem_bytes))
		return bad(in, "row %u: 0x%llx bytes at offset 0x%llx; it starts at 0x%llx, memory has 0x%llx", i,
		           (ull)r->bytes, (ull)r->offset, (ull)*offset, (ull)in->out->header.mem_bytes);
	if (r->flags & ~(uint32_t)SNUG_MEM_READONLY)
		return bad(in, "row %u: flags 0x%x, known are 0x%x", i, r->flags, SNUG_MEM_READONLY);
	if (!get_text(r->name, at + REGION_NAME, sizeof(r->name)))
		return bad(in, "row %u: name: no text that ends with NUL", i);
	if (!is_zero(at + REGION_ZERO, 4))
		return bad(in, "row %u: bytes %d to %d are not zero", i, REGION_ZERO, REGION_ZERO + 3);
	*offset += r->bytes + (-r->bytes & (SNUG__CHUNK - 1)); /* no more than mem_bytes, which is a multiple */
	*end = r->gpa + r->bytes;
	return 0;
}

static int read_regions(struct in *in)
{
	uint64_t count = in->len / REGION_BYTES, offset = 0, end = 0;

	if (in->len % REGION_BYTES)
		return bad(in, "%llu bytes, wanted is a multiple of %d", (ull)in->len, REGION_BYTES);
	in->f->regions = calloc(count, sizeof(*in->f->regions));
	if (!in->f->regions)
		return no_memory(in->err);
	in->f->region_count = (unsigned)count;
	for (unsigned i = 0; i < count; i++) {
		int r = read_region(in, i, &offset, &end);

		if (r < 0)
			return r;
	}
	if (offset != in->out->header.mem_bytes)
		return bad(in, "0x%llx bytes in all, the header says 0x%llx", (ull)offset,
		           (ull)in->out->header.mem_bytes);
	return 0;
}

/* MSRs and CPUID rows, whose number was checked against the section's length. */
static int read_rows(struct in *in, struct snug__cpu_state *c, uint64_t msrs, uint64_t cpuid)
{
	const uint8_t *rows = in->at + CPU_BYTES;

	c->msrs = calloc(msrs ? msrs : 1, sizeof(*c->msrs));
	c->cpuid = calloc(cpuid ? cpuid : 1, sizeof(*c->cpuid));
	if (!c->msrs || !c->cpuid)
		return no_memory(in->err);
	memcpy(c->msrs, rows, msrs * CPU_MSR_BYTES);
	memcpy(c->cpuid, rows + msrs * CPU_MSR_BYTES, cpuid * CPU_CPUID_BYTES);
	c->msr_count = (uint32_t)msrs;
	c->cpuid_count = (uint32_t)cpuid;
	return 0;
}

/* What KVM is handed as it is, KVM checks: registers, events, XSAVE area, the values of MSRs. */
static int read_cpu(struct in *in)
{
	struct snug__cpu_state *c = &in->f->cpu[in->index];
	uint64_t msrs = get(in->at, CPU_MSR_COUNT, 4), cpuid = get(in->at, CPU_CPUID_COUNT, 4);
	uint64_t mark = get(in->at, CPU_MARK_LEN, 4), want;

	if (msrs > SNAP_MSRS_MAX)
		return bad(in, "msr count %llu, at most %u", (ull)msrs, SNAP_MSRS_MAX);
	if (cpuid > SNAP_CPUID_MAX)
		return bad(in, "cpuid count %llu, at most %u", (ull)cpuid, SNAP_CPUID_MAX);
	want = CPU_BYTES + msrs * CPU_MSR_BYTES + cpuid * CPU_CPUID_BYTES;
	if (in->len != want)
		return bad(in, "%llu bytes, its counts make it %llu", (ull)in->len, (ull)want);
	if (mark >= sizeof(c->mark))
		return bad(in, "mark length %llu, at most %zu", (ull)mark, sizeof(c->mark) - 1);
	memcpy(&c->xcrs, in->at + CPU_XCRS, sizeof(c->xcrs));
	if (c->xcrs.nr_xcrs > KVM_MAX_XCRS)
		return bad(in, "xcr count %u, at most %d", c->xcrs.nr_xcrs, KVM_MAX_XCRS);
	memcpy(&c->regs, in->at + CPU_REGS, sizeof(c->regs));
	memcpy(&c->sregs, in->at + CPU_SREGS, sizeof(c->sregs));
	memcpy(&c->events, in->at + CPU_EVENTS, sizeof(c->events));
	memcpy(&c->debug, in->at + CPU_DEBUG, sizeof(c->debug));
	memcpy(&c->mp, in->at + CPU_MP, sizeof(c->mp));
	memcpy(c->xsave, in->at + CPU_XSAVE, sizeof(c->xsave));
	memcpy(c->mark, in->at + CPU_MARK, mark);
	c->mark_len = (uint8_t)mark;
	return read_rows(in, c, msrs, cpuid);
}

static int read_device(struct in *in)
{
	struct snug__dev_state *d = &in->f->devs[in->index];
	uint64_t flags = get(in->at, DEVICE_FLAGS, 4), len = get(in->at, DEVICE_LEN, 4);

	d->base = get(in->at, DEVICE_BASE, 8);
	d->mmio = flags & DEVICE_MMIO;
	d->builtin = flags & DEVICE_BUILTIN;
	if (flags & ~(uint64_t)(DEVICE_MMIO | DEVICE_BUILTIN))
		return bad(in, "flags 0x%llx, known are 0x%x", (ull)flags, DEVICE_MMIO | DEVICE_BUILTIN);
	if (!d->mmio && d->base > UINT16_MAX)
		return bad(in, "port 0x%llx, at most 0xffff", (ull)d->base);
	if (len != in->len - DEVICE_BYTES)
		return bad(in, "state of %llu bytes, the section has room for %llu", (ull)len,
		           (ull)in->len - DEVICE_BYTES);
	for (unsigned i = 0; i < in->index; i++)
		if (in->f->devs[i].base == d->base && in->f->devs[i].mmio == d->mmio)
			return bad(in, "the same place as device %u, 0x%llx", i, (ull)d->base);
	d->bytes = malloc(len ? len : 1);
	if (!d->bytes)
		return no_memory(in->err);
	memcpy(d->bytes, in->at + DEVICE_BYTES, len);
	d->len = (uint32_t)len;
	return 0;
}

static int read_symbols(struct in *in)
{
	uint64_t count = get(in->at, SYMBOLS_COUNT, 4), names = get(in->at, SYMBOLS_NAMES, 4), want;
	const uint8_t *at = in->at + SYMBOLS_BYTES;
	struct snug__symbol *rows;
	int r = 0;

	if (count > SNUG__SYMBOLS_MAX)
		return bad(in, "count %llu, at most %u", (ull)count, SNUG__SYMBOLS_MAX);
	if (names > SNUG__SYMBOL_NAMES_MAX)
		return bad(in, "names of %llu bytes, at most %u", (ull)names, SNUG__SYMBOL_NAMES_MAX);
	want = SYMBOLS_BYTES + count * SYMBOL_BYTES + names;
	if (in->len != want)
		return bad(in, "%llu bytes, its counts make it %llu", (ull)in->len, (ull)want);
	rows = calloc(count ? count : 1, sizeof(*rows));
	if (!rows)
		return no_memory(in->err);
	for (uint32_t i = 0; i < count && r == 0; i++, at += SYMBOL_BYTES) {
		rows[i].address = get(at, SYMBOL_ADDRESS, 8);
		rows[i].bytes = get(at, SYMBOL_LEN, 8);
		rows[i].name = (uint32_t)get(at, SYMBOL_NAME, 4);
		if (!is_zero(at + SYMBOL_ZERO, 4))
			r = bad(in, "row %u: bytes %d to %d are not zero", i, SYMBOL_ZERO, SYMBOL_ZERO + 3);
	}
	if (r == 0) {
		r = snug__symbols_make(rows, (uint32_t)count, (const char *)at, (uint32_t)names, &in->f->symbols,
		                       in->err);
		if (r < 0)
			snug__err_wrap(in->err, r, "snapshot: section %u (symbols)", in->section);
	}
	free(rows);
	return r;
}

static int read_sums(struct in *in)
{
	uint64_t want = in->out->header.mem_bytes / SNUG__CHUNK * 4;

	if (in->len != want)
		return bad(in, "%llu bytes, for this memory it has %llu", (ull)in->len, (ull)want);
	in->out->sums = (struct snug__span){in->at, in->len};
	return 0;
}

/* What a stranger wrote there KVM checks itself; here, that it is all there, and each chip in its place. */
static int read_pc(struct in *in)
{
	struct snug__frozen *f = in->f;
	uint64_t want = PC_LAPICS + (uint64_t)f->cpus * PC_LAPIC_BYTES;

	if (in->len != want)
		return bad(in, "%llu bytes, for %u vCPUs it has %llu", (ull)in->len, f->cpus, (ull)want);
	memcpy(f->pc.chip, in->at + PC_CHIPS, sizeof(f->pc.chip));
	memcpy(&f->pc.pit, in->at + PC_PIT, sizeof(f->pc.pit));
	for (unsigned i = 0; i < SNUG__IRQCHIPS; i++)
		if (f->pc.chip[i].chip_id != i)
			return bad(in, "chip %u says it is chip %u", i, f->pc.chip[i].chip_id);
	for (unsigned i = 0; i < f->cpus; i++)
		memcpy(&f->cpu[i].lapic, in->at + PC_LAPICS + (size_t)i * PC_LAPIC_BYTES, PC_LAPIC_BYTES);
	return 0;
}

static int other_version(uint32_t version, struct snug_error *err)
{
	return snug__err(err, -ENOTSUP, SNUG_STEP_NONE,
	                 version > SNUG__SNAP_VERSION ? "use the snug that wrote it, or a newer one"
	                                              : "save it again with this version of snug",
	                 "snapshot: format version %u, this library reads version %u", version, SNUG__SNAP_VERSION);
}

static int check_header(const struct snug__snap_header *h, const uint8_t *at, uint64_t file_bytes,
                        struct snug_error *err)
{
	uint64_t header = get(at, SNAP_HEADER_LEN, 4), entry = get(at, SNAP_ENTRY_LEN, 4);

	if (header != SNAP_HEADER || entry != SNAP_ENTRY)
		return refuse(err, "header: length %llu, entries of %llu; wanted are %d and %d", (ull)header,
		              (ull)entry, SNAP_HEADER, SNAP_ENTRY);
	if (!is_zero(at + SNAP_HEADER_ZERO, 4))
		return refuse(err, "header: bytes %d to %d are not zero", SNAP_HEADER_ZERO, SNAP_HEADER_ZERO + 3);
	if (h->sections > SNAP_SECTIONS_MAX)
		return refuse(err, "header: %u sections, at most %u", h->sections, SNAP_SECTIONS_MAX);
	if (h->head_bytes > SNAP_HEAD_MAX || h->head_bytes < SNAP_HEADER + (uint64_t)h->sections * SNAP_ENTRY)
		return refuse(err, "header: head of %llu bytes, wanted are %llu to %llu", (ull)h->head_bytes,
		              SNAP_HEADER + (ull)h->sections * SNAP_ENTRY, (ull)SNAP_HEAD_MAX);
	if (h->mem_bytes > SNAP_MEM_MAX || h->mem_bytes == 0 || !snug__aligned(h->mem_bytes, SNUG__CHUNK))
		return refuse(err, "header: memory of 0x%llx bytes, wanted is a multiple of 2 MiB up to 2^52",
		              (ull)h->mem_bytes);
	if (h->mem_offset < h->head_bytes || h->mem_offset - h->head_bytes >= SNUG__CHUNK ||
	    !snug__aligned(h->mem_offset, SNUG_PAGE))
		return refuse(err, "header: memory at 0x%llx, wanted is a multiple of 4096 behind 0x%llx",
		              (ull)h->mem_offset, (ull)h->head_bytes);
	if (h->file_bytes != h->mem_offset + h->mem_bytes)
		return refuse(err, "header: file of %llu bytes, memory ends at %llu", (ull)h->file_bytes,
		              (ull)h->mem_offset + h->mem_bytes);
	if (file_bytes != h->file_bytes)
		return refuse(err, "%s: the header says %llu bytes, the file has %llu",
		              file_bytes < h->file_bytes ? "truncated" : "too long", (ull)h->file_bytes,
		              (ull)file_bytes);
	return 0;
}

int snug__snap_header(struct snug__span first, uint64_t file_bytes, struct snug__snap_header *out,
                      struct snug_error *err)
{
	const uint8_t *at = first.at;

	if (first.len < 8 || memcmp(at + SNAP_MAGIC, SNUG__SNAP_MAGIC, 8) != 0)
		return snug__err(err, -ENOEXEC, SNUG_STEP_NONE, "name a file that snug_save wrote",
		                 "snapshot: this is none: its first bytes are others");
	if (first.len < SNAP_HEADER)
		return refuse(err, "truncated: the header has %d bytes, the file %zu", SNAP_HEADER, first.len);
	*out = (struct snug__snap_header){
	    .version = (uint32_t)get(at, SNAP_VERSION, 4),
	    .sections = (uint32_t)get(at, SNAP_SECTIONS, 4),
	    .head_bytes = get(at, SNAP_HEAD_BYTES, 8),
	    .mem_offset = get(at, SNAP_MEM_OFFSET, 8),
	    .mem_bytes = get(at, SNAP_MEM_BYTES, 8),
	    .file_bytes = get(at, SNAP_FILE_BYTES, 8),
	};
	if (out->version != SNUG__SNAP_VERSION)
		return other_version(out->version, err);
	return check_header(out, at, file_bytes, err);
}

/* Header and table together, the header's own field taken as zeros. */
static int check_table_sum(struct in *in)
{
	static const uint8_t zeros[4];
	uint64_t len = SNAP_HEADER + (uint64_t)in->out->header.sections * SNAP_ENTRY;
	uint32_t crc = snug__crc32c(0, in->head.at, SNAP_HEADER_CRC, in->crc32);

	crc = snug__crc32c(crc, zeros, sizeof(zeros), in->crc32);
	crc = snug__crc32c(crc, in->head.at + SNAP_HEADER, len - SNAP_HEADER, in->crc32);
	if (crc != get(in->head.at, SNAP_HEADER_CRC, 4))
		return refuse(in->err, "header: checksum of header and section table 0x%08x, stored is 0x%08x", crc,
		              (uint32_t)get(in->head.at, SNAP_HEADER_CRC, 4));
	return 0;
}

/* One entry: the section at hand becomes it. */
static void enter(struct in *in, unsigned section)
{
	const uint8_t *entry = in->head.at + SNAP_HEADER + (size_t)section * SNAP_ENTRY;
	struct snug__span s =
	    snug__span_sub(in->head, get(entry, SNAP_ENTRY_OFFSET, 8), get(entry, SNAP_ENTRY_BYTES, 8));

	in->section = section;
	in->type = (unsigned)get(entry, SNAP_ENTRY_TYPE, 4);
	in->index = (unsigned)get(entry, SNAP_ENTRY_INDEX, 4);
	in->at = s.at;
	in->len = s.len;
}

static int check_type(struct in *in, uint32_t flags)
{
	if (flags & ~SNAP_REQUIRED)
		return bad(in, "flags 0x%x, known are 0x%x", flags, SNAP_REQUIRED);
	if (in->type < SNAP_TYPES) {
		if (in->index != in->counts[in->type]++)
			return bad(in, "index %u, the next is %u", in->index, in->counts[in->type] - 1);
		if (in->len < types[in->type].least || in->len > types[in->type].most)
			return bad(in, "%llu bytes, wanted are %llu to %llu", (ull)in->len,
			           (ull)types[in->type].least, (ull)types[in->type].most);
		return 0;
	}
	if (flags & SNAP_REQUIRED)
		return snug__err(in->err, -ENOTSUP, SNUG_STEP_NONE, HINT_NEWER,
		                 "snapshot: section %u: type %u is needed to restore it, and not known here",
		                 in->section, in->type);
	if (++in->others > SNAP_OTHERS_MAX)
		return bad(in, "more than %u of types not known here", SNAP_OTHERS_MAX);
	return 0;
}

/* A section starts where the one before ends, rounded up to SNAP_ALIGN by zeros; *end moves to its own end. */
static int check_place(struct in *in, const uint8_t *entry, uint64_t *end)
{
	uint64_t offset = get(entry, SNAP_ENTRY_OFFSET, 8), bytes = get(entry, SNAP_ENTRY_BYTES, 8), gap;

	if (offset != *end)
		return bad(in, "offset %llu, the one before ends at %llu", (ull)offset, (ull)*end);
	if (!in->at)
		return bad(in, "%llu bytes at %llu, the head has %llu", (ull)bytes, (ull)offset, (ull)in->head.len);
	*end = offset + bytes;
	gap = (0 - *end) & (SNAP_ALIGN - 1);
	if (!snug__within(*end, gap, in->head.len) || !is_zero(in->head.at + *end, gap))
		return bad(in, "no zeros behind it up to a multiple of %d", (int)SNAP_ALIGN);
	*end += gap;
	return 0;
}

static int check_table(struct in *in)
{
	uint64_t end = SNAP_HEADER + (uint64_t)in->out->header.sections * SNAP_ENTRY, besides = 0;
	unsigned before = 0;

	for (unsigned i = 0; i < in->out->header.sections; i++) {
		const uint8_t *entry = in->head.at + SNAP_HEADER + (size_t)i * SNAP_ENTRY;
		int r;

		enter(in, i);
		if (in->type < before || in->type == 0)
			return bad(in, "type %u behind type %u", in->type, before);
		before = in->type;
		r = check_place(in, entry, &end);
		if (r >= 0)
			r = check_type(in, (uint32_t)get(entry, SNAP_ENTRY_FLAGS, 4));
		if (r < 0)
			return r;
		besides += in->type == SNAP_SYMBOLS ? 0 : in->len;
		if (snug__crc32c(0, in->at, in->len, in->crc32) != get(entry, SNAP_ENTRY_CRC, 4))
			return bad(in, "checksum differs from the stored 0x%08x",
			           (uint32_t)get(entry, SNAP_ENTRY_CRC, 4));
	}
	if (end != in->head.len)
		return refuse(in->err, "header: head of %zu bytes, its sections end at %llu", in->head.len, (ull)end);
	if (besides > SNAP_HEAD_MAX - SNAP_SYMBOLS_MAX)
		return refuse(in->err, "sections besides symbols have %llu bytes, at most %llu", (ull)besides,
		              (ull)SNAP_HEAD_MAX - SNAP_SYMBOLS_MAX);
	for (unsigned t = 1; t < SNAP_TYPES; t++)
		if (in->counts[t] < types[t].min || in->counts[t] > types[t].max)
			return refuse(in->err, "%u sections of type %s, wanted are %u to %u", in->counts[t],
			              types[t].name, types[t].min, types[t].max);
	return 0;
}

/* Room for vCPUs and devices, whose number the table has said. */
static int make_room(struct in *in)
{
	/* one more: the analyser does not know that there is at least one */
	in->f->cpu = calloc(in->counts[SNAP_CPU] + 1ul, sizeof(*in->f->cpu));
	if (!in->f->cpu)
		return no_memory(in->err);
	in->f->cpus = in->counts[SNAP_CPU];
	if (in->counts[SNAP_DEVICE] == 0)
		return 0;
	in->f->devs = calloc(in->counts[SNAP_DEVICE], sizeof(*in->f->devs));
	if (!in->f->devs)
		return no_memory(in->err);
	in->f->dev_count = in->counts[SNAP_DEVICE];
	return 0;
}

static int read_all(struct in *in)
{
	int r = check_table_sum(in);

	if (r >= 0)
		r = check_table(in);
	if (r >= 0)
		r = make_room(in);
	for (unsigned i = 0; r >= 0 && i < in->out->header.sections; i++) {
		enter(in, i);
		if (in->type < SNAP_TYPES)
			r = types[in->type].read(in);
	}
	if (r >= 0 && ((in->f->devices & SNUG_DEV_PC) != 0) != in->counts[SNAP_PC])
		return refuse(in->err, "machine: devices 0x%x, with %u sections of type pc", in->f->devices,
		              in->counts[SNAP_PC]);
	if (r >= 0 && in->out->needs.xcr0 != snug__snap_xcr0(in->f))
		return refuse(in->err, "needs: XCR0 0x%llx, the vCPUs have 0x%llx", (ull)in->out->needs.xcr0,
		              (ull)snug__snap_xcr0(in->f));
	return r;
}

int snug__snap_read(struct snug__span head, uint64_t file_bytes, bool crc32, struct snug__snap *out,
                    struct snug_error *err)
{
	struct in in = {.head = head, .out = out, .err = err, .crc32 = crc32};
	int r;

	*out = (struct snug__snap){.frozen = NULL};
	r = snug__snap_header(head, file_bytes, &out->header, err);
	if (r < 0)
		return r;
	if (out->header.head_bytes != head.len)
		return refuse(err, "header: head of %llu bytes, there are %zu", (ull)out->header.head_bytes,
		              head.len);
	in.f = snug__frozen_new();
	if (!in.f)
		return no_memory(err);
	in.f->base = out->header.mem_offset;
	in.f->bytes = out->header.mem_bytes;
	r = read_all(&in);
	if (r < 0) {
		snug__frozen_drop(in.f);
		return r;
	}
	out->frozen = in.f;
	return 0;
}

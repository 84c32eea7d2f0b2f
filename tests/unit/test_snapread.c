/* SPDX-License-Identifier: MIT */
/* snapread and snapwrite: what is written is read back; what was damaged is refused, whatever its checksums say */
#include <errno.h>
#include <stdio.h>

#include "../golden/snapmade.h"
#include "../snapfix.h"
#include "check.h"

/* A copy of a head with exactly its length, so that a sanitizer sees each byte too far. */
struct head {
	uint8_t *at;
	uint64_t len, file_bytes;
};

static struct head make(void)
{
	struct snug__frozen *f = snapmade();
	struct snug__snap_image image = snapmade_image(f);
	struct head h = {image.bytes, image.len, image.file_bytes};

	snug__frozen_drop(f);
	return h;
}

static int read_head(const struct head *h, struct snug__snap *s, struct snug_error *e)
{
	memset(e, 0, sizeof(*e));
	return snug__snap_read((struct snug__span){h->at, h->len}, h->file_bytes, false, s, e);
}

static uint8_t *entry(const struct head *h, unsigned section)
{
	return h->at + SNAP_HEADER + section * SNAP_ENTRY;
}

/* The first section of a type. */
static unsigned find(const struct head *h, unsigned type)
{
	unsigned i = 0;

	while (snug__le_load(entry(h, i) + SNAP_ENTRY_TYPE, 4) != type)
		i++;
	return i;
}

static uint8_t *section(const struct head *h, unsigned type)
{
	return h->at + snug__le_load(entry(h, find(h, type)) + SNAP_ENTRY_OFFSET, 8);
}

static void same_cpu(const struct snug__cpu_state *a, const struct snug__cpu_state *b)
{
	assert_memory_equal(&a->regs, &b->regs, sizeof(a->regs));
	assert_memory_equal(&a->sregs, &b->sregs, sizeof(a->sregs));
	assert_memory_equal(&a->events, &b->events, sizeof(a->events));
	assert_memory_equal(&a->debug, &b->debug, sizeof(a->debug));
	assert_memory_equal(&a->xcrs, &b->xcrs, sizeof(a->xcrs));
	assert_memory_equal(&a->mp, &b->mp, sizeof(a->mp));
	assert_memory_equal(a->xsave, b->xsave, sizeof(a->xsave));
	assert_int_equal(a->msr_count, b->msr_count);
	assert_memory_equal(a->msrs, b->msrs, a->msr_count * sizeof(*a->msrs));
	assert_int_equal(a->cpuid_count, b->cpuid_count);
	assert_memory_equal(a->cpuid, b->cpuid, a->cpuid_count * sizeof(*a->cpuid));
	assert_int_equal(a->mark_len, b->mark_len);
	assert_memory_equal(a->mark, b->mark, sizeof(a->mark));
}

static void same_machine(const struct snug__frozen *a, const struct snug__frozen *b)
{
	assert_int_equal(a->devices, b->devices);
	assert_int_equal(a->unclaimed, b->unclaimed);
	assert_int_equal(a->ram_top, b->ram_top);
	assert_int_equal(a->has_tables, b->has_tables);
	assert_int_equal(a->has_ivt, b->has_ivt);
	assert_memory_equal(&a->boot, &b->boot, sizeof(a->boot));
	assert_memory_equal(&a->clock, &b->clock, sizeof(a->clock));
	assert_int_equal(a->tsc_khz, b->tsc_khz);
	assert_int_equal(a->generation_gpa, b->generation_gpa);
	assert_memory_equal(a->mark_stop, b->mark_stop, sizeof(a->mark_stop));
	assert_int_equal(a->origin.kind, b->origin.kind);
	assert_int_equal(a->origin.time_ns, b->origin.time_ns);
	assert_string_equal(a->origin.snug, b->origin.snug);
	assert_string_equal(a->origin.kernel, b->origin.kernel);
	assert_string_equal(a->origin.cpu, b->origin.cpu);
}

static void same_frozen(const struct snug__frozen *a, const struct snug__frozen *b)
{
	assert_int_equal(a->bytes, b->bytes);
	assert_int_equal(a->region_count, b->region_count);
	for (unsigned i = 0; i < a->region_count; i++) {
		assert_int_equal(a->regions[i].gpa, b->regions[i].gpa);
		assert_int_equal(a->regions[i].bytes, b->regions[i].bytes);
		assert_int_equal(a->regions[i].offset, b->regions[i].offset);
		assert_int_equal(a->regions[i].flags, b->regions[i].flags);
		assert_string_equal(a->regions[i].name, b->regions[i].name);
	}
	assert_int_equal(a->cpus, b->cpus);
	for (unsigned i = 0; i < a->cpus; i++)
		same_cpu(&a->cpu[i], &b->cpu[i]);
	same_machine(a, b);
	assert_int_equal(a->dev_count, b->dev_count);
	for (unsigned i = 0; i < a->dev_count; i++) {
		assert_int_equal(a->devs[i].base, b->devs[i].base);
		assert_int_equal(a->devs[i].mmio, b->devs[i].mmio);
		assert_int_equal(a->devs[i].builtin, b->devs[i].builtin);
		assert_int_equal(a->devs[i].len, b->devs[i].len);
		assert_memory_equal(a->devs[i].bytes, b->devs[i].bytes, a->devs[i].len);
	}
	assert_int_equal(a->symbols->count, b->symbols->count);
	for (uint32_t i = 0; i < a->symbols->count; i++) {
		assert_int_equal(a->symbols->rows[i].address, b->symbols->rows[i].address);
		assert_int_equal(a->symbols->rows[i].bytes, b->symbols->rows[i].bytes);
		assert_int_equal(a->symbols->rows[i].name, b->symbols->rows[i].name);
	}
	assert_int_equal(a->symbols->names_len, b->symbols->names_len);
	assert_memory_equal(a->symbols->names, b->symbols->names, a->symbols->names_len);
}

static void all_as_made(const struct snug__snap *s)
{
	struct snug__frozen *f = snapmade();
	struct snug__host_cpu cpu = snapmade_host();
	uint8_t chunk[0x4000] = {0};

	same_frozen(s->frozen, f);
	assert_int_equal(s->frozen->base, s->header.mem_offset);
	assert_int_equal(s->frozen->fd, -1);
	assert_null(s->frozen->view);
	assert_int_equal(s->needs.kind, SNUG_HOST_SVM);
	assert_int_equal(s->needs.tsc_khz, f->tsc_khz);
	assert_int_equal(s->needs.xcr0, 7);
	assert_string_equal(s->needs.cpu.vendor, cpu.vendor);
	assert_memory_equal(s->needs.cpu.words, cpu.words, sizeof(cpu.words));
	snapmade_memory(chunk);
	assert_int_equal(s->sums.len, 8);
	assert_int_equal(snug__le_load(s->sums.at, 4), snug__snap_sum(chunk, sizeof(chunk), false));
	assert_int_equal(snug__le_load(s->sums.at + 4, 4), 0);
	snug__frozen_drop(f);
}

static void round_trip(void **state)
{
	struct head h = make();
	struct snug_error e;
	struct snug__snap s;

	(void)state;
	assert_int_equal(read_head(&h, &s, &e), 0);
	assert_int_equal(s.header.version, 1);
	all_as_made(&s);
	snug__frozen_drop(s.frozen);
	free(h.at);
}

/* A file that an earlier build wrote is read as it was meant, for ever. */
static void golden_1(void **state)
{
	static uint8_t bytes[1 << 16];
	FILE *f = fopen(GOLDEN "/snapshot-1.snug", "re");
	uint8_t memory[SNAPMADE_DATA];
	struct snug_error e;
	struct snug__snap s;
	struct head h;
	size_t n;

	(void)state;
	assert_non_null(f);
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	assert_in_range(n, SNAP_HEADER, sizeof(bytes) - 1);
	assert_memory_equal(bytes, "\211SNUG\r\n\032\1\0\0\0\100\0\0\0", 16);
	h = (struct head){bytes, snug__le_load(bytes + 24, 8), snug__le_load(bytes + 48, 8)};
	assert_in_range(h.len, SNAP_HEADER, n);
	if (read_head(&h, &s, &e) < 0)
		fail_msg("%s", e.msg);
	all_as_made(&s);
	snapmade_memory(memory);
	assert_int_equal(n - s.header.mem_offset, sizeof(memory));
	assert_memory_equal(bytes + s.header.mem_offset, memory, sizeof(memory));
	snug__frozen_drop(s.frozen);
}

/* Each byte, in each of its bits: the checksums see it. */
static void flipped(void **state)
{
	struct head h = make();
	struct snug_error e;
	struct snug__snap s;

	(void)state;
	for (uint64_t i = 0; i < h.len; i++) {
		uint8_t bit = (uint8_t)(1u << (i & 7));

		h.at[i] ^= bit;
		if (read_head(&h, &s, &e) >= 0)
			fail_msg("byte %llu flipped, and nobody saw it", (unsigned long long)i);
		assert_true(e.msg[0] && e.hint[0]);
		assert_int_equal(e.code, i >= SNAP_VERSION && i < SNAP_VERSION + 4 ? -ENOTSUP : -ENOEXEC);
		h.at[i] ^= bit;
	}
	free(h.at);
}

/* The same with right checksums: refused with a reason, or read, and then good for another round. */
static void flipped_and_mended(void **state)
{
	struct head h = make();
	struct snug_error e;
	struct snug__snap s;
	unsigned harmless = 0, refused = 0;

	(void)state;
	for (uint64_t i = 0; i < h.len; i++) {
		struct head d = {malloc(h.len), h.len, h.file_bytes};

		memcpy(d.at, h.at, h.len);
		d.at[i] ^= (uint8_t)(1u << (i % 7));
		snap_fix(d.at, d.len);
		if (read_head(&d, &s, &e) >= 0) {
			harmless++;
			snug__frozen_drop(s.frozen);
		} else {
			refused++;
			assert_true(e.code == -ENOEXEC || e.code == -ENOTSUP);
			assert_true(strncmp(e.msg, "snapshot: ", 10) == 0 && e.hint[0]);
		}
		free(d.at);
	}
	assert_true(harmless > 0 && refused > 0);
	free(h.at);
}

static void truncated(void **state)
{
	struct head h = make(), d;
	struct snug_error e;
	struct snug__snap s;

	(void)state;
	for (uint64_t len = 0; len < h.len; len += len < SNAP_HEADER + 64 ? 1 : 7) {
		d = (struct head){malloc(len + !len), len, h.file_bytes};
		memcpy(d.at, h.at, len);
		assert_int_equal(read_head(&d, &s, &e), -ENOEXEC);
		free(d.at);
	}
	/* the file behind it */
	for (int n = -1; n <= 1; n += 2) {
		d = (struct head){h.at, h.len, h.file_bytes + (uint64_t)n};
		assert_int_equal(read_head(&d, &s, &e), -ENOEXEC);
		assert_error(e, -ENOEXEC, n < 0 ? "snapshot: truncated: the header says" : "snapshot: too long");
	}
	/* the head's length in the header, at every section's boundary and beside it */
	for (unsigned i = 0; i < snug__le_load(h.at + SNAP_SECTIONS, 4); i++) {
		uint64_t end = snug__le_load(entry(&h, i) + SNAP_ENTRY_OFFSET, 8);

		for (uint64_t len = end - 1; len <= end + 1; len++) {
			d = (struct head){malloc(len), len, h.file_bytes};
			memcpy(d.at, h.at, len);
			snug__le_store(d.at + SNAP_HEAD_BYTES, 8, len);
			snap_fix(d.at, len);
			assert_int_equal(read_head(&d, &s, &e), -ENOEXEC);
			free(d.at);
		}
	}
	free(h.at);
}

/* A number put somewhere in a section (type 0: the header), with the checksums made right, and what is then said. */
static const struct {
	unsigned type;
	uint64_t offset;
	unsigned size;
	uint64_t value;
	int code;
	const char *msg;
} damage[] = {
    {0, SNAP_MAGIC, 1, 'S', -ENOEXEC, "this is none"},
    {0, SNAP_VERSION, 4, 2, -ENOTSUP, "format version 2, this library reads version 1"},
    {0, SNAP_VERSION, 4, 0, -ENOTSUP, "format version 0"},
    {0, SNAP_HEADER_LEN, 4, 72, -ENOEXEC, "header: length 72"},
    {0, SNAP_ENTRY_LEN, 4, 0, -ENOEXEC, "entries of 0"},
    {0, SNAP_SECTIONS, 4, 0xffffffff, -ENOEXEC, "header: 4294967295 sections, at most"},
    {0, SNAP_HEAD_BYTES, 8, UINT64_MAX, -ENOEXEC, "header: head of 18446744073709551615 bytes"},
    {0, SNAP_HEAD_BYTES, 8, 64, -ENOEXEC, "header: head of 64 bytes"},
    {0, SNAP_MEM_OFFSET, 8, UINT64_MAX - 4095, -ENOEXEC, "header: memory at 0xfffffffffffff000"},
    {0, SNAP_MEM_OFFSET, 8, 0, -ENOEXEC, "header: memory at 0x0"},
    {0, SNAP_MEM_BYTES, 8, UINT64_MAX & ~0x1fffffull, -ENOEXEC, "header: memory of 0xffffffffffe00000 bytes"},
    {0, SNAP_MEM_BYTES, 8, 0, -ENOEXEC, "header: memory of 0x0 bytes"},
    {0, SNAP_MEM_BYTES, 8, 0x1000, -ENOEXEC, "wanted is a multiple of 2 MiB"},
    {0, SNAP_FILE_BYTES, 8, 0, -ENOEXEC, "header: file of 0 bytes"},
    {SNAP_ORIGIN, ORIGIN_KIND, 4, 9, -ENOEXEC, "section 0 (origin): host kind 9, at most 3"},
    {0, SNAP_HEADER_ZERO, 4, 1, -ENOEXEC, "header: bytes 56 to 59"},
    {SNAP_ORIGIN, ORIGIN_ZERO, 4, 1, -ENOEXEC, "section 0 (origin): bytes 4 to 7"},
    {SNAP_ORIGIN, ORIGIN_SNUG, 8, 0x41414141411b4141, -ENOEXEC, "section 0 (origin): snug version: no text"},
    {SNAP_ORIGIN, ORIGIN_KERNEL + 63, 1, 'x', -ENOEXEC, "section 0 (origin): kernel: no text"},
    {SNAP_ORIGIN, ORIGIN_CPU, 1, 0xff, -ENOEXEC, "section 0 (origin): CPU: no text"},
    {SNAP_MACHINE, MACHINE_CPUS, 4, 70000, -ENOEXEC, "section 1 (machine): cpus 70000, with 2 sections"},
    {SNAP_MACHINE, MACHINE_DEVICES, 4, 0x8000, -ENOEXEC, "section 1 (machine): devices 0x8000"},
    {SNAP_MACHINE, MACHINE_UNCLAIMED, 4, 2, -ENOEXEC, "section 1 (machine): unclaimed 2"},
    {SNAP_MACHINE, MACHINE_FLAGS, 4, 4, -ENOEXEC, "section 1 (machine): flags 0x4"},
    {SNAP_MACHINE, MACHINE_RAM_TOP, 8, 0x4001, -ENOEXEC, "section 1 (machine): ram_top 0x4001"},
    {SNAP_MACHINE, MACHINE_RAM_TOP, 8, 1ull << 63, -ENOEXEC, "section 1 (machine): ram_top 0x8000000000000000"},
    {SNAP_MACHINE, MACHINE_BOOT_KIND, 4, 7, -ENOEXEC, "section 1 (machine): boot kind 7"},
    {SNAP_MACHINE, MACHINE_BOOT_MODE, 4, 7, -ENOEXEC, "section 1 (machine): boot mode 7"},
    {SNAP_MACHINE, MACHINE_BOOT_LOW, 8, UINT64_MAX, -ENOEXEC, "section 1 (machine): boot low"},
    {SNAP_MACHINE, MACHINE_GENERATION, 8, UINT64_MAX, -ENOEXEC, "section 1 (machine): generation address"},
    {SNAP_MACHINE, MACHINE_ZERO, 4, 1, -ENOEXEC, "section 1 (machine): bytes 76 to 79"},
    {SNAP_NEEDS, NEEDS_KIND, 4, 1, -ENOEXEC, "section 2 (needs): host kind 1, the origin's is 2"},
    {SNAP_NEEDS, NEEDS_XCR0, 8, 0xe7, -ENOEXEC, "needs: XCR0 0xe7, the vCPUs have 0x7"},
    {SNAP_NEEDS, NEEDS_VENDOR, 1, 7, -ENOEXEC, "section 2 (needs): CPU vendor: no text"},
    {SNAP_REGIONS, REGION_GPA, 8, 1, -ENOEXEC, "section 3 (regions): row 0: 0x4000 bytes at 0x1"},
    {SNAP_REGIONS, REGION_GPA, 8, 0xfffff00000000000, -ENOEXEC, "section 3 (regions): row 0: 0x4000 bytes at"},
    {SNAP_REGIONS, REGION_GPA, 8, 0xfefff000, -ENOEXEC, "row 0: 0x4000 bytes at 0xfefff000 overlap KVM's"},
    {SNAP_REGIONS, REGION_GPA, 8, 0xfffff000, -ENOEXEC, "row 1: address 0xffffe000, the row before ends at"},
    {SNAP_REGIONS, REGION_LEN, 8, 0, -ENOEXEC, "section 3 (regions): row 0: 0x0 bytes"},
    {SNAP_REGIONS, REGION_LEN, 8, 0xfffffffffffff000, -ENOEXEC, "section 3 (regions): row 0: 0xfffffffffffff000"},
    {SNAP_REGIONS, REGION_LEN, 8, 0x600000, -ENOEXEC, "row 0: 0x600000 bytes at offset 0x0; it starts at 0x0"},
    {SNAP_REGIONS, REGION_LEN, 8, 0x201000, -ENOEXEC,
     "row 1: 0x2000 bytes at offset 0x200000; it starts at 0x400000"},
    {SNAP_REGIONS, REGION_OFFSET, 8, 0xfffffffffffff000, -ENOEXEC, "section 3 (regions): row 0: 0x4000 bytes at off"},
    {SNAP_REGIONS, REGION_FLAGS, 4, 2, -ENOEXEC, "section 3 (regions): row 0: flags 0x2"},
    {SNAP_REGIONS, REGION_NAME + 15, 1, 'x', -ENOEXEC, "section 3 (regions): row 0: name: no text"},
    {SNAP_REGIONS, REGION_NAME, 1, '\n', -ENOEXEC, "section 3 (regions): row 0: name: no text"},
    {SNAP_REGIONS, REGION_ZERO, 4, 1, -ENOEXEC, "section 3 (regions): row 0: bytes 28 to 31"},
    {SNAP_CPU, CPU_MSR_COUNT, 4, 70000, -ENOEXEC, "section 4 (cpu 0): msr count 70000, at most 1024"},
    {SNAP_CPU, CPU_MSR_COUNT, 4, 1024, -ENOEXEC, "its counts make it 21760"},
    {SNAP_CPU, CPU_CPUID_COUNT, 4, 0xffffffff, -ENOEXEC, "section 4 (cpu 0): cpuid count 4294967295"},
    {SNAP_CPU, CPU_MARK_LEN, 4, 64, -ENOEXEC, "section 4 (cpu 0): mark length 64, at most 63"},
    {SNAP_CPU, CPU_XCRS, 4, 17, -ENOEXEC, "section 4 (cpu 0): xcr count 17, at most 16"},
    {SNAP_DEVICE, DEVICE_BASE, 8, 0x10000, -ENOEXEC, "section 6 (device 0): port 0x10000"},
    {SNAP_DEVICE, DEVICE_FLAGS, 4, 4, -ENOEXEC, "section 6 (device 0): flags 0x4"},
    {SNAP_DEVICE, DEVICE_LEN, 4, 0xffffffff, -ENOEXEC, "section 6 (device 0): state of 4294967295 bytes"},
    {SNAP_SYMBOLS, SYMBOLS_COUNT, 4, 0xffffffff, -ENOEXEC, "section 8 (symbols): count 4294967295"},
    {SNAP_SYMBOLS, SYMBOLS_COUNT, 4, 4, -ENOEXEC, "its counts make it 121"},
    {SNAP_SYMBOLS, SYMBOLS_NAMES, 4, 0xffffffff, -ENOEXEC, "section 8 (symbols): names of 4294967295 bytes"},
    {SNAP_SYMBOLS, SYMBOLS_BYTES + SYMBOL_NAME, 4, 0xffff, -ENOEXEC, "section 8 (symbols)"},
    {SNAP_SYMBOLS, SYMBOLS_BYTES + SYMBOL_ZERO, 4, 1, -ENOEXEC, "section 8 (symbols): row 0: bytes 20 to 23"},
};

static void damaged(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		struct head h = make();
		struct snug_error e;
		struct snug__snap s;

		snug__le_store((damage[i].type ? section(&h, damage[i].type) : h.at) + damage[i].offset,
		               damage[i].size, damage[i].value);
		snap_fix(h.at, h.len);
		assert_int_equal(read_head(&h, &s, &e), damage[i].code);
		assert_error(e, damage[i].code, damage[i].msg);
		assert_true(e.hint[0]);
		free(h.at);
	}
}

/* Entries of the table: section, field and value, and what is then said. */
static const struct {
	unsigned section, offset, size;
	uint64_t value;
	int code;
	const char *msg;
} entries[] = {
    {0, SNAP_ENTRY_TYPE, 4, 0, -ENOEXEC, "section 0 (unknown): type 0"},
    {0, SNAP_ENTRY_TYPE, 4, SNAP_MACHINE, -ENOEXEC, "section 0 (machine): 160 bytes, wanted are 192"},
    {1, SNAP_ENTRY_TYPE, 4, SNAP_ORIGIN, -ENOEXEC, "section 1 (origin): index 0, the next is 1"},
    {2, SNAP_ENTRY_TYPE, 4, SNAP_ORIGIN, -ENOEXEC, "section 2 (origin): type 1 behind type 2"},
    {9, SNAP_ENTRY_TYPE, 4, 1000, -ENOTSUP, "section 9: type 1000 is needed to restore it"},
    {0, SNAP_ENTRY_FLAGS, 4, 2, -ENOEXEC, "section 0 (origin): flags 0x2"},
    {0, SNAP_ENTRY_OFFSET, 8, 0, -ENOEXEC, "section 0 (origin): offset 0"},
    {1, SNAP_ENTRY_OFFSET, 8, UINT64_MAX - 7, -ENOEXEC, "section 1 (machine): offset 18446744073709551608"},
    {1, SNAP_ENTRY_BYTES, 8, UINT64_MAX, -ENOEXEC, "section 1 (machine): 18446744073709551615 bytes at"},
    {1, SNAP_ENTRY_BYTES, 8, 200, -ENOEXEC, "section 1 (machine): 200 bytes, wanted are 192"},
    {5, SNAP_ENTRY_INDEX, 4, 0, -ENOEXEC, "section 5 (cpu 0): index 0, the next is 1"},
    {5, SNAP_ENTRY_INDEX, 4, 0xffffffff, -ENOEXEC, "section 5 (cpu 4294967295): index 4294967295"},
};

static void damaged_table(void **state)
{
	struct snug_error e;
	struct snug__snap s;
	struct head h;

	(void)state;
	for (unsigned i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		h = make();
		snug__le_store(entry(&h, entries[i].section) + entries[i].offset, entries[i].size, entries[i].value);
		snap_fix(h.at, h.len);
		assert_int_equal(read_head(&h, &s, &e), entries[i].code);
		assert_error(e, entries[i].code, entries[i].msg);
		free(h.at);
	}
	/* one that need not be known is passed over; here the sums, which are then missing */
	h = make();
	snug__le_store(entry(&h, 9) + SNAP_ENTRY_TYPE, 4, 1000);
	snug__le_store(entry(&h, 9) + SNAP_ENTRY_FLAGS, 4, 0);
	snap_fix(h.at, h.len);
	assert_int_equal(read_head(&h, &s, &e), -ENOEXEC);
	assert_error(e, -ENOEXEC, "snapshot: 0 sections of type sums, wanted are 1 to 1");
	free(h.at);
}

/* A section of a later version's at the end, and one device twice. */
static void later_section(void **state)
{
	struct head h = make(), d;
	uint64_t table = SNAP_HEADER + snug__le_load(h.at + SNAP_SECTIONS, 4) * SNAP_ENTRY,
	         n = (table - SNAP_HEADER) / SNAP_ENTRY;
	struct snug_error e;
	struct snug__snap s;

	(void)state;
	d = (struct head){malloc(h.len + SNAP_ENTRY + 8), h.len + SNAP_ENTRY + 8, h.file_bytes};
	memcpy(d.at, h.at, table);
	memset(d.at + table, 0, SNAP_ENTRY);
	memcpy(d.at + table + SNAP_ENTRY, h.at + table, h.len - table);
	memcpy(d.at + d.len - 8, "later!\0", 8);
	for (unsigned i = 0; i < n; i++)
		snug__le_store(entry(&d, i) + SNAP_ENTRY_OFFSET, 8,
		               snug__le_load(entry(&d, i) + SNAP_ENTRY_OFFSET, 8) + SNAP_ENTRY);
	snug__le_store(d.at + table + SNAP_ENTRY_TYPE, 4, 77);
	snug__le_store(d.at + table + SNAP_ENTRY_OFFSET, 8, d.len - 8);
	snug__le_store(d.at + table + SNAP_ENTRY_BYTES, 8, 6);
	snug__le_store(d.at + SNAP_SECTIONS, 4, n + 1);
	snug__le_store(d.at + SNAP_HEAD_BYTES, 8, d.len);
	if (d.len > snug__le_load(d.at + SNAP_MEM_OFFSET, 8)) {
		snug__le_store(d.at + SNAP_MEM_OFFSET, 8, 4096 + snug__le_load(d.at + SNAP_MEM_OFFSET, 8));
		snug__le_store(d.at + SNAP_FILE_BYTES, 8, d.file_bytes += 4096);
	}
	snap_fix(d.at, d.len);
	if (read_head(&d, &s, &e) < 0)
		fail_msg("%s", e.msg);
	all_as_made(&s);
	snug__frozen_drop(s.frozen);
	free(d.at);
	snug__le_store(section(&h, SNAP_DEVICE) + DEVICE_BASE, 8, 0x3f8);
	memcpy(h.at + snug__le_load(entry(&h, 7) + SNAP_ENTRY_OFFSET, 8), section(&h, SNAP_DEVICE), 12);
	snap_fix(h.at, h.len);
	assert_int_equal(read_head(&h, &s, &e), -ENOEXEC);
	assert_error(e, -ENOEXEC, "section 7 (device 1): the same place as device 0, 0x3f8");
	free(h.at);
}

/* What the writer is given that no file can hold. */
static void too_much(void **state)
{
	struct snug__frozen *f = snapmade();
	struct snug__host_cpu cpu = snapmade_host();
	struct snug__snap_image image;
	struct snug_error e = {0};
	unsigned cpus = f->cpus;

	(void)state;
	f->cpus = SNAP_CPUS_MAX + 1;
	assert_int_equal(snug__snap_image(f, &cpu, &image, &e), -E2BIG);
	assert_error(e, -E2BIG, "more than a file may hold");
	assert_null(image.bytes);
	f->cpus = cpus;
	/* names are made printable rather than refused */
	strcpy(f->regions[0].name, "a\033[2Jb");
	assert_int_equal(snug__snap_image(f, &cpu, &image, &e), 0);
	{
		struct snug__snap s;
		struct snug__span head = {image.bytes, image.len};

		assert_int_equal(snug__snap_read(head, image.file_bytes, false, &s, &e), 0);
		assert_string_equal(s.frozen->regions[0].name, "a?[2Jb");
		assert_int_equal(image.mem_offset % SNUG__CHUNK, 0);
		snug__frozen_drop(s.frozen);
	}
	snug__snap_image_free(&image);
	snug__frozen_drop(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(round_trip),         cmocka_unit_test(golden_1),      cmocka_unit_test(flipped),
	    cmocka_unit_test(flipped_and_mended), cmocka_unit_test(truncated),     cmocka_unit_test(damaged),
	    cmocka_unit_test(damaged_table),      cmocka_unit_test(later_section), cmocka_unit_test(too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

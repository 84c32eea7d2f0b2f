/* SPDX-License-Identifier: MIT */
/* life: a machine to attack: all built-in devices, devices and memory of the caller's, host functions, every service */
#include <stdio.h>
#include <string.h>

#include <snug/guest.h>

#include "fuzz.h"

#define ROM 0xe0000000u
#define WIDE 0xd0000000u   /* a device that takes 4 bytes at most */
#define NARROW 0xd0010000u /* one that takes 1 */
#define HIGH 0x8000000000u /* linear: pages of 2 MiB of high_gpa, in the modes with 64-bit addresses */
#define OWN_TABLES 0x200000u

static void heard(void *ctx, const void *bytes, size_t len)
{
	struct fuzz *f = ctx;
	uint8_t first = 0;

	if (len)
		memcpy(&first, bytes, 1);
	mix(f, len << 8 | first);
}

static size_t typed(void *ctx, void *bytes, size_t len)
{
	struct fuzz *f = ctx;

	len = below(f, 4) && len > 8 ? 8 : len;
	memset(bytes, 'a' + (int)below(f, 26), len);
	return below(f, 3) ? 0 : len;
}

static uint64_t device_read(void *self, uint64_t offset, unsigned size)
{
	struct fuzz *f = self;

	mix(f, offset << 8 | size);
	return rnd(f);
}

static void device_write(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	mix(self, (offset << 8 | size) ^ value);
}

static const struct snug_device_ops wide = {.max_size = 4, .read = device_read, .write = device_write};
static const struct snug_device_ops narrow = {.max_size = 1, .read = device_read, .write = device_write};

static int called(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *args, uint64_t *result)
{
	(void)vcpu;
	*result = args[0].value ^ rnd(ctx);
	return 0;
}

static int sure_random(void *ctx, void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)bytes)[i] = (uint8_t)rnd(ctx);
	return 0;
}

static const uint16_t doors[] = {0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff, 0x3f7, 0x400,  0xe8,
                                 0xe9,  0xea,  0x401, 0x402, 0x403, 0xf3,  0xf4,  0xf5,  0xf7,  0xf8,   0x63,
                                 0x64,  0x60,  0xcf8, 0xcf9, 0xcfa, 0x70,  0x71,  0x72,  0x5df, 0x5e0,  0x5e4,
                                 0x5e5, 0x5e8, 0x5ea, 0x5ec, 0x5ef, 0x5f0, 0x5f3, 0x5f4, 0x5ff, 0x600,  0x5dd,
                                 0,     0xfff, 0x80,  0x330, 0x331, 0x332, 0x337, 0x338, 0x32f, 0xfffd, 0xffff};

static const struct gf_window low_windows[] = {
    {REAL_RAM_BYTES - 0x2000, 0x3fff, 0, 0x2000, 0},
    {0xa0000, 0x1fff, 0, 0, 0},
    {0xf0000, 0xfff, 0, 0, 0},
    {0xff000, 0x1fff, 0, 0, 0},
};

static const struct gf_window windows[] = {
    {RAM_BYTES - 0x1000, 0x1fff, 0, 0x1000, 0},
    {WIDE - 0x1000, 0x3fff, 0, 0, 0},
    {NARROW - 0x1000, 0x1fff, 0, 0, 0},
    {ROM - 0x1000, 0x3fff, 0x1000, 0x3000, 1},
    {0xfec00000, 0xfff, 0, 0, 0},
    {0xfee00000, 0xfff, 0, 0, 0},
    {0xffffc000, 0x1fff, 0, 0, 0},
    {0x80000000 - 0x1000, 0x1fff, 0, 0, 0},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static unsigned physical_bits(struct fuzz *f)
{
	struct snug_cpuid rows[256];
	int n = snug_vcpu_get_cpuid(f->cpu, rows, COUNT(rows), NULL);

	for (int i = 0; i < n && i < (int)COUNT(rows); i++)
		if (rows[i].function == 0x80000008)
			return rows[i].eax & 0xff;
	return 36;
}

/* Pages of 2 MiB above all that is there, by an entry of our own in the top table.  SDM 3A 4.5. */
static int map_high(struct fuzz *f)
{
	unsigned bits = physical_bits(f);
	uint64_t gpas[8] = {
	    1ull << 32,         (1ull << 32) + 0x200000,  1ull << 35, (1ull << 36) - 0x200000, 1ull << 34, 0x80000000,
	    1ull << (bits - 1), (1ull << bits) - 0x200000};
	uint64_t entry = OWN_TABLES | 7, pd = (OWN_TABLES + 0x1000) | 7;
	struct snug_sregs s;

	if (snug_vcpu_get_sregs(f->cpu, &s, NULL) < 0 ||
	    snug_mem_write(f->vm, (s.cr3 & ~0xfffull) + 8, &entry, 8) < 0 ||
	    snug_mem_write(f->vm, OWN_TABLES, &pd, 8) < 0)
		return -1;
	for (unsigned i = 0; i < 8; i++)
		gpas[i] |= 0x87;
	return snug_mem_write(f->vm, OWN_TABLES + 0x1000, gpas, sizeof(gpas));
}

static bool has_64(enum snug_mode mode)
{
	return mode == SNUG_MODE_LONG || mode == SNUG_MODE_USER;
}

static void fill_windows(struct fuzz *f, struct gf_plan *plan)
{
	for (unsigned i = 0; i < GF_WINDOWS; i++) {
		uint64_t far = HIGH + (i / 2 & 7) * 0x200000ull;

		if (f->mode == SNUG_MODE_REAL)
			plan->windows[i] = low_windows[i % COUNT(low_windows)];
		else if (has_64(f->mode) && (i & 1))
			plan->windows[i] = (struct gf_window){far + below(f, 2) * 0x1fe000ull, 0x1fff, 0, 0, 0};
		else
			plan->windows[i] = windows[has_64(f->mode) ? i / 2 : i % COUNT(windows)];
		if (f->mode == SNUG_MODE_USER &&
		    plan->windows[i].base == 0xfee00000) /* snug's tables are near: no access */
			plan->windows[i].base = 0xfec01000;
		/* the last page must not be left at its end */
		if (plan->windows[i].base >= HIGH && plan->windows[i].base & 0x1fe000)
			plan->windows[i].mask = 0xfff;
	}
}

/* A new plan in the guest's memory, and what it points to. */
void life_plan(struct fuzz *f, struct gf_plan *plan)
{
	static const char names[][8] = {"f", "string", "read", "write", "nobody"};
	struct snug_host_block block = {.name = GF_BLOCK + 0x80};
	uint8_t buffer[0x2000];

	memset(plan, 0, sizeof(*plan));
	plan->seed = (uint32_t)rnd(f) | 1;
	plan->strings = below(f, 2);
	/* at CPL 3 an access that passes port 0xffff is a fault where the permission bitmap is asked */
	plan->top = f->mode == SNUG_MODE_USER ? 0xfffc : 0xffff;
	for (unsigned i = 0; i < GF_PORTS; i++)
		plan->ports[i] = doors[i % COUNT(doors)];
	fill_windows(f, plan);
	for (unsigned i = 0; i < 6; i++)
		block.args[i] = below(f, 2)   ? GF_BUFFER + below(f, 0x800)
		                : below(f, 2) ? below(f, 0x800)
		                              : odd_value(f);
	if (block.args[0] < RAM_BYTES) /* what the host writes there could be the code, the plan or the stack */
		block.args[0] = GF_BUFFER;
	if (block.args[1] > 0x800 && block.args[1] < 0x200000)
		block.args[1] = 0x200000;
	for (unsigned i = 0; i < sizeof(buffer); i++)
		buffer[i] = (uint8_t)rnd(f);
	snug_mem_write(f->vm, GF_BUFFER, buffer, sizeof(buffer));
	snug_mem_write(f->vm, GF_BLOCK, &block, sizeof(block));
	snug_mem_write(f->vm, GF_BLOCK + 0x80, names[below(f, 5)], 8);
	snug_mem_write(f->vm, GF_PLAN, plan, sizeof(*plan));
}

static const char *guest_path(enum snug_mode mode, char *path, size_t len)
{
	snprintf(path, len, "%s/guestfuzz_%s.bin", GUESTFUZZ_DIR, snug_mode_name(mode));
	return path;
}

static int add_own(struct fuzz *f, struct snug_error *e)
{
	const struct snug_region rom = {.gpa = ROM, .bytes = 0x2000, .flags = SNUG_MEM_READONLY, .name = "rom"};

	if (snug_host_add(f->vm, "f", "i", called, f, e) < 0 ||
	    snug_host_add(f->vm, "string", "s", called, f, e) < 0 ||
	    snug_host_add(f->vm, "read", "r", called, f, e) < 0 ||
	    snug_host_add(f->vm, "write", "w", called, f, e) < 0 || snug_pio_add(f->vm, 0x330, 8, &wide, f, e) < 0)
		return -1;
	if (f->mode == SNUG_MODE_REAL)
		return snug_mmio_add(f->vm, 0xa0000, 0x1003, &wide, f, e);
	if (snug_mem_add(f->vm, &rom, e) < 0 || snug_mmio_add(f->vm, WIDE, 0x1803, &wide, f, e) < 0)
		return -1;
	return snug_mmio_add(f->vm, NARROW, 0x801, &narrow, f, e);
}

int life_begin(struct fuzz *f)
{
	struct snug_config cfg = {.mem_bytes = f->mode == SNUG_MODE_REAL ? REAL_RAM_BYTES : RAM_BYTES,
	                          .devices = SNUG_DEV_ALL,
	                          .unclaimed = below(f, 4) ? SNUG_UNCLAIMED_IGNORE : SNUG_UNCLAIMED_EXIT,
	                          .console = {heard, typed, f}};
	struct snug_hygiene hygiene = {.random = sure_random, .ctx = f};
	struct snug_trace_config trace = {.exits = 64};
	char path[512];
	struct snug_image im = {.path = guest_path(f->mode, path, sizeof(path)),
	                        .kind = SNUG_KIND_FLAT,
	                        .mode = f->mode,
	                        .stack = f->mode == SNUG_MODE_REAL ? 0x7000 : 0x1f0000};
	struct snug_error e = {0};

	if (snug_vm_new(&cfg, &f->vm, &e) < 0)
		return failed(f, "snug_vm_new", &e), -1;
	f->cpu = snug_vm_vcpu(f->vm, 0);
	f->lives++;
	if (add_own(f, &e) < 0 || snug_load(f->vm, &im, &e) < 0 || snug_hygiene_set(f->vm, &hygiene, &e) < 0 ||
	    snug_stats_start(f->vm, &e) < 0 || snug_autopsy_start(f->vm, &e) < 0 ||
	    snug_trace_start(f->vm, &trace, &e) < 0 || (has_64(f->mode) && map_high(f) < 0) ||
	    snug_baseline(f->vm, &e) < 0)
		return failed(f, "a new life", &e), life_end(f), -1;
	return 0;
}

void life_end(struct fuzz *f)
{
	snug_vm_free(f->vm);
	f->vm = NULL;
}

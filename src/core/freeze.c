/* SPDX-License-Identifier: MIT */
/* freeze: a VM's present state, taken down */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "core/frozen.h"
#include "core/pc.h"
#include "host/clock.h"
#include "host/kind.h"
#include "host/pagemap.h"

#define CHUNK_PAGES (SNUG__CHUNK / SNUG_PAGE)

static int no_memory(struct snug_error *err)
{
	return snug__err(err, -ENOMEM, SNUG_STEP_NONE, "free some memory", "state: out of memory");
}

static void origin(const snug_vm *vm, struct snug__origin *o)
{
	o->kind = snug__vm_kind(vm);
	o->time_ns = snug__real_ns();
	strncpy(o->snug, snug_version(), sizeof(o->snug) - 1);
	if (vm->kernel[0])
		memcpy(o->kernel, vm->kernel, sizeof(o->kernel));
	else
		snug__host_kernel(o->kernel);
}

static int freeze_regions(const snug_vm *vm, struct snug__frozen *f, struct snug_error *err)
{
	f->regions = calloc(vm->mem.count + 1ul, sizeof(*f->regions));
	if (!f->regions)
		return no_memory(err);
	/* Each starts a chunk of its own, so that a chunk is one region's. */
	for (unsigned i = 0; i < vm->mem.count; i++) {
		const struct snug__region *r = &vm->mem.regions[i];
		struct snug__frozen_region *fr = &f->regions[f->region_count++];

		*fr = (struct snug__frozen_region){
		    .gpa = r->gpa, .bytes = r->bytes, .offset = f->bytes, .flags = r->flags};
		memcpy(fr->name, r->name, sizeof(fr->name));
		f->bytes = (f->bytes + r->bytes + SNUG__CHUNK - 1) & ~(SNUG__CHUNK - 1); /* addresses have 52 bits */
	}
	return 0;
}

static int freeze_cpus(snug_vm *vm, struct snug__frozen *f, struct snug_error *err)
{
	int r = 0;

	f->cpu = calloc(vm->cpus, sizeof(*f->cpu));
	if (!f->cpu)
		return no_memory(err);
	f->cpus = vm->cpus;
	for (unsigned i = 0; r >= 0 && i < vm->cpus; i++)
		r = snug__state_get(&vm->vcpus[i], &f->cpu[i], err);
	return r;
}

static void freeze_machine(const snug_vm *vm, struct snug__frozen *f)
{
	f->devices = vm->devices;
	f->unclaimed = vm->unclaimed;
	f->ram_top = vm->ram_top;
	f->has_tables = vm->has_tables;
	f->has_ivt = vm->has_ivt;
	f->boot = vm->boot;
	f->generation_gpa = vm->generation_gpa;
	memcpy(f->mark_stop, vm->mark_stop, sizeof(f->mark_stop));
	f->symbols = snug__symbols_hold(vm->symbols);
	f->tsc_khz = snug__kvm_tsc_khz(vm->vcpus[0].kvm.fd, &vm->watch);
}

/* The clock last: time goes on between it and the TSC. */
static int freeze_clock(const snug_vm *vm, struct snug__frozen *f, struct snug_error *err)
{
	if (!snug__kvm_cap(vm->fd, KVM_CAP_ADJUST_CLOCK, &vm->watch))
		return 0;
	return snug__kvm_get_clock(vm->fd, &f->clock, &vm->watch, err);
}

int snug__freeze_state(snug_vm *vm, struct snug__frozen **out, struct snug_error *err)
{
	struct snug__frozen *f;
	int r = 0;

	for (unsigned i = 0; r >= 0 && i < vm->cpus; i++)
		r = snug__vcpu_settle(&vm->vcpus[i], err);
	if (r < 0)
		return r;
	f = snug__frozen_new();
	if (!f)
		return no_memory(err);
	freeze_machine(vm, f);
	r = freeze_regions(vm, f, err);
	if (r >= 0)
		r = freeze_cpus(vm, f, err);
	if (r >= 0)
		r = snug__devices_save(vm, f, err);
	if (r >= 0)
		r = snug__pc_get(vm, &f->pc, err);
	if (r >= 0)
		r = freeze_clock(vm, f, err);
	origin(vm, &f->origin);
	if (r < 0)
		snug__frozen_drop(f);
	else
		*out = f;
	return r < 0 ? r : 0;
}

/* Where memory goes. */
struct sink {
	int fd;
	uint64_t base;
	int pagemap, old; /* old: the fd of the frozen memory so far, -1: none */
	uint64_t old_base;
	uint8_t *scratch; /* a chunk, for sums; NULL: not needed */
	snug__chunk_fn chunk;
	void *ctx;
};

static bool is_zero(const uint8_t *page)
{
	return page[0] == 0 && memcmp(page, page + 1, SNUG_PAGE - 1) == 0;
}

/*
 * May pages of this chunk hold data?  Reading one that was never touched would bring it into being, so the kernel is asked:
 * a page it does not have is the frozen memory's, or zero.  Nobody to ask: look at all.
 */
static bool has_pages(const struct sink *s, const uint8_t *host, uint64_t pages, uint64_t frozen_at, bool *there)
{
	uint64_t entries[CHUNK_PAGES];
	off_t end = (off_t)(frozen_at + pages * SNUG_PAGE), data = (off_t)frozen_at;
	bool any = false;

	if (s->pagemap < 0 || snug__pagemap_read(s->pagemap, host, pages, entries) < 0) {
		memset(there, 1, pages * sizeof(*there));
		return true;
	}
	for (uint64_t i = 0; i < pages; i++) {
		there[i] = entries[i] & (SNUG__PM_PRESENT | SNUG__PM_SWAPPED);
		any |= there[i];
	}
	while (s->old >= 0 && data < end) {
		off_t hole;

		data = lseek(s->old, data, SEEK_DATA);
		if (data < 0 || data >= end)
			break;
		hole = lseek(s->old, data, SEEK_HOLE);
		if (hole < 0 || hole > end)
			hole = end;
		for (; data < hole; data += (off_t)SNUG_PAGE)
			there[((uint64_t)data - frozen_at) / SNUG_PAGE] = true;
		any = true;
	}
	return any;
}

static int put(const struct sink *s, const uint8_t *from, uint64_t len, uint64_t at, struct snug_error *err)
{
	while (len) {
		ssize_t n = pwrite(s->fd, from, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int e = n < 0 ? errno : ENOSPC;

			return snug__err(err, -e, SNUG_STEP_NONE,
			                 "make room where the memory is to go, or raise limits",
			                 "guest memory: write: %s (%s)", snug__errno_text(e), snug__errno_name(e));
		}
		from += n;
		at += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

/* Writes the pages of a chunk that hold data, neighbours in one piece. */
static int put_chunk(const struct sink *s, const uint8_t *host, uint64_t pages, const bool *there, uint64_t offset,
                     struct snug_error *err)
{
	uint64_t from = 0;
	bool any = false;
	int r = 0;

	if (s->scratch)
		memset(s->scratch, 0, pages * SNUG_PAGE);
	for (uint64_t i = 0; r >= 0 && i <= pages; i++) {
		bool data = i < pages && there[i] && !is_zero(host + i * SNUG_PAGE);

		if (data && s->scratch)
			memcpy(s->scratch + i * SNUG_PAGE, host + i * SNUG_PAGE, SNUG_PAGE);
		any |= data;
		if (data)
			continue;
		if (i > from)
			r = put(s, (s->scratch ? s->scratch : host) + from * SNUG_PAGE, (i - from) * SNUG_PAGE,
			        s->base + offset + from * SNUG_PAGE, err);
		from = i + 1;
	}
	if (r >= 0 && any && s->chunk)
		r = s->chunk(s->ctx, offset, s->scratch, pages * SNUG_PAGE);
	return r;
}

static int put_region(const snug_vm *vm, const struct sink *s, const struct snug__frozen_region *fr,
                      struct snug_error *err)
{
	const struct snug__region *r = snug__mem_find(&vm->mem, fr->gpa);
	struct sink mine = *s;
	bool there[CHUNK_PAGES];
	uint64_t old_at = 0;
	int ret = 0;

	if (r->mapped)
		old_at = s->old_base + (uint64_t)(r->base - vm->baseline->view);
	else
		mine.old = -1;
	if (r->borrowed || r->lost)
		mine.pagemap = -1; /* it may hold what this process has no page of */
	for (uint64_t at = 0; ret >= 0 && at < fr->bytes; at += SNUG__CHUNK) {
		uint64_t n = snug__min(SNUG__CHUNK, fr->bytes - at) / SNUG_PAGE;

		if (has_pages(&mine, r->host + at, n, old_at + at, there))
			ret = put_chunk(&mine, r->host + at, n, there, fr->offset + at, err);
	}
	return ret;
}

int snug__freeze_memory(snug_vm *vm, const struct snug__frozen *f, int fd, uint64_t base, snug__chunk_fn chunk,
                        void *ctx, struct snug_error *err)
{
	struct sink s = {.fd = fd, .base = base, .old = -1, .chunk = chunk, .ctx = ctx};
	int r = 0;

	if (chunk) {
		s.scratch = malloc(SNUG__CHUNK);
		if (!s.scratch)
			return no_memory(err);
	}
	if (vm->baseline) {
		s.old = vm->baseline->fd;
		s.old_base = vm->baseline->base;
	}
	s.pagemap = vm->pagemap >= 0 ? vm->pagemap : snug__pagemap_open();
	for (unsigned i = 0; r >= 0 && i < f->region_count; i++)
		r = put_region(vm, &s, &f->regions[i], err);
	if (s.pagemap >= 0 && s.pagemap != vm->pagemap)
		close(s.pagemap);
	free(s.scratch);
	return r < 0 ? r : 0;
}

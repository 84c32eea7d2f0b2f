/* SPDX-License-Identifier: MIT */
#include "guest/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/sized.h"
#include "base/text.h"
#include "host/map.h"

/* Physical addresses have at most 52 bits.  SDM 3A 4.1.4 "Enumeration of Paging Features by CPUID", MAXPHYADDR. */
#define GPA_LIMIT (1ull << 52)

typedef unsigned long long ull;

void snug__mem_init(struct snug__mem *m, unsigned max_slots, snug__slot_fn set_slot, void *ctx)
{
	*m = (struct snug__mem){.max_slots = max_slots, .set_slot = set_slot, .ctx = ctx};
}

static void free_region(struct snug__region *r)
{
	free(r->dirty);
	if (!r->borrowed && r->host)
		snug__map_free(r->host, r->bytes);
}

void snug__mem_destroy(struct snug__mem *m)
{
	for (unsigned i = 0; i < m->count; i++) {
		if (m->set_slot)
			m->set_slot(m->ctx, m->regions[i].slot, &m->regions[i], 0, NULL);
		free_region(&m->regions[i]);
	}
	free(m->regions);
	free(m->slots_used);
	*m = (struct snug__mem){0};
}

/*@
  predicate region_ok(struct snug__region *r) =
    0 < r->bytes && r->bytes % SNUG_PAGE == 0 && r->gpa + r->bytes <= GPA_LIMIT && \valid(r->host + (0 .. r->bytes - 1));

  predicate mem_ok(struct snug__mem *m) =
    \valid_read(m) && \valid_read(m->regions + (0 .. m->count - 1)) &&
    (\forall integer i; 0 <= i < m->count ==> region_ok(m->regions + i)) &&
    (\forall integer i, j; 0 <= i < j < m->count ==>
      m->regions[i].gpa + m->regions[i].bytes <= m->regions[j].gpa);

  predicate holds(struct snug__region *r, integer gpa) = r->gpa <= gpa < r->gpa + r->bytes;

  predicate in_mem(struct snug__mem *m, integer gpa) =
    \exists integer i; 0 <= i < m->count && holds(m->regions + i, gpa);

  predicate inside(struct snug__region *r, integer gpa, integer len) =
    len > 0 && r->gpa <= gpa && gpa + len <= r->gpa + r->bytes;

  logic integer words(struct snug__region *r) = (r->bytes / SNUG_PAGE + 63) / 64;

  predicate marks_ok(struct snug__mem *m, struct snug__region *r) =
    \valid(r->dirty + (0 .. words(r) - 1)) && \valid(r->dirty_top + (0 .. (words(r) + 63) / 64 - 1)) &&
    \separated(r->dirty + (0 .. words(r) - 1), r->dirty_top + (0 .. (words(r) + 63) / 64 - 1), m,
               m->regions + (0 .. m->count - 1));
*/
/* The number of regions that start at or below gpa: the one that may hold it is the last of them. */
/*@
  requires mem_ok(m);
  assigns \nothing;
  ensures \result <= m->count;
  ensures \forall integer i; 0 <= i < \result ==> m->regions[i].gpa <= gpa;
  ensures \forall integer i; \result <= i < m->count ==> gpa < m->regions[i].gpa;
*/
static unsigned count_upto(const struct snug__mem *m, snug_gpa gpa)
{
	unsigned low = 0, high = m->count;

	/*@
	  loop invariant low <= high <= m->count;
	  loop invariant \forall integer i; 0 <= i < low ==> m->regions[i].gpa <= gpa;
	  loop invariant \forall integer i; high <= i < m->count ==> gpa < m->regions[i].gpa;
	  loop assigns low, high;
	  loop variant high - low;
	*/
	while (low < high) {
		unsigned mid = low + (high - low) / 2;

		if (m->regions[mid].gpa <= gpa)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/*@
  requires mem_ok(m);
  assigns \result \from *m, gpa;
  ensures \result == \null ==> !in_mem(m, gpa);
  ensures \result != \null ==> \exists integer i; 0 <= i < m->count && \result == m->regions + i;
  ensures \result != \null ==> holds(\result, gpa);
*/
const struct snug__region *snug__mem_find(const struct snug__mem *m, snug_gpa gpa)
{
	unsigned n = count_upto(m, gpa);

	if (n == 0 || gpa - m->regions[n - 1].gpa >= m->regions[n - 1].bytes)
		return NULL;
	return &m->regions[n - 1];
}

/*@
  requires mem_ok(m);
  assigns \result \from *m, gpa, bytes;
  ensures \result == \null ==> \forall integer x; gpa <= x < gpa + bytes ==> !in_mem(m, x);
  ensures \result != \null ==> \exists integer i; 0 <= i < m->count && \result == m->regions + i;
  ensures \result != \null ==> bytes > 0 && \result->gpa < gpa + bytes && gpa < \result->gpa + \result->bytes;
*/
const struct snug__region *snug__mem_overlap(const struct snug__mem *m, snug_gpa gpa, uint64_t bytes)
{
	const struct snug__region *r = snug__mem_find(m, gpa);
	unsigned next;

	if (bytes == 0)
		return NULL;
	if (r)
		return r;
	next = count_upto(m, gpa);
	if (next < m->count && snug__overlap(gpa, bytes, m->regions[next].gpa, m->regions[next].bytes))
		return &m->regions[next];
	return NULL;
}

static int refuse(struct snug_error *err, const char *hint, const char *name, const struct snug_region *w,
                  const char *what)
{
	return snug__err(err, -EINVAL, SNUG_STEP_MEMORY, hint, "memory: region '%s' at 0x%llx, 0x%llx bytes: %s",
	                 name, (ull)w->gpa, (ull)w->bytes, what);
}

static int check_want(const struct snug_region *w, const char *name, struct snug_error *err)
{
	const char *pages = "use a multiple of 4096";
	uint64_t end;

	if (w->bytes == 0)
		return refuse(err, "give it at least 4096 bytes", name, w, "it is empty");
	if (!snug__aligned(w->gpa, SNUG_PAGE))
		return refuse(err, pages, name, w, "the address is no multiple of 4096");
	if (!snug__aligned(w->bytes, SNUG_PAGE))
		return refuse(err, pages, name, w, "the size is no multiple of 4096");
	if (!snug__within(w->gpa, w->bytes, GPA_LIMIT))
		return refuse(err, "guest physical addresses have 52 bits", name, w, "it ends beyond 2^52");
	if (w->flags & ~(uint32_t)SNUG_MEM_READONLY)
		return refuse(err, "the only flag is SNUG_MEM_READONLY", name, w, "it has unknown flags");
	if (!snug__aligned((uintptr_t)w->host, SNUG_PAGE))
		return refuse(err, "get it from mmap or aligned_alloc", name, w,
		              "the host address is not page aligned");
	if (!snug__add((uintptr_t)w->host, w->bytes, &end))
		return refuse(err, "host and bytes do not belong together", name, w, "the host range wraps");
	return 0;
}

static int check_free(const struct snug__mem *m, const struct snug_region *w, const char *name,
                      struct snug_error *err)
{
	const struct snug__region *other = snug__mem_overlap(m, w->gpa, w->bytes);
	const char *what = "the reserved pages of KVM's TSS and identity map";
	uint64_t from = SNUG__RESERVED_GPA, bytes = SNUG__RESERVED_BYTES;

	if (!other && !snug__overlap(w->gpa, w->bytes, from, bytes))
		return 0;
	if (other) {
		what = other->name;
		from = other->gpa;
		bytes = other->bytes;
	}
	return snug__err(err, -EEXIST, SNUG_STEP_MEMORY, "move one of them, or make it smaller",
	                 "memory: region '%s' 0x%llx-0x%llx overlaps %s%s%s 0x%llx-0x%llx", name, (ull)w->gpa,
	                 (ull)w->gpa + w->bytes, other ? "region '" : "", what, other ? "'" : "", (ull)from,
	                 (ull)from + bytes);
}

static int no_memory(struct snug_error *err)
{
	return snug__err(err, -ENOMEM, SNUG_STEP_MEMORY, "free some memory",
	                 "memory: no memory on the host for a region's tables");
}

/* Room for one more region; what is kept after a failure is only room. */
static int make_room(struct snug__mem *m, struct snug_error *err)
{
	struct snug__region *grown;
	unsigned room;

	if (!m->slots_used)
		m->slots_used = calloc(m->max_slots / 64 + 1, sizeof(*m->slots_used));
	if (!m->slots_used)
		return no_memory(err);
	if (m->count < m->room)
		return 0;
	room = m->room ? 2 * m->room : 4;
	grown = realloc(m->regions, room * sizeof(*grown));
	if (!grown)
		return no_memory(err);
	m->regions = grown;
	m->room = room;
	return 0;
}

static int lowest_slot(const struct snug__mem *m, uint32_t *slot, struct snug_error *err)
{
	for (uint32_t i = 0; i < m->max_slots; i++) {
		if (!(m->slots_used[i / 64] >> (i % 64) & 1)) {
			*slot = i;
			return 0;
		}
	}
	return snug__err(err, -ENOSPC, SNUG_STEP_MEMORY, "remove a region, or make fewer and larger ones",
	                 "memory: all %u memory slots are in use", m->max_slots);
}

static void set_name(struct snug__region *r, const char *name)
{
	for (unsigned i = 0; i < sizeof(r->name) - 1 && name[i]; i++)
		r->name[i] = name[i];
}

/* The region's own memory: pages, unless they are borrowed, and marks. */
static int fill_region(const struct snug__mem *m, struct snug__region *r, void *host,
                       const struct snug__mem_frozen *frozen, struct snug_error *err)
{
	uint64_t words = snug__mem_words(r);
	int ret = 0;

	r->borrowed = host != NULL;
	if (frozen)
		ret = snug__map_private(frozen->fd, frozen->offset, r->bytes, &host, err);
	else if (!host)
		ret = m->pages ? m->pages(m->ctx, r->bytes, &host, err) : snug__map_anon(r->bytes, &host, err);
	if (ret < 0)
		return ret;
	r->host = host;
	if (!r->borrowed && !m->dump)
		snug__map_no_dump(host, r->bytes);
	if (frozen) {
		r->base = frozen->base;
		r->mapped = true;
		r->log = frozen->log && !(r->flags & SNUG_MEM_READONLY);
	}
	r->dirty = calloc(words + (words + 63) / 64, sizeof(*r->dirty));
	r->dirty_top = r->dirty ? r->dirty + words : NULL;
	return r->dirty ? 0 : no_memory(err);
}

static void insert(struct snug__mem *m, const struct snug__region *r)
{
	unsigned at = count_upto(m, r->gpa);

	memmove(&m->regions[at + 1], &m->regions[at], (m->count - at) * sizeof(*r));
	m->regions[at] = *r;
	m->count++;
	m->changes++;
	m->slots_used[r->slot / 64] |= 1ull << (r->slot % 64);
}

static int add(struct snug__mem *m, const struct snug_region *want, const struct snug__mem_frozen *frozen,
               struct snug_error *err)
{
	struct snug__region r = {0};
	struct snug_region w;
	int ret;

	if (!snug__sized_copy(&w, sizeof(w), want))
		return snug__err(err, -EINVAL, SNUG_STEP_MEMORY, "set size to sizeof(struct snug_region), or 0",
		                 "memory: struct snug_region: size %zu is not known", want->size);
	set_name(&r, w.name ? w.name : "ram");
	ret = check_want(&w, r.name, err);
	if (ret < 0)
		return ret;
	ret = check_free(m, &w, r.name, err);
	if (ret < 0)
		return ret;
	ret = make_room(m, err);
	if (ret < 0)
		return ret;
	ret = lowest_slot(m, &r.slot, err);
	if (ret < 0)
		return ret;
	r.gpa = w.gpa;
	r.bytes = w.bytes;
	r.flags = w.flags;
	ret = fill_region(m, &r, w.host, frozen, err);
	if (ret == 0 && m->set_slot)
		ret = m->set_slot(m->ctx, r.slot, &r, r.bytes, err);
	if (ret < 0)
		free_region(&r);
	else
		insert(m, &r);
	return ret;
}

int snug__mem_add(struct snug__mem *m, const struct snug_region *want, struct snug_error *err)
{
	return add(m, want, NULL, err);
}

int snug__mem_add_frozen(struct snug__mem *m, const struct snug_region *want, const struct snug__mem_frozen *frozen,
                         struct snug_error *err)
{
	return add(m, want, frozen, err);
}

int snug__mem_refreeze(struct snug__mem *m, unsigned index, const struct snug__mem_frozen *frozen,
                       struct snug_error *err)
{
	struct snug__region *r = &m->regions[index];
	bool was = r->log;
	int ret = 0;

	/* Logging first: that it is on does no harm where the rest fails. */
	r->log = !(r->flags & SNUG_MEM_READONLY);
	if (r->log != was && m->set_slot)
		ret = m->set_slot(m->ctx, r->slot, r, r->bytes, err);
	if (ret < 0) {
		r->log = was;
		return ret;
	}
	if (!r->borrowed) {
		ret = snug__map_replace(frozen->fd, frozen->offset, r->bytes, r->host, err);
		if (ret < 0)
			return ret;
		if (!m->dump)
			snug__map_no_dump(r->host, r->bytes);
		r->mapped = true;
		r->lost = false;
	}
	r->base = frozen->base;
	memset(r->dirty, 0,
	       (size_t)((uint8_t *)(r->dirty_top + (snug__mem_words(r) + 63) / 64) - (uint8_t *)r->dirty));
	return 0;
}

int snug__mem_remove(struct snug__mem *m, snug_gpa gpa, struct snug_error *err)
{
	unsigned n = count_upto(m, gpa);
	struct snug__region *r;
	int ret;

	if (n == 0 || m->regions[n - 1].gpa != gpa)
		return snug__err(err, -ENOENT, SNUG_STEP_MEMORY, "give the address a region starts at",
		                 "memory: no region starts at 0x%llx", (ull)gpa);
	r = &m->regions[n - 1];
	if (m->set_slot) {
		ret = m->set_slot(m->ctx, r->slot, r, 0, err);
		if (ret < 0)
			return ret;
	}
	m->slots_used[r->slot / 64] &= ~(1ull << (r->slot % 64));
	free_region(r);
	memmove(r, r + 1, (m->count - n) * sizeof(*r));
	m->count--;
	m->changes++;
	return 0;
}

int snug__mem_add_ram(struct snug__mem *m, uint64_t bytes, struct snug_error *err)
{
	struct snug_region low = {.size = sizeof(low), .bytes = snug__min(bytes, SNUG__RAM_GAP_GPA), .name = "ram"};
	struct snug_region high = {
	    .size = sizeof(high), .gpa = SNUG__RAM_HIGH_GPA, .bytes = bytes - low.bytes, .name = "ram-high"};
	int ret = snug__map_check(bytes, err); /* both together */

	if (ret == 0)
		ret = snug__mem_add(m, &low, err);
	if (ret < 0 || high.bytes == 0)
		return ret;
	ret = snug__mem_add(m, &high, err);
	if (ret < 0)
		snug__mem_remove(m, 0, NULL);
	return ret;
}

uint64_t snug__mem_low_end(const struct snug__mem *m)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < m->count; i++) {
		if (m->regions[i].gpa != end || m->regions[i].flags & SNUG_MEM_READONLY)
			break;
		end += m->regions[i].bytes;
	}
	return end;
}

/* The region that holds gpa, where in it that is, and how many of the next len bytes it holds. */
/*@
  requires mem_ok(m) && \valid(off) && \valid(n);
  requires \separated(off, n, m) && \separated(off, n, m->regions + (0 .. m->count - 1));
  assigns \result, *off, *n \from *m, gpa, len;
  ensures \result == \null ==> !in_mem(m, gpa);
  ensures \result != \null ==> \exists integer i; 0 <= i < m->count && \result == m->regions + i;
  ensures \result != \null ==> holds(\result, gpa) && *off == gpa - \result->gpa;
  ensures \result != \null ==> *n == \min(len, \result->bytes - *off);
*/
static const struct snug__region *piece(const struct snug__mem *m, snug_gpa gpa, uint64_t len, uint64_t *off,
                                        uint64_t *n)
{
	const struct snug__region *r = snug__mem_find(m, gpa);

	if (!r)
		return NULL;
	*off = gpa - r->gpa;
	*n = snug__min(len, r->bytes - *off);
	return r;
}

/*@
  requires mem_ok(m);
  assigns \nothing;
  ensures \result ==> \forall integer x; gpa <= x < gpa + len ==> in_mem(m, x);
  ensures !\result ==> \exists integer x; (x == gpa || gpa < x < gpa + len) && !in_mem(m, x);
*/
bool snug__mem_has(const struct snug__mem *m, snug_gpa gpa, uint64_t len)
{
	uint64_t off, n;

	/*@
	  loop invariant \at(gpa, Pre) <= gpa && gpa + len == \at(gpa + len, Pre);
	  loop invariant gpa == \at(gpa, Pre) || len > 0;
	  loop invariant \forall integer x; \at(gpa, Pre) <= x < gpa ==> in_mem(m, x);
	  loop assigns gpa, len, off, n;
	  loop variant len;
	*/
	do {
		if (!piece(m, gpa, len, &off, &n))
			return false;
		gpa += n; /* a region ends below 2^52 */
		len -= n;
	} while (len > 0);
	return true;
}

/* Marks n bytes (1 or more) at off of a region.  Threads may mark at once, so that no mark is lost. */
/*@
  requires \valid_read(r) && region_ok(r) && \valid(r->dirty + (0 .. words(r) - 1));
  requires \valid(r->dirty_top + (0 .. (words(r) + 63) / 64 - 1));
  requires \separated(r, r->dirty + (0 .. words(r) - 1), r->dirty_top + (0 .. (words(r) + 63) / 64 - 1));
  requires n > 0 && off + n <= r->bytes;
  assigns r->dirty[off / SNUG_PAGE / 64 .. (off + n - 1) / SNUG_PAGE / 64],
          r->dirty_top[off / SNUG_PAGE / 64 / 64 .. (off + n - 1) / SNUG_PAGE / 64 / 64];
*/
static void mark(const struct snug__region *r, uint64_t off, uint64_t n)
{
	uint64_t first = off / SNUG_PAGE, last = (off + n - 1) / SNUG_PAGE;

	/*@
	  loop invariant first / 64 <= w <= last / 64 + 1;
	  loop assigns w, r->dirty[first / 64 .. last / 64], r->dirty_top[first / 64 / 64 .. last / 64 / 64];
	  loop variant last / 64 + 1 - w;
	*/
	for (uint64_t w = first / 64; w <= last / 64; w++) {
		uint64_t mask = UINT64_MAX;

		if (w == first / 64)
			mask &= UINT64_MAX << (first % 64);
		if (w == last / 64)
			mask &= UINT64_MAX >> (63 - last % 64);
		if ((__atomic_load_n(&r->dirty[w], __ATOMIC_RELAXED) & mask) == mask)
			continue;
		__atomic_fetch_or(&r->dirty[w], mask, __ATOMIC_RELAXED);
		__atomic_fetch_or(&r->dirty_top[w / 64], 1ull << (w % 64), __ATOMIC_RELAXED);
	}
}

int snug__mem_read(const struct snug__mem *m, snug_gpa gpa, void *to, uint64_t len)
{
	const struct snug__region *r;
	uint8_t *at = to;
	uint64_t off, n;

	if (!snug__mem_has(m, gpa, len))
		return -EFAULT;
	for (; len > 0 && (r = piece(m, gpa, len, &off, &n)); gpa += n, at += n, len -= n)
		memcpy(at, r->host + off, n);
	return 0;
}

int snug__mem_write(struct snug__mem *m, snug_gpa gpa, const void *from, uint64_t len)
{
	const struct snug__region *r;
	const uint8_t *at = from;
	uint64_t off, n;

	if (!snug__mem_has(m, gpa, len))
		return -EFAULT;
	for (; len > 0 && (r = piece(m, gpa, len, &off, &n)); gpa += n, at += n, len -= n) {
		memcpy(r->host + off, at, n);
		mark(r, off, n);
	}
	return 0;
}

int snug__mem_zero(struct snug__mem *m, snug_gpa gpa, uint64_t len)
{
	const struct snug__region *r;
	uint64_t off, n;

	if (!snug__mem_has(m, gpa, len))
		return -EFAULT;
	for (; len > 0 && (r = piece(m, gpa, len, &off, &n)); gpa += n, len -= n) {
		memset(r->host + off, 0, n);
		mark(r, off, n);
	}
	return 0;
}

int snug__mem_mark(struct snug__mem *m, snug_gpa gpa, uint64_t len)
{
	const struct snug__region *r;
	uint64_t off, n;

	if (!snug__mem_has(m, gpa, len))
		return -EFAULT;
	for (; len > 0 && (r = piece(m, gpa, len, &off, &n)); gpa += n, len -= n)
		mark(r, off, n);
	return 0;
}

/*@
  requires mem_ok(m) && \forall integer i; 0 <= i < m->count ==> marks_ok(m, m->regions + i);
  ensures \result != \null ==> \exists integer i; 0 <= i < \old(m->count) &&
    \old(inside(m->regions + i, gpa, len)) && \result == \old(m->regions[i].host + (gpa - m->regions[i].gpa));
  ensures \result != \null ==> \valid(\result + (0 .. len - 1));
  ensures \result == \null ==> \forall integer i; 0 <= i < \old(m->count) ==>
    !\old(inside(m->regions + i, gpa, len));
*/
static uint8_t *bytes_at(const struct snug__mem *m, snug_gpa gpa, uint64_t len, bool write)
{
	const struct snug__region *r;
	uint64_t off, n;

	r = piece(m, gpa, len, &off, &n);
	if (!r || len == 0 || n != len)
		return NULL;
	if (write)
		mark(r, off, n);
	return r->host + off;
}

void *snug__mem_ptr(struct snug__mem *m, snug_gpa gpa, uint64_t len, bool write)
{
	return bytes_at(m, gpa, len, write);
}

bool snug__mem_dirty(const struct snug__mem *m, snug_gpa gpa)
{
	const struct snug__region *r = snug__mem_find(m, gpa);
	uint64_t page;

	if (!r)
		return false;
	page = (gpa - r->gpa) / SNUG_PAGE;
	return __atomic_load_n(&r->dirty[page / 64], __ATOMIC_RELAXED) >> (page % 64) & 1;
}

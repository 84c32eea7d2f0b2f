/* SPDX-License-Identifier: MIT */
#include "guest/bus.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/num.h"
#include "base/sized.h"

#define WIDEST 8 /* bytes of the widest access */
#define FIRST_ROOM 8
#define OPS_FIRST offsetof(struct snug_device_ops, save) /* the fields of version 0.1 */

typedef unsigned long long ull; /* what %llx prints */

void snug__bus_init(struct snug__bus *b, const char *name, uint64_t last)
{
	*b = (struct snug__bus){.name = name, .last = last};
}

void snug__bus_destroy(struct snug__bus *b)
{
	free(b->ranges);
	b->ranges = NULL;
	b->count = b->room = 0;
}

/*@
  predicate bus_ok(struct snug__bus *b) =
    \valid_read(b) && \valid_read(b->ranges + (0 .. b->count - 1)) &&
    (\forall integer i; 0 <= i < b->count ==>
      0 <= b->ranges[i].last - b->ranges[i].base < UINT64_MAX) &&
    (\forall integer i, j; 0 <= i < j < b->count ==> b->ranges[i].last < b->ranges[j].base);

  predicate holds(struct snug__range *r, integer addr) = r->base <= addr <= r->last;

  predicate claimed(struct snug__bus *b, integer addr) =
    \exists integer i; 0 <= i < b->count && holds(b->ranges + i, addr);
*/
/* Index of the first range that ends at addr or later; b->count if there is none. */
/*@
  requires bus_ok(b);
  assigns \nothing;
  ensures \result <= b->count;
  ensures \forall integer i; 0 <= i < \result ==> b->ranges[i].last < addr;
  ensures \forall integer i; \result <= i < b->count ==> b->ranges[i].last >= addr;
*/
static unsigned lower_bound(const struct snug__bus *b, uint64_t addr)
{
	unsigned low = 0, high = b->count;

	/*@
	  loop invariant low <= high <= b->count;
	  loop invariant \forall integer i; 0 <= i < low ==> b->ranges[i].last < addr;
	  loop invariant \forall integer i; high <= i < b->count ==> b->ranges[i].last >= addr;
	  loop assigns low, high;
	  loop variant high - low;
	*/
	while (low < high) {
		unsigned mid = low + (high - low) / 2;

		if (b->ranges[mid].last < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Addresses in a range.  Its length was given in 64 bits, so this fits. */
/*@
  requires \valid_read(r) && 0 <= r->last - r->base < UINT64_MAX;
  assigns \nothing;
  ensures \result == r->last - r->base + 1;
*/
static uint64_t range_len(const struct snug__range *r)
{
	return r->last - r->base + 1;
}

/*@
  requires bus_ok(b);
  assigns \result \from *b, addr;
  ensures \result == \null ==> !claimed(b, addr);
  ensures \result != \null ==> \exists integer i; 0 <= i < b->count && \result == b->ranges + i;
  ensures \result != \null ==> holds(\result, addr);
*/
const struct snug__range *snug__bus_find(const struct snug__bus *b, uint64_t addr)
{
	return snug__bus_overlap(b, addr, 1);
}

/*@
  requires bus_ok(b);
  assigns \result \from *b, base, len;
  ensures \result == \null ==> \forall integer x; base <= x < base + len ==> !claimed(b, x);
  ensures \result != \null ==> \exists integer i; 0 <= i < b->count && \result == b->ranges + i;
  ensures \result != \null ==> len > 0 && \result->base < base + len && base <= \result->last;
*/
const struct snug__range *snug__bus_overlap(const struct snug__bus *b, uint64_t base, uint64_t len)
{
	unsigned i = lower_bound(b, base);

	if (i == b->count || !snug__overlap(base, len, b->ranges[i].base, range_len(&b->ranges[i])))
		return NULL;
	return &b->ranges[i];
}

/* The caller's ops as this version knows them. */
static int copy_ops(struct snug_device_ops *to, const struct snug_device_ops *from, struct snug_error *err)
{
	if (!snug__sized_grown(to, OPS_FIRST, sizeof(*to), from))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "set size to sizeof(struct snug_device_ops), or 0",
		                 "device ops: size %zu, or a field beyond the %zu bytes known here, is wrong",
		                 from->size, sizeof(*to));
	to->size = sizeof(*to);
	if (to->max_size == 0)
		to->max_size = WIDEST;
	if (to->max_size > WIDEST || !snug__aligned(to->max_size, to->max_size))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "set max_size to 1, 2, 4 or 8, or to 0 for 8",
		                 "device ops: max_size %u is not an access size", to->max_size);
	return 0;
}

static int check_range(const struct snug__bus *b, uint64_t base, uint64_t len, struct snug_error *err)
{
	const struct snug__range *r;

	if (len == 0)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "give a length of 1 or more",
		                 "%s range at 0x%llx is empty", b->name, (ull)base);
	if (base > b->last || len - 1 > b->last - base)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "lower its start or its length",
		                 "%s range at 0x%llx, length 0x%llx, passes the last address 0x%llx", b->name,
		                 (ull)base, (ull)len, (ull)b->last);
	r = snug__bus_overlap(b, base, len);
	if (r)
		return snug__err(err, -EEXIST, SNUG_STEP_NONE,
		                 "choose other addresses, or remove the range that is there",
		                 "%s 0x%llx-0x%llx overlaps 0x%llx-0x%llx", b->name, (ull)base, (ull)base + (len - 1),
		                 (ull)r->base, (ull)r->last);
	return 0;
}

static int make_room(struct snug__bus *b, struct snug_error *err)
{
	unsigned room = b->room ? b->room * 2 : FIRST_ROOM;
	struct snug__range *ranges = NULL;

	if (b->count < b->room)
		return 0;
	if (b->room <= UINT_MAX / 2)
		ranges = realloc(b->ranges, room * sizeof(*ranges));
	if (!ranges)
		return snug__err(err, -ENOMEM, SNUG_STEP_NONE, "free host memory",
		                 "no memory for one more %s range after %u", b->name, b->count);
	b->ranges = ranges;
	b->room = room;
	return 0;
}

int snug__bus_add(struct snug__bus *b, uint64_t base, uint64_t len, const struct snug_device_ops *ops, void *self,
                  struct snug_error *err)
{
	struct snug__range range = {.base = base, .self = self};
	struct snug__range *at;
	int rc;

	if (!ops)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "give a struct snug_device_ops",
		                 "%s range at 0x%llx: ops is NULL", b->name, (ull)base);
	rc = check_range(b, base, len, err);
	if (rc < 0)
		return rc;
	rc = copy_ops(&range.ops, ops, err);
	if (rc < 0)
		return rc;
	rc = make_room(b, err);
	if (rc < 0)
		return rc;
	range.last = base + (len - 1);
	at = b->ranges + lower_bound(b, base);
	memmove(at + 1, at, (size_t)(b->ranges + b->count - at) * sizeof(*at));
	*at = range;
	b->count++;
	return 0;
}

int snug__bus_remove(struct snug__bus *b, uint64_t base)
{
	unsigned i = lower_bound(b, base);

	if (i == b->count || b->ranges[i].base != base)
		return -ENOENT;
	b->count--;
	memmove(&b->ranges[i], &b->ranges[i + 1], (b->count - i) * sizeof(*b->ranges));
	return 0;
}

/* The largest power of two that the ops take and that is still left. */
/*@
  requires max_size > 0 && left > 0;
  assigns \nothing;
  ensures 0 < \result <= max_size && \result <= left;
*/
static unsigned piece(unsigned max_size, uint64_t left)
{
	/*@
	  loop invariant 0 < max_size <= \at(max_size, Pre);
	  loop assigns max_size;
	  loop variant max_size;
	*/
	while (max_size > left)
		max_size /= 2;
	return max_size;
}

void snug__range_access(const struct snug__range *r, uint64_t addr, uint8_t *data, unsigned size, bool write)
{
	uint64_t inside = snug__min(size, r->last - addr + 1);
	unsigned n;

	if (!write)
		memset(data, 0xff, size);
	for (uint64_t done = 0; done < inside; done += n) {
		uint64_t offset = addr - r->base + done;

		n = piece(r->ops.max_size, inside - done);
		if (write && r->ops.write)
			r->ops.write(r->self, offset, snug__le_load(data + done, n), n);
		else if (!write && r->ops.read)
			snug__le_store(data + done, n, r->ops.read(r->self, offset, n));
	}
}

bool snug__bus_access(const struct snug__bus *b, uint64_t addr, uint8_t *data, unsigned size, bool write)
{
	const struct snug__range *r = snug__bus_find(b, addr);

	if (r)
		snug__range_access(r, addr, data, size, write);
	else if (!write)
		memset(data, 0xff, size);
	return r != NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * bus: which device answers which port or address
 *
 * One bus for ports (last 0xffff) and one for MMIO (last 2^64 - 1).  Ranges are sorted and never overlap, so a
 * lookup is a binary search.  The range that holds an access's first byte gets it, as on a PC: a 4-byte write to the
 * PCI address port 0xcf8 is no write to the reset port 0xcf9.  It is cut into pieces the ops can take (powers of two,
 * at most max_size, lowest address first); what passes the end of the range reads as ones and is dropped.
 *
 * Lookups may run in several threads at once; add and remove may not run beside anything.  The caller serialises
 * calls into devices.
 */
#ifndef SNUG_GUEST_BUS_H
#define SNUG_GUEST_BUS_H

#include <snug.h>

struct snug__range {
	uint64_t base, last;        /* first and last address */
	struct snug_device_ops ops; /* a copy, with max_size made good */
	void *self;
};

struct snug__bus {
	const char *name; /* "port", "mmio", for messages */
	uint64_t last;    /* the highest address */
	struct snug__range *ranges;
	unsigned count, room;
};

void snug__bus_init(struct snug__bus *b, const char *name, uint64_t last);
void snug__bus_destroy(struct snug__bus *b);

/* len is 1 or more; base + len - 1 <= last.  -EEXIST, -EINVAL, -ENOMEM. */
int snug__bus_add(struct snug__bus *b, uint64_t base, uint64_t len, const struct snug_device_ops *ops, void *self,
                  struct snug_error *err);

/* -ENOENT */
int snug__bus_remove(struct snug__bus *b, uint64_t base);

/* The range that holds addr, or NULL. */
const struct snug__range *snug__bus_find(const struct snug__bus *b, uint64_t addr);

/* Is any address of [base, base + len) claimed?  (snug__bus_overlap gives the range.) */
const struct snug__range *snug__bus_overlap(const struct snug__bus *b, uint64_t base, uint64_t len);

/*
 * One access of 1 to 8 bytes (any number, not only powers of two: MMIO that crosses a page gives odd ones).
 * Returns whether its first byte was claimed.  A read fills all `size` bytes of data in any case.  Addresses beyond
 * the bus's last are unclaimed, never wrapped.
 */
bool snug__bus_access(const struct snug__bus *b, uint64_t addr, uint8_t *data, unsigned size, bool write);

/* The same for an address this range holds. */
void snug__range_access(const struct snug__range *r, uint64_t addr, uint8_t *data, unsigned size, bool write);

#endif

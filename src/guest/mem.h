/* SPDX-License-Identifier: MIT */
/*
 * mem: a guest's physical memory: regions, memory slots, THE bounds check, the host's dirty marks
 *
 * This is the only code that turns a guest physical address into a pointer.  It knows KVM only through the callback
 * that maps a slot, so loaders and devices use the same code in unit tests and fuzzers without a VM.
 *
 * A region keeps its host address for life.  To freeze memory (a sealed memfd with private mappings of it), its
 * pages are replaced under that address, so that no slot changes and no pointer goes stale: the host's marks say
 * which pages the host itself wrote since.
 */
#ifndef SNUG_GUEST_MEM_H
#define SNUG_GUEST_MEM_H

#include <snug.h>

#include "base/num.h"

/* KVM's three TSS pages and the identity page, kept free of everything else: [0xfeffc000, 0xff000000). */
#define SNUG__IDENTITY_GPA 0xfeffc000ull
#define SNUG__TSS_GPA 0xfeffd000ull
#define SNUG__RESERVED_GPA SNUG__IDENTITY_GPA
#define SNUG__RESERVED_BYTES 0x4000ull

/* Where RAM has its gap below 4 GiB, for ROM and devices. */
#define SNUG__RAM_GAP_GPA 0xc0000000ull
#define SNUG__RAM_HIGH_GPA 0x100000000ull

struct snug__region {
	snug_gpa gpa;
	uint64_t bytes;
	uint8_t *host;
	uint64_t *dirty;     /* a bit for each page the host wrote; atomic access */
	uint64_t *dirty_top; /* a bit for each word of dirty that may not be 0; in the same block */
	/* Frozen memory: what a reset returns to.  NULL: there is none. */
	const uint8_t *base;
	bool mapped; /* host is a private mapping of it: a page dropped is base's again */
	bool lost;   /* host maps frozen memory that nobody has any more: a page that is not there may hold data */
	bool log;    /* KVM logs what the guest writes */
	uint32_t slot;
	uint32_t flags;
	bool borrowed; /* host memory belongs to the caller */
	char name[16];
};

/* Maps (bytes > 0) or unmaps (bytes == 0) a slot; 0 or a negative errno. */
typedef int (*snug__slot_fn)(void *ctx, uint32_t slot, const struct snug__region *r, uint64_t bytes,
                             struct snug_error *err);

/* Zeroed pages of the host; 0 or a negative errno.  What it gave is given back with snug__map_free. */
typedef int (*snug__pages_fn)(void *ctx, uint64_t bytes, void **out, struct snug_error *err);

struct snug__mem {
	struct snug__region *regions; /* sorted by gpa */
	unsigned count, room;
	unsigned changes; /* regions added and removed so far */
	unsigned max_slots;
	uint64_t *slots_used;   /* bitmap of max_slots */
	snug__slot_fn set_slot; /* NULL: no KVM */
	snug__pages_fn pages;   /* NULL: snug__map_anon */
	bool dump;              /* it is left in core dumps of this process */
	void *ctx;
};

/* Callbacks may be NULL.  Nothing is allocated, so nothing can fail. */
void snug__mem_init(struct snug__mem *m, unsigned max_slots, snug__slot_fn set_slot, void *ctx);

/* Unmaps and frees every region. */
void snug__mem_destroy(struct snug__mem *m);

int snug__mem_add(struct snug__mem *m, const struct snug_region *want, struct snug_error *err);
int snug__mem_remove(struct snug__mem *m, snug_gpa gpa, struct snug_error *err);

/*
 * The same with a private mapping of frozen memory: the bytes at `offset` of fd, which a read-only mapping has at base and
 * which last as long as the region.  want->host is NULL.
 */
struct snug__mem_frozen {
	int fd;
	uint64_t offset;
	const uint8_t *base;
	bool log; /* KVM logs the guest's writes from the start; else snug__mem_restart switches it on */
};
int snug__mem_add_frozen(struct snug__mem *m, const struct snug_region *want, const struct snug__mem_frozen *frozen,
                         struct snug_error *err);

/*
 * Gives a region new frozen memory with the bytes it has, and puts a private mapping of it under the same address, unless
 * the memory is the caller's; the host's marks are gone.  On failure the region is as before.
 */
int snug__mem_refreeze(struct snug__mem *m, unsigned index, const struct snug__mem_frozen *frozen,
                       struct snug_error *err);

/* RAM of a VM: `bytes` from 0 on, with the gap below 4 GiB. */
int snug__mem_add_ram(struct snug__mem *m, uint64_t bytes, struct snug_error *err);

/* The region that holds gpa, or the first that overlaps [gpa, gpa + bytes); NULL if none. */
const struct snug__region *snug__mem_find(const struct snug__mem *m, snug_gpa gpa);
const struct snug__region *snug__mem_overlap(const struct snug__mem *m, snug_gpa gpa, uint64_t bytes);

/* End of the RAM that starts at 0 (0: there is none). */
uint64_t snug__mem_low_end(const struct snug__mem *m);

/* Does [gpa, gpa + len) lie wholly in memory (over adjoining regions)?  len 0 is inside anything that has gpa. */
bool snug__mem_has(const struct snug__mem *m, snug_gpa gpa, uint64_t len);

/* The checked road.  -EFAULT, and then nothing was done. */
int snug__mem_read(const struct snug__mem *m, snug_gpa gpa, void *to, uint64_t len);
int snug__mem_write(struct snug__mem *m, snug_gpa gpa, const void *from, uint64_t len);
int snug__mem_zero(struct snug__mem *m, snug_gpa gpa, uint64_t len);
int snug__mem_mark(struct snug__mem *m, snug_gpa gpa, uint64_t len);

/* Host address of [gpa, gpa + len), len >= 1, inside one region; NULL if not. */
void *snug__mem_ptr(struct snug__mem *m, snug_gpa gpa, uint64_t len, bool write);

/* dirty.c: how much was put back. */
struct snug__putback {
	uint64_t pages, guest, host;
	bool remapped;
};

/*
 * Returns a region whose writes were not logged to its frozen memory, all of it, and has them logged from now on.  Does
 * nothing where they are, or where the guest cannot write.  1: it did, 0, or a negative errno.
 */
int snug__mem_restart(struct snug__mem *m, unsigned index, struct snug__putback *sum, struct snug_error *err);

/*
 * Returns a region to its frozen memory: the pages whose bit is set in guest (as KVM's log gives it; NULL: none) and those
 * the host marked; marks of the host are gone then.  *first and *words say which words of guest hold all its bits.
 * Adds to *sum.  The guest and other threads must keep their hands off.
 */
void snug__mem_putback(struct snug__region *r, const uint64_t *guest, struct snug__putback *sum, uint64_t *first,
                       uint64_t *words);

/* Did the host write any of a region's pages? */
bool snug__mem_marked(const struct snug__region *r);

/* Words of a bitmap of a region's pages, as KVM wants it: a multiple of 64 bits. */
static inline uint64_t snug__mem_words(const struct snug__region *r)
{
	return (r->bytes / SNUG_PAGE + 63) / 64;
}

/* Was the page of gpa written by the host?  false for what is not memory. */
bool snug__mem_dirty(const struct snug__mem *m, snug_gpa gpa);

#endif

/* SPDX-License-Identifier: MIT */
/* dirty: back to frozen memory, in proportion to the pages written since */
#include <string.h>

#include "guest/mem.h"
#include "host/map.h"

/*
 * From so many pages on a region's mapping is renewed instead of copied: dropping a page costs a fraction of copying it.
 * Below, copying is better on the whole: the next run finds its pages there, where a dropped one costs faults in the host
 * and in KVM (docs/promises.md has the figures).
 */
#define REMAP_PAGES 16384

/* The pages to put back, word by word; `first` to `end` are the words that have any. */
struct plan {
	uint64_t pages, guest, host;
	uint64_t first, end;
	uint64_t guest_first, guest_end;
};

static uint64_t host_word(const struct snug__region *r, uint64_t w)
{
	if (!(__atomic_load_n(&r->dirty_top[w / 64], __ATOMIC_RELAXED) >> (w % 64) & 1))
		return 0;
	return __atomic_load_n(&r->dirty[w], __ATOMIC_RELAXED);
}

static void count(struct plan *p, uint64_t w, uint64_t guest, uint64_t host)
{
	p->pages += (uint64_t)__builtin_popcountll(guest | host);
	p->guest += (uint64_t)__builtin_popcountll(guest);
	p->host += (uint64_t)__builtin_popcountll(host);
	p->first = snug__min(p->first, w);
	p->end = w + 1;
	if (guest) {
		p->guest_first = snug__min(p->guest_first, w);
		p->guest_end = w + 1;
	}
}

typedef uint64_t two_words __attribute__((vector_size(16), aligned(8), may_alias));

/* Most words of a large guest's log are 0: sixteen at a time tells them apart in a fraction of a microsecond a GiB. */
static bool any(const uint64_t *w, uint64_t n)
{
	two_words a = {0}, b = {0};
	uint64_t i = 0, all = 0;

	for (; i + 16 <= n; i += 16) {
		const two_words *v = (const two_words *)(w + i);

		a |= v[0] | v[1] | v[2] | v[3];
		b |= v[4] | v[5] | v[6] | v[7];
	}
	for (; i < n; i++)
		all |= w[i];
	a |= b;
	return (a[0] | a[1] | all) != 0;
}

/* A whole word of dirty_top that is 0 stands for 4096 pages the host did not write. */
static void look(const struct snug__region *r, const uint64_t *guest, struct plan *p)
{
	uint64_t words = snug__mem_words(r);

	*p = (struct plan){.first = words, .guest_first = words};
	for (uint64_t at = 0; at < words; at += 64) {
		uint64_t top = __atomic_load_n(&r->dirty_top[at / 64], __ATOMIC_RELAXED);
		uint64_t n = snug__min(words - at, 64);

		if (!top && !(guest && any(guest + at, n)))
			continue;
		for (uint64_t i = 0; i < n; i++) {
			uint64_t g = guest ? guest[at + i] : 0, h = top ? host_word(r, at + i) : 0;

			if (g | h)
				count(p, at + i, g, h);
		}
	}
}

/* Copies the pages of a word's bits, neighbours in one piece. */
static void copy_word(const struct snug__region *r, uint64_t w, uint64_t bits)
{
	while (bits) {
		unsigned from = (unsigned)__builtin_ctzll(bits);
		uint64_t rest = ~(bits >> from);
		unsigned n = rest ? (unsigned)__builtin_ctzll(rest) : 64 - from;
		uint64_t off = (w * 64 + from) * SNUG_PAGE;

		n = n > 64 - from ? 64 - from : n;
		memcpy(r->host + off, r->base + off, n * SNUG_PAGE);
		bits &= n == 64 ? 0 : ~(((1ull << n) - 1) << from);
	}
}

bool snug__mem_marked(const struct snug__region *r)
{
	return any(r->dirty_top, (snug__mem_words(r) + 63) / 64);
}

static void clear_marks(struct snug__region *r, const struct plan *p)
{
	for (uint64_t w = p->first; w < p->end; w++)
		if (host_word(r, w))
			__atomic_store_n(&r->dirty[w], 0, __ATOMIC_RELAXED);
	for (uint64_t t = p->first / 64; t < (p->end + 63) / 64; t++)
		__atomic_store_n(&r->dirty_top[t], 0, __ATOMIC_RELAXED);
}

/* Locked memory cannot be dropped; it is all there, so it can be copied. */
static void drop(const struct snug__region *r, struct snug__putback *sum)
{
	if (snug__map_drop(r->host, r->bytes) == 0)
		sum->remapped = true;
	else
		memcpy(r->host, r->base, r->bytes);
}

int snug__mem_restart(struct snug__mem *m, unsigned index, struct snug__putback *sum, struct snug_error *err)
{
	struct snug__region *r = &m->regions[index];
	struct plan p;
	int e;

	if (r->log || !r->mapped || r->flags & SNUG_MEM_READONLY)
		return 0;
	r->log = true;
	e = m->set_slot ? m->set_slot(m->ctx, r->slot, r, r->bytes, err) : 0;
	if (e < 0) {
		r->log = false; /* it is tried again */
		return e;
	}
	drop(r, sum);
	look(r, NULL, &p);
	clear_marks(r, &p);
	sum->pages += p.pages;
	sum->host += p.host;
	return 1;
}

void snug__mem_putback(struct snug__region *r, const uint64_t *guest, struct snug__putback *sum, uint64_t *first,
                       uint64_t *words)
{
	struct plan p;

	look(r, guest, &p);
	*first = p.guest_first;
	*words = p.guest_end > p.guest_first ? p.guest_end - p.guest_first : 0;
	if (!p.pages)
		return;
	/* Locked memory cannot be dropped.  Nothing may fail from here on: KVM's log may be gone with its reading. */
	if (r->mapped && p.pages >= REMAP_PAGES && snug__map_drop(r->host, r->bytes) == 0) {
		sum->remapped = true;
	} else {
		for (uint64_t w = p.first; w < p.end; w++)
			copy_word(r, w, (guest ? guest[w] : 0) | host_word(r, w));
	}
	clear_marks(r, &p);
	sum->pages += p.pages;
	sum->guest += p.guest;
	sum->host += p.host;
}

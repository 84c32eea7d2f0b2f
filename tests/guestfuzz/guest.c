/* SPDX-License-Identifier: MIT */
/* guest: random port and memory accesses from a seed, counted; guestfuzz.c is the other side */
#include <snug/guest.h>

#include "plan.h"

int guest_main(void);

static volatile struct gf_plan *const plan = (struct gf_plan *)GF_PLAN;
static uint32_t state;

/* Marsaglia, "Xorshift RNGs" (2003), page 4. */
static uint32_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

static void took(uint32_t value)
{
	plan->sum = (plan->sum << 5 | plan->sum >> 27) ^ value;
}

static uint16_t pick_port(uint32_t r)
{
	uint32_t port = r & 3 ? plan->ports[r >> 2 & (GF_PORTS - 1)] : (uint16_t)(r >> 8);

	return (uint16_t)(port > plan->top ? plan->top : port);
}

static int is_own(uint16_t port)
{
	return port >= 0x5d0 && port < 0x600;
}

/* The guest ports take addresses to write to: a scratch one, or that of a call. */
static uint32_t pick_value(uint16_t port)
{
	uint32_t r = rnd();

	return !is_own(port) ? r : r & 1 ? GF_BLOCK : GF_BUFFER + (r & 0xff8);
}

static void one_port(uint32_t r)
{
	uint16_t port = pick_port(r >> 8);

	plan->io_lo++;
	plan->io_hi++;
	switch (r >> 4 & 7) {
	case 0:
		return took(snug_in8(port));
	case 1:
		return took(snug_in16(port));
	case 2:
	case 3:
		return took(snug_in32(port));
	case 4:
		return snug_out8(port, (uint8_t)pick_value(port));
	case 5:
		return snug_out16(port, (uint16_t)pick_value(port));
	default:
		return snug_out32(port, pick_value(port));
	}
}

#define STRING(op) __asm__ volatile("rep " op : "+S"(at), "+D"(to), "+c"(n) : "d"(port) : "memory")

static void port_string(uint32_t r)
{
	uint16_t port = pick_port(r >> 8);
	unsigned long n = r >> 24 & 15 ? r >> 29 : r >> 24, at = GF_BUFFER + 0x1000 + (r >> 12 & 15), to = at;

	if (is_own(port)) /* these would take what lies in the buffer for addresses */
		port = 0xe9;
	plan->io_lo += n != 0;
	plan->io_hi += (uint32_t)n;
	if (r & 0x800)
		__asm__ volatile("std");
	switch (r >> 4 & 7) {
	case 0:
		STRING("insb");
		break;
	case 1:
		STRING("insw");
		break;
	case 2:
	case 3:
		STRING("insl");
		break;
	case 4:
		STRING("outsb");
		break;
	case 5:
		STRING("outsw");
		break;
	default:
		STRING("outsl");
	}
	__asm__ volatile("cld");
}

static uint32_t outside(const volatile struct gf_window *w, uint32_t at, int write)
{
	return at < w->mem_from || at >= w->mem_to || (w->readonly && write);
}

/* The exits of an access: one for each page it touches that is not memory. */
static void expect(const volatile struct gf_window *w, uint32_t at, uint32_t size, int write)
{
	uint32_t last = at + size - 1, n = outside(w, at, write);

	if ((last ^ at) & ~0xfffu)
		n += outside(w, last, write);
	plan->mem_lo += n;
	plan->mem_hi += n;
}

#ifdef GUEST_REAL
#define LOAD(suffix, v)                                                                                              \
	__asm__ volatile("movw %w1, %%fs\nmov" suffix " %%fs:(%2), %0"                                               \
	                 : "=q"(v)                                                                                   \
	                 : "r"((uint32_t)w->base >> 4), "r"(at)                                                      \
	                 : "memory")
#define STORE(suffix, v)                                                                                             \
	__asm__ volatile("movw %w1, %%fs\nmov" suffix " %0, %%fs:(%2)"                                               \
	                 :                                                                                           \
	                 : "q"(v), "r"((uint32_t)w->base >> 4), "r"(at)                                              \
	                 : "memory")
#else
#define LOAD(suffix, v) __asm__ volatile("mov" suffix " (%1), %0" : "=q"(v) : "r"((uintptr_t)w->base + at) : "memory")
#define STORE(suffix, v)                                                                                             \
	__asm__ volatile("mov" suffix " %0, (%1)" : : "q"(v), "r"((uintptr_t)w->base + at) : "memory")
#endif

static void load(const volatile struct gf_window *w, uint32_t at, uint32_t size)
{
	uint8_t b;
	uint16_t h;
	uint32_t l;

	if (size == 1) {
		LOAD("b", b);
		l = b;
	} else if (size == 2) {
		LOAD("w", h);
		l = h;
	} else if (size == 4) {
		LOAD("l", l);
	} else {
#ifdef __x86_64__
		uint64_t q;

		LOAD("q", q);
		l = (uint32_t)(q ^ q >> 32);
#endif
	}
	took(l);
}

static void store(const volatile struct gf_window *w, uint32_t at, uint32_t size)
{
	uint32_t r = rnd();

	if (size == 1)
		STORE("b", (uint8_t)r);
	else if (size == 2)
		STORE("w", (uint16_t)r);
	else if (size == 4)
		STORE("l", r);
#ifdef __x86_64__
	else
		STORE("q", (uint64_t)r << 32 | ~r);
#endif
}

static void one_memory(uint32_t r)
{
	const volatile struct gf_window *w = &plan->windows[r >> 4 & (GF_WINDOWS - 1)];
	uint32_t at = r >> 12 & w->mask, size = 1u << (r >> 8 & 3);
	int write = r >> 10 & 1;

	if (r & 0x800) /* at the end of a page, where accesses are cut in two */
		at = at | (0xff8 & w->mask);
	if (sizeof(uintptr_t) < 8 && size == 8)
		size = 4;
	expect(w, at, size, write);
	if (write)
		store(w, at, size);
	else
		load(w, at, size);
}

int guest_main(void)
{
	state = plan->seed;
	while (plan->done < plan->todo) {
		uint32_t r = rnd(), kind = r & 15;

		plan->done++;
		r = rnd() & ~15u;
		if (kind < 8)
			one_port(r);
		else if (kind < 15 || !plan->strings)
			one_memory(r);
		else
			port_string(r);
	}
	plan->finished = 1;
	return 0;
}

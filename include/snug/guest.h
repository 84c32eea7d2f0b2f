/* SPDX-License-Identifier: MIT */
/*
 * snug/guest.h - for code that runs inside a snug guest
 *
 * Header-only, freestanding C for gcc and clang, 16-bit (-m16), 32-bit and 64-bit x86.  Every function is one or a
 * few port instructions: each ends in an exit to the host, so each works at CPL 0 and, with IOPL 3, at CPL 3.
 */
#ifndef SNUG_GUEST_H
#define SNUG_GUEST_H

#include <stdint.h>

/* Ports with a device of snug behind them (SNUG_DEV_* in snug.h). */
#define SNUG_PORT_SERIAL 0x3f8
#define SNUG_PORT_DEBUGCON 0xe9
#define SNUG_PORT_DEBUG_EXIT 0xf4
#define SNUG_PORT_EXIT 0x5e0
#define SNUG_PORT_MARK 0x5e4
#define SNUG_PORT_HOST 0x5e8
#define SNUG_PORT_RETURN 0x5ec
#define SNUG_PORT_GENERATION 0x5f0

/* What snug_host gives back where a call was refused, negated as Linux does: -SNUG_EFAULT. */
#define SNUG_E2BIG 7
#define SNUG_EFAULT 14
#define SNUG_ENOSYS 38

static inline void snug_out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void snug_out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void snug_out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t snug_in8(uint16_t port)
{
	uint8_t value;
	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint16_t snug_in16(uint16_t port)
{
	uint16_t value;
	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint32_t snug_in32(uint16_t port)
{
	uint32_t value;
	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

/* Writes one character to the host's console. */
static inline void snug_putc(char c)
{
	snug_out8(SNUG_PORT_DEBUGCON, (uint8_t)c);
}

/* Writes a string to the host's console. */
static inline void snug_puts(const char *s)
{
	while (*s)
		snug_putc(*s++);
}

/*
 * Marks this moment in the host's timeline (snug run --trace, snug_trace_start) with a name of at most 63 bytes, UTF-8;
 * what is longer is cut.  One exit for each 4 bytes; without a trace the host drops them.
 */
static inline void snug_mark(const char *name)
{
	unsigned i;

	do {
		uint32_t word = 0;

		for (i = 0; i < 4 && *name; i++)
			word |= (uint32_t)(uint8_t)*name++ << (8 * i);
		snug_out32(SNUG_PORT_MARK, word);
	} while (i == 4);
}

/*
 * One state can have many lives: the host resets it, clones it, restores it from a file.  What must be different in each
 * (random numbers, names, connections) is to be made anew when the id changes.
 */
struct snug_generation {
	uint8_t id[16];
	uint8_t seed[32]; /* random; the host keeps none of it */
};

/*
 * Has the host write this life's generation to *where now, and that of each new life before its first instruction; NULL:
 * no more.  For guests whose addresses are the machine's own, in RAM that is the guest's: elsewhere nothing is written.
 */
static inline void snug_generation_tell(volatile struct snug_generation *where)
{
	uint64_t at = (uint64_t)(uintptr_t)where;

	snug_out32(SNUG_PORT_GENERATION + 4, (uint32_t)(at >> 32));
	snug_out32(SNUG_PORT_GENERATION, (uint32_t)at);
}

/* The id of this life, without a place in memory; all ones where the host has no such device. */
static inline void snug_generation_id(uint8_t id[16])
{
	unsigned i;

	for (i = 0; i < 16; i++)
		id[i] = snug_in8((uint16_t)(SNUG_PORT_GENERATION + i));
}
/* A call of a host function, as the host reads it: always 64-bit fields. */
struct snug_host_block {
	uint64_t name; /* linear address of a string */
	uint64_t args[6];
	uint64_t result;
};

/*
 * Calls a function the host registered under that name (snug_host_add): integers, and addresses as integers; of a
 * buffer the address, then the length.  A negative result is an error: -SNUG_ENOSYS (nobody registered it, or there is
 * no such port), -SNUG_EFAULT (an address that is not this guest's to read or write so), -SNUG_E2BIG (a buffer of more
 * than 1 MiB, a string of more than 4095 bytes), or what the function says.  One exit.  The stack must lie below 4 GiB.
 * In modes with segments their bases must be 0: addresses are linear.
 */
static inline int64_t snug_host(const char *name, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                                uint64_t a5)
{
	struct snug_host_block block = {(uint64_t)(uintptr_t)name, {a0, a1, a2, a3, a4, a5}, (uint64_t)-SNUG_ENOSYS};
	uint64_t at = (uint64_t)(uintptr_t)&block;

	if (at > 0xffffffff - sizeof(block))
		return -SNUG_EFAULT;
	__asm__ volatile("outl %1, %2" : "+m"(block) : "a"((uint32_t)at), "d"((uint16_t)SNUG_PORT_HOST) : "memory");
	return (int64_t)block.result;
}

/*
 * The same with as many arguments as there are, pointers among them: SNUG_HOST("log", text), SNUG_HOST("read", buf, n).
 * In a 32-bit guest each has 32 bits; for wider integers there use snug_host.
 */
#define SNUG_HOST(...) SNUG_HOST_PAD(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define SNUG_HOST_PAD(name, a, b, c, d, e, f, ...)                                                                   \
	snug_host(name, SNUG_WORD(a), SNUG_WORD(b), SNUG_WORD(c), SNUG_WORD(d), SNUG_WORD(e), SNUG_WORD(f))
#define SNUG_WORD(v) ((uint64_t)(uintptr_t)(v))

/* Ends the run with an exit status of 0 to 255. */
static inline __attribute__((noreturn)) void snug_exit(int status)
{
	for (;;)
		snug_out32(SNUG_PORT_EXIT, (uint32_t)status);
}

#endif

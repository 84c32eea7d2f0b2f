/* SPDX-License-Identifier: MIT */
/* callee: functions for test_call.c to call; in long mode (CALLEE_LONG) without floating point */
#include <stddef.h>
#include <stdint.h>

#include <snug/guest.h>

uint8_t buffer[3 * 4096] __attribute__((aligned(4096)));
uint64_t kept;

uint64_t none(void)
{
	return 0x0123456789abcdef;
}

/* Each argument leaves its mark in another place. */
uint64_t mix(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	return a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * f;
}

int64_t subtract(int64_t a, int64_t b)
{
	return a - b;
}

uint64_t count_up(void)
{
	return ++kept;
}

/* Adds up what is there, leaves its own. */
uint64_t exchange(uint8_t *bytes, size_t len, uint8_t with)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum += bytes[i];
		bytes[i] = with;
	}
	return sum;
}

/* Zero where both are 16-aligned and do not overlap; the second is a copy of the first afterwards. */
uint64_t copy(uint8_t *to, const uint8_t *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = from[i];
	return ((uint64_t)(uintptr_t)to | (uint64_t)(uintptr_t)from) & 15;
}

uint64_t length(const char *s)
{
	uint64_t n = 0;

	while (s[n])
		n++;
	return n;
}

/* What the caller's stack pointer was, whatever the compiler does here. */
__asm__(".globl sp_at_entry\n.type sp_at_entry, @function\nsp_at_entry: mov %rsp, %rax\nret\n");

uint64_t deep(uint64_t n)
{
	volatile uint8_t frame[256];

	frame[n & 255] = (uint8_t)n;
	return n ? deep(n - 1) + frame[n & 255] / 256 + 1 : 0;
}

void spin(void)
{
	for (volatile uint64_t n = 0;; n++)
		;
}

void bad(void)
{
	__asm__ volatile("ud2");
}

uint64_t peek(const volatile uint64_t *at)
{
	return *at;
}

void poke(volatile uint64_t *at, uint64_t value)
{
	*at = value;
}

void leave(uint64_t status)
{
	snug_exit((int)status);
}

void halt(void)
{
	__asm__ volatile("hlt");
}

uint64_t ask(void)
{
	return snug_in32(0x1234);
}

void returns_itself(void)
{
	__asm__ volatile("movl $77, %%eax\nmovl $0x5ec, %%edx\noutb %%al, %%dx\nud2" : : : "rax", "rdx");
}

__asm__(".globl smash_return\nsmash_return: movq %rdi, (%rsp)\nret\n"
        ".globl smash_stub\nsmash_stub: movq (%rsp), %rax\nmovw $0x0b0f, (%rax)\nret\n"
        ".globl current_cs\ncurrent_cs: xor %eax, %eax\nmovw %cs, %ax\nret\n"
        ".globl rbx_up\nrbx_up: inc %rbx\nmov %rbx, %rax\nret\n");

/* Calls a host function: block[0] to block[5] are its words. */
int64_t host(const char *name, const uint64_t *words)
{
	return snug_host(name, words[0], words[1], words[2], words[3], words[4], words[5]);
}

int64_t host_macro(void)
{
	return SNUG_HOST("mul", 6, 7) + SNUG_HOST("mul", -2, 3);
}

/* The raw port, with the address of a block. */
void host_raw(uint32_t at)
{
	snug_out32(SNUG_PORT_HOST, at);
}

void host_narrow(uint16_t at)
{
	snug_out16(SNUG_PORT_HOST, at);
}

#ifndef CALLEE_LONG
/* The sum of values, times `factor`'s bits as a double; its bits. */
uint64_t scaled_sum(const double *values, size_t count, const double *factor)
{
	union {
		double d;
		uint64_t u;
	} sum = {0};

	for (size_t i = 0; i < count; i++)
		sum.d += values[i];
	sum.d *= *factor;
	return sum.u;
}

/* Movaps wants a stack that is aligned. */
uint64_t aligned_vector(uint64_t v)
{
	typedef uint64_t pair __attribute__((vector_size(16)));
	volatile pair p = {v, v + 1};

	return p[0] + p[1];
}
#endif

int guest_main(void)
{
	return 0;
}

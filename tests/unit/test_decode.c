/* SPDX-License-Identifier: MIT */
/* decode: instructions as text, and what the rules ask of them */
#include "check.h"

#include <string.h>

#include "x86/decode.h"

static const struct snug_regs regs = {.rip = 0x1000, .rbx = 0x12345678, .rdi = 0x10, .rsi = 0x20};
static const struct snug_sregs sregs = {.fs = {.base = 0x500000}, .ds = {.base = 0x20000}};
static const struct snug__code_mode wide = {.bits = 64}, half = {.bits = 32}, real = {.bits = 16, .real = true};

static int open_decoder(void **state)
{
	static struct snug__decoder d;

	snug__decoder_open(&d);
	*state = &d;
	return 0;
}

static int close_decoder(void **state)
{
	snug__decoder_close(*state);
	return 0;
}

static bool decode(void **state, struct snug__code_mode mode, const char *bytes, size_t len,
                   struct snug__decoded *out)
{
	const struct snug__decoder *d = *state;
	uint8_t copy[32];

	if (!d->lib)
		skip();
	memcpy(copy, bytes, len);
	return snug__decode(d, mode, copy, len, &regs, &sregs, out);
}

#define BYTES(s) s, sizeof(s) - 1

/* There is an instruction or a reason. */
static void a_decoder_or_a_reason(void **state)
{
	const struct snug__decoder *d = *state;

	assert_int_equal(d->lib == NULL, d->why[0] != '\0');
}

static void texts(void **state)
{
	struct snug__decoded in;

	assert_true(decode(state, wide, BYTES("\x48\x89\xd8"), &in));
	assert_string_equal(in.text, "mov rax, rbx");
	assert_int_equal(in.len, 3);
	assert_true(decode(state, half, BYTES("\x40"), &in));
	assert_string_equal(in.text, "inc eax");
	assert_true(decode(state, real, BYTES("\xeb\x10"), &in));
	assert_string_equal(in.text, "jmp 0x1012");
	assert_true(decode(state, real, BYTES("\xcd\x10"), &in));
	assert_string_equal(in.name, "int");
}

static void not_all_there(void **state)
{
	struct snug__decoded in;

	assert_false(decode(state, wide, BYTES("\x48\xb8\x00\x00"), &in));
	assert_false(decode(state, wide, BYTES("\x06"), &in)); /* push es, which 64-bit mode has not */
	assert_int_equal(in.len, 0);
	assert_false(decode(state, wide, BYTES(""), &in));
}

static void kinds(void **state)
{
	struct snug__decoded in;

	assert_true(decode(state, wide, BYTES("\xf4"), &in));
	assert_true(in.privileged && !in.vector);
	assert_true(decode(state, wide, BYTES("\x0f\x58\xc1"), &in));
	assert_true(in.vector && !in.privileged);
	assert_string_equal(in.isa, "SSE");
	assert_true(decode(state, wide, BYTES("\x90"), &in));
	assert_true(!in.vector && !in.privileged && !in.mem);
}

static void memory(void **state)
{
	struct snug__decoded in;

	assert_true(decode(state, wide, BYTES("\x64\x88\x43\x08"), &in)); /* mov %al, %fs:8(%rbx) */
	assert_true(in.mem && in.mem_write && in.mem_bytes == 1);
	assert_int_equal(in.mem_at, 0x12345678 + 8 + 0x500000);
	assert_true(decode(state, wide, BYTES("\x8b\x05\x10\x00\x00\x00"), &in)); /* mov 16(%rip), %eax */
	assert_true(in.mem && !in.mem_write && in.mem_bytes == 4);
	assert_int_equal(in.mem_at, 0x1000 + 6 + 16);
	assert_true(decode(state, real, BYTES("\x8a\x07"), &in)); /* mov (%bx), %al */
	assert_int_equal(in.mem_at, 0x5678 + 0x20000);
	assert_true(decode(state, half, BYTES("\x8d\x03"), &in)); /* lea reaches for nothing */
	assert_false(in.mem);
	assert_true(decode(state, wide, BYTES("\x50"), &in)); /* push: its stack is no operand here */
	assert_false(in.mem);
	assert_true(decode(state, wide, BYTES("\x8b\x04\x7b"), &in)); /* mov (%rbx, %rdi, 2), %eax */
	assert_int_equal(in.mem_at, 0x12345678 + 0x20);
}

#define DECODE_TEST(f) cmocka_unit_test_setup_teardown(f, open_decoder, close_decoder)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    DECODE_TEST(a_decoder_or_a_reason),
	    DECODE_TEST(texts),
	    DECODE_TEST(not_all_there),
	    DECODE_TEST(kinds),
	    DECODE_TEST(memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dev/dev.h"

/* PC16550D datasheet, table II "Summary of Registers" */
enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR, THR = RBR, FCR = IIR, DLL = RBR, DLM = IER };

struct rig {
	void *dev;
	char out[256];
	size_t out_len;
	char in[256];
	size_t in_len, in_at;
	unsigned reads;
	size_t lie; /* what console.read claims beyond the truth */
	struct snug_console console;
};

static void console_write(void *ctx, const void *bytes, size_t len)
{
	struct rig *r = ctx;

	assert_true(r->out_len + len <= sizeof(r->out));
	memcpy(r->out + r->out_len, bytes, len);
	r->out_len += len;
}

static size_t console_read(void *ctx, void *bytes, size_t len)
{
	struct rig *r = ctx;
	size_t n = r->in_len - r->in_at < len ? r->in_len - r->in_at : len;

	r->reads++;
	memcpy(bytes, r->in + r->in_at, n);
	r->in_at += n;
	return n ? n + r->lie : 0;
}

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct snug__dev_env env = {0};

	if (!r)
		return -1;
	r->console = (struct snug_console){console_write, console_read, r};
	env.console = &r->console;
	r->dev = snug__dev_serial.create(&env);
	*state = r;
	return r->dev ? 0 : -1;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	snug__dev_serial.destroy(r->dev);
	free(r);
	return 0;
}

static uint8_t get(struct rig *r, unsigned reg)
{
	uint64_t v = snug__dev_serial.ops.read(r->dev, reg, 1);

	assert_true(v <= 0xff);
	return (uint8_t)v;
}

static void put(struct rig *r, unsigned reg, uint8_t v)
{
	snug__dev_serial.ops.write(r->dev, reg, v, 1);
}

static void type(struct rig *r, const char *s)
{
	r->in_at = 0;
	r->in_len = strlen(s);
	memcpy(r->in, s, r->in_len);
}

/* Datasheet table I; the modem lines as if somebody is at the other end. */
static void check_power_on(struct rig *r)
{
	assert_int_equal(get(r, IER), 0x00);
	assert_int_equal(get(r, IIR), 0x01);
	assert_int_equal(get(r, LCR), 0x00);
	assert_int_equal(get(r, MCR), 0x00);
	assert_int_equal(get(r, LSR), 0x60);
	assert_int_equal(get(r, MSR), 0xb0);
	assert_int_equal(get(r, SCR), 0x00);
	assert_int_equal(get(r, RBR), 0x00);
	put(r, LCR, 0x80);
	assert_int_equal(get(r, DLL), 12);
	assert_int_equal(get(r, DLM), 0);
	put(r, LCR, 0);
}

static void power_on(void **state)
{
	check_power_on(*state);
}

static void reset_is_power_on(void **state)
{
	struct rig *r = *state;

	for (unsigned reg = 0; reg < 8; reg++)
		put(r, reg, 0xff);
	put(r, LCR, 0x00);
	put(r, THR, 'x');
	snug__dev_serial.reset(r->dev);
	check_power_on(r);
	r->out_len = 0;
	put(r, THR, 'y'); /* the console is still there */
	assert_int_equal(r->out_len, 1);
	assert_int_equal(r->out[0], 'y');
}

static void output_goes_to_the_console(void **state)
{
	struct rig *r = *state;

	for (unsigned i = 0; i < 256; i++) {
		put(r, THR, (uint8_t)i);
		assert_int_equal(get(r, LSR), 0x60);
	}
	assert_int_equal(r->out_len, 256);
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal((uint8_t)r->out[i], i);
}

static void no_console_is_fine(void **state)
{
	struct snug__dev_env env = {0};
	struct rig r = {.dev = snug__dev_serial.create(&env)};

	(void)state;
	assert_non_null(r.dev);
	put(&r, THR, 'x');
	assert_int_equal(get(&r, LSR), 0x60);
	assert_int_equal(get(&r, RBR), 0);
	snug__dev_serial.destroy(r.dev);
}

static void divisor_latch(void **state)
{
	struct rig *r = *state;

	put(r, IER, 0x05);
	put(r, LCR, 0x83);
	put(r, DLL, 0x34);
	put(r, DLM, 0x12);
	assert_int_equal(get(r, DLL), 0x34);
	assert_int_equal(get(r, DLM), 0x12);
	assert_int_equal(get(r, LCR), 0x83);
	put(r, LCR, 0x03);
	assert_int_equal(get(r, IER), 0x05);
	assert_int_equal(r->out_len, 0);
	type(r, "a");
	put(r, LCR, 0x80);
	assert_int_equal(get(r, DLL), 0x34); /* takes no input */
	put(r, LCR, 0);
	assert_int_equal(get(r, RBR), 'a');
}

static void writable_bits(void **state)
{
	struct rig *r = *state;

	put(r, IER, 0xff);
	assert_int_equal(get(r, IER), 0x0f);
	put(r, MCR, 0xff);
	assert_int_equal(get(r, MCR), 0x1f);
	put(r, MCR, 0);
	put(r, SCR, 0xa5);
	assert_int_equal(get(r, SCR), 0xa5);
	(void)get(r, MSR);
	put(r, LSR, 0xff);
	put(r, MSR, 0xff);
	assert_int_equal(get(r, LSR), 0x60);
	assert_int_equal(get(r, MSR), 0xb0);
}

static void input_byte_by_byte(void **state)
{
	struct rig *r = *state;

	type(r, "hi");
	assert_int_equal(get(r, LSR), 0x61);
	assert_int_equal(get(r, LSR), 0x61);
	assert_int_equal(r->in_at, 1); /* no FIFO: one byte at a time */
	assert_int_equal(get(r, RBR), 'h');
	assert_int_equal(get(r, RBR), 'i'); /* RBR looks by itself */
	assert_int_equal(get(r, LSR), 0x60);
	assert_int_equal(get(r, RBR), 0);
}

static void input_fills_the_fifo(void **state)
{
	struct rig *r = *state;
	const char *text = "0123456789abcdefXY";

	put(r, FCR, 0x01);
	type(r, text);
	assert_int_equal(get(r, LSR), 0x61);
	assert_int_equal(r->in_at, 16);
	for (unsigned i = 0; text[i]; i++)
		assert_int_equal(get(r, RBR), text[i]);
	assert_int_equal(get(r, LSR), 0x60);
	assert_int_equal(r->out_len, 0);
}

static void input_that_lies_is_cut(void **state)
{
	struct rig *r = *state;

	put(r, FCR, 0x01);
	type(r, "0123456789abcdef");
	r->lie = 1000;
	assert_int_equal(get(r, LSR), 0x61); /* no overrun either */
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(get(r, LSR) & 1, 1), (void)get(r, RBR);
	assert_int_equal(get(r, LSR), 0x60);
}

static void fifo_control(void **state)
{
	struct rig *r = *state;

	assert_int_equal(get(r, IIR), 0x01);
	put(r, FCR, 0xc6); /* without bit 0 nothing is programmed */
	assert_int_equal(get(r, IIR), 0x01);
	type(r, "x");
	assert_int_equal(get(r, LSR), 0x61);
	put(r, FCR, 0x02);
	assert_int_equal(get(r, RBR), 'x');
	put(r, FCR, 0x01);
	assert_int_equal(get(r, IIR), 0xc1);
	type(r, "abc");
	assert_int_equal(get(r, LSR), 0x61);
	put(r, FCR, 0x05); /* clears the transmitter's only */
	assert_int_equal(get(r, RBR), 'a');
	put(r, FCR, 0x03);
	assert_int_equal(get(r, LSR), 0x60);
	type(r, "abc");
	assert_int_equal(get(r, LSR), 0x61);
	put(r, FCR, 0x00); /* off: what was there is gone */
	assert_int_equal(get(r, LSR), 0x60);
	assert_int_equal(get(r, IIR), 0x01);
}

static void loopback_data(void **state)
{
	struct rig *r = *state;

	put(r, MCR, 0x10);
	put(r, THR, 'L');
	assert_int_equal(r->out_len, 0);
	type(r, "wire"); /* cut off */
	assert_int_equal(get(r, LSR), 0x61);
	assert_int_equal(get(r, RBR), 'L');
	assert_int_equal(get(r, LSR), 0x60);
	assert_int_equal(r->reads, 0);
	put(r, MCR, 0x00);
	assert_int_equal(get(r, RBR), 'w');
}

static void loopback_overrun(void **state)
{
	struct rig *r = *state;

	put(r, MCR, 0x10);
	put(r, THR, 'a');
	put(r, THR, 'b'); /* one buffer: the newer byte wins */
	assert_int_equal(get(r, LSR), 0x63);
	assert_int_equal(get(r, LSR), 0x61); /* reading clears it */
	assert_int_equal(get(r, RBR), 'b');
	put(r, FCR, 0x01);
	for (unsigned i = 0; i < 17; i++)
		put(r, THR, (uint8_t)i); /* a FIFO: the older bytes win */
	assert_int_equal(get(r, LSR), 0x63);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(get(r, RBR), i);
	assert_int_equal(get(r, LSR), 0x60);
	put(r, THR, 'z'); /* and it goes round */
	assert_int_equal(get(r, RBR), 'z');
}

static void loopback_modem_lines(void **state)
{
	static const struct {
		uint8_t mcr, msr;
	} rows[] = {
	    {0x10, 0x0b},                                           /* CTS, DSR, DCD went away */
	    {0x10, 0x00}, {0x12, 0x11}, {0x11, 0x23}, {0x14, 0x42}, /* DSR away; RI came, which is no event */
	    {0x18, 0x8c},                                           /* RI ended, DCD came */
	    {0x1f, 0xf3}, {0x1f, 0xf0}, {0x00, 0xb4},               /* the wire again: RI ended */
	};
	struct rig *r = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put(r, MCR, rows[i].mcr);
		assert_int_equal(get(r, MSR), rows[i].msr);
	}
	assert_int_equal(get(r, MSR), 0xb0);
}

static void interrupt_thre(void **state)
{
	struct rig *r = *state;

	put(r, THR, 'x');
	assert_int_equal(get(r, IIR), 0x01); /* not enabled */
	put(r, IER, 0x02);
	assert_int_equal(get(r, IIR), 0x02); /* enabled while empty: at once */
	assert_int_equal(get(r, IIR), 0x01); /* reading IIR took it */
	put(r, IER, 0x02);
	assert_int_equal(get(r, IIR), 0x01); /* was enabled before */
	put(r, THR, 'y');
	assert_int_equal(get(r, IIR), 0x02); /* sent: empty again */
	put(r, IER, 0x00);
	put(r, IER, 0x02);
	assert_int_equal(get(r, IIR), 0x02);
	put(r, FCR, 0x01);
	assert_int_equal(get(r, IIR), 0xc2); /* datasheet 8.11: changing FCR bit 0 */
	assert_int_equal(get(r, IIR), 0xc1);
}

static void interrupt_receive(void **state)
{
	struct rig *r = *state;

	type(r, "a");
	assert_int_equal(get(r, IIR), 0x01);
	put(r, IER, 0x01);
	assert_int_equal(get(r, IIR), 0x04); /* IIR looks for input, too */
	assert_int_equal(get(r, IIR), 0x04); /* only RBR takes it */
	(void)get(r, RBR);
	assert_int_equal(get(r, IIR), 0x01);
	type(r, "12345");
	assert_int_equal(get(r, IIR), 0x04);
	assert_int_equal(r->in_at, 1);
}

static void interrupt_trigger_levels(void **state)
{
	static const uint8_t levels[] = {1, 4, 8, 14};
	struct rig *r = *state;

	put(r, IER, 0x01);
	put(r, MCR, 0x10);
	for (unsigned i = 0; i < 4; i++) {
		put(r, FCR, (uint8_t)(0x03 | i << 6));
		for (unsigned n = 0; n < 16; n++) {
			assert_int_equal(get(r, IIR), n == 0 ? 0xc1 : n >= levels[i] ? 0xc4 : 0xcc);
			put(r, THR, 'x');
		}
	}
}

static void interrupt_priority(void **state)
{
	struct rig *r = *state;

	put(r, MCR, 0x10); /* the modem lines change */
	put(r, THR, 'a');
	put(r, THR, 'b');                    /* overrun */
	assert_int_equal(get(r, IIR), 0x01); /* nothing is enabled */
	put(r, IER, 0x0f);
	assert_int_equal(get(r, IIR), 0x06);
	assert_int_equal(get(r, LSR), 0x63);
	assert_int_equal(get(r, IIR), 0x04);
	(void)get(r, RBR);
	assert_int_equal(get(r, IIR), 0x02);
	assert_int_equal(get(r, IIR), 0x00);
	assert_int_equal(get(r, MSR), 0x0b);
	assert_int_equal(get(r, IIR), 0x01);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(power_on, setup, teardown),
	    cmocka_unit_test_setup_teardown(reset_is_power_on, setup, teardown),
	    cmocka_unit_test_setup_teardown(output_goes_to_the_console, setup, teardown),
	    cmocka_unit_test(no_console_is_fine),
	    cmocka_unit_test_setup_teardown(divisor_latch, setup, teardown),
	    cmocka_unit_test_setup_teardown(writable_bits, setup, teardown),
	    cmocka_unit_test_setup_teardown(input_byte_by_byte, setup, teardown),
	    cmocka_unit_test_setup_teardown(input_fills_the_fifo, setup, teardown),
	    cmocka_unit_test_setup_teardown(input_that_lies_is_cut, setup, teardown),
	    cmocka_unit_test_setup_teardown(fifo_control, setup, teardown),
	    cmocka_unit_test_setup_teardown(loopback_data, setup, teardown),
	    cmocka_unit_test_setup_teardown(loopback_overrun, setup, teardown),
	    cmocka_unit_test_setup_teardown(loopback_modem_lines, setup, teardown),
	    cmocka_unit_test_setup_teardown(interrupt_thre, setup, teardown),
	    cmocka_unit_test_setup_teardown(interrupt_receive, setup, teardown),
	    cmocka_unit_test_setup_teardown(interrupt_trigger_levels, setup, teardown),
	    cmocka_unit_test_setup_teardown(interrupt_priority, setup, teardown),
	};

	return cmocka_run_group_tests_name("serial", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * acpipm: ACPI's fixed hardware: PM1 event and control registers, power management timer
 *
 * ACPI 6.5 4.8.3: at 0 status (2 bytes) and enable (2), at 4 control (2), at 8 the timer (4).  No event ever comes but the
 * timer's carry, which is told in status; there are no buttons.
 */
#include "dev/dev.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"

#define STATUS 0
#define ENABLE 2
#define CONTROL 4
#define TIMER 8

#define ENABLE_MASK 0x0721u    /* table 4.13: TMR, GBL, PWRBTN, SLPBTN and RTC can be kept */
#define CONTROL_SCI_EN 0x0001u /* table 4.14 */
#define CONTROL_SLP_TYP_SHIFT 10
#define CONTROL_SLP_TYP 0x1c00u
#define CONTROL_SLP_EN 0x2000u
#define SLEEP_OFF 5u /* what the DSDT says of \_S5 */

#define TIMER_HZ 3579545ull /* 4.8.3.3 */

struct acpipm {
	struct snug__dev_env env;
	uint16_t enable;
	uint16_t control; /* SLP_TYP as written */
	uint64_t base_ns; /* when the timer was 0 */
};

static uint32_t timer(const struct acpipm *p)
{
	uint64_t ns = p->env.now_ns ? p->env.now_ns(p->env.ask_ctx) - p->base_ns : 0;

	return (uint32_t)(ns / 1000000000u * TIMER_HZ + ns % 1000000000u * TIMER_HZ / 1000000000u);
}

static void reset(void *self)
{
	struct acpipm *p = self;

	p->enable = p->control = 0;
	p->base_ns = p->env.now_ns ? p->env.now_ns(p->env.ask_ctx) : 0;
}

static void *create(const struct snug__dev_env *env)
{
	struct acpipm *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->env = *env;
	reset(p);
	return p;
}

/* All 12 bytes as they are now; an access takes what it wants of them. */
static uint64_t read_port(void *self, uint64_t offset, unsigned size)
{
	struct acpipm *p = self;
	uint8_t regs[16] = {0};

	if (offset + size > sizeof(regs))
		return 0;
	snug__le_store(regs + ENABLE, 2, p->enable);
	snug__le_store(regs + CONTROL, 2, p->control | CONTROL_SCI_EN);
	snug__le_store(regs + TIMER, 4, timer(p));
	return snug__le_load(regs + offset, size);
}

static void write_control(struct acpipm *p, uint16_t value)
{
	p->control = value & CONTROL_SLP_TYP;
	if ((value & CONTROL_SLP_EN) && (value & CONTROL_SLP_TYP) >> CONTROL_SLP_TYP_SHIFT == SLEEP_OFF && p->env.ask)
		p->env.ask(p->env.ask_ctx, SNUG__ASK_POWEROFF, 0);
}

/* Status bits are cleared by ones, and none is ever set; the timer cannot be written. */
static void write_port(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	struct acpipm *p = self;

	if (offset == STATUS && size == 4)
		p->enable = (uint16_t)(value >> 16) & ENABLE_MASK;
	else if (offset == ENABLE && size == 2)
		p->enable = (uint16_t)value & ENABLE_MASK;
	else if (offset == CONTROL && size >= 2)
		write_control(p, (uint16_t)value);
}

/* State, version 1: 0 version, 1 and 2 enable, 3 and 4 control, 5..12 nanoseconds the timer has run */
#define STATE_VERSION 1
#define STATE_BYTES 13
_Static_assert(STATE_BYTES <= SNUG__DEV_STATE_MAX, "there is room for it");

static size_t save(const void *self, uint8_t *bytes)
{
	const struct acpipm *p = self;

	bytes[0] = STATE_VERSION;
	snug__le_store(bytes + 1, 2, p->enable);
	snug__le_store(bytes + 3, 2, p->control);
	snug__le_store(bytes + 5, 8, p->env.now_ns ? p->env.now_ns(p->env.ask_ctx) - p->base_ns : 0);
	return STATE_BYTES;
}

static int load(void *self, const uint8_t *bytes, size_t len)
{
	struct acpipm *p = self;
	uint16_t enable, control;

	if (len != STATE_BYTES || bytes[0] != STATE_VERSION)
		return -EINVAL;
	enable = (uint16_t)snug__le_load(bytes + 1, 2);
	control = (uint16_t)snug__le_load(bytes + 3, 2);
	if ((enable & ~ENABLE_MASK) || (control & ~CONTROL_SLP_TYP))
		return -EINVAL;
	p->enable = enable;
	p->control = control;
	p->base_ns = (p->env.now_ns ? p->env.now_ns(p->env.ask_ctx) : 0) - snug__le_load(bytes + 5, 8);
	return 0;
}

const struct snug__dev_class snug__dev_acpipm = {
    .name = "acpipm",
    .ops = {.size = sizeof(struct snug_device_ops), .max_size = 4, .read = read_port, .write = write_port},
    .create = create,
    .destroy = free,
    .reset = reset,
    .save = save,
    .load = load,
};

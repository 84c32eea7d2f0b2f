/* SPDX-License-Identifier: MIT */
/*
 * cmos: Motorola's MC146818 real-time clock and its RAM, as a PC has it behind ports 0x70 and 0x71
 *
 * Firmware reads here how much memory there is.  The bytes are those SeaBIOS (src/hw/rtc.h) and QEMU (pc_cmos_init in
 * hw/i386/pc.c) agree on.  The clock goes where the machine has the time (a PC): it is the host's, in UTC, moved by what
 * the guest set; an update takes no time, so that none is ever in progress.  Elsewhere time, date and century read 0.
 * What remains is scratch RAM for the guest.  A reset makes it as new: nothing of a former guest is left.
 */
#include "dev/dev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/num.h"
#include "dev/rtc.h"

#define BYTES 128
#define PORT_INDEX 0   /* write only; bit 7 masks NMIs and is not part of the index */
#define NO_DEVICE 0xff /* a write-only port reads as ones */
#define KIB (1ull << 10)
#define UNIT (64 * KIB)
#define EXT_BASE (1ull << 20)   /* extended memory starts here */
#define EXT2_BASE (16ull << 20) /* what is counted in units of 64 KiB starts here */

#define A_START 0x26 /* 32.768 kHz time base, 1024 Hz periodic rate: what PC firmware sets */

/* Memory sizes, little endian. */
#define MEM_BASE 0x15  /* 2 bytes: KiB below 640 KiB */
#define MEM_EXT 0x17   /* 2 bytes: KiB from 1 MiB on */
#define MEM_EXT_B 0x30 /* the same again */
#define MEM_EXT2 0x34  /* 2 bytes: 64 KiB units from 16 MiB to 4 GiB */
#define MEM_HIGH 0x5b  /* 3 bytes: 64 KiB units from 4 GiB on */

struct cmos {
	struct snug__dev_env env;
	uint64_t low_bytes, high_bytes;
	uint8_t index;
	uint8_t ram[BYTES]; /* with the time only while RTC_B_SET is set */
	int64_t offset_s;   /* the guest's time less the host's */
	uint64_t seen_ns;   /* the host's time up to which flags are told */
};

#define NS_PER_S 1000000000ull

/* What the guest cannot change. */
static const struct {
	uint8_t first, count;
	bool size; /* of memory: not the same in every machine */
} fixed[] = {
    {0x00, 1, false},    {0x02, 1, false},        {0x04, 1, false}, /* time; the bytes between are alarms */
    {0x06, 4, false},    {RTC_CENTURY, 1, false},                   /* and date */
    {RTC_C, 1, false},   {RTC_D, 1, false},                         /* read-only in the chip */
    {MEM_BASE, 2, true}, {MEM_EXT, 2, true},      {MEM_EXT_B, 2, true}, {MEM_EXT2, 2, true}, {MEM_HIGH, 3, true},
};

static bool is_fixed(unsigned index, bool sizes_too)
{
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		if (index >= fixed[i].first && index - fixed[i].first < fixed[i].count)
			return sizes_too || !fixed[i].size;
	}
	return false;
}

/* Memory from `base` to `end` in units, or the most that `bytes` bytes can say. */
static void store_size(struct cmos *c, uint8_t index, unsigned bytes, uint64_t base, uint64_t end, uint64_t unit)
{
	uint64_t units = end > base ? (end - base) / unit : 0;

	snug__le_store(&c->ram[index], bytes, snug__min(units, snug__ones(bytes)));
}

static const uint8_t times[] = {RTC_SECONDS, RTC_MINUTES, RTC_HOURS, RTC_WEEKDAY,
                                RTC_DAY,     RTC_MONTH,   RTC_YEAR,  RTC_CENTURY};

static bool is_time(unsigned index)
{
	return memchr(times, (int)index, sizeof(times)) != NULL;
}

static void clear_time(uint8_t *ram)
{
	for (size_t i = 0; i < sizeof(times); i++)
		ram[times[i]] = 0;
}

static bool ticks(const struct cmos *c)
{
	return c->env.real_ns && c->env.now_ns && c->env.timer;
}

static bool stands(const struct cmos *c)
{
	return c->ram[RTC_B] & RTC_B_SET;
}

static int64_t host_s(const struct cmos *c)
{
	return (int64_t)(c->env.real_ns(c->env.ask_ctx) / NS_PER_S);
}

/* The line is what IRQF says. */
static void tell(struct cmos *c)
{
	bool on = c->ram[RTC_B] & c->ram[RTC_C] & (RTC_B_PIE | RTC_B_AIE | RTC_B_UIE);

	c->ram[RTC_C] = (uint8_t)((c->ram[RTC_C] & ~RTC_C_IRQF) | (on ? RTC_C_IRQF : 0));
	if (c->env.irq)
		c->env.irq(c->env.ask_ctx, on);
}

/* When to look again: not before the guest has taken the interrupt there is. */
static void arm(struct cmos *c, uint64_t real_ns)
{
	uint64_t next = 0;

	if (c->ram[RTC_B] & RTC_B_PIE)
		snug__rtc_periods(c->ram, real_ns, &next);
	if (!stands(c) && c->ram[RTC_B] & (RTC_B_AIE | RTC_B_UIE)) {
		uint64_t second = (real_ns / NS_PER_S + 1) * NS_PER_S;

		next = next ? snug__min(next, second) : second;
	}
	if (c->ram[RTC_C] & RTC_C_IRQF)
		next = 0;
	c->env.timer(c->env.ask_ctx, next ? c->env.now_ns(c->env.ask_ctx) + (next - real_ns) : 0);
}

/* What has happened since the last look. */
static void catch_up(struct cmos *c)
{
	uint64_t now = c->env.real_ns(c->env.ask_ctx), from = snug__min(c->seen_ns, now), next;
	int64_t after = (int64_t)(from / NS_PER_S) + c->offset_s, to = (int64_t)(now / NS_PER_S) + c->offset_s;

	if (snug__rtc_periods(c->ram, from, &next) != snug__rtc_periods(c->ram, now, &next))
		c->ram[RTC_C] |= RTC_B_PIE;
	if (!stands(c) && to > after)
		c->ram[RTC_C] |= (uint8_t)(RTC_B_UIE | (snug__rtc_alarm(c->ram, after, to) ? RTC_B_AIE : 0));
	c->seen_ns = now;
	tell(c);
	arm(c, now);
}

static void reset(void *self)
{
	struct cmos *c = self;

	c->index = 0;
	c->offset_s = 0;
	c->seen_ns = ticks(c) ? c->env.real_ns(c->env.ask_ctx) : 0;
	memset(c->ram, 0, sizeof(c->ram));
	c->ram[RTC_A] = A_START;
	c->ram[RTC_B] = RTC_B_24H;
	c->ram[RTC_D] = RTC_D_VRT;
	store_size(c, MEM_BASE, 2, 0, snug__min(c->low_bytes, 640 * KIB), KIB);
	store_size(c, MEM_EXT, 2, EXT_BASE, c->low_bytes, KIB);
	store_size(c, MEM_EXT_B, 2, EXT_BASE, c->low_bytes, KIB);
	store_size(c, MEM_EXT2, 2, EXT2_BASE, c->low_bytes, UNIT);
	store_size(c, MEM_HIGH, 3, 0, c->high_bytes, UNIT);
}

static void *create(const struct snug__dev_env *env)
{
	struct cmos *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->env = *env;
	c->low_bytes = env->low_bytes;
	c->high_bytes = env->high_bytes;
	reset(c);
	return c;
}

static uint8_t read_clock(struct cmos *c)
{
	uint8_t copy[BYTES], flags;

	if (is_time(c->index) && !stands(c)) {
		memcpy(copy, c->ram, BYTES);
		snug__rtc_show(host_s(c) + c->offset_s, copy);
		return copy[c->index];
	}
	if (c->index != RTC_C)
		return c->ram[c->index];
	catch_up(c);
	flags = c->ram[RTC_C];
	c->ram[RTC_C] = 0; /* reading takes them away */
	tell(c);
	arm(c, c->seen_ns);
	return flags;
}

static uint64_t read_port(void *self, uint64_t offset, unsigned size)
{
	struct cmos *c = self;

	(void)size;
	if (offset == PORT_INDEX)
		return NO_DEVICE;
	return ticks(c) ? read_clock(c) : c->ram[c->index];
}

/* From the registers into the offset, which is what goes on. */
static void go_on(struct cmos *c)
{
	c->offset_s = snug__rtc_read(c->ram) - host_s(c);
	clear_time(c->ram);
}

static void write_b(struct cmos *c, uint8_t value)
{
	bool stood = stands(c);

	if (value & RTC_B_SET)
		value &= (uint8_t)~RTC_B_UIE; /* datasheet, "Register B": SET clears it */
	if (!stood && value & RTC_B_SET)
		snug__rtc_show(host_s(c) + c->offset_s, c->ram);
	if (stood && !(value & RTC_B_SET))
		go_on(c); /* as the old B has it */
	c->ram[RTC_B] = value;
}

static void write_clock(struct cmos *c, uint8_t value)
{
	catch_up(c);
	if (c->index == RTC_B) {
		write_b(c, value);
	} else if (is_time(c->index) && !stands(c)) {
		snug__rtc_show(host_s(c) + c->offset_s, c->ram);
		c->ram[c->index] = value;
		go_on(c);
	} else {
		c->ram[c->index] = (uint8_t)(c->index == RTC_A ? value & ~RTC_A_UIP : value);
	}
	tell(c);
	arm(c, c->seen_ns);
}

static void write_port(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	struct cmos *c = self;

	(void)size;
	if (offset == PORT_INDEX)
		c->index = value % BYTES;
	else if (ticks(c) && (is_time(c->index) || !is_fixed(c->index, true)))
		write_clock(c, (uint8_t)value);
	else if (!is_fixed(c->index, true))
		c->ram[c->index] = (uint8_t)(c->index == RTC_A ? value & ~(uint64_t)RTC_A_UIP : value);
}

static void tick(void *self)
{
	catch_up(self);
}

/* It is another time now, and what went by in between is no news. */
static void resume(void *self)
{
	struct cmos *c = self;

	if (!ticks(c))
		return;
	c->seen_ns = c->env.real_ns(c->env.ask_ctx);
	tell(c);
	arm(c, c->seen_ns);
}

/*
 * State, version 1, without a clock: 0 version, 1 index, 2..129 RAM; version 2, with one: then 130..137 offset_s, and the
 * time is in the RAM where RTC_B_SET is set, else 0 is.
 *
 * Memory sizes are part of it: they are those the guest has always seen, even where memory was added later.
 */
#define STATE_VERSION 1
#define STATE_INDEX 1
#define STATE_RAM 2
#define STATE_BYTES (STATE_RAM + BYTES)
#define CLOCK_VERSION 2
#define CLOCK_OFFSET STATE_BYTES
#define CLOCK_BYTES (CLOCK_OFFSET + 8)
#define OFFSET_MAX (1ll << 40) /* seconds; years have four digits */
_Static_assert(CLOCK_BYTES <= SNUG__DEV_STATE_MAX, "there is room for it");

static size_t save(const void *self, uint8_t *bytes)
{
	const struct cmos *c = self;

	bytes[0] = ticks(c) ? CLOCK_VERSION : STATE_VERSION;
	bytes[STATE_INDEX] = c->index;
	memcpy(bytes + STATE_RAM, c->ram, BYTES);
	if (!ticks(c))
		return STATE_BYTES;
	snug__le_store(bytes + CLOCK_OFFSET, 8, (uint64_t)c->offset_s);
	return CLOCK_BYTES;
}

/* What a clock cannot be: flags without their sum, a time where none is kept. */
static bool bad_clock(const uint8_t *ram, int64_t offset)
{
	bool on = ram[RTC_B] & ram[RTC_C] & (RTC_B_PIE | RTC_B_AIE | RTC_B_UIE), set = ram[RTC_B] & RTC_B_SET;

	if ((ram[RTC_C] & 0x0f) || !!(ram[RTC_C] & RTC_C_IRQF) != on || ram[RTC_D] != RTC_D_VRT ||
	    (set && ram[RTC_B] & RTC_B_UIE) || offset > OFFSET_MAX || offset < -OFFSET_MAX)
		return true;
	for (size_t i = 0; i < sizeof(times); i++)
		if (!set && ram[times[i]])
			return true;
	return false;
}

static int load_clock(struct cmos *c, const uint8_t *bytes, size_t len)
{
	int64_t offset;

	if (len != CLOCK_BYTES || bytes[0] != CLOCK_VERSION || bytes[STATE_INDEX] >= BYTES ||
	    bytes[STATE_RAM + RTC_A] & RTC_A_UIP)
		return -EINVAL;
	offset = (int64_t)snug__le_load(bytes + CLOCK_OFFSET, 8);
	if (bad_clock(bytes + STATE_RAM, offset))
		return -EINVAL;
	c->index = bytes[STATE_INDEX];
	memcpy(c->ram, bytes + STATE_RAM, BYTES);
	c->offset_s = offset;
	return 0;
}

/* A clock that always updates would let a guest wait for ever; the rest of what is fixed is the same in every machine. */
static int load(void *self, const uint8_t *bytes, size_t len)
{
	struct cmos *c = self;

	if (ticks(c))
		return load_clock(c, bytes, len);
	if (len != STATE_BYTES || bytes[0] != STATE_VERSION || bytes[STATE_INDEX] >= BYTES ||
	    bytes[STATE_RAM + RTC_A] & RTC_A_UIP)
		return -EINVAL;
	for (unsigned i = 0; i < BYTES; i++)
		if (is_fixed(i, false) && bytes[STATE_RAM + i] != c->ram[i])
			return -EINVAL;
	c->index = bytes[STATE_INDEX];
	memcpy(c->ram, bytes + STATE_RAM, BYTES);
	return 0;
}

const struct snug__dev_class snug__dev_cmos = {
    .name = "cmos",
    .ops = {.size = sizeof(struct snug_device_ops), .max_size = 1, .read = read_port, .write = write_port},
    .create = create,
    .destroy = free,
    .reset = reset,
    .save = save,
    .load = load,
    .tick = tick,
    .resume = resume,
};

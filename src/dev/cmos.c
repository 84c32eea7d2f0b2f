/* SPDX-License-Identifier: MIT */
/*
 * cmos: the RAM of Motorola's MC146818 real-time clock, as a PC has it behind ports 0x70 and 0x71
 *
 * Firmware reads here how much memory there is.  The bytes are those SeaBIOS (src/hw/rtc.h) and QEMU (pc_cmos_init in
 * hw/i386/pc.c) agree on.  There is no clock yet: time, date and century read 0, and an update is never in progress.
 * What remains is scratch RAM for the guest.  A reset makes it as new: nothing of a former guest is left.
 */
#include "dev/dev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/num.h"

#define BYTES 128
#define PORT_INDEX 0   /* write only; bit 7 masks NMIs and is not part of the index */
#define NO_DEVICE 0xff /* a write-only port reads as ones */
#define KIB (1ull << 10)
#define UNIT (64 * KIB)
#define EXT_BASE (1ull << 20)   /* extended memory starts here */
#define EXT2_BASE (16ull << 20) /* what is counted in units of 64 KiB starts here */

/* MC146818 datasheet, "Registers" */
#define REG_A 0x0a
#define REG_B 0x0b
#define REG_C 0x0c
#define REG_D 0x0d
#define A_UIP 0x80   /* update in progress */
#define A_START 0x26 /* 32.768 kHz time base, 1024 Hz periodic rate: what PC firmware sets */
#define B_24H 0x02   /* 24-hour mode, BCD */
#define D_VRT 0x80   /* RAM and time are valid */
#define CENTURY 0x32 /* by PC convention */

/* Memory sizes, little endian. */
#define MEM_BASE 0x15  /* 2 bytes: KiB below 640 KiB */
#define MEM_EXT 0x17   /* 2 bytes: KiB from 1 MiB on */
#define MEM_EXT_B 0x30 /* the same again */
#define MEM_EXT2 0x34  /* 2 bytes: 64 KiB units from 16 MiB to 4 GiB */
#define MEM_HIGH 0x5b  /* 3 bytes: 64 KiB units from 4 GiB on */

struct cmos {
	uint64_t low_bytes, high_bytes;
	uint8_t index;
	uint8_t ram[BYTES];
};

/* What the guest cannot change. */
static const struct {
	uint8_t first, count;
	bool size; /* of memory: not the same in every machine */
} fixed[] = {
    {0x00, 1, false},    {0x02, 1, false},    {0x04, 1, false}, /* time; the bytes between are alarms */
    {0x06, 4, false},    {CENTURY, 1, false},                   /* and date */
    {REG_C, 1, false},   {REG_D, 1, false},                     /* read-only in the chip */
    {MEM_BASE, 2, true}, {MEM_EXT, 2, true},  {MEM_EXT_B, 2, true}, {MEM_EXT2, 2, true}, {MEM_HIGH, 3, true},
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

static void reset(void *self)
{
	struct cmos *c = self;

	c->index = 0;
	memset(c->ram, 0, sizeof(c->ram));
	c->ram[REG_A] = A_START;
	c->ram[REG_B] = B_24H;
	c->ram[REG_D] = D_VRT;
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
	c->low_bytes = env->low_bytes;
	c->high_bytes = env->high_bytes;
	reset(c);
	return c;
}

static uint64_t read_port(void *self, uint64_t offset, unsigned size)
{
	struct cmos *c = self;

	(void)size;
	return offset == PORT_INDEX ? NO_DEVICE : c->ram[c->index];
}

static void write_port(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	struct cmos *c = self;

	(void)size;
	if (offset == PORT_INDEX)
		c->index = value % BYTES;
	else if (!is_fixed(c->index, true))
		c->ram[c->index] = (uint8_t)(c->index == REG_A ? value & ~(uint64_t)A_UIP : value);
}

/*
 * State, version 1: 0 version, 1 index, 2..129 RAM
 *
 * Memory sizes are part of it: they are those the guest has always seen, even where memory was added later.
 */
#define STATE_VERSION 1
#define STATE_INDEX 1
#define STATE_RAM 2
#define STATE_BYTES (STATE_RAM + BYTES)
_Static_assert(STATE_BYTES <= SNUG__DEV_STATE_MAX, "there is room for it");

static size_t save(const void *self, uint8_t *bytes)
{
	const struct cmos *c = self;

	bytes[0] = STATE_VERSION;
	bytes[STATE_INDEX] = c->index;
	memcpy(bytes + STATE_RAM, c->ram, BYTES);
	return STATE_BYTES;
}

/* A clock that always updates would let a guest wait for ever; the rest of what is fixed is the same in every machine. */
static int load(void *self, const uint8_t *bytes, size_t len)
{
	struct cmos *c = self;

	if (len != STATE_BYTES || bytes[0] != STATE_VERSION || bytes[STATE_INDEX] >= BYTES ||
	    bytes[STATE_RAM + REG_A] & A_UIP)
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
};

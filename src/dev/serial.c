/* SPDX-License-Identifier: MIT */
/*
 * serial: National Semiconductor's 16550A UART
 *
 * Section numbers are those of the PC16550D datasheet (National, 1995), chapter 8 "Registers".  A byte written is on
 * the wire at once, so the transmitter is always empty; input is fetched from the console when the guest looks and
 * the receiver is empty.  Baud rate, word length, parity and break are kept but change nothing.  The interrupt line is,
 * as on a PC, let through by OUT2, and not in loopback (IBM PC AT Technical Reference, "Serial/Parallel Adapter").
 */
#include "dev/dev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

enum {
	REG_RBR_THR, /* with DLAB: divisor latch, low byte */
	REG_IER,     /* with DLAB: divisor latch, high byte */
	REG_IIR_FCR,
	REG_LCR,
	REG_MCR,
	REG_LSR,
	REG_MSR,
	REG_SCR,
};

/* 8.7 interrupt enable; the high half reads 0 */
#define IER_RX 0x01
#define IER_THRE 0x02
#define IER_LINE 0x04
#define IER_MODEM 0x08
#define IER_MASK 0x0f

/* 8.6 interrupt identification, in falling priority (table IV) */
#define IIR_LINE 0x06
#define IIR_RX 0x04
#define IIR_TIMEOUT 0x0c
#define IIR_THRE 0x02
#define IIR_MODEM 0x00
#define IIR_NONE 0x01
#define IIR_FIFO 0xc0 /* set while the FIFOs are on */

/* 8.5 FIFO control; without FCR_ENABLE the other bits are not programmed */
#define FCR_ENABLE 0x01
#define FCR_CLEAR_RX 0x02
#define FCR_TRIGGER_SHIFT 6

#define LCR_DLAB 0x80 /* 8.1 */

/* 8.8 modem control; the bits above are always 0 */
#define MCR_DTR 0x01
#define MCR_RTS 0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOP 0x10
#define MCR_MASK 0x1f

/* 8.4 line status */
#define LSR_DR 0x01
#define LSR_OE 0x02
#define LSR_THRE 0x20
#define LSR_TEMT 0x40

/* 8.9 modem status: lines in the high half, their changes (TERI: the end of RI) in the low one */
#define MSR_CTS 0x10
#define MSR_DSR 0x20
#define MSR_RI 0x40
#define MSR_DCD 0x80
#define MSR_TERI 0x04
#define MSR_CHANGES 0x0f
#define MSR_LINE_SHIFT 4

#define FIFO_BYTES 16
#define DIVISOR_START 12 /* 9600 baud; the datasheet leaves it open */

struct serial {
	struct snug__dev_env env;
	const struct snug_console *console;
	uint8_t ier, fcr, lcr, mcr, scr;
	uint8_t overrun; /* LSR_OE or 0, until LSR is read */
	uint8_t changes; /* low half of MSR, until it is read */
	bool thre;       /* "transmitter empty" not yet seen in IIR */
	uint8_t divisor[2];
	uint8_t fifo[FIFO_BYTES]; /* receiver, a ring */
	unsigned head, count;
};

/* Where the FIFOs are off the receiver holds one byte (8.5, 16450 mode). */
static unsigned rx_room(const struct serial *s)
{
	return s->fcr & FCR_ENABLE ? FIFO_BYTES : 1;
}

static void rx_clear(struct serial *s)
{
	s->head = s->count = 0;
}

/* 8.4 bit 1: a full FIFO keeps what it has, a single buffer is overwritten. */
static void rx_push(struct serial *s, uint8_t byte)
{
	if (s->count == rx_room(s)) {
		s->overrun = LSR_OE;
		if (s->fcr & FCR_ENABLE)
			return;
		rx_clear(s);
	}
	s->fifo[(s->head + s->count) % FIFO_BYTES] = byte;
	s->count++;
}

/* The datasheet leaves open what an empty receiver gives. */
static uint8_t rx_pop(struct serial *s)
{
	uint8_t byte;

	if (s->count == 0)
		return 0;
	byte = s->fifo[s->head];
	s->head = (s->head + 1) % FIFO_BYTES;
	s->count--;
	return byte;
}

/* 8.8 bit 4: in loopback the wire is cut off. */
static void rx_poll(struct serial *s)
{
	uint8_t bytes[FIFO_BYTES];
	size_t n;

	if (s->count || (s->mcr & MCR_LOOP) || !s->console || !s->console->read)
		return;
	n = s->console->read(s->console->ctx, bytes, rx_room(s));
	n = (size_t)snug__min(n, rx_room(s));
	for (size_t i = 0; i < n; i++)
		rx_push(s, bytes[i]);
}

/* The modem lines: the other end is always there, or in loopback our own outputs (8.8 bit 4). */
static uint8_t lines(const struct serial *s)
{
	static const struct {
		uint8_t mcr, msr;
	} loop[] = {{MCR_RTS, MSR_CTS}, {MCR_DTR, MSR_DSR}, {MCR_OUT1, MSR_RI}, {MCR_OUT2, MSR_DCD}};
	uint8_t v = 0;

	if (!(s->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	for (size_t i = 0; i < sizeof(loop) / sizeof(loop[0]); i++)
		v |= s->mcr & loop[i].mcr ? loop[i].msr : 0;
	return v;
}

static void set_mcr(struct serial *s, uint8_t value)
{
	uint8_t old = lines(s), changed;

	s->mcr = value & MCR_MASK;
	changed = (old ^ lines(s)) >> MSR_LINE_SHIFT;
	if (!(old & MSR_RI))
		changed &= (uint8_t)~MSR_TERI;
	s->changes |= changed;
}

/* 8.6, table IV.  Bytes below the trigger level have no successor on the way: that is the timeout. */
static uint8_t interrupt_id(const struct serial *s)
{
	static const uint8_t trigger[] = {1, 4, 8, 14}; /* 8.5 bits 6 and 7 */

	if ((s->ier & IER_LINE) && s->overrun)
		return IIR_LINE;
	if ((s->ier & IER_RX) && s->count) {
		if (!(s->fcr & FCR_ENABLE) || s->count >= trigger[s->fcr >> FCR_TRIGGER_SHIFT])
			return IIR_RX;
		return IIR_TIMEOUT;
	}
	if ((s->ier & IER_THRE) && s->thre)
		return IIR_THRE;
	if ((s->ier & IER_MODEM) && s->changes)
		return IIR_MODEM;
	return IIR_NONE;
}

static void set_line(const struct serial *s)
{
	bool open = (s->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;

	if (s->env.irq)
		s->env.irq(s->env.ask_ctx, open && interrupt_id(s) != IIR_NONE);
}

static uint8_t read_rbr(struct serial *s)
{
	if (s->lcr & LCR_DLAB)
		return s->divisor[0];
	rx_poll(s);
	return rx_pop(s);
}

static uint8_t read_iir(struct serial *s)
{
	uint8_t id;

	rx_poll(s);
	id = interrupt_id(s);
	if (id == IIR_THRE)
		s->thre = false;
	return id | (s->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static uint8_t read_lsr(struct serial *s)
{
	uint8_t v;

	rx_poll(s);
	v = LSR_THRE | LSR_TEMT | s->overrun | (s->count ? LSR_DR : 0);
	s->overrun = 0;
	return v;
}

static uint8_t read_msr(struct serial *s)
{
	uint8_t v = lines(s) | s->changes;

	s->changes = 0;
	return v;
}

static uint8_t read_reg(struct serial *s, uint64_t offset)
{
	switch (offset) {
	case REG_RBR_THR:
		return read_rbr(s);
	case REG_IER:
		return s->lcr & LCR_DLAB ? s->divisor[1] : s->ier;
	case REG_IIR_FCR:
		return read_iir(s);
	case REG_LCR:
		return s->lcr;
	case REG_MCR:
		return s->mcr;
	case REG_LSR:
		return read_lsr(s);
	case REG_MSR:
		return read_msr(s);
	default:
		return s->scr;
	}
}

static uint64_t read_port(void *self, uint64_t offset, unsigned size)
{
	struct serial *s = self;
	uint8_t v = read_reg(s, offset);

	(void)size;
	set_line(s);
	return v;
}

static void write_thr(struct serial *s, uint8_t byte)
{
	if (s->lcr & LCR_DLAB) {
		s->divisor[0] = byte;
		return;
	}
	if (s->mcr & MCR_LOOP)
		rx_push(s, byte);
	else if (s->console && s->console->write)
		s->console->write(s->console->ctx, &byte, 1);
	s->thre = true;
}

/* 8.7 bit 1: enabling it with the transmitter empty interrupts at once. */
static void write_ier(struct serial *s, uint8_t value)
{
	if (s->lcr & LCR_DLAB) {
		s->divisor[1] = value;
		return;
	}
	if (value & ~s->ier & IER_THRE)
		s->thre = true;
	s->ier = value & IER_MASK;
}

/* 8.5 bits 0 and 1; 8.11: changing bit 0 gives a transmitter interrupt at once. */
static void write_fcr(struct serial *s, uint8_t value)
{
	if ((value ^ s->fcr) & FCR_ENABLE) {
		rx_clear(s);
		s->thre = true;
	}
	if ((value & FCR_ENABLE) && (value & FCR_CLEAR_RX))
		rx_clear(s);
	s->fcr = value; /* its other bits count with FCR_ENABLE only */
}

/* Writes to LSR (factory test) and MSR do nothing. */
static void write_port(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	struct serial *s = self;
	uint8_t byte = (uint8_t)value;

	(void)size;
	switch (offset) {
	case REG_RBR_THR:
		write_thr(s, byte);
		break;
	case REG_IER:
		write_ier(s, byte);
		break;
	case REG_IIR_FCR:
		write_fcr(s, byte);
		break;
	case REG_LCR:
		s->lcr = byte;
		break;
	case REG_MCR:
		set_mcr(s, byte);
		break;
	case REG_SCR:
		s->scr = byte;
		break;
	}
	set_line(s);
}

static void input(void *self)
{
	struct serial *s = self;

	rx_poll(s);
	set_line(s);
}

static void resume(void *self)
{
	set_line(self);
}

/* Table I "UART Reset Configuration"; what that leaves open is 0. */
static void reset(void *self)
{
	struct serial *s = self;

	*s = (struct serial){.env = s->env, .console = s->console, .divisor = {DIVISOR_START, 0}};
}

static void *create(const struct snug__dev_env *env)
{
	struct serial *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->env = *env;
	s->console = env->console;
	reset(s);
	return s;
}

/*
 * State, version 1: 0 version, 1 IER, 2 FCR, 3 LCR, 4 MCR, 5 SCR, 6 overrun (LSR's bit), 7 changes (low half of MSR),
 * 8 thre (0 or 1), 9 and 10 divisor, 11 bytes in the receiver, 12..27 these, oldest first, then zeros
 */
#define STATE_VERSION 1
#define STATE_COUNT 11
#define STATE_FIFO 12
#define STATE_BYTES (STATE_FIFO + FIFO_BYTES)
_Static_assert(STATE_BYTES <= SNUG__DEV_STATE_MAX, "there is room for it");

static size_t save(const void *self, uint8_t *bytes)
{
	const struct serial *s = self;
	const uint8_t head[STATE_FIFO] = {STATE_VERSION, s->ier,        s->fcr,        s->lcr,
	                                  s->mcr,        s->scr,        s->overrun,    s->changes,
	                                  s->thre,       s->divisor[0], s->divisor[1], (uint8_t)s->count};

	memcpy(bytes, head, sizeof(head));
	for (unsigned i = 0; i < FIFO_BYTES; i++)
		bytes[STATE_FIFO + i] = i < s->count ? s->fifo[(s->head + i) % FIFO_BYTES] : 0;
	return STATE_BYTES;
}

static int load(void *self, const uint8_t *bytes, size_t len)
{
	struct serial *s = self;
	struct serial n = {.env = s->env, .console = s->console};

	if (len != STATE_BYTES || bytes[0] != STATE_VERSION || bytes[8] > 1)
		return -EINVAL;
	n.ier = bytes[1];
	n.fcr = bytes[2];
	n.lcr = bytes[3];
	n.mcr = bytes[4];
	n.scr = bytes[5];
	n.overrun = bytes[6];
	n.changes = bytes[7];
	n.thre = bytes[8];
	memcpy(n.divisor, bytes + 9, sizeof(n.divisor));
	n.count = bytes[STATE_COUNT];
	memcpy(n.fifo, bytes + STATE_FIFO, FIFO_BYTES);
	if ((n.ier & ~IER_MASK) || (n.mcr & ~MCR_MASK) || (n.overrun & ~LSR_OE) || (n.changes & ~MSR_CHANGES) ||
	    n.count > rx_room(&n))
		return -EINVAL;
	for (unsigned i = n.count; i < FIFO_BYTES; i++)
		if (n.fifo[i])
			return -EINVAL;
	*s = n;
	return 0;
}

const struct snug__dev_class snug__dev_serial = {
    .name = "serial",
    .ops = {.size = sizeof(struct snug_device_ops), .max_size = 1, .read = read_port, .write = write_port},
    .create = create,
    .destroy = free,
    .reset = reset,
    .save = save,
    .load = load,
    .input = input,
    .resume = resume,
};

/* SPDX-License-Identifier: MIT */
/* gdbfake: a machine for the debugger's engine that is no VM: registers, 64 KiB at 0x1000, breakpoints by number */
#ifndef GDBFAKE_H
#define GDBFAKE_H

#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "svc/gdb.h"

#define FAKE_CPUS 3
#define FAKE_BASE 0x1000ull
#define FAKE_BYTES 0x10000ull

struct fake {
	struct snug__gdb_regs regs[FAKE_CPUS];
	uint8_t memory[FAKE_BYTES];
	unsigned points, set; /* how often one was set or cleared, how often one was set; and the last */
	unsigned cpu;
	enum snug__gdb_point type;
	uint64_t addr, len;
	int refuse;     /* what set_regs says */
	char line[256]; /* what monitor heard */
};

static inline int fake_get(void *ctx, unsigned cpu, struct snug__gdb_regs *out)
{
	*out = ((struct fake *)ctx)->regs[cpu];
	return 0;
}

static inline int fake_set(void *ctx, unsigned cpu, const struct snug__gdb_regs *in, unsigned which)
{
	struct fake *f = ctx;

	if (f->refuse)
		return f->refuse;
	if (which & SNUG__GDB_REGS)
		f->regs[cpu].regs = in->regs;
	if (which & SNUG__GDB_SREGS)
		f->regs[cpu].sregs = in->sregs;
	if (which & SNUG__GDB_FPU)
		f->regs[cpu].fpu = in->fpu;
	return 0;
}

static inline size_t fake_read(void *ctx, unsigned cpu, uint64_t addr, void *to, size_t len)
{
	struct fake *f = ctx;

	(void)cpu;
	if (addr < FAKE_BASE || addr - FAKE_BASE >= FAKE_BYTES)
		return 0;
	len = snug__min(len, FAKE_BYTES - (addr - FAKE_BASE));
	memcpy(to, f->memory + (addr - FAKE_BASE), len);
	return len;
}

static inline int fake_write(void *ctx, unsigned cpu, uint64_t addr, const void *from, size_t len)
{
	struct fake *f = ctx;

	(void)cpu;
	if (addr < FAKE_BASE || !snug__within(addr - FAKE_BASE, len, FAKE_BYTES))
		return -EFAULT;
	memcpy(f->memory + (addr - FAKE_BASE), from, len);
	return 0;
}

static inline int fake_point(void *ctx, unsigned cpu, bool set, enum snug__gdb_point type, uint64_t addr,
                             uint64_t len)
{
	struct fake *f = ctx;

	f->points++;
	f->set += set;
	f->cpu = cpu;
	f->type = type;
	f->addr = addr;
	f->len = len;
	return type == SNUG__GDB_READ ? -ENOTSUP : addr == 0xbad ? -EFAULT : 0;
}

static inline void fake_describe(void *ctx, unsigned cpu, struct snug__gdb_text *out)
{
	(void)ctx;
	snug__gdb_printf(out, "cpu %u", cpu);
}

static inline void fake_monitor(void *ctx, unsigned cpu, const char *line, struct snug__gdb_text *out)
{
	struct fake *f = ctx;

	(void)cpu;
	strcpy(f->line, line); /* the engine's bound is checked by the sanitizers here */
	while (!strcmp(line, "flood") && !out->over)
		snug__gdb_printf(out, "%s", "more and more ");
	if (!strcmp(line, "hi"))
		snug__gdb_printf(out, "ho\n");
}

static const struct snug__gdb_ops fake_ops = {fake_get,   fake_set,      fake_read,   fake_write,
                                              fake_point, fake_describe, fake_monitor};

#endif

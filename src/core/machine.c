/* SPDX-License-Identifier: MIT */
/* machine: the table of built-in devices, and their making */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "core/core.h"
#include "core/pc.h"
#include "core/smp.h"
#include "host/clock.h"

#define RESET_PORT 0xcf9
#define PM_PORT 0x600
#define SCI_IRQ 9

/* The machine on one page: which bit of snug_config.devices, which chip, at which ports. */
static const struct row {
	uint32_t bit;
	const struct snug__dev_class *cls;
	uint16_t port, count;
	uint8_t irq;            /* ISA's number, which is the line's of PIC and I/O APIC alike; 0: none */
	const char *name, *hid; /* in ACPI's table; NULL: it is not there */
} machine[] = {
    {SNUG_DEV_SERIAL, &snug__dev_serial, 0x3f8, 8, 4, "COM1", "PNP0501"},
    {SNUG_DEV_DEBUGCON, &snug__dev_debugcon, 0xe9, 1, 0, NULL, NULL},  /* Bochs, QEMU */
    {SNUG_DEV_DEBUGCON, &snug__dev_debugcon, 0x402, 1, 0, NULL, NULL}, /* SeaBIOS, OVMF */
    {SNUG_DEV_DEBUG_EXIT, &snug__dev_debugexit, 0xf4, 4, 0, NULL,
     NULL}, /* QEMU's isa-debug-exit as test kernels use it */
    {SNUG_DEV_RESET, &snug__dev_i8042, 0x64, 1, 0, NULL, NULL},
    {SNUG_DEV_RESET, &snug__dev_resetctl, RESET_PORT, 1, 0, NULL, NULL},
    {SNUG_DEV_CMOS, &snug__dev_cmos, 0x70, 2, 8, "RTC", "PNP0B00"},
    {SNUG_DEV_GUEST, &snug__dev_guestport, 0x5e0, 16, 0, NULL,
     NULL}, /* SNUG_PORT_EXIT, MARK, HOST and RETURN of guest.h */
    {SNUG_DEV_GUEST, &snug__dev_generation, 0x5f0, 16, 0, NULL, NULL}, /* SNUG_PORT_GENERATION */
    {SNUG_DEV_PC, &snug__dev_acpipm, PM_PORT, 12, SCI_IRQ, NULL, NULL},
    {SNUG_DEV_PC, &snug__dev_pvpanic, 0x505, 1, 0, "PEVT", "QEMU0001"},
};

#define ROWS (sizeof(machine) / sizeof(machine[0]))
_Static_assert(ROWS <= SNUG__MACHINE_MAX, "room to describe them");

static void set_status(const struct snug__machine_dev *d, uint32_t value, uint32_t code)
{
	d->vm->ask.kind = SNUG_EXIT_STATUS;
	d->vm->ask.status = (struct snug_exit_status){.value = value, .code = (uint8_t)code, .port = d->port};
}

static void on_debug_exit(const struct snug__machine_dev *d, uint64_t value)
{
	set_status(d, (uint32_t)value, (uint32_t)value << 1 | 1);
}

static void on_exit_call(const struct snug__machine_dev *d, uint64_t value)
{
	set_status(d, (uint32_t)value, (uint32_t)value);
}

static void on_reset(const struct snug__machine_dev *d, uint64_t value)
{
	(void)value;
	d->vm->ask.kind = SNUG_EXIT_RESET;
	d->vm->ask.reset.port = d->port;
}

static void on_mark(const struct snug__machine_dev *d, uint64_t value)
{
	snug__watch_mark(d->vm, (uint8_t)value);
	snug__mark_byte(d->vm, (uint8_t)value);
}

static void on_host(const struct snug__machine_dev *d, uint64_t value)
{
	if (d->vm->on_host_call)
		d->vm->on_host_call(d->vm, d->vm->bus_cpu, (uint32_t)value);
}

static void on_return(const struct snug__machine_dev *d, uint64_t value)
{
	(void)value;
	d->vm->ask.kind = SNUG_EXIT_RETURN;
}

static void on_poweroff(const struct snug__machine_dev *d, uint64_t value)
{
	(void)value;
	d->vm->ask.kind = SNUG_EXIT_POWEROFF;
}

static void on_panic(const struct snug__machine_dev *d, uint64_t value)
{
	d->vm->ask.kind = SNUG_EXIT_PANIC;
	d->vm->ask.panic.events = (uint8_t)value;
}

static void on_place(const struct snug__machine_dev *d, uint64_t value)
{
	snug__generation_place(d->vm, value, NULL);
}

static void (*const asks[SNUG__ASKS])(const struct snug__machine_dev *d, uint64_t value) = {
    [SNUG__ASK_DEBUG_EXIT] = on_debug_exit,
    [SNUG__ASK_EXIT] = on_exit_call,
    [SNUG__ASK_RESET] = on_reset,
    [SNUG__ASK_MARK] = on_mark,
    [SNUG__ASK_HOST] = on_host,
    [SNUG__ASK_RETURN] = on_return,
    [SNUG__ASK_POWEROFF] = on_poweroff,
    [SNUG__ASK_PANIC] = on_panic,
    [SNUG__ASK_GENERATION] = on_place,
};

/* A device asks during a call made under bus_lock, so `ask` belongs to the access under way. */
static void on_ask(void *ctx, enum snug__dev_ask what, uint64_t value)
{
	asks[what](ctx, value);
}

/* Lines are told to KVM when they change. */
static void on_irq(void *ctx, bool level)
{
	struct snug__machine_dev *d = ctx;

	if (!d->vm->pc || !d->irq || d->level == level)
		return;
	d->level = level;
	snug__pc_irq(d->vm, d->irq, level, NULL);
}

static uint64_t real_ns(void *ctx)
{
	(void)ctx;
	return snug__real_ns();
}

static uint64_t now_ns(void *ctx)
{
	(void)ctx;
	return snug__now_ns();
}

static void on_timer(void *ctx, uint64_t at_ns)
{
	struct snug__machine_dev *d = ctx;

	if (d->at_ns == at_ns)
		return;
	d->at_ns = at_ns;
	snug__smp_timer(d->vm);
}

uint64_t snug__machine_next(const snug_vm *vm)
{
	uint64_t next = 0;

	for (unsigned i = 0; i < vm->dev_count; i++)
		if (vm->devs[i].at_ns && (!next || vm->devs[i].at_ns < next))
			next = vm->devs[i].at_ns;
	return next;
}

/* One that never looks at the clock it is asked for would hold up the loop: each ticks once at a time. */
void snug__machine_events(snug_vm *vm, uint64_t now_ns)
{
	for (unsigned i = 0; i < vm->dev_count; i++) {
		struct snug__machine_dev *d = &vm->devs[i];

		if (d->cls->input)
			d->cls->input(d->self);
		if (!d->at_ns || d->at_ns > now_ns)
			continue;
		d->at_ns = 0;
		d->cls->tick(d->self);
	}
	snug__smp_timer(vm);
}

/* KVM may not know the lines' levels any more. */
void snug__machine_resume(snug_vm *vm)
{
	for (unsigned i = 0; i < vm->dev_count; i++) {
		struct snug__machine_dev *d = &vm->devs[i];

		d->at_ns = 0;
		if (d->level && vm->pc)
			snug__pc_irq(vm, d->irq, false, NULL);
		d->level = false;
		if (d->cls->resume)
			d->cls->resume(d->self);
	}
}

static bool on_generation(void *ctx, uint8_t id[SNUG__GENERATION_ID])
{
	const struct snug__machine_dev *d = ctx;

	return snug__generation_id(d->vm, id, NULL) >= 0;
}

static int add(snug_vm *vm, const struct row *row, struct snug__dev_env *env, struct snug_error *err)
{
	struct snug__machine_dev *d = &vm->devs[vm->dev_count];

	*d = (struct snug__machine_dev){.cls = row->cls, .vm = vm, .port = row->port, .irq = row->irq};
	env->ask_ctx = d;
	d->self = row->cls->create(env);
	if (!d->self)
		return snug__err(err, -ENOMEM, SNUG_STEP_INIT, "free some memory", "device '%s': out of memory",
		                 row->cls->name);
	vm->dev_count++;
	return snug__bus_add(&vm->pio, row->port, row->count, &row->cls->ops, d->self, err);
}

int snug__machine_build(snug_vm *vm, uint32_t bits, const struct snug_console *console, struct snug_error *err)
{
	uint64_t low = snug__mem_low_end(&vm->mem);
	struct snug__dev_env env = {
	    .console = &vm->console, .low_bytes = low, .ask = on_ask, .generation = on_generation};

	if (bits & SNUG_DEV_PC) {
		env.irq = on_irq;
		env.real_ns = real_ns;
		env.now_ns = now_ns;
		env.timer = on_timer;
	}

	vm->devices = bits;
	vm->console = *console;
	if (!bits)
		return 0;
	for (unsigned i = 0; i < vm->mem.count; i++)
		if (vm->mem.regions[i].gpa >= SNUG__RAM_HIGH_GPA)
			env.high_bytes += vm->mem.regions[i].bytes;
	vm->devs = calloc(ROWS, sizeof(*vm->devs));
	if (!vm->devs)
		return snug__err(err, -ENOMEM, SNUG_STEP_INIT, "free some memory", "devices: out of memory");
	for (size_t i = 0; i < ROWS; i++) {
		int r = machine[i].bit & bits ? add(vm, &machine[i], &env, err) : 0;

		if (r < 0)
			return r; /* snug_vm_free takes down what is there */
	}
	return 0;
}

unsigned snug__machine_describe(const snug_vm *vm, struct snug__pc *pc, struct snug__pc_dev devs[SNUG__MACHINE_MAX])
{
	*pc = (struct snug__pc){.cpus = vm->cpus,
	                        .devs = devs,
	                        .pm_port = PM_PORT,
	                        .sci = SCI_IRQ,
	                        .reset_port = RESET_PORT,
	                        .renew_irq = SNUG__RENEW_IRQ};
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *row = &machine[i];
		struct snug__pc_dev *d = &devs[pc->dev_count];

		if (!row->hid || !(vm->devices & row->bit))
			continue;
		*d = (struct snug__pc_dev){.hid = row->hid, .port = row->port, .count = row->count, .irq = row->irq};
		snprintf(d->name, sizeof(d->name), "%s", row->name);
		pc->dev_count++;
	}
	return pc->dev_count;
}

const char *snug__machine_name(const snug_vm *vm, const void *self)
{
	for (unsigned i = 0; i < vm->dev_count; i++)
		if (vm->devs[i].self == self)
			return vm->devs[i].cls->name;
	return NULL;
}

bool snug__machine_there(const snug_vm *vm, unsigned index)
{
	for (unsigned i = 0; i < vm->pio.count; i++)
		if (vm->pio.ranges[i].self == vm->devs[index].self)
			return true;
	return false;
}

void snug__machine_remove(snug_vm *vm, unsigned index)
{
	snug__bus_remove(&vm->pio, vm->devs[index].port);
}

int snug__machine_save(const snug_vm *vm, unsigned index, uint16_t *port, uint8_t *bytes, size_t max)
{
	uint8_t state[SNUG__DEV_STATE_MAX];
	size_t len;

	if (index >= vm->dev_count)
		return -ENOENT;
	len = vm->devs[index].cls->save(vm->devs[index].self, state);
	if (len > max)
		return -ENOSPC;
	memcpy(bytes, state, len);
	*port = vm->devs[index].port;
	return (int)len;
}

int snug__machine_load(snug_vm *vm, uint16_t port, const uint8_t *bytes, size_t len)
{
	for (unsigned i = 0; i < vm->dev_count; i++)
		if (vm->devs[i].port == port)
			return vm->devs[i].cls->load(vm->devs[i].self, bytes, len);
	return -EINVAL;
}

/* Devices look at the VM's console for each byte. */
void snug_console_set(snug_vm *vm, const struct snug_console *console)
{
	vm->console = console ? *console : (struct snug_console){0};
}

void snug__machine_destroy(snug_vm *vm)
{
	for (unsigned i = 0; i < vm->dev_count; i++)
		vm->devs[i].cls->destroy(vm->devs[i].self);
	free(vm->devs);
}

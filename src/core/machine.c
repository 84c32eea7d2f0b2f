/* SPDX-License-Identifier: MIT */
/* machine: the table of built-in devices, and their making */
#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "core/core.h"

/* The machine on one page: which bit of snug_config.devices, which chip, at which ports. */
static const struct row {
	uint32_t bit;
	const struct snug__dev_class *cls;
	uint16_t port, count;
} machine[] = {
    {SNUG_DEV_SERIAL, &snug__dev_serial, 0x3f8, 8},       /* COM1 */
    {SNUG_DEV_DEBUGCON, &snug__dev_debugcon, 0xe9, 1},    /* Bochs, QEMU */
    {SNUG_DEV_DEBUGCON, &snug__dev_debugcon, 0x402, 1},   /* SeaBIOS, OVMF */
    {SNUG_DEV_DEBUG_EXIT, &snug__dev_debugexit, 0xf4, 4}, /* QEMU's isa-debug-exit as test kernels use it */
    {SNUG_DEV_RESET, &snug__dev_i8042, 0x64, 1},
    {SNUG_DEV_RESET, &snug__dev_resetctl, 0xcf9, 1},
    {SNUG_DEV_CMOS, &snug__dev_cmos, 0x70, 2},
    {SNUG_DEV_GUEST, &snug__dev_guestport, 0x5e0, 16}, /* SNUG_PORT_EXIT to SNUG_PORT_RETURN of guest.h */
};

#define ROWS (sizeof(machine) / sizeof(machine[0]))

/* A device asks during a call made under bus_lock, so `ask` belongs to the access under way. */
static void on_ask(void *ctx, enum snug__dev_ask what, uint32_t value)
{
	const struct snug__machine_dev *d = ctx;
	struct snug_exit *x = &d->vm->ask;

	if (what == SNUG__ASK_MARK) {
		snug__watch_mark(d->vm, (uint8_t)value);
		return;
	}
	if (what == SNUG__ASK_HOST) {
		if (d->vm->on_host_call)
			d->vm->on_host_call(d->vm, d->vm->bus_cpu, value);
		return;
	}
	if (what == SNUG__ASK_RETURN) {
		x->kind = SNUG_EXIT_RETURN;
		return;
	}
	if (what == SNUG__ASK_RESET) {
		x->kind = SNUG_EXIT_RESET;
		x->reset.port = d->port;
		return;
	}
	x->kind = SNUG_EXIT_STATUS;
	x->status.value = value;
	x->status.code = (uint8_t)(what == SNUG__ASK_DEBUG_EXIT ? value << 1 | 1 : value);
	x->status.port = d->port;
}

static int add(snug_vm *vm, const struct row *row, struct snug__dev_env *env, struct snug_error *err)
{
	struct snug__machine_dev *d = &vm->devs[vm->dev_count];

	*d = (struct snug__machine_dev){.cls = row->cls, .vm = vm, .port = row->port};
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
	struct snug__dev_env env = {.console = *console, .low_bytes = low, .ask = on_ask};

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

const char *snug__machine_name(const snug_vm *vm, const void *self)
{
	for (unsigned i = 0; i < vm->dev_count; i++)
		if (vm->devs[i].self == self)
			return vm->devs[i].cls->name;
	return NULL;
}

void snug__machine_destroy(snug_vm *vm)
{
	for (unsigned i = 0; i < vm->dev_count; i++)
		vm->devs[i].cls->destroy(vm->devs[i].self);
	free(vm->devs);
}

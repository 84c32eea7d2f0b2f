/* SPDX-License-Identifier: MIT */
/* devstate: the devices' part of a frozen state: built-in ones, and those of the caller that can save theirs */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "core/frozen.h"

/* ANALYZER-OFF(malloc-leak): gcc 12 loses what is stored behind f->devs; snug__frozen_drop frees it */
#define CALLER_MAX 65536 /* bytes of one device's state: snug.h, struct snug_device_ops */

static int no_memory(struct snug_error *err)
{
	return snug__err(err, -ENOMEM, SNUG_STEP_NONE, "free some memory", "device state: out of memory");
}

static struct snug__dev_state *append(struct snug__frozen *f, size_t len, struct snug_error *err)
{
	struct snug__dev_state *grown = realloc(f->devs, (f->dev_count + 1ul) * sizeof(*grown));
	struct snug__dev_state *d;

	if (!grown) {
		no_memory(err);
		return NULL;
	}
	f->devs = grown;
	d = &grown[f->dev_count];
	*d = (struct snug__dev_state){.len = (uint32_t)len, .bytes = malloc(len + 1)};
	if (!d->bytes) {
		no_memory(err);
		return NULL;
	}
	f->dev_count++;
	return d;
}

static int save_builtin(snug_vm *vm, struct snug__frozen *f, struct snug_error *err)
{
	for (unsigned i = 0; i < vm->dev_count; i++) {
		uint8_t bytes[SNUG__DEV_STATE_MAX];
		struct snug__dev_state *d;
		uint16_t port;
		int len;

		if (!snug__machine_there(vm, i))
			continue; /* the caller took it away */
		len = snug__machine_save(vm, i, &port, bytes, sizeof(bytes));

		if (len < 0)
			return snug__err(err, len, SNUG_STEP_NONE,
			                 "report it: a device of snug's own cannot be saved", "built-in device %u",
			                 i);
		d = append(f, (size_t)len, err);
		if (!d)
			return -ENOMEM;
		memcpy(d->bytes, bytes, (size_t)len);
		d->base = port;
		d->builtin = true;
	}
	return 0;
}

static bool of_caller(const snug_vm *vm, const struct snug__range *r)
{
	return r->ops.save && r->ops.load && !snug__machine_name(vm, r->self);
}

static int save_bus(snug_vm *vm, const struct snug__bus *bus, struct snug__frozen *f, struct snug_error *err)
{
	for (unsigned i = 0; i < bus->count; i++) {
		const struct snug__range *r = &bus->ranges[i];
		struct snug__dev_state *d;
		size_t len;

		if (!of_caller(vm, r))
			continue;
		len = r->ops.save(r->self, NULL, 0);
		if (len > CALLER_MAX)
			return snug__err(err, -EINVAL, SNUG_STEP_NONE, "a device may save 65536 bytes at most",
			                 "the device at %s 0x%llx wants to save %zu bytes", bus->name,
			                 (unsigned long long)r->base, len);
		d = append(f, len, err);
		if (!d)
			return -ENOMEM;
		d->base = r->base;
		d->mmio = bus == &vm->mmio;
		if (r->ops.save(r->self, d->bytes, len) != len)
			return snug__err(err, -EINVAL, SNUG_STEP_NONE, "save must always give the same number",
			                 "the device at %s 0x%llx changed its mind about its size", bus->name,
			                 (unsigned long long)r->base);
	}
	return 0;
}

int snug__devices_save(snug_vm *vm, struct snug__frozen *f, struct snug_error *err)
{
	int r = save_builtin(vm, f, err);

	if (r >= 0)
		r = save_bus(vm, &vm->pio, f, err);
	return r < 0 ? r : save_bus(vm, &vm->mmio, f, err);
}

static int load_failed(const struct snug__dev_state *d, int r, struct snug_error *err)
{
	return snug__err(err, r, SNUG_STEP_NONE, "the state is not of this version of the device",
	                 "the %s device at %s 0x%llx refuses its saved state of %u bytes",
	                 d->builtin ? "built-in" : "caller's", d->mmio ? "mmio" : "port", (unsigned long long)d->base,
	                 d->len);
}

static int load_builtin(snug_vm *vm, const struct snug__dev_state *d, struct snug_error *err)
{
	int r = d->base <= UINT16_MAX ? snug__machine_load(vm, (uint16_t)d->base, d->bytes, d->len) : -EINVAL;

	return r < 0 ? load_failed(d, r, err) : 0;
}

static int load_caller(snug_vm *vm, const struct snug__dev_state *d, struct snug_error *err)
{
	const struct snug__range *r = snug__bus_find(d->mmio ? &vm->mmio : &vm->pio, d->base);
	int e;

	/* Not there (yet): it is loaded when it is added. */
	if (!r || r->base != d->base || !of_caller(vm, r))
		return 0;
	e = r->ops.load(r->self, d->bytes, d->len);
	return e < 0 ? load_failed(d, e, err) : 0;
}

int snug__devices_load(snug_vm *vm, const struct snug__frozen *f, struct snug_error *err)
{
	int r = 0;

	for (unsigned i = 0; r >= 0 && i < f->dev_count; i++)
		r = f->devs[i].builtin ? load_builtin(vm, &f->devs[i], err) : load_caller(vm, &f->devs[i], err);
	return r;
}

void snug__devices_only(snug_vm *vm, const struct snug__frozen *f)
{
	for (unsigned i = 0; i < vm->dev_count; i++) {
		bool has = false;

		for (unsigned k = 0; k < f->dev_count; k++)
			has |= f->devs[k].builtin && f->devs[k].base == vm->devs[i].port;
		if (!has)
			snug__machine_remove(vm, i);
	}
}

int snug__device_added(snug_vm *vm, bool mmio, uint64_t base, struct snug_error *err)
{
	const struct snug__frozen *f = vm->baseline;

	for (unsigned i = 0; f && i < f->dev_count; i++)
		if (!f->devs[i].builtin && f->devs[i].mmio == mmio && f->devs[i].base == base)
			return load_caller(vm, &f->devs[i], err);
	return 0;
}

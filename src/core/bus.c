/* SPDX-License-Identifier: MIT */
/* bus: the public calls that give devices their ranges, and memory its regions */
#include <errno.h>

#include "base/err.h"
#include "core/core.h"

/* A device whose state waits for it is given it; one that refuses it is not added. */
static int added(snug_vm *vm, struct snug__bus *bus, uint64_t base, struct snug_error *err)
{
	int r = snug__device_added(vm, bus == &vm->mmio, base, err);

	if (r < 0)
		snug__bus_remove(bus, base);
	return r;
}

int snug_pio_add(snug_vm *vm, uint16_t port, uint32_t count, const struct snug_device_ops *ops, void *self,
                 struct snug_error *err)
{
	int r = snug__bus_add(&vm->pio, port, count, ops, self, err);

	return r < 0 ? r : added(vm, &vm->pio, port, err);
}

/* A device under RAM would never be reached, so neither may lie over the other. */
int snug_mmio_add(snug_vm *vm, snug_gpa gpa, uint64_t bytes, const struct snug_device_ops *ops, void *self,
                  struct snug_error *err)
{
	const struct snug__region *r = snug__mem_overlap(&vm->mem, gpa, bytes);
	int e;

	if (r)
		return snug__err(err, -EEXIST, SNUG_STEP_NONE, "put the device where no memory is",
		                 "mmio 0x%llx, 0x%llx bytes: overlaps memory '%s' at 0x%llx", (unsigned long long)gpa,
		                 (unsigned long long)bytes, r->name, (unsigned long long)r->gpa);
	if (snug__overlap(gpa, bytes, SNUG__RESERVED_GPA, SNUG__RESERVED_BYTES))
		return snug__err(
		    err, -EEXIST, SNUG_STEP_NONE, "put the device elsewhere",
		    "mmio 0x%llx, 0x%llx bytes: overlaps the reserved pages of KVM's TSS and identity map",
		    (unsigned long long)gpa, (unsigned long long)bytes);
	e = snug__bus_add(&vm->mmio, gpa, bytes, ops, self, err);
	return e < 0 ? e : added(vm, &vm->mmio, gpa, err);
}

int snug_pio_remove(snug_vm *vm, uint16_t port)
{
	return snug__bus_remove(&vm->pio, port);
}

int snug_mmio_remove(snug_vm *vm, snug_gpa gpa)
{
	return snug__bus_remove(&vm->mmio, gpa);
}

int snug_mem_add(snug_vm *vm, const struct snug_region *region, struct snug_error *err)
{
	return snug__mem_add(&vm->mem, region, err);
}

int snug_mem_remove(snug_vm *vm, snug_gpa gpa, struct snug_error *err)
{
	return snug__mem_remove(&vm->mem, gpa, err);
}

int snug_mem_region(const snug_vm *vm, unsigned index, struct snug_region *out)
{
	const struct snug__region *r;

	if (index >= vm->mem.count)
		return -ENOENT;
	r = &vm->mem.regions[index];
	*out = (struct snug_region){.size = sizeof(*out),
	                            .gpa = r->gpa,
	                            .bytes = r->bytes,
	                            .flags = r->flags,
	                            .host = r->host,
	                            .name = r->name};
	return 0;
}

int snug_mem_read(const snug_vm *vm, snug_gpa gpa, void *to, size_t len)
{
	return snug__mem_read(&vm->mem, gpa, to, len);
}

int snug_mem_write(snug_vm *vm, snug_gpa gpa, const void *from, size_t len)
{
	return snug__mem_write(&vm->mem, gpa, from, len);
}

void *snug_mem_ptr(snug_vm *vm, snug_gpa gpa, size_t len, bool write)
{
	return snug__mem_ptr(&vm->mem, gpa, len, write);
}

int snug_mem_mark(snug_vm *vm, snug_gpa gpa, size_t len)
{
	return snug__mem_mark(&vm->mem, gpa, len);
}

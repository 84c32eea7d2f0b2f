/* SPDX-License-Identifier: MIT */
/* generation: what differs between lives of one state, and where the host may write for a guest */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/sized.h"
#include "core/core.h"
#include "core/pc.h"
#include "host/random.h"

/* struct snug_generation of guest.h */
struct told {
	uint8_t id[SNUG__GENERATION_ID];
	uint8_t seed[32];
};
_Static_assert(sizeof(struct told) == 48, "no padding");

bool snug__guest_may_write(const snug_vm *vm, snug_gpa gpa, uint64_t len)
{
	if (snug__overlap(gpa, len, SNUG__TABLES_GPA, SNUG__TABLES_MAX))
		return false;
	while (len > 0) {
		const struct snug__region *r = snug__mem_find(&vm->mem, gpa);
		uint64_t n;

		if (!r || r->flags & SNUG_MEM_READONLY)
			return false;
		n = snug__min(len, r->gpa + r->bytes - gpa);
		gpa += n; /* a region ends below 2^52 */
		len -= n;
	}
	return true;
}

static int draw(const snug_vm *vm, void *bytes, size_t len, struct snug_error *err)
{
	const struct snug_hygiene *h = &vm->hygiene;
	int r = h->random ? h->random(h->ctx, bytes, len) : snug__random(bytes, len);

	if (r >= 0)
		return 0;
	return snug__err(err, r, SNUG_STEP_NONE,
	                 h->random ? "see what snug_hygiene.random needs" : "the kernel must have getrandom(2)",
	                 "generation: no random bytes from %s: %s (%s)", h->random ? "the caller" : "getrandom",
	                 snug__errno_text(-r), snug__errno_name(-r));
}

int snug__generation_id(snug_vm *vm, uint8_t id[SNUG__GENERATION_ID], struct snug_error *err)
{
	if (!vm->has_generation) {
		int r = draw(vm, vm->generation_id, sizeof(vm->generation_id), err);

		if (r < 0)
			return r;
		vm->has_generation = true;
	}
	memcpy(id, vm->generation_id, SNUG__GENERATION_ID);
	return 0;
}

/* The id, and a seed that nobody has seen before and the host forgets, into the guest's memory. */
static int tell(snug_vm *vm, struct snug_error *err)
{
	struct told t;
	int r = snug__generation_id(vm, t.id, err);

	if (r >= 0)
		r = draw(vm, t.seed, sizeof(t.seed), err);
	if (r >= 0)
		snug__mem_write(&vm->mem, vm->generation_gpa, &t, sizeof(t)); /* inside: the caller looked */
	explicit_bzero(&t, sizeof(t));
	return r;
}

/* The second look is for regions that were removed since, and for an address out of a file. */
static bool settle_place(snug_vm *vm)
{
	if (vm->generation_gpa && !snug__guest_may_write(vm, vm->generation_gpa, sizeof(struct told)))
		vm->generation_gpa = 0;
	return vm->generation_gpa != 0;
}

/* Where no bytes can be drawn now the guest's memory stays as it is; the place is kept, so that a new life fails aloud. */
int snug__generation_place(snug_vm *vm, snug_gpa gpa, struct snug_error *err)
{
	vm->generation_gpa = gpa;
	return settle_place(vm) ? tell(vm, err) : 0;
}

/* A PC's guest is told by an edge of the line its ACPI tables name. */
static int interrupt(const snug_vm *vm, struct snug_error *err)
{
	int r = snug__pc_irq(vm, SNUG__RENEW_IRQ, true, err);

	return r < 0 ? r : snug__pc_irq(vm, SNUG__RENEW_IRQ, false, err);
}

int snug__generation_renew(snug_vm *vm, struct snug_error *err)
{
	int r;

	vm->has_generation = false;
	if (!settle_place(vm))
		return 0;
	r = tell(vm, err);
	return r >= 0 && vm->pc ? interrupt(vm, err) : r;
}

int snug_generation(snug_vm *vm, uint8_t id[16])
{
	return snug__generation_id(vm, id, NULL);
}

int snug_hygiene_set(snug_vm *vm, const struct snug_hygiene *hygiene, struct snug_error *err)
{
	struct snug_hygiene h;

	if (!hygiene || !snug__sized_copy(&h, sizeof(h), hygiene))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "set size to sizeof(struct snug_hygiene), or 0",
		                 "hygiene: size %zu", hygiene ? hygiene->size : 0);
	if ((unsigned)h.time > SNUG_TIME_BACK)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "use enum snug_time", "hygiene: time %u",
		                 (unsigned)h.time);
	vm->hygiene = h;
	return 0;
}

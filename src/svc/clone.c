/* SPDX-License-Identifier: MIT */
#include "svc/clone.h"

#include <errno.h>

#include "base/err.h"
#include "host/limits.h"

/* Besides what VMs keep: the device and the files that are open only while one is made. */
#define SPARE_FILES 8

int snug_files_need(uint64_t more, struct snug_error *err)
{
	return snug__limits_files(more, err);
}

struct snug__traits snug__clone_traits(const snug_vm *vm)
{
	return (struct snug__traits){
	    .dev = vm->dev,
	    .cfg = {.size = sizeof(struct snug_config),
	            .unclaimed = vm->unclaimed,
	            .console = vm->console,
	            .flags = vm->mem.dump ? SNUG_CONFIG_DUMP : 0,
	            .kvm_path = vm->kvm_path,
	            .on_call = vm->watch.fn,
	            .on_call_ctx = vm->watch.ctx},
	    .hygiene = vm->hygiene,
	    .host_calls = vm->host_calls,
	    .on_host_call = vm->on_host_call,
	};
}

int snug__clone_one(struct snug__frozen *f, const struct snug__traits *t, unsigned more, snug_vm **out,
                    struct snug_error *err)
{
	int r = snug__thaw_as(f, t, out, err);

	/* Counting what is open costs more than a failure now and then. */
	if (r != -EMFILE)
		return r;
	r = snug__limits_files((more + 1ull) * (1 + f->cpus) + SPARE_FILES, err);
	return r < 0 ? r : snug__thaw_as(f, t, out, err);
}

int snug_clone(snug_vm *vm, unsigned n, snug_vm **out, struct snug_error *err)
{
	struct snug__traits t = snug__clone_traits(vm);
	unsigned made = 0;
	int r = 0;

	if (!n || !out)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "ask for 1 or more, and give room for them",
		                 "clone: n is %u", n);
	if (!vm->baseline)
		r = snug_baseline(vm, err);
	while (r >= 0 && made < n) {
		r = snug__clone_one(vm->baseline, &t, n - made - 1, &out[made], err);
		made += r >= 0;
	}
	if (r >= 0)
		return 0;
	while (made)
		snug_vm_free(out[--made]);
	return snug__err_wrap(err, r, "clone");
}

/* SPDX-License-Identifier: MIT */
/* pool: clones kept ready */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "core/hostcalls.h"
#include "svc/clone.h"

struct snug_pool {
	struct snug__frozen *f;
	struct snug__traits traits; /* kvm_path is ours, and host_calls by one count */
	char *kvm_path;
	pthread_mutex_t lock; /* guards count and vms */
	unsigned count, room;
	snug_vm *vms[];
};

static int fill(snug_pool *p, struct snug_error *err)
{
	int r = 0;

	while (r >= 0 && p->count < p->room) {
		r = snug__clone_one(p->f, &p->traits, p->room - p->count - 1, &p->vms[p->count], err);
		p->count += r >= 0;
	}
	return r;
}

static snug_pool *new_pool(const snug_vm *vm, unsigned ready)
{
	snug_pool *p = calloc(1, sizeof(*p) + ready * sizeof(snug_vm *));

	if (!p)
		return NULL;
	p->kvm_path = snug__text_copy(vm->kvm_path);
	if (!p->kvm_path || pthread_mutex_init(&p->lock, NULL) != 0) {
		free(p->kvm_path);
		free(p);
		return NULL;
	}
	p->room = ready;
	p->f = snug__frozen_hold(vm->baseline);
	p->traits = snug__clone_traits(vm);
	p->traits.dev = -1;   /* the VM may go before the pool */
	p->traits.log = true; /* they are reset each time they come back */
	p->traits.cfg.kvm_path = p->kvm_path;
	snug__hostcalls_hold(p->traits.host_calls);
	return p;
}

int snug_pool_new(snug_vm *vm, unsigned ready, snug_pool **out, struct snug_error *err)
{
	snug_pool *p;
	int r = vm->baseline ? 0 : snug_baseline(vm, err);

	if (r < 0)
		return snug__err_wrap(err, r, "pool");
	p = new_pool(vm, ready);
	if (!p)
		return snug__err(err, -ENOMEM, SNUG_STEP_NONE, "free some memory", "pool: out of memory");
	r = fill(p, err);
	if (r < 0) {
		snug_pool_free(p);
		return snug__err_wrap(err, r, "pool");
	}
	*out = p;
	return 0;
}

int snug_pool_get(snug_pool *pool, snug_vm **out, struct snug_error *err)
{
	snug_vm *vm = NULL;

	pthread_mutex_lock(&pool->lock);
	if (pool->count)
		vm = pool->vms[--pool->count];
	pthread_mutex_unlock(&pool->lock);
	if (!vm)
		return snug__clone_one(pool->f, &pool->traits, 0, out, err);
	*out = vm;
	return 0;
}

/*
 * One with a baseline of another pool, or a newer one, or with devices, host functions or services of whoever had it would
 * be another VM for the next who takes it.
 */
static bool is_ours(const snug_pool *pool, const snug_vm *vm)
{
	unsigned builtin = 0, there = 0;

	if (vm->baseline != pool->f || vm->host_calls != pool->traits.host_calls || vm->watcher_count ||
	    vm->mmio.count)
		return false;
	for (unsigned i = 0; i < pool->f->dev_count; i++)
		builtin += pool->f->devs[i].builtin;
	for (unsigned i = 0; i < vm->dev_count; i++)
		there += snug__machine_there(vm, i);
	return there == builtin && vm->pio.count == there;
}

/* Its settings are the pool's again, then its state. */
static bool renew(const snug_pool *pool, snug_vm *vm)
{
	if (!is_ours(pool, vm))
		return false;
	snug_console_set(vm, &pool->traits.cfg.console);
	vm->hygiene = pool->traits.hygiene;
	memcpy(vm->mark_stop, pool->f->mark_stop, sizeof(vm->mark_stop));
	return snug_reset(vm, NULL, NULL) == 0;
}

void snug_pool_put(snug_pool *pool, snug_vm *vm)
{
	if (vm && renew(pool, vm)) {
		pthread_mutex_lock(&pool->lock);
		if (pool->count < pool->room) {
			pool->vms[pool->count++] = vm;
			vm = NULL;
		}
		pthread_mutex_unlock(&pool->lock);
	}
	snug_vm_free(vm);
}

unsigned snug_pool_count(snug_pool *pool)
{
	unsigned n;

	pthread_mutex_lock(&pool->lock);
	n = pool->count;
	pthread_mutex_unlock(&pool->lock);
	return n;
}

void snug_pool_free(snug_pool *pool)
{
	if (!pool)
		return;
	for (unsigned i = 0; i < pool->count; i++)
		snug_vm_free(pool->vms[i]);
	pthread_mutex_destroy(&pool->lock);
	snug__frozen_drop(pool->f);
	snug__hostcalls_drop(pool->traits.host_calls);
	free(pool->kvm_path);
	free(pool);
}

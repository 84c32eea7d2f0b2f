/* SPDX-License-Identifier: MIT */
#include "svc/past.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

/* One vCPU's ring, used by its thread alone.  In a row `ns` holds ticks of the VM until it is read. */
struct ring {
	struct snug_past_exit rows[SNUG__PAST];
	uint64_t count;
	const uint8_t *data; /* what the newest one moves, in kvm_run; NULL: nothing */
};

struct past {
	unsigned cpus;
	struct ring rings[];
};

static void on_enter(void *ctx, unsigned cpu, uint64_t now)
{
	(void)ctx, (void)cpu, (void)now;
}

static void on_exited(void *ctx, unsigned cpu, uint64_t now, const struct kvm_run *run)
{
	struct ring *r = &((struct past *)ctx)->rings[cpu];
	struct snug_past_exit *e = &r->rows[r->count++ % SNUG__PAST];

	*e = (struct snug_past_exit){.reason = run->exit_reason, .count = 1, .ns = now};
	r->data = NULL;
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		e->key = run->io.port;
		e->size = run->io.size;
		e->count = run->io.count;
		e->write = run->io.direction == KVM_EXIT_IO_OUT;
		r->data = (const uint8_t *)run + run->io.data_offset;
		break;
	case KVM_EXIT_MMIO:
		e->key = run->mmio.phys_addr;
		e->size = (uint8_t)snug__min(run->mmio.len, sizeof(run->mmio.data));
		e->write = run->mmio.is_write;
		r->data = run->mmio.data;
		break;
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR:
		e->key = run->msr.index;
		e->write = run->exit_reason == KVM_EXIT_X86_WRMSR;
		e->value = e->write ? run->msr.data : 0;
		break;
	default:
		break;
	}
}

/* What a device answered to a read is there only now. */
static void on_handled(void *ctx, unsigned cpu, bool claimed)
{
	struct ring *r = &((struct past *)ctx)->rings[cpu];
	struct snug_past_exit *e = &r->rows[(r->count - 1) % SNUG__PAST];

	e->claimed = claimed;
	if (r->data)
		e->value = snug__le_load(r->data, e->size);
}

static void on_left(void *ctx, unsigned cpu, uint64_t now)
{
	(void)ctx, (void)cpu, (void)now;
}

int snug_autopsy_start(snug_vm *vm, struct snug_error *err)
{
	struct snug__watcher w = {
	    .enter = on_enter, .exited = on_exited, .handled = on_handled, .left = on_left, .free = free};
	struct past *p;
	int r;

	if (snug__watch_find(vm, on_enter))
		return 0;
	p = calloc(1, sizeof(*p) + vm->cpus * sizeof(p->rings[0]));
	if (!p)
		return snug__err(err, -ENOMEM, SNUG_STEP_NONE, "free some memory", "autopsy: out of memory");
	p->cpus = vm->cpus;
	w.ctx = p;
	r = snug__watch_add(vm, &w, err);
	if (r < 0)
		free(p);
	return r;
}

unsigned snug__past_read(const snug_vcpu *vcpu, struct snug_past_exit *rows)
{
	const struct past *p = snug__watch_find(vcpu->vm, on_enter);
	const struct ring *r = p ? &p->rings[vcpu->index] : NULL;
	unsigned n = r ? (unsigned)snug__min(r->count, SNUG__PAST) : 0;
	uint64_t newest;
	double ns;

	if (n == 0)
		return 0;
	for (unsigned i = 0; i < n; i++)
		rows[i] = r->rows[(r->count - n + i) % SNUG__PAST];
	newest = rows[n - 1].ns;
	ns = snug__ticks_ns(&vcpu->vm->ticks);
	for (unsigned i = 0; i < n; i++)
		rows[i].ns = (uint64_t)((double)(newest - rows[i].ns) * ns);
	return n;
}

/* SPDX-License-Identifier: MIT */
/* trace: what happened when: KVM_RUN, exits, devices' work, marks */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/sized.h"
#include "host/file.h"
#include "svc/trace.h"

#define EXITS 131072u /* kept by default; 384 Ki events at 3 an exit */
#define EXITS_MAX (1u << 24)
#define SPILL_EXITS 8192u /* the default where the rest goes to a file */
#define EXITS_MIN 64u     /* of one vCPU */
#define HOST_MARKS 4096u

/* One vCPU's turn that is under way, and the name it is sending. */
struct tracer {
	bool open;
	uint64_t number; /* its record's */
	const struct kvm_run *run;
	struct snug__record now;
	char name[SNUG__TRACE_NAME];
	unsigned name_len; /* what does not fit is not counted */
	uint8_t apart[64]; /* from the next vCPU's */
};

struct trace {
	const snug_vm *vm;
	struct snug__tracelog log;
	struct tracer tracers[];
};

/* The turn is over, at `now`, and with or without an exit. */
static void finish(struct trace *t, unsigned cpu, uint64_t now)
{
	struct tracer *tr = &t->tracers[cpu];

	if (!tr->open)
		return;
	if (!(tr->now.flags & SNUG__TURN_EXITED))
		tr->now.turn.left = now;
	tr->now.turn.end = now;
	snug__lane_fill(&t->log.lanes[cpu], tr->number, &tr->now);
	tr->open = false;
}

static void on_enter(void *ctx, unsigned cpu, uint64_t now)
{
	struct trace *t = ctx;
	struct tracer *tr = &t->tracers[cpu];

	finish(t, cpu, now);
	tr->open = true;
	tr->now.at = now;
	tr->now.kind = SNUG__RECORD_TURN;
	tr->now.flags = 0;
	tr->number = snug__lane_reserve(&t->log, &t->log.lanes[cpu]);
}

/* What the access reads or writes: the guest's value, or what a device answered. */
static void take_value(struct snug__record *r, const struct kvm_run *run)
{
	const uint8_t *data =
	    r->turn.reason == KVM_EXIT_IO ? (const uint8_t *)run + run->io.data_offset : run->mmio.data;

	r->turn.value = snug__le_load(data, r->size);
	r->flags |= SNUG__TURN_VALUE;
}

/* What the reason tells; others have no more than their name. */
static void describe(struct snug__record *r, const struct kvm_run *run)
{
	struct snug__turn *t = &r->turn;
	bool write = false;

	t->addr = t->count = r->size = 0;
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		write = run->io.direction == KVM_EXIT_IO_OUT;
		t->addr = run->io.port;
		t->count = run->io.count;
		r->size = (uint8_t)snug__min(run->io.size, 4);
		break;
	case KVM_EXIT_MMIO:
		write = run->mmio.is_write;
		t->addr = run->mmio.phys_addr;
		t->count = 1;
		r->size = (uint8_t)snug__min(run->mmio.len, sizeof(run->mmio.data));
		break;
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR:
		t->addr = run->msr.index;
		if (run->exit_reason == KVM_EXIT_X86_WRMSR) {
			t->value = run->msr.data;
			r->flags |= SNUG__TURN_VALUE;
		}
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		t->addr = run->internal.suberror;
		break;
	case KVM_EXIT_FAIL_ENTRY:
		t->addr = run->fail_entry.hardware_entry_failure_reason;
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		t->addr = run->system_event.type;
		break;
	case KVM_EXIT_DEBUG:
		t->addr = run->debug.arch.pc;
		break;
	default:
		break;
	}
	if (!write)
		return;
	r->flags |= SNUG__TURN_WRITE;
	take_value(r, run);
}

static void on_exited(void *ctx, unsigned cpu, uint64_t now, const struct kvm_run *run)
{
	struct tracer *tr = &((struct trace *)ctx)->tracers[cpu];

	tr->run = run;
	tr->now.flags |= SNUG__TURN_EXITED;
	tr->now.turn.left = now;
	tr->now.turn.reason = run->exit_reason;
	describe(&tr->now, run);
}

/* Our fault stubs' port: an exit from one counts as claimed, but no device took it. */
static bool is_stub(const struct trace *t, const struct snug__turn *turn)
{
	return turn->reason == KVM_EXIT_IO && turn->addr == SNUG__FAULT_PORT &&
	       !snug__bus_find(&t->vm->pio, SNUG__FAULT_PORT);
}

static void on_handled(void *ctx, unsigned cpu, bool claimed)
{
	const struct trace *t = ctx;
	struct snug__record *r = &((struct trace *)ctx)->tracers[cpu].now;

	if (!claimed || !r->turn.count || is_stub(t, &r->turn))
		return; /* no access, or nobody's */
	r->flags |= SNUG__TURN_CLAIMED;
	r->turn.device = snug__ticks_now(&t->vm->ticks) - r->turn.left;
	if (!(r->flags & SNUG__TURN_WRITE))
		take_value(r, t->tracers[cpu].run);
}

static void on_left(void *ctx, unsigned cpu, uint64_t now)
{
	finish(ctx, cpu, now);
}

static void on_mark(void *ctx, unsigned cpu, uint8_t byte)
{
	struct trace *t = ctx;
	struct tracer *tr = &t->tracers[cpu];
	struct snug__record r = {.kind = SNUG__RECORD_MARK};

	if (byte) {
		if (tr->name_len < sizeof(tr->name) - 1)
			tr->name[tr->name_len++] = (char)byte;
		return;
	}
	r.at = snug__ticks_now(&t->vm->ticks);
	memcpy(r.name, tr->name, tr->name_len);
	tr->name_len = 0;
	snug__lane_add(&t->log, &t->log.lanes[cpu], &r);
}

static void free_trace(void *ctx)
{
	struct trace *t = ctx;

	snug__tracelog_destroy(&t->log);
	free(t);
}

/* The records a vCPU gets. */
static uint32_t room(const snug_vm *vm, const struct snug_trace_config *c)
{
	uint32_t exits = c->exits ? c->exits : c->spill ? SPILL_EXITS : EXITS;

	return (uint32_t)snug__max(exits / vm->cpus, EXITS_MIN);
}

static int start(snug_vm *vm, const struct snug_trace_config *c, struct snug_error *err)
{
	struct snug__watcher w = {.enter = on_enter,
	                          .exited = on_exited,
	                          .handled = on_handled,
	                          .left = on_left,
	                          .free = free_trace,
	                          .mark = on_mark};
	int fd = -1, r = c->spill ? snug__file_temp(c->spill, &fd, err) : 0;
	struct trace *t;

	if (r < 0)
		return snug__err_wrap(err, r, "trace: '%s'", c->spill);
	t = calloc(1, sizeof(*t) + vm->cpus * sizeof(t->tracers[0]));
	if (!t) {
		if (fd >= 0)
			close(fd);
		return snug__err(err, -ENOMEM, SNUG_STEP_NONE, "free some memory", "trace: out of memory");
	}
	t->vm = vm;
	w.ctx = t;
	r = snug__tracelog_init(&t->log, vm->cpus, room(vm, c), HOST_MARKS, fd, err);
	if (r >= 0)
		r = snug__watch_add(vm, &w, err);
	if (r < 0)
		free_trace(t);
	return r;
}

int snug_trace_start(snug_vm *vm, const struct snug_trace_config *cfg, struct snug_error *err)
{
	struct snug_trace_config c = {0};

	if (cfg && !snug__sized_copy(&c, sizeof(c), cfg))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "set it to sizeof(struct snug_trace_config) or 0",
		                 "trace: size %zu", cfg->size);
	if (c.exits > EXITS_MAX)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "keep fewer, or let them go to a file with `spill`",
		                 "trace: %u exits are too many, %u are possible", c.exits, EXITS_MAX);
	return snug__watch_find(vm, on_enter) ? 0 : start(vm, &c, err);
}

int snug_trace_mark(snug_vm *vm, const char *name)
{
	struct trace *t = snug__watch_find(vm, on_enter);
	struct snug__record r = {.kind = SNUG__RECORD_MARK};

	if (!t)
		return -ENOENT;
	memcpy(r.name, name, strnlen(name, sizeof(r.name) - 1));
	pthread_mutex_lock(&t->log.lock);
	r.at = snug__ticks_now(&vm->ticks); /* under the lock: in the order of the lane */
	snug__lane_add(&t->log, &t->log.lanes[vm->cpus], &r);
	pthread_mutex_unlock(&t->log.lock);
	return 0;
}

int snug_trace_count(const snug_vm *vm, uint64_t *events, uint64_t *lost)
{
	const struct trace *t = snug__watch_find(vm, on_enter);

	if (!t)
		return -ENOENT;
	*events = snug__tracelog_seen(&t->log);
	*lost = snug__tracelog_lost(&t->log);
	return 0;
}

int snug_trace_write(snug_vm *vm, uint64_t newest, int (*write)(void *ctx, const void *bytes, size_t len), void *ctx,
                     struct snug_error *err)
{
	const struct trace *t = snug__watch_find(vm, on_enter);

	if (!t)
		return snug__err(err, -ENOENT, SNUG_STEP_NONE, "call snug_trace_start before the run",
		                 "trace: none was started");
	return snug__trace_json(vm, &t->log, newest, write, ctx, err);
}

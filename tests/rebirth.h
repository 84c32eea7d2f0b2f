/* SPDX-License-Identifier: MIT */
/*
 * rebirth: equivalence: a guest that is reset, cloned, or saved and restored goes on as if nothing had happened
 *
 * The tests of tests/guest are built once more with -DREBIRTH.  Each box_run then takes a baseline where the guest stands
 * and runs on from there four times: as it is, as a clone, as a clone that went through a file, and after a reset.  Exit,
 * console, memory and all that KVM holds of the vCPUs must be the same; then the test's own assertions must hold too.
 */
#ifndef REBIRTH_H
#define REBIRTH_H

#include "core/frozen.h"
#include "host/pagemap.h"

/* What a run left behind. */
struct life {
	struct snug_exit x;
	uint8_t data[512]; /* of a port or MMIO access */
	size_t len;
	char out[sizeof(((struct box *)0)->out)];
	size_t nout;
	bool settled; /* cpu is there: a read that waits for its answer gives none */
	struct snug__cpu_state cpu;
};

/* A console that keeps what one life says, and gives it the box's input from the start. */
struct voice {
	struct life *life;
	const char *in;
};

static inline void voice_write(void *ctx, const void *bytes, size_t len)
{
	struct life *l = ((struct voice *)ctx)->life;

	assert_true(l->nout + len < sizeof(l->out));
	memcpy(l->out + l->nout, bytes, len);
	l->nout += len;
}

static inline size_t voice_read(void *ctx, void *bytes, size_t len)
{
	struct voice *v = ctx;
	size_t n = v->in ? strnlen(v->in, len) : 0;

	if (n)
		memcpy(bytes, v->in, n);
	v->in += n;
	return n;
}

/* MSRs that go on by themselves: TSC, and KVM's counters of stolen time and the like stay 0 here. */
static inline void still_msrs(struct snug__cpu_state *c)
{
	for (unsigned i = 0; i < c->msr_count; i++)
		if (c->msrs[i].index == 0x10)
			c->msrs[i].data = 0;
}

static inline void look_at(snug_vcpu *cpu, struct life *l)
{
	const struct snug_exit *x = &l->x;
	struct snug_error e;

	if (x->kind == SNUG_EXIT_PIO) {
		l->len = x->pio.write ? (size_t)x->pio.size * x->pio.count : 0;
		memcpy(l->data, x->pio.data, l->len < sizeof(l->data) ? l->len : sizeof(l->data));
	}
	if (x->kind == SNUG_EXIT_MMIO && x->mmio.write) {
		l->len = x->mmio.size;
		memcpy(l->data, x->mmio.data, l->len);
	}
	if (snug__vcpu_settle(cpu, &e) < 0)
		return;
	l->settled = true;
	if (snug__state_get(cpu, &l->cpu, &e) < 0)
		fail_msg("%s", e.msg);
	still_msrs(&l->cpu);
}

static inline void forget(struct life *l)
{
	free(l->cpu.msrs);
	free(l->cpu.cpuid);
}

static inline bool by_chance(const struct snug_exit *x)
{
	return x->kind == SNUG_EXIT_TIMEOUT || x->kind == SNUG_EXIT_KICKED || x->kind == SNUG_EXIT_SIGNAL;
}

static inline void same_exit(const char *how, const struct life *a, const struct life *b)
{
	const struct snug_exit *x = &a->x, *y = &b->x;

	if (x->kind != y->kind || x->reason != y->reason || a->len != b->len || memcmp(a->data, b->data, a->len) != 0)
		fail_msg("%s: exit %s, not %s", how, snug_exit_name(y->kind), snug_exit_name(x->kind));
	if (x->kind == SNUG_EXIT_PIO)
		assert_true(x->pio.port == y->pio.port && x->pio.count == y->pio.count && x->pio.size == y->pio.size);
	if (x->kind == SNUG_EXIT_MMIO)
		assert_true(x->mmio.gpa == y->mmio.gpa && x->mmio.size == y->mmio.size);
	if (x->kind == SNUG_EXIT_FAULT)
		assert_memory_equal(&x->fault, &y->fault, sizeof(x->fault));
	if (x->kind == SNUG_EXIT_STATUS)
		assert_memory_equal(&x->status, &y->status, sizeof(x->status));
	if (a->nout != b->nout || memcmp(a->out, b->out, a->nout) != 0)
		fail_msg("%s: console '%.*s', not '%.*s'", how, (int)b->nout, b->out, (int)a->nout, a->out);
}

#define SAME(field)                                                                                                  \
	do {                                                                                                         \
		if (memcmp(&a->cpu.field, &b->cpu.field, sizeof(a->cpu.field)) != 0)                                 \
			fail_msg("%s: %s differ", how, #field);                                                      \
	} while (0)

static inline void same_cpu(const char *how, const struct life *a, const struct life *b)
{
	assert_int_equal(a->settled, b->settled);
	if (!a->settled)
		return;
	SAME(regs);
	SAME(sregs);
	SAME(events);
	SAME(debug);
	SAME(xcrs);
	SAME(mp);
	SAME(xsave);
	assert_int_equal(a->cpu.msr_count, b->cpu.msr_count);
	for (unsigned i = 0; i < a->cpu.msr_count; i++)
		if (a->cpu.msrs[i].data != b->cpu.msrs[i].data)
			fail_msg("%s: MSR 0x%x: 0x%llx, not 0x%llx", how, a->cpu.msrs[i].index,
			         (unsigned long long)b->cpu.msrs[i].data, (unsigned long long)a->cpu.msrs[i].data);
}

/* What neither has looked at nor written is the baseline's in both. */
static inline void same_pages(const char *how, int map, const uint8_t *p, const uint8_t *q, uint64_t pages,
                              snug_gpa gpa)
{
	uint64_t mine[512], theirs[512];

	assert_int_equal(snug__pagemap_read(map, p, pages, mine), 0);
	assert_int_equal(snug__pagemap_read(map, q, pages, theirs), 0);
	for (uint64_t i = 0; i < pages; i++)
		if ((mine[i] | theirs[i]) >> 62 && memcmp(p + i * 4096, q + i * 4096, 4096) != 0)
			fail_msg("%s: memory at 0x%llx differs", how, (unsigned long long)(gpa + i * 4096));
}

static inline void same_memory(const char *how, snug_vm *a, snug_vm *b)
{
	struct snug_region r, s;
	int map = snug__pagemap_open();

	assert_true(map >= 0);
	for (unsigned i = 0; snug_mem_region(a, i, &r) == 0; i++) {
		assert_int_equal(snug_mem_region(b, i, &s), 0);
		for (uint64_t at = 0; at < r.bytes; at += 512 * 4096)
			same_pages(how, map, (uint8_t *)r.host + at, (uint8_t *)s.host + at,
			           snug__min(r.bytes - at, 512 * 4096) / 4096, r.gpa + at);
	}
	close(map);
}

static inline void run_life(const char *how, snug_vm *vm, const struct box *b, struct life *l)
{
	struct voice v = {l, b->in};
	struct snug_console c = {voice_write, voice_read, &v};
	struct snug_error e;

	memset(l, 0, sizeof(*l));
	snug_console_set(vm, &c);
	if (snug_vcpu_run(snug_vm_vcpu(vm, 0), PATIENCE, &l->x, &e) < 0)
		fail_msg("%s: %s", how, e.msg);
	look_at(snug_vm_vcpu(vm, 0), l);
}

static inline void compare(const char *how, snug_vm *vm, const struct box *b, const struct life *first)
{
	struct life l;

	run_life(how, vm, b, &l);
	same_exit(how, first, &l);
	same_cpu(how, first, &l);
	same_memory(how, b->vm, vm);
	forget(&l);
	snug_vm_free(vm);
}

/* A VM that went through a file. */
static inline snug_vm *through_file(snug_vm *parent)
{
	char path[] = "/dev/shm/snug-rebirth-XXXXXX"; /* where fsync costs nothing */
	struct snug_error e;
	snug_vm *vm;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	if (snug_clone(parent, 1, &vm, &e) < 0 || snug_save(vm, path, &e) < 0)
		fail_msg("%s", e.msg);
	snug_vm_free(vm);
	if (snug_restore(path, NULL, &vm, &e) < 0)
		fail_msg("%s", e.msg);
	unlink(path);
	return vm;
}

static unsigned lives, unsettled;

/* A device of the test's own has no twin in a clone, and a service counts every life. */
static inline bool only_here(const snug_vm *vm)
{
	return vm->pio.count > vm->dev_count || vm->mmio.count || vm->watcher_count;
}

/* Instead of a run: all of the above, and in the end the box has run once. */
static inline void rebirth(struct box *b)
{
	struct life first, last;
	snug_vm *clone;
	int r;

	if (only_here(b->vm))
		return;
	r = snug_baseline(b->vm, &b->e);
	if (r == -EBUSY) {
		unsettled++;
		return; /* it is the box's own exit that is not answered: run_guest says so */
	}
	if (r < 0)
		fail_msg("%s", b->e.msg);
	run_life("first", b->vm, b, &first);
	if (!by_chance(&first.x)) {
		if (snug_clone(b->vm, 1, &clone, &b->e) < 0)
			fail_msg("%s", b->e.msg);
		compare("clone", clone, b, &first);
		compare("file", through_file(b->vm), b, &first);
	}
	assert_int_equal(snug_reset(b->vm, NULL, &b->e), 0);
	if (!by_chance(&first.x)) {
		run_life("reset", b->vm, b, &last);
		same_exit("reset", &first, &last);
		same_cpu("reset", &first, &last);
		forget(&last);
		assert_int_equal(snug_reset(b->vm, NULL, &b->e), 0);
		lives++;
	}
	forget(&first);
	snug_console_set(b->vm, &(struct snug_console){box_write, box_read, b});
}

#endif

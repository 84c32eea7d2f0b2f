/* SPDX-License-Identifier: MIT */
/*
 * call: a function of the guest's, called from outside
 *
 * Below the top of the stack that snug_load chose lie, from above: a stub the function returns to, which tells of it by
 * one `out`; the buffers; the return address.  The function's own frames come below.  One KVM_RUN is the whole call
 * where the host lets registers travel with it.
 */
#include <errno.h>
#include <string.h>

#include <snug/guest.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/sized.h"
#include "core/core.h"
#include "host/clock.h"
#include "load/symbols.h"
#include "x86/mode.h"

typedef unsigned long long ull;

#define ALIGN 16u
#define CALLEE_STACK (64u << 10) /* what the function itself may count on */

/* mov $SNUG_PORT_RETURN, %edx; out %al, %dx; jmp to the out: rax, the result, stays as it is. */
static const uint8_t stub[ALIGN] = {0xba, SNUG_PORT_RETURN & 0xff, SNUG_PORT_RETURN >> 8, 0, 0, 0xee, 0xeb, 0xfd};

/* Where in guest memory everything goes. */
struct layout {
	uint64_t stub, sp;
	uint64_t buffer[SNUG_ARGS_MAX];
};

static int check_args(const struct snug_function *f, struct snug_error *err)
{
	if (f->count > SNUG_ARGS_MAX)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "pass more by a struct in a buffer",
		                 "%u arguments, at most %d", f->count, SNUG_ARGS_MAX);
	for (uint32_t i = 0; i < f->count; i++) {
		const struct snug_arg *a = &f->args[i];

		if (a->kind > SNUG_ARG_INOUT)
			return snug__err(err, -EINVAL, SNUG_STEP_NONE, "use enum snug_arg_kind",
			                 "argument %u: kind %u", i, (unsigned)a->kind);
		if (a->kind != SNUG_ARG_INT && a->len && !a->data)
			return snug__err(err, -EINVAL, SNUG_STEP_NONE, "set data, or a len of 0",
			                 "argument %u: %zu bytes at NULL", i, a->len);
	}
	return 0;
}

static int check_vm(const snug_vm *vm, struct snug_error *err)
{
	if (!(vm->devices & SNUG_DEV_GUEST))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "make the VM with SNUG_DEV_GUEST in devices",
		                 "nothing would tell of the function's return");
	if (vm->boot.kind == SNUG_KIND_AUTO)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "snug_load it first", "no guest was loaded");
	if (!snug__mode_is_long(vm->boot.mode))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "load a 64-bit guest in user or long mode",
		                 "the guest was loaded in %s mode", snug_mode_name(vm->boot.mode));
	return 0;
}

static int find(const snug_vm *vm, const struct snug_function *f, uint64_t *address, struct snug_error *err)
{
	const struct snug__symbols *all = vm->symbols;
	const struct snug__symbol *s;
	const char *near;

	*address = f->address;
	if (f->name) {
		s = all ? snug__symbols_find(all, f->name) : NULL;
		near = all && !s ? snug__symbols_near(all, f->name) : NULL;
		if (near)
			return snug__err(err, -ENOENT, SNUG_STEP_NONE, "snug_symbol_name lists them",
			                 "no such symbol; did you mean '%s'?", near);
		if (!s)
			return snug__err(err, -ENOENT, SNUG_STEP_NONE,
			                 all ? "snug_symbol_name lists them"
			                     : "load an ELF file with SNUG_IMAGE_SYMBOLS, or give an address",
			                 all ? "no such symbol" : "the guest was loaded without symbols");
		*address = s->address;
	}
	/* Bits 63:47 are one (SDM 1 3.3.7.1): hardware would not even enter such a guest. */
	if (*address + (1ull << 47) >= 1ull << 48)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "give an address of the guest's code",
		                 "0x%llx is no linear address", (ull)*address);
	return 0;
}

/* Gives the end of what is in use below the stack. */
static int stack_floor(const snug_vm *vm, uint64_t top, uint64_t *floor, struct snug_error *err)
{
	const struct snug__region *r = top ? snug__mem_find(&vm->mem, top - 1) : NULL;

	if (!r || r->flags & SNUG_MEM_READONLY)
		return snug__err(err, -EFAULT, SNUG_STEP_NONE, "load the guest with its stack in RAM",
		                 "no RAM below the stack at 0x%llx", (ull)top);
	*floor = r->gpa;
	if (vm->boot.low < top) /* the image is below it, or around it */
		*floor = snug__min(snug__max(*floor, vm->boot.high), top);
	return 0;
}

static int lay_out(const snug_vm *vm, const struct snug_function *f, struct layout *l, struct snug_error *err)
{
	uint64_t top = vm->boot.stack & ~(ALIGN - 1ull), fixed = CALLEE_STACK + 2ull * ALIGN, floor = 0, left, room,
	         at;
	int r = stack_floor(vm, top, &floor, err);

	if (r < 0)
		return r;
	room = top - floor > fixed ? (top - floor - fixed) & ~(ALIGN - 1ull) : 0;
	if (top - floor < fixed)
		return snug__err(err, -E2BIG, SNUG_STEP_NONE, "give the VM more memory, or the guest another stack",
		                 "%llu bytes of stack between 0x%llx and 0x%llx, at least %llu are needed",
		                 (ull)(top - floor), (ull)floor, (ull)top, (ull)fixed);
	at = l->stub = top - ALIGN;
	left = room;
	for (uint32_t i = 0; i < f->count; i++) {
		uint64_t len = f->args[i].len, all;

		if (f->args[i].kind == SNUG_ARG_INT)
			continue;
		if (!snug__round_up(len, ALIGN, &all) || all > left)
			return snug__err(
			    err, -E2BIG, SNUG_STEP_NONE,
			    "give the VM more memory (mem_bytes), or pass less at a time",
			    "argument %u: its %llu bytes do not fit: the stack has %llu for buffers, %llu left", i,
			    (ull)len, (ull)room, (ull)left);
		left -= all;
		at -= all;
		l->buffer[i] = at;
	}
	l->sp = at - 8; /* as a `call` from a stack that is 16-aligned: psABI 3.2.2 */
	return 0;
}

static int put(snug_vm *vm, const struct snug_function *f, const struct layout *l, struct snug_error *err)
{
	uint8_t back[8];
	int r = snug__mem_write(&vm->mem, l->stub, stub, sizeof(stub));

	snug__le_store(back, 8, l->stub);
	if (r == 0)
		r = snug__mem_write(&vm->mem, l->sp, back, sizeof(back));
	for (uint32_t i = 0; r == 0 && i < f->count; i++) {
		const struct snug_arg *a = &f->args[i];

		if (a->kind == SNUG_ARG_OUT)
			r = snug__mem_zero(&vm->mem, l->buffer[i], a->len);
		else if (a->kind != SNUG_ARG_INT)
			r = snug__mem_write(&vm->mem, l->buffer[i], a->data, a->len);
	}
	return r < 0 ? snug__err(err, r, SNUG_STEP_NONE, "do not remove the guest's RAM", "no memory at its stack")
	             : 0;
}

static int take(const snug_vm *vm, const struct snug_function *f, const struct layout *l, struct snug_error *err)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < f->count; i++) {
		const struct snug_arg *a = &f->args[i];

		if (a->kind == SNUG_ARG_OUT || a->kind == SNUG_ARG_INOUT)
			r = snug__mem_read(&vm->mem, l->buffer[i], a->data, a->len);
	}
	return r < 0 ? snug__err(err, r, SNUG_STEP_NONE, "do not remove the guest's RAM", "no memory at its stack")
	             : 0;
}

/*
 * After a fault at CPL 3 the vCPU stands at CPL 0, in the stub that told of it.  A function of a user guest must not run
 * there.
 */
static int leave_fault(snug_vcpu *cpu, const struct snug_regs *regs, struct snug_error *err)
{
	struct snug_sregs s;
	int r;

	if (cpu->vm->boot.mode != SNUG_MODE_USER || snug__stub_vector(regs->rip, true) < 0)
		return 0;
	r = snug_vcpu_get_sregs(cpu, &s, err);
	if (r < 0)
		return r;
	snug__mode_segments(SNUG_MODE_USER, &s);
	return snug_vcpu_set_sregs(cpu, &s, err);
}

static int set_regs(snug_vcpu *cpu, const struct snug_function *f, const struct layout *l, uint64_t address,
                    struct snug_error *err)
{
	struct snug_regs *regs;
	int r = snug__sync_get_regs(cpu, &regs, err);

	if (r >= 0)
		r = leave_fault(cpu, regs, err);
	if (r < 0)
		return r;
	uint64_t *const args[SNUG_ARGS_MAX] = {&regs->rdi, &regs->rsi, &regs->rdx, &regs->rcx, &regs->r8, &regs->r9};

	for (uint32_t i = 0; i < SNUG_ARGS_MAX; i++) {
		bool integer = f->args[i].kind == SNUG_ARG_INT;

		*args[i] = i >= f->count ? 0 : integer ? f->args[i].value : l->buffer[i];
	}
	regs->rsp = l->sp;
	regs->rip = address;
	return snug__sync_set_regs(cpu, err);
}

/* A signal for this thread is none of the call's business: it goes on, in the time that is left. */
static int run_on(snug_vcpu *cpu, uint64_t timeout_ns, struct snug_exit *x, struct snug_error *err)
{
	uint64_t deadline = 0, left = timeout_ns;
	int r;

	if (timeout_ns && !snug__add(snug__now_ns(), timeout_ns, &deadline))
		deadline = UINT64_MAX;
	for (;;) {
		r = snug_vcpu_run(cpu, left, x, err);
		if (r < 0 || x->kind != SNUG_EXIT_SIGNAL)
			return r;
		if (!deadline)
			continue;
		left = snug__now_ns();
		if (left >= deadline) {
			x->kind = SNUG_EXIT_TIMEOUT;
			return 0;
		}
		left = deadline - left;
	}
}

/* 0: it returned, 1: something else came, negative: broken. */
static int run(snug_vcpu *cpu, uint64_t timeout_ns, uint64_t *result, struct snug_exit *x, struct snug_error *err)
{
	struct snug_regs after;
	int r;

	snug__sync_want(cpu, true);
	r = run_on(cpu, timeout_ns, x, err);
	if (r >= 0 && x->kind == SNUG_EXIT_RETURN) {
		r = snug__sync_seen(cpu, &after, err);
		if (r >= 0 && result)
			*result = after.rax;
	} else if (r >= 0) {
		r = 1;
	}
	snug__sync_want(cpu, false);
	return r;
}

static int call(snug_vm *vm, const struct snug_function *f, uint64_t *result, struct snug_exit *x,
                struct snug_error *err)
{
	snug_vcpu *cpu = &vm->vcpus[0];
	uint64_t address, value = 0;
	struct layout l = {0};
	int r = check_args(f, err);

	if (r >= 0)
		r = check_vm(vm, err);
	if (r >= 0)
		r = find(vm, f, &address, err);
	if (r >= 0)
		r = lay_out(vm, f, &l, err);
	if (r >= 0)
		r = set_regs(cpu, f, &l, address, err);
	if (r >= 0)
		r = put(vm, f, &l, err);
	if (r >= 0)
		r = run(cpu, f->timeout_ns, &value, x, err);
	if (r != 0)
		return r;
	if (result)
		*result = value;
	return take(vm, f, &l, err);
}

int snug_call(snug_vm *vm, const struct snug_function *f, uint64_t *result, struct snug_exit *exit,
              struct snug_error *err)
{
	struct snug_function own;
	struct snug_exit x;
	int r;

	if (!snug__sized_copy(&own, sizeof(own), f))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "set it to sizeof(struct snug_function) or 0",
		                 "function: size %zu", f->size);
	r = call(vm, &own, result, exit ? exit : &x, err);
	if (r >= 0)
		return r;
	return own.name ? snug__err_wrap(err, r, "call '%s'", own.name)
	                : snug__err_wrap(err, r, "call 0x%llx", (ull)own.address);
}

/* SPDX-License-Identifier: MIT */
/*
 * hostcall: functions of the host's that a guest calls by name
 *
 * The guest gives the linear address of a struct snug_host_block on its stack.  All it says is checked before anything is
 * called: an address must be one the guest itself could use so (its page tables say it, its privilege allows it), in
 * memory that is its own.  The function sees copies, since the guest may change its memory at any time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <snug/guest.h>

#include "base/bytes.h"
#include "base/err.h"
#include "core/hostcalls.h"
#include "x86/walk.h"
#include "x86/x86.h"

#define STRING_ROOM 4096u       /* with its NUL */
#define BUFFER_MAX (1ull << 20) /* so at most 3 MiB go in, or out, in one call: a buffer takes two of six words */
#define ALIGN 16u

#define BLOCK_BYTES sizeof(struct snug_host_block)
#define BLOCK_RESULT offsetof(struct snug_host_block, result)
_Static_assert(SNUG_ARGS_MAX == sizeof(((struct snug_host_block *)0)->args) / 8, "words of a call");

/* The guest's memory as the calling vCPU sees it. */
struct view {
	snug_vm *vm;
	struct snug_sregs sregs;
	unsigned user; /* SNUG__ACCESS_USER at CPL 3 */
};

/* A call under way. */
struct call {
	struct view view;
	struct snug_host_block block;
	const struct snug__hostcall *fn;
	struct snug_host_arg args[SNUG_ARGS_MAX];
	uint8_t *copies; /* of the guest's bytes, one after the other; NULL: there are none */
};

/* The page of a linear address, for reading or writing: its memory, or false. */
static bool find_page(const struct view *v, uint64_t linear, bool write, snug_gpa *gpa)
{
	const struct snug__region *r;

	if (!snug__walk_access(&v->vm->mem, &v->sregs, linear, v->user | (write ? SNUG__ACCESS_WRITE : 0), gpa))
		return false;
	/* What snug keeps for itself in guest memory is not the guest's, whatever its page tables say. */
	if (v->vm->has_tables && snug__overlap(*gpa, 1, SNUG__TABLES_GPA, v->vm->tables.bytes))
		return false;
	r = snug__mem_find(&v->vm->mem, *gpa);
	return r && !(write && r->flags & SNUG_MEM_READONLY);
}

/* No byte may be past the end of the address space, which has 32 bits outside long mode. */
static bool in_reach(const struct view *v, uint64_t linear, uint64_t len)
{
	uint64_t end;

	return snug__add(linear, len, &end) && (v->sregs.efer & X86_EFER_LMA || end <= 1ull << 32);
}

/* Bytes from linear to the end of its page, at most len. */
static size_t piece(uint64_t linear, size_t len)
{
	return (size_t)snug__min(len, SNUG_PAGE - (linear & (SNUG_PAGE - 1)));
}

static bool read_guest(const struct view *v, uint64_t linear, void *to, size_t len)
{
	uint8_t *at = to;
	snug_gpa gpa;

	if (!in_reach(v, linear, len))
		return false;
	for (size_t n; len; linear += n, at += n, len -= n) {
		n = piece(linear, len);
		if (!find_page(v, linear, false, &gpa) || snug__mem_read(&v->vm->mem, gpa, at, n) < 0)
			return false;
	}
	return true;
}

/* from NULL: only asks whether it could be written. */
static bool write_guest(const struct view *v, uint64_t linear, const void *from, size_t len)
{
	const uint8_t *at = from;
	snug_gpa gpa;

	if (!in_reach(v, linear, len))
		return false;
	for (size_t n; len; linear += n, len -= n) {
		n = piece(linear, len);
		if (!find_page(v, linear, true, &gpa))
			return false;
		if (at && snug__mem_write(&v->vm->mem, gpa, at, n) < 0)
			return false;
		at = at ? at + n : NULL;
	}
	return true;
}

/* A string of less than `room` bytes, with its NUL.  -EFAULT, -E2BIG. */
static int read_string(const struct view *v, uint64_t linear, char *to, size_t room, size_t *len)
{
	for (size_t done = 0, n; done < room; done += n) {
		uint64_t at;

		if (!snug__add(linear, done, &at))
			return -EFAULT;
		n = piece(at, room - done);
		if (!read_guest(v, at, to + done, n))
			return -EFAULT;
		*len = strnlen(to + done, n) + done;
		if (*len < done + n)
			return 0;
	}
	return -E2BIG;
}

/* Of the copies of bytes; always some, so that no copy is at NULL. */
static size_t room_for(char type, uint64_t len)
{
	return type == 'i' ? 0 : type == 's' ? STRING_ROOM : ((size_t)len + ALIGN) & ~(size_t)(ALIGN - 1);
}

/* How much room the copies of all arguments take, from what the guest says.  -E2BIG. */
static int measure(const struct call *c, size_t *bytes)
{
	unsigned word = 0;

	*bytes = 0;
	for (const char *t = c->fn->types; *t; t++) {
		bool has_len = *t == 'r' || *t == 'w';
		uint64_t len = has_len ? c->block.args[word + 1] : 0;

		if (len > BUFFER_MAX)
			return -E2BIG;
		*bytes += room_for(*t, len);
		word += has_len ? 2 : 1;
	}
	return 0;
}

/* One argument; a is filled, its bytes go to `at`. */
static int take_arg(const struct call *c, char type, unsigned *word, uint8_t *at, struct snug_host_arg *a)
{
	*a = (struct snug_host_arg){.value = c->block.args[(*word)++]};
	if (type == 'i')
		return 0;
	a->data = at;
	if (type == 's')
		return read_string(&c->view, a->value, a->data, STRING_ROOM, &a->len);
	a->len = (size_t)c->block.args[(*word)++];
	if (type == 'r')
		return read_guest(&c->view, a->value, a->data, a->len) ? 0 : -EFAULT;
	return write_guest(&c->view, a->value, NULL, a->len) ? 0 : -EFAULT;
}

static int take_args(struct call *c)
{
	size_t bytes;
	unsigned word = 0;
	int r = measure(c, &bytes);
	uint8_t *at;

	if (r < 0)
		return r;
	at = c->copies = calloc(1, bytes + 1);
	if (!at)
		return -ENOMEM;
	for (unsigned i = 0; r == 0 && c->fn->types[i]; i++) {
		r = take_arg(c, c->fn->types[i], &word, at, &c->args[i]);
		at += room_for(c->fn->types[i], c->args[i].len);
	}
	return r;
}

static int give_back(const struct call *c)
{
	for (unsigned i = 0; c->fn->types[i]; i++)
		if (c->fn->types[i] == 'w' &&
		    !write_guest(&c->view, c->args[i].value, c->args[i].data, c->args[i].len))
			return -EFAULT;
	return 0;
}

static int perform(struct call *c, snug_vcpu *vcpu, uint64_t *result)
{
	char name[SNUG__HOSTCALL_NAME];
	size_t len;
	int r = read_string(&c->view, c->block.name, name, sizeof(name), &len);

	if (r == -EFAULT)
		return r;
	c->fn = r < 0 ? NULL : snug__hostcalls_find(c->view.vm->host_calls, name);
	if (!c->fn)
		return -ENOSYS;
	r = take_args(c);
	if (r == 0)
		r = c->fn->fn(c->fn->ctx, vcpu, c->args, result);
	return r < 0 ? r : give_back(c);
}

/* The vCPU is in its exit, so its registers stand; its `out` stays pending, since they are only read. */
static bool open_view(struct view *v, snug_vm *vm, const snug_vcpu *vcpu)
{
	const struct snug_sregs *s = &v->sregs;

	v->vm = vm;
	if (snug__kvm_get_sregs(vcpu->kvm.fd, &v->sregs, &vm->watch, NULL) < 0)
		return false;
	/* KVM's own idea of CPL is ss.dpl; where the two differ, the less is believed. */
	v->user = s->cr0 & X86_CR0_PE && (s->ss.dpl == 3 || (s->cs.selector & 3) == 3) ? SNUG__ACCESS_USER : 0;
	return true;
}

static void on_call(snug_vm *vm, unsigned cpu, uint32_t address)
{
	snug_vcpu *vcpu = &vm->vcpus[cpu];
	struct call c = {.copies = NULL};
	uint64_t result = 0;
	uint8_t bytes[8];
	int r;

	/* A block that cannot take the result is no call: the guest finds what it put there itself. */
	if (!open_view(&c.view, vm, vcpu) || !write_guest(&c.view, address + BLOCK_RESULT, NULL, sizeof(bytes)))
		return;
	r = read_guest(&c.view, address, &c.block, BLOCK_BYTES) ? perform(&c, vcpu, &result) : -EFAULT;
	free(c.copies);
	snug__le_store(bytes, sizeof(bytes), r < 0 ? (uint64_t)(int64_t)r : result);
	write_guest(&c.view, address + BLOCK_RESULT, bytes, sizeof(bytes));
}

/* Letters that are known, words that fit into a block. */
static int check_types(const char *types, struct snug_error *err)
{
	unsigned words = 0;

	for (const char *t = types; *t; t++) {
		if (!strchr("isrw", *t))
			return snug__err(err, -EINVAL, SNUG_STEP_NONE, "use the letters i, s, r and w",
			                 "types '%.16s': no '%c' is known", types, *t);
		words += *t == 'r' || *t == 'w' ? 2 : 1;
		if (words > SNUG_ARGS_MAX)
			return snug__err(err, -EINVAL, SNUG_STEP_NONE,
			                 "r and w take two each: an address and a length",
			                 "types '%.16s': a call has %d words", types, SNUG_ARGS_MAX);
	}
	return 0;
}

static int check_new(const snug_vm *vm, const char *name, const char *types, snug_host_fn fn, struct snug_error *err)
{
	if (!name || !name[0] || strlen(name) >= SNUG__HOSTCALL_NAME)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "give a name of 1 to 31 bytes",
		                 "its name has %zu bytes", name ? strlen(name) : 0);
	if (!types || !fn)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "give types (\"\" for none) and a function",
		                 "%s is NULL", types ? "fn" : "types");
	if (!(vm->devices & SNUG_DEV_GUEST))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "make the VM with SNUG_DEV_GUEST in devices",
		                 "the guest has no port to call it by");
	if (snug__hostcalls_find(vm->host_calls, name))
		return snug__err(err, -EEXIST, SNUG_STEP_NONE, "give it another name", "there is one of that name");
	if (vm->host_calls && vm->host_calls->count == SNUG__HOSTCALLS_MAX)
		return snug__err(err, -ENOSPC, SNUG_STEP_NONE, "let one function do more, by its first argument",
		                 "there are %d already", SNUG__HOSTCALLS_MAX);
	return check_types(types, err);
}

int snug_host_add(snug_vm *vm, const char *name, const char *types, snug_host_fn fn, void *ctx,
                  struct snug_error *err)
{
	struct snug__hostcall row = {.fn = fn, .ctx = ctx};
	struct snug__hostcalls *all, *old;
	int r = check_new(vm, name, types, fn, err);

	if (r < 0)
		return snug__err_wrap(err, r, "host function '%.31s'", name ? name : "");
	memcpy(row.name, name, strlen(name)); /* their lengths were checked */
	memcpy(row.types, types, strlen(types));
	all = snug__hostcalls_with(vm->host_calls, &row);
	if (!all)
		return snug__err(err, -ENOMEM, SNUG_STEP_NONE, "free some memory",
		                 "host function '%s': out of memory", name);
	/* Calls are made under this lock. */
	pthread_mutex_lock(&vm->bus_lock);
	old = vm->host_calls;
	vm->host_calls = all;
	vm->on_host_call = on_call;
	pthread_mutex_unlock(&vm->bus_lock);
	snug__hostcalls_drop(old);
	return 0;
}

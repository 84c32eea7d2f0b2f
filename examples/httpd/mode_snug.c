/* SPDX-License-Identifier: MIT */
/*
 * snug: a clean virtual machine for each request.  The program is loaded once; VMs that stand where it stood then are
 * kept ready, and what one request wrote is gone before the next.
 */
#include <stdio.h>

#include <snug.h>

#include "mode.h"

#define MEMORY (4u << 20) /* PAGE_MEMORY in meson.build is the same */

static snug_pool *pool;
static unsigned timeout_ms;

static int start(const struct options *o)
{
	struct snug_image image = {.path = o->guest, .mode = SNUG_MODE_USER, .flags = SNUG_IMAGE_SYMBOLS};
	uint64_t address;
	struct snug_error e;
	snug_vm *vm = NULL;
	int r = snug_vm_new(SNUG_CONFIG(.mem_bytes = MEMORY, .devices = SNUG_DEV_GUEST), &vm, &e);

	timeout_ms = o->timeout_ms;
	if (r >= 0)
		r = snug_load(vm, &image, &e);
	if (r >= 0 && snug_symbol(vm, "handle", &address, NULL) < 0) {
		fprintf(stderr, "httpd: %s has no function 'handle'\n", o->guest);
		snug_vm_free(vm);
		return -1;
	}
	if (r >= 0)
		r = snug_baseline(vm, &e);
	if (r >= 0)
		r = snug_pool_new(vm, o->threads, &pool, &e);
	if (r < 0)
		fprintf(stderr, "httpd: %s\n  %s\n", e.msg, e.hint);
	snug_vm_free(vm);
	return r;
}

/* The function did not return: whose fault is it? */
static void ended(const struct snug_exit *x, struct answer *a)
{
	struct snug_autopsy why = {0};

	if (x->kind == SNUG_EXIT_TIMEOUT)
		answer_say(a, 504, "the function took more than %u ms", timeout_ms);
	else if (snug_autopsy(x->vcpu, x, &why, NULL) == 0 && why.what[0])
		answer_say(a, 500, "the function crashed: %s: %s", why.what, why.why);
	else
		answer_say(a, 500, "the function did not return: %s", snug_exit_name(x->kind));
}

static void call(const char *request, size_t len, struct answer *a)
{
	struct snug_function handle = {
	    .name = "handle",
	    .count = 4,
	    .args = {SNUG_IN(request, len), SNUG_INT(len), SNUG_OUT(a->text, a->max), SNUG_INT(a->max)},
	    .timeout_ns = timeout_ms * 1000000ull,
	};
	uint64_t result;
	struct snug_error e;
	struct snug_exit x;
	snug_vm *vm;
	int r;

	if (snug_pool_get(pool, &vm, &e) < 0) {
		answer_say(a, 503, "%s", e.msg);
		return;
	}
	r = snug_call(vm, &handle, &result, &x, &e);
	if (r == 0)
		answer_take(a, (int64_t)result);
	else if (r > 0)
		ended(&x, a);
	else
		answer_say(a, 500, "%s", e.msg);
	snug_pool_put(pool, vm); /* resets it */
}

static void stop(void)
{
	snug_pool_free(pool);
}

const struct mode mode_snug = {"snug", start, call, stop};

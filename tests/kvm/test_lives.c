/* SPDX-License-Identifier: MIT */
/* lives: calls in every life a prepared guest can have: after a reset, as a clone, out of a pool, from a file */
#include "../vmtest.h"

#include <stdlib.h>

/* What the host heard, and who said it. */
struct host {
	char text[64];
	snug_vm *vm;
	unsigned calls;
};

static int hear(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *args, uint64_t *result)
{
	struct host *h = ctx;

	snprintf(h->text, sizeof(h->text), "%s", (const char *)args[0].data);
	h->vm = snug_vcpu_vm(vcpu);
	h->calls++;
	*result = 17;
	return 0;
}

static void prepare(struct box *b, struct host *h)
{
	struct snug_image im = {
	    .path = GUESTS_DIR "/functions.elf", .mode = SNUG_MODE_USER, .flags = SNUG_IMAGE_SYMBOLS};

	box_open(b, (struct snug_config){.devices = SNUG_DEV_ALL});
	if (snug_load(b->vm, &im, &b->e) < 0 || snug_host_add(b->vm, "log", "s", hear, h, &b->e) < 0 ||
	    snug_baseline(b->vm, &b->e) < 0)
		fail_msg("%s", b->e.msg);
}

static int64_t call(snug_vm *vm, struct snug_function f)
{
	struct snug_exit x = {0};
	struct snug_error e;
	uint64_t result = 0;
	int r;

	f.timeout_ns = PATIENCE;
	r = snug_call(vm, &f, &result, &x, &e);
	if (r < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(snug_exit_name(x.kind), snug_exit_name(SNUG_EXIT_RETURN));
	return (int64_t)result;
}

#define CALL(vm, fn, n, ...) call(vm, (struct snug_function){.name = fn, .count = n, .args = {__VA_ARGS__}})

/* All that a life must be good for. */
static void live(snug_vm *vm, struct host *h)
{
	int64_t v[] = {5, -3, 9, 0, 5};
	char word[] = "hello";
	unsigned before = h ? h->calls : 0;

	assert_int_equal(CALL(vm, "add", 2, SNUG_INT(40), SNUG_INT(2)), 42);
	CALL(vm, "sort", 2, SNUG_INOUT(v, sizeof(v)), SNUG_INT(5));
	assert_int_equal(v[0], -3);
	assert_int_equal(v[4], 9);
	CALL(vm, "upper", 2, SNUG_INOUT(word, 5), SNUG_INT(5));
	assert_string_equal(word, "HELLO");
	CALL(vm, "greet", 1, SNUG_IN("clone", 6));
	if (!h)
		return;
	assert_int_equal(h->calls, before + 1);
	assert_ptr_equal(h->vm, vm);
	assert_non_null(strstr(h->text, "clone"));
}

static void after_a_reset(void **state)
{
	struct host h = {0};
	struct box b;

	(void)state;
	prepare(&b, &h);
	for (unsigned i = 0; i < 50; i++) {
		live(b.vm, &h);
		if (snug_reset(b.vm, NULL, &b.e) < 0)
			fail_msg("%s", b.e.msg);
	}
	box_close(&b);
}

static void as_a_clone(void **state)
{
	struct host h = {0};
	snug_vm *c[3];
	struct box b;

	(void)state;
	prepare(&b, &h);
	assert_int_equal(snug_clone(b.vm, 3, c, &b.e), 0);
	box_close(&b);
	for (unsigned i = 0; i < 3; i++) {
		live(c[i], &h);
		assert_int_equal(snug_reset(c[i], NULL, &b.e), 0);
		live(c[i], &h);
		snug_vm_free(c[i]);
	}
}

/* The pool outlives the parent, its host functions and symbols too. */
static void out_of_a_pool(void **state)
{
	struct host h = {0};
	snug_pool *pool;
	struct box b;

	(void)state;
	prepare(&b, &h);
	assert_int_equal(snug_pool_new(b.vm, 1, &pool, &b.e), 0);
	box_close(&b);
	for (unsigned i = 0; i < 10; i++) {
		snug_vm *vm[2];

		assert_int_equal(snug_pool_get(pool, &vm[0], &b.e), 0);
		assert_int_equal(snug_pool_get(pool, &vm[1], &b.e), 0);
		live(vm[0], &h);
		live(vm[1], &h);
		snug_pool_put(pool, vm[0]);
		snug_pool_put(pool, vm[1]);
	}
	snug_pool_free(pool);
}

/* A file has symbols; host functions are code of this process, to be registered anew. */
static void from_a_file(void **state)
{
	char path[] = "/tmp/snug-lives-XXXXXX";
	struct host h = {0};
	snug_vm *vm;
	struct box b;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	prepare(&b, &h);
	if (snug_save(b.vm, path, &b.e) < 0)
		fail_msg("%s", b.e.msg);
	box_close(&b);
	if (snug_restore(path, NULL, &vm, &b.e) < 0)
		fail_msg("%s", b.e.msg);
	unlink(path);
	live(vm, NULL);
	if (snug_host_add(vm, "log", "s", hear, &h, &b.e) < 0)
		fail_msg("%s", b.e.msg);
	live(vm, &h);
	assert_int_equal(snug_reset(vm, NULL, &b.e), 0);
	live(vm, &h);
	snug_vm_free(vm);
}

/* A call that never comes back, or crashes, leaves the next one as clean as any. */
static void after_bad_calls(void **state)
{
	struct snug_function f = {.name = "forever", .timeout_ns = 20 * MS}, g = {.name = "crash"};
	struct host h = {0};
	struct box b;

	(void)state;
	prepare(&b, &h);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(snug_call(b.vm, &f, NULL, &b.x, &b.e), 1);
		assert_int_equal(b.x.kind, SNUG_EXIT_TIMEOUT);
		assert_int_equal(snug_reset(b.vm, NULL, &b.e), 0);
		live(b.vm, &h);
		assert_int_equal(snug_reset(b.vm, NULL, &b.e), 0);
		assert_int_equal(snug_call(b.vm, &g, NULL, &b.x, &b.e), 1);
		assert_int_equal(b.x.kind, SNUG_EXIT_FAULT);
		assert_int_equal(snug_reset(b.vm, NULL, &b.e), 0);
		live(b.vm, &h);
	}
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST(after_a_reset), KVM_TEST(as_a_clone),      KVM_TEST(out_of_a_pool),
	    KVM_TEST(from_a_file),   KVM_TEST(after_bad_calls),
	};

	return cmocka_run_group_tests_name("lives", tests, NULL, NULL);
}

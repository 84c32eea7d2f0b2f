/* SPDX-License-Identifier: MIT */
/* swarm: eight threads clone, run and reset at once, from one parent and one pool */
#include "../vmtest.h"

#include <pthread.h>

#define THREADS 8
#define ROUNDS (getenv("SNUG_SLOW") ? 200u : 20u)

/* Adds rsi to what is at rdi, and says it. */
GUEST64(add, "1: add %esi, (%rdi)\nmov (%rdi), %eax\nout %eax, $0x10\njmp 1b");

struct swarm {
	snug_vm *parent;
	snug_pool *pool;
	unsigned number;
	const char *failed; /* NULL: all went well */
};

static bool says(snug_vm *vm, uint32_t want)
{
	struct snug_exit x = {0};
	uint32_t v = 0;

	if (snug_run(vm, &x) < 0 || x.kind != SNUG_EXIT_PIO)
		return false;
	memcpy(&v, x.pio.data, sizeof(v));
	return v == want;
}

/* A life of its own: its number is added, nobody else's. */
static const char *live(struct swarm *s, snug_vm *vm)
{
	uint32_t n = s->number + 1;

	if (snug_vcpu_set_reg(snug_vm_vcpu(vm, 0), "rsi", n, NULL) < 0)
		return "set rsi";
	for (uint32_t i = 1; i <= 3; i++)
		if (!says(vm, 100 + i * n))
			return "another number";
	if (snug_reset(vm, NULL, NULL) < 0)
		return "reset";
	return says(vm, 100) ? NULL : "not reset";
}

static void *thread(void *arg)
{
	struct swarm *s = arg;

	for (unsigned i = 0; !s->failed && i < ROUNDS; i++) {
		snug_vm *vm[2];

		if (snug_clone(s->parent, 2, vm, NULL) < 0) {
			s->failed = "clone";
			break;
		}
		s->failed = live(s, vm[0]);
		if (!s->failed)
			s->failed = live(s, vm[1]);
		snug_vm_free(vm[0]);
		snug_vm_free(vm[1]);
		for (unsigned k = 0; !s->failed && k < 4; k++) {
			if (snug_pool_get(s->pool, &vm[0], NULL) < 0) {
				s->failed = "pool";
				break;
			}
			s->failed = live(s, vm[0]);
			snug_pool_put(s->pool, vm[0]);
		}
	}
	return NULL;
}

static void at_once(void **state)
{
	struct swarm s[THREADS];
	pthread_t threads[THREADS];
	snug_pool *pool;
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.mem_bytes = 4 << 20});
	BOX_LOAD(&b, SNUG_MODE_USER, add);
	assert_int_equal(snug_vcpu_set_reg(b.cpu, "rdi", 0x200000, &b.e), 0);
	assert_int_equal(snug_mem_write(b.vm, 0x200000, "d\0\0", 4), 0); /* 100 */
	assert_int_equal(snug_baseline(b.vm, &b.e), 0);
	assert_int_equal(snug_pool_new(b.vm, 3, &pool, &b.e), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		s[i] = (struct swarm){.parent = b.vm, .pool = pool, .number = i};
		assert_int_equal(pthread_create(&threads[i], NULL, thread, &s[i]), 0);
	}
	/* The parent runs while it is cloned. */
	for (unsigned i = 0; i < 100; i++)
		assert_true(says(b.vm, 100));
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < THREADS; i++)
		if (s[i].failed)
			fail_msg("thread %u: %s", i, s[i].failed);
	snug_pool_free(pool);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {KVM_TEST(at_once)};

	return cmocka_run_group_tests_name("swarm", tests, NULL, NULL);
}

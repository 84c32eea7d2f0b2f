/* SPDX-License-Identifier: MIT */
/* The generation device; what the machine makes of its addresses is test_machine.c's and tests/kvm's. */
#include <string.h>

#include "check.h"
#include "dev/dev.h"

struct world {
	bool has;
	unsigned asked;
	enum snug__dev_ask what;
	uint64_t value;
};

static void ask(void *ctx, enum snug__dev_ask what, uint64_t value)
{
	struct world *w = ctx;

	w->asked++;
	w->what = what;
	w->value = value;
}

static bool generation(void *ctx, uint8_t id[16])
{
	for (unsigned i = 0; i < 16; i++)
		id[i] = (uint8_t)(0xa0 + i);
	return ((struct world *)ctx)->has;
}

static void *make(struct world *w)
{
	struct snug__dev_env env = {.ask = ask, .generation = generation, .ask_ctx = w};
	void *dev = snug__dev_generation.create(&env);

	assert_non_null(dev);
	memset(&env, 0xaa, sizeof(env));
	return dev;
}

static void reads_the_id(void **state)
{
	const struct snug__dev_class *c = &snug__dev_generation;
	struct world w = {.has = true};
	void *dev = make(&w);

	(void)state;
	assert_int_equal(c->ops.max_size, 4);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(c->ops.read(dev, i, 1), 0xa0 + i);
	assert_int_equal(c->ops.read(dev, 3, 2), 0xa4a3);
	assert_int_equal(c->ops.read(dev, 14, 2), 0xafae);
	assert_int_equal(c->ops.read(dev, 0, 4), 0xa3a2a1a0);
	assert_int_equal(c->ops.read(dev, 12, 4), 0xafaeadac);
	w.has = false;
	assert_int_equal((uint32_t)c->ops.read(dev, 0, 4), 0xffffffff);
	assert_int_equal((uint8_t)c->ops.read(dev, 15, 1), 0xff);
	assert_int_equal(w.asked, 0);
	c->destroy(dev);
}

static void takes_an_address(void **state)
{
	const struct snug__dev_class *c = &snug__dev_generation;
	struct world w = {0};
	void *dev = make(&w);

	(void)state;
	c->ops.write(dev, 4, 0x89abcdef, 4);
	assert_int_equal(w.asked, 0);
	c->ops.write(dev, 0, 0x01234567, 4);
	assert_int_equal(w.asked, 1);
	assert_int_equal(w.what, SNUG__ASK_GENERATION);
	assert_int_equal(w.value, 0x89abcdef01234567);
	c->ops.write(dev, 0, 0x1000, 4); /* the high half was used up */
	assert_int_equal(w.asked, 2);
	assert_int_equal(w.value, 0x1000);
	c->ops.write(dev, 0, 0, 4);
	assert_int_equal(w.asked, 3);
	assert_int_equal(w.value, 0);
	c->destroy(dev);
}

static void ignores_the_rest(void **state)
{
	const struct snug__dev_class *c = &snug__dev_generation;
	struct world w = {0};
	void *dev = make(&w);

	(void)state;
	for (unsigned offset = 0; offset < 16; offset++)
		for (unsigned size = 1; size <= 4 && offset + size <= 16; size *= 2)
			if (size < 4 || (offset != 0 && offset != 4))
				c->ops.write(dev, offset, 0xffffffff, size);
	assert_int_equal(w.asked, 0);
	c->ops.write(dev, 0, 0x2000, 4);
	assert_int_equal(w.value, 0x2000);
	c->destroy(dev);
}

static void reset_forgets(void **state)
{
	const struct snug__dev_class *c = &snug__dev_generation;
	struct world w = {0};
	void *dev = make(&w);

	(void)state;
	c->ops.write(dev, 0, 0x1000, 4);
	c->ops.write(dev, 4, 7, 4);
	c->reset(dev);
	assert_int_equal(w.asked, 2);
	assert_int_equal(w.what, SNUG__ASK_GENERATION);
	assert_int_equal(w.value, 0);
	c->ops.write(dev, 0, 0x3000, 4);
	assert_int_equal(w.value, 0x3000);
	c->destroy(dev);
}

static void without_a_machine(void **state)
{
	const struct snug__dev_class *c = &snug__dev_generation;
	struct snug__dev_env env = {0};
	void *dev = c->create(&env);

	(void)state;
	c->ops.write(dev, 0, 0x1000, 4);
	c->reset(dev);
	assert_int_equal((uint16_t)c->ops.read(dev, 0, 2), 0xffff);
	c->destroy(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_the_id),  cmocka_unit_test(takes_an_address),  cmocka_unit_test(ignores_the_rest),
	    cmocka_unit_test(reset_forgets), cmocka_unit_test(without_a_machine),
	};

	return cmocka_run_group_tests_name("generation", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* guestmem: guest memory without KVM, for tests of what writes to it; as cmocka's setup and teardown */
#ifndef TESTS_UNIT_GUESTMEM_H
#define TESTS_UNIT_GUESTMEM_H

#include <stdlib.h>

#include "check.h"
#include "guest/mem.h"

#define GUESTMEM_RAM (2u << 20)

static inline int guestmem_setup(void **state)
{
	struct snug__mem *m = malloc(sizeof(*m));

	snug__mem_init(m, 8, NULL, NULL);
	*state = m;
	return snug__mem_add_ram(m, GUESTMEM_RAM, NULL);
}

static inline int guestmem_teardown(void **state)
{
	snug__mem_destroy(*state);
	free(*state);
	return 0;
}

/* Is the guest's RAM as it was: no byte written? */
static inline void assert_untouched(const struct snug__mem *m)
{
	for (uint64_t gpa = 0; gpa < GUESTMEM_RAM; gpa += SNUG_PAGE)
		assert_false(snug__mem_dirty(m, gpa));
}

#define GUESTMEM_TEST(name) cmocka_unit_test_setup_teardown(name, guestmem_setup, guestmem_teardown)

#endif

/* SPDX-License-Identifier: MIT */
/* The page walk: CR0, CR3, CR4, EFER and an address, then the guest's memory. */
#include <stdlib.h>

#include "base/cursor.h"
#include "x86/walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct snug__cursor c = {.span = {data, len}};
	struct snug_sregs s = {0};
	struct snug_error e = {0};
	uint8_t bytes[300];
	struct snug__mem m;
	uint64_t linear;
	snug_gpa gpa;

	s.cr0 = snug__cursor_le(&c, 8);
	s.cr3 = snug__cursor_le(&c, 8);
	s.cr4 = snug__cursor_le(&c, 8);
	s.efer = snug__cursor_le(&c, 8);
	linear = snug__cursor_le(&c, 8);
	if (c.bad)
		return 0;
	snug__mem_init(&m, 2, NULL, NULL);
	if (snug__mem_add_ram(&m, 4 * SNUG_PAGE, NULL) < 0)
		abort();
	len = (size_t)snug__min(len - c.at, 4 * SNUG_PAGE);
	if (snug__mem_write(&m, 0, data + c.at, len) < 0)
		abort();
	if (snug__walk(&m, &s, linear, &gpa, &e) < 0 && !e.msg[0])
		abort();
	if (snug__walk_read(&m, &s, linear, bytes, sizeof(bytes)) > sizeof(bytes))
		abort();
	snug__mem_destroy(&m);
	return 0;
}

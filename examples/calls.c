/* SPDX-License-Identifier: MIT */
/*
 * calls: a function of a guest, called a thousand times, each time in a clean machine.  Run it where functions.elf is:
 * cd build/guests && ../examples/calls
 */
#include <stdio.h>

#include <snug.h>

int main(void)
{
	snug_vm *vm;
	struct snug_error e;
	struct snug_exit x;
	struct snug_config cfg = {.size = sizeof cfg, .devices = SNUG_DEV_GUEST};
	struct snug_image im = {.path = "functions.elf", .mode = SNUG_MODE_USER, .flags = SNUG_IMAGE_SYMBOLS};
	struct snug_function add = {
	    .name = "add", .count = 2, .args = {SNUG_INT(40), SNUG_INT(2)}, .timeout_ns = 1000000000};
	uint64_t sum = 0;
	int calls = 0;

	if (snug_vm_new(&cfg, &vm, &e) < 0 || snug_load(vm, &im, &e) < 0 || snug_baseline(vm, &e) < 0)
		return fprintf(stderr, "%s\n", e.msg), 1;
	while (calls < 1000) {
		if (snug_call(vm, &add, &sum, &x, &e) != 0) /* 1: a crash, a timeout...: x says which */
			break;
		calls++;
		if (snug_reset(vm, NULL, &e) < 0) /* nothing of this call is left for the next */
			break;
	}
	printf("%d calls, the last gave %llu\n", calls, (unsigned long long)sum);
	snug_vm_free(vm);
	return calls != 1000;
}

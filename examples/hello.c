/* SPDX-License-Identifier: MIT */
/*
 * hello: the smallest host.  Run it where hello.bin is:  cd build/guests && ../examples/hello
 */
#include <stdio.h>

#include <snug.h>

int main(void)
{
	snug_vm *vm;
	struct snug_error e;
	struct snug_exit x;

	if (snug_vm_new(SNUG_CONFIG(.mem_bytes = 1 << 20), &vm, &e) < 0 ||
	    snug_load(vm, &(struct snug_image){.path = "hello.bin", .mode = SNUG_MODE_REAL}, &e) < 0)
		return fprintf(stderr, "%s\n", e.msg), 1;
	while (snug_run(vm, &x) == 0 && x.kind == SNUG_EXIT_PIO)
		if (x.pio.write)
			fwrite(x.pio.data, x.pio.size, x.pio.count, stdout);
	printf("stopped: %s\n", snug_exit_name(x.kind));
	snug_vm_free(vm);
}

/* SPDX-License-Identifier: MIT */
/* raw_main: a whole process that runs one guest with raw ioctls; "long" as its argument: in long mode, else real */
#include <string.h>
#include <unistd.h>

#include "raw.h"

int main(int argc, char **argv)
{
	bool wide = argc > 1 && strcmp(argv[1], "long") == 0;
	struct raw_port port = {.port = 0xe9};
	struct raw_vm vm;

	if (raw_new(&vm) < 0 || raw_load(&vm, wide, raw_guest, sizeof(raw_guest)) < 0)
		return 1;
	if (raw_run(&vm, &port) < 0 || port.writes != 1)
		return 1;
	return write(STDOUT_FILENO, &port.last, 1) == 1 ? 0 : 1;
}

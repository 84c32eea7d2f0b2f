/* SPDX-License-Identifier: MIT */
/* device: the KVM device file, and why it may not open */
#ifndef SNUG_CLI_DEVICE_H
#define SNUG_CLI_DEVICE_H

#include <stdbool.h>

struct cli_device {
	bool usable;    /* it is there and this process may read and write it */
	char text[192]; /* what it is and whose */
	char fix[192];  /* what to do; empty where usable */
};

void cli_device_look(const char *path, struct cli_device *out);

#endif

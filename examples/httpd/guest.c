/* SPDX-License-Identifier: MIT */
/* guest: makes an ELF file of page.c.  Nothing runs before the host calls handle. */
#include <snug/guest.h>

void _start(void);

void _start(void)
{
	snug_exit(0);
}

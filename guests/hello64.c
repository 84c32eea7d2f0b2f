/* SPDX-License-Identifier: MIT */
/*
 * hello64: a first guest in C: a 64-bit ELF program without an operating system below it.
 *
 *     gcc -O2 -ffreestanding -fno-pic -mno-red-zone -mgeneral-regs-only -nostdlib -static \
 *         -Wl,-Ttext=0x100000,--build-id=none -Iinclude hello64.c -o hello64.elf
 *     snug run hello64.elf
 */
#include <snug/guest.h>

void _start(void);

void _start(void)
{
	snug_puts("Hello from the guest!\n");
	snug_exit(0);
}

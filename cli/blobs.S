/* SPDX-License-Identifier: MIT */
/* blobs: the built-in guests as bytes */
#ifdef __CET__
#include <cet.h> /* its note, without which the linker drops that of all others */
#endif

	.macro blob name, file
	.globl \name, \name\()_end
\name:
	.incbin "\file"
\name\()_end:
	.endm

	.section .rodata
	blob snug_guest_demo_real, "demo_real.bin"
	blob snug_guest_demo_protected, "demo_protected.bin"
	blob snug_guest_demo_paged32, "demo_paged32.bin"
	blob snug_guest_demo_long, "demo_long.bin"
	blob snug_guest_demo_user, "demo_user.bin"

	blob snug_guest_linux_init, "snug-init"

	.section .note.GNU-stack, "", @progbits

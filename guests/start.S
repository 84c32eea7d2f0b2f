/* SPDX-License-Identifier: MIT */
/* start: calls guest_main and gives its result to the host as the exit status.  snug has set the stack. */
	.section .start, "ax"
	.globl _start
#if defined(GUEST_REAL)
	.code16gcc /* as gcc -m16: 32-bit operands, so that call and ret agree */
#elif defined(__x86_64__)
	.code64
#else
	.code32
#endif
_start:
	call	guest_main
	movw	$0x5e0, %dx /* SNUG_PORT_EXIT */
1:	outl	%eax, %dx
	jmp	1b

	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: MIT */
/*
 * A kernel of one page: user-mode code makes system calls and page faults, and what comes of each is checked.
 *
 * Built twice: with a page-fault handler that starts as Linux' does, and with one that starts with another instruction.
 * Status: 0x40 and the number of good calls; anything else is the number of what went wrong.
 */
	.code64
	.globl _start
#define PML4 0x200000
#define USER 0x400000
#define GONE 0x600000
#define CALLS 50

_start:
	mov $0x300000, %rsp
	/* page tables: 0-4 MiB the kernel's, 4-6 MiB the user's, the rest is not there */
	mov $PML4, %edi
	xor %eax, %eax
	mov $0x3000 / 8, %ecx
	rep stosq
	movq $PML4 + 0x1007, PML4
	movq $PML4 + 0x2007, PML4 + 0x1000
	movq $0x83, PML4 + 0x2000
	movq $0x200083, PML4 + 0x2008
	movq $USER + 0x87, PML4 + 0x2010
	lgdt gdtr
	mov $PML4, %eax
	mov %rax, %cr3
	mov $0x10, %eax
	mov %eax, %ss
	mov $tss, %eax
	mov %ax, gdt + 0x32
	shr $16, %eax
	mov %al, gdt + 0x34
	mov %ah, gdt + 0x37
	mov $0x30, %eax
	ltr %ax
	/* #PF at gate 14 */
	mov $fault, %eax
	mov %ax, idt + 14 * 16
	movw $8, idt + 14 * 16 + 2
	movw $0x8e00, idt + 14 * 16 + 4
	shr $16, %eax
	mov %ax, idt + 14 * 16 + 6
	lidt idtr
	/* EFER.SCE, STAR, LSTAR, FMASK: IF, DF, AC, TF */
	mov $0xc0000080, %ecx
	rdmsr
	or $1, %eax
	wrmsr
	mov $0xc0000081, %ecx
	xor %eax, %eax
	mov $0x00180008, %edx
	wrmsr
	mov $0xc0000082, %ecx
	xor %edx, %edx
	mov $enter, %eax
	wrmsr
	mov $0xc0000084, %ecx
	mov $0x40700, %eax
	wrmsr
	mov $user, %esi
	mov $USER, %edi
	mov $user_end - user, %ecx
	rep movsb
	push $0x23
	push $USER + 0x100000
	push $0x202
	push $0x2b
	push $USER
	iretq

/* rcx: where from, r11: flags before; the user's number is in rax and goes up by one.  From 0x1000 on it ends the run. */
enter:
	mov %cs, %edx
	cmp $8, %edx
	mov $1, %ebx
	jne bad
	cmp $USER + 0x100000, %rsp
	mov $2, %ebx
	jne bad
	pushfq
	pop %rdx
	test $0x700, %edx
	mov $3, %ebx
	jnz bad
	test $0x400, %r11d
	mov $4, %ebx
	jz bad
	lea -0x1000(%rax), %ebx
	test %ebx, %ebx
	jns bad
	inc %eax
	mov %rsp, %rdx
	mov $0x300000, %esp
	push $0x23
	push %rdx
	push %r11
	push $0x2b
	push %rcx
	iretq

/* A page that was not there is mapped; anything else is wrong.  rbp counts. */
fault:
#ifdef OTHER_START
	push %rax
	cld
#else
	cld
	push %rax
#endif
	mov %cr2, %rax
	cmp $GONE, %rax
	mov $5, %ebx
	jne bad
	cmpq $6, 8(%rsp)	/* a write by user-mode code to what is not there */
	mov $6, %ebx
	jne bad
	movq $GONE + 0x87, PML4 + 0x2018
	inc %ebp
	pop %rax
	add $8, %rsp
	iretq
bad:
	mov %ebx, %eax
	mov $0x5e0, %edx
	out %eax, %dx
	hlt

user:
	xor %ebp, %ebp
	xor %eax, %eax
	mov $CALLS, %esi
1:	std
	syscall
	cld
	dec %esi
	jnz 1b
	movl $7, GONE
	cmpl $7, GONE
	mov $7, %ebx
	jne 2f
	cmp $1, %ebp
	mov $8, %ebx
	jne 2f
	std
	syscall
	cld
	lea 0x40 - 1 (%rax), %ebx
2:	lea 0x1000(%rbx), %eax
	std
	syscall
user_end:

	.balign 16
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff, 0x00affb000000ffff
	.quad 0x0000890000000067, 0
gdtr:	.word gdtr - gdt - 1
	.quad gdt
idtr:	.word 256 * 16 - 1
	.quad idt
	.balign 16
tss:	.long 0
	.quad 0x300000
	.zero 90
	.word 104
	.balign 16
idt:	.zero 256 * 16

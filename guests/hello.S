/* SPDX-License-Identifier: MIT */
/*
 * hello: a first guest, in real mode: says its line at the debug console and halts.
 *
 *     gcc -c hello.S && ld -Ttext=0x1000 --oformat=binary -e _start hello.o -o hello.bin
 *     snug run --mode real hello.bin
 */
	.code16
	.text
	.globl _start
_start:
	movw	$text, %si
	movw	$(end - text), %cx
	movw	$0xe9, %dx
	rep outsb
	cli
	hlt
text:
	.ascii	"Hello from the guest!\n"
end:

/* SPDX-License-Identifier: MIT */
/*
 * custom_device: a device of one's own, at a port and in memory
 *
 * The device adds up what is written to it; reading gives the sum.  The guest reaches the same device at port 0x100 and
 * at address 0xd0000000, and ends with the sum as its exit status.
 */
#include <stdio.h>

#include <snug.h>

struct adder {
	uint64_t sum;
	unsigned writes;
};

static uint64_t adder_read(void *self, uint64_t offset, unsigned size)
{
	const struct adder *a = self;

	(void)offset;
	(void)size;
	return a->sum;
}

static void adder_write(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	struct adder *a = self;

	(void)offset;
	(void)size;
	a->sum += value;
	a->writes++;
}

/* 64-bit code.  It is loaded at 0x100000 and knows no address of its own, so it could go anywhere. */
extern const char guest[], guest_end[];
__asm__(".pushsection .rodata\n"
        "guest:\n"
        "	movl	$10, %ecx\n"
        "	movw	$0x100, %dx\n"
        "1:	movl	%ecx, %eax\n"
        "	outl	%eax, %dx\n" /* 10 + 9 + ... + 1 at the port */
        "	decl	%ecx\n"
        "	jnz	1b\n"
        "	movl	$0xd0000000, %ebx\n"
        "	movl	$45, (%rbx)\n" /* 45 more in memory */
        "	movl	(%rbx), %eax\n"
        "	movw	$0x5e0, %dx\n" /* SNUG_PORT_EXIT */
        "	outl	%eax, %dx\n"
        "guest_end:\n"
        ".popsection\n");

int main(void)
{
	static const struct snug_device_ops ops = {.max_size = 4, .read = adder_read, .write = adder_write};
	struct adder adder = {0};
	struct snug_error e;
	struct snug_exit x;
	struct snug_image image = {
	    .data = guest, .len = (size_t)(guest_end - guest), .kind = SNUG_KIND_FLAT, .mode = SNUG_MODE_LONG};
	snug_vm *vm = NULL;
	int r = 1;

	if (snug_vm_new(SNUG_CONFIG(.devices = SNUG_DEV_GUEST), &vm, &e) < 0 ||
	    snug_pio_add(vm, 0x100, 4, &ops, &adder, &e) < 0 ||
	    snug_mmio_add(vm, 0xd0000000, 4, &ops, &adder, &e) < 0 || snug_load(vm, &image, &e) < 0 ||
	    snug_vcpu_run(snug_vm_vcpu(vm, 0), 0, &x, &e) < 0) {
		fprintf(stderr, "%s\n%s\n", e.msg, e.hint);
	} else if (x.kind == SNUG_EXIT_STATUS) {
		printf("%u writes, sum %u\n", adder.writes, x.status.value);
		r = 0;
	} else {
		printf("stopped: %s\n", snug_exit_name(x.kind));
	}
	snug_vm_free(vm);
	return r;
}

/* SPDX-License-Identifier: MIT */
/*
 * two_vms: two VMs in two threads that talk to each other
 *
 * Each has a mailbox at port 0x200: writing puts a number into the other's box, reading waits for one in its own.  The
 * first sends 1 to 5, the second sends back each number's square, the first ends with their sum: 55.
 */
#include <pthread.h>
#include <stdio.h>

#include <snug.h>

struct box {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	uint32_t numbers[16];
	unsigned first, count;
};

struct side {
	const char *name;
	struct box *in, *out;
	const char *code, *end;
	uint32_t result;
	int ok;
};

static uint64_t box_read(void *self, uint64_t offset, unsigned size)
{
	struct box *b = ((struct side *)self)->in;
	uint32_t v;

	(void)offset;
	(void)size;
	pthread_mutex_lock(&b->lock);
	while (b->count == 0)
		pthread_cond_wait(&b->filled, &b->lock);
	v = b->numbers[b->first++ % 16];
	b->count--;
	pthread_mutex_unlock(&b->lock);
	return v;
}

static void box_write(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	struct box *b = ((struct side *)self)->out;

	(void)offset;
	(void)size;
	pthread_mutex_lock(&b->lock);
	if (b->count < 16)
		b->numbers[(b->first + b->count++) % 16] = (uint32_t)value;
	pthread_cond_signal(&b->filled);
	pthread_mutex_unlock(&b->lock);
}

extern const char asker[], asker_end[], squarer[], squarer_end[];
__asm__(".pushsection .rodata\n"
        "asker:\n"
        "	movw	$0x200, %dx\n"
        "	xorl	%ebx, %ebx\n" /* the sum */
        "	movl	$1, %ecx\n"
        "1:	movl	%ecx, %eax\n"
        "	outl	%eax, %dx\n"
        "	inl	%dx, %eax\n"
        "	addl	%eax, %ebx\n"
        "	incl	%ecx\n"
        "	cmpl	$5, %ecx\n"
        "	jbe	1b\n"
        "	xorl	%eax, %eax\n"
        "	outl	%eax, %dx\n" /* 0: no more */
        "	movl	%ebx, %eax\n"
        "	movw	$0x5e0, %dx\n"
        "	outl	%eax, %dx\n"
        "asker_end:\n"
        "squarer:\n"
        "	movw	$0x200, %dx\n"
        "1:	inl	%dx, %eax\n"
        "	imull	%eax, %eax\n"
        "	testl	%eax, %eax\n"
        "	jz	2f\n"
        "	outl	%eax, %dx\n"
        "	jmp	1b\n"
        "2:	movw	$0x5e0, %dx\n"
        "	outl	%eax, %dx\n"
        "squarer_end:\n"
        ".popsection\n");

static void *run(void *arg)
{
	static const struct snug_device_ops ops = {.max_size = 4, .read = box_read, .write = box_write};
	struct side *s = arg;
	struct snug_image image = {
	    .data = s->code, .len = (size_t)(s->end - s->code), .kind = SNUG_KIND_FLAT, .mode = SNUG_MODE_LONG};
	struct snug_error e;
	struct snug_exit x;
	snug_vm *vm = NULL;

	if (snug_vm_new(SNUG_CONFIG(.devices = SNUG_DEV_GUEST), &vm, &e) < 0 ||
	    snug_pio_add(vm, 0x200, 4, &ops, s, &e) < 0 || snug_load(vm, &image, &e) < 0 ||
	    snug_vcpu_run(snug_vm_vcpu(vm, 0), 0, &x, &e) < 0) {
		fprintf(stderr, "%s: %s\n", s->name, e.msg);
		box_write(s, 0, 0, 4); /* the other must not wait for us */
	} else {
		s->ok = x.kind == SNUG_EXIT_STATUS;
		s->result = s->ok ? x.status.value : 0;
	}
	snug_vm_free(vm);
	return NULL;
}

int main(void)
{
	struct box a = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};
	struct box b = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};
	struct side first = {.name = "asker", .in = &a, .out = &b, .code = asker, .end = asker_end};
	struct side second = {.name = "squarer", .in = &b, .out = &a, .code = squarer, .end = squarer_end};
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, &second) != 0)
		return 1;
	run(&first);
	pthread_join(thread, NULL);
	printf("1 + 4 + 9 + 16 + 25 = %u\n", first.result);
	return first.ok && second.ok ? 0 : 1;
}

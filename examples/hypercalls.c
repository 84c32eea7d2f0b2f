/* SPDX-License-Identifier: MIT */
/*
 * hypercalls: a guest that asks its host for things
 *
 *     build/examples/hypercalls build/examples/hypercalls_guest.elf
 *
 * Port 0x300 gives the number of exits so far.  Writing a guest address to port 0x304 and reading ports 0x304 and 0x308
 * gives the host's address of it, both halves; 0 for what is not the guest's memory: snug_mem_ptr checks.
 */
#include <inttypes.h>
#include <stdio.h>

#include <snug.h>

struct host {
	snug_vm *vm;
	uint64_t answer;
};

static uint64_t count_exits(snug_vm *vm)
{
	struct snug_stat rows[64];
	uint64_t sum = 0;
	int n = snug_stats_read(vm, rows, 64);

	for (int i = 0; i < n && i < 64; i++)
		sum += rows[i].count;
	return sum;
}

static uint64_t host_read(void *self, uint64_t offset, unsigned size)
{
	struct host *h = self;

	(void)size;
	switch (offset) {
	case 0:
		return count_exits(h->vm);
	case 4:
		return h->answer;
	case 8:
		return h->answer >> 32;
	default:
		return UINT64_MAX;
	}
}

static void host_write(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	struct host *h = self;
	const char *text;

	(void)size;
	if (offset != 4)
		return;
	text = snug_mem_ptr(h->vm, value, 16, false);
	h->answer = (uint64_t)(uintptr_t)text;
	if (text)
		printf("host: guest address 0x%" PRIx64 " holds \"%.15s\"\n", value, text);
	else
		printf("host: guest address 0x%" PRIx64 " is not guest memory\n", value);
}

static void console(void *ctx, const void *bytes, size_t len)
{
	(void)ctx;
	fwrite(bytes, 1, len, stdout);
}

int main(int argc, char **argv)
{
	static const struct snug_device_ops ops = {.max_size = 4, .read = host_read, .write = host_write};
	struct host h = {0};
	struct snug_error e;
	struct snug_exit x;
	int r = 1;

	if (argc != 2)
		return fprintf(stderr, "usage: %s GUEST\n", argv[0]), 2;
	if (snug_vm_new(SNUG_CONFIG(.devices = SNUG_DEV_ALL, .console = {.write = console}), &h.vm, &e) < 0 ||
	    snug_stats_start(h.vm, &e) < 0 || snug_pio_add(h.vm, 0x300, 12, &ops, &h, &e) < 0 ||
	    snug_load(h.vm, &(struct snug_image){.path = argv[1]}, &e) < 0 ||
	    snug_vcpu_run(snug_vm_vcpu(h.vm, 0), 0, &x, &e) < 0)
		fprintf(stderr, "%s\n%s\n", e.msg, e.hint);
	else
		r = x.kind == SNUG_EXIT_STATUS ? x.status.code : 1;
	snug_vm_free(h.vm);
	return r;
}

/* SPDX-License-Identifier: MIT */
/*
 * raw_linux: the floor of a Linux guest's boot: a monitor of ioctls that is just enough for one kernel on one CPU
 *
 * usage: raw_linux VMLINUX INITRD COMMAND-LINE
 *
 * It has KVM's interrupt controllers and PIT, a serial port that is always ready, a clock, a table of its CPU, and the reset of
 * the keyboard controller, which ends it with status 0.  On kvm_pvm it carries out the few instructions a boot with `noxsave`
 * needs there, by their bytes.  Anything else is status 1.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "raw.h"

#define MEMORY (256u << 20)
#define ZERO_PAGE 0x7000u
#define CMDLINE 0x20000u
#define MP 0xf0000u
#define INITRD (MEMORY - (16u << 20))

static void put(uint8_t *at, uint64_t v, unsigned bytes)
{
	memcpy(at, &v, bytes);
}

/* A file, mapped. */
static const uint8_t *map(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	*len = (size_t)st.st_size;
	p = mmap(NULL, *len, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static uint64_t place(const uint8_t *elf, uint8_t *mem)
{
	const Elf64_Ehdr *h = (const void *)elf;
	const Elf64_Phdr *p = (const void *)(elf + h->e_phoff);

	for (int i = 0; i < h->e_phnum; i++)
		if (p[i].p_type == PT_LOAD)
			memcpy(mem + p[i].p_paddr, elf + p[i].p_offset, p[i].p_filesz);
	return h->e_entry;
}

/* Linux Documentation/arch/x86/zero-page.rst */
static void zero_page(uint8_t *mem, const char *cmdline, size_t initrd)
{
	uint8_t *z = mem + ZERO_PAGE;

	put(z + 0x1fe, 0xaa55, 2);
	memcpy(z + 0x202, "HdrS", 4);
	put(z + 0x206, 0x20c, 2);
	z[0x210] = 0xff;
	put(z + 0x218, INITRD, 4);
	put(z + 0x21c, initrd, 4);
	put(z + 0x228, CMDLINE, 4);
	memcpy(mem + CMDLINE, cmdline, strlen(cmdline) + 1);
	z[0x1e8] = 2;
	put(z + 0x2d0 + 8, 0xa0000, 8);
	z[0x2d0 + 16] = 1;
	put(z + 0x2e4, 0x100000, 8);
	put(z + 0x2e4 + 8, MEMORY - 0x100000, 8);
	z[0x2e4 + 16] = 1;
}

/*
 * What the kernel looks for at length where it is not there: a table of the one CPU (MultiProcessor Specification 1.4, 4), for
 * which it would read all of the BIOS's memory a word at a time.
 */
static void mp_table(uint8_t *mem)
{
	static const uint8_t cpu[20] = {0, 0, 0x14, 3};
	uint8_t *pointer = mem + MP, *table = pointer + 16, sum[2] = {0};

	memcpy(pointer, "_MP_", 4);
	put(pointer + 4, MP + 16, 4);
	pointer[8] = 1;
	pointer[9] = 4;
	memcpy(table, "PCMP", 4);
	put(table + 4, 44 + sizeof(cpu), 2);
	table[6] = 4;
	memset(table + 8, ' ', 20);
	put(table + 34, 1, 2);
	put(table + 36, 0xfee00000, 4);
	memcpy(table + 44, cpu, sizeof(cpu));
	for (size_t i = 0; i < 44 + sizeof(cpu); i++)
		sum[1] += table[i];
	table[7] = (uint8_t)-sum[1];
	for (size_t i = 0; i < 16; i++)
		sum[0] += pointer[i];
	pointer[10] = (uint8_t)-sum[0];
}

/* What is looked at is there, so that nobody waits for it: a serial line that can always send, a clock that stands still. */
struct devices {
	uint8_t serial[8], cmos_index;
};

static uint8_t read_port(const struct devices *d, uint16_t port)
{
	switch (port) {
	case 0x71: /* MC146818: no update in progress, binary, the time is valid; the rest: the first of a month */
		return d->cmos_index == 10 ? 0x26 : d->cmos_index == 11 ? 0x06 : d->cmos_index == 13 ? 0x80 : 1;
	case 0x64:
		return 0;
	case 0x3fa: /* 16550: has FIFOs, has nothing to say */
		return 0xc1;
	case 0x3fd:
		return 0x60;
	case 0x3fe: /* in the loop, what MCR says */
		return (d->serial[4] & 0x1f) == 0x1a ? 0x90 : 0xb0;
	default:
		return port >= 0x3f8 && port < 0x400 ? d->serial[port & 7] : 0xff;
	}
}

static void access_port(struct devices *d, struct kvm_run *run, bool *done)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	size_t len = (size_t)run->io.size * run->io.count;
	uint16_t port = run->io.port;

	if (run->io.direction == KVM_EXIT_IO_IN) {
		memset(data, read_port(d, port), len);
		return;
	}
	if (port == 0x3f8 && !(d->serial[3] & 0x80) && write(STDERR_FILENO, data, len) < 0)
		*done = true;
	if (port > 0x3f8 && port < 0x400)
		d->serial[port & 7] = data[0];
	if (port == 0x70)
		d->cmos_index = data[0] & 0x7f;
	*done |= port == 0x64 && data[0] == 0xfe;
}

/* int3: an exception of its own, whose return address is behind it. */
static int inject(struct raw_vm *vm, uint8_t vector)
{
	struct kvm_vcpu_events ev;

	if (ioctl(vm->vcpu, KVM_GET_VCPU_EVENTS, &ev) < 0)
		return -1;
	ev.exception.injected = 1;
	ev.exception.nr = vector;
	ev.exception.has_error_code = 0;
	return ioctl(vm->vcpu, KVM_SET_VCPU_EVENTS, &ev);
}

/* Just what this boot is seen to need: by its bytes, without looking at operands. */
static int carry_out(struct raw_vm *vm)
{
	static const struct {
		uint8_t len, bytes[3];
		uint8_t skip, vector; /* how far; the exception, 0: none */
	} rows[] = {
	    {1, {0xcc}, 1, 3},             /* int3 */
	    {2, {0x0f, 0x0b}, 0, 6},       /* ud2 */
	    {2, {0xdb, 0xe2}, 2, 0},       /* fnclex */
	    {1, {0x9b}, 1, 0},             /* fwait */
	    {2, {0x0f, 0x77}, 2, 0},       /* emms */
	    {3, {0x0f, 0x01, 0xca}, 3, 0}, /* clac */
	    {3, {0x0f, 0x01, 0xcb}, 3, 0}, /* stac */
	};
	const uint8_t *insn = vm->run->emulation_failure.insn_bytes;
	struct kvm_regs r;

	if (vm->run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION || ioctl(vm->vcpu, KVM_GET_REGS, &r) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (memcmp(insn, rows[i].bytes, rows[i].len) != 0)
			continue;
		r.rip += rows[i].skip;
		if (ioctl(vm->vcpu, KVM_SET_REGS, &r) < 0)
			return -1;
		return rows[i].vector ? inject(vm, rows[i].vector) : 0;
	}
	fprintf(stderr, "raw_linux: at 0x%llx: %02x %02x %02x %02x %02x\n", r.rip, insn[0], insn[1], insn[2], insn[3],
	        insn[4]);
	return -1;
}

static int run(struct raw_vm *vm)
{
	struct devices devices = {0};
	bool done = false;

	while (!done)
		switch (raw_step(vm)) {
		case KVM_EXIT_IO:
			access_port(&devices, vm->run, &done);
			break;
		case KVM_EXIT_MMIO:
			memset(vm->run->mmio.data, 0xff, 8);
			break;
		case KVM_EXIT_INTERNAL_ERROR:
			if (carry_out(vm) < 0)
				return 1;
			break;
		default:
			fprintf(stderr, "raw_linux: exit %u\n", vm->run->exit_reason);
			return 1;
		}
	return 0;
}

static int irqchip(struct raw_vm *vm)
{
	struct kvm_enable_cap on_failure = {.cap = KVM_CAP_EXIT_ON_EMULATION_FAILURE, .args = {1}};
	struct kvm_pit_config pit = {0};

	ioctl(vm->fd, KVM_ENABLE_CAP, &on_failure);
	return ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) < 0 || ioctl(vm->fd, KVM_CREATE_PIT2, &pit) < 0 ? -1 : 0;
}

/* Without what would be asked for by hypercalls, which kvm_pvm does not end, and without cmpxchg16b. */
static int choose_cpuid(struct raw_cpuid *t)
{
	int dev = open("/dev/kvm", O_RDWR), r;

	t->nent = sizeof(t->rows) / sizeof(t->rows[0]);
	r = ioctl(dev, KVM_GET_SUPPORTED_CPUID, t);
	close(dev);
	for (uint32_t i = 0; i < t->nent; i++) {
		if (t->rows[i].function == 0x40000001)
			t->rows[i].eax &= ~(1u << 7 | 1u << 11 | 1u << 13);
		if (t->rows[i].function == 1)
			t->rows[i].ecx &= ~(1u << 13);
	}
	return r;
}

int main(int argc, char **argv)
{
	static struct raw_cpuid cpuid;
	const struct raw_how how = {.mem_bytes = MEMORY, .fd = -1, .cpuid = &cpuid, .prepare = irqchip};
	static const uint8_t nothing[1];
	size_t kernel_len, initrd_len;
	const uint8_t *kernel, *initrd;
	struct raw_vm vm;
	struct kvm_regs r;
	uint64_t entry;

	if (argc != 4)
		return 2;
	kernel = map(argv[1], &kernel_len);
	initrd = map(argv[2], &initrd_len);
	if (!kernel || !initrd || choose_cpuid(&cpuid) < 0 || raw_new_how(&vm, &how) < 0)
		return 1;
	entry = place(kernel, vm.mem);
	memcpy(vm.mem + INITRD, initrd, initrd_len);
	zero_page(vm.mem, argv[3], initrd_len);
	mp_table(vm.mem);
	if (raw_load(&vm, true, nothing, 0) < 0 || ioctl(vm.vcpu, KVM_GET_REGS, &r) < 0)
		return 1;
	r.rip = entry;
	r.rsi = ZERO_PAGE;
	r.rsp = 0x6ff0;
	if (ioctl(vm.vcpu, KVM_SET_REGS, &r) < 0)
		return 1;
	return run(&vm);
}

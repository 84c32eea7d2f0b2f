/* SPDX-License-Identifier: MIT */
#include "calls.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SECOND 1000000000ull
#define ROWS_MAX 256

/* An unclaimed write, then an invalid opcode; the same bytes in every mode. */
static const uint8_t out_ud2[] = {0xe6, 0x10, 0x0f, 0x0b, 0xf4}; /* out %al, $0x10; ud2; hlt */
static const uint8_t ret[] = {0xc3, 0x0f, 0x0b};                 /* ret; ud2 */
static const uint8_t in_hlt[] = {0xe4, 0x10, 0xf4};              /* in $0x10, %al; hlt */

static int new_vm(struct scene *s, struct snug_config *c, struct snug_error *e)
{
	int r = snug_vm_new(c, &s->vm, e);

	if (r >= 0)
		s->cpu = snug_vm_vcpu(s->vm, 0);
	return r;
}

static int load(struct scene *s, const void *data, size_t len, enum snug_kind kind, enum snug_mode mode,
                struct snug_error *e)
{
	struct snug_image im = {.data = data, .len = len, .kind = kind, .mode = mode};

	return snug_load(s->vm, &im, e);
}

/* What comes before the call. */

static bool bare_vm(struct scene *s)
{
	struct snug_config c = {0};

	return new_vm(s, &c, NULL) == 0;
}

static bool two_vcpus(struct scene *s)
{
	struct snug_config c = {.cpus = 2};

	return new_vm(s, &c, NULL) == 0;
}

static bool loaded(struct scene *s)
{
	return bare_vm(s) && load(s, out_ud2, sizeof(out_ud2), SNUG_KIND_FLAT, SNUG_MODE_LONG, NULL) == 0;
}

static bool at_fault(struct scene *s)
{
	return loaded(s) && snug_run(s->vm, &s->x) == 0 && s->x.kind == SNUG_EXIT_PIO;
}

static bool waits_for_answer(struct scene *s)
{
	return bare_vm(s) && load(s, in_hlt, sizeof(in_hlt), SNUG_KIND_FLAT, SNUG_MODE_LONG, NULL) == 0 &&
	       snug_run(s->vm, &s->x) == 0 && s->x.kind == SNUG_EXIT_PIO && !s->x.pio.write;
}

static bool with_region(struct scene *s)
{
	struct snug_region r = {.gpa = 1ull << 32, .bytes = 1 << 20, .name = "extra"};

	return bare_vm(s) && snug_mem_add(s->vm, &r, NULL) == 0;
}

static bool with_file(struct scene *s)
{
	bool good;
	int fd;

	strcpy(s->path, "/tmp/snug-fault-XXXXXX");
	fd = mkstemp(s->path);
	if (fd < 0)
		return false;
	good = write(fd, out_ud2, sizeof(out_ud2)) == (ssize_t)sizeof(out_ud2);
	close(fd);
	return bare_vm(s) && good;
}

static bool counting(struct scene *s)
{
	return loaded(s) && snug_stats_start(s->vm, NULL) == 0 && snug_run(s->vm, &s->x) == 0;
}

static bool with_baseline(struct scene *s)
{
	return loaded(s) && snug_baseline(s->vm, NULL) == 0;
}

static bool away_from_baseline(struct scene *s)
{
	return with_baseline(s) && snug_run(s->vm, &s->x) == 0 && snug_mem_write(s->vm, 0x8000, "x", 1) == 0;
}

static bool with_pool(struct scene *s)
{
	return with_baseline(s) && snug_pool_new(s->vm, 0, &s->pool, NULL) == 0;
}

/* The calls. */

static int vm_new(struct scene *s, struct snug_error *e)
{
	struct snug_config c = {.devices = SNUG_DEV_ALL, .cpus = 2};

	return new_vm(s, &c, e);
}

static int vm_new_large(struct scene *s, struct snug_error *e)
{
	struct snug_config c = {.mem_bytes = (3ull << 30) + (1 << 20)};

	return new_vm(s, &c, e);
}

static int load_long(struct scene *s, struct snug_error *e)
{
	return load(s, out_ud2, sizeof(out_ud2), SNUG_KIND_FLAT, SNUG_MODE_LONG, e);
}

static int load_real(struct scene *s, struct snug_error *e)
{
	return load(s, out_ud2, sizeof(out_ud2), SNUG_KIND_FLAT, SNUG_MODE_REAL, e);
}

/* Code, and a name for it. */
struct elf_file {
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	Elf64_Shdr sh[3]; /* none, symbols, strings */
	Elf64_Sym sym[2];
	char names[8];
	uint8_t code[8];
};

static struct elf_file elf_file(const void *code, size_t len)
{
	struct elf_file f = {.names = "\0func"};

	memcpy(f.eh.e_ident, ELFMAG, SELFMAG);
	f.eh.e_ident[EI_CLASS] = ELFCLASS64;
	f.eh.e_ident[EI_DATA] = ELFDATA2LSB;
	f.eh.e_ident[EI_VERSION] = f.eh.e_version = EV_CURRENT;
	f.eh.e_type = ET_EXEC;
	f.eh.e_machine = EM_X86_64;
	f.eh.e_entry = f.ph.p_vaddr = f.ph.p_paddr = f.sym[1].st_value = 0x100000;
	f.eh.e_phoff = offsetof(struct elf_file, ph);
	f.eh.e_ehsize = sizeof(f.eh);
	f.eh.e_phentsize = sizeof(f.ph);
	f.eh.e_phnum = 1;
	f.eh.e_shoff = offsetof(struct elf_file, sh);
	f.eh.e_shentsize = sizeof(f.sh[0]);
	f.eh.e_shnum = 3;
	f.ph.p_type = PT_LOAD;
	f.ph.p_offset = offsetof(struct elf_file, code);
	f.ph.p_filesz = f.ph.p_memsz = sizeof(f.code);
	f.sh[1] = (Elf64_Shdr){.sh_type = SHT_SYMTAB,
	                       .sh_offset = offsetof(struct elf_file, sym),
	                       .sh_size = sizeof(f.sym),
	                       .sh_link = 2,
	                       .sh_entsize = sizeof(f.sym[0])};
	f.sh[2] = (Elf64_Shdr){
	    .sh_type = SHT_STRTAB, .sh_offset = offsetof(struct elf_file, names), .sh_size = sizeof(f.names)};
	f.sym[1].st_name = 1;
	f.sym[1].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
	f.sym[1].st_shndx = 1;
	memcpy(f.code, code, len);
	return f;
}

static int load_elf(struct scene *s, struct snug_error *e)
{
	struct elf_file f = elf_file(out_ud2, sizeof(out_ud2));

	return load(s, &f, sizeof(f), SNUG_KIND_AUTO, SNUG_MODE_AUTO, e);
}

static int load_symbols(struct scene *s, struct snug_error *e)
{
	struct elf_file f = elf_file(ret, sizeof(ret));
	struct snug_image im = {.data = &f, .len = sizeof(f), .mode = SNUG_MODE_USER, .flags = SNUG_IMAGE_SYMBOLS};

	return snug_load(s->vm, &im, e);
}

/* For calls: a VM with the port, and a function that returns. */
static bool with_port(struct scene *s)
{
	struct snug_config c = {.devices = SNUG_DEV_GUEST};

	return new_vm(s, &c, NULL) == 0;
}

static bool callable(struct scene *s)
{
	return with_port(s) && load_symbols(s, NULL) == 0;
}

static int call(struct scene *s, struct snug_error *e)
{
	char bytes[8] = "in/out";
	struct snug_function f = {.name = "func", .count = 1, .args = {SNUG_INOUT(bytes, sizeof(bytes))}};

	return snug_call(s->vm, &f, NULL, &s->x, e);
}

static int call_timed(struct scene *s, struct snug_error *e)
{
	struct snug_function f = {.address = 0x100000, .timeout_ns = 10 * SECOND};

	return snug_call(s->vm, &f, NULL, &s->x, e);
}

static bool called(struct scene *s)
{
	return callable(s) && call(s, NULL) == 0;
}

/* It stands in the stub that told of an invalid opcode. */
static bool faulted(struct scene *s)
{
	struct snug_function f = {.address = 0x100001};

	return callable(s) && snug_call(s->vm, &f, NULL, &s->x, NULL) == 1 && s->x.kind == SNUG_EXIT_FAULT;
}

static int no_fn(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *args, uint64_t *result)
{
	(void)ctx, (void)vcpu, (void)args, (void)result;
	return 0;
}

static int host_add(struct scene *s, struct snug_error *e)
{
	return snug_host_add(s->vm, "f", "rw", no_fn, NULL, e);
}

static bool with_function(struct scene *s)
{
	return with_port(s) && snug_host_add(s->vm, "g", "", no_fn, NULL, NULL) == 0;
}

static int load_firmware(struct scene *s, struct snug_error *e)
{
	static uint8_t rom[65536];

	memset(rom, 0xf4, sizeof(rom));
	return load(s, rom, sizeof(rom), SNUG_KIND_FIRMWARE, SNUG_MODE_AUTO, e);
}

static int load_path(struct scene *s, struct snug_error *e)
{
	struct snug_image im = {.path = s->path, .kind = SNUG_KIND_FLAT, .mode = SNUG_MODE_REAL};

	return snug_load(s->vm, &im, e);
}

static int mem_add(struct scene *s, struct snug_error *e)
{
	struct snug_region r = {.gpa = 1ull << 32, .bytes = 1 << 20, .flags = SNUG_MEM_READONLY};

	return snug_mem_add(s->vm, &r, e);
}

static int mem_add_borrowed(struct scene *s, struct snug_error *e)
{
	static _Alignas(4096) uint8_t page[4096];
	struct snug_region r = {.gpa = 1ull << 32, .bytes = sizeof(page), .host = page};

	return snug_mem_add(s->vm, &r, e);
}

static int mem_remove(struct scene *s, struct snug_error *e)
{
	return snug_mem_remove(s->vm, 1ull << 32, e);
}

static int get_regs(struct scene *s, struct snug_error *e)
{
	struct snug_regs r;

	return snug_vcpu_get_regs(s->cpu, &r, e);
}

static int set_regs(struct scene *s, struct snug_error *e)
{
	struct snug_regs r = {.rflags = 2};

	return snug_vcpu_set_regs(s->cpu, &r, e);
}

static struct snug_sregs kept_sregs; /* made ready outside the call */

static bool with_sregs(struct scene *s)
{
	return loaded(s) && snug_vcpu_get_sregs(s->cpu, &kept_sregs, NULL) == 0;
}

static int get_sregs(struct scene *s, struct snug_error *e)
{
	struct snug_sregs r;

	return snug_vcpu_get_sregs(s->cpu, &r, e);
}

static int set_sregs(struct scene *s, struct snug_error *e)
{
	return snug_vcpu_set_sregs(s->cpu, &kept_sregs, e);
}

static int get_reg(struct scene *s, struct snug_error *e)
{
	uint64_t v;
	int r = snug_vcpu_get_reg(s->cpu, "rip", &v, e);

	return r < 0 ? r : snug_vcpu_get_reg(s->cpu, "cr3", &v, e);
}

static int set_reg(struct scene *s, struct snug_error *e)
{
	int r = snug_vcpu_set_reg(s->cpu, "rax", 1, e);

	return r < 0 ? r : snug_vcpu_set_reg(s->cpu, "cr2", 1, e);
}

static int boot(struct scene *s, struct snug_error *e)
{
	return snug_vcpu_boot(s->cpu, SNUG_MODE_PROTECTED, 0x100000, 0x200000, e);
}

static int boot_second(struct scene *s, struct snug_error *e)
{
	return snug_vcpu_boot(snug_vm_vcpu(s->vm, 1), SNUG_MODE_USER, 0x100000, 0x200000, e);
}

static struct snug_cpuid kept_cpuid[ROWS_MAX];
static int kept_rows;

static bool with_cpuid(struct scene *s)
{
	kept_rows = bare_vm(s) ? snug_vcpu_get_cpuid(s->cpu, kept_cpuid, ROWS_MAX, NULL) : -1;
	return kept_rows > 0;
}

static int get_cpuid(struct scene *s, struct snug_error *e)
{
	struct snug_cpuid rows[1];

	return snug_vcpu_get_cpuid(s->cpu, rows, 1, e);
}

static int set_cpuid(struct scene *s, struct snug_error *e)
{
	return snug_vcpu_set_cpuid(s->cpu, kept_cpuid, (size_t)kept_rows, e);
}

static int translate(struct scene *s, struct snug_error *e)
{
	snug_gpa gpa;

	return snug_vcpu_translate(s->cpu, 0x100000, &gpa, e);
}

static int vcpu_read(struct scene *s, struct snug_error *e)
{
	uint8_t bytes[16];

	return snug_vcpu_read(s->cpu, 0x100000, bytes, sizeof(bytes), e);
}

static int run(struct scene *s, struct snug_error *e)
{
	return snug_vcpu_run(s->cpu, 0, &s->x, e);
}

static int run_timed(struct scene *s, struct snug_error *e)
{
	return snug_vcpu_run(s->cpu, 10 * SECOND, &s->x, e);
}

static int run_plain(struct scene *s, struct snug_error *e)
{
	(void)e;
	return snug_run(s->vm, &s->x);
}

static int complete(struct scene *s, struct snug_error *e)
{
	return snug_vcpu_complete(s->cpu, e);
}

static const struct snug_device_ops no_ops;

static int pio_add(struct scene *s, struct snug_error *e)
{
	return snug_pio_add(s->vm, 0x100, 1, &no_ops, NULL, e);
}

static int mmio_add(struct scene *s, struct snug_error *e)
{
	return snug_mmio_add(s->vm, 0xd0000000, 4096, &no_ops, NULL, e);
}

static int stats_start(struct scene *s, struct snug_error *e)
{
	return snug_stats_start(s->vm, e);
}

static int stats_read(struct scene *s, struct snug_error *e)
{
	struct snug_stat rows[4];

	(void)e;
	return snug_stats_read(s->vm, rows, 4);
}

static bool tracing(struct scene *s)
{
	struct snug_trace_config c = {.spill = "/tmp", .exits = 64};

	if (!loaded(s) || snug_trace_start(s->vm, &c, NULL) < 0)
		return false;
	for (int i = 0; i < 200; i++) /* out, then ud2 in its stub: two records each */
		if (snug_run(s->vm, &s->x) < 0 || snug_vcpu_set_reg(s->cpu, "rip", 0x100000, NULL) < 0)
			return false;
	return true;
}

static int trace_start(struct scene *s, struct snug_error *e)
{
	return snug_trace_start(s->vm, NULL, e);
}

static int trace_start_spill(struct scene *s, struct snug_error *e)
{
	struct snug_trace_config c = {.spill = "/tmp"};

	return snug_trace_start(s->vm, &c, e);
}

static int to_nowhere(void *ctx, const void *bytes, size_t len)
{
	(void)ctx, (void)bytes, (void)len;
	return 0;
}

static int trace_write(struct scene *s, struct snug_error *e)
{
	return snug_trace_write(s->vm, 0, to_nowhere, NULL, e);
}

static int stats_read_vcpu(struct scene *s, struct snug_error *e)
{
	struct snug_stat rows[4];

	(void)e;
	return snug_stats_read_vcpu(s->cpu, rows, 4);
}

static int kernel_stats_vm(struct scene *s, struct snug_error *e)
{
	struct snug_kernel_stat rows[8];

	return snug_kernel_stats(s->vm, NULL, rows, 8, e);
}

static int kernel_stats_vcpu(struct scene *s, struct snug_error *e)
{
	struct snug_kernel_stat rows[8];

	return snug_kernel_stats(s->vm, s->cpu, rows, 8, e);
}

static int mem_used(struct scene *s, struct snug_error *e)
{
	struct snug_mem_usage u;

	return snug_mem_used(s->vm, &u, e);
}

static int gdb_new(struct scene *s, struct snug_error *e)
{
	return snug_gdb_new(s->vm, 1, &s->gdb, e);
}

static bool debugged(struct scene *s, const char *packets)
{
	return loaded(s) && gdb_new(s, NULL) == 0 &&
	       snug_gdb_input(s->gdb, packets, strlen(packets)) == strlen(packets);
}

static bool debugged_on(struct scene *s)
{
	return debugged(s, "$QStartNoAckMode#b0$Z0,100002,1#00$vCont;c#00");
}

static bool debugged_stepping(struct scene *s)
{
	return debugged(s, "$QStartNoAckMode#b0$Z2,200000,8#00$vCont;s:1#00");
}

static bool debugged_detached(struct scene *s)
{
	struct snug_exit x;

	return debugged(s, "$QStartNoAckMode#b0$vCont;s:1#00") && snug_gdb_run(s->gdb, 0, &x, NULL) >= 0 &&
	       snug_gdb_run(s->gdb, 0, &x, NULL) >= 0 && snug_gdb_input(s->gdb, "$D#44", 5) == 5;
}

static int gdb_run(struct scene *s, struct snug_error *e)
{
	return snug_gdb_run(s->gdb, 0, &s->x, e);
}

static bool crashed(struct scene *s)
{
	return at_fault(s) && snug_autopsy_start(s->vm, NULL) == 0 && snug_run(s->vm, &s->x) == 0 &&
	       s->x.kind == SNUG_EXIT_FAULT;
}

static int vcpu_walk(struct scene *s, struct snug_error *e)
{
	struct snug_walk w;

	return snug_vcpu_walk(s->cpu, 0x100000, &w, e);
}

static int autopsy_start(struct scene *s, struct snug_error *e)
{
	return snug_autopsy_start(s->vm, e);
}

static int autopsy(struct scene *s, struct snug_error *e)
{
	struct snug_autopsy a = {.size = sizeof(a)};

	return snug_autopsy(s->cpu, &s->x, &a, e);
}

static int drop(void *ctx, uint64_t offset, const void *bytes, size_t len)
{
	(void)ctx, (void)offset, (void)bytes, (void)len;
	return 0;
}

static int core_write(struct scene *s, struct snug_error *e)
{
	return snug_core_write(s->cpu, &s->x, drop, NULL, NULL, e);
}

static int host_info(struct scene *s, struct snug_error *e)
{
	struct snug_host h = {.size = sizeof(h)};

	(void)s;
	return snug_host_info(NULL, &h, e);
}

static int host_caps(struct scene *s, struct snug_error *e)
{
	struct snug_cap caps[4];

	(void)s;
	return snug_host_caps(NULL, caps, 4, e);
}

static int hygiene_set(struct scene *s, struct snug_error *e)
{
	const struct snug_hygiene h = {.size = sizeof(h), .time = SNUG_TIME_BACK};

	return snug_hygiene_set(s->vm, &h, e);
}

static int generation(struct scene *s, struct snug_error *e)
{
	uint8_t id[16];

	(void)e;
	return snug_generation(s->vm, id);
}

static int baseline(struct scene *s, struct snug_error *e)
{
	return snug_baseline(s->vm, e);
}

static int reset(struct scene *s, struct snug_error *e)
{
	return snug_reset(s->vm, NULL, e);
}

static int clone_two(struct scene *s, struct snug_error *e)
{
	return snug_clone(s->vm, 2, s->clones, e);
}

static int pool_new(struct scene *s, struct snug_error *e)
{
	return snug_pool_new(s->vm, 1, &s->pool, e);
}

static int pool_get(struct scene *s, struct snug_error *e)
{
	return snug_pool_get(s->pool, &s->clones[0], e);
}

static int files_need(struct scene *s, struct snug_error *e)
{
	(void)s;
	return snug_files_need(1, e);
}

/* RFC 3720 12.1; slowly, since libsnug exports none */
static uint32_t crc32c(const uint8_t *p, size_t len)
{
	uint32_t crc = ~0u;

	for (; len; len--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* A snapshot at s->path, and no VM. */
static bool saved(struct scene *s)
{
	snug_vm *vm;
	bool good = with_file(s) && load_long(s, NULL) == 0 && snug_save(s->vm, s->path, NULL) == 0;

	vm = s->vm;
	s->vm = NULL;
	snug_vm_free(vm);
	return good;
}

/* The same from another kernel, so that KVM is asked what it can do: kernel is in section origin, the first. */
static bool saved_elsewhere(struct scene *s)
{
	static uint8_t head[65536];
	uint32_t crc;
	uint64_t at;
	bool good = saved(s);
	int fd = open(s->path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return false;
	memcpy(&at, head + 64 + 8, sizeof(at));
	head[at + 32] ^= 1;
	crc = crc32c(head + at, 160);
	memcpy(head + 64 + 28, &crc, 4);
	memset(head + 60, 0, 4);
	memcpy(&crc, head + 16, 4);
	crc = crc32c(head, 64 + 32 * crc);
	memcpy(head + 60, &crc, 4);
	good = good && pwrite(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head);
	close(fd);
	return good;
}

static bool with_fd(struct scene *s)
{
	s->fd = memfd_create("snapshot", MFD_CLOEXEC);
	return s->fd > 0 && loaded(s);
}

static int save(struct scene *s, struct snug_error *e)
{
	return snug_save(s->vm, s->path, e);
}

static int save_fd(struct scene *s, struct snug_error *e)
{
	return snug_save_fd(s->vm, s->fd, e);
}

static int restore(struct scene *s, struct snug_error *e)
{
	return snug_restore(s->path, NULL, &s->vm, e);
}

static int snapshot_info(struct scene *s, struct snug_error *e)
{
	struct snug_snapshot_info i = {0};

	return snug_snapshot_info(s->path, NULL, SNUG_SNAPSHOT_VERIFY, &i, e);
}

const struct call_row call_rows[] = {
    {"snug_vm_new", "two vCPUs, all devices", NULL, vm_new},
    {"snug_vm_new", "memory above 4 GiB", NULL, vm_new_large},
    {"snug_load", "flat, long mode", bare_vm, load_long, .keeps = true},
    {"snug_load", "flat, real mode", bare_vm, load_real, .keeps = true},
    {"snug_load", "ELF", bare_vm, load_elf, .keeps = true},
    {"snug_load", "ELF with symbols", bare_vm, load_symbols, .keeps = true},
    {"snug_load", "ELF with symbols, again", callable, load_symbols, .keeps = true},
    {"snug_load", "firmware", bare_vm, load_firmware, .keeps = true},
    {"snug_load", "after another guest ran", counting, load_long, .keeps = true},
    {"snug_load", "a file", with_file, load_path, .keeps = true},
    {"snug_mem_add", "memory of the library's", bare_vm, mem_add},
    {"snug_mem_add", "memory of the caller's", bare_vm, mem_add_borrowed},
    {"snug_mem_remove", "", with_region, mem_remove},
    {"snug_vcpu_get_regs", "", bare_vm, get_regs},
    {"snug_vcpu_get_regs", "with a write pending", at_fault, get_regs},
    {"snug_vcpu_set_regs", "", bare_vm, set_regs},
    {"snug_vcpu_get_sregs", "", bare_vm, get_sregs},
    {"snug_vcpu_set_sregs", "", with_sregs, set_sregs},
    {"snug_vcpu_get_reg", "one of each kind", bare_vm, get_reg},
    {"snug_vcpu_set_reg", "one of each kind", bare_vm, set_reg},
    {"snug_vcpu_boot", "protected mode", bare_vm, boot, .keeps = true},
    {"snug_vcpu_boot", "user mode, second vCPU", two_vcpus, boot_second, .keeps = true},
    {"snug_vcpu_get_cpuid", "", bare_vm, get_cpuid},
    {"snug_vcpu_set_cpuid", "", with_cpuid, set_cpuid},
    {"snug_vcpu_translate", "", loaded, translate},
    {"snug_vcpu_read", "", loaded, vcpu_read},
    {"snug_vcpu_run", "no time limit", loaded, run},
    {"snug_vcpu_run", "time limit", loaded, run_timed, .keeps = true},
    {"snug_vcpu_run", "to a fault", at_fault, run},
    {"snug_vcpu_run", "counted", counting, run},
    {"snug_run", "", loaded, run_plain, .silent = true},
    {"snug_call", "the first", callable, call},
    {"snug_call", "after another", called, call},
    {"snug_call", "after a fault", faulted, call},
    {"snug_call", "by address, with a time limit", callable, call_timed, .keeps = true},
    {"snug_host_add", "the first", with_port, host_add},
    {"snug_host_add", "another", with_function, host_add},
    {"snug_vcpu_complete", "an answered read", waits_for_answer, complete},
    {"snug_pio_add", "", bare_vm, pio_add},
    {"snug_mmio_add", "", bare_vm, mmio_add},
    {"snug_stats_start", "", two_vcpus, stats_start},
    {"snug_stats_read", "", counting, stats_read, .silent = true},
    {"snug_trace_start", "in memory", two_vcpus, trace_start},
    {"snug_trace_start", "with a file", two_vcpus, trace_start_spill},
    {"snug_trace_write", "from a file", tracing, trace_write},
    {"snug_stats_read_vcpu", "", counting, stats_read_vcpu, .silent = true},
    {"snug_kernel_stats", "of the VM", loaded, kernel_stats_vm},
    {"snug_kernel_stats", "of a vCPU", loaded, kernel_stats_vcpu},
    {"snug_mem_used", "", loaded, mem_used},
    {"snug_gdb_new", "", loaded, gdb_new},
    {"snug_gdb_run", "on, with a breakpoint", debugged_on, gdb_run},
    {"snug_gdb_run", "a step, with a watchpoint", debugged_stepping, gdb_run},
    {"snug_gdb_run", "detached", debugged_detached, gdb_run},
    {"snug_vcpu_walk", "", loaded, vcpu_walk},
    {"snug_autopsy_start", "", two_vcpus, autopsy_start},
    {"snug_autopsy", "", crashed, autopsy},
    {"snug_core_write", "", crashed, core_write},
    {"snug_host_info", "", NULL, host_info},
    {"snug_host_caps", "", NULL, host_caps},
    {"snug_baseline", "the first", loaded, baseline, .keeps = true, .spares = true},
    {"snug_baseline", "another", away_from_baseline, baseline, .keeps = true, .spares = true},
    {"snug_reset", "", away_from_baseline, reset, .keeps = true},
    {"snug_clone", "two", with_baseline, clone_two, .keeps = true, .spares = true},
    {"snug_pool_new", "", with_baseline, pool_new, .keeps = true, .spares = true},
    {"snug_pool_get", "of an empty pool", with_pool, pool_get, .keeps = true, .spares = true},
    {"snug_files_need", "", bare_vm, files_need, .pure = true},
    {"snug_hygiene_set", "", bare_vm, hygiene_set, .pure = true},
    {"snug_generation", "", bare_vm, generation, .silent = true},
    {"snug_sandbox", "runs guests", NULL, call_sandbox_vcpu, .spares = true},
    {"snug_sandbox", "keeps files", NULL, call_sandbox_files, .spares = true},
    {"snug_save", "over a file", with_file, save, .spares = true},
    {"snug_save_fd", "a memfd", with_fd, save_fd, .spares = true},
    {"snug_restore", "on the same host", saved, restore, .spares = true},
    {"snug_restore", "from another kernel", saved_elsewhere, restore, .spares = true},
    {"snug_snapshot_info", "on the same host", saved, snapshot_info},
    {"snug_snapshot_info", "from another kernel", saved_elsewhere, snapshot_info},
    {"snug_vm_new", "a PC", NULL, call_pc_new},
    {"snug_load", "Linux", scene_pc, call_load_linux, .keeps = true},
    {"snug_detect", "a file", with_file, call_detect},
    {"snug_save_fd", "a PC, into a memfd", scene_pc_fd, save_fd, .spares = true},
    {"snug_baseline", "a PC", scene_pc_loaded, baseline, .keeps = true, .spares = true},
    {"snug_reset", "a PC", scene_pc_at_baseline, reset, .keeps = true},
    {"snug_start", "", scene_bare, call_start},
    {"snug_start", "a PC", scene_pc, call_start},
    {"snug_resume", "and wait", scene_started, call_resume_wait},
    {"snug_wait", "after resume", scene_started, call_resume_wait},
    {"snug_pause", "", scene_running, call_pause, .pure = true},
    {"snug_stop", "", scene_started, call_stop, .pure = true},
};

const unsigned call_row_count = sizeof(call_rows) / sizeof(call_rows[0]);

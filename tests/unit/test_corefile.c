/* SPDX-License-Identifier: MIT */
/* corefile: an ELF core file, read back */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "guestmem.h"
#include "svc/corefile.h"
#include "x86/x86.h"

#define ROOM (GUESTMEM_RAM + (1u << 20))

static struct file {
	uint8_t bytes[ROOM];
	uint64_t next;    /* offsets rise */
	uint64_t written; /* bytes that were */
	int fail;         /* the errno of the second write */
	unsigned calls;
} file;

static int keep(void *ctx, uint64_t offset, const void *bytes, size_t len)
{
	struct file *f = ctx;

	f->calls++;
	if (f->fail && f->calls == 2)
		return f->fail;
	assert_true(offset >= f->next && snug__within(offset, len, ROOM));
	memcpy(f->bytes + offset, bytes, len);
	f->next = offset + len;
	f->written += len;
	return 0;
}

static void put(void **state, snug_gpa at, uint64_t v)
{
	uint8_t bytes[8];

	snug__le_store(bytes, 8, v);
	assert_int_equal(snug__mem_write(*state, at, bytes, 8), 0);
}

static struct snug__core_cpu long_cpu(void)
{
	return (struct snug__core_cpu){
	    .regs = {.rip = 0x400123, .rax = 7, .rsp = 0x1000},
	    .sregs = {.cr0 = X86_CR0_PE | X86_CR0_PG,
	              .cr4 = X86_CR4_PAE,
	              .efer = X86_EFER_LME | X86_EFER_LMA,
	              .cr3 = 0x1000,
	              .cs = {.selector = 0x18}},
	};
}

static uint64_t write_file(void **state, const struct snug__core_cpu *cpus, unsigned n)
{
	struct snug_error e = {0};
	uint64_t bytes = 0;

	memset(&file, 0, sizeof(file));
	if (snug__corefile_write(*state, cpus, n, 11, keep, &file, &bytes, &e) < 0)
		fail_msg("%s", e.msg);
	assert_true(file.next <= bytes && bytes <= ROOM);
	return bytes;
}

#define PW (X86_PTE_P | X86_PTE_W)

static void wide(void **state)
{
	struct snug__core_cpu cpus[2] = {long_cpu(), {.index = 1}};
	const Elf64_Ehdr *h = (const void *)file.bytes;
	const Elf64_Phdr *p = (const void *)(file.bytes + sizeof(*h));
	uint64_t bytes;

	put(state, 0x1000, 0x2000 | PW);
	put(state, 0x1000 + 8 * 511, 0x2000 | PW);
	put(state, 0x2000, 0x3000 | PW);
	put(state, 0x3000, 0x4000 | PW);
	put(state, 0x3000 + 8, 0x200000 | PW | X86_PTE_PS); /* the end of RAM: nothing */
	put(state, 0x4000 + 8 * 4, 0x8000 | PW);
	put(state, 0x4000 + 8 * 5, 0x9000 | PW);
	put(state, 0x4000 + 8 * 6, 0xa000 | X86_PTE_P); /* read-only */
	put(state, 0x8000, 0x1122334455667788);
	bytes = write_file(state, cpus, 2);
	assert_memory_equal(h->e_ident, ELFMAG, SELFMAG);
	assert_int_equal(h->e_ident[EI_CLASS], ELFCLASS64);
	assert_int_equal(h->e_type, ET_CORE);
	assert_int_equal(h->e_machine, EM_X86_64);
	assert_int_equal(h->e_phnum, 5);
	assert_int_equal(p[0].p_type, PT_NOTE);
	assert_int_equal(p[1].p_vaddr, 0x4000);
	assert_int_equal(p[1].p_paddr, 0x8000);
	assert_int_equal(p[1].p_filesz, 0x2000); /* two pages in one */
	assert_int_equal(p[1].p_flags, PF_R | PF_W | PF_X);
	assert_int_equal(p[2].p_vaddr, 0x6000);
	assert_int_equal(p[2].p_flags, PF_R | PF_X);
	assert_int_equal(p[3].p_vaddr, 0xffffff8000004000);
	assert_int_equal(p[3].p_offset, p[1].p_offset); /* memory is there once */
	assert_int_equal(snug__le_load(file.bytes + p[1].p_offset, 8), 0x1122334455667788);
	assert_int_equal(p[1].p_offset % SNUG_PAGE, 0);
	assert_true(bytes >= GUESTMEM_RAM && file.written < 10 * SNUG_PAGE); /* holes */
}

/* NT_PRSTATUS of each vCPU, as gdb will look at it. */
static void notes(void **state)
{
	struct snug__core_cpu cpus[2] = {long_cpu(), {.index = 1}};
	const Elf64_Phdr *p = (const void *)(file.bytes + sizeof(Elf64_Ehdr));
	const uint8_t *at, *end;
	unsigned status = 0, ours = 0;

	write_file(state, cpus, 2);
	at = file.bytes + p->p_offset;
	end = at + p->p_filesz;
	while (at < end) {
		uint64_t name = snug__le_load(at, 4), len = snug__le_load(at + 4, 4), type = snug__le_load(at + 8, 4);
		const uint8_t *desc = at + 12 + (name + 3) / 4 * 4;

		if (type == NT_PRSTATUS) {
			assert_string_equal((const char *)at + 12, "CORE");
			assert_int_equal(len, 336);
			assert_int_equal(snug__le_load(desc + 32, 4), status + 1);
			assert_int_equal(snug__le_load(desc + 12, 2), status ? 0 : 11);
			assert_int_equal(snug__le_load(desc + 112 + 16 * 8, 8), status ? 0 : 0x400123);
			status++;
		} else {
			assert_string_equal((const char *)at + 12, "SNUG");
			assert_true(type == SNUG__CORE_NOTE_CPU || type == SNUG__CORE_NOTE_MEMORY);
			ours++;
			if (type == SNUG__CORE_NOTE_CPU && ours == 1)
				assert_int_equal(snug__le_load(desc + 8, 8), cpus[0].sregs.cr0);
			if (type == SNUG__CORE_NOTE_MEMORY)
				assert_int_equal(snug__le_load(desc + 24, 8), GUESTMEM_RAM);
		}
		at = desc + (len + 3) / 4 * 4;
	}
	assert_ptr_equal(at, end);
	assert_int_equal(status, 2);
	assert_int_equal(ours, 3);
}

static void narrow(void **state)
{
	struct snug__core_cpu cpu = {.regs = {.rip = 0x7c00}};
	const Elf32_Ehdr *h = (const void *)file.bytes;
	const Elf32_Phdr *p = (const void *)(file.bytes + sizeof(*h));

	put(state, 0x7c00, 0xf4);
	write_file(state, &cpu, 1);
	assert_int_equal(h->e_ident[EI_CLASS], ELFCLASS32);
	assert_int_equal(h->e_machine, EM_386);
	assert_int_equal(h->e_phnum, 2);
	assert_int_equal(p[1].p_vaddr, 0);
	assert_int_equal(p[1].p_filesz, GUESTMEM_RAM);
	assert_int_equal(file.bytes[p[1].p_offset + 0x7c00], 0xf4);
	assert_int_equal(snug__le_load(file.bytes + p[0].p_offset + 20 + 72 + 12 * 4, 4), 0x7c00); /* eip */
}

/* A page table that leads to itself maps without end; the file does not. */
static void hostile(void **state)
{
	struct snug__core_cpu cpu = long_cpu();
	const Elf64_Ehdr *h = (const void *)file.bytes;

	for (unsigned i = 0; i < 512; i++)
		put(state, 0x1000 + 8 * i, 0x1000 | PW);
	write_file(state, &cpu, 1);
	assert_int_equal(h->e_phnum, SNUG__CORE_LOADS + 1);
	cpu.sregs.cr3 = UINT64_MAX; /* tables nowhere: registers and memory, but no addresses */
	write_file(state, &cpu, 1);
	assert_int_equal(h->e_phnum, 1);
}

static void write_fails(void **state)
{
	struct snug__core_cpu cpu = long_cpu();
	struct snug_error e = {0};

	put(state, 0x5000, 1);
	memset(&file, 0, sizeof(file));
	file.fail = -ENOSPC;
	assert_int_equal(snug__corefile_write(*state, &cpu, 1, 0, keep, &file, NULL, &e), -ENOSPC);
	assert_error(e, -ENOSPC, "core file: write");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    GUESTMEM_TEST(wide),    GUESTMEM_TEST(notes),       GUESTMEM_TEST(narrow),
	    GUESTMEM_TEST(hostile), GUESTMEM_TEST(write_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

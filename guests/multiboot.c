/* SPDX-License-Identifier: MIT */
/*
 * multiboot: a Multiboot kernel that says what it was told: snug run multiboot.elf --append "a b" --initrd FILE
 *
 * With KLUDGE the header has addresses, so that the file may be a flat image.
 */
#include <snug/guest.h>

#define FLAGS_ELF 3 /* modules on pages, memory */
#define FLAGS_KLUDGE 0x10003

#define STR2(x) #x
#define STR(x) STR2(x)
#ifdef KLUDGE
#define FLAGS FLAGS_KLUDGE
#define ADDRESSES "\t.long header, LOAD, 0, bss_end, _start\n"
#else
#define FLAGS FLAGS_ELF
#define ADDRESSES ""
#endif

__asm__(".section .start, \"ax\"\n"
        ".globl _start\n"
        "first:\n"
        "\t.balign 4\n"
        "header:\t.long 0x1badb002, " STR(FLAGS) ", -(0x1badb002 + " STR(FLAGS) ")\n" ADDRESSES "_start:\n"
                                                                                "\tmov $stack_end, %esp\n"
                                                                                "\tpush %ebx\n"
                                                                                "\tpush %eax\n"
                                                                                "\tcall told\n"
                                                                                ".bss\n"
                                                                                "\t.balign 16\n"
                                                                                "\t.skip 4096\n"
                                                                                "stack_end:\n"
                                                                                "bss_end:\n"
                                                                                ".text\n");

/* Multiboot 0.6.96, 3.3 */
struct info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods, syms[4], mmap_len, mmap;
	uint32_t drives_len, drives, config, loader;
};
struct module {
	uint32_t start, end, string, zero;
};
struct range {
	uint32_t size, base, base_high, len, len_high, type;
};

static void hex(uint32_t v)
{
	for (int shift = 28; shift >= 0; shift -= 4)
		snug_putc("0123456789abcdef"[v >> shift & 15]);
}

static const char *text(uint32_t at)
{
	return (const char *)(uintptr_t)at;
}

static void modules(const struct info *i)
{
	const struct module *m = (const struct module *)(uintptr_t)i->mods;

	for (uint32_t n = 0; n < i->mods_count; n++, m++) {
		snug_puts("module \"");
		snug_puts(text(m->string));
		snug_puts("\": ");
		for (uint32_t at = m->start; at < m->end && at < m->start + 32; at++)
			snug_putc(*text(at));
		snug_puts("\n");
	}
}

static void map(const struct info *i)
{
	for (uint32_t at = i->mmap; at < i->mmap + i->mmap_len;) {
		const struct range *r = (const struct range *)(uintptr_t)at;

		snug_puts("map ");
		hex(r->base_high);
		hex(r->base);
		snug_puts(" ");
		hex(r->len_high);
		hex(r->len);
		snug_puts(r->type == 1 ? " ram\n" : " reserved\n");
		at += r->size + 4;
	}
}

void told(uint32_t magic, const struct info *i);

__attribute__((used)) void told(uint32_t magic, const struct info *i)
{
	if (magic != 0x2badb002) {
		snug_puts("not by Multiboot\n");
		snug_exit(1);
	}
	snug_puts("loader ");
	snug_puts(text(i->loader));
	snug_puts(", command line \"");
	snug_puts(text(i->cmdline));
	snug_puts("\"\nlower ");
	hex(i->mem_lower);
	snug_puts(" upper ");
	hex(i->mem_upper);
	snug_puts("\n");
	modules(i);
	map(i);
	snug_exit(0);
}

/* SPDX-License-Identifier: MIT */
/* linuxfix: a kernel of a few bytes, as a vmlinux and packed into a bzImage */
#ifndef LINUXFIX_H
#define LINUXFIX_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TINY_GPA 0x200000u
#define TINY_CODE 64u /* bytes there are for code */

struct tiny_vmlinux {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[2]; /* code, notes */
	Elf64_Nhdr nh;
	char owner[8];
	uint8_t desc[4];
	uint8_t code[TINY_CODE];
};

static inline struct tiny_vmlinux tiny_vmlinux(const void *code, size_t len)
{
	struct tiny_vmlinux k = {
	    .eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	           .e_type = ET_EXEC,
	           .e_machine = EM_X86_64,
	           .e_version = EV_CURRENT,
	           .e_entry = TINY_GPA,
	           .e_phoff = offsetof(struct tiny_vmlinux, ph),
	           .e_ehsize = sizeof(Elf64_Ehdr),
	           .e_phentsize = sizeof(Elf64_Phdr),
	           .e_phnum = 2},
	    .ph = {{.p_type = PT_LOAD,
	            .p_flags = PF_R | PF_X,
	            .p_offset = offsetof(struct tiny_vmlinux, code),
	            .p_vaddr = TINY_GPA,
	            .p_paddr = TINY_GPA,
	            .p_filesz = TINY_CODE,
	            .p_memsz = TINY_CODE},
	           {.p_type = PT_NOTE,
	            .p_offset = offsetof(struct tiny_vmlinux, nh),
	            .p_filesz = sizeof(Elf64_Nhdr) + 8 + 4}},
	    .nh = {.n_namesz = 6, .n_descsz = 4, .n_type = 0x100},
	    .owner = "Linux",
	};

	memcpy(k.code, code, len < TINY_CODE ? len : TINY_CODE);
	return k;
}

/* Linux Documentation/arch/x86/boot.rst: a boot sector, a sector of setup code, and the rest with the payload in it. */
#define TINY_SETUP 1024u
#define TINY_PAYLOAD 0x240u /* behind a decompressor that is not one: its 64-bit entry is at 0x200 */

static inline void tiny_put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static inline size_t tiny_bzimage_bytes(size_t payload)
{
	return TINY_SETUP + TINY_PAYLOAD + payload;
}

/* Into tiny_bzimage_bytes() bytes.  code: what the decompressor would be. */
static inline void tiny_bzimage(uint8_t *out, const void *payload, size_t len, const void *code, size_t code_len)
{
	memset(out, 0, tiny_bzimage_bytes(len));
	out[0x1f1] = 1; /* setup_sects */
	tiny_put(out + 0x1fe, 0xaa55, 2);
	tiny_put(out + 0x200, 0x66eb, 2); /* jump over the header, to 0x268 */
	memcpy(out + 0x202, "HdrS", 4);
	tiny_put(out + 0x206, 0x20f, 2);
	out[0x211] = 1; /* LOADED_HIGH */
	tiny_put(out + 0x22c, 0x7fffffff, 4);
	tiny_put(out + 0x230, 0x200000, 4);
	out[0x234] = 1; /* relocatable */
	tiny_put(out + 0x236, 1, 2);
	tiny_put(out + 0x238, 2047, 4);
	tiny_put(out + 0x248, TINY_PAYLOAD, 4);
	tiny_put(out + 0x24c, len, 4);
	tiny_put(out + 0x258, TINY_GPA, 8);
	tiny_put(out + 0x260, 0x10000, 4);
	memcpy(out + TINY_SETUP + 0x200, code, code_len < 0x40 ? code_len : 0x40);
	memcpy(out + TINY_SETUP + TINY_PAYLOAD, payload, len);
}

#endif

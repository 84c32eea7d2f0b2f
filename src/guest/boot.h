/* SPDX-License-Identifier: MIT */
/* boot: what a loader is told and what it returns; register state is data, made real by core */
#ifndef SNUG_GUEST_BOOT_H
#define SNUG_GUEST_BOOT_H

#include <snug.h>

#include "base/cursor.h"
#include "guest/mem.h"

/* A file for the kernel besides its image: an initrd, a Multiboot module. */
struct snug__module {
	struct snug__span bytes;
	const char *args; /* never NULL */
};

/* A piece of the address space, as kernels are told of it: ACPI 6.5 table 15.3 has the types. */
#define SNUG__E820_RAM 1u
#define SNUG__E820_RESERVED 2u
#define SNUG__E820_ACPI 3u
struct snug__e820 {
	uint64_t base, bytes;
	uint32_t type;
};
#define SNUG__E820_MAX 16

/* The machine, for kernels that want to be told: what core/pc.c made of the machine table. */
struct snug__boot_machine {
	unsigned e820_count;
	struct snug__e820 e820[SNUG__E820_MAX]; /* in order, not overlapping */
	snug_gpa rsdp;                          /* 0: there is no ACPI */
};

/* What the caller of snug_load asked for. */
struct snug__boot_want {
	enum snug_mode mode; /* AUTO: the loader decides */
	bool has_load, has_entry;
	snug_gpa load;
	uint64_t entry;
	uint64_t stack;      /* 0: the loader decides */
	const char *cmdline; /* NULL: none was given */
	const struct snug__module *modules;
	unsigned module_count;
	const struct snug__boot_machine *machine; /* NULL: a bare machine */
	bool unpack;  /* Linux's modules are better unpacked here: an emulated kernel takes long */
	bool consume; /* the image is a private mapping, whose pages may be dropped when they were written */
};

/*
 * struct snug_boot (snug.h) is what a loader returns: mode and addresses, never AUTO.  What a boot protocol wants in further
 * registers it puts into *regs, all zero before; rip, rsp and rflags are the mode's.
 */

/*
 * A loader checks the whole image before it writes the first byte, writes it through mem, and fills *out.  It does
 * not touch KVM.  Negative errno and *err on failure: -ENOEXEC (damaged or foreign), -ERANGE (an address outside
 * memory), -EFBIG (larger than memory), -EINVAL (options that do not go with it).
 */
typedef int (*snug__load_fn)(struct snug__span image, const struct snug__boot_want *want, struct snug__mem *mem,
                             struct snug_boot *out, struct snug_regs *regs, struct snug_error *err);

#endif

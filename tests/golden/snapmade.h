/* SPDX-License-Identifier: MIT */
/*
 * snapmade: the state that the golden snapshot files hold, made by hand
 *
 * Every field has a value of its own, so that no two can change places unseen.  It stays as it is: the files were made
 * from it.  Needs no KVM; nothing of it would run.
 */
#ifndef TESTS_GOLDEN_SNAPMADE_H
#define TESTS_GOLDEN_SNAPMADE_H

#include <stdlib.h>
#include <string.h>

#include "svc/snapfile.h"

#define SNAPMADE_CPUS 2
#define SNAPMADE_MSRS 3
#define SNAPMADE_ROWS 4
#define SNAPMADE_DATA 0x3000 /* of memory, then zeros to its end */
#define SNAPMADE_BYTES (2 * SNUG__CHUNK)

/* Bytes that differ from struct to struct and from field to field. */
static inline void snapmade_fill(void *at, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)at)[i] = (uint8_t)(seed * 37 + i * 11 + (i >> 8));
}

static inline void snapmade_cpu(struct snug__cpu_state *c, unsigned n)
{
	snapmade_fill(&c->regs, sizeof(c->regs), n + 1);
	snapmade_fill(&c->sregs, sizeof(c->sregs), n + 2);
	snapmade_fill(&c->events, sizeof(c->events), n + 3);
	snapmade_fill(&c->debug, sizeof(c->debug), n + 4);
	snapmade_fill(&c->xcrs, sizeof(c->xcrs), n + 5);
	c->xcrs.nr_xcrs = 1;
	c->xcrs.xcrs[0].xcr = 0;
	c->xcrs.xcrs[0].value = n ? 3 : 7;
	c->mp.mp_state = n;
	snapmade_fill(c->xsave, sizeof(c->xsave), n + 6);
	c->msr_count = SNAPMADE_MSRS;
	c->msrs = calloc(c->msr_count, sizeof(*c->msrs));
	snapmade_fill(c->msrs, c->msr_count * sizeof(*c->msrs), n + 7);
	c->cpuid_count = SNAPMADE_ROWS;
	c->cpuid = calloc(c->cpuid_count, sizeof(*c->cpuid));
	c->cpuid[0] = (struct kvm_cpuid_entry2){.function = 0, .eax = 13, .ebx = n};
	c->cpuid[1] = (struct kvm_cpuid_entry2){.function = 1, .ecx = 1u << 20 | 1u << 27, .edx = 1u << 25};
	c->cpuid[2] =
	    (struct kvm_cpuid_entry2){.function = 7, .flags = 1, .ebx = 1u << 16 | 1u << 30, .ecx = 1u << 5};
	c->cpuid[3] = (struct kvm_cpuid_entry2){.function = 0x80000001, .edx = 1u << 29};
	c->mark_len = (uint8_t)(2 + n);
	memcpy(c->mark, "half", c->mark_len);
}

static inline void snapmade_symbols(struct snug__frozen *f)
{
	static const char text[] = "start\0main\0table";
	static const struct snug__symbol rows[] = {{0x100000, 5, 0}, {0x100010, 0x40, 6}, {0x101000, 8, 11}};

	snug__symbols_make(rows, 3, text, sizeof(text), &f->symbols, NULL);
}

static inline void snapmade_machine(struct snug__frozen *f)
{
	f->devices = SNUG_DEV_SERIAL | SNUG_DEV_GUEST;
	f->unclaimed = SNUG_UNCLAIMED_IGNORE;
	f->ram_top = 0x4000;
	f->has_ivt = true;
	f->boot = (struct snug_boot){sizeof(f->boot), SNUG_KIND_ELF, SNUG_MODE_USER, 0x1000, 0x3000, 0x1234, 0x2ff0};
	snapmade_fill(&f->clock, sizeof(f->clock), 8);
	f->tsc_khz = 2800000;
	f->generation_gpa = 0x2100;
	strcpy(f->mark_stop, "re\xc3\xa4"
	                     "dy");
	f->origin = (struct snug__origin){
	    .kind = SNUG_HOST_SVM,
	    .snug = "0.1.0",
	    .kernel = "6.1.0-18-amd64",
	    .cpu = "Golden CPU @ 2.80GHz",
	    .time_ns = 1700000000123456789,
	};
}

/* One owner; NULL: no memory. */
static inline struct snug__frozen *snapmade(void)
{
	static const struct snug__frozen_region regions[] = {
	    {.gpa = 0, .bytes = 0x4000, .offset = 0, .name = "ram"},
	    {.gpa = 0xffffe000,
	     .bytes = 0x2000,
	     .offset = SNUG__CHUNK,
	     .flags = SNUG_MEM_READONLY,
	     .name = "firmware"},
	};
	struct snug__frozen *f = snug__frozen_new();

	f->bytes = SNAPMADE_BYTES;
	f->region_count = 2;
	f->regions = malloc(sizeof(regions));
	memcpy(f->regions, regions, sizeof(regions));
	f->cpus = SNAPMADE_CPUS;
	f->cpu = calloc(f->cpus, sizeof(*f->cpu));
	for (unsigned i = 0; i < f->cpus; i++)
		snapmade_cpu(&f->cpu[i], i);
	snapmade_machine(f);
	f->dev_count = 2;
	f->devs = calloc(f->dev_count, sizeof(*f->devs));
	f->devs[0] = (struct snug__dev_state){.base = 0x3f8, .builtin = true, .len = 13, .bytes = malloc(13)};
	f->devs[1] = (struct snug__dev_state){.base = 0xd0000000, .mmio = true, .len = 0, .bytes = malloc(1)};
	snapmade_fill(f->devs[0].bytes, 13, 9);
	snapmade_symbols(f);
	return f;
}

/* The host it was "made" on. */
static inline struct snug__host_cpu snapmade_host(void)
{
	return (struct snug__host_cpu){"GoldenMaker!",
	                               {0x00a20f10, 1u << 20, 0x178bfbff, 0x219c97a9, 0x0040068c, 0x10}};
}

/* Its memory: one page of it is not zero. */
static inline void snapmade_memory(uint8_t bytes[SNAPMADE_DATA])
{
	memset(bytes, 0, SNAPMADE_DATA);
	snapmade_fill(bytes + 0x2000, 0x1000, 10);
}

/* The whole head, sealed.  Memory lies on the next page: so small a file is kept easily, and any reader must take it. */
static inline struct snug__snap_image snapmade_image(const struct snug__frozen *f)
{
	struct snug__host_cpu cpu = snapmade_host();
	struct snug__snap_image image;
	uint8_t chunk[0x4000] = {0};

	if (snug__snap_image(f, &cpu, &image, NULL) < 0)
		abort();
	snapmade_memory(chunk);
	snug__snap_image_chunk(&image, 0, chunk, sizeof(chunk));
	image.mem_offset = (image.len + 4095) & ~4095ull;
	image.file_bytes = image.mem_offset + image.mem_bytes;
	snug__le_store(image.bytes + SNAP_MEM_OFFSET, 8, image.mem_offset);
	snug__le_store(image.bytes + SNAP_FILE_BYTES, 8, image.file_bytes);
	snug__snap_image_seal(&image);
	return image;
}

#endif

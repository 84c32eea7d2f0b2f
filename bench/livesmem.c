/* SPDX-License-Identifier: MIT */
/* livesmem: what a thousand clones cost in memory */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lives.h"

#define MEM (16u << 20)
#define PAGES 8 /* each dirties */

/* 1: movb $1, (%rdi); add $0x1000, %rdi; dec %ecx; jnz 1b; 2: out %al, $0x10; jmp 2b */
static const uint8_t touch[] = {0xc6, 0x07, 0x01, 0x48, 0x81, 0xc7, 0x00, 0x10, 0,
                                0,    0xff, 0xc9, 0x75, 0xf2, 0xe6, 0x10, 0xeb, 0xfc};

/* A figure in KiB of a file of /proc, or below 0. */
static double kib(const char *path, const char *format)
{
	char line[256];
	double v = -1;
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, format, &v) == 1)
			break;
	if (f)
		fclose(f);
	return v;
}

static snug_vm *parent(void)
{
	struct snug_config c = {.size = sizeof(c), .mem_bytes = MEM};
	struct snug_image im = {.data = touch, .len = sizeof(touch), .kind = SNUG_KIND_FLAT, .mode = SNUG_MODE_USER};
	snug_vm *vm;

	if (snug_vm_new(&c, &vm, NULL) < 0)
		return NULL;
	if (snug_load(vm, &im, NULL) == 0 && snug_vcpu_set_reg(snug_vm_vcpu(vm, 0), "rdi", 0x200000, NULL) == 0 &&
	    snug_vcpu_set_reg(snug_vm_vcpu(vm, 0), "rcx", PAGES, NULL) == 0 && snug_baseline(vm, NULL) == 0)
		return vm;
	snug_vm_free(vm);
	return NULL;
}

/* Runs each once; true if all did. */
static bool run_all(snug_vm **vm, unsigned n)
{
	struct snug_exit x;

	for (unsigned i = 0; i < n; i++)
		if (snug_run(vm[i], &x) < 0 || x.kind != SNUG_EXIT_PIO)
			return false;
	return true;
}

const char *lives_pss(struct bench *b, struct figure *f)
{
	snug_vm **vm = calloc(b->arg, sizeof(*vm)), *p = parent();
	struct snug_reset_info info = {0};
	double pss, available;
	const char *why = "the clones cannot be made";

	*f = (struct figure){0};
	if (p && run_all(&p, 1))
		snug_reset(p, &info, NULL); /* what one of them dirties */
	pss = kib("/proc/self/smaps_rollup", "Pss: %lf");
	available = kib("/proc/meminfo", "MemAvailable: %lf");
	if (vm && p && snug_clone(p, b->arg, vm, NULL) == 0) {
		why = run_all(vm, b->arg) ? NULL : "a clone does not run";
		pss = (kib("/proc/self/smaps_rollup", "Pss: %lf") - pss) / b->arg;
		available = (available - kib("/proc/meminfo", "MemAvailable: %lf")) / b->arg;
		for (unsigned i = 0; i < b->arg; i++)
			snug_vm_free(vm[i]);
	}
	f->ours = pss;
	f->floor = (double)info.pages * 4;
	f->diff = f->ours - f->floor;
	snprintf(f->note, sizeof(f->note),
	         "the kernel's own memory for each of them: %.0f KiB (MemAvailable less PSS)", available - pss);
	snug_vm_free(p);
	free(vm);
	return why;
}

/* SPDX-License-Identifier: MIT */
/* callspc: PCs, kernels and the threads of a VM for the walk */
#include <sys/mman.h>
#include <unistd.h>

#include "../linuxfix.h"
#include "calls.h"

#define SECOND 1000000000ull

static const uint8_t out_hlt[] = {0xe6, 0x10, 0xf4}; /* out %al, $0x10; hlt */
/* movb $1, 0x9000; jmp . */
static const uint8_t endless[] = {0xc6, 0x04, 0x25, 0x00, 0x90, 0, 0, 1, 0xeb, 0xfe};

static int new_vm(struct scene *s, unsigned devices, struct snug_error *e)
{
	struct snug_config c = {.devices = devices, .cpus = 1};
	int r = snug_vm_new(&c, &s->vm, e);

	s->cpu = r < 0 ? NULL : snug_vm_vcpu(s->vm, 0);
	return r;
}

int call_pc_new(struct scene *s, struct snug_error *e)
{
	return new_vm(s, SNUG_DEV_ALL | SNUG_DEV_PC, e);
}

bool scene_pc(struct scene *s)
{
	return call_pc_new(s, NULL) == 0;
}

int call_load_linux(struct scene *s, struct snug_error *e)
{
	struct tiny_vmlinux k = tiny_vmlinux(out_hlt, sizeof(out_hlt));
	struct snug_module initrd = {.data = "initrd", .len = 6};
	struct snug_image im = {
	    .data = &k, .len = sizeof(k), .cmdline = "console=ttyS0", .modules = &initrd, .module_count = 1};

	return snug_load(s->vm, &im, e);
}

int call_detect(struct scene *s, struct snug_error *e)
{
	struct snug_image im = {.path = s->path, .mode = SNUG_MODE_LONG};

	return snug_detect(&im, e);
}

static bool load_flat(struct scene *s, const uint8_t *code, size_t len)
{
	struct snug_image im = {.data = code, .len = len, .kind = SNUG_KIND_FLAT, .mode = SNUG_MODE_LONG};

	return snug_load(s->vm, &im, NULL) == 0;
}

bool scene_bare(struct scene *s)
{
	return new_vm(s, 0, NULL) == 0 && load_flat(s, out_hlt, sizeof(out_hlt));
}

bool scene_pc_loaded(struct scene *s)
{
	return scene_pc(s) && call_load_linux(s, NULL) == 0;
}

bool scene_pc_fd(struct scene *s)
{
	s->fd = memfd_create("snapshot", MFD_CLOEXEC);
	return s->fd > 0 && scene_pc_loaded(s);
}

bool scene_pc_at_baseline(struct scene *s)
{
	return scene_pc_loaded(s) && snug_baseline(s->vm, NULL) == 0 && snug_mem_write(s->vm, 0x8000, "x", 1) == 0;
}

int call_start(struct scene *s, struct snug_error *e)
{
	return snug_start(s->vm, NULL, e);
}

bool scene_started(struct scene *s)
{
	return scene_bare(s) && snug_start(s->vm, NULL, NULL) == 0;
}

/* The vCPU's thread is the only one to call the host between the two. */
int call_resume_wait(struct scene *s, struct snug_error *e)
{
	int r = snug_resume(s->vm, e);

	return r < 0 ? r : snug_wait(s->vm, 10 * SECOND, &s->x, e);
}

/* Once the guest has said that it runs, its thread stands in KVM_RUN. */
bool scene_running(struct scene *s)
{
	uint8_t said = 0;

	if (new_vm(s, 0, NULL) < 0 || !load_flat(s, endless, sizeof(endless)) || snug_start(s->vm, NULL, NULL) < 0 ||
	    snug_resume(s->vm, NULL) < 0)
		return false;
	for (int i = 0; i < 10000 && !said; i++) {
		usleep(1000);
		if (snug_mem_read(s->vm, 0x9000, &said, 1) < 0)
			return false;
	}
	return said == 1;
}

int call_pause(struct scene *s, struct snug_error *e)
{
	return snug_pause(s->vm, e);
}

/* A second time there is nothing to stop. */
int call_stop(struct scene *s, struct snug_error *e)
{
	return snug_stop(s->vm, e);
}

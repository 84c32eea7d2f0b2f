/* SPDX-License-Identifier: MIT */
/* look: the functions that look inside a guest, attacked with guests in any state; what they answer matters little */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

static void drop_line(void *ctx, const char *line, size_t len)
{
	*(size_t *)ctx += len && line[len - 1] == '\n';
}

static int drop_bytes(void *ctx, const void *bytes, size_t len)
{
	(void)bytes;
	*(size_t *)ctx += len;
	return 0;
}

static int drop_core(void *ctx, uint64_t offset, const void *bytes, size_t len)
{
	(void)offset;
	return drop_bytes(ctx, bytes, len);
}

static void autopsy(struct fuzz *f, const struct snug_exit *x)
{
	struct snug_autopsy a = {.size = sizeof(a)};
	size_t lines = 0;

	if (snug_autopsy(f->cpu, x, &a, NULL) < 0)
		return;
	snug_autopsy_text(&a, drop_line, &lines);
	if (!lines)
		failed(f, "an autopsy without a line", NULL);
}

static void walks(struct fuzz *f, const struct snug_exit *x)
{
	uint8_t bytes[4096];
	struct snug_walk w;
	snug_gpa gpa;

	(void)x;
	for (unsigned i = 0; i < 8; i++) {
		uint64_t at = odd_value(f);
		int n;

		if (snug_vcpu_walk(f->cpu, at, &w, NULL) == 0 && w.steps > 5)
			failed(f, "a walk of more than five steps", NULL);
		snug_vcpu_translate(f->cpu, at, &gpa, NULL);
		n = snug_vcpu_read(f->cpu, at, bytes, sizeof(bytes), NULL);
		if (n > (int)sizeof(bytes))
			failed(f, "more bytes than there is room for", NULL);
	}
}

/* What reaches past the end of RAM is refused, whole. */
static void edges(struct fuzz *f, const struct snug_exit *x)
{
	uint32_t ram = f->mode == SNUG_MODE_REAL ? REAL_RAM_BYTES : RAM_BYTES, before = below(f, 64),
	         len = below(f, 128);
	uint8_t bytes[128];
	int want = len > before ? -EFAULT : 0;

	(void)x;
	if (len && snug_mem_read(f->vm, ram - before, bytes, len) != want)
		failed(f, "a read at the end of RAM", NULL);
	if (len && (snug_mem_ptr(f->vm, ram - before, len, false) == NULL) != (want != 0))
		failed(f, "a pointer at the end of RAM", NULL);
}

static void core(struct fuzz *f, const struct snug_exit *x)
{
	size_t total = 0;
	uint64_t bytes;

	snug_core_write(f->cpu, x, drop_core, &total, &bytes, NULL);
}

static void figures(struct fuzz *f, const struct snug_exit *x)
{
	struct snug_stat rows[16];
	struct snug_mem_usage use;
	size_t total = 0;

	(void)x;
	snug_stats_read(f->vm, rows, 16);
	snug_mem_used(f->vm, &use, NULL);
	if (snug_trace_write(f->vm, 32, drop_bytes, &total, NULL) == 0 && !total)
		failed(f, "an empty timeline", NULL);
}

/* Another life of this state, run for a moment: a clone, or by way of a file. */
static void live(snug_vm *vm)
{
	struct snug_exit x;

	snug_vcpu_run(snug_vm_vcpu(vm, 0), MS, &x, NULL);
	snug_vm_free(vm);
}

static void clone(struct fuzz *f, const struct snug_exit *x)
{
	snug_vm *other;

	(void)x;
	if (snug_clone(f->vm, 1, &other, NULL) == 0)
		live(other);
}

static void file(struct fuzz *f, const struct snug_exit *x)
{
	int fd = memfd_create("guestfuzz", MFD_CLOEXEC);
	char path[64];
	snug_vm *other;

	(void)x;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd >= 0 && fchmod(fd, 0600) == 0 && snug_save_fd(f->vm, fd, NULL) == 0 &&
	    snug_restore(path, NULL, &other, NULL) == 0)
		live(other);
	if (fd >= 0)
		close(fd);
}

/* A debugger that asks, steps and goes away. */
static void debugger(struct fuzz *f, const struct snug_exit *x)
{
	static const char talk[] = "+$?#3f+$g#67+$mffffffffffffff00,200#00+$qXfer:threads:read::0,fff#00+$s#73+";
	struct snug_exit y;
	char out[512];
	snug_gdb *gdb;

	(void)x;
	if (snug_gdb_new(f->vm, 1, &gdb, NULL) < 0)
		return;
	snug_gdb_input(gdb, talk, sizeof(talk) - 1);
	for (unsigned i = 0; i < 4; i++) {
		snug_gdb_run(gdb, MS, &y, NULL);
		while (snug_gdb_output(gdb, out, sizeof(out)))
			;
	}
	snug_gdb_free(gdb);
}

/* How often each is called: one of so many rounds. */
static const struct {
	void (*look)(struct fuzz *f, const struct snug_exit *x);
	unsigned rarity;
} looks[] = {{autopsy, 2}, {walks, 2}, {edges, 2}, {core, 16}, {figures, 16}, {debugger, 8}, {clone, 32}, {file, 32}};

void look_inside(struct fuzz *f, const struct snug_exit *x)
{
	for (unsigned i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		if (below(f, looks[i].rarity))
			continue;
		looks[i].look(f, x);
		f->looked++;
	}
}

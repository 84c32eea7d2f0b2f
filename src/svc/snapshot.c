/* SPDX-License-Identifier: MIT */
/* snapshot: saving a VM to a file, and making one from it */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/sized.h"
#include "host/file.h"
#include "host/map.h"
#include "host/newfile.h"
#include "svc/snapfile.h"
#include "svc/snapopen.h"

static int no_pointer(const char *what, struct snug_error *err)
{
	return snug__err(err, -EINVAL, SNUG_STEP_NONE, "pass one", "%s is NULL", what);
}

static int tell_chunk(void *image, uint64_t offset, const uint8_t *bytes, uint64_t len)
{
	snug__snap_image_chunk(image, offset, bytes, len);
	return 0;
}

/* What could not be read back is not written: the reader's limits are the format's. */
static int check_image(const struct snug__snap_image *image, struct snug_error *err)
{
	struct snug__snap back;
	int r = snug__snap_read((struct snug__span){image->bytes, image->len}, image->file_bytes, image->crc32, &back,
	                        err);

	if (r >= 0)
		snug__frozen_drop(back.frozen);
	if (r == -ENOEXEC)
		return snug__err_wrap(err, err ? err->code = -ENOTSUP : -ENOTSUP, "the file could not be read again");
	return r;
}

/* Memory first and the head last: a file whose writer was stopped is no snapshot. */
static int write_image(snug_vm *vm, const struct snug__frozen *f, struct snug__snap_image *image, int fd,
                       struct snug_error *err)
{
	int r = ftruncate(fd, (off_t)image->file_bytes);

	if (r < 0)
		return snug__file_failed(errno, "set its length", err);
	r = snug__freeze_memory(vm, f, fd, image->mem_offset, tell_chunk, image, err);
	if (r < 0)
		return r;
	snug__snap_image_seal(image);
	return snug__file_pwrite(fd, image->bytes, image->len, 0, err);
}

static int save_to(snug_vm *vm, int fd, struct snug_error *err)
{
	struct snug__frozen *f = NULL;
	struct snug__snap_image image = {.bytes = NULL};
	struct snug__host_cpu cpu;
	int r = snug__freeze_state(vm, &f, err);

	if (r < 0)
		return r;
	snug__host_cpu(&cpu);
	snug__host_cpu_name(f->origin.cpu);
	r = snug__snap_image(f, &cpu, &image, err);
	if (r >= 0)
		r = check_image(&image, err);
	if (r >= 0)
		r = write_image(vm, f, &image, fd, err);
	snug__snap_image_free(&image);
	snug__frozen_drop(f);
	return r;
}

int snug_save(snug_vm *vm, const char *path, struct snug_error *err)
{
	struct snug__newfile n;
	int r;

	if (!path)
		return no_pointer("path", err);
	r = snug__newfile_begin(&n, path, err);
	if (r >= 0)
		r = save_to(vm, n.fd, err);
	if (r >= 0)
		r = snug__newfile_commit(&n, err);
	snug__newfile_end(&n);
	return r < 0 ? snug__err_wrap(err, r, "save '%s'", path) : 0;
}

/* Found out by doing it: a sandbox lets pass what writing needs, and not fcntl. */
static int probe(int fd, struct snug_error *err)
{
	if (pwrite(fd, "", 1, 1) == 1)
		return 0;
	return snug__file_failed(errno, errno == EBADF ? "it is not open for writing" : "write", err);
}

static int look_at_probe(int fd, struct snug_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return snug__file_failed(errno, "stat", err);
	if (ftruncate(fd, 0) < 0)
		return snug__file_failed(errno, "ftruncate", err);
	if (st.st_size != 2)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "open it without O_APPEND",
		                 "it only appends, and memory is written at its place");
	return 0;
}

static int check_fd(int fd, struct snug_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return snug__file_failed(errno, "stat", err);
	if (!S_ISREG(st.st_mode))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "use a regular file or a memfd",
		                 "it is not a regular file");
	if (st.st_size != 0)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "use a new file, or ftruncate it",
		                 "it is not empty: %lld bytes", (long long)st.st_size);
	return probe(fd, err);
}

int snug_save_fd(snug_vm *vm, int fd, struct snug_error *err)
{
	int r = check_fd(fd, err);

	if (r >= 0) {
		r = look_at_probe(fd, err);
		if (r >= 0)
			r = save_to(vm, fd, err);
		if (r < 0 && ftruncate(fd, 0) < 0)
			return snug__err_wrap(err, r, "save to descriptor %d, now half written", fd);
	}
	return r < 0 ? snug__err_wrap(err, r, "save to descriptor %d", fd) : 0;
}

static int check_config(const struct snug_config *c, struct snug_error *err)
{
	const struct {
		const char *name;
		uint64_t value;
	} none[] = {{"mem_bytes", c->mem_bytes}, {"cpus", c->cpus}, {"devices", c->devices}, {"cpu", c->cpu != NULL}};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (none[i].value)
			return snug__err(err, -EINVAL, SNUG_STEP_NONE, "leave it 0: the file says what the VM has",
			                 "config: %s 0x%llx", none[i].name, (unsigned long long)none[i].value);
	if (c->unclaimed > SNUG_UNCLAIMED_IGNORE)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "use enum snug_unclaimed", "config: unclaimed 0x%x",
		                 c->unclaimed);
	return snug__vm_check_flags(c, err);
}

/* Memory, as the file has it: nothing is read until somebody looks. */
static int map_view(struct snug__snapopen *o, struct snug_error *err)
{
	struct snug__frozen *f = o->snap.frozen;
	int r = snug__map_check(f->bytes, err);

	if (r >= 0)
		r = snug__map_view(o->fd, f->base, f->bytes, &f->view, err);
	if (r < 0)
		return r;
	f->fd = o->fd;
	o->fd = -1;
	return 0;
}

static int restore(const char *path, const struct snug_config *c, bool use_unclaimed, snug_vm **out,
                   struct snug_error *err)
{
	struct snug__kvm_watch watch = {c->on_call, c->on_call_ctx};
	struct snug__snapopen o;
	int r = snug__snapopen(path, c->flags & SNUG_CONFIG_OWNED, &o, err);

	if (r < 0)
		return r;
	r = snug__snap_fit(&o.snap, &o.here, c->kvm_path, &watch, err);
	if (r >= 0)
		r = map_view(&o, err);
	if (r >= 0)
		r = snug__thaw(o.snap.frozen, c, use_unclaimed, out, err);
	snug__snapopen_end(&o);
	return r;
}

int snug_restore(const char *path, const struct snug_config *cfg, snug_vm **out, struct snug_error *err)
{
	static const struct snug_config defaults;
	struct snug_config c;
	int r;

	if (!path || !out)
		return no_pointer(path ? "out" : "path", err);
	if (!cfg)
		cfg = &defaults;
	if (!snug__sized_copy(&c, sizeof(c), cfg))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "set it to sizeof(struct snug_config) or 0",
		                 "config: size %zu", cfg->size);
	if (!c.kvm_path)
		c.kvm_path = "/dev/kvm";
	r = check_config(&c, err);
	if (r < 0)
		return r;
	r = restore(path, &c, cfg != &defaults, out, err);
	return r < 0 ? snug__err_wrap(err, r, "restore '%s'", path) : 0;
}

/* Ways in which a host cannot restore a file; any other failure is one of finding it out. */
static bool is_misfit(int code)
{
	static const int codes[] = {-ENOTSUP, -ENOENT, -ENXIO, -ENODEV, -EACCES, -EPERM, -ENOTTY, -EPROTO};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i] == code)
			return true;
	return false;
}

static int tell_fit(const struct snug__snapopen *o, const char *kvm_path, struct snug_snapshot_info *out,
                    struct snug_error *err)
{
	static const struct snug__kvm_watch nobody;
	const char *path = kvm_path ? kvm_path : "/dev/kvm";
	struct snug_error e = {0};
	int r = snug__snap_fit(&o->snap, &o->here, path, &nobody, &e);

	if (r >= 0) { /* it may not have looked at the device at all */
		int fd = r = snug__kvm_open(path, &nobody, &e);

		if (fd >= 0)
			close(fd);
	}
	out->fits = r >= 0;
	if (r >= 0)
		return 0;
	if (!is_misfit(r))
		return snug__err(err, r, e.step, e.hint, "%s", e.msg);
	snprintf(out->why, sizeof(out->why), "%.*s", (int)sizeof(out->why) - 1, e.msg);
	return 0;
}

static void describe(const struct snug__snapopen *o, struct snug_snapshot_info *out)
{
	const struct snug__frozen *f = o->snap.frozen;

	*out = (struct snug_snapshot_info){
	    .size = sizeof(*out),
	    .version = o->snap.header.version,
	    .host = f->origin.kind,
	    .time_ns = f->origin.time_ns,
	    .cpus = f->cpus,
	    .devices = f->devices,
	    .regions = f->region_count,
	    .data_bytes = snug__snapopen_data(o),
	    .file_bytes = o->snap.header.file_bytes,
	    .boot = f->boot,
	    .symbols = f->symbols ? f->symbols->count : 0,
	};
	for (unsigned i = 0; i < f->region_count; i++)
		out->mem_bytes += f->regions[i].bytes;
	memcpy(out->snug, f->origin.snug, sizeof(out->snug));
	memcpy(out->kernel, f->origin.kernel, sizeof(out->kernel));
	memcpy(out->cpu, f->origin.cpu, sizeof(out->cpu));
}

int snug_snapshot_info(const char *path, const char *kvm_path, uint32_t flags, struct snug_snapshot_info *out,
                       struct snug_error *err)
{
	struct snug_snapshot_info info;
	struct snug__snapopen o;
	int r;

	if (!path || !out)
		return no_pointer(path ? "out" : "path", err);
	if (out->size && (out->size < sizeof(info) || out->size > SNUG__SIZED_MAX))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "set it to sizeof(struct snug_snapshot_info) or 0",
		                 "snapshot info: size %zu", out->size);
	if (flags & ~(uint32_t)SNUG_SNAPSHOT_VERIFY)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "the only flag is SNUG_SNAPSHOT_VERIFY",
		                 "snapshot info: flags 0x%x", flags);
	r = snug__snapopen(path, false, &o, err);
	if (r < 0)
		return snug__err_wrap(err, r, "snapshot '%s'", path);
	describe(&o, &info);
	r = tell_fit(&o, kvm_path, &info, err);
	if (r >= 0 && flags & SNUG_SNAPSHOT_VERIFY)
		r = snug__snapopen_verify(&o, err);
	snug__snapopen_end(&o);
	if (r < 0)
		return snug__err_wrap(err, r, "snapshot '%s'", path);
	*out = info;
	return 0;
}

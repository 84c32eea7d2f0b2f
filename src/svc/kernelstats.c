/* SPDX-License-Identifier: MIT */
/* kernelstats: what KVM counts itself, KVM 4.133 "KVM_GET_STATS_FD" */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/err.h"
#include "core/core.h"

#define MAX_STATS 1024u /* Linux 6.18 has some 60 */
#define MAX_NAME 256u
#define MAX_VALUES 1024u /* buckets of a histogram */

static int damaged(struct snug_error *err, const char *what)
{
	return snug__err(err, -EPROTO, SNUG_STEP_NONE,
	                 "leave out the kernel's figures; the kernel may be newer than snug", "KVM_GET_STATS_FD: %s",
	                 what);
}

static int read_at(int fd, void *to, size_t len, uint64_t at, struct snug_error *err)
{
	ssize_t n = pread(fd, to, len, (off_t)at);

	if (n < 0)
		return snug__err(err, -errno, SNUG_STEP_NONE, "leave out the kernel's figures",
		                 "KVM_GET_STATS_FD: read: %s (%s)", snug__errno_text(errno), snug__errno_name(errno));
	return (size_t)n == len ? 0 : damaged(err, "shorter than it says");
}

/* The value, or the sum of a histogram's buckets. */
static int read_value(int fd, const struct kvm_stats_desc *d, uint64_t data_offset, uint64_t *value,
                      struct snug_error *err)
{
	uint64_t items[MAX_VALUES];
	int r;

	if (d->size == 0 || d->size > MAX_VALUES)
		return damaged(err, "a figure of no or too many values");
	r = read_at(fd, items, d->size * sizeof(items[0]), data_offset + d->offset, err);
	*value = 0;
	for (unsigned i = 0; r == 0 && i < d->size; i++)
		*value += items[i];
	return r;
}

static int read_rows(int fd, const struct kvm_stats_header *h, const uint8_t *descs, struct snug_kernel_stat *rows,
                     size_t max, struct snug_error *err)
{
	size_t stride = sizeof(struct kvm_stats_desc) + h->name_size;

	for (size_t i = 0; rows && i < h->num_desc && i < max; i++) {
		struct snug_kernel_stat *row = &rows[i];
		struct kvm_stats_desc d;
		size_t len;
		int r;

		memcpy(&d, descs + i * stride, sizeof(d));
		memset(row, 0, sizeof(*row));
		len = strnlen((const char *)descs + i * stride + sizeof(d), h->name_size);
		memcpy(row->name, descs + i * stride + sizeof(d), snug__min(len, sizeof(row->name) - 1));
		row->unit = (d.flags & KVM_STATS_UNIT_MASK) >> KVM_STATS_UNIT_SHIFT;
		row->exponent = d.exponent;
		r = read_value(fd, &d, h->data_offset, &row->value, err);
		if (r < 0)
			return r;
	}
	return (int)h->num_desc;
}

static int read_all(int fd, struct snug_kernel_stat *rows, size_t max, struct snug_error *err)
{
	struct kvm_stats_header h;
	uint8_t *descs;
	size_t bytes;
	int r = read_at(fd, &h, sizeof(h), 0, err);

	if (r < 0)
		return r;
	if (h.num_desc > MAX_STATS || h.name_size == 0 || h.name_size > MAX_NAME)
		return damaged(err, "a header that makes no sense");
	bytes = h.num_desc * (sizeof(struct kvm_stats_desc) + h.name_size);
	descs = malloc(bytes ? bytes : 1);
	if (!descs)
		return snug__err(err, -ENOMEM, SNUG_STEP_NONE, "free some memory", "kernel figures: out of memory");
	r = read_at(fd, descs, bytes, h.desc_offset, err);
	if (r == 0)
		r = read_rows(fd, &h, descs, rows, max, err);
	free(descs);
	return r;
}

int snug_kernel_stats(const snug_vm *vm, const snug_vcpu *vcpu, struct snug_kernel_stat *rows, size_t max,
                      struct snug_error *err)
{
	int fd, r;

	if (!snug__kvm_cap(vm->fd, KVM_CAP_BINARY_STATS_FD, &vm->watch))
		return snug__err(err, -ENOTSUP, SNUG_STEP_NONE, "leave them out, or use Linux 5.14 or later",
		                 "this KVM lacks KVM_CAP_BINARY_STATS_FD: no figures of the kernel");
	fd = snug__kvm_stats_fd(vcpu ? vcpu->kvm.fd : vm->fd, &vm->watch, err);
	if (fd < 0)
		return fd;
	r = read_all(fd, rows, max, err);
	close(fd);
	return r;
}

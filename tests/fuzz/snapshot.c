/* SPDX-License-Identifier: MIT */
/* snapshot: the head of a snapshot file, its checksums made right, so that each field is reached */
#include "../snapfix.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What was read holds: then it can be written, and read again. */
static void write_again(const struct snug__snap *s)
{
	struct snug__snap_image image;
	struct snug__snap again;
	struct snug_error e = {0};

	if (snug__snap_image(s->frozen, &s->needs.cpu, &image, &e) < 0)
		abort();
	if (snug__snap_read((struct snug__span){image.bytes, image.len}, image.file_bytes, false, &again, &e) < 0)
		abort();
	if (again.frozen->cpus != s->frozen->cpus || again.frozen->dev_count != s->frozen->dev_count ||
	    again.frozen->region_count != s->frozen->region_count || again.frozen->bytes != s->frozen->bytes)
		abort();
	snug__frozen_drop(again.frozen);
	snug__snap_image_free(&image);
}

static void fit(const struct snug__snap *s)
{
	static struct snug__kvm_cpuid host;
	struct snug_error e = {0};

	if (snug__snap_fit_cpuid(s, &host, &e) < 0 && (!e.msg[0] || !e.hint[0]))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *head = malloc(len + !len);
	uint64_t file_bytes = len < SNAP_HEADER ? len : snug__le_load(data + SNAP_FILE_BYTES, 8);
	struct snug_error e = {0};
	struct snug__snap s;

	if (!head)
		abort();
	if (len)
		memcpy(head, data, len);
	if (len >= SNAP_HEADER)
		snug__le_store(head + SNAP_HEAD_BYTES, 8, len);
	snap_fix(head, len);
	if (snug__snap_read((struct snug__span){head, len}, file_bytes, false, &s, &e) >= 0) {
		fit(&s);
		write_again(&s);
		snug__frozen_drop(s.frozen);
	} else if (!e.code || !e.msg[0] || !e.hint[0]) {
		abort();
	}
	free(head);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* snapopen: whose file it may be, and whether its memory is what was written */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../golden/snapmade.h"
#include "check.h"
#include "svc/snapopen.h"

static char folder[] = "/tmp/snug-snapopen-XXXXXX";
static char path[64];
static uint64_t mem_offset, file_bytes, head_bytes;

/* A whole file in the folder. */
static int setup(void **state)
{
	struct snug__frozen *f = snapmade();
	struct snug__snap_image image = snapmade_image(f);
	uint8_t memory[SNAPMADE_DATA];
	int fd;

	(void)state;
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	snprintf(path, sizeof(path), "%s/f", mkdtemp(folder) ? folder : "");
	snapmade_memory(memory);
	mem_offset = image.mem_offset;
	file_bytes = image.file_bytes;
	head_bytes = image.len;
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)file_bytes) < 0 ||
	    pwrite(fd, image.bytes, image.len, 0) != (ssize_t)image.len ||
	    pwrite(fd, memory + 0x2000, 0x1000, (off_t)mem_offset + 0x2000) != 0x1000)
		return -1;
	close(fd);
	snug__snap_image_free(&image);
	snug__frozen_drop(f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static int look(struct snug_error *e)
{
	struct snug__snapopen o;
	int r = snug__snapopen(path, false, &o, e);

	if (r >= 0)
		snug__snapopen_end(&o);
	return r;
}

static void poke(uint64_t at, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, bytes, len, (off_t)at), len);
	close(fd);
}

static void opens(void **state)
{
	struct snug_snapshot_info i = {.size = sizeof(i)};
	struct snug_error e = {0};
	struct snug__snapopen o;

	(void)state;
	if (snug__snapopen(path, false, &o, &e) < 0)
		fail_msg("%s", e.msg);
	assert_in_range(snug__snapopen_data(&o), 1, 0x100000);
	assert_int_equal(snug__snapopen_verify(&o, &e), 0);
	snug__snapopen_end(&o);
	if (snug_snapshot_info(path, "/nonexistent", SNUG_SNAPSHOT_VERIFY, &i, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(i.size, sizeof(i));
	assert_int_equal(i.version, 1);
	assert_int_equal(i.host, SNUG_HOST_SVM);
	assert_string_equal(i.snug, "0.1.0");
	assert_string_equal(i.kernel, "6.1.0-18-amd64");
	assert_string_equal(i.cpu, "Golden CPU @ 2.80GHz");
	assert_int_equal(i.time_ns, 1700000000123456789);
	assert_int_equal(i.cpus, 2);
	assert_int_equal(i.devices, SNUG_DEV_SERIAL | SNUG_DEV_GUEST);
	assert_int_equal(i.regions, 2);
	assert_int_equal(i.mem_bytes, 0x6000);
	assert_int_equal(i.file_bytes, file_bytes);
	assert_int_equal(i.boot.entry, 0x1234);
	assert_int_equal(i.symbols, 3);
	assert_false(i.fits);
	assert_true(strstr(i.why, "saved on"));
}

static void bad_arguments(void **state)
{
	struct snug_snapshot_info i = {.size = 8};
	struct snug_error e = {0};
	snug_vm *vm = NULL;

	(void)state;
	assert_int_equal(snug_snapshot_info(path, NULL, 0, &i, &e), -EINVAL);
	assert_error(e, -EINVAL, "size 8");
	i.size = 0;
	assert_int_equal(snug_snapshot_info(path, NULL, 2, &i, &e), -EINVAL);
	assert_error(e, -EINVAL, "flags 0x2");
	assert_int_equal(snug_snapshot_info(NULL, NULL, 0, &i, &e), -EINVAL);
	assert_error(e, -EINVAL, "path is NULL");
	assert_int_equal(snug_snapshot_info(path, NULL, 0, NULL, &e), -EINVAL);
	assert_int_equal(snug_restore(NULL, NULL, &vm, &e), -EINVAL);
	assert_int_equal(snug_restore(path, NULL, NULL, &e), -EINVAL);
	assert_int_equal(snug_restore(path, SNUG_CONFIG(.cpus = 1), &vm, &e), -EINVAL);
	assert_error(e, -EINVAL, "config: cpus 0x1");
	assert_hint(e, "leave it 0");
	assert_int_equal(snug_restore(path, SNUG_CONFIG(.mem_bytes = 4096), &vm, &e), -EINVAL);
	assert_int_equal(snug_restore(path, SNUG_CONFIG(.devices = 1), &vm, &e), -EINVAL);
	assert_int_equal(snug_restore(path, SNUG_CONFIG(.flags = 8), &vm, &e), -EINVAL);
	assert_int_equal(snug_restore(path, SNUG_CONFIG(.unclaimed = 2), &vm, &e), -EINVAL);
	assert_int_equal(snug_restore(path, NULL, &vm, &e), -ENOTSUP); /* it was saved on no CPU of this world */
	assert_error(e, -ENOTSUP, "restore '/tmp/snug-snapopen-");
	assert_null(vm);
}

static void others_could_write(void **state)
{
	static const mode_t modes[] = {0620, 0602, 0666, 0660};
	struct snug_error e = {0};

	(void)state;
	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(path, modes[i]), 0);
		assert_int_equal(look(&e), -EPERM);
		assert_error(e, -EPERM, "lets others change it while it is used");
		assert_hint(e, "chmod go-w");
	}
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(look(&e), 0);
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(path, 65533, 0), 0);
	assert_int_equal(look(&e), -EPERM);
	assert_error(e, -EPERM, "it belongs to user 65533");
	assert_hint(e, "chown");
	assert_int_equal(chown(path, 0, 0), 0);
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(seteuid(65534), 0); /* root's is fine for anyone */
	assert_int_equal(look(&e), 0);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(seteuid(65534), 0);
	assert_int_equal(look(&e), -EACCES);
	assert_int_equal(seteuid(0), 0);
}

static void no_files(void **state)
{
	struct snug__snapopen o;
	struct snug_error e = {0};
	char at[96];

	(void)state;
	assert_int_equal(snug__snapopen(folder, false, &o, &e), -EISDIR);
	assert_int_equal(snug__snapopen("/dev/zero", false, &o, &e), -EINVAL);
	assert_error(e, -EINVAL, "not a regular file");
	snprintf(at, sizeof(at), "%s/none", folder);
	assert_int_equal(snug__snapopen(at, false, &o, &e), -ENOENT);
	snprintf(at, sizeof(at), "%s/pipe", folder);
	assert_int_equal(mkfifo(at, 0600), 0);
	assert_int_equal(snug__snapopen(at, false, &o, &e), -EINVAL); /* and does not wait */
	unlink(at);
	snprintf(at, sizeof(at), "%s/link", folder);
	assert_int_equal(symlink(path, at), 0);
	assert_int_equal(snug__snapopen(at, false, &o, &e), 0);
	snug__snapopen_end(&o);
	unlink(at);
}

static void shortened(void **state)
{
	const uint64_t lengths[] = {0,
	                            7,
	                            8,
	                            SNAP_HEADER - 1,
	                            SNAP_HEADER,
	                            head_bytes - 1,
	                            head_bytes,
	                            mem_offset,
	                            mem_offset + 1,
	                            file_bytes - 1,
	                            file_bytes + 1};
	struct snug_error e = {0};

	(void)state;
	for (unsigned i = sizeof(lengths) / sizeof(lengths[0]); i-- > 0;) {
		assert_int_equal(truncate(path, (off_t)lengths[i]), 0);
		assert_int_equal(look(&e), -ENOEXEC);
		assert_error(e, -ENOEXEC, "snapshot: ");
	}
}

static void memory_damaged(void **state)
{
	struct snug_snapshot_info i = {.size = 0};
	struct snug_error e = {0};

	(void)state;
	poke(mem_offset + 0x2345, "!", 1);
	assert_int_equal(look(&e), 0); /* only who reads memory sees it */
	assert_int_equal(snug_snapshot_info(path, NULL, 0, &i, &e), 0);
	assert_int_equal(snug_snapshot_info(path, NULL, SNUG_SNAPSHOT_VERIFY, &i, &e), -EBADMSG);
	assert_error(e, -EBADMSG, "(region 'ram', address 0x0 and 2 MiB from there): the checksum differs");
	assert_int_equal(teardown(NULL), 0);
	assert_int_equal(setup(NULL), 0);
	poke(mem_offset + SNUG__CHUNK + 0x1fff, "\1", 1);
	assert_int_equal(snug_snapshot_info(path, NULL, SNUG_SNAPSHOT_VERIFY, &i, &e), -EBADMSG);
	assert_error(e, -EBADMSG,
	             "(region 'firmware', address 0xffffe000 and 2 MiB from there): it should be all zeros");
	assert_int_equal(teardown(NULL), 0);
	assert_int_equal(setup(NULL), 0);
	poke(mem_offset + SNUG__CHUNK + 0x10, "\0\0", 2); /* no hole any more, and still zeros */
	assert_int_equal(snug_snapshot_info(path, NULL, SNUG_SNAPSHOT_VERIFY, &i, &e), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(opens),    TEST(bad_arguments), TEST(others_could_write),
	    TEST(no_files), TEST(shortened),     TEST(memory_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* syscall: user-mode code of a guest kernel enters it, on any host */
#include "../vmtest.h"

static void run(const char *path)
{
	const struct snug_image image = {.path = path, .kind = SNUG_KIND_FLAT, .mode = SNUG_MODE_LONG};
	struct snug_error e;
	struct snug_exit x;
	snug_vm *vm;

	if (snug_vm_new(SNUG_CONFIG(.devices = SNUG_DEV_ALL | SNUG_DEV_PC), &vm, &e) < 0)
		fail_msg("%s", e.msg);
	if (snug_load(vm, &image, &e) < 0)
		fail_msg("%s", e.msg);
	if (snug_vcpu_run(snug_vm_vcpu(vm, 0), 10000000000ull, &x, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(x.kind, SNUG_EXIT_STATUS);
	assert_int_equal(x.status.value, 0x40 + 50);
	snug_vm_free(vm);
}

static void handler_as_linux_has_it(void **state)
{
	(void)state;
	run(TEST_GUESTS_DIR "/syscall.bin");
}

static void handler_with_another_start(void **state)
{
	(void)state;
	run(TEST_GUESTS_DIR "/syscall_other.bin");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(handler_as_linux_has_it),
	    cmocka_unit_test(handler_with_another_start),
	};

	return cmocka_run_group_tests_name("syscall", tests, NULL, NULL);
}

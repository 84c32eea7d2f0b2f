/* SPDX-License-Identifier: MIT */
/* error: a failure says which step and call it was, with which errno, and what to do */
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../vmtest.h"

/* The message names all of these; the hint is not empty. */
static void check_message(const struct snug_error *e, int code, int step, const char *call, const char *errno_name)
{
	char number[16];

	assert_int_equal(e->code, code);
	assert_int_equal(e->step, step);
	snprintf(number, sizeof(number), "step %d", step);
	if (!strstr(e->msg, number) || !strstr(e->msg, snug_step_name((enum snug_step)step)) ||
	    !strstr(e->msg, call) || !strstr(e->msg, errno_name))
		fail_msg("'%s' lacks %s, its name, %s or %s", e->msg, number, call, errno_name);
	assert_null(strchr(e->msg, '\n'));
	assert_true(e->hint[0]);
}

static void no_device(void **state)
{
	struct snug_error e = {0};
	snug_vm *vm = NULL;

	(void)state;
	assert_int_equal(snug_vm_new(&(struct snug_config){.kvm_path = "/nowhere/kvm"}, &vm, &e), -ENOENT);
	check_message(&e, -ENOENT, SNUG_STEP_INIT, "open", "ENOENT");
	assert_non_null(strstr(e.hint, "modprobe"));
}

static void not_a_kvm_device(void **state)
{
	struct snug_error e = {0};
	snug_vm *vm = NULL;

	(void)state;
	assert_int_equal(snug_vm_new(&(struct snug_config){.kvm_path = "/dev/zero"}, &vm, &e), -ENOTTY);
	check_message(&e, -ENOTTY, SNUG_STEP_VERSION, "KVM_GET_API_VERSION", "ENOTTY");
	assert_non_null(strstr(e.hint, "/dev/kvm"));
}

static void no_permission(void **state)
{
	char path[] = "/tmp/snug-test-XXXXXX";
	struct snug_error e = {0};
	snug_vm *vm = NULL;
	int fd = mkstemp(path), r;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0), 0);
	r = snug_vm_new(&(struct snug_config){.kvm_path = path}, &vm, &e);
	close(fd);
	unlink(path);
	if (geteuid() == 0) { /* root may open anything; that it is no KVM device is found next */
		assert_int_equal(r, -ENOTTY);
		return;
	}
	assert_int_equal(r, -EACCES);
	check_message(&e, -EACCES, SNUG_STEP_INIT, "open", "EACCES");
	assert_non_null(strstr(e.hint, "usermod"));
}

/* The lowest file descriptor that is free. */
static int next_fd(void)
{
	int fd = open("/dev/null", O_RDONLY);

	assert_true(fd >= 0);
	close(fd);
	return fd;
}

/* With one more descriptor allowed each time, each of the three calls that need one fails in turn. */
static void no_file_descriptors(void **state)
{
	static const char *const calls[] = {"open", "KVM_CREATE_VM", "KVM_CREATE_VCPU"};
	struct rlimit old, tight;
	int first = next_fd();

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	for (unsigned i = 0; i < 3; i++) {
		struct snug_error e = {0};
		snug_vm *vm = NULL;
		int r;

		tight = (struct rlimit){.rlim_cur = (rlim_t)first + i, .rlim_max = old.rlim_max};
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
		r = snug_vm_new(NULL, &vm, &e);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
		assert_int_equal(r, -EMFILE);
		check_message(&e, -EMFILE, SNUG_STEP_INIT, calls[i], "EMFILE");
		assert_non_null(strstr(e.hint, "ulimit -n"));
		assert_null(vm);
		assert_int_equal(next_fd(), first); /* nothing is left open */
	}
}

static void refused_registers(void **state)
{
	struct snug_sregs s;
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){0});
	assert_int_equal(snug_vcpu_get_sregs(b.cpu, &s, &b.e), 0);
	s.efer |= 1 << 10; /* LMA without the rest */
	assert_int_equal(snug_vcpu_set_sregs(b.cpu, &s, &b.e), -EINVAL);
	check_message(&b.e, -EINVAL, SNUG_STEP_SET_SREGS, "KVM_SET_SREGS", "EINVAL");
	box_close(&b);
}

/* It is written on failure only, and causes chain outward. */
static void written_on_failure_only(void **state)
{
	struct snug_error e;
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){0});
	memset(&e, 0x5a, sizeof(e));
	assert_int_equal(snug_vcpu_set_reg(b.cpu, "rax", 1, &e), 0);
	assert_int_equal((unsigned char)e.msg[0], 0x5a);
	assert_int_equal(snug_load(b.vm, &(struct snug_image){.path = "/nowhere/image"}, &e), -ENOENT);
	assert_int_equal(strncmp(e.msg, "load '/nowhere/image': open", 27), 0);
	assert_non_null(strstr(e.msg, "ENOENT"));
	box_close(&b);
}

/* No enum is trusted to hold one of its names. */
static void no_such_kind(void **state)
{
	const struct snug_image im = {.data = "\xf4", .len = 1, .kind = (enum snug_kind) - 5};
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){0});
	assert_int_equal(snug_load(b.vm, &im, &b.e), -EINVAL);
	assert_string_equal(b.e.msg, "no image kind -5");
	box_close(&b);
}

/* What does not fit is cut, and terminated. */
static void long_messages_are_cut(void **state)
{
	char path[4000];
	struct snug_error e;
	snug_vm *vm = NULL;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = 0;
	memset(&e, 0x5a, sizeof(e));
	assert_true(snug_vm_new(&(struct snug_config){.kvm_path = path}, &vm, &e) < 0);
	assert_true(strnlen(e.msg, sizeof(e.msg)) < sizeof(e.msg));
	assert_true(strnlen(e.hint, sizeof(e.hint)) < sizeof(e.hint));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST(no_device),           KVM_TEST(not_a_kvm_device),      KVM_TEST(no_permission),
	    KVM_TEST(no_file_descriptors), KVM_TEST(refused_registers),     KVM_TEST(written_on_failure_only),
	    KVM_TEST(no_such_kind),        KVM_TEST(long_messages_are_cut),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* host: hosts that are not what they should be, one by one */
#include "../vmtest.h"

#include <dirent.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "inject.h"
#include "ioctls.h"

GUEST64(out_hlt, "out %al, $0x10; hlt");
GUEST64(in_hlt, "in $0x10, %al; hlt");

static int reset(void **state)
{
	(void)state;
	inject_off();
	return 0;
}

#define HAS(text, part)                                                                                              \
	do {                                                                                                         \
		if (!strstr(text, part))                                                                             \
			fail_msg("'%s' is not in '%s'", part, text);                                                 \
	} while (0)

/* snug_vm_new fails so, leaves nothing, and works again once the host does. */
static struct snug_error new_fails(int code, unsigned cpus)
{
	struct snug_config c = {.cpus = cpus};
	struct inject_holds before, after;
	struct snug_error e = {0};
	snug_vm *vm = NULL;
	int r;

	before = inject_holds();
	r = snug_vm_new(&c, &vm, &e);
	inject_off();
	assert_int_equal(r, code);
	assert_int_equal(e.code, code);
	assert_null(vm);
	assert_true(e.msg[0] && e.hint[0]);
	after = inject_holds();
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(snug_vm_new(&c, &vm, NULL), 0);
	snug_vm_free(vm);
	return e;
}

static void open_box(struct box *b)
{
	box_open(b, (struct snug_config){0});
	BOX_LOAD(b, SNUG_MODE_LONG, out_hlt);
}

static void wrong_api_version(void **state)
{
	struct snug_error e;

	(void)state;
	inject_ioctls(KVM_GET_API_VERSION, INJECT_ANY_ARG, 0, 11);
	e = new_fails(-EPROTO, 1);
	assert_int_equal(e.step, SNUG_STEP_VERSION);
	HAS(e.msg, "gave 11");
	HAS(e.msg, "KVM_GET_API_VERSION");
	HAS(e.msg, "12");
}

static void wrong_api_version_for_host_info(void **state)
{
	struct snug_host h = {.size = sizeof(h)};
	struct snug_error e = {0};

	(void)state;
	inject_ioctls(KVM_GET_API_VERSION, INJECT_ANY_ARG, 0, 13);
	assert_int_equal(snug_host_info(NULL, &h, &e), -EPROTO);
	HAS(e.msg, "gave 13");
	assert_int_equal(snug_host_caps(NULL, NULL, 0, &e), -EPROTO);
}

/* A kernel without Landlock: it is left out and told, or with strict nothing is done at all. */
static void no_landlock(void **state)
{
	struct snug_sandbox how = {.size = sizeof(how), .parts = SNUG_SANDBOX_PROCESS};
	struct snug_error e = {0};
	uint32_t lacks = 0;
	unsigned made;

	(void)state;
	inject_syscalls(SYS_landlock_create_ruleset, ENOSYS);
	assert_int_equal(snug_sandbox(&how, &lacks, &e), 0);
	assert_int_equal(lacks, SNUG_LAYER_LANDLOCK);
	made = inject_confined();
	assert_true(made > 0);
	how.strict = 1;
	assert_int_equal(snug_sandbox(&how, &lacks, &e), -ENOTSUP);
	inject_off();
	HAS(e.msg, "Landlock is missing here");
	assert_int_equal(inject_confined(), made);
}

static void tiny_kvm_run(void **state)
{
	struct snug_error e;

	(void)state;
	inject_ioctls(KVM_GET_VCPU_MMAP_SIZE, INJECT_ANY_ARG, 0, 64);
	e = new_fails(-EPROTO, 1);
	HAS(e.msg, "KVM_GET_VCPU_MMAP_SIZE");
}

static void no_capability_at_all(void **state)
{
	struct snug_error e;

	(void)state;
	inject_ioctls(KVM_CHECK_EXTENSION, INJECT_ANY_ARG, 0, 0);
	e = new_fails(-ENOTSUP, 1);
	assert_int_equal(e.step, SNUG_STEP_VERSION);
	HAS(e.msg, "KVM_CAP_");
}

/* Each capability snug_host_caps calls required is one no VM is made without, and the other way round. */
static void one_capability_absent(void **state)
{
	static const struct {
		int cap;
		const char *name;
	} known[] = {
	    {KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
	    {KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR"},
	    {KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID"},
	    {KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
	    {KVM_CAP_SET_IDENTITY_MAP_ADDR, "KVM_CAP_SET_IDENTITY_MAP_ADDR"},
	    {KVM_CAP_READONLY_MEM, "KVM_CAP_READONLY_MEM"},
	    {KVM_CAP_EXIT_ON_EMULATION_FAILURE, "KVM_CAP_EXIT_ON_EMULATION_FAILURE"},
	    {232, "KVM_CAP_MEMORY_FAULT_INFO"}, /* Linux 6.8 */
	    {KVM_CAP_BINARY_STATS_FD, "KVM_CAP_BINARY_STATS_FD"},
	    {KVM_CAP_NR_MEMSLOTS, "KVM_CAP_NR_MEMSLOTS"},
	    {KVM_CAP_SYNC_REGS, "KVM_CAP_SYNC_REGS"},
	    {KVM_CAP_MAX_VCPUS, "KVM_CAP_MAX_VCPUS"},
	};
	struct snug_cap caps[32];
	int n = snug_host_caps(NULL, caps, 32, NULL);

	(void)state;
	assert_int_equal(n, sizeof(known) / sizeof(known[0]));
	for (int i = 0; i < n; i++) {
		snug_vm *vm = NULL;
		int k = 0;

		while (strcmp(known[k].name, caps[i].name) != 0)
			assert_true(++k < n);
		inject_ioctls(KVM_CHECK_EXTENSION, known[k].cap, 0, 0);
		if (caps[i].required) {
			struct snug_error e = new_fails(-ENOTSUP, 1);

			HAS(e.msg, caps[i].name);
			continue;
		}
		assert_int_equal(snug_vm_new(NULL, &vm, NULL), 0);
		inject_off();
		snug_vm_free(vm);
	}
}

static void too_many_vcpus(void **state)
{
	struct snug_error e;

	(void)state;
	inject_ioctls(KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS, 0, 1);
	e = new_fails(-EINVAL, 2);
	HAS(e.msg, "2 vCPUs");
	HAS(e.msg, "1");
}

/* Each way /dev/kvm can be out of reach has its own way out. */
static void open_fails(void **state)
{
	static const int errors[] = {ENOENT, EACCES, ENXIO, EPERM, EMFILE, ENODEV, EIO};
	struct snug_error e[7];

	(void)state;
	for (unsigned i = 0; i < 7; i++) {
		inject_fn(INJECT_OPEN, 1, errors[i]);
		e[i] = new_fails(-errors[i], 1);
		assert_int_equal(e[i].step, SNUG_STEP_INIT);
		HAS(e[i].msg, "open");
		HAS(e[i].msg, "/dev/kvm");
		HAS(e[i].msg, strerrorname_np(errors[i]));
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(e[i].hint, e[k].hint);
	}
}

/* Every ioctl of a VM's making and loading, by name, with every errno. */
static void each_ioctl_fails(void **state)
{
	static const unsigned long of_new[] = {KVM_CREATE_VM,
	                                       KVM_ENABLE_CAP,
	                                       KVM_SET_IDENTITY_MAP_ADDR,
	                                       KVM_SET_TSS_ADDR,
	                                       KVM_GET_VCPU_MMAP_SIZE,
	                                       KVM_GET_SUPPORTED_CPUID,
	                                       KVM_CREATE_VCPU,
	                                       KVM_SET_CPUID2,
	                                       KVM_GET_API_VERSION,
	                                       KVM_SET_USER_MEMORY_REGION};
	static const int errors[] = {ENOMEM, EINVAL, EMFILE, EPERM, EBUSY, ENODEV};

	(void)state;
	for (size_t i = 0; i < sizeof(of_new) / sizeof(of_new[0]); i++) {
		for (size_t k = 0; k < sizeof(errors) / sizeof(errors[0]); k++) {
			struct snug_error e;

			inject_ioctl(of_new[i], INJECT_ANY_ARG, 1, errors[k], 0);
			e = new_fails(-errors[k], 1);
			HAS(e.msg, ioctl_name(of_new[i]));
			HAS(e.msg, strerrorname_np(errors[k]));
			HAS(e.msg, snug_step_name((enum snug_step)e.step));
		}
	}
}

static void create_vm_interrupted(void **state)
{
	snug_vm *vm = NULL;

	(void)state;
	inject_ioctl(KVM_CREATE_VM, INJECT_ANY_ARG, 1, EINTR, 0);
	assert_int_equal(snug_vm_new(NULL, &vm, NULL), 0);
	assert_int_equal(inject_off().count, 1);
	assert_int_equal(inject_count(KVM_CREATE_VM), 2);
	snug_vm_free(vm);
}

/* KVM_RUN fails with err once: what the caller gets; afterwards the guest goes on as if nothing had been. */
static void run_gives(int err, int code, enum snug_exit_kind kind)
{
	struct box b;
	int r;

	open_box(&b);
	inject_ioctl(KVM_RUN, INJECT_ANY_ARG, 1, err, 0);
	r = snug_vcpu_run(b.cpu, PATIENCE, &b.x, &b.e);
	assert_int_equal(inject_off().count, 1);
	assert_int_equal(r, code);
	if (code < 0) {
		assert_int_equal(b.e.step, SNUG_STEP_RUN);
		HAS(b.e.msg, "KVM_RUN");
		HAS(b.e.msg, strerrorname_np(err));
		assert_true(b.e.hint[0]);
	} else {
		assert_string_equal(snug_exit_name(b.x.kind), snug_exit_name(kind));
		assert_ptr_equal(b.x.vcpu, b.cpu);
	}
	if (kind != SNUG_EXIT_PIO)
		assert_exit(&b, SNUG_EXIT_PIO);
	assert_exit(&b, SNUG_EXIT_HLT);
	box_close(&b);
}

static void run_efault_is_memory(void **state)
{
	(void)state;
	run_gives(EFAULT, 0, SNUG_EXIT_MEMORY);
	run_gives(EHWPOISON, 0, SNUG_EXIT_MEMORY);
}

static void run_eagain_is_tried_again(void **state)
{
	(void)state;
	run_gives(EAGAIN, 0, SNUG_EXIT_PIO);
	assert_int_equal(inject_count(KVM_RUN), 2);
}

static void run_eio_is_an_error(void **state)
{
	(void)state;
	run_gives(EIO, -EIO, SNUG_EXIT_NONE);
	run_gives(ENOMEM, -ENOMEM, SNUG_EXIT_NONE);
}

static void run_eintr_is_a_signal(void **state)
{
	(void)state;
	run_gives(EINTR, 0, SNUG_EXIT_SIGNAL);
}

/* An access that could not be retired is pending still: registers stay out of reach until it was. */
static void complete_that_fails_is_done_again(void **state)
{
	struct box b;
	struct snug_regs regs;

	(void)state;
	box_open(&b, (struct snug_config){0});
	BOX_LOAD(&b, SNUG_MODE_LONG, in_hlt);
	assert_exit(&b, SNUG_EXIT_PIO);
	*b.x.pio.data = 0x5a;
	inject_ioctl(KVM_RUN, INJECT_ANY_ARG, 1, EIO, 0);
	assert_int_equal(snug_vcpu_complete(b.cpu, &b.e), -EIO);
	inject_off();
	HAS(b.e.msg, "KVM_RUN");
	assert_int_equal(snug_vcpu_get_regs(b.cpu, &regs, &b.e), -EBUSY);
	assert_int_equal(snug_vcpu_complete(b.cpu, &b.e), 0);
	assert_int_equal(snug_vcpu_get_regs(b.cpu, &regs, &b.e), 0);
	assert_int_equal(regs.rax & 0xff, 0x5a);
	assert_int_equal(regs.rip, BASE + 2);
	assert_exit(&b, SNUG_EXIT_HLT);
	box_close(&b);
}

#define TEST(f)                                                                                                      \
	{                                                                                                            \
#f, run_guarded, reset, reset, &(struct guarded)                                                     \
		{                                                                                                    \
			f, NULL                                                                                      \
		}                                                                                                    \
	}

static unsigned files_in(const char *folder)
{
	DIR *d = opendir(folder);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2; /* . and .. */
}

/* File systems without nameless files, and disks that fail at each step: no half file, no leftover. */
static void saves_on_bad_disks(void **state)
{
	static const struct {
		enum inject_fn fn;
		unsigned nth;
		int err, code;
	} rows[] = {
	    {INJECT_OPENAT, 1, EOPNOTSUPP, 0},   {INJECT_OPENAT, 1, EISDIR, 0},
	    {INJECT_OPENAT, 1, EROFS, -EROFS},   {INJECT_LINKAT, 1, EEXIST, 0}, /* another name is tried */
	    {INJECT_LINKAT, 1, EDQUOT, -EDQUOT}, {INJECT_RENAMEAT, 1, EBUSY, -EBUSY},
	    {INJECT_FSYNC, 1, EIO, -EIO},        {INJECT_FSYNC, 2, EINVAL, 0}, /* a directory that needs none */
	    {INJECT_PWRITE, 1, ENOSPC, -ENOSPC}, {INJECT_PWRITE, 1, EINTR, 0},
	};
	char folder[] = "/tmp/snug-fault-XXXXXX", path[64];
	snug_vm *vm;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/f", folder);
	assert_int_equal(snug_vm_new(NULL, &vm, NULL), 0);
	assert_int_equal(snug_mem_write(vm, 0x1000, "data", 4), 0);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct snug_error e = {0};
		int r;

		inject_fn(rows[i].fn, rows[i].nth, rows[i].err);
		r = snug_save(vm, path, &e);
		assert_int_equal(inject_off().count, 1);
		if (r != rows[i].code)
			fail_msg("row %u: %d, not %d: %s", i, r, rows[i].code, e.msg);
		assert_int_equal(files_in(folder), r < 0 ? 0 : 1);
		unlink(path);
	}
	snug_vm_free(vm);
	rmdir(folder);
}

GUEST64(add_up, "lea (%rdi, %rsi), %rax\nadd %rbx, %rax\ninc %rbx\nret");

static void open_callable(struct box *b)
{
	box_open(b, (struct snug_config){.devices = SNUG_DEV_GUEST});
	BOX_LOAD(b, SNUG_MODE_USER, add_up);
}

static int call_add(struct box *b, uint64_t *result)
{
	struct snug_function f = {.address = BASE, .count = 2, .args = {SNUG_INT(40), SNUG_INT(2)}};

	return snug_call(b->vm, &f, result, &b->x, &b->e);
}

/* A host whose registers do not travel with KVM_RUN gets ioctls for them, and the same results. */
static void calls_without_sync_regs(void **state)
{
	uint64_t result;
	struct box b;

	(void)state;
	for (int absent = 0; absent < 2; absent++) {
		if (absent)
			inject_ioctls(KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS, 0, 0);
		open_callable(&b);
		inject_off();
		assert_int_equal(snug_vcpu_set_reg(b.cpu, "rbx", 100, &b.e), 0);
		for (uint64_t i = 0; i < 3; i++) {
			inject_ioctls(KVM_GET_XSAVE, INJECT_ANY_ARG, EIO, 0); /* never made: it only counts */
			assert_int_equal(call_add(&b, &result), 0);
			assert_int_equal(result, 142 + i);
			if (absent)
				assert_int_equal(inject_count(KVM_SET_REGS), 1);
			inject_off();
		}
		assert_int_equal(box_reg(&b, "rbx"), 103);
		box_close(&b);
	}
}

/* Registers that wait in kvm_run for a KVM_RUN that did not come are those the host sees, and the next call edits. */
static void registers_that_wait(void **state)
{
	struct snug_regs r;
	uint64_t result;
	struct box b;

	(void)state;
	open_callable(&b);
	assert_int_equal(snug_vcpu_set_reg(b.cpu, "rbx", 100, &b.e), 0);
	inject_ioctl(KVM_RUN, INJECT_ANY_ARG, 1, EIO, 0);
	assert_int_equal(call_add(&b, &result), -EIO);
	inject_off();
	HAS(b.e.msg, "call 0x100000: ");
	assert_int_equal(snug_vcpu_get_regs(b.cpu, &r, &b.e), 0);
	assert_int_equal(r.rip, BASE);
	assert_int_equal(r.rdi, 40);
	assert_int_equal(r.rbx, 100);
	inject_ioctl(KVM_RUN, INJECT_ANY_ARG, 1, EIO, 0);
	assert_int_equal(call_add(&b, &result), -EIO);
	inject_off();
	inject_ioctls(KVM_GET_XSAVE, INJECT_ANY_ARG, EIO, 0); /* never made: it only counts */
	assert_int_equal(call_add(&b, &result), 0);
	assert_int_equal(inject_count(KVM_GET_REGS), 0); /* they are there */
	inject_off();
	assert_int_equal(result, 142);
	assert_int_equal(box_reg(&b, "rbx"), 101);
	box_close(&b);
}

/* A baseline that fails half-way: the guest keeps its memory, in the next one too, and in what is saved. */
static void half_a_baseline(void **state)
{
	char bytes[4] = "";
	struct box b;

	(void)state;
	for (unsigned older = 0; older < 2; older++) {
		open_box(&b);
		assert_int_equal(snug_mem_write(b.vm, 0x200000, "kept", 4), 0);
		if (older)
			assert_int_equal(snug_baseline(b.vm, &b.e), 0);
		inject_ioctl(KVM_GET_DIRTY_LOG, INJECT_ANY_ARG, 2, ENOMEM, 0);
		assert_int_equal(snug_baseline(b.vm, &b.e), -ENOMEM);
		assert_int_equal(inject_off().count, 1);
		assert_int_equal(snug_reset(b.vm, NULL, &b.e), -ENOENT);
		assert_int_equal(snug_baseline(b.vm, &b.e), 0);
		assert_int_equal(snug_mem_read(b.vm, 0x200000, bytes, 4), 0);
		assert_memory_equal(bytes, "kept", 4);
		assert_int_equal(snug_vcpu_run(b.cpu, PATIENCE, &b.x, &b.e), 0);
		assert_int_equal(b.x.kind, SNUG_EXIT_PIO);
		box_close(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(wrong_api_version),     TEST(wrong_api_version_for_host_info),
	    TEST(no_landlock),           TEST(tiny_kvm_run),
	    TEST(no_capability_at_all),  TEST(one_capability_absent),
	    TEST(too_many_vcpus),        TEST(open_fails),
	    TEST(each_ioctl_fails),      TEST(create_vm_interrupted),
	    TEST(run_efault_is_memory),  TEST(run_eagain_is_tried_again),
	    TEST(run_eio_is_an_error),   TEST(half_a_baseline),
	    TEST(run_eintr_is_a_signal), TEST(complete_that_fails_is_done_again),
	    TEST(saves_on_bad_disks),    TEST(calls_without_sync_regs),
	    TEST(registers_that_wait),
	};

	return cmocka_run_group_tests_name("fault_host", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* vm: making VMs, many of them, in many threads */
#include <pthread.h>
#include <stdlib.h>

#include "../vmtest.h"

/* Sums up 1 to rdi and ends with the sum. */
GUEST64(sum, "xor %eax, %eax\n1: add %edi, %eax\ndec %edi\njnz 1b\nmov $0x5e0, %edx\nout %eax, %dx");

static void bad_config(void **state)
{
	static const struct {
		struct snug_config cfg;
		int code;
		const char *says;
	} rows[] = {
	    {{.size = 8}, -EINVAL, "size 8"},
	    {{.size = 100000}, -EINVAL, "size 100000"},
	    {{.mem_bytes = 1}, -EINVAL, "mem_bytes 0x1"},
	    {{.mem_bytes = 0x1001}, -EINVAL, "mem_bytes 0x1001"},
	    {{.mem_bytes = 1ull << 50}, -ENOMEM, "memory"},
	    {{.mem_bytes = UINT64_MAX - 4095}, -ENOMEM, "memory"},
	    {{.cpus = 100000}, -EINVAL, "100000 vCPUs"},
	    {{.devices = 1u << 31}, -EINVAL, "devices 0x80000000"},
	    {{.unclaimed = 2}, -EINVAL, "unclaimed 0x2"},
	    {{.flags = 8}, -EINVAL, "flags 0x8"},
	    {{.kvm_path = "/nowhere/kvm"}, -ENOENT, "/nowhere/kvm"},
	    {{.kvm_path = "/dev/null"}, -ENOTTY, "/dev/null"},
	    {{.kvm_path = "/"}, -EISDIR, "open /"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct snug_error e = {0};
		snug_vm *vm = NULL;

		assert_int_equal(snug_vm_new(&rows[i].cfg, &vm, &e), rows[i].code);
		assert_int_equal(e.code, rows[i].code);
		if (!strstr(e.msg, rows[i].says))
			fail_msg("'%s' does not say '%s'", e.msg, rows[i].says);
		assert_true(e.hint[0]);
		assert_null(vm);
		assert_int_equal(snug_vm_new(&rows[i].cfg, &vm, NULL), rows[i].code);
	}
}

static void nulls(void **state)
{
	struct snug_error e;
	snug_vm *vm = NULL;

	(void)state;
	snug_vm_free(NULL);
	assert_int_equal(snug_vm_new(NULL, NULL, &e), -EINVAL);
	assert_int_equal(snug_vm_new(NULL, &vm, &e), 0); /* the defaults */
	assert_non_null(vm);
	assert_int_equal(snug_vm_new(&(struct snug_config){0}, NULL, NULL), -EINVAL);
	snug_vm_free(vm);
}

/* A program of a later version: a longer struct is fine as long as nothing unknown is asked for. */
static void longer_config(void **state)
{
	struct {
		struct snug_config cfg;
		uint64_t later;
	} c = {.cfg = {.size = sizeof(c)}};
	struct snug_error e;
	snug_vm *vm = NULL;

	(void)state;
	assert_int_equal(snug_vm_new(&c.cfg, &vm, &e), 0);
	snug_vm_free(vm);
	c.later = 1;
	assert_int_equal(snug_vm_new(&c.cfg, &vm, &e), -EINVAL);
}

static void handles(void **state)
{
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.cpus = 3});
	for (unsigned i = 0; i < 3; i++) {
		assert_non_null(snug_vm_vcpu(b.vm, i));
		assert_int_equal(snug_vcpu_index(snug_vm_vcpu(b.vm, i)), i);
		assert_ptr_equal(snug_vcpu_vm(snug_vm_vcpu(b.vm, i)), b.vm);
	}
	assert_null(snug_vm_vcpu(b.vm, 3));
	assert_null(snug_vm_vcpu(b.vm, UINT32_MAX));
	box_close(&b);
}

static void bad_image(void **state)
{
	static const struct {
		struct snug_image im;
		int code;
		const char *says;
	} rows[] = {
	    {{.path = "/nowhere/image"}, -ENOENT, "load '/nowhere/image'"},
	    {{.path = "/"}, -EISDIR, "load '/'"},
	    {{.path = "/dev/null"}, -EINVAL, "not a regular file"},
	    {{.data = "", .len = 0}, -ENOEXEC, "empty"},
	    {{.data = NULL, .len = 1}, -EINVAL, "no bytes"},
	    {{.data = "\xf4", .len = 1}, -ENOEXEC, ""},
	    {{.data = "\xf4", .len = 1, .kind = (enum snug_kind)9}, -EINVAL, "kind 9"},
	    {{.data = "\xf4", .len = 1, .mode = (enum snug_mode)9}, -EINVAL, ""},
	    {{.data = "\xf4", .len = 1, .load = 0x1000000}, -ERANGE, "0x1000000"},
	    {{.data = "\xf4", .len = 1, .load = UINT64_MAX}, -ERANGE, ""},
	    {{.data = "\x90\xf4", .len = 2, .load = 0xffffff}, -EFBIG, ""},
	    {{.data = "\xf4", .len = 1, .entry = 0x2000000}, -ERANGE, "0x2000000"},
	    {{.data = "\x7f"
	              "ELF",
	      .len = 4},
	     -ENOEXEC,
	     "elf"},
	    {{.size = 4, .data = "\xf4", .len = 1}, -EINVAL, "size 4"},
	};
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){0});
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		b.e = (struct snug_error){0};
		assert_int_equal(snug_load(b.vm, &rows[i].im, &b.e), rows[i].code);
		assert_int_equal(b.e.code, rows[i].code);
		if (!strstr(b.e.msg, rows[i].says))
			fail_msg("'%s' does not say '%s'", b.e.msg, rows[i].says);
		assert_true(b.e.msg[0] && b.e.hint[0]);
	}
	box_close(&b);
}

static void load_again(void **state)
{
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL});
	for (enum snug_mode m = SNUG_MODE_LONG; m <= SNUG_MODE_USER; m++) {
		for (uint64_t n = 1; n < 4; n++) {
			BOX_LOAD(&b, m, sum);
			assert_int_equal(snug_vcpu_set_reg(b.cpu, "rdi", n, &b.e), 0);
			assert_exit(&b, SNUG_EXIT_STATUS);
			assert_int_equal(b.x.status.value, n * (n + 1) / 2);
		}
	}
	box_close(&b);
}

#define MANY 100

static void hundred_at_once(void **state)
{
	struct box *boxes = calloc(MANY, sizeof(*boxes));

	(void)state;
	assert_non_null(boxes);
	for (unsigned i = 0; i < MANY; i++) {
		box_open(&boxes[i], (struct snug_config){.mem_bytes = 2 << 20, .devices = SNUG_DEV_ALL});
		BOX_LOAD(&boxes[i], i % 2 ? SNUG_MODE_LONG : SNUG_MODE_USER, sum);
		assert_int_equal(snug_vcpu_set_reg(boxes[i].cpu, "rdi", i + 1, NULL), 0);
	}
	for (unsigned i = MANY; i-- > 0;) {
		assert_exit(&boxes[i], SNUG_EXIT_STATUS);
		assert_int_equal(boxes[i].x.status.value, (i + 1) * (i + 2) / 2);
	}
	for (unsigned i = 0; i < MANY; i++) /* in an order of their own */
		box_close(&boxes[i * 37 % MANY]);
	free(boxes);
}

/* cmocka's asserts are for the main thread alone: others count what went wrong. */
struct worker {
	pthread_t thread;
	unsigned number, wrong;
	snug_vcpu *cpu;
};

static void *make_and_run(void *arg)
{
	struct worker *w = arg;

	for (unsigned i = 0; i < 6; i++) {
		struct snug_config cfg = {.mem_bytes = 2 << 20, .devices = SNUG_DEV_ALL};
		struct snug_image im = {
		    .data = sum, .len = (size_t)(sum_end - sum), .mode = i % 2 ? SNUG_MODE_LONG : SNUG_MODE_USER};
		uint64_t n = w->number * 100 + i + 1;
		struct snug_exit x = {0};
		snug_vm *vm = NULL;

		if (snug_vm_new(&cfg, &vm, NULL) < 0 || snug_load(vm, &im, NULL) < 0 ||
		    snug_vcpu_set_reg(snug_vm_vcpu(vm, 0), "rdi", n, NULL) < 0 ||
		    snug_vcpu_run(snug_vm_vcpu(vm, 0), PATIENCE, &x, NULL) < 0 || x.kind != SNUG_EXIT_STATUS ||
		    x.status.value != n * (n + 1) / 2)
			w->wrong++;
		snug_vm_free(vm);
	}
	return NULL;
}

static void eight_threads(void **state)
{
	struct worker w[8] = {0};

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		w[i].number = i;
		assert_int_equal(pthread_create(&w[i].thread, NULL, make_and_run, &w[i]), 0);
	}
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
		assert_int_equal(w[i].wrong, 0);
	}
}

#define CPUS 4
#define COUNTER 0x200000

/* rcx times round; then ends with 42. */
GUEST64(count, "mov $0x200000, %ebx\n1: lock incl (%rbx)\ndec %ecx\njnz 1b\nmov $42, %eax\nmov $0x5e0, %edx\n"
               "out %eax, %dx");

static void *run_one(void *arg)
{
	struct worker *w = arg;
	struct snug_exit x = {0};

	if (snug_vcpu_run(w->cpu, PATIENCE, &x, NULL) < 0 || x.kind != SNUG_EXIT_STATUS || x.status.value != 42 ||
	    x.vcpu != w->cpu)
		w->wrong++;
	return NULL;
}

static void count_together(enum snug_mode mode, uint32_t times)
{
	struct worker w[CPUS] = {0};
	uint32_t sum_of_all = 0;
	struct box b;

	box_open(&b, (struct snug_config){.cpus = CPUS, .devices = SNUG_DEV_ALL});
	BOX_LOAD(&b, mode, count);
	for (unsigned i = 0; i < CPUS; i++) {
		w[i].cpu = snug_vm_vcpu(b.vm, i);
		assert_int_equal(snug_vcpu_boot(w[i].cpu, mode, BASE, 0x800000 - i * 0x1000, &b.e), 0);
		assert_int_equal(snug_vcpu_set_reg(w[i].cpu, "rcx", times, &b.e), 0);
	}
	for (unsigned i = 0; i < CPUS; i++)
		assert_int_equal(pthread_create(&w[i].thread, NULL, run_one, &w[i]), 0);
	for (unsigned i = 0; i < CPUS; i++) {
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
		assert_int_equal(w[i].wrong, 0);
	}
	assert_int_equal(snug_mem_read(b.vm, COUNTER, &sum_of_all, 4), 0);
	assert_int_equal(sum_of_all, CPUS * times);
	box_close(&b);
}

static void vcpus_in_threads_long(void **state)
{
	(void)state;
	count_together(SNUG_MODE_LONG, 2000);
}

static void vcpus_in_threads_user(void **state)
{
	(void)state;
	count_together(SNUG_MODE_USER, 200000);
}

/* A secondary vCPU that nobody booted waits in its reset state: at the reset vector, in real mode. */
static void vcpu_in_reset_state(void **state)
{
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.cpus = 1});
	assert_int_equal(box_reg(&b, "rip"), 0xfff0);
	assert_int_equal(box_reg(&b, "cs.base"), 0xffff0000);
	assert_int_equal(box_reg(&b, "cr0") & 1, 0);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST(bad_config),
	    KVM_TEST(nulls),
	    KVM_TEST(longer_config),
	    KVM_TEST(handles),
	    KVM_TEST(bad_image),
	    KVM_TEST(load_again),
	    KVM_TEST(hundred_at_once),
	    KVM_TEST(eight_threads),
	    KVM_TEST(vcpus_in_threads_long),
	    KVM_TEST(vcpus_in_threads_user),
	    KVM_TEST(vcpu_in_reset_state),
	};

	return cmocka_run_group_tests_name("vm", tests, NULL, NULL);
}

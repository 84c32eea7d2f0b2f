/* SPDX-License-Identifier: MIT */
/* time: the guest's clocks at a reset, in a clone and out of a file: on, or back */
#include "../vmtest.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "core/frozen.h"
#include "x86/x86.h"

GUEST64(count, "1: incl 0x200000\nout %eax, $0x10\njmp 1b");

#define SLEEP (80 * MS)

static void wait_a_while(void)
{
	nanosleep(&(struct timespec){.tv_nsec = SLEEP}, NULL);
}

/* kvmclock: nanoseconds since the VM was made. */
static uint64_t clock_of(const snug_vm *vm)
{
	struct kvm_clock_data c;

	assert_int_equal(snug__kvm_get_clock(vm->fd, &c, &vm->watch, NULL), 0);
	return c.clock;
}

static uint64_t tsc_of(const snug_vm *vm)
{
	struct kvm_msr_entry row = {.index = X86_MSR_TSC};

	assert_int_equal(snug__kvm_get_msrs(vm->vcpus[0].kvm.fd, &row, 1, &vm->watch, NULL), 1);
	return row.data;
}

static void prepare(struct box *b, enum snug_time time)
{
	const struct snug_hygiene h = {.size = sizeof(h), .time = time};

	BOX(b, SNUG_MODE_USER, count);
	assert_int_equal(snug_hygiene_set(b->vm, &h, &b->e), 0);
	assert_int_equal(snug_baseline(b->vm, &b->e), 0);
}

/* What a new life's clock says, against the baseline's and the time since. */
static void check_clock(const struct box *b, const snug_vm *life, enum snug_time time)
{
	uint64_t base = b->vm->baseline->clock.clock, now = clock_of(life);

	if (time == SNUG_TIME_ON)
		assert_in_range(now, base + SLEEP, base + 20 * SECOND);
	else
		assert_in_range(now, base, base + SLEEP - 1);
}

static void kvmclock(void **state)
{
	enum snug_time time = *(const enum snug_time *)*state;
	snug_vm *clone;
	struct box b;

	prepare(&b, time);
	wait_a_while();
	assert_int_equal(snug_reset(b.vm, NULL, &b.e), 0);
	check_clock(&b, b.vm, time);
	assert_int_equal(snug_clone(b.vm, 1, &clone, &b.e), 0);
	check_clock(&b, clone, time);
	/* a clone has its parent's hygiene */
	wait_a_while();
	assert_int_equal(snug_reset(clone, NULL, &b.e), 0);
	check_clock(&b, clone, time);
	snug_vm_free(clone);
	box_close(&b);
}

static void kvmclock_of_a_file(void **state)
{
	char path[] = "/dev/shm/snug-time-XXXXXX";
	snug_vm *vm;
	struct box b;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	prepare(&b, SNUG_TIME_ON);
	assert_int_equal(snug_save(b.vm, path, &b.e), 0);
	wait_a_while();
	assert_int_equal(snug_restore(path, NULL, &vm, &b.e), 0);
	unlink(path);
	check_clock(&b, vm, SNUG_TIME_ON);
	snug_vm_free(vm);
	box_close(&b);
}

static void tsc(void **state)
{
	enum snug_time time = *(const enum snug_time *)*state;
	struct box b;
	uint64_t base = 0, slept, now;

	if (host_is_pvm())
		skip(); /* it is the host's TSC, whatever is set */
	prepare(&b, time);
	for (unsigned i = 0; i < b.vm->baseline->cpu[0].msr_count; i++)
		if (b.vm->baseline->cpu[0].msrs[i].index == X86_MSR_TSC)
			base = b.vm->baseline->cpu[0].msrs[i].data;
	slept = b.vm->baseline->tsc_khz * (SLEEP / MS);
	wait_a_while();
	assert_int_equal(snug_reset(b.vm, NULL, &b.e), 0);
	now = tsc_of(b.vm);
	if (time == SNUG_TIME_ON)
		assert_in_range(now, base + slept, UINT64_MAX);
	else
		assert_in_range(now, base, base + slept - 1);
	box_close(&b);
}

int main(void)
{
	static const enum snug_time on = SNUG_TIME_ON, back = SNUG_TIME_BACK;
	const struct CMUnitTest tests[] = {
	    KVM_TEST_NAMED("kvmclock goes on", kvmclock, &on),
	    KVM_TEST_NAMED("kvmclock goes back", kvmclock, &back),
	    KVM_TEST(kvmclock_of_a_file),
	    KVM_TEST_NAMED("TSC goes on", tsc, &on),
	    KVM_TEST_NAMED("TSC goes back", tsc, &back),
	};

	return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}

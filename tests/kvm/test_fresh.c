/* SPDX-License-Identifier: MIT */
/* fresh: what one guest leaves in a vCPU does not reach the next one, and each vCPU is its own */
#include <signal.h>

#include "../vmtest.h"

/* User mode: SSE runs natively there, on every kind of host. */
GUEST64(leave_xmm, "mov $0x5ec2e7, %eax\nmovq %rax, %xmm7\nmov $0x5e0, %edx\nout %eax, %dx");
GUEST64(look_at_xmm, "movq %xmm7, %rax\nmov $0x5e0, %edx\nout %eax, %dx");

static void no_sse_state_is_left(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_USER, leave_xmm);
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(b.x.status.value, 0x5ec2e7);
	BOX_LOAD(&b, SNUG_MODE_USER, look_at_xmm);
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(b.x.status.value, 0);
	box_close(&b);
}

/* LSTAR and a debug register, set at CPL 0. */
GUEST64(leave_msr,
        "mov $0xc0000082, %ecx\nmov $0x1234, %eax\nxor %edx, %edx\nwrmsr\nmov $0x4567, %eax\nmov %rax, %dr0\n"
        "hlt");
GUEST64(look_at_msr, "mov $0xc0000082, %ecx\nrdmsr\nmov %rax, %rbx\nmov %dr0, %rax\nadd %rbx, %rax\nhlt");

static void no_msr_or_debug_register_is_left(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, leave_msr);
	assert_exit(&b, SNUG_EXIT_HLT);
	BOX_LOAD(&b, SNUG_MODE_LONG, look_at_msr);
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_int_equal(box_reg(&b, "rax"), 0);
	box_close(&b);
}

GUEST64(leave_cr8, "mov $5, %eax\nmov %rax, %cr8\nhlt");
GUEST64(look_at_cr8, "mov %cr8, %rax\nhlt");

static void no_cr8_is_left(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, leave_cr8);
	assert_exit(&b, SNUG_EXIT_HLT);
	BOX_LOAD(&b, SNUG_MODE_LONG, look_at_cr8);
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_int_equal(box_reg(&b, "rax"), 0);
	box_close(&b);
}

/* A fault that was about to be delivered goes with its guest. */
GUEST64(crash, "ud2");
GUEST64(fine, "mov $7, %eax\nhlt");

static void no_fault_is_left(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, crash);
	assert_exit(&b, SNUG_EXIT_FAULT);
	BOX_LOAD(&b, SNUG_MODE_LONG, fine);
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_int_equal(box_reg(&b, "rax"), 7);
	box_close(&b);
}

/* SDM 2A table 3-8: leaf 1 EBX bits 31:24. */
static void apic_ids_differ(void **state)
{
	struct snug_cpuid rows[256];
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.cpus = 3});
	for (unsigned cpu = 0; cpu < 3; cpu++) {
		int n = snug_vcpu_get_cpuid(snug_vm_vcpu(b.vm, cpu), rows, 256, &b.e);
		unsigned seen = 0;

		assert_in_range(n, 1, 256);
		for (int i = 0; i < n; i++) {
			if (rows[i].function != 1)
				continue;
			assert_int_equal(rows[i].ebx >> 24, cpu);
			seen++;
		}
		assert_int_equal(seen, 1);
	}
	box_close(&b);
}

/* SDM 3A table 9-1: EDX holds the CPU's signature after a reset. */
static void reset_signature(void **state)
{
	struct snug_cpuid rows[256];
	struct box b;
	int n;

	(void)state;
	box_open(&b, (struct snug_config){.cpus = 1});
	assert_int_equal(snug_vcpu_boot(b.cpu, SNUG_MODE_RESET, 0, 0, &b.e), 0);
	n = snug_vcpu_get_cpuid(b.cpu, rows, 256, &b.e);
	for (int i = 0; i < n; i++)
		if (rows[i].function == 1)
			assert_int_equal(box_reg(&b, "rdx"), rows[i].eax);
	assert_true(box_reg(&b, "rdx") != 0);
	box_close(&b);
}

/* A SIGURG that is somebody else's neither stops every run nor gets lost. */
static void foreign_sigurg(void **state)
{
	static const struct timespec at_once;
	sigset_t set, old;
	struct box b;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGURG);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	BOX(&b, SNUG_MODE_LONG, fine);
	raise(SIGURG);
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_int_equal(sigtimedwait(&set, NULL, &at_once), SIGURG);
	assert_int_equal(sigtimedwait(&set, NULL, &at_once), -1);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST(no_sse_state_is_left), KVM_TEST(no_msr_or_debug_register_is_left),
	    KVM_TEST(no_cr8_is_left),       KVM_TEST(no_fault_is_left),
	    KVM_TEST(apic_ids_differ),      KVM_TEST(reset_signature),
	    KVM_TEST(foreign_sigurg),
	};

	return cmocka_run_group_tests_name("fresh", tests, NULL, NULL);
}

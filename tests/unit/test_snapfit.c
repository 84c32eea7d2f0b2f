/* SPDX-License-Identifier: MIT */
/* snapfit: what a host must have, and what is said of what it lacks */
#include <errno.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "../golden/snapmade.h"
#include "check.h"
#include "host/kind.h"

static const struct snug__kvm_watch nobody;

static struct snug__snap made(void)
{
	struct snug__snap s = {.frozen = snapmade()};

	s.needs = (struct snug__snap_needs){SNUG_HOST_SVM, 0, 7, snapmade_host()};
	return s;
}

/* A host that has just what the guest was shown. */
static void exact(struct snug__kvm_cpuid *host, const struct snug__snap *s)
{
	memset(host, 0, sizeof(*host));
	for (unsigned i = 0; i < SNAPMADE_ROWS; i++)
		host->rows[host->nent++] = s->frozen->cpu[0].cpuid[i];
	host->rows[host->nent++] = (struct kvm_cpuid_entry2){.function = 0xd, .flags = 1, .eax = 7};
}

static void features(void **state)
{
	static const struct {
		unsigned row;
		size_t reg;
		uint32_t take;
		const char *msg; /* NULL: it fits */
	} rows[] = {
	    {1, offsetof(struct kvm_cpuid_entry2, ecx), 1u << 27, NULL}, /* OSXSAVE is the guest's own doing */
	    {1, offsetof(struct kvm_cpuid_entry2, ecx), 1u << 20, "snapshot: this CPU lacks sse4_2"},
	    {1, offsetof(struct kvm_cpuid_entry2, edx), 1u << 25, "snapshot: this CPU lacks sse"},
	    {2, offsetof(struct kvm_cpuid_entry2, ebx), 1u << 16 | 1u << 30,
	     "snapshot: this CPU lacks avx512f, avx512bw"},
	    {2, offsetof(struct kvm_cpuid_entry2, ecx), 1u << 5, "snapshot: this CPU lacks CPUID leaf 7 ecx bit 5"},
	    {2, offsetof(struct kvm_cpuid_entry2, index), 1, "avx512f, avx512bw, CPUID leaf 7 ecx bit 5"},
	    {3, offsetof(struct kvm_cpuid_entry2, edx), 1u << 29, "snapshot: this CPU lacks lm"},
	    {4, offsetof(struct kvm_cpuid_entry2, eax), 4, "lacks the extended states 0x4 of XCR0 0x7"},
	    {4, offsetof(struct kvm_cpuid_entry2, eax), 1, NULL}, /* x87 */
	};
	struct snug__snap s = made();
	static struct snug__kvm_cpuid host;

	(void)state;
	exact(&host, &s);
	assert_int_equal(snug__snap_fit_cpuid(&s, &host, NULL), 0);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct snug_error e = {0};
		uint32_t *reg;

		exact(&host, &s);
		reg = (uint32_t *)(void *)((char *)&host.rows[rows[i].row] + rows[i].reg);
		*reg ^= rows[i].take;
		assert_int_equal(snug__snap_fit_cpuid(&s, &host, &e), rows[i].msg ? -ENOTSUP : 0);
		if (rows[i].msg)
			assert_error(e, -ENOTSUP, rows[i].msg);
	}
	snug__frozen_drop(s.frozen);
}

/* More than fit into the message are counted, on whichever vCPU they are. */
static void many(void **state)
{
	struct snug__snap s = made();
	static struct snug__kvm_cpuid host;
	struct snug_error e = {0};

	(void)state;
	exact(&host, &s);
	s.frozen->cpu[1].cpuid[2].edx = UINT32_MAX;
	assert_int_equal(snug__snap_fit_cpuid(&s, &host, &e), -ENOTSUP);
	assert_error(e, -ENOTSUP, "snapshot: this CPU lacks CPUID leaf 7 edx bit 0,");
	assert_error(e, -ENOTSUP, " more");
	assert_hint(e, "restore it on a host like the one");
	snug__frozen_drop(s.frozen);
}

static void hosts(void **state)
{
	struct snug__snap s = made();
	struct snug__host_cpu here;
	struct snug_error e = {0};
	struct utsname u;

	(void)state;
	snug__host_cpu(&here);
	uname(&u);
	s.needs.kind = snug__host_kind() == SNUG_HOST_SVM ? SNUG_HOST_VMX : SNUG_HOST_SVM;
	assert_int_equal(snug__snap_fit(&s, &here, "/nonexistent", &nobody, &e), -ENOTSUP);
	assert_error(e, -ENOTSUP, s.needs.kind == SNUG_HOST_VMX ? "saved on kvm_intel" : "saved on kvm_amd");
	assert_error(e, -ENOTSUP, "has never been tried");
	s.needs.kind = snug__host_kind();
	assert_int_equal(snug__snap_fit(&s, &here, "/nonexistent", &nobody, &e), -ENOTSUP);
	assert_error(e, -ENOTSUP, "saved on a CPU of GoldenMaker!, this one is of ");
	/* the same host as then: KVM is not even asked; another: it is */
	s.needs.cpu = here;
	snprintf(s.frozen->origin.kernel, sizeof(s.frozen->origin.kernel), "%.63s", u.release);
	assert_int_equal(snug__snap_fit(&s, &here, "/nonexistent", &nobody, &e), 0);
	s.needs.cpu.words[3] ^= 1;
	assert_int_equal(snug__snap_fit(&s, &here, "/nonexistent", &nobody, &e), -ENOENT);
	s.needs.cpu.words[3] ^= 1;
	s.frozen->origin.kernel[0] ^= 1;
	assert_int_equal(snug__snap_fit(&s, &here, "/nonexistent", &nobody, &e), -ENOENT);
	snug__frozen_drop(s.frozen);
}

/* What any CPU of 64 bits has is there without KVM's saying so; its own rows keep what they have. */
static void native(void **state)
{
	static struct snug__kvm_cpuid host;

	(void)state;
	host.nent = 1;
	host.rows[0] = (struct kvm_cpuid_entry2){.function = 1, .eax = 5, .ecx = 1u << 31};
	snug__snap_fit_native(&host);
	assert_int_equal(host.rows[0].edx >> 25 & 3, 3); /* sse, sse2 */
	assert_int_equal(host.rows[0].ecx >> 31, 1);
	assert_in_range(host.nent, 2, SNUG__KVM_CPUID_MAX);
	for (unsigned i = 1; i < host.nent; i++) {
		assert_int_not_equal(host.rows[i].function, 0x40000001);
		if (host.rows[i].function == 0x80000001)
			assert_int_equal(host.rows[i].edx >> 29 & 1, 1); /* lm */
	}
	host.nent = SNUG__KVM_CPUID_MAX;
	memset(host.rows, 0, sizeof(host.rows));
	snug__snap_fit_native(&host);
	assert_int_equal(host.nent, SNUG__KVM_CPUID_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(features), cmocka_unit_test(many),
	                                   cmocka_unit_test(hosts), cmocka_unit_test(native)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

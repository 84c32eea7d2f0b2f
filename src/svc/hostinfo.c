/* SPDX-License-Identifier: MIT */
/* hostinfo: what the host's KVM can do */
#include <unistd.h>

#include "base/err.h"
#include "host/kind.h"
#include "host/kvm.h"

#define CAP(c) c, #c

/* The capabilities snug uses.  KVM 4.4, 6, 7, 8. */
static const struct {
	int cap;
	const char *name;
	bool required;
	const char *lost;
} caps[] = {
    {CAP(KVM_CAP_USER_MEMORY), true, "guest memory"},
    {CAP(KVM_CAP_SET_TSS_ADDR), true, "step 3, the TSS address"},
    {CAP(KVM_CAP_EXT_CPUID), true, "CPUID for the guest"},
    {CAP(KVM_CAP_IMMEDIATE_EXIT), true, "retiring an access before registers are read"},
    {CAP(KVM_CAP_SET_IDENTITY_MAP_ADDR), false,
     "a free choice of the identity page; the default may collide with ROM"},
    {CAP(KVM_CAP_READONLY_MEM), false, "read-only regions and firmware"},
    {CAP(KVM_CAP_EXIT_ON_EMULATION_FAILURE), false, "the bytes of an instruction KVM could not emulate"},
    {CAP(KVM_CAP_MEMORY_FAULT_INFO), false, "the address of memory the host could not provide"},
    {CAP(KVM_CAP_BINARY_STATS_FD), false, "the kernel's own figures in the statistics"},
    {CAP(KVM_CAP_NR_MEMSLOTS), false, "more than 32 memory regions"},
    {CAP(KVM_CAP_SYNC_REGS), false, "calls of guest functions without ioctls for registers: they take longer"},
    {CAP(KVM_CAP_MAX_VCPUS), false, "more than one vCPU"},
};

#define COUNT (sizeof(caps) / sizeof(caps[0]))

static const struct snug__kvm_watch nobody;

int snug_host_info(const char *kvm_path, struct snug_host *out, struct snug_error *err)
{
	int fd = snug__kvm_open(kvm_path ? kvm_path : "/dev/kvm", &nobody, err);

	if (fd < 0)
		return fd;
	*out = (struct snug_host){
	    .size = sizeof(*out),
	    .kind = snug__host_kind(),
	    .api_version = KVM_API_VERSION,
	    .max_vcpus = (uint32_t)snug__kvm_cap(fd, KVM_CAP_MAX_VCPUS, &nobody),
	    .mem_slots = (uint32_t)snug__kvm_cap(fd, KVM_CAP_NR_MEMSLOTS, &nobody),
	};
	out->paged32 = out->kind != SNUG_HOST_PVM;
	close(fd);
	return 0;
}

int snug_host_caps(const char *kvm_path, struct snug_cap *rows, size_t max, struct snug_error *err)
{
	int fd = snug__kvm_open(kvm_path ? kvm_path : "/dev/kvm", &nobody, err);

	if (fd < 0)
		return fd;
	for (size_t i = 0; rows && i < COUNT && i < max; i++)
		rows[i] = (struct snug_cap){
		    .name = caps[i].name,
		    .value = snug__kvm_cap(fd, caps[i].cap, &nobody),
		    .required = caps[i].required,
		    .lost = caps[i].lost,
		};
	close(fd);
	return (int)COUNT;
}

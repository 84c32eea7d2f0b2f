/* SPDX-License-Identifier: MIT */
#include "host/kind.h"

#include <cpuid.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define CPUID_1_ECX_VMX (1u << 5)        /* SDM 2A table 3-10 */
#define CPUID_80000001_ECX_SVM (1u << 2) /* APM 3 E.4.2 */

static bool has_module(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/module/%s", name);
	return access(path, F_OK) == 0;
}

enum snug_host_kind snug__host_kind(void)
{
	unsigned a, b, c = 0, d;

	/* kvm_pvm also loads on a CPU with VT-x; what is loaded with it then says who serves /dev/kvm. */
	if (has_module("kvm_pvm") && !has_module("kvm_intel") && !has_module("kvm_amd"))
		return SNUG_HOST_PVM;
	if (__get_cpuid(1, &a, &b, &c, &d) && (c & CPUID_1_ECX_VMX))
		return SNUG_HOST_VMX;
	if (__get_cpuid(0x80000001, &a, &b, &c, &d) && (c & CPUID_80000001_ECX_SVM))
		return SNUG_HOST_SVM;
	return SNUG_HOST_UNKNOWN;
}

void snug__host_kernel(char release[64])
{
	struct utsname u;

	memset(release, 0, 64);
	if (uname(&u) == 0)
		memcpy(release, u.release, strnlen(u.release, 63));
}

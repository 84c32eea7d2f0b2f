/* SPDX-License-Identifier: MIT */
/* cpuid: what a guest's CPU has: features by name, and which of several it is */
#ifndef SNUG_X86_CPUID_H
#define SNUG_X86_CPUID_H

#include <snug.h>

#include "host/kvm.h"

/*
 * Makes the table of what a vCPU has into what is asked for: "host" or "baseline", then ",+NAME" and ",-NAME", by the
 * names of /proc/cpuinfo; NULL and "" are "host".
 * Fails: -EINVAL (a word, or a feature that needs one that was taken away), -ENOTSUP (it is not in the table).
 */
int snug__cpuid_choose(const char *spec, struct snug__kvm_cpuid *table, struct snug_error *err);

/* Is what KVM made of it what was asked for?  kvm_pvm shows guests more than their table says.  Fails: -ENOTSUP. */
int snug__cpuid_verify(const char *spec, const struct snug__kvm_cpuid *made, struct snug_error *err);

/* One package of `count` cores of one thread each, of which this is the index-th: its APIC id. */
void snug__cpuid_topology(struct snug__kvm_cpuid *table, unsigned index, unsigned count);

#endif

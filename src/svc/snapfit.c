/* SPDX-License-Identifier: MIT */
/* snapfit: has this host what a snapshot's guest was given? */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/err.h"
#include "host/kind.h"
#include "svc/snapfile.h"

#define HINT_OTHER_HOST "restore it on a host like the one it was saved on, or prepare the guest anew here"

enum reg { EAX, EBX, ECX, EDX };

/*
 * The leaves that say what the CPU can do.  `ignore` has bits that do not: what software sets shows in them, or KVM offers
 * them whatever KVM_GET_SUPPORTED_CPUID says (MONITOR, TSC_DEADLINE, HYPERVISOR: KVM 4.46 and 4.65).  SDM 2A "CPUID",
 * APM 3 appendix E, Linux Documentation/virt/kvm/x86/cpuid.rst
 */
static const struct leaf {
	uint32_t function, index;
	enum reg reg;
	uint32_t ignore;
	const char *name;
} leaves[] = {
    {0x1, 0, ECX, 1u << 3 | 1u << 24 | 1u << 27 | 1u << 31, "leaf 1 ecx"},
    {0x1, 0, EDX, 0, "leaf 1 edx"},
    {0x7, 0, EBX, 0, "leaf 7 ebx"},
    {0x7, 0, ECX, 1u << 4, "leaf 7 ecx"},
    {0x7, 0, EDX, 0, "leaf 7 edx"},
    {0x7, 1, EAX, 0, "leaf 7.1 eax"},
    {0x7, 1, EDX, 0, "leaf 7.1 edx"},
    {0x7, 2, EDX, 0, "leaf 7.2 edx"},
    {0xd, 1, EAX, 0, "leaf 0xd.1 eax"},
    {0x40000001, 0, EAX, 0, "leaf 0x40000001 eax"},
    {0x80000001, 0, ECX, 0, "leaf 0x80000001 ecx"},
    {0x80000001, 0, EDX, 0, "leaf 0x80000001 edx"},
    {0x80000008, 0, EBX, 0, "leaf 0x80000008 ebx"},
    {0x80000021, 0, EAX, 0, "leaf 0x80000021 eax"},
};

#define LEAVES (sizeof(leaves) / sizeof(leaves[0]))

/* Names as /proc/cpuinfo has them; a bit without one is told by its leaf. */
static const struct {
	uint32_t function, index;
	enum reg reg;
	uint8_t bit;
	const char *name;
} names[] = {
    {0x1, 0, ECX, 0, "sse3"},
    {0x1, 0, ECX, 1, "pclmulqdq"},
    {0x1, 0, ECX, 5, "vmx"},
    {0x1, 0, ECX, 9, "ssse3"},
    {0x1, 0, ECX, 12, "fma"},
    {0x1, 0, ECX, 13, "cx16"},
    {0x1, 0, ECX, 17, "pcid"},
    {0x1, 0, ECX, 19, "sse4_1"},
    {0x1, 0, ECX, 20, "sse4_2"},
    {0x1, 0, ECX, 21, "x2apic"},
    {0x1, 0, ECX, 22, "movbe"},
    {0x1, 0, ECX, 23, "popcnt"},
    {0x1, 0, ECX, 25, "aes"},
    {0x1, 0, ECX, 26, "xsave"},
    {0x1, 0, ECX, 28, "avx"},
    {0x1, 0, ECX, 29, "f16c"},
    {0x1, 0, ECX, 30, "rdrand"},
    {0x1, 0, EDX, 0, "fpu"},
    {0x1, 0, EDX, 4, "tsc"},
    {0x1, 0, EDX, 5, "msr"},
    {0x1, 0, EDX, 6, "pae"},
    {0x1, 0, EDX, 8, "cx8"},
    {0x1, 0, EDX, 9, "apic"},
    {0x1, 0, EDX, 11, "sep"},
    {0x1, 0, EDX, 12, "mtrr"},
    {0x1, 0, EDX, 13, "pge"},
    {0x1, 0, EDX, 15, "cmov"},
    {0x1, 0, EDX, 16, "pat"},
    {0x1, 0, EDX, 19, "clflush"},
    {0x1, 0, EDX, 23, "mmx"},
    {0x1, 0, EDX, 24, "fxsr"},
    {0x1, 0, EDX, 25, "sse"},
    {0x1, 0, EDX, 26, "sse2"},
    {0x7, 0, EBX, 0, "fsgsbase"},
    {0x7, 0, EBX, 1, "tsc_adjust"},
    {0x7, 0, EBX, 3, "bmi1"},
    {0x7, 0, EBX, 4, "hle"},
    {0x7, 0, EBX, 5, "avx2"},
    {0x7, 0, EBX, 7, "smep"},
    {0x7, 0, EBX, 8, "bmi2"},
    {0x7, 0, EBX, 9, "erms"},
    {0x7, 0, EBX, 10, "invpcid"},
    {0x7, 0, EBX, 11, "rtm"},
    {0x7, 0, EBX, 14, "mpx"},
    {0x7, 0, EBX, 16, "avx512f"},
    {0x7, 0, EBX, 17, "avx512dq"},
    {0x7, 0, EBX, 18, "rdseed"},
    {0x7, 0, EBX, 19, "adx"},
    {0x7, 0, EBX, 20, "smap"},
    {0x7, 0, EBX, 21, "avx512ifma"},
    {0x7, 0, EBX, 23, "clflushopt"},
    {0x7, 0, EBX, 24, "clwb"},
    {0x7, 0, EBX, 28, "avx512cd"},
    {0x7, 0, EBX, 29, "sha_ni"},
    {0x7, 0, EBX, 30, "avx512bw"},
    {0x7, 0, EBX, 31, "avx512vl"},
    {0x7, 0, ECX, 1, "avx512vbmi"},
    {0x7, 0, ECX, 2, "umip"},
    {0x7, 0, ECX, 3, "pku"},
    {0x7, 0, ECX, 6, "avx512_vbmi2"},
    {0x7, 0, ECX, 7, "shstk"},
    {0x7, 0, ECX, 8, "gfni"},
    {0x7, 0, ECX, 9, "vaes"},
    {0x7, 0, ECX, 10, "vpclmulqdq"},
    {0x7, 0, ECX, 11, "avx512_vnni"},
    {0x7, 0, ECX, 12, "avx512_bitalg"},
    {0x7, 0, ECX, 14, "avx512_vpopcntdq"},
    {0x7, 0, ECX, 16, "la57"},
    {0x7, 0, ECX, 22, "rdpid"},
    {0x7, 0, EDX, 4, "fsrm"},
    {0x7, 0, EDX, 10, "md_clear"},
    {0x7, 0, EDX, 20, "ibt"},
    {0x7, 0, EDX, 22, "amx_bf16"},
    {0x7, 0, EDX, 23, "avx512_fp16"},
    {0x7, 0, EDX, 24, "amx_tile"},
    {0x7, 0, EDX, 25, "amx_int8"},
    {0x7, 0, EDX, 26, "spec_ctrl"},
    {0x7, 0, EDX, 29, "arch_capabilities"},
    {0x7, 0, EDX, 31, "ssbd"},
    {0x7, 1, EAX, 4, "avx_vnni"},
    {0x7, 1, EAX, 5, "avx512_bf16"},
    {0x7, 1, EAX, 23, "avx_ifma"},
    {0xd, 1, EAX, 0, "xsaveopt"},
    {0xd, 1, EAX, 1, "xsavec"},
    {0xd, 1, EAX, 2, "xgetbv1"},
    {0xd, 1, EAX, 3, "xsaves"},
    {0x40000001, 0, EAX, 0, "kvmclock"},
    {0x40000001, 0, EAX, 3, "kvmclock2"},
    {0x40000001, 0, EAX, 4, "kvm_asyncpf"},
    {0x40000001, 0, EAX, 5, "kvm_steal_time"},
    {0x40000001, 0, EAX, 6, "kvm_pv_eoi"},
    {0x40000001, 0, EAX, 24, "kvmclock_stable"},
    {0x80000001, 0, ECX, 0, "lahf_lm"},
    {0x80000001, 0, ECX, 2, "svm"},
    {0x80000001, 0, ECX, 5, "abm"},
    {0x80000001, 0, ECX, 6, "sse4a"},
    {0x80000001, 0, ECX, 8, "3dnowprefetch"},
    {0x80000001, 0, EDX, 11, "syscall"},
    {0x80000001, 0, EDX, 20, "nx"},
    {0x80000001, 0, EDX, 26, "pdpe1gb"},
    {0x80000001, 0, EDX, 27, "rdtscp"},
    {0x80000001, 0, EDX, 29, "lm"},
    {0x80000008, 0, EBX, 0, "clzero"},
    {0x80000008, 0, EBX, 4, "rdpru"},
    {0x80000008, 0, EBX, 9, "wbnoinvd"},
    {0x80000008, 0, EBX, 12, "ibpb"},
    {0x80000008, 0, EBX, 14, "ibrs"},
    {0x80000008, 0, EBX, 15, "stibp"},
    {0x80000008, 0, EBX, 24, "amd_ssbd"},
};

static const char *const kinds[] = {"another kind of KVM", "kvm_intel", "kvm_amd", "kvm_pvm"};

/* A list of names, as many as there is room for. */
struct missing {
	char text[192];
	size_t len;
	unsigned more;
};

static void miss(struct missing *m, const char *name)
{
	int n = snprintf(m->text + m->len, sizeof(m->text) - m->len, "%s%s", m->len ? ", " : "", name);

	if (n < 0 || (size_t)n >= sizeof(m->text) - m->len) {
		m->text[m->len] = '\0';
		m->more++;
	} else {
		m->len += (size_t)n;
	}
}

static const struct kvm_cpuid_entry2 *find(const struct kvm_cpuid_entry2 *rows, uint32_t count, uint32_t function,
                                           uint32_t index)
{
	for (uint32_t i = 0; i < count; i++) {
		bool indexed = rows[i].flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX;

		if (rows[i].function == function && (indexed ? rows[i].index : 0) == index)
			return &rows[i];
	}
	return NULL;
}

/* What a table says in a leaf; 0 where it has none. */
static uint32_t look(const struct kvm_cpuid_entry2 *rows, uint32_t count, uint32_t function, uint32_t index,
                     enum reg reg)
{
	const struct kvm_cpuid_entry2 *row = find(rows, count, function, index);
	const uint32_t regs[4] = {row ? row->eax : 0, row ? row->ebx : 0, row ? row->ecx : 0, row ? row->edx : 0};

	return regs[reg];
}

static void miss_bit(struct missing *m, const struct leaf *l, unsigned bit)
{
	char text[48];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].function == l->function && names[i].index == l->index && names[i].reg == l->reg &&
		    names[i].bit == bit) {
			miss(m, names[i].name);
			return;
		}
	snprintf(text, sizeof(text), "CPUID %s bit %u", l->name, bit);
	miss(m, text);
}

void snug__snap_fit_native(struct snug__kvm_cpuid *host)
{
	for (size_t i = 0; i < LEAVES; i++) {
		const struct leaf *l = &leaves[i];
		const struct kvm_cpuid_entry2 *there = find(host->rows, host->nent, l->function, l->index);
		struct kvm_cpuid_entry2 *row;
		uint32_t cpu[4];

		if (l->function >> 16 == 0x4000 || (!there && host->nent >= SNUG__KVM_CPUID_MAX))
			continue; /* leaves of hypervisors: those of one below us are not our guests' */
		row = &host->rows[there ? (size_t)(there - host->rows) : host->nent++];
		if (!there)
			*row = (struct kvm_cpuid_entry2){
			    .function = l->function, .index = l->index, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX};
		snug__host_cpuid(l->function, l->index, cpu);
		row->eax |= cpu[EAX];
		row->ebx |= cpu[EBX];
		row->ecx |= cpu[ECX];
		row->edx |= cpu[EDX];
	}
}

int snug__snap_fit_cpuid(const struct snug__snap *s, const struct snug__kvm_cpuid *host, struct snug_error *err)
{
	struct missing m = {.len = 0};
	uint64_t xcr0 =
	    look(host->rows, host->nent, 0xd, 0, EAX) | (uint64_t)look(host->rows, host->nent, 0xd, 0, EDX) << 32;
	uint64_t states = s->needs.xcr0 & ~(xcr0 | 1); /* x87 is always there: SDM 1 13.3 */

	for (size_t i = 0; i < LEAVES; i++) {
		const struct leaf *l = &leaves[i];
		uint32_t have = look(host->rows, host->nent, l->function, l->index, l->reg), lack = 0;

		for (unsigned c = 0; c < s->frozen->cpus; c++) {
			const struct snug__cpu_state *cpu = &s->frozen->cpu[c];

			lack |=
			    look(cpu->cpuid, cpu->cpuid_count, l->function, l->index, l->reg) & ~have & ~l->ignore;
		}
		for (unsigned bit = 0; bit < 32; bit++)
			if (lack >> bit & 1)
				miss_bit(&m, l, bit);
	}
	if (m.len)
		return snug__err(err, -ENOTSUP, SNUG_STEP_NONE, HINT_OTHER_HOST,
		                 m.more ? "snapshot: this CPU lacks %s and %u more" : "snapshot: this CPU lacks %s",
		                 m.text, m.more);
	if (states)
		return snug__err(err, -ENOTSUP, SNUG_STEP_NONE, HINT_OTHER_HOST,
		                 "snapshot: this CPU lacks the extended states 0x%llx of XCR0 0x%llx",
		                 (unsigned long long)states, (unsigned long long)s->needs.xcr0);
	return 0;
}

/* The same CPU model with the same features under the same kernel: then KVM can do now what it could then. */
static bool same_host(const struct snug__snap *s, const struct snug__host_cpu *here)
{
	struct utsname u;

	return memcmp(s->needs.cpu.words, here->words, sizeof(here->words)) == 0 && uname(&u) == 0 &&
	       strncmp(u.release, s->frozen->origin.kernel, sizeof(s->frozen->origin.kernel) - 1) == 0;
}

static int ask_kvm(const struct snug__snap *s, const char *kvm_path, const struct snug__kvm_watch *w,
                   struct snug_error *err)
{
	struct snug__kvm_cpuid *host = malloc(sizeof(*host));
	int fd, r;

	if (!host)
		return snug__err(err, -ENOMEM, SNUG_STEP_NONE, "free some memory", "snapshot: out of memory");
	fd = snug__kvm_open(kvm_path, w, err);
	r = fd < 0 ? fd : snug__kvm_supported_cpuid(fd, host, w, err);
	if (r >= 0 && s->needs.kind == SNUG_HOST_PVM)
		snug__snap_fit_native(host);
	if (r >= 0)
		r = snug__snap_fit_cpuid(s, host, err);
	if (fd >= 0)
		close(fd);
	free(host);
	return r < 0 ? r : 0;
}

int snug__snap_fit(const struct snug__snap *s, const struct snug__host_cpu *here, const char *kvm_path,
                   const struct snug__kvm_watch *w, struct snug_error *err)
{
	enum snug_host_kind kind = snug__host_kind();

	if (kind != s->needs.kind)
		return snug__err(
		    err, -ENOTSUP, SNUG_STEP_NONE, HINT_OTHER_HOST,
		    "snapshot: saved on %s, this host has %s; a restore from one to the other has never been tried",
		    kinds[s->needs.kind], kinds[kind]);
	if (strcmp(s->needs.cpu.vendor, here->vendor) != 0)
		return snug__err(err, -ENOTSUP, SNUG_STEP_NONE, HINT_OTHER_HOST,
		                 "snapshot: saved on a CPU of %s, this one is of %s", s->needs.cpu.vendor,
		                 here->vendor);
	if (same_host(s, here))
		return 0;
	return ask_kvm(s, kvm_path, w, err);
}

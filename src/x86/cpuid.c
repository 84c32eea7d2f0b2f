/* SPDX-License-Identifier: MIT */
#include "x86/cpuid.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/num.h"

enum reg { EAX, EBX, ECX, EDX };

/* Features by the names Linux gives them in /proc/cpuinfo: SDM 2A tables 3-10, 3-11, 3-8 (leaf 7); AMD APM 3 appendix E. */
static const struct feature {
	const char *name;
	uint32_t leaf, index;
	enum reg reg;
	uint8_t bit;
	bool baseline;     /* x86-64-v2 of the psABI, and what any kernel wants */
	const char *needs; /* this one's lack takes it away; NULL: none */
} features[] = {
    {"fpu", 1, 0, EDX, 0, true, NULL},
    {"vme", 1, 0, EDX, 1, true, NULL},
    {"de", 1, 0, EDX, 2, true, NULL},
    {"pse", 1, 0, EDX, 3, true, NULL},
    {"tsc", 1, 0, EDX, 4, true, NULL},
    {"msr", 1, 0, EDX, 5, true, NULL},
    {"pae", 1, 0, EDX, 6, true, NULL},
    {"mce", 1, 0, EDX, 7, true, NULL},
    {"cx8", 1, 0, EDX, 8, true, NULL},
    {"apic", 1, 0, EDX, 9, true, NULL},
    {"sep", 1, 0, EDX, 11, true, NULL},
    {"mtrr", 1, 0, EDX, 12, true, NULL},
    {"pge", 1, 0, EDX, 13, true, NULL},
    {"mca", 1, 0, EDX, 14, true, NULL},
    {"cmov", 1, 0, EDX, 15, true, NULL},
    {"pat", 1, 0, EDX, 16, true, NULL},
    {"pse36", 1, 0, EDX, 17, true, NULL},
    {"clflush", 1, 0, EDX, 19, true, NULL},
    {"mmx", 1, 0, EDX, 23, true, NULL},
    {"fxsr", 1, 0, EDX, 24, true, NULL},
    {"sse", 1, 0, EDX, 25, true, "fxsr"},
    {"sse2", 1, 0, EDX, 26, true, "sse"},
    {"ss", 1, 0, EDX, 27, true, NULL},
    {"ht", 1, 0, EDX, 28, true, NULL},
    {"pni", 1, 0, ECX, 0, true, "sse2"},
    {"pclmulqdq", 1, 0, ECX, 1, false, "sse2"},
    {"monitor", 1, 0, ECX, 3, false, NULL},
    {"vmx", 1, 0, ECX, 5, false, NULL},
    {"ssse3", 1, 0, ECX, 9, true, "pni"},
    {"fma", 1, 0, ECX, 12, false, "avx"},
    {"cx16", 1, 0, ECX, 13, true, NULL},
    {"pcid", 1, 0, ECX, 17, false, NULL},
    {"sse4_1", 1, 0, ECX, 19, true, "ssse3"},
    {"sse4_2", 1, 0, ECX, 20, true, "sse4_1"},
    {"x2apic", 1, 0, ECX, 21, true, NULL},
    {"movbe", 1, 0, ECX, 22, false, NULL},
    {"popcnt", 1, 0, ECX, 23, true, NULL},
    {"aes", 1, 0, ECX, 25, false, "sse2"},
    {"xsave", 1, 0, ECX, 26, false, "fxsr"},
    {"avx", 1, 0, ECX, 28, false, "xsave"},
    {"f16c", 1, 0, ECX, 29, false, "avx"},
    {"rdrand", 1, 0, ECX, 30, false, NULL},
    {"hypervisor", 1, 0, ECX, 31, true, NULL},
    {"fsgsbase", 7, 0, EBX, 0, false, NULL},
    {"tsc_adjust", 7, 0, EBX, 1, false, NULL},
    {"bmi1", 7, 0, EBX, 3, false, NULL},
    {"hle", 7, 0, EBX, 4, false, NULL},
    {"avx2", 7, 0, EBX, 5, false, "avx"},
    {"smep", 7, 0, EBX, 7, false, NULL},
    {"bmi2", 7, 0, EBX, 8, false, NULL},
    {"erms", 7, 0, EBX, 9, false, NULL},
    {"invpcid", 7, 0, EBX, 10, false, "pcid"},
    {"rtm", 7, 0, EBX, 11, false, NULL},
    {"mpx", 7, 0, EBX, 14, false, "xsave"},
    {"avx512f", 7, 0, EBX, 16, false, "avx2"},
    {"avx512dq", 7, 0, EBX, 17, false, "avx512f"},
    {"rdseed", 7, 0, EBX, 18, false, NULL},
    {"adx", 7, 0, EBX, 19, false, NULL},
    {"smap", 7, 0, EBX, 20, false, NULL},
    {"avx512ifma", 7, 0, EBX, 21, false, "avx512f"},
    {"clflushopt", 7, 0, EBX, 23, false, NULL},
    {"clwb", 7, 0, EBX, 24, false, NULL},
    {"avx512cd", 7, 0, EBX, 28, false, "avx512f"},
    {"sha_ni", 7, 0, EBX, 29, false, "sse2"},
    {"avx512bw", 7, 0, EBX, 30, false, "avx512f"},
    {"avx512vl", 7, 0, EBX, 31, false, "avx512f"},
    {"avx512vbmi", 7, 0, ECX, 1, false, "avx512f"},
    {"umip", 7, 0, ECX, 2, false, NULL},
    {"pku", 7, 0, ECX, 3, false, "xsave"},
    {"avx512_vbmi2", 7, 0, ECX, 6, false, "avx512f"},
    {"gfni", 7, 0, ECX, 8, false, "sse2"},
    {"vaes", 7, 0, ECX, 9, false, "avx"},
    {"vpclmulqdq", 7, 0, ECX, 10, false, "avx"},
    {"avx512_vnni", 7, 0, ECX, 11, false, "avx512f"},
    {"avx512_bitalg", 7, 0, ECX, 12, false, "avx512f"},
    {"avx512_vpopcntdq", 7, 0, ECX, 14, false, "avx512f"},
    {"la57", 7, 0, ECX, 16, false, NULL},
    {"rdpid", 7, 0, ECX, 22, false, NULL},
    {"movdiri", 7, 0, ECX, 27, false, NULL},
    {"movdir64b", 7, 0, ECX, 28, false, NULL},
    {"fsrm", 7, 0, EDX, 4, false, NULL},
    {"serialize", 7, 0, EDX, 14, false, NULL},
    {"amx_tile", 7, 0, EDX, 24, false, "xsave"},
    {"avx_vnni", 7, 1, EAX, 4, false, "avx2"},
    {"avx512_bf16", 7, 1, EAX, 5, false, "avx512f"},
    {"xsaveopt", 0xd, 1, EAX, 0, false, "xsave"},
    {"xsavec", 0xd, 1, EAX, 1, false, "xsave"},
    {"xgetbv1", 0xd, 1, EAX, 2, false, "xsave"},
    {"xsaves", 0xd, 1, EAX, 3, false, "xsavec"},
    {"lahf_lm", 0x80000001, 0, ECX, 0, true, NULL},
    {"svm", 0x80000001, 0, ECX, 2, false, NULL},
    {"cr8_legacy", 0x80000001, 0, ECX, 4, false, NULL},
    {"abm", 0x80000001, 0, ECX, 5, false, NULL},
    {"sse4a", 0x80000001, 0, ECX, 6, false, "sse2"},
    {"misalignsse", 0x80000001, 0, ECX, 7, false, "sse2"},
    {"3dnowprefetch", 0x80000001, 0, ECX, 8, false, NULL},
    {"xop", 0x80000001, 0, ECX, 11, false, "avx"},
    {"fma4", 0x80000001, 0, ECX, 16, false, "avx"},
    {"tbm", 0x80000001, 0, ECX, 21, false, NULL},
    {"syscall", 0x80000001, 0, EDX, 11, true, NULL},
    {"nx", 0x80000001, 0, EDX, 20, true, NULL},
    {"mmxext", 0x80000001, 0, EDX, 22, false, "mmx"},
    {"fxsr_opt", 0x80000001, 0, EDX, 25, false, "fxsr"},
    {"pdpe1gb", 0x80000001, 0, EDX, 26, false, NULL},
    {"rdtscp", 0x80000001, 0, EDX, 27, false, NULL},
    {"lm", 0x80000001, 0, EDX, 29, true, "pae"},
};

#define FEATURES (sizeof(features) / sizeof(features[0]))

/* XCR0 components and whose they are: SDM 1 13.1. */
static const struct {
	const char *name;
	uint32_t bits;
} components[] = {{"avx", 1u << 2}, {"mpx", 3u << 3}, {"avx512f", 7u << 5}, {"pku", 1u << 9}, {"amx_tile", 3u << 17}};

#define LEAF_TOPOLOGY 0xb
#define LEAF_TOPOLOGY_2 0x1f
#define LEAF_XSAVE 0xd
#define MASKED_BY_NAME(leaf) ((leaf) == 1 || (leaf) == 7 || (leaf) == 0x80000001)

static struct kvm_cpuid_entry2 *find(struct snug__kvm_cpuid *t, uint32_t leaf, uint32_t index)
{
	for (uint32_t i = 0; i < t->nent; i++)
		if (t->rows[i].function == leaf &&
		    (!(t->rows[i].flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || t->rows[i].index == index))
			return &t->rows[i];
	return NULL;
}

static uint32_t *reg_of(struct kvm_cpuid_entry2 *e, enum reg reg)
{
	return reg == EAX ? &e->eax : reg == EBX ? &e->ebx : reg == ECX ? &e->ecx : &e->edx;
}

static bool has(const struct snug__kvm_cpuid *t, const struct feature *f)
{
	struct kvm_cpuid_entry2 *e = find((struct snug__kvm_cpuid *)(uintptr_t)t, f->leaf, f->index);

	return e && *reg_of(e, f->reg) >> f->bit & 1;
}

static void put(struct snug__kvm_cpuid *t, const struct feature *f, bool on)
{
	struct kvm_cpuid_entry2 *e = find(t, f->leaf, f->index);
	uint32_t bit = 1u << f->bit;

	if (e)
		*reg_of(e, f->reg) = (*reg_of(e, f->reg) & ~bit) | (on ? bit : 0);
}

static const struct feature *by_name(const char *name, size_t len)
{
	for (size_t i = 0; i < FEATURES; i++)
		if (strlen(features[i].name) == len && memcmp(features[i].name, name, len) == 0)
			return &features[i];
	return NULL;
}

static bool has_name(const struct snug__kvm_cpuid *t, const char *name)
{
	const struct feature *f = by_name(name, strlen(name));

	return f && has(t, f);
}

/* All features but those of the baseline go, and with the feature leaves what has no name here. */
static void to_baseline(struct snug__kvm_cpuid *t)
{
	const struct snug__kvm_cpuid all = *t;

	for (uint32_t i = 0; i < t->nent; i++) {
		struct kvm_cpuid_entry2 *e = &t->rows[i];

		if (!MASKED_BY_NAME(e->function))
			continue;
		if (e->function == 7)
			e->ebx = 0, e->eax = 0;
		e->ecx = e->edx = 0;
	}
	for (size_t i = 0; i < FEATURES; i++)
		put(t, &features[i], features[i].baseline && has(&all, &features[i]));
}

/* A feature goes with what it needs; explicit ones were checked before, so that this is what nobody asked for. */
static void drop_dependents(struct snug__kvm_cpuid *t)
{
	for (bool again = true; again;) {
		again = false;
		for (size_t i = 0; i < FEATURES; i++)
			if (features[i].needs && has(t, &features[i]) && !has_name(t, features[i].needs)) {
				put(t, &features[i], false);
				again = true;
			}
	}
}

/* SDM 2A table 3-8, leaf 0xd: what is left of XCR0's bits, and of the room for it. */
static void fit_xsave(struct snug__kvm_cpuid *t)
{
	struct kvm_cpuid_entry2 *e = find(t, LEAF_XSAVE, 0);
	uint32_t gone = 0, size = 576; /* SDM 1 13.4: legacy region and header */

	for (size_t i = 0; i < sizeof(components) / sizeof(components[0]); i++)
		gone |= has_name(t, components[i].name) ? 0 : components[i].bits;
	if (e && !has_name(t, "xsave"))
		gone = UINT32_MAX;
	if (!e || !(e->eax & gone))
		return;
	e->eax &= ~gone;
	for (uint32_t n = 2; n < 32; n++) {
		struct kvm_cpuid_entry2 *part = find(t, LEAF_XSAVE, n);

		if (!part)
			continue;
		if (gone >> n & 1)
			part->eax = part->ebx = part->ecx = part->edx = 0;
		else if (e->eax >> n & 1 && part->ebx + part->eax > size)
			size = part->ebx + part->eax;
	}
	e->ecx = e->eax ? size : 0;
	e->ebx = e->ecx;
}

#define HINT_WORDS "write host or baseline, then ,+NAME and ,-NAME with names of /proc/cpuinfo"

static int unknown(const char *word, size_t len, struct snug_error *err)
{
	return snug__err(err, -EINVAL, SNUG_STEP_NONE, HINT_WORDS, "cpu: unknown feature '%.*s'",
	                 (int)snug__min(len, 40), word);
}

/* Is it in the list, with a plus? */
static bool named(const char *spec, const struct feature *f)
{
	for (const char *at = strchr(spec, ','); at; at = strchr(at + 1, ','))
		if (at[1] == '+' && by_name(at + 2, strcspn(at + 2, ",")) == f)
			return true;
	return false;
}

/* What the words are held against. */
struct choice {
	struct snug__kvm_cpuid *table;
	const struct snug__kvm_cpuid *host; /* what KVM can give */
	struct snug_error *err;
};

typedef int (*word_fn)(const struct choice *c, const struct feature *f, bool on);

static int cannot_give(const struct feature *f, struct snug_error *err)
{
	return snug__err(err, -ENOTSUP, SNUG_STEP_NONE, "leave it out, or use a host that has it",
	                 "cpu: %s: this host's KVM cannot give it (leaf 0x%x)", f->name, f->leaf);
}

static int choose_word(const struct choice *c, const struct feature *f, bool on)
{
	if (on && !has(c->host, f))
		return cannot_give(f, c->err);
	put(c->table, f, on);
	return 0;
}

/* Of what was asked for with a plus, is there what it needs? */
static int check_needs(const struct choice *c, const struct feature *f, bool on)
{
	const struct feature *n = f;

	while (on && n && n->needs) {
		const char *needs = n->needs;

		if (!has_name(c->table, needs))
			return snug__err(c->err, -EINVAL, SNUG_STEP_NONE, "ask for both, or for neither",
			                 "cpu: %s needs %s, which this CPU has not", f->name, needs);
		n = by_name(needs, strlen(needs));
	}
	return 0;
}

static int cannot_hide(const struct feature *f, struct snug_error *err)
{
	return snug__err(err, -ENOTSUP, SNUG_STEP_NONE, "use host, or a host whose KVM runs on VT-x or SVM",
	                 "cpu: %s: this host's KVM shows it to guests whatever they are to see", f->name);
}

static int verify_word(const struct choice *c, const struct feature *f, bool on)
{
	if (has(c->table, f) == on)
		return 0;
	return on ? cannot_give(f, c->err) : cannot_hide(f, c->err);
}

/* Calls fn for each ",+NAME" and ",-NAME". */
static int each_word(const char *at, word_fn fn, const struct choice *c)
{
	int r = 0;

	while (r >= 0 && *at == ',') {
		const char *word = at + 1;
		size_t len = strcspn(word, ",");
		const struct feature *f = len > 1 ? by_name(word + 1, len - 1) : NULL;

		if (!f || (word[0] != '+' && word[0] != '-'))
			return unknown(word, len, c->err);
		r = fn(c, f, word[0] == '+');
		at = word + len;
	}
	return r;
}

static bool first_is(const char *spec, const char *word)
{
	return strcspn(spec, ",") == strlen(word) && memcmp(spec, word, strlen(word)) == 0;
}

int snug__cpuid_choose(const char *spec, struct snug__kvm_cpuid *table, struct snug_error *err)
{
	const struct snug__kvm_cpuid host = *table;
	const struct choice c = {table, &host, err};
	int r;

	if (!spec || !*spec)
		return 0;
	if (first_is(spec, "baseline"))
		to_baseline(table);
	else if (!first_is(spec, "host"))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, HINT_WORDS, "cpu: unknown CPU '%.*s'",
		                 (int)snug__min(strcspn(spec, ","), 40), spec);
	r = each_word(spec + strcspn(spec, ","), choose_word, &c);
	if (r >= 0)
		r = each_word(spec + strcspn(spec, ","), check_needs, &c);
	if (r < 0)
		return r;
	drop_dependents(table);
	fit_xsave(table);
	return 0;
}

int snug__cpuid_verify(const char *spec, const struct snug__kvm_cpuid *made, struct snug_error *err)
{
	struct snug__kvm_cpuid table = *made;
	const struct choice c = {&table, NULL, err};
	int r = each_word(spec + strcspn(spec, ","), verify_word, &c);

	if (r < 0 || !first_is(spec, "baseline"))
		return r;
	/* What was added to the baseline by name is no part of what should be hidden. */
	for (size_t i = 0; i < FEATURES; i++)
		if (!features[i].baseline && has(&table, &features[i]) && !named(spec, &features[i]))
			return cannot_hide(&features[i], err);
	return 0;
}

/* ---- Topology. */

#define AUTH 0x68747541u /* leaf 0 EBX of AuthenticAMD */
#define HYGO 0x6f677948u /* and of HygonGenuine */

static unsigned bits_for(unsigned count)
{
	unsigned bits = 0;

	while (1u << bits < count)
		bits++;
	return bits;
}

/* SDM 2A table 3-8, leaf 0xb: threads of a core, then cores of the package; then an end. */
static void put_levels(struct snug__kvm_cpuid *t, uint32_t leaf, unsigned index, unsigned count)
{
	const struct {
		uint32_t shift, count, type;
	} levels[] = {{0, 1, 1}, {bits_for(count), count, 2}, {0, 0, 0}};
	uint32_t kept = 0;

	for (uint32_t i = 0; i < t->nent; i++)
		if (t->rows[i].function != leaf)
			t->rows[kept++] = t->rows[i];
	t->nent = kept;
	for (uint32_t i = 0; i < 3 && t->nent < SNUG__KVM_CPUID_MAX; i++)
		t->rows[t->nent++] = (struct kvm_cpuid_entry2){.function = leaf,
		                                               .index = i,
		                                               .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		                                               .eax = levels[i].shift,
		                                               .ebx = levels[i].count,
		                                               .ecx = levels[i].type << 8 | i,
		                                               .edx = index};
}

/* Caches of levels 1 and 2 are a core's own, level 3 the package's: leaf 4, and AMD's 0x8000001d in the same form. */
static void put_cache(struct kvm_cpuid_entry2 *e, unsigned count)
{
	unsigned level = e->eax >> 5 & 7, sharing = level >= 3 ? (1u << bits_for(count)) - 1 : 0;

	if (!(e->eax & 0x1f))
		return;
	e->eax = (e->eax & ~(0xfffu << 14)) | sharing << 14;
	if (e->function == 4)
		e->eax = (e->eax & ~(0x3fu << 26)) | (((1u << bits_for(count)) - 1) & 0x3f) << 26;
}

/* AMD's own leaves say the same once more: APM 3 appendix E.4. */
static void put_amd(struct kvm_cpuid_entry2 *e, unsigned index, unsigned count)
{
	switch (e->function) {
	case 0x80000001: /* CmpLegacy: cores, not threads */
		e->ecx = (e->ecx & ~2u) | (count > 1) << 1;
		break;
	case 0x80000008:
		e->ecx = (e->ecx & ~0xf0ffu) | bits_for(count) << 12 | ((count - 1) & 0xff);
		break;
	case 0x8000001d:
		put_cache(e, count);
		break;
	case 0x8000001e:
		e->eax = index;
		e->ebx = (e->ebx & ~0xffffu) | (index & 0xff);
		e->ecx = 0; /* one node */
		break;
	default:
		break;
	}
}

static void put_row(struct kvm_cpuid_entry2 *e, unsigned count)
{
	switch (e->function) {
	case 1:
		e->ebx = (e->ebx & 0xff00ffff) | (count < 255 ? count : 255) << 16;
		e->ecx |=
		    1u << 31; /* a hypervisor: SDM leaves it to them, Linux Documentation/virt/kvm/x86/cpuid.rst */
		e->edx = (e->edx & ~(1u << 28)) | (count > 1) << 28;
		break;
	case 4:
		put_cache(e, count);
		break;
	default:
		break;
	}
}

void snug__cpuid_topology(struct snug__kvm_cpuid *t, unsigned index, unsigned count)
{
	const struct kvm_cpuid_entry2 *first = find(t, 0, 0);
	uint32_t max = first ? first->eax : 0;
	bool amd = first && (first->ebx == AUTH || first->ebx == HYGO);

	for (uint32_t i = 0; i < t->nent; i++) {
		put_row(&t->rows[i], count);
		if (amd)
			put_amd(&t->rows[i], index, count);
	}
	if (max >= LEAF_TOPOLOGY)
		put_levels(t, LEAF_TOPOLOGY, index, count);
	if (max >= LEAF_TOPOLOGY_2 && find(t, LEAF_TOPOLOGY_2, 0))
		put_levels(t, LEAF_TOPOLOGY_2, index, count);
}

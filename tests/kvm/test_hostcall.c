/* SPDX-License-Identifier: MIT */
/* hostcall: functions of the host's that a guest calls: what they get, and what is refused before they get it */
#include "callee.h"

#include <stdlib.h>

#define MIB (1u << 20)
#define RAM (16u << 20)
#define ROM 0x80000000ull /* a read-only page */
#define END 0x40002000ull /* of two pages of memory with nothing behind them; RAM ends with the guest's stack */
#define TABLES 0xfef00000ull
#define FREE 0x800000ull /* 2 MiB of RAM nobody uses, a page of its own in snug's page tables */

struct host {
	struct box b, *other;
	unsigned calls;
	char text[4096];
	struct snug_host_arg last[SNUG_ARGS_MAX];
	uint8_t seen[64];
};

static int mul(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *a, uint64_t *result)
{
	struct host *h = ctx;

	assert_ptr_equal(vcpu, h->b.cpu);
	assert_null(a[0].data);
	h->calls++;
	*result = a[0].value * a[1].value;
	return 0;
}

static int text(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *a, uint64_t *result)
{
	struct host *h = ctx;

	(void)vcpu;
	h->calls++;
	assert_int_equal(strlen(a[0].data), a[0].len);
	memcpy(h->text, a[0].data, a[0].len + 1);
	*result = a[0].len;
	return 0;
}

static int sum(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *a, uint64_t *result)
{
	struct host *h = ctx;
	const uint8_t *bytes = a[0].data;

	(void)vcpu;
	h->calls++;
	assert_non_null(bytes);
	*result = 0;
	for (size_t i = 0; i < a[0].len; i++)
		*result += bytes[i];
	return 0;
}

static int fill(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *a, uint64_t *result)
{
	struct host *h = ctx;
	uint8_t *bytes = a[0].data;

	(void)vcpu;
	h->calls++;
	for (size_t i = 0; i < a[0].len; i++) {
		assert_int_equal(bytes[i], 0);
		bytes[i] = 0xa5;
	}
	*result = a[0].len;
	return 0;
}

static int fail_after(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *a, uint64_t *result)
{
	fill(ctx, vcpu, a, result);
	return -EPERM;
}

static int keep(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *a, uint64_t *result)
{
	struct host *h = ctx;

	(void)vcpu;
	h->calls++;
	memcpy(h->last, a, sizeof(h->last));
	memcpy(h->seen, a[1].data, a[1].len);
	memcpy(h->text, a[3].data, a[3].len + 1);
	memset(a[2].data, 0x11, a[2].len);
	*result = UINT64_MAX / 2;
	return 0;
}

/* A function that calls one of another VM, which calls a function of the host's. */
static int nested(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *a, uint64_t *result)
{
	struct host *h = ctx;

	(void)a;
	assert_int_equal(snug_mem_write(snug_vcpu_vm(vcpu), FREE, "nested", 7), 0);
	*result = callee_call(h->other, (struct snug_function){.name = "host_macro"});
	return 0;
}

/* The VM itself is in the middle of its exit. */
static int same_vm(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *a, uint64_t *result)
{
	struct snug_function f = {.name = "none"};

	(void)ctx;
	(void)a;
	(void)result;
	return snug_call(snug_vcpu_vm(vcpu), &f, NULL, NULL, NULL);
}

static void add(struct host *h, const char *name, const char *types, snug_host_fn fn)
{
	if (snug_host_add(h->b.vm, name, types, fn, h, &h->b.e) < 0)
		fail_msg("%s", h->b.e.msg);
}

static struct host *open_host(enum snug_mode mode)
{
	static const struct {
		const char *name, *types;
		snug_host_fn fn;
	} rows[] = {
	    {"mul", "ii", mul},
	    {"text", "s", text},
	    {"sum", "r", sum},
	    {"fill", "w", fill},
	    {"fail", "w", fail_after},
	    {"keep", "irws", keep},
	    {"nested", "", nested},
	    {"same vm", "", same_vm},
	    {"two", "ss", text},
	    {"three", "rrr", sum},
	    {"a name of all of thirty-one letter", "", NULL},
	};
	struct snug_region rom = {.gpa = ROM, .bytes = 4096, .flags = SNUG_MEM_READONLY, .name = "rom"};
	struct snug_region extra = {.gpa = END - 8192, .bytes = 8192};
	struct host *h = calloc(1, sizeof(*h));

	callee_open(&h->b, mode);
	assert_int_equal(snug_mem_add(h->b.vm, &rom, &h->b.e), 0);
	assert_int_equal(snug_mem_add(h->b.vm, &extra, &h->b.e), 0);
	for (size_t i = 0; rows[i].fn; i++)
		add(h, rows[i].name, rows[i].types, rows[i].fn);
	return h;
}

static void close_host(struct host *h)
{
	box_close(&h->b);
	free(h);
}

static enum snug_mode mode_of(void **state)
{
	const enum snug_mode *mode = *state;

	return *mode;
}

/* The guest calls `name` with these words; what it got. */
#define ASK(h, name, ...) ask(h, name, (uint64_t[6]){__VA_ARGS__})
static int64_t ask(struct host *h, const char *name, const uint64_t words[6])
{
	return (int64_t)CALL(&h->b, "host", SNUG_IN(name, strlen(name) + 1), SNUG_IN(words, 48));
}

/* The same, and no function of the host's may have been called. */
#define REFUSED(h, want, name, ...)                                                                                  \
	do {                                                                                                         \
		unsigned before = (h)->calls;                                                                        \
		assert_int_equal(ASK(h, name, __VA_ARGS__), want);                                                   \
		assert_int_equal((h)->calls, before);                                                                \
	} while (0)

static void put(struct host *h, snug_gpa at, const void *bytes, size_t len)
{
	assert_int_equal(snug_mem_write(h->b.vm, at, bytes, len), 0);
}

static void integers(void **state)
{
	struct host *h = open_host(mode_of(state));

	assert_int_equal(ASK(h, "mul", 6, 7), 42);
	assert_int_equal(ASK(h, "mul", (uint64_t)-6, 7), -42);
	assert_int_equal(ASK(h, "mul", 1ull << 40, 1 << 20), 1ll << 60);
	assert_int_equal(h->calls, 3);
	assert_int_equal(CALL0(&h->b, "host_macro"), 36);
	close_host(h);
}

static void strings(void **state)
{
	struct host *h = open_host(mode_of(state));
	char big[4097];

	memset(big, 'x', sizeof(big));
	put(h, FREE, "hello", 6);
	assert_int_equal(ASK(h, "text", FREE), 5);
	assert_string_equal(h->text, "hello");
	assert_int_equal(ASK(h, "text", FREE + 5), 0);
	/* Over the end of a page, as long as may be, one more. */
	put(h, FREE + 4093, "abcdef", 7);
	assert_int_equal(ASK(h, "text", FREE + 4093), 6);
	assert_string_equal(h->text, "abcdef");
	put(h, FREE + 100, big, sizeof(big));
	put(h, FREE + 100 + 4095, "", 1);
	assert_int_equal(ASK(h, "text", FREE + 100), 4095);
	put(h, FREE + 100, big, sizeof(big));
	put(h, FREE + 100 + 4096, "", 1);
	REFUSED(h, -E2BIG, "text", FREE + 100);
	/* To the end of memory, with and without an end. */
	put(h, END - 3, "xy", 3);
	assert_int_equal(ASK(h, "text", END - 3), 2);
	put(h, ROM + 4094, "z", 2);
	assert_int_equal(ASK(h, "text", ROM + 4094), 1);
	put(h, ROM + 4095, "z", 1);
	REFUSED(h, -EFAULT, "text", ROM + 4094);
	REFUSED(h, -EFAULT, "two", FREE + 5, ROM + 4094);
	close_host(h);
}

static void buffers(void **state)
{
	struct host *h = open_host(mode_of(state));
	uint8_t *back = malloc(MIB);

	put(h, FREE + 4090, "\1\2\3\4\5\6\7\10\11\12", 10);
	assert_int_equal(ASK(h, "sum", FREE + 4090, 10), 55);
	assert_int_equal(ASK(h, "sum", FREE + 4091, 8), 44);
	assert_int_equal(ASK(h, "sum", FREE, 0), 0);
	assert_int_equal(ASK(h, "sum", ROM, 4096), 0);
	assert_int_equal(ASK(h, "fill", FREE + 4091, 8), 8);
	assert_int_equal(snug_mem_read(h->b.vm, FREE + 4090, back, 10), 0);
	assert_memory_equal(back, "\1\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\12", 10);
	assert_int_equal(ASK(h, "fail", FREE + 4090, 10), -EPERM); /* and nothing comes back */
	assert_int_equal(snug_mem_read(h->b.vm, FREE + 4090, back, 10), 0);
	assert_int_equal(back[0], 1);
	/* As much as may be. */
	assert_int_equal(ASK(h, "fill", FREE, MIB), MIB);
	assert_int_equal(ASK(h, "sum", FREE, MIB), 0xa5ll * MIB);
	assert_int_equal(ASK(h, "three", FREE, MIB, FREE, MIB, FREE, MIB), 0xa5ll * MIB);
	REFUSED(h, -E2BIG, "sum", FREE, MIB + 1);
	REFUSED(h, -E2BIG, "sum", FREE, UINT64_MAX);
	REFUSED(h, -E2BIG, "three", FREE, 1, FREE, 1, FREE, MIB + 1);
	free(back);
	close_host(h);
}

static void mixed(void **state)
{
	struct host *h = open_host(mode_of(state));
	uint8_t back[4];

	put(h, FREE, "abc\0", 4);
	assert_int_equal(ASK(h, "keep", 7, FREE, 3, FREE + 8, 4, FREE), INT64_MAX);
	assert_int_equal(h->last[0].value, 7);
	assert_int_equal(h->last[1].value, FREE);
	assert_int_equal(h->last[1].len, 3);
	assert_int_equal(h->last[2].value, FREE + 8);
	assert_int_equal(h->last[2].len, 4);
	assert_memory_equal(h->seen, "abc", 3);
	assert_string_equal(h->text, "abc");
	assert_int_equal(snug_mem_read(h->b.vm, FREE + 8, back, 4), 0);
	assert_memory_equal(back, "\x11\x11\x11\x11", 4);
	close_host(h);
}

/* Addresses that are nobody's, not this guest's, not writable. */
static void bounds(void **state)
{
	static const struct {
		uint64_t at, len;
		bool read, write;
	} rows[] = {
	    {0, 1, true, true}, /* as the guest itself could */
	    {END - 16, 16, true, true},
	    {END - 5000, 5000, true, true},
	    {END - 5000, 5001, false, false},
	    {END, 1, false, false},
	    {RAM, 1, false, false},
	    {0x50000000, 1, false, false}, /* mapped, but nothing is there */
	    {ROM, 16, true, false},
	    {ROM + 4090, 6, true, false},
	    {ROM + 4090, 7, false, false},
	    {ROM - 1, 2, false, false},
	    {TABLES, 8, false, false},
	    {TABLES + 0x5000, 8, false, false}, /* the PML4 */
	    {0xfeffd000, 8, false, false},      /* KVM's TSS */
	    {1ull << 32, 8, false, false},      /* past the page tables */
	    {1ull << 40, 8, false, false},
	    {1ull << 47, 8, false, false}, /* not canonical */
	    {UINT64_MAX - 7, 8, false, false},
	    {UINT64_MAX - 3, 8, false, false}, /* it wraps */
	    {UINT64_MAX, MIB, false, false},
	    {0xfffffffffff00000, 2 * MIB, false, false},
	};
	struct host *h = open_host(mode_of(state));

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int bad = rows[i].len > MIB ? -E2BIG : -EFAULT;

		if (rows[i].read)
			assert_true(ASK(h, "sum", rows[i].at, rows[i].len) >= 0);
		else
			REFUSED(h, bad, "sum", rows[i].at, rows[i].len);
		if (rows[i].write)
			assert_int_equal(ASK(h, "fill", rows[i].at, rows[i].len), rows[i].len);
		else
			REFUSED(h, bad, "fill", rows[i].at, rows[i].len);
	}
	close_host(h);
}

/* The entry of a level that maps FREE. */
static void set_bits(struct host *h, uint32_t level, uint64_t clear)
{
	struct snug_walk w;

	assert_int_equal(snug_vcpu_walk(h->b.cpu, FREE, &w, &h->b.e), 0);
	for (uint32_t i = 0; i < w.steps; i++)
		if (w.step[i].level == level) {
			uint64_t entry = (w.step[i].entry | 7) & ~clear;

			put(h, w.step[i].at, &entry, 8);
		}
}

/* What the page tables do not let the guest do, the host does not do for it. */
static void permissions(void **state)
{
	bool user = mode_of(state) == SNUG_MODE_USER;
	struct host *h = open_host(mode_of(state));

	assert_int_equal(ASK(h, "fill", FREE, 8), 8);
	set_bits(h, 2, 2);
	assert_int_equal(ASK(h, "sum", FREE, 8), 8 * 0xa5);
	REFUSED(h, -EFAULT, "fill", FREE, 8);
	REFUSED(h, -EFAULT, "fill", FREE - 8, 16);
	set_bits(h, 2, 4);
	if (user) {
		REFUSED(h, -EFAULT, "sum", FREE, 8);
		REFUSED(h, -EFAULT, "fill", FREE, 8);
		REFUSED(h, -EFAULT, "text", FREE);
	} else {
		assert_int_equal(ASK(h, "fill", FREE, 8), 8);
	}
	set_bits(h, 2, 1);
	REFUSED(h, -EFAULT, "sum", FREE, 8);
	set_bits(h, 2, 0);
	assert_int_equal(ASK(h, "fill", FREE, 8), 8);
	close_host(h);
}

static void names(void **state)
{
	struct host *h = open_host(mode_of(state));
	uint64_t words[6] = {0};

	REFUSED(h, -ENOSYS, "mull", 1, 2);
	REFUSED(h, -ENOSYS, "mu", 1, 2);
	REFUSED(h, -ENOSYS, "", 1, 2);
	REFUSED(h, -ENOSYS, "a name that is longer than any name can be", 1, 2);
	assert_int_equal(CALL(&h->b, "host", SNUG_INT(TABLES), SNUG_IN(words, 48)), -EFAULT);
	assert_int_equal(CALL(&h->b, "host", SNUG_INT(1ull << 40), SNUG_IN(words, 48)), -EFAULT);
	add(h, "a name of exactly 31 letters...", "ii", mul);
	assert_int_equal(ASK(h, "a name of exactly 31 letters...", 3, 4), 12);
	close_host(h);
}

/* A block where none can be: nothing is called, nothing written, the guest runs on. */
static void bad_blocks(void **state)
{
	static const uint64_t places[] = {TABLES, TABLES + 0x5000, ROM,        RAM - 8,
	                                  RAM,    0x40000000,      0xffffffff, 0xffffffc0};
	struct host *h = open_host(mode_of(state));
	uint64_t block[8] = {FREE + 512, 6, 7};
	uint8_t before[4096], after[4096];

	put(h, ROM, block, sizeof(block));
	put(h, FREE + 512, "mul", 4);
	assert_int_equal(snug_mem_read(h->b.vm, TABLES, before, 4096), 0);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		CALL(&h->b, "host_raw", SNUG_INT(places[i]));
	assert_int_equal(snug_mem_read(h->b.vm, TABLES, after, 4096), 0);
	assert_memory_equal(before, after, 4096);
	assert_int_equal(h->calls, 0);
	/* Its result can be written, the rest not read. */
	CALL(&h->b, "host_raw", SNUG_INT(0xffffffc8));
	/* One that can, in RAM; an access of another width is none. */
	put(h, FREE + 4080, block, sizeof(block));
	CALL(&h->b, "host_raw", SNUG_INT(FREE + 4080));
	assert_int_equal(h->calls, 1);
	assert_int_equal(snug_mem_read(h->b.vm, FREE + 4080, block, sizeof(block)), 0);
	assert_int_equal(block[7], 42);
	put(h, 0x8000, block, sizeof(block));
	CALL(&h->b, "host_narrow", SNUG_INT(0x8000));
	assert_int_equal(h->calls, 1);
	CALL(&h->b, "host_raw", SNUG_INT(0x8000));
	assert_int_equal(h->calls, 2);
	close_host(h);
}

static void other_vms(void **state)
{
	struct host *h = open_host(mode_of(state)), *inner = open_host(mode_of(state));

	h->other = &inner->b;
	assert_int_equal(ASK(h, "nested"), 36);
	assert_int_equal(inner->calls, 2);
	assert_int_equal(ASK(h, "same vm"), -EBUSY);
	assert_int_equal(ASK(h, "mul", 2, 3), 6);
	close_host(inner);
	close_host(h);
}

/* Without functions, and without the port. */
static void nobody_there(void **state)
{
	uint64_t words[6] = {0};
	struct box b;

	callee_open(&b, mode_of(state));
	assert_int_equal(CALL(&b, "host", SNUG_IN("mul", 4), SNUG_IN(words, 48)), -ENOSYS);
	box_close(&b);
}

/* Clones can call them, and so can a pool's VMs, when the parent is gone. */
static void clones_have_them(void **state)
{
	struct host *h = open_host(mode_of(state));
	snug_vm *parent = h->b.vm, *vm;
	snug_pool *pool;

	assert_int_equal(snug_pool_new(parent, 0, &pool, &h->b.e), 0);
	assert_int_equal(snug_clone(parent, 1, &vm, &h->b.e), 0);
	snug_vm_free(parent);
	for (unsigned i = 1; i <= 2; i++) {
		h->b.vm = vm;
		h->b.cpu = snug_vm_vcpu(vm, 0);
		assert_int_equal(ASK(h, "mul", 6, 7), 42);
		assert_int_equal(h->calls, i);
		snug_vm_free(vm);
		if (i == 1)
			assert_int_equal(snug_pool_get(pool, &vm, &h->b.e), 0);
	}
	snug_pool_free(pool);
	free(h);
}

static void registering(void **state)
{
	static const struct {
		const char *name, *types;
		snug_host_fn fn;
		int code;
		const char *text;
	} rows[] = {
	    {"", "", mul, -EINVAL, "its name has 0 bytes"},
	    {NULL, "", mul, -EINVAL, "its name has 0 bytes"},
	    {"exactly 32 letters, one too many", "", mul, -EINVAL, "its name has 32 bytes"},
	    {"f", NULL, mul, -EINVAL, "types is NULL"},
	    {"f", "", NULL, -EINVAL, "fn is NULL"},
	    {"f", "ix", mul, -EINVAL, "types 'ix': no 'x' is known"},
	    {"f", "I", mul, -EINVAL, "no 'I' is known"},
	    {"f", "iiiiiii", mul, -EINVAL, "a call has 6 words"},
	    {"f", "rrrs", mul, -EINVAL, "a call has 6 words"},
	    {"mul", "i", mul, -EEXIST, "host function 'mul': there is one of that name"},
	};
	struct host *h = open_host(SNUG_MODE_USER);
	struct snug_error e;
	char name[32];
	struct box b;
	int n, r = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&e, 0, sizeof(e));
		assert_int_equal(snug_host_add(h->b.vm, rows[i].name, rows[i].types, rows[i].fn, h, &e),
		                 rows[i].code);
		assert_int_equal(e.code, rows[i].code);
		if (!strstr(e.msg, rows[i].text) || !e.hint[0])
			fail_msg("'%s' is not in '%s', hint '%s'", rows[i].text, e.msg, e.hint);
	}
	for (n = 10; r == 0 && n < 100; n++) {
		snprintf(name, sizeof(name), "f%d", n);
		r = snug_host_add(h->b.vm, name, "ii", mul, h, &e);
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(n, 65); /* 10 were there: 54 more, and the one that failed */
	assert_int_equal(ASK(h, "f63", 5, 5), 25);
	close_host(h);

	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL & ~SNUG_DEV_GUEST});
	assert_int_equal(snug_host_add(b.vm, "f", "", mul, NULL, &e), -EINVAL);
	assert_non_null(strstr(e.hint, "SNUG_DEV_GUEST"));
	box_close(&b);
}

/*
 * 32 bits: the block has fields of 64 bits all the same.  ebx is its address; the lower half of the second argument and
 * its upper half come from the test by ecx and edi.
 */
GUEST32(protected, "call 1f\n1: pop %esi\nmov $0x3000, %ebx\nlea 2f-1b(%esi), %eax\nmov %eax, (%ebx)\n"
                   "mov %ecx, 8(%ebx)\nmov %edi, 12(%ebx)\nmovl $4, 16(%ebx)\nmov $0x5e8, %edx\nmov %ebx, %eax\n"
                   "out %eax, %dx\nmov 0x38(%ebx), %eax\nmov $0x5e0, %edx\nout %eax, %dx\n2: .asciz \"sum\"");

static void thirty_two_bits(void **state)
{
	static const struct {
		uint64_t at;
		uint32_t want;
	} rows[] = {
	    {0x4000, 10},
	    {0x100004000, (uint32_t)-EFAULT}, /* no address of a 32-bit guest's */
	    {0xfffffffe, (uint32_t)-EFAULT},
	    {TABLES, (uint32_t)-EFAULT},
	};
	struct host *h = calloc(1, sizeof(*h));

	(void)state;
	box_open(&h->b, (struct snug_config){.devices = SNUG_DEV_ALL});
	add(h, "sum", "r", sum);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		box_load(&h->b, SNUG_MODE_PROTECTED, protected, protected_end);
		put(h, 0x4000, "\1\2\3\4", 4);
		assert_int_equal(snug_vcpu_set_reg(h->b.cpu, "rcx", rows[i].at & UINT32_MAX, &h->b.e), 0);
		assert_int_equal(snug_vcpu_set_reg(h->b.cpu, "rdi", rows[i].at >> 32, &h->b.e), 0);
		assert_exit(&h->b, SNUG_EXIT_STATUS);
		assert_int_equal(h->b.x.status.value, rows[i].want);
	}
	assert_int_equal(h->calls, 1);
	close_host(h);
}

/* The guest library's own example. */
static void greeting(void **state)
{
	struct snug_image im = {
	    .path = GUESTS_DIR "/functions.elf", .mode = SNUG_MODE_USER, .flags = SNUG_IMAGE_SYMBOLS};
	struct host *h = calloc(1, sizeof(*h));

	(void)state;
	box_open(&h->b, (struct snug_config){.devices = SNUG_DEV_ALL});
	assert_int_equal(snug_load(h->b.vm, &im, &h->b.e), 0);
	add(h, "log", "s", text);
	assert_int_equal(CALL(&h->b, "greet", SNUG_IN("host", 5)), 11);
	assert_string_equal(h->text, "hello, host");
	close_host(h);
}

static const enum snug_mode both[] = {SNUG_MODE_USER, SNUG_MODE_LONG};

#define IN_BOTH(f) KVM_TEST_NAMED(#f ", user mode", f, &both[0]), KVM_TEST_NAMED(#f ", long mode", f, &both[1])

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_BOTH(integers),
	    IN_BOTH(strings),
	    IN_BOTH(buffers),
	    IN_BOTH(mixed),
	    IN_BOTH(bounds),
	    IN_BOTH(permissions),
	    IN_BOTH(names),
	    IN_BOTH(bad_blocks),
	    IN_BOTH(other_vms),
	    IN_BOTH(nobody_there),
	    IN_BOTH(clones_have_them),
	    KVM_TEST(registering),
	    KVM_TEST(thirty_two_bits),
	    KVM_TEST(greeting),
	};

	return cmocka_run_group_tests_name("hostcall", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* baseline, reset, clone, pool: tier 7's first half, as the header tells it */
#include "../vmtest.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* Adds 1 to a counter in memory at rdi and says it on port 0x10, for ever. */
GUEST64(count, "1: incl (%rdi)\nmov (%rdi), %eax\nout %eax, $0x10\njmp 1b");
/* Asks port 0x10, then says 0x11 what it heard. */
GUEST64(ask, "1: in $0x10, %eax\nout %eax, $0x11\njmp 1b");
/* Writes a byte to each of ecx pages from rdi on, then port 0x10. */
GUEST64(touch, "1: movb $1, (%rdi)\nadd $0x1000, %rdi\ndec %ecx\njnz 1b\nout %eax, $0x10\nhlt");

#define COUNTER 0x200000

static void load_count(struct box *b, enum snug_mode mode)
{
	box_open(b, (struct snug_config){.mem_bytes = 4 << 20, .devices = SNUG_DEV_ALL});
	BOX_LOAD(b, mode, count);
	assert_int_equal(snug_vcpu_set_reg(b->cpu, "rdi", COUNTER, &b->e), 0);
}

/* What the guest says next. */
static uint32_t says_of(snug_vm *vm)
{
	struct snug_exit x = {0};
	uint32_t v = 0;

	assert_int_equal(snug_run(vm, &x), 0);
	assert_string_equal(snug_exit_name(x.kind), snug_exit_name(SNUG_EXIT_PIO));
	memcpy(&v, x.pio.data, sizeof(v));
	return v;
}

#define OK(call, e)                                                                                                  \
	do {                                                                                                         \
		if ((call) < 0)                                                                                      \
			fail_msg("%s: %s", #call, (e).msg);                                                          \
	} while (0)

static void nothing_to_return_to(void **state)
{
	struct box b;

	(void)state;
	load_count(&b, SNUG_MODE_LONG);
	assert_int_equal(snug_reset(b.vm, NULL, &b.e), -ENOENT);
	assert_non_null(strstr(b.e.hint, "snug_baseline"));
	box_close(&b);
}

static void reset_returns(void **state)
{
	enum snug_mode mode = *(const enum snug_mode *)*state;
	struct snug_reset_info info;
	struct box b;

	load_count(&b, mode);
	assert_int_equal(says_of(b.vm), 1);
	OK(snug_baseline(b.vm, &b.e), b.e);
	for (unsigned i = 0; i < 20; i++) {
		uint64_t rdi = 0;

		assert_int_equal(says_of(b.vm), 2);
		assert_int_equal(says_of(b.vm), 3);
		OK(snug_vcpu_set_reg(b.cpu, "rdi", 0x300000, &b.e), b.e);
		assert_int_equal(says_of(b.vm), 1);
		assert_int_equal(snug_mem_write(b.vm, 0x380000, "host", 4), 0);
		OK(snug_reset(b.vm, &info, &b.e), b.e);
		/* the counter's two pages, one of the host's; more for what the CPU keeps in memory */
		assert_in_range(info.guest, 2, 8);
		assert_int_equal(info.host, 1);
		assert_in_range(info.pages, 3, 9);
		assert_false(info.remapped);
		assert_int_equal(snug_mem_read(b.vm, 0x380000, &rdi, 4), 0);
		assert_int_equal(rdi, 0);
		assert_int_equal(box_reg(&b, "rdi"), COUNTER);
	}
	box_close(&b);
}

/* In proportion to what was written: nothing. */
static void a_clean_guest_costs_no_page(void **state)
{
	struct snug_reset_info info;
	struct box b;

	(void)state;
	load_count(&b, SNUG_MODE_USER);
	OK(snug_baseline(b.vm, &b.e), b.e);
	for (unsigned i = 0; i < 3; i++) {
		OK(snug_reset(b.vm, &info, &b.e), b.e);
		OK(snug_reset(b.vm, &info, &b.e), b.e);
		assert_int_equal(info.pages, 0);
		assert_int_equal(says_of(b.vm), 1);
	}
	box_close(&b);
}

static void many_pages_are_remapped(void **state)
{
	const unsigned pages = 20000;
	struct snug_reset_info info;
	uint8_t byte;
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.mem_bytes = 128 << 20});
	BOX_LOAD(&b, SNUG_MODE_USER, touch);
	OK(snug_vcpu_set_reg(b.cpu, "rdi", COUNTER, &b.e), b.e);
	OK(snug_vcpu_set_reg(b.cpu, "rcx", pages, &b.e), b.e);
	OK(snug_baseline(b.vm, &b.e), b.e);
	for (unsigned i = 0; i < 2; i++) {
		assert_exit(&b, SNUG_EXIT_PIO);
		OK(snug_reset(b.vm, &info, &b.e), b.e);
		assert_true(info.remapped);
		assert_in_range(info.pages, pages, pages + 4);
		for (unsigned p = 0; p < pages; p += 997) {
			assert_int_equal(snug_mem_read(b.vm, COUNTER + p * 4096ull, &byte, 1), 0);
			assert_int_equal(byte, 0);
		}
	}
	box_close(&b);
}

/* Locked memory cannot be dropped, so its pages are copied. */
static void locked_memory(void **state)
{
	const unsigned pages = 20000;
	struct snug_reset_info info;
	struct snug_region r;
	uint8_t byte;
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.mem_bytes = 128 << 20});
	BOX_LOAD(&b, SNUG_MODE_USER, touch);
	OK(snug_vcpu_set_reg(b.cpu, "rdi", COUNTER, &b.e), b.e);
	OK(snug_vcpu_set_reg(b.cpu, "rcx", pages, &b.e), b.e);
	OK(snug_baseline(b.vm, &b.e), b.e);
	assert_int_equal(snug_mem_region(b.vm, 0, &r), 0);
	/* Without the right, or with a sanitizer, which keeps mlock from doing anything. */
	if (mlock(r.host, 4096) < 0 || madvise(r.host, 4096, MADV_DONTNEED) == 0) {
		box_close(&b);
		skip();
	}
	assert_exit(&b, SNUG_EXIT_PIO);
	OK(snug_reset(b.vm, &info, &b.e), b.e);
	assert_false(info.remapped);
	for (unsigned p = 0; p < pages; p++) {
		assert_int_equal(snug_mem_read(b.vm, COUNTER + p * 4096ull, &byte, 1), 0);
		assert_int_equal(byte, 0);
	}
	box_close(&b);
}

static void a_baseline_moves_on(void **state)
{
	struct box b;

	(void)state;
	load_count(&b, SNUG_MODE_LONG);
	for (uint32_t i = 1; i < 6; i++) {
		OK(snug_baseline(b.vm, &b.e), b.e);
		assert_int_equal(says_of(b.vm), i);
		assert_int_equal(says_of(b.vm), i + 1);
		OK(snug_reset(b.vm, NULL, &b.e), b.e);
		assert_int_equal(says_of(b.vm), i);
	}
	box_close(&b);
}

static void unanswered_reads(void **state)
{
	struct snug_exit x;
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){0});
	BOX_LOAD(&b, SNUG_MODE_LONG, ask);
	OK(snug_baseline(b.vm, &b.e), b.e);
	assert_exit(&b, SNUG_EXIT_PIO);
	assert_int_equal(snug_baseline(b.vm, &b.e), -EBUSY);
	assert_non_null(strstr(b.e.hint, "snug_vcpu_complete"));
	/* A reset forgets the question; afterwards it is asked again. */
	OK(snug_reset(b.vm, NULL, &b.e), b.e);
	assert_int_equal(snug_run(b.vm, &x), 0);
	assert_false(x.pio.write);
	memcpy(x.pio.data, "abcd", 4);
	OK(snug_vcpu_complete(b.cpu, &b.e), b.e);
	OK(snug_baseline(b.vm, &b.e), b.e);
	assert_int_equal(snug_run(b.vm, &x), 0);
	assert_true(x.pio.write);
	assert_memory_equal(x.pio.data, "abcd", 4);
	box_close(&b);
}

static void regions_may_not_change(void **state)
{
	struct snug_region r = {.gpa = 1ull << 32, .bytes = 4096};
	struct box b;

	(void)state;
	load_count(&b, SNUG_MODE_LONG);
	OK(snug_baseline(b.vm, &b.e), b.e);
	OK(snug_mem_add(b.vm, &r, &b.e), b.e);
	assert_int_equal(snug_reset(b.vm, NULL, &b.e), -ESTALE);
	OK(snug_baseline(b.vm, &b.e), b.e);
	OK(snug_reset(b.vm, NULL, &b.e), b.e);
	assert_int_equal(says_of(b.vm), 1);
	box_close(&b);
}

/* Memory of the caller's, and memory the guest cannot write, come back too. */
static void other_memory(void **state)
{
	struct snug_region rom = {.gpa = 1ull << 32, .bytes = 8192, .flags = SNUG_MEM_READONLY, .name = "rom"};
	struct snug_region lent = {.gpa = 1ull << 33, .bytes = 8192, .name = "lent"};
	char bytes[5] = {0};
	snug_vm *clone;
	struct box b;

	(void)state;
	load_count(&b, SNUG_MODE_LONG);
	lent.host = mmap(NULL, lent.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(lent.host, MAP_FAILED);
	OK(snug_mem_add(b.vm, &rom, &b.e), b.e);
	OK(snug_mem_add(b.vm, &lent, &b.e), b.e);
	memcpy((char *)lent.host + 4096, "mine", 4); /* the caller's own way to it */
	assert_int_equal(snug_mem_write(b.vm, rom.gpa, "fixed", 5), 0);
	OK(snug_baseline(b.vm, &b.e), b.e);
	assert_int_equal(snug_mem_write(b.vm, rom.gpa, "wrong", 5), 0);
	assert_int_equal(snug_mem_write(b.vm, lent.gpa + 4096, "wrong", 5), 0);
	OK(snug_clone(b.vm, 1, &clone, &b.e), b.e);
	OK(snug_reset(b.vm, NULL, &b.e), b.e);
	assert_int_equal(snug_mem_read(b.vm, rom.gpa, bytes, 5), 0);
	assert_memory_equal(bytes, "fixed", 5);
	assert_memory_equal((char *)lent.host + 4096, "mine\0", 5);
	assert_int_equal(snug_mem_read(clone, lent.gpa + 4096, bytes, 5), 0);
	assert_memory_equal(bytes, "mine\0", 5);
	snug_vm_free(clone);
	box_close(&b);
	munmap(lent.host, lent.bytes);
}

#define CLONES 8

static void clones_are_strangers(void **state)
{
	enum snug_mode mode = *(const enum snug_mode *)*state;
	snug_vm *c[CLONES];
	struct box b;

	load_count(&b, mode);
	assert_int_equal(says_of(b.vm), 1);
	OK(snug_clone(b.vm, CLONES, c, &b.e), b.e);
	/* The parent's later writes are its own. */
	assert_int_equal(says_of(b.vm), 2);
	assert_int_equal(snug_mem_write(b.vm, COUNTER + 64, "parent", 6), 0);
	for (unsigned i = 0; i < CLONES; i++)
		for (unsigned k = 0; k <= i; k++)
			assert_int_equal(says_of(c[i]), 2 + k);
	for (unsigned i = 0; i < CLONES; i++) {
		char bytes[6];

		assert_int_equal(snug_mem_read(c[i], COUNTER + 64, bytes, 6), 0);
		assert_memory_equal(bytes, "\0\0\0\0\0\0", 6);
	}
	/* They outlive it, and have its baseline for their own. */
	box_close(&b);
	for (unsigned i = 0; i < CLONES; i++) {
		OK(snug_reset(c[i], NULL, &b.e), b.e);
		assert_int_equal(says_of(c[i]), 2);
		snug_vm_free(c[i]);
	}
}

static void clones_of_clones(void **state)
{
	snug_vm *child, *grandchild;
	struct box b;

	(void)state;
	load_count(&b, SNUG_MODE_USER);
	OK(snug_clone(b.vm, 1, &child, &b.e), b.e);
	assert_int_equal(says_of(child), 1);
	OK(snug_baseline(child, &b.e), b.e);
	OK(snug_clone(child, 1, &grandchild, &b.e), b.e);
	assert_int_equal(says_of(grandchild), 2);
	snug_vm_free(child);
	OK(snug_reset(grandchild, NULL, &b.e), b.e);
	assert_int_equal(says_of(grandchild), 2);
	assert_int_equal(says_of(b.vm), 1);
	snug_vm_free(grandchild);
	box_close(&b);
}

/* A device of the caller's: a counter that reads as itself. */
struct tally {
	uint32_t n;
	bool refuse;
};

static void tally_write(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	(void)offset;
	(void)value;
	(void)size;
	((struct tally *)self)->n++;
}

static size_t tally_save(void *self, void *bytes, size_t max)
{
	const struct tally *t = self;

	if (max >= sizeof(t->n))
		memcpy(bytes, &t->n, sizeof(t->n));
	return sizeof(t->n);
}

static int tally_load(void *self, const void *bytes, size_t len)
{
	struct tally *t = self;

	if (len != sizeof(t->n) || t->refuse)
		return -EINVAL;
	memcpy(&t->n, bytes, len);
	return 0;
}

static const struct snug_device_ops tally_ops = {
    .size = sizeof(tally_ops), .write = tally_write, .save = tally_save, .load = tally_load};

static void devices_of_the_caller(void **state)
{
	struct tally t = {0}, other = {0};
	snug_vm *clone;
	struct box b;

	(void)state;
	load_count(&b, SNUG_MODE_LONG);
	OK(snug_vcpu_set_reg(b.cpu, "rdi", COUNTER, &b.e), b.e);
	OK(snug_pio_add(b.vm, 0x10, 4, &tally_ops, &t, &b.e), b.e);
	assert_int_equal(snug_vcpu_run(b.cpu, 5 * MS, &b.x, &b.e), 0);
	assert_true(t.n > 2);
	OK(snug_baseline(b.vm, &b.e), b.e);
	other.n = t.n;
	assert_int_equal(snug_vcpu_run(b.cpu, 5 * MS, &b.x, &b.e), 0);
	assert_true(t.n > other.n);
	OK(snug_reset(b.vm, NULL, &b.e), b.e);
	assert_int_equal(t.n, other.n);
	/* A clone has no such device, until one is added: then it gets the state. */
	OK(snug_clone(b.vm, 1, &clone, &b.e), b.e);
	other.n = 0;
	other.refuse = true;
	assert_int_equal(snug_pio_add(clone, 0x10, 4, &tally_ops, &other, &b.e), -EINVAL);
	assert_non_null(strstr(b.e.msg, "0x10"));
	other.refuse = false;
	OK(snug_pio_add(clone, 0x10, 4, &tally_ops, &other, &b.e), b.e);
	assert_int_equal(other.n, t.n);
	snug_vm_free(clone);
	box_close(&b);
}

static void pools(void **state)
{
	snug_vm *vm[4];
	snug_pool *pool;
	struct box b;

	(void)state;
	load_count(&b, SNUG_MODE_USER);
	assert_int_equal(says_of(b.vm), 1);
	OK(snug_pool_new(b.vm, 2, &pool, &b.e), b.e);
	assert_int_equal(says_of(b.vm), 2);
	assert_int_equal(snug_pool_count(pool), 2);
	box_close(&b); /* the pool needs it no more */
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 4; i++) {
			OK(snug_pool_get(pool, &vm[i], &b.e), b.e);
			assert_int_equal(says_of(vm[i]), 2);
			assert_int_equal(says_of(vm[i]), 3);
		}
		assert_int_equal(snug_pool_count(pool), 0);
		for (unsigned i = 0; i < 4; i++)
			snug_pool_put(pool, vm[i]);
		assert_int_equal(snug_pool_count(pool), 2);
	}
	/* One that has become somebody else does not come back. */
	OK(snug_pool_get(pool, &vm[0], &b.e), b.e);
	OK(snug_baseline(vm[0], &b.e), b.e);
	snug_pool_put(pool, vm[0]);
	assert_int_equal(snug_pool_count(pool), 1);
	OK(snug_pool_get(pool, &vm[0], &b.e), b.e);
	snug_pool_put(pool, NULL);
	snug_pool_free(pool);
	snug_pool_free(NULL);
	assert_int_equal(says_of(vm[0]), 2);
	snug_vm_free(vm[0]);
}

/* In a child: a hard limit that was lowered does not come back. */
static int beyond_the_hard_limit(void)
{
	struct rlimit lim;
	struct snug_error e = {0};
	snug_vm *vm, *c[CLONES];

	if (snug_vm_new(NULL, &vm, &e) < 0 || snug_baseline(vm, &e) < 0)
		return 1;
	lim.rlim_cur = lim.rlim_max = (rlim_t)dup(0) + 5;
	if (setrlimit(RLIMIT_NOFILE, &lim) < 0)
		return 2;
	if (snug_clone(vm, CLONES, c, &e) != -EMFILE || !strstr(e.msg, "file descriptors are needed") ||
	    !strstr(e.hint, "ulimit -Hn"))
		return 3;
	return snug_files_need(1u << 30, &e) == -EMFILE && snug_files_need(1, &e) == 0 ? 0 : 4;
}

static void file_descriptors(void **state)
{
	struct rlimit old, low;
	snug_vm *c[CLONES];
	struct box b;
	int fd, status;
	pid_t pid;

	(void)state;
	load_count(&b, SNUG_MODE_LONG);
	OK(snug_baseline(b.vm, &b.e), b.e);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	fd = dup(0);
	assert_true(fd >= 0);
	close(fd);
	low = (struct rlimit){(rlim_t)fd + 3, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	OK(snug_clone(b.vm, CLONES, c, &b.e), b.e);
	for (unsigned i = 0; i < CLONES; i++)
		snug_vm_free(c[i]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	box_close(&b);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(beyond_the_hard_limit());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void several_cpus(void **state)
{
	struct box b;
	uint64_t rip = 0;

	(void)state;
	box_open(&b, (struct snug_config){.mem_bytes = 4 << 20, .cpus = 3});
	BOX_LOAD(&b, SNUG_MODE_USER, count);
	OK(snug_vcpu_set_reg(b.cpu, "rdi", COUNTER, &b.e), b.e);
	for (unsigned i = 1; i < 3; i++) {
		snug_vcpu *cpu = snug_vm_vcpu(b.vm, i);

		OK(snug_vcpu_boot(cpu, SNUG_MODE_USER, BASE, 0x280000 + i * 4096, &b.e), b.e);
		OK(snug_vcpu_set_reg(cpu, "rdi", COUNTER + 64ull * i, &b.e), b.e);
	}
	OK(snug_baseline(b.vm, &b.e), b.e);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 3; i++)
			for (uint32_t k = 1; k <= i + 1; k++) {
				assert_int_equal(snug_vcpu_run(snug_vm_vcpu(b.vm, i), PATIENCE, &b.x, &b.e), 0);
				assert_int_equal(b.x.kind, SNUG_EXIT_PIO);
				assert_int_equal(b.x.pio.data[0], k);
			}
		OK(snug_reset(b.vm, NULL, &b.e), b.e);
		OK(snug_vcpu_get_reg(snug_vm_vcpu(b.vm, 2), "rip", &rip, &b.e), b.e);
		assert_int_equal(rip, BASE);
	}
	box_close(&b);
}

/* Of a CPUID table the caller set: a clone has the same, and after a baseline there is no setting it. */
static void cpuid_of_the_caller(void **state)
{
	struct snug_cpuid rows[256], more[256];
	snug_vm *clone;
	struct box b;
	int n;

	(void)state;
	load_count(&b, SNUG_MODE_LONG);
	n = snug_vcpu_get_cpuid(b.cpu, rows, 256, &b.e);
	assert_in_range(n, 1, 256);
	for (int i = 0; i < n; i++) {
		if (rows[i].function == 1) {
			rows[i].eax = 0x123450;
			rows[i].ebx = (rows[i].ebx & 0xffffff) | 7u << 24;
		}
		if (rows[i].function == 0xb)
			rows[i].edx = 7;
	}
	OK(snug_vcpu_set_cpuid(b.cpu, rows, (size_t)n, &b.e), b.e);
	OK(snug_baseline(b.vm, &b.e), b.e);
	n = snug_vcpu_get_cpuid(b.cpu, rows, 256, &b.e);
	OK(snug_clone(b.vm, 1, &clone, &b.e), b.e);
	assert_int_equal(snug_vcpu_get_cpuid(snug_vm_vcpu(clone, 0), more, 256, &b.e), n);
	for (int i = 0; i < n; i++)
		assert_memory_equal(&rows[i], &more[i], sizeof(rows[i]));
	assert_int_equal(snug_vcpu_set_cpuid(b.cpu, rows, (size_t)n, &b.e), -EINVAL);
	/* EDX after a reset of the CPU is its signature: SDM 3A table 9-1. */
	OK(snug_vcpu_boot(b.cpu, SNUG_MODE_RESET, 0, 0, &b.e), b.e);
	assert_int_equal(box_reg(&b, "rdx"), 0x123450);
	snug_vm_free(clone);
	box_close(&b);
}

/* A built-in device that was taken away is not there in a clone, nor in what was saved. */
static void devices_taken_away(void **state)
{
	char path[] = "/dev/shm/snug-baseline-XXXXXX";
	struct tally t = {0};
	snug_vm *vm[2];
	struct box b;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	load_count(&b, SNUG_MODE_LONG);
	assert_int_equal(snug_pio_remove(b.vm, 0x3f8), 0);
	OK(snug_clone(b.vm, 1, &vm[0], &b.e), b.e);
	OK(snug_save(b.vm, path, &b.e), b.e);
	OK(snug_restore(path, NULL, &vm[1], &b.e), b.e);
	for (unsigned i = 0; i < 2; i++) {
		OK(snug_pio_add(vm[i], 0x3f8, 8, &tally_ops, &t, &b.e), b.e);
		OK(snug_reset(vm[i], NULL, &b.e), b.e);
		snug_vm_free(vm[i]);
	}
	OK(snug_reset(b.vm, NULL, &b.e), b.e);
	unlink(path);
	box_close(&b);
}

static int host_fn(void *ctx, snug_vcpu *vcpu, const struct snug_host_arg *args, uint64_t *result)
{
	(void)ctx;
	(void)vcpu;
	(void)args;
	(void)result;
	return 0;
}

static int no_random(void *ctx, void *bytes, size_t len)
{
	(void)ctx;
	memset(bytes, 0, len);
	return 0;
}

/* What one user of a pool's VM gave it is not there for the next. */
static void pools_forget_their_users(void **state)
{
	struct tally t = {0};
	uint8_t id[2][16];
	snug_pool *pool;
	snug_vm *vm;
	struct box b;

	(void)state;
	load_count(&b, SNUG_MODE_USER);
	OK(snug_pool_new(b.vm, 1, &pool, &b.e), b.e);
	for (unsigned what = 0; what < 6; what++) {
		OK(snug_pool_get(pool, &vm, &b.e), b.e);
		OK(what == 0   ? snug_host_add(vm, "f", "", host_fn, &t, &b.e)
		   : what == 1 ? snug_pio_add(vm, 0x10, 1, &tally_ops, &t, &b.e)
		   : what == 2 ? snug_mmio_add(vm, 1ull << 40, 4096, &tally_ops, &t, &b.e)
		   : what == 3 ? snug_stats_start(vm, &b.e)
		   : what == 4 ? snug_hygiene_set(vm, &(struct snug_hygiene){.random = no_random}, &b.e)
		               : snug_pio_remove(vm, 0x3f8),
		   b.e);
		snug_pool_put(pool, vm);
		OK(snug_pool_get(pool, &vm, &b.e), b.e);
		assert_int_equal(says_of(vm), 1);
		assert_int_equal(t.n, 0);
		assert_int_equal(snug_stats_read(vm, NULL, 0), 0);
		OK(snug_host_add(vm, "f", "", host_fn, NULL, &b.e), b.e);
		assert_int_equal(snug_mmio_remove(vm, 1ull << 40), -ENOENT);
		OK(snug_generation(vm, id[0]), b.e);
		memset(id[1], 0, 16);
		assert_memory_not_equal(id[0], id[1], 16);
		assert_int_equal(snug_pio_remove(vm, 0x3f8), 0);
		snug_vm_free(vm);
	}
	/* Nothing given, nothing lost: the same VM comes back. */
	OK(snug_pool_get(pool, &vm, &b.e), b.e);
	snug_pool_put(pool, vm);
	assert_int_equal(snug_pool_count(pool), 1);
	snug_pool_free(pool);
	box_close(&b);
}

/* What this process holds. */
struct holds {
	unsigned fds, maps;
	size_t heap;
};

static unsigned lines_of(const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned n = 0;
	int c;

	assert_non_null(f);
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

static struct holds holds(void)
{
	struct holds h = {.maps = lines_of("/proc/self/maps"), .heap = mallinfo2().uordblks};

	for (int fd = 0; fd < 4096; fd++)
		h.fds += fcntl(fd, F_GETFD) >= 0;
	return h;
}

/* Mappings may join and part; heap may keep a page or two for itself. */
static void held_the_same(const struct holds *a, const struct holds *b)
{
	assert_int_equal(a->fds, b->fds);
	assert_in_range(b->maps, 0, a->maps + 4);
	assert_in_range(b->heap, 0, a->heap + 8192);
}

static unsigned slow(unsigned n)
{
	return getenv("SNUG_SLOW") ? 10 * n : n;
}

static void nothing_leaks_over_resets(void **state)
{
	unsigned n = slow(10000);
	struct holds before, after;
	struct box b;

	(void)state;
	load_count(&b, SNUG_MODE_USER);
	OK(snug_baseline(b.vm, &b.e), b.e);
	for (unsigned i = 0; i < n; i++) {
		if (i == 16)
			before = holds();
		assert_int_equal(says_of(b.vm), 1);
		OK(snug_reset(b.vm, NULL, &b.e), b.e);
	}
	after = holds();
	held_the_same(&before, &after);
	box_close(&b);
}

static void nothing_leaks_over_clones(void **state)
{
	unsigned n = slow(1000);
	struct holds before, after;
	struct box b;

	(void)state;
	load_count(&b, SNUG_MODE_USER);
	OK(snug_baseline(b.vm, &b.e), b.e);
	for (unsigned i = 0; i < n; i++) {
		snug_vm *clone;

		if (i == 16)
			before = holds();
		OK(snug_clone(b.vm, 1, &clone, &b.e), b.e);
		assert_int_equal(says_of(clone), 1);
		snug_vm_free(clone);
	}
	after = holds();
	held_the_same(&before, &after);
	box_close(&b);
}

int main(void)
{
	static const enum snug_mode real_long = SNUG_MODE_LONG, user = SNUG_MODE_USER;
	const struct CMUnitTest tests[] = {
	    KVM_TEST(nothing_to_return_to),
	    KVM_TEST_NAMED("reset returns, long", reset_returns, &real_long),
	    KVM_TEST_NAMED("reset returns, user", reset_returns, &user),
	    KVM_TEST(a_clean_guest_costs_no_page),
	    KVM_TEST(many_pages_are_remapped),
	    KVM_TEST(locked_memory),
	    KVM_TEST(a_baseline_moves_on),
	    KVM_TEST(unanswered_reads),
	    KVM_TEST(regions_may_not_change),
	    KVM_TEST(other_memory),
	    KVM_TEST_NAMED("clones are strangers, long", clones_are_strangers, &real_long),
	    KVM_TEST_NAMED("clones are strangers, user", clones_are_strangers, &user),
	    KVM_TEST(clones_of_clones),
	    KVM_TEST(devices_of_the_caller),
	    KVM_TEST(pools),
	    KVM_TEST(file_descriptors),
	    KVM_TEST(several_cpus),
	    KVM_TEST(cpuid_of_the_caller),
	    KVM_TEST(devices_taken_away),
	    KVM_TEST(pools_forget_their_users),
	    KVM_TEST(nothing_leaks_over_resets),
	    KVM_TEST(nothing_leaks_over_clones),
	};

	return cmocka_run_group_tests_name("baseline", tests, NULL, NULL);
}

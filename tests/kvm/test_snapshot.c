/* SPDX-License-Identifier: MIT */
/* snapshot files: saved, restored, looked at, and refused where they do not fit */
#include "../vmtest.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

/* Adds 1 to a counter in memory at rdi and says it on port 0x10, for ever. */
GUEST64(count, "1: incl (%rdi)\nmov (%rdi), %eax\nout %eax, $0x10\njmp 1b");
/* Asks port 0x10, then says 0x11 what it heard. */
GUEST64(ask, "1: in $0x10, %eax\nout %eax, $0x11\njmp 1b");
/* Says two letters to the debug console, with a stop between them. */
GUEST64(letters, "mov $'a', %al\nout %al, $0xe9\nout %al, $0x10\nmov $'b', %al\nout %al, $0xe9\nhlt");

#define COUNTER 0x200000
#define MIB (1ull << 20)

static char folder[] = "/tmp/snug-snapshot-XXXXXX";
static char path[64];

#define OK(call, e)                                                                                                  \
	do {                                                                                                         \
		if ((call) < 0)                                                                                      \
			fail_msg("%s: %s", #call, (e).msg);                                                          \
	} while (0)

static void load_count(struct box *b, enum snug_mode mode, uint64_t bytes, unsigned cpus)
{
	box_open(b, (struct snug_config){.mem_bytes = bytes, .devices = SNUG_DEV_ALL, .cpus = cpus});
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

static snug_vm *restored(const struct snug_config *cfg)
{
	struct snug_error e = {0};
	snug_vm *vm = NULL;

	OK(snug_restore(path, cfg, &vm, &e), e);
	return vm;
}

static void assert_sound(void)
{
	struct snug_snapshot_info i = {.size = sizeof(i)};
	struct snug_error e = {0};

	OK(snug_snapshot_info(path, NULL, SNUG_SNAPSHOT_VERIFY, &i, &e), e);
	assert_string_equal(i.why, "");
	assert_true(i.fits);
}

static void goes_on(void **state)
{
	enum snug_mode mode = *(const enum snug_mode *)*state;
	struct snug_regs regs, regs2;
	struct snug_sregs sregs, sregs2;
	struct box b;
	snug_vm *vm;

	load_count(&b, mode, 4 * MIB, 0);
	assert_int_equal(snug_mem_write(b.vm, 0x380000, "kept", 5), 0);
	assert_int_equal(says_of(b.vm), 1);
	OK(snug_save(b.vm, path, &b.e), b.e);
	OK(snug_vcpu_get_regs(b.cpu, &regs, &b.e), b.e);
	OK(snug_vcpu_get_sregs(b.cpu, &sregs, &b.e), b.e);
	assert_int_equal(says_of(b.vm), 2);
	assert_int_equal(snug_mem_write(b.vm, 0x380000, "gone", 5), 0);
	vm = restored(NULL);
	OK(snug_vcpu_get_regs(snug_vm_vcpu(vm, 0), &regs2, &b.e), b.e);
	OK(snug_vcpu_get_sregs(snug_vm_vcpu(vm, 0), &sregs2, &b.e), b.e);
	assert_memory_equal(&regs, &regs2, sizeof(regs));
	assert_memory_equal(&sregs, &sregs2, sizeof(sregs));
	assert_string_equal(snug_mem_ptr(vm, 0x380000, 5, false), "kept");
	assert_int_equal(says_of(vm), 2);
	assert_int_equal(says_of(b.vm), 3);
	assert_int_equal(says_of(vm), 3);
	/* it has the file as its baseline */
	OK(snug_reset(vm, NULL, &b.e), b.e);
	assert_int_equal(says_of(vm), 2);
	snug_vm_free(vm);
	assert_sound();
	box_close(&b);
}

/* The output of a guest restored goes where the new configuration says. */
static void console(void **state)
{
	struct box b, c = {0};

	(void)state;
	BOX(&b, SNUG_MODE_LONG, letters);
	assert_exit(&b, SNUG_EXIT_PIO);
	assert_string_equal(b.out, "a");
	OK(snug_save(b.vm, path, &b.e), b.e);
	c.vm = restored(SNUG_CONFIG(.console = {box_write, box_read, &c}));
	c.cpu = snug_vm_vcpu(c.vm, 0);
	assert_exit(&c, SNUG_EXIT_HLT);
	assert_string_equal(c.out, "b");
	assert_string_equal(b.out, "a");
	box_close(&c);
	box_close(&b);
}

static void sizes(void **state)
{
	static const uint64_t bytes[] = {2 * MIB + 8192, 16 * MIB, 64 * MIB + 4096, 3072 * MIB + 8 * MIB};

	(void)state;
	for (unsigned i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		uint64_t last = bytes[i] > 3072 * MIB ? 4096 * MIB + 8 * MIB - 8 : bytes[i] - 8;
		struct snug_region rom = {
		    .gpa = 1ull << 40, .bytes = 8192, .flags = SNUG_MEM_READONLY, .name = "rom"};
		struct snug_snapshot_info info = {0};
		struct stat st;
		struct box b;
		snug_vm *vm;

		load_count(&b, SNUG_MODE_LONG, bytes[i], 0);
		OK(snug_mem_add(b.vm, &rom, &b.e), b.e);
		assert_int_equal(snug_mem_write(b.vm, last, "the end", 8), 0);
		assert_int_equal(snug_mem_write(b.vm, rom.gpa + 4096, "rom", 4), 0);
		assert_int_equal(says_of(b.vm), 1);
		OK(snug_save(b.vm, path, &b.e), b.e);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_in_range((uint64_t)st.st_blocks * 512, 4096, MIB); /* the rest are holes */
		OK(snug_snapshot_info(path, NULL, SNUG_SNAPSHOT_VERIFY, &info, &b.e), b.e);
		assert_true(info.mem_bytes > bytes[i] + rom.bytes); /* the tables' too */
		assert_int_equal(info.file_bytes, st.st_size);
		assert_in_range(info.data_bytes, 4096, MIB);
		assert_int_equal(info.regions, bytes[i] > 3072 * MIB ? 4 : 3);
		vm = restored(NULL);
		assert_string_equal(snug_mem_ptr(vm, last, 8, false), "the end");
		assert_string_equal(snug_mem_ptr(vm, rom.gpa + 4096, 4, false), "rom");
		assert_int_equal(says_of(vm), 2);
		snug_vm_free(vm);
		box_close(&b);
	}
}

static void told(void **state)
{
	struct snug_snapshot_info i = {.size = sizeof(i)};
	struct snug_host h = {.size = sizeof(h)};
	struct utsname u;
	struct box b;

	(void)state;
	load_count(&b, SNUG_MODE_USER, 4 * MIB, 2);
	OK(snug_save(b.vm, path, &b.e), b.e);
	OK(snug_snapshot_info(path, NULL, 0, &i, &b.e), b.e);
	assert_int_equal(snug_host_info(NULL, &h, NULL), 0);
	uname(&u);
	assert_int_equal(i.version, 1);
	assert_int_equal(i.host, h.kind);
	assert_string_equal(i.snug, snug_version());
	assert_string_equal(i.kernel, u.release);
	assert_true(i.cpu[0]);
	assert_in_range(i.time_ns / SECOND, (uint64_t)time(NULL) - 60, (uint64_t)time(NULL) + 1);
	assert_int_equal(i.cpus, 2);
	assert_int_equal(i.devices, SNUG_DEV_ALL);
	assert_int_equal(i.boot.mode, SNUG_MODE_USER);
	assert_int_equal(i.boot.entry, BASE);
	assert_true(i.fits);
	/* no KVM, no restore */
	OK(snug_snapshot_info(path, "/nonexistent", 0, &i, &b.e), b.e);
	assert_false(i.fits);
	assert_non_null(strstr(i.why, "/nonexistent"));
	box_close(&b);
}

static void two_cpus(void **state)
{
	struct box b;
	snug_vm *vm;

	(void)state;
	load_count(&b, SNUG_MODE_LONG, 4 * MIB, 2);
	OK(snug_vcpu_boot(snug_vm_vcpu(b.vm, 1), SNUG_MODE_LONG, BASE, 0x180000, &b.e), b.e);
	OK(snug_vcpu_set_reg(snug_vm_vcpu(b.vm, 1), "rdi", COUNTER, &b.e), b.e);
	assert_int_equal(says_of(b.vm), 1);
	OK(snug_save(b.vm, path, &b.e), b.e);
	vm = restored(NULL);
	assert_non_null(snug_vm_vcpu(vm, 1));
	for (unsigned i = 0; i < 6; i++) {
		struct snug_exit x = {0};

		OK(snug_vcpu_run(snug_vm_vcpu(vm, i % 2), PATIENCE, &x, &b.e), b.e);
		assert_int_equal(x.kind, SNUG_EXIT_PIO);
		assert_int_equal(x.pio.data[0], 2 + i);
	}
	snug_vm_free(vm);
	box_close(&b);
}

static void unanswered(void **state)
{
	struct stat st;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, ask);
	assert_exit(&b, SNUG_EXIT_PIO);
	assert_int_equal(snug_save(b.vm, path, &b.e), -EBUSY);
	assert_non_null(strstr(b.e.msg, "save '/tmp/snug-snapshot-"));
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(errno, ENOENT);
	memset(b.x.pio.data, 7, 4);
	OK(snug_vcpu_complete(b.cpu, &b.e), b.e);
	OK(snug_save(b.vm, path, &b.e), b.e);
	b.x.kind = SNUG_EXIT_NONE;
	assert_exit(&b, SNUG_EXIT_PIO);
	assert_int_equal(b.x.pio.data[0], 7);
	box_close(&b);
	b.vm = restored(NULL);
	assert_int_equal(says_of(b.vm), 0x07070707);
	box_close(&b);
}

/* Several VMs on one file, one of which saves over it: each keeps what it has. */
static void one_file_many_vms(void **state)
{
	snug_vm *a, *b, *clones[2];
	struct box first;

	(void)state;
	load_count(&first, SNUG_MODE_LONG, 4 * MIB, 0);
	OK(snug_save(first.vm, path, &first.e), first.e);
	box_close(&first);
	a = restored(NULL);
	b = restored(NULL);
	for (uint32_t i = 1; i < 5; i++)
		assert_int_equal(says_of(a), i);
	assert_int_equal(says_of(b), 1);
	assert_sound();
	OK(snug_save(a, path, &first.e), first.e);
	assert_sound();
	assert_int_equal(says_of(b), 2);
	OK(snug_reset(b, NULL, &first.e), first.e);
	assert_int_equal(says_of(b), 1);
	OK(snug_clone(b, 2, clones, &first.e), first.e);
	assert_int_equal(says_of(clones[1]), 1);
	snug_vm_free(b);
	b = restored(NULL);
	assert_int_equal(says_of(b), 5);
	assert_int_equal(says_of(clones[0]), 1);
	assert_int_equal(says_of(a), 5);
	snug_vm_free(clones[0]);
	snug_vm_free(clones[1]);
	snug_vm_free(a);
	snug_vm_free(b);
}

static void to_descriptor(void **state)
{
	char at[64];
	int fd = memfd_create("snapshot", MFD_CLOEXEC), other;
	struct box b;
	snug_vm *vm = NULL;

	(void)state;
	load_count(&b, SNUG_MODE_LONG, 4 * MIB, 0);
	assert_int_equal(says_of(b.vm), 1);
	assert_int_equal(fchmod(fd, 0600), 0);
	OK(snug_save_fd(b.vm, fd, &b.e), b.e);
	snprintf(at, sizeof(at), "/proc/self/fd/%d", fd);
	OK(snug_restore(at, NULL, &vm, &b.e), b.e);
	assert_int_equal(says_of(vm), 2);
	snug_vm_free(vm);
	assert_int_equal(snug_save_fd(b.vm, fd, &b.e), -EINVAL);
	assert_non_null(strstr(b.e.msg, "it is not empty"));
	close(fd);
	assert_int_equal(snug_save_fd(b.vm, fd, &b.e), -EBADF);
	fd = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	assert_int_equal(snug_save_fd(b.vm, fd, &b.e), -EINVAL);
	assert_non_null(strstr(b.e.hint, "O_APPEND"));
	other = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(snug_save_fd(b.vm, other, &b.e), -EBADF);
	close(other);
	close(fd);
	other = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_equal(snug_save_fd(b.vm, other, &b.e), -EINVAL);
	close(other);
	assert_int_equal(says_of(b.vm), 2);
	box_close(&b);
}

/* A limit on the size of files is the disk that is full everywhere; tests/fault has those that fill up later. */
static void full(void **state)
{
	static const rlim_t limits[] = {1, 2 * MIB, 2 * MIB + COUNTER};
	struct rlimit old, low;
	struct box b;
	int fd, r;

	(void)state;
	load_count(&b, SNUG_MODE_LONG, 4 * MIB, 0);
	OK(snug_save(b.vm, path, &b.e), b.e);
	assert_int_equal(says_of(b.vm), 1);
	getrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, SIG_IGN);
	fd = memfd_create("snapshot", MFD_CLOEXEC);
	for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct stat st;

		low = (struct rlimit){limits[i], old.rlim_max};
		setrlimit(RLIMIT_FSIZE, &low);
		r = snug_save(b.vm, path, &b.e);
		assert_int_equal(r, -EFBIG);
		assert_non_null(strstr(b.e.msg, "EFBIG"));
		r = snug_save_fd(b.vm, fd, &b.e);
		setrlimit(RLIMIT_FSIZE, &old);
		assert_int_equal(r, -EFBIG);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size, 0);
		assert_sound();
	}
	close(fd);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(says_of(b.vm), 2);
	box_close(&b);
	b.vm = restored(NULL);
	assert_int_equal(says_of(b.vm), 1); /* the old file's */
	box_close(&b);
}

static _Noreturn void save_for_ever(void)
{
	snug_vm *vm;

	if (snug_restore(path, NULL, &vm, NULL) < 0)
		_exit(1);
	for (uint64_t i = 0;; i++)
		if (snug_mem_write(vm, 0x300000 + (i & 255) * 4096, &i, sizeof(i)) < 0 ||
		    snug_save(vm, path, NULL) < 0)
			_exit(2);
}

static void killed(void **state)
{
	unsigned seed = 1;
	struct box b;

	(void)state;
	load_count(&b, SNUG_MODE_LONG, 4 * MIB, 0);
	OK(snug_save(b.vm, path, &b.e), b.e);
	for (unsigned i = 0; i < 20; i++) {
		struct timespec t = {0, 100000 + rand_r(&seed) % 30000000};
		pid_t child = fork();
		int status;

		assert_true(child >= 0);
		if (child == 0)
			save_for_ever();
		nanosleep(&t, NULL);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		assert_sound();
	}
	box_close(&b);
}

/* What follows changes files as docs/snapshot-format.md describes them, with a CRC-32C of its own. */
static uint32_t crc32c(const uint8_t *p, size_t len)
{
	uint32_t crc = ~0u;

	for (; len; len--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static uint64_t le(const uint8_t *at, unsigned size)
{
	uint64_t v = 0;

	memcpy(&v, at, size);
	return v;
}

#define HEAD_MAX (1 << 18)

/* The head of the file at path, read and, sealed anew, written back. */
static uint64_t head_read(uint8_t *head)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(read(fd, head, HEAD_MAX) == HEAD_MAX);
	close(fd);
	assert_in_range(le(head + 24, 8), 64, HEAD_MAX);
	return le(head + 24, 8);
}

static void head_write(uint8_t *head)
{
	uint64_t sections = le(head + 16, 4);
	uint32_t crc;
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	for (uint64_t i = 0; i < sections; i++) {
		uint8_t *entry = head + 64 + 32 * i;

		crc = crc32c(head + le(entry + 8, 8), le(entry + 16, 8));
		memcpy(entry + 28, &crc, 4);
	}
	memset(head + 60, 0, 4);
	crc = crc32c(head, 64 + 32 * sections);
	memcpy(head + 60, &crc, 4);
	assert_int_equal(write(fd, head, le(head + 24, 8)), le(head + 24, 8));
	close(fd);
}

static uint8_t *head_section(uint8_t *head, uint32_t type)
{
	for (uint64_t i = 0; i < le(head + 16, 4); i++)
		if (le(head + 64 + 32 * i, 4) == type)
			return head + le(head + 64 + 32 * i + 8, 8);
	fail_msg("no section of type %u", type);
	return NULL;
}

static void another_cpu(void **state)
{
	static uint8_t head[HEAD_MAX];
	struct snug_snapshot_info i = {0};
	uint8_t *cpu, *row;
	struct box b;
	snug_vm *vm = NULL;

	(void)state;
	load_count(&b, SNUG_MODE_LONG, 4 * MIB, 0);
	OK(snug_save(b.vm, path, &b.e), b.e);
	assert_in_range(head_read(head), 5216, 65536); /* a small VM has a small head: one read */
	head_write(head);
	assert_sound(); /* it is understood */
	/* another CPU's words in section needs, then MPX, which no AMD CPU has, and SSE4A, which no other has */
	head_section(head, 3)[28 + 12] ^= 0xff;
	head_write(head);
	assert_sound(); /* KVM is asked, and the features are all there */
	vm = restored(NULL);
	snug_vm_free(vm);
	cpu = head_section(head, 5);
	row = cpu + 5216 + 16 * le(cpu + 1112, 4);
	for (uint64_t n = le(cpu + 1116, 4); n; n--, row += 40) {
		if (le(row, 4) == 7 && le(row + 4, 4) == 0)
			row[17] |= 1 << 6; /* ebx bit 14 */
		if (le(row, 4) == 0x80000001)
			row[20] |= 1 << 6; /* ecx bit 6 */
	}
	head_write(head);
	assert_int_equal(snug_restore(path, NULL, &vm, &b.e), -ENOTSUP);
	assert_non_null(strstr(b.e.msg, "snapshot: this CPU lacks "));
	assert_true(strstr(b.e.msg, "mpx") || strstr(b.e.msg, "sse4a"));
	assert_true(b.e.hint[0]);
	OK(snug_snapshot_info(path, NULL, 0, &i, &b.e), b.e);
	assert_false(i.fits);
	assert_non_null(strstr(i.why, "snapshot: this CPU lacks "));
	/* another kind of host */
	head_section(head, 1)[0] = head_section(head, 3)[0] = host_is_pvm() ? SNUG_HOST_VMX : SNUG_HOST_PVM;
	head_write(head);
	assert_int_equal(snug_restore(path, NULL, &vm, &b.e), -ENOTSUP);
	assert_non_null(strstr(b.e.msg, "has never been tried"));
	box_close(&b);
}

/* Whatever stands in the state itself, KVM or the library refuses it, or the guest lives with it. */
static void hostile_state(void **state)
{
	static uint8_t head[HEAD_MAX], damaged[HEAD_MAX];
	unsigned refused = 0, lived = 0, seed = 3;
	struct box b;

	(void)state;
	load_count(&b, SNUG_MODE_LONG, 4 * MIB, 0);
	OK(snug_save(b.vm, path, &b.e), b.e);
	box_close(&b);
	head_read(head);
	for (unsigned i = 0; i < 400; i++) {
		uint64_t table = 64 + 32 * le(head + 16, 4), len = le(head + 24, 8) - table;
		snug_vm *vm = NULL;
		struct snug_error e = {0};

		memcpy(damaged, head, sizeof(head));
		damaged[table + (unsigned)rand_r(&seed) % len] ^= (uint8_t)(1 + rand_r(&seed) % 255);
		head_write(damaged);
		if (snug_restore(path, NULL, &vm, &e) < 0) {
			assert_true(e.msg[0] && e.hint[0]);
			refused++;
			continue;
		}
		snug_vcpu_run(snug_vm_vcpu(vm, 0), 2 * MS, &b.x, NULL);
		snug_vm_free(vm);
		lived++;
	}
	assert_true(refused && lived);
}

static int setup(void **state)
{
	(void)state;
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	snprintf(path, sizeof(path), "%s/f", mkdtemp(folder) ? folder : "");
	return folder[0] ? 0 : -1;
}

/* Nothing but the file itself, or what a killed writer left. */
static int teardown(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -f %s/f %s/.f.snug-*", folder, folder);
	return system(command) || rmdir(folder) ? -1 : 0;
}

static const enum snug_mode user = SNUG_MODE_USER, in_long = SNUG_MODE_LONG;

#define TEST_NAMED(name, f, a)                                                                                       \
	{                                                                                                            \
		name, run_guarded, setup, teardown, &(struct guarded)                                                \
		{                                                                                                    \
			f, a                                                                                         \
		}                                                                                                    \
	}
#define TEST(f) TEST_NAMED(#f, f, NULL)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST_NAMED("goes on in user mode", goes_on, &user),
	    TEST_NAMED("goes on in long mode", goes_on, &in_long),
	    TEST(console),
	    TEST(sizes),
	    TEST(told),
	    TEST(two_cpus),
	    TEST(unanswered),
	    TEST(one_file_many_vms),
	    TEST(to_descriptor),
	    TEST(full),
	    TEST(killed),
	    TEST(another_cpu),
	    TEST(hostile_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

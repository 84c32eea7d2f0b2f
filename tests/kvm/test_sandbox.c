/* SPDX-License-Identifier: MIT */
/*
 * sandbox: attacks it from inside, and holds the filters in force against the table
 *
 * Each attack is a process of its own that confines itself and then does what an attacker would who has taken it over.
 */
#include "../vmtest.h"

#include <linux/io_uring.h>
#include <linux/kvm.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "filters.h"
#include "svc/sandrules.h"

#define X32 0x40000000
#undef SYS_uretprobe
#define SYS_uretprobe 335 /* Linux 6.11 */
#undef SYS_uprobe
#define SYS_uprobe 336 /* Linux 6.18 */
#define NUMBERS 512    /* Linux 6.18's last is 470 */

static bool has(uint32_t layer)
{
	struct snug_layer rows[8];
	int n = snug_sandbox_layers(rows, 8);

	for (int i = 0; i < n; i++)
		if (rows[i].bit == layer)
			return rows[i].there;
	return false;
}

static void need(uint32_t layer)
{
	if (!has(layer))
		skip();
}

/* How a process ended that confined itself and then did it; a result of its own is told by its exit status. */
static int attack(uint32_t parts, uint32_t kind, uint32_t uses, long (*what)(long), long arg)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct snug_sandbox how = {.size = sizeof(how), .parts = parts, .kind = kind, .uses = uses};
		long r;

		signal(SIGILL, SIG_DFL); /* cmocka's handlers are not for here */
		signal(SIGSEGV, SIG_DFL);
		signal(SIGSYS, SIG_DFL);
		if (snug_sandbox(&how, NULL, NULL) < 0)
			_exit(100);
		errno = 0;
		r = what(arg);
		syscall(SYS_exit_group, r < 0 ? errno : 0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static bool killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

static long any_call(long nr)
{
	static char text[64] = "/etc/passwd";

	return syscall(nr, text, text, text, text, text, text);
}

static bool in_table(int nr, unsigned kind, uint32_t uses)
{
	for (size_t i = 0; i < snug__sand_rule_count; i++)
		if (snug__sand_rules[i].nr == nr && snug__sand_rule_for(&snug__sand_rules[i], kind, uses))
			return true;
	return false;
}

static void each_number(unsigned kind, uint32_t uses)
{
	unsigned tried = 0;

	for (int nr = 0; nr < NUMBERS; nr++) {
		if (in_table(nr, kind, uses))
			continue;
		tried++;
		/* The kernel takes these from its own probes alone, and asks no filter: kernel/seccomp.c. */
		if (nr == SYS_uretprobe || nr == SYS_uprobe) {
			assert_int_not_equal(attack(SNUG_SANDBOX_THREAD, kind, uses, any_call, nr), 0);
			continue;
		}
		if (!killed(attack(SNUG_SANDBOX_THREAD, kind, uses, any_call, nr)))
			fail_msg("system call %d passes", nr);
	}
	assert_true(tried > 400);
	assert_true(killed(attack(SNUG_SANDBOX_THREAD, kind, uses, any_call, X32 | SYS_getpid)));
}

static void every_number(void **state)
{
	(void)state;
	need(SNUG_LAYER_SECCOMP);
	each_number(SNUG_SANDBOX_VCPU, 0);
	each_number(SNUG_SANDBOX_FILES, 0);
}

/* The 32-bit way in has numbers of its own: 5 is open there. */
static long int80(long nr)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(0), "c"(0), "d"(0) : "memory");
	return r;
}

static void another_way_in(void **state)
{
	int status;

	(void)state;
	need(SNUG_LAYER_SECCOMP);
	status = attack(SNUG_SANDBOX_THREAD, SNUG_SANDBOX_VCPU, SNUG_USE_ALL, int80, 5);
	/* A kernel without 32-bit programs gives a fault. */
	assert_true(killed(status) || (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV));
}

static const struct {
	const char *name;
	unsigned long request;
} requests[] = {
    {"KVM_CREATE_VM", KVM_CREATE_VM},
    {"KVM_CREATE_VCPU", KVM_CREATE_VCPU},
    {"KVM_CREATE_DEVICE", KVM_CREATE_DEVICE},
    {"KVM_CREATE_IRQCHIP", KVM_CREATE_IRQCHIP},
    {"KVM_IRQFD", KVM_IRQFD},
    {"KVM_IOEVENTFD", KVM_IOEVENTFD},
    {"KVM_ENABLE_CAP", KVM_ENABLE_CAP},
    {"KVM_SET_TSS_ADDR", KVM_SET_TSS_ADDR},
    {"KVM_SET_CPUID2", KVM_SET_CPUID2},
    {"KVM_SET_NESTED_STATE", KVM_SET_NESTED_STATE},
    {"KVM_X86_SET_MSR_FILTER", KVM_X86_SET_MSR_FILTER},
    {"KVM_MEMORY_ENCRYPT_OP", KVM_MEMORY_ENCRYPT_OP},
    {"TIOCSTI", TIOCSTI},
    {"FIONBIO", FIONBIO},
    {"KVM_RUN and the upper half", KVM_RUN | 1ul << 32},
};

static long request(long n)
{
	return syscall(SYS_ioctl, -1, requests[n].request, 0);
}

static void ioctls(void **state)
{
	(void)state;
	need(SNUG_LAYER_SECCOMP);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (!killed(attack(SNUG_SANDBOX_THREAD, SNUG_SANDBOX_VCPU, SNUG_USE_ALL, request, (long)i)))
			fail_msg("%s passes", requests[i].name);
}

/* Without the uses, neither is their part. */
static void ioctls_of_no_use(void **state)
{
	static const unsigned long of_uses[] = {KVM_SET_GUEST_DEBUG, KVM_GET_DIRTY_LOG, KVM_SET_MSRS,
	                                        KVM_GET_STATS_FD};
	unsigned seen = 0;

	(void)state;
	need(SNUG_LAYER_SECCOMP);
	for (size_t i = 0; i < snug__sand_rule_count; i++) {
		const struct snug__sand_rule *r = &snug__sand_rules[i];

		for (size_t k = 0; k < 4; k++)
			seen += r->nr == SYS_ioctl && r->limits[0].value == of_uses[k] && r->uses;
	}
	assert_int_equal(seen, 4);
}

static long map_code(long fixed)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)fixed;
	return at == MAP_FAILED ? -1 : 0;
}

static long make_code(long bits)
{
	static char page[8192] __attribute__((aligned(4096)));

	return mprotect(page, 4096, (int)bits);
}

static long signal_parent(long number)
{
	return syscall(SYS_tgkill, getppid(), getppid(), number);
}

static long kill_parent(long number)
{
	return kill(getppid(), (int)number);
}

static void arguments(void **state)
{
	static const struct {
		const char *name;
		unsigned kind;
		long (*what)(long);
		long arg;
	} rows[] = {
	    {"mmap, executable", SNUG_SANDBOX_VCPU, map_code, 0},
	    {"mmap, executable, keeper", SNUG_SANDBOX_FILES, map_code, 0},
	    {"mprotect, executable", SNUG_SANDBOX_VCPU, make_code, PROT_READ | PROT_EXEC},
	    {"mprotect, all", SNUG_SANDBOX_VCPU, make_code, PROT_READ | PROT_WRITE | PROT_EXEC},
	    {"tgkill of the parent", SNUG_SANDBOX_VCPU, signal_parent, 0},
	    {"kill of the parent", SNUG_SANDBOX_VCPU, kill_parent, 0},
	    {"kill of the parent, keeper", SNUG_SANDBOX_FILES, kill_parent, 0},
	};

	(void)state;
	need(SNUG_LAYER_SECCOMP);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t uses = rows[i].kind == SNUG_SANDBOX_FILES ? 0 : SNUG_USE_ALL;

		if (!killed(attack(SNUG_SANDBOX_THREAD, rows[i].kind, uses, rows[i].what, rows[i].arg)))
			fail_msg("%s passes", rows[i].name);
	}
}

/* Without the filter, the other layers alone. */

static long read_file(long n)
{
	static const char *const paths[] = {"/etc/passwd", "/proc/self/status", "/dev/null", "/proc/self/mem"};

	return open(paths[n], O_RDONLY);
}

static long list_root(long n)
{
	(void)n;
	return open("/", O_RDONLY | O_DIRECTORY);
}

/* O_PATH is no access; what comes of it must be none either. */
static long by_path_fd(long n)
{
	char again[64];
	int fd = open("/etc/passwd", O_PATH);

	(void)n;
	if (fd < 0)
		return -1;
	snprintf(again, sizeof(again), "/proc/self/fd/%d", fd);
	return open(again, O_RDONLY);
}

static long by_dir_fd(long n)
{
	int fd = open("/etc", O_PATH | O_DIRECTORY);

	(void)n;
	return fd < 0 ? -1 : openat(fd, "passwd", O_RDONLY);
}

static long make_file(long n)
{
	(void)n;
	return open("/tmp/snug-test-sandbox", O_WRONLY | O_CREAT | O_EXCL, 0600);
}

static long tie(long n)
{
	(void)n;
	return symlink("/etc/passwd", "/tmp/snug-test-sandbox");
}

static long run_program(long n)
{
	static char name[] = "true";
	char *argv[] = {name, NULL};

	(void)n;
	return execve("/bin/true", argv, NULL);
}

static long raise_capability(long n)
{
	(void)n;
	return prctl(PR_CAPBSET_DROP, 0, 0, 0, 0); /* needs CAP_SETPCAP */
}

static long more_files(long n)
{
	(void)n;
	for (int i = 0; i < 64; i++)
		if (dup(0) < 0)
			return -1;
	return 0;
}

static long tcp(long connects)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(9)};
	int s = socket(AF_INET, SOCK_STREAM, 0);

	return connects ? connect(s, (struct sockaddr *)&a, sizeof(a)) : bind(s, (struct sockaddr *)&a, sizeof(a));
}

static char abstract_name[32];

static long abstract(long n)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)n;
	memcpy(a.sun_path + 1, abstract_name, sizeof(abstract_name) - 1);
	return connect(s, (struct sockaddr *)&a, sizeof(a));
}

static long trace_parent(long n)
{
	(void)n;
	return syscall(SYS_ptrace, 16 /* PTRACE_ATTACH */, getppid(), 0, 0);
}

/* openat through io_uring has the credentials of who set it up. */
static long by_uring(long n)
{
	struct io_uring_params p = {0};
	int fd = (int)syscall(SYS_io_uring_setup, 4, &p);
	size_t ring = p.sq_off.array + p.sq_entries * sizeof(unsigned);
	size_t cring = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	char *sq, *cq;

	(void)n;
	if (fd < 0)
		return -1;
	sq = mmap(NULL, ring, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
	cq = mmap(NULL, cring, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_CQ_RING);
	sqe = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || sqe == MAP_FAILED)
		return -1;
	*sqe = (struct io_uring_sqe){
	    .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (uint64_t)(uintptr_t) "/etc/passwd"};
	((unsigned *)(sq + p.sq_off.array))[0] = 0;
	__atomic_store_n((unsigned *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -1;
	cqe = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
	errno = cqe->res < 0 ? -cqe->res : 0;
	return cqe->res < 0 ? -1 : 0;
}

static int landlock_abi(void)
{
	long abi = syscall(444, NULL, 0, 1);

	return abi > 0 ? (int)abi : 0;
}

/* A ring has its memory locked, of which there may be none. */
static bool denial(long (*what)(long), int e)
{
	return e == EACCES || e == EPERM || e == EMFILE || (what == by_uring && (e == ENOMEM || e == ENOSYS));
}

static void other_layers(void **state)
{
	static const struct {
		const char *name;
		long (*what)(long);
		long arg;
		int abi; /* of Landlock, from which on it is denied; 0: without Landlock */
	} rows[] = {
	    {"a file", read_file, 0, 1},
	    {"/proc", read_file, 1, 1},
	    {"a device", read_file, 2, 1},
	    {"/proc/self/mem", read_file, 3, 1},
	    {"the root directory", list_root, 0, 1},
	    {"a file by O_PATH and /proc/self/fd", by_path_fd, 0, 1},
	    {"a file by a directory's descriptor", by_dir_fd, 0, 1},
	    {"a file by io_uring", by_uring, 0, 1},
	    {"a new file", make_file, 0, 1},
	    {"a symbolic link", tie, 0, 1},
	    {"a program", run_program, 0, 1},
	    {"ptrace of the parent", trace_parent, 0, 1},
	    {"TCP, bind", tcp, 0, 4},
	    {"TCP, connect", tcp, 1, 4},
	    {"an abstract socket of others", abstract, 0, 6},
	    {"a signal to the parent", kill_parent, 0, 6},
	    {"what needs a capability", raise_capability, 0, 0},
	    {"many descriptors", more_files, 0, 0},
	};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int abi = landlock_abi(), s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	snprintf(abstract_name, sizeof(abstract_name), "snug-test-%d", getpid());
	memcpy(a.sun_path + 1, abstract_name, sizeof(abstract_name) - 1);
	assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(s, 1), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int status;

		if (rows[i].abi > abi)
			continue;
		status = attack(SNUG_SANDBOX_PROCESS, SNUG_SANDBOX_VCPU, 0, rows[i].what, rows[i].arg);
		if (!WIFEXITED(status))
			fail_msg("%s: ended by signal %d", rows[i].name, WTERMSIG(status));
		/* Not for want of what is asked for: then it would prove nothing. */
		if (!denial(rows[i].what, WEXITSTATUS(status)))
			fail_msg("%s: %s", rows[i].name, strerror(WEXITSTATUS(status)));
	}
	close(s);
}

/* The same roads are open to one who is not confined, or the rows above show nothing. */
static void roads_lead_there(void **state)
{
	long (*const roads[])(long) = {read_file, list_root, by_path_fd, by_dir_fd};

	(void)state;
	for (size_t i = 0; i < sizeof(roads) / sizeof(roads[0]); i++) {
		long fd = roads[i](0);

		assert_true(fd >= 0);
		close((int)fd);
	}
}

static void bad_fields(void **state)
{
	static const struct {
		struct snug_sandbox how;
		const char *says;
	} rows[] = {
	    {{.size = 4}, "size"},
	    {{.parts = 8}, "parts 0x8"},
	    {{.kind = 2}, "kind 0x2"},
	    {{.uses = 1u << 7}, "uses 0x80"},
	    {{.dir_count = 1}, "dir_count 0x1"},
	    {{.child = 1}, "child"},
	    {{.kind = SNUG_SANDBOX_FILES, .dir_count = 1}, "dirs is NULL"},
	};
	struct snug_error e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(snug_sandbox(&rows[i].how, NULL, &e), -EINVAL);
		if (!strstr(e.msg, rows[i].says))
			fail_msg("'%s' does not say '%s'", e.msg, rows[i].says);
	}
	assert_int_equal(snug_sandbox(NULL, NULL, &e), -EINVAL);
	assert_int_equal(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
}

/* A guest that runs, is reset, and run again, all inside. */
GUEST64(says_hi, "mov $'h', %al; out %al, $0xe9; mov $'i', %al; out %al, $0xe9; hlt");

static long lives(long n)
{
	struct snug_config cfg = {.flags = SNUG_CONFIG_KEEP, .devices = SNUG_DEV_ALL};
	struct snug_sandbox how = {.size = sizeof(how), .uses = SNUG_USE_STATE};
	struct snug_image image = {
	    .data = says_hi, .len = (size_t)(says_hi_end - says_hi), .kind = SNUG_KIND_FLAT, .mode = SNUG_MODE_LONG};
	struct box b;

	box_open(&b, cfg);
	if (snug_load(b.vm, &image, &b.e) < 0 || snug_baseline(b.vm, &b.e) < 0 || snug_sandbox(&how, NULL, &b.e) < 0)
		return -1;
	for (long i = 0; i < n; i++)
		if (snug_vcpu_run(b.cpu, SECOND, &b.x, &b.e) < 0 || b.x.kind != SNUG_EXIT_HLT ||
		    snug_reset(b.vm, NULL, &b.e) < 0)
			return -1;
	snug_vm_free(b.vm);
	return b.nout == 2u * (size_t)n ? 0 : -1;
}

static void guests_live_in_it(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	need(SNUG_LAYER_SECCOMP);
	if (child == 0)
		syscall(SYS_exit_group, lives(20) < 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The filters in force. */

struct pair {
	pthread_barrier_t ready;
	int tell;
};

static void *confined_thread(void *arg)
{
	struct pair *p = arg;
	struct snug_sandbox how = {
	    .size = sizeof(how), .parts = SNUG_SANDBOX_THREAD, .uses = SNUG_USE_THREADS | SNUG_USE_FILES};

	snug_sandbox(&how, NULL, NULL);
	pthread_barrier_wait(&p->ready);
	for (;;)
		ppoll(NULL, 0, NULL, NULL);
	return NULL;
}

static void confine_and_wait(int tell, unsigned kind, uint32_t uses)
{
	struct snug_sandbox how = {.size = sizeof(how), .parts = SNUG_SANDBOX_THREAD, .kind = kind, .uses = uses};
	struct pair p = {.tell = tell};
	pthread_t t;

	pthread_barrier_init(&p.ready, NULL, 2);
	if (uses & SNUG_USE_THREADS && pthread_create(&t, NULL, confined_thread, &p) == 0)
		pthread_barrier_wait(&p.ready);
	if (snug_sandbox(&how, NULL, NULL) < 0 || write(tell, "", 1) != 1)
		_exit(1);
	for (;;)
		ppoll(NULL, 0, NULL, NULL);
}

static void as_the_table_says(unsigned kind, uint32_t uses, unsigned threads)
{
	int ready[2];
	char byte, why[200];
	pid_t child;
	int n;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	child = fork();
	if (child == 0)
		confine_and_wait(ready[1], kind, uses);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	n = filters_check(child, kind, uses, child, 0, why);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(ready[0]);
	close(ready[1]);
	if (n == -EACCES ||
	    n == -EPERM) /* PTRACE_SECCOMP_GET_FILTER is root's, and needs CONFIG_CHECKPOINT_RESTORE */
		skip();
	if (n < 0)
		fail_msg("%s", why);
	assert_int_equal(n, threads);
}

static void filters_are_the_table(void **state)
{
	(void)state;
	need(SNUG_LAYER_SECCOMP);
	as_the_table_says(SNUG_SANDBOX_FILES, 0, 1);
	for (uint32_t uses = 0; uses <= SNUG_USE_ALL; uses++)
		if (!(uses & SNUG_USE_THREADS))
			as_the_table_says(SNUG_SANDBOX_VCPU, uses, 1);
	as_the_table_says(SNUG_SANDBOX_VCPU, SNUG_USE_THREADS | SNUG_USE_FILES, 2);
}

static bool is_confined(pid_t pid)
{
	char path[64], line[128];
	bool yes = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		yes |= !strcmp(line, "Seccomp:\t2\n");
	if (f)
		fclose(f);
	return yes;
}

static pid_t only_child(pid_t pid)
{
	char path[64];
	int child = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "re");
	if (f && fscanf(f, "%d", &child) != 1)
		child = 0;
	if (f)
		fclose(f);
	return child;
}

static void verb_is_the_table(const char *const *argv, uint32_t uses)
{
	char keeps[200] = "", runs[200] = "";
	pid_t keeper = fork(), child = 0;
	int first, second;

	if (keeper == 0) {
		execv(argv[0], (char *const *)(uintptr_t)argv); /* which it does not change: POSIX */
		_exit(127);
	}
	for (int i = 0; i < 4000 && !(child && is_confined(child) && is_confined(keeper)); i++) {
		usleep(5000);
		child = only_child(keeper);
	}
	assert_true(child > 0);
	first = filters_check(keeper, SNUG_SANDBOX_FILES, 0, keeper, child, keeps);
	second = filters_check(child, SNUG_SANDBOX_VCPU, uses, 1, 0, runs); /* the first process of its namespace */
	kill(keeper, SIGKILL);
	waitpid(keeper, NULL, 0);
	if (first == -EACCES || first == -EPERM)
		skip();
	if (first < 0 || second < 0)
		fail_msg("%s %s", keeps, runs);
	assert_int_equal(first, 1);
	assert_in_range(second, 1, 2); /* KVM may have made one in its first run: a worker, kvm-nx-lpage-recovery */
}

static void snug_itself(void **state)
{
	static const uint8_t loop[] = {0xeb, 0xfe};
	char image[] = "/tmp/snug-test-loop-XXXXXX", core[64];
	const char *const plain[] = {SNUG, "run", "--mode", "long", "--timeout", "60", image, NULL};
	const char *const much[] = {SNUG,      "run",    "--mode", "long",  "--timeout", "60",  "--reboot",
	                            "--stats", "--core", core,     "--gdb", "tcp:0",     image, NULL};
	int fd;

	(void)state;
#ifdef __SANITIZE_ADDRESS__
	skip(); /* such a snug is not confined */
#endif
	need(SNUG_LAYER_SECCOMP);
	fd = mkstemp(image);
	assert_int_equal(write(fd, loop, sizeof(loop)), sizeof(loop));
	close(fd);
	snprintf(core, sizeof(core), "%s.core", image);
	verb_is_the_table(plain, 0);
	verb_is_the_table(much, SNUG_USE_STATE | SNUG_USE_STATS | SNUG_USE_FILES | SNUG_USE_GDB);
	unlink(image);
}

static unsigned calls_of(unsigned kind, uint32_t uses)
{
	unsigned n = 0;

	for (int nr = 0; nr < NUMBERS; nr++)
		n += in_table(nr, kind, uses);
	return n;
}

/* Those that go together in snug's verbs: a debugger does not save, threads do neither. */
static void few_calls(void **state)
{
	const uint32_t common = SNUG_USE_FILES | SNUG_USE_STATS;

	(void)state;
	assert_in_range(calls_of(SNUG_SANDBOX_VCPU, 0), 10, 30);
	assert_in_range(calls_of(SNUG_SANDBOX_VCPU, common | SNUG_USE_STATE | SNUG_USE_SAVE), 10, 30);
	assert_in_range(calls_of(SNUG_SANDBOX_VCPU, common | SNUG_USE_STATE | SNUG_USE_GDB), 10, 30);
	assert_in_range(calls_of(SNUG_SANDBOX_VCPU, common | SNUG_USE_THREADS), 10, 30);
	assert_in_range(calls_of(SNUG_SANDBOX_VCPU, SNUG_USE_ALL), 10, 45);
	assert_in_range(calls_of(SNUG_SANDBOX_FILES, 0), 10, 45);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_number),
	    cmocka_unit_test(another_way_in),
	    cmocka_unit_test(ioctls),
	    cmocka_unit_test(ioctls_of_no_use),
	    cmocka_unit_test(arguments),
	    cmocka_unit_test(other_layers),
	    cmocka_unit_test(roads_lead_there),
	    cmocka_unit_test(bad_fields),
	    cmocka_unit_test(guests_live_in_it),
	    cmocka_unit_test(few_calls),
	    cmocka_unit_test(filters_are_the_table),
	    cmocka_unit_test(snug_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* oncall: the calls into KVM as a watcher is told of them: their order, steps, arguments and results */
#include "../vmtest.h"

#define MAX 256

struct log {
	struct snug_call calls[MAX];
	unsigned count;
};

static void note(void *ctx, const struct snug_call *call)
{
	struct log *l = ctx;

	assert_true(l->count < MAX);
	l->calls[l->count++] = *call;
}

/* Index of the first call of that name. */
static unsigned find(const struct log *l, const char *name)
{
	for (unsigned i = 0; i < l->count; i++)
		if (!strcmp(l->calls[i].name, name))
			return i;
	fail_msg("%s was not called", name);
	return 0;
}

GUEST64(halt, "hlt");

static void one_run(struct log *l)
{
	struct box b;
	struct snug_config cfg = {.on_call = note, .on_call_ctx = l};

	box_open(&b, cfg);
	BOX_LOAD(&b, SNUG_MODE_LONG, halt);
	assert_exit(&b, SNUG_EXIT_HLT);
	box_close(&b);
}

/* Each row's first call comes after that of the row before. */
static void order(void **state)
{
	static const struct {
		const char *name;
		int step;
	} rows[] = {
	    {"open", SNUG_STEP_INIT},
	    {"KVM_GET_API_VERSION", SNUG_STEP_VERSION},
	    {"KVM_CREATE_VM", SNUG_STEP_INIT},
	    {"KVM_CHECK_EXTENSION", SNUG_STEP_VERSION},
	    {"KVM_SET_IDENTITY_MAP_ADDR", SNUG_STEP_TSS},
	    {"KVM_SET_TSS_ADDR", SNUG_STEP_TSS},
	    {"KVM_SET_USER_MEMORY_REGION", SNUG_STEP_MEMORY},
	    {"KVM_CREATE_VCPU", SNUG_STEP_INIT},
	    {"KVM_SET_CPUID2", SNUG_STEP_INIT},
	    {"KVM_GET_SREGS", SNUG_STEP_GET_SREGS},
	    {"KVM_SET_SREGS", SNUG_STEP_SET_SREGS},
	    {"KVM_SET_REGS", SNUG_STEP_REGS},
	    {"KVM_RUN", SNUG_STEP_RUN},
	};
	static struct log l;
	unsigned last = 0;

	(void)state;
	l.count = 0;
	one_run(&l);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned at = find(&l, rows[i].name);

		if (i && at <= last)
			fail_msg("%s is call %u, but %s was call %u", rows[i].name, at, rows[i - 1].name, last);
		assert_int_equal(l.calls[at].step, rows[i].step);
		last = at;
	}
}

static void arguments_and_results(void **state)
{
	static struct log l;
	const struct snug_call *c;

	(void)state;
	l.count = 0;
	one_run(&l);
	for (unsigned i = 0; i < l.count; i++) {
		c = &l.calls[i];
		assert_int_equal(c->err, 0);
		assert_true(c->result >= 0);
		assert_in_range(c->step, SNUG_STEP_INIT, SNUG_STEP_RUN);
		assert_true(c->ns < PATIENCE);
	}
	assert_int_equal(l.calls[find(&l, "KVM_GET_API_VERSION")].result, 12);
	assert_int_equal(l.calls[find(&l, "KVM_SET_TSS_ADDR")].arg, 0xfeffd000);
	assert_int_equal(l.calls[find(&l, "KVM_SET_IDENTITY_MAP_ADDR")].arg, 0xfeffc000);
	assert_int_equal(l.calls[find(&l, "KVM_SET_USER_MEMORY_REGION")].arg, 0);          /* RAM's gpa */
	assert_int_equal(l.calls[find(&l, "KVM_SET_REGS")].arg, BASE);                     /* rip */
	assert_int_equal(l.calls[find(&l, "KVM_SET_SREGS")].arg & 0x80000001, 0x80000001); /* cr0 */
	assert_true(l.calls[find(&l, "KVM_CREATE_VM")].result > 2);                        /* a file descriptor */
}

static void failures_are_told(void **state)
{
	static struct log l;
	struct snug_config cfg = {.kvm_path = "/nowhere/kvm", .on_call = note, .on_call_ctx = &l};
	snug_vm *vm = NULL;

	(void)state;
	l.count = 0;
	assert_int_equal(snug_vm_new(&cfg, &vm, NULL), -ENOENT);
	assert_int_equal(l.count, 1);
	assert_string_equal(l.calls[0].name, "open");
	assert_int_equal(l.calls[0].err, ENOENT);
	assert_int_equal(l.calls[0].result, -1);
	cfg.kvm_path = "/dev/null";
	assert_int_equal(snug_vm_new(&cfg, &vm, NULL), -ENOTTY);
	assert_int_equal(l.count, 3);
	assert_string_equal(l.calls[2].name, "KVM_GET_API_VERSION");
	assert_int_equal(l.calls[2].err, ENOTTY);
}

/* A run that its time limit ends is a KVM_RUN that failed with EINTR. */
GUEST64(spin, "1: jmp 1b");

static void runs_are_told(void **state)
{
	static struct log l;
	struct snug_config cfg = {.on_call = note, .on_call_ctx = &l};
	struct box b;

	(void)state;
	box_open(&b, cfg);
	BOX_LOAD(&b, SNUG_MODE_LONG, spin);
	l.count = 0;
	assert_int_equal(snug_vcpu_run(b.cpu, 10 * MS, &b.x, &b.e), 0);
	assert_int_equal(b.x.kind, SNUG_EXIT_TIMEOUT);
	assert_string_equal(l.calls[l.count - 1].name, "KVM_RUN");
	assert_int_equal(l.calls[l.count - 1].err, EINTR);
	assert_true(l.calls[l.count - 1].ns >= 5 * MS);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST(order),
	    KVM_TEST(arguments_and_results),
	    KVM_TEST(failures_are_told),
	    KVM_TEST(runs_are_told),
	};

	return cmocka_run_group_tests_name("oncall", tests, NULL, NULL);
}

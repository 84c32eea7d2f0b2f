/* SPDX-License-Identifier: MIT */
/* machine, generation and mark of core: a VM's devices on a bus, with memory, without KVM */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/core.h"

#define RAM (2u << 20)
#define ROM 0x100000000ull

struct rig {
	snug_vm vm;
	snug_vcpu cpus[2];
	char out[16];
	size_t nout;
	uint8_t next; /* of the random bytes: 1, 2, 3... */
	size_t drawn;
	int fails; /* what random returns */
	unsigned calls;
	uint32_t address;
	unsigned cpu;
};

static void say(void *ctx, const void *bytes, size_t len)
{
	struct rig *r = ctx;

	assert_true(r->nout + len < sizeof(r->out));
	memcpy(r->out + r->nout, bytes, len);
	r->nout += len;
}

static int count_up(void *ctx, void *bytes, size_t len)
{
	struct rig *r = ctx;
	uint8_t *at = bytes;

	if (r->fails)
		return r->fails;
	for (size_t i = 0; i < len; i++)
		at[i] = ++r->next;
	r->drawn += len;
	return 0;
}

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct snug_region rom = {.gpa = ROM, .bytes = 0x1000, .flags = SNUG_MEM_READONLY};
	struct snug_region tables = {.gpa = SNUG__TABLES_GPA, .bytes = 0x4000};
	struct snug_region more = {.gpa = RAM, .bytes = 0x1000};
	const struct snug_console console = {say, NULL, r};

	*state = r;
	if (!r)
		return -1;
	snug__mem_init(&r->vm.mem, 8, NULL, NULL);
	snug__bus_init(&r->vm.pio, "port", UINT16_MAX);
	r->vm.vcpus = r->cpus;
	r->vm.cpus = 2;
	r->vm.hygiene = (struct snug_hygiene){.random = count_up, .ctx = r};
	if (snug__mem_add_ram(&r->vm.mem, RAM, NULL) < 0 || snug__mem_add(&r->vm.mem, &rom, NULL) < 0 ||
	    snug__mem_add(&r->vm.mem, &tables, NULL) < 0 || snug__mem_add(&r->vm.mem, &more, NULL) < 0)
		return -1;
	return snug__machine_build(&r->vm, SNUG_DEV_ALL, &console, NULL);
}

static int teardown(void **state)
{
	struct rig *r = *state;

	snug__machine_destroy(&r->vm);
	snug__bus_destroy(&r->vm.pio);
	snug__mem_destroy(&r->vm.mem);
	free(r);
	return 0;
}

static void out(struct rig *r, uint16_t port, uint32_t value, unsigned size)
{
	uint8_t data[4];

	memcpy(data, &value, 4);
	assert_true(snug__bus_access(&r->vm.pio, port, data, size, true));
}

static uint32_t in(struct rig *r, uint16_t port, unsigned size)
{
	uint8_t data[4] = {0};
	uint32_t v;

	assert_true(snug__bus_access(&r->vm.pio, port, data, size, false));
	memcpy(&v, data, 4);
	return v;
}

static void tell_at(struct rig *r, uint64_t gpa)
{
	out(r, 0x5f4, (uint32_t)(gpa >> 32), 4);
	out(r, 0x5f0, (uint32_t)gpa, 4);
}

static void remembers(void **state)
{
	struct rig *r = *state;

	assert_int_equal(r->vm.devices, SNUG_DEV_ALL);
	assert_ptr_equal(r->vm.console.write, say);
	out(r, 0xe9, 'a', 1);
	snug_console_set(&r->vm, NULL);
	out(r, 0xe9, 'b', 1);
	out(r, 0x3f8, 'c', 1);
	assert_int_equal(in(r, 0x3fd, 1), 0x60);
	snug_console_set(&r->vm, &(struct snug_console){.write = say, .ctx = r});
	out(r, 0x402, 'd', 1);
	out(r, 0x3f8, 'e', 1);
	assert_string_equal(r->out, "ade");
}

/* Each device's state by its port, into a machine that stands elsewhere. */
static void saves_and_loads(void **state)
{
	static const uint16_t ports[] = {0x3f8, 0xe9, 0x402, 0xf4, 0x64, 0xcf9, 0x70, 0x5e0, 0x5f0};
	uint8_t bytes[sizeof(ports) / sizeof(ports[0])][SNUG__DEV_STATE_MAX];
	int len[sizeof(ports) / sizeof(ports[0])];
	struct rig *r = *state;
	const unsigned n = sizeof(ports) / sizeof(ports[0]);
	uint16_t port = 0;

	out(r, 0x3ff, 0x5a, 1);
	out(r, 0x70, 0x40, 1);
	out(r, 0x71, 0x77, 1);
	out(r, 0xcf9, 0x02, 1);
	assert_int_equal(r->vm.dev_count, n);
	for (unsigned i = 0; i < n; i++) {
		len[i] = snug__machine_save(&r->vm, i, &port, bytes[i], SNUG__DEV_STATE_MAX);
		assert_in_range(len[i], 1, SNUG__DEV_STATE_MAX);
		assert_int_equal(port, ports[i]);
		assert_int_equal(snug__machine_save(&r->vm, i, &port, bytes[i], (size_t)len[i] - 1), -ENOSPC);
		assert_int_equal(snug__machine_save(&r->vm, i, &port, bytes[i], (size_t)len[i]), len[i]);
	}
	assert_int_equal(snug__machine_save(&r->vm, n, &port, bytes[0], SNUG__DEV_STATE_MAX), -ENOENT);
	out(r, 0x3ff, 0, 1);
	out(r, 0x71, 0, 1);
	out(r, 0xcf9, 0, 1);
	for (unsigned i = n; i-- > 0;)
		assert_int_equal(snug__machine_load(&r->vm, ports[i], bytes[i], (size_t)len[i]), 0);
	assert_int_equal(in(r, 0x3ff, 1), 0x5a);
	assert_int_equal(in(r, 0x71, 1), 0x77);
	assert_int_equal(in(r, 0xcf9, 1), 0x02);
	assert_int_equal(snug__machine_load(&r->vm, 0x3f9, bytes[0], (size_t)len[0]), -EINVAL);
	assert_int_equal(snug__machine_load(&r->vm, 0x3f8, bytes[1], (size_t)len[1]), -EINVAL);
	assert_int_equal(snug__machine_load(&r->vm, 0x3f8, bytes[0], 0), -EINVAL);
}

static void where_the_guest_may_write(void **state)
{
	static const struct {
		uint64_t gpa, len;
		bool may;
	} rows[] = {
	    {0, 1, true},
	    {0, RAM, true},
	    {0, RAM + 0x1000, true}, /* over adjoining regions */
	    {0, RAM + 0x1001, false},
	    {RAM - 47, 48, true},
	    {RAM + 0x1000 - 48, 48, true},
	    {RAM + 0x1000 - 47, 48, false},
	    {RAM + 0x1000, 1, false},
	    {ROM, 1, false},
	    {ROM - 1, 2, false},
	    {SNUG__TABLES_GPA, 1, false},
	    {SNUG__TABLES_GPA + 0x3fff, 1, false},
	    {SNUG__TABLES_GPA - 8, 48, false},
	    {0, UINT64_MAX, false},
	    {1, UINT64_MAX, false},
	    {UINT64_MAX, 1, false},
	    {UINT64_MAX - 47, 48, false},
	    {UINT64_MAX - 46, 48, false}, /* wraps */
	    {UINT64_MAX, 0, true},        /* nothing */
	};
	struct rig *r = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (snug__guest_may_write(&r->vm, rows[i].gpa, rows[i].len) != rows[i].may)
			fail_msg("0x%llx, 0x%llx bytes", (unsigned long long)rows[i].gpa,
			         (unsigned long long)rows[i].len);
}

static void generation_is_drawn_late(void **state)
{
	struct rig *r = *state;
	uint8_t id[16];

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(snug__generation_renew(&r->vm, NULL), 0);
	assert_int_equal(r->drawn, 0);
	assert_int_equal(in(r, 0x5f0, 4), 0x04030201);
	assert_int_equal(in(r, 0x5ff, 1), 16);
	assert_int_equal(snug_generation(&r->vm, id), 0);
	assert_int_equal(id[15], 16);
	assert_int_equal(r->drawn, 16);
	assert_int_equal(snug__generation_renew(&r->vm, NULL), 0);
	assert_int_equal(snug_generation(&r->vm, id), 0);
	assert_int_equal(id[0], 17);
}

static void generation_is_told(void **state)
{
	struct rig *r = *state;
	uint8_t told[48], id[16];

	tell_at(r, RAM - 8); /* over two regions */
	assert_int_equal(r->vm.generation_gpa, RAM - 8);
	assert_int_equal(snug__mem_read(&r->vm.mem, RAM - 8, told, 48), 0);
	for (unsigned i = 0; i < 48; i++)
		assert_int_equal(told[i], i + 1);
	assert_true(snug__mem_dirty(&r->vm.mem, RAM - 8));
	assert_true(snug__mem_dirty(&r->vm.mem, RAM));
	assert_int_equal(snug__generation_renew(&r->vm, NULL), 0);
	assert_int_equal(snug__mem_read(&r->vm.mem, RAM - 8, told, 48), 0);
	for (unsigned i = 0; i < 48; i++)
		assert_int_equal(told[i], 48 + i + 1);
	assert_int_equal(snug_generation(&r->vm, id), 0);
	assert_memory_equal(id, told, 16);
	tell_at(r, 0x1000); /* elsewhere: the same id, another seed */
	assert_int_equal(snug__mem_read(&r->vm.mem, 0x1000, told, 48), 0);
	assert_memory_equal(id, told, 16);
	assert_int_equal(told[16], 97);
	tell_at(r, 0);
	assert_int_equal(r->vm.generation_gpa, 0);
	assert_int_equal(snug__generation_renew(&r->vm, NULL), 0);
	assert_int_equal(r->drawn, 128);
}

static void bad_places(void **state)
{
	static const uint64_t bad[] = {ROM, SNUG__TABLES_GPA, RAM + 0x1000, RAM + 0x1000 - 47, UINT64_MAX - 10};
	struct rig *r = *state;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		tell_at(r, bad[i]);
		assert_int_equal(r->vm.generation_gpa, 0);
		r->vm.generation_gpa = bad[i]; /* as a forged file has it */
		assert_int_equal(snug__generation_renew(&r->vm, NULL), 0);
		assert_int_equal(r->vm.generation_gpa, 0);
	}
	assert_int_equal(r->drawn, 0);
}

static void no_random_bytes(void **state)
{
	struct rig *r = *state;
	struct snug_error e = {0};
	uint8_t told[48] = {0}, id[16];

	r->fails = -EIO;
	assert_int_equal(in(r, 0x5f0, 4), 0xffffffff);
	assert_int_equal(snug_generation(&r->vm, id), -EIO);
	tell_at(r, 0x1000);
	assert_int_equal(snug__mem_read(&r->vm.mem, 0x1000, id, 16), 0);
	assert_memory_equal(id, told, 16);
	assert_int_equal(snug__generation_renew(&r->vm, &e), -EIO);
	assert_error(e, -EIO, "EIO");
	r->fails = 0;
	assert_int_equal(snug__generation_renew(&r->vm, &e), 0);
	assert_int_equal(snug__mem_read(&r->vm.mem, 0x1000, told, 48), 0);
	assert_int_equal(told[47], 48);
}

static void on_host_call(snug_vm *vm, unsigned cpu, uint32_t address)
{
	struct rig *r = vm->hygiene.ctx;

	r->calls++;
	r->cpu = cpu;
	r->address = address;
}

static void host_calls_and_returns(void **state)
{
	struct rig *r = *state;

	out(r, 0x5e8, 0x1000, 4); /* nobody hears */
	r->vm.on_host_call = on_host_call;
	r->vm.bus_cpu = 1;
	out(r, 0x5e8, 0xfffff000, 4);
	assert_int_equal(r->calls, 1);
	assert_int_equal(r->cpu, 1);
	assert_int_equal(r->address, 0xfffff000);
	assert_int_equal(r->vm.ask.kind, SNUG_EXIT_NONE);
	out(r, 0x5ec, 1, 1);
	assert_int_equal(r->vm.ask.kind, SNUG_EXIT_RETURN);
}

/* Sends a name, its NUL too; how the access ended. */
static enum snug_exit_kind mark(struct rig *r, unsigned cpu, const char *name, size_t len)
{
	r->vm.bus_cpu = cpu;
	r->vm.ask.kind = SNUG_EXIT_NONE;
	for (size_t i = 0; i < len; i++)
		out(r, 0x5e4, (uint8_t)name[i], 1);
	return r->vm.ask.kind;
}

static void marks_stop(void **state)
{
	struct rig *r = *state;
	char longest[80];

	memset(longest, 'x', sizeof(longest));
	longest[79] = '\0';
	assert_int_equal(mark(r, 0, "first ha", 8), SNUG_EXIT_NONE);
	assert_int_equal(snug_mark_stop(&r->vm, "half"), 0);
	assert_int_equal(mark(r, 0, "lf", 3), SNUG_EXIT_NONE); /* not all of the name */
	assert_int_equal(mark(r, 0, "ha", 2), SNUG_EXIT_NONE);
	assert_int_equal(mark(r, 1, "half", 4), SNUG_EXIT_NONE); /* names of vCPUs do not mix */
	assert_int_equal(mark(r, 0, "lf", 3), SNUG_EXIT_MARK);
	assert_string_equal(r->vm.ask.mark.name, "half");
	assert_int_equal(mark(r, 1, "", 1), SNUG_EXIT_MARK);
	assert_int_equal(mark(r, 0, "halfs", 6), SNUG_EXIT_NONE);
	assert_int_equal(snug_mark_stop(&r->vm, longest), -EINVAL);
	assert_int_equal(snug_mark_stop(&r->vm, longest + 15), -EINVAL); /* 64 */
	assert_int_equal(snug_mark_stop(&r->vm, ""), -EINVAL);
	assert_int_equal(mark(r, 0, "half", 5), SNUG_EXIT_MARK); /* as before */
	assert_int_equal(snug_mark_stop(&r->vm, longest + 16), 0);
	assert_int_equal(mark(r, 0, longest, 80), SNUG_EXIT_MARK); /* what is longer is cut */
	r->cpus[0].mark_len = 255;                                 /* as a forged file has it */
	mark(r, 0, "y", 2);
	assert_int_equal(mark(r, 0, longest + 16, 64), SNUG_EXIT_MARK);
	assert_int_equal(snug_mark_stop(&r->vm, NULL), 0);
	assert_int_equal(mark(r, 0, longest + 16, 64), SNUG_EXIT_NONE);
	r->vm.devices = 0;
	assert_int_equal(snug_mark_stop(&r->vm, "half"), -EINVAL);
	assert_int_equal(snug_mark_stop(&r->vm, NULL), 0);
}

/* KVM may hand over a string at once: what comes after the mark that stops is heard all the same; after an end it is not. */
static void strings_of_marks(void **state)
{
	static const char names[] = "a\0stop\0ha";
	struct rig *r = *state;
	struct kvm_run *run = calloc(1, sizeof(*run) + sizeof(names));
	struct snug_exit x = {0};
	bool claimed;

	assert_non_null(run);
	memcpy(run + 1, names, sizeof(names));
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = KVM_EXIT_IO_OUT;
	run->io.size = 1;
	run->io.port = 0x5e4;
	run->io.count = sizeof(names) - 1;
	run->io.data_offset = sizeof(*run);
	r->cpus[1] = (snug_vcpu){.vm = &r->vm, .index = 1, .kvm = {.run = run}};
	assert_int_equal(snug_mark_stop(&r->vm, "stop"), 0);
	assert_int_equal(snug__exit_handle(&r->cpus[1], &x, &claimed, NULL), 1);
	assert_true(claimed);
	assert_int_equal(x.kind, SNUG_EXIT_MARK);
	assert_string_equal(x.mark.name, "stop");
	assert_ptr_equal(x.vcpu, &r->cpus[1]);
	assert_int_equal(x.reason, KVM_EXIT_IO);
	assert_int_equal(r->cpus[1].mark_len, 2);
	assert_memory_equal(r->cpus[1].mark, "ha", 2);
	run->io.port = 0x5e0;
	assert_int_equal(snug__exit_handle(&r->cpus[1], &x, &claimed, NULL), 1);
	assert_int_equal(x.kind, SNUG_EXIT_STATUS);
	assert_int_equal(x.status.value, 'a'); /* the first */
	free(run);
}

static void hygiene(void **state)
{
	struct rig *r = *state;
	struct snug_hygiene h = {.size = sizeof(h), .time = SNUG_TIME_BACK};
	struct snug_error e;
	uint8_t id[16], zero[16] = {0};

	assert_int_equal(snug_hygiene_set(&r->vm, &h, &e), 0);
	assert_int_equal(r->vm.hygiene.time, SNUG_TIME_BACK);
	assert_int_equal(snug_generation(&r->vm, id), 0); /* getrandom's */
	assert_memory_not_equal(id, zero, 16);
	assert_int_equal(r->drawn, 0);
	h.time = (enum snug_time)2;
	assert_int_equal(snug_hygiene_set(&r->vm, &h, &e), -EINVAL);
	assert_error(e, -EINVAL, "time 2");
	h = (struct snug_hygiene){.size = 8};
	assert_int_equal(snug_hygiene_set(&r->vm, &h, &e), -EINVAL);
	assert_error(e, -EINVAL, "size 8");
	assert_int_equal(snug_hygiene_set(&r->vm, NULL, &e), -EINVAL);
	assert_int_equal(r->vm.hygiene.time, SNUG_TIME_BACK);
	h.size = 0;
	assert_int_equal(snug_hygiene_set(&r->vm, &h, NULL), 0);
	assert_int_equal(r->vm.hygiene.time, SNUG_TIME_ON);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    RIG_TEST(remembers),
	    RIG_TEST(saves_and_loads),
	    RIG_TEST(where_the_guest_may_write),
	    RIG_TEST(generation_is_drawn_late),
	    RIG_TEST(generation_is_told),
	    RIG_TEST(bad_places),
	    RIG_TEST(no_random_bytes),
	    RIG_TEST(host_calls_and_returns),
	    RIG_TEST(marks_stop),
	    RIG_TEST(strings_of_marks),
	    RIG_TEST(hygiene),
	};

	return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* ports: string instructions, ports that are nobody's, and every port there is */
#include <linux/kvm.h>

#include "../vmtest.h"

/* A device that hears a sequence and answers with one: element n of a read is n + 1 in each byte. */
struct parrot {
	uint64_t heard[64];
	unsigned count, size, said;
};

static uint64_t parrot_read(void *self, uint64_t offset, unsigned size)
{
	struct parrot *p = self;

	assert_int_equal(offset, 0);
	p->size = size;
	return 0x0101010101010101ull * ++p->said;
}

static void parrot_write(void *self, uint64_t offset, uint64_t value, unsigned size)
{
	struct parrot *p = self;

	assert_int_equal(offset, 0);
	assert_true(p->count < 64);
	p->size = size;
	p->heard[p->count++] = value;
}

static const struct snug_device_ops parrot_ops = {.read = parrot_read, .write = parrot_write};

#define PORT 0x330

/* The host sets up the registers, so the guests are one instruction. */
#define STRING(op, bits) GUEST(op##bits, bits, "rep " #op "\nhlt")
#define STRINGS(bits)                                                                                                \
	STRING(outsb, bits);                                                                                         \
	STRING(outsw, bits);                                                                                         \
	STRING(outsl, bits);                                                                                         \
	STRING(insb, bits);                                                                                          \
	STRING(insw, bits);                                                                                          \
	STRING(insl, bits)

STRINGS(16);
STRINGS(32);
STRINGS(64);

static const struct string {
	enum snug_mode mode;
	bool in;
	unsigned size;
	const uint8_t *code, *end;
} strings[] = {
#define ROW(op, bits, in, size, mode)                                                                                \
	{                                                                                                            \
		SNUG_MODE_##mode, in, size, op##bits, op##bits##_end                                                 \
	}
#define ROWS(bits, mode)                                                                                             \
	ROW(outsb, bits, false, 1, mode), ROW(outsw, bits, false, 2, mode), ROW(outsl, bits, false, 4, mode),        \
	    ROW(insb, bits, true, 1, mode), ROW(insw, bits, true, 2, mode), ROW(insl, bits, true, 4, mode)
    ROWS(16, REAL),
    ROWS(32, PROTECTED),
    ROWS(64, LONG),
    ROWS(64, USER),
};

#define AREA 0x5000 /* three pages of the guest's, looked at as a whole */
#define AREA_BYTES 0x3000

static void string_registers(struct box *b, uint64_t at, unsigned count, bool down)
{
	struct snug_regs r;

	assert_int_equal(snug_vcpu_get_regs(b->cpu, &r, &b->e), 0);
	r.rsi = r.rdi = at;
	r.rcx = count;
	r.rdx = PORT;
	r.rflags |= down ? 1 << 10 : 0; /* DF, SDM 1 3.4.3.2 */
	assert_int_equal(snug_vcpu_set_regs(b->cpu, &r, &b->e), 0);
}

/* hlt is a fault at CPL 3: either way the string instruction is over. */
static void string_ends(struct box *b, enum snug_mode mode, uint64_t at, uint64_t moved)
{
	assert_exit(b, mode == SNUG_MODE_USER ? SNUG_EXIT_FAULT : SNUG_EXIT_HLT);
	assert_int_equal(box_reg(b, "rcx"), 0);
	assert_int_equal(box_reg(b, "rsi") + box_reg(b, "rdi") - at, at + moved);
}

/* What the guest's memory must be afterwards, and what the device must have heard. */
static void expect_moved(const struct string *s, const struct parrot *p, const uint8_t *before, uint8_t *want,
                         unsigned first, unsigned count, int step)
{
	for (unsigned i = 0; i < count; i++) {
		size_t at = (size_t)((int)first + step * (int)i);
		uint64_t cell = 0;

		memcpy(&cell, before + at, s->size);
		if (s->in)
			memset(want + at, (int)i + 1, s->size);
		else
			assert_int_equal(p->heard[i], cell);
	}
}

static void one_string(const struct string *s, unsigned first, unsigned count, bool down)
{
	static uint8_t before[AREA_BYTES], after[AREA_BYTES], want[AREA_BYTES];
	struct parrot p = {0};
	int step = down ? -(int)s->size : (int)s->size;
	struct box b;

	for (unsigned i = 0; i < AREA_BYTES; i++)
		before[i] = want[i] = (uint8_t)(i * 7 + 1);
	box_open(&b, (struct snug_config){0});
	assert_int_equal(snug_pio_add(b.vm, PORT, 4, &parrot_ops, &p, &b.e), 0);
	box_load(&b, s->mode, s->code, s->end);
	assert_int_equal(snug_mem_write(b.vm, AREA, before, AREA_BYTES), 0);
	string_registers(&b, AREA + first, count, down);
	string_ends(&b, s->mode, AREA + first, (uint64_t)(int64_t)(step * (int)count));
	assert_int_equal(s->in ? p.said : p.count, count);
	assert_int_equal(s->in ? p.count : p.said, 0);
	assert_int_equal(p.size, count ? s->size : 0);
	assert_int_equal(snug_mem_read(b.vm, AREA, after, AREA_BYTES), 0);
	expect_moved(s, &p, before, want, first, count, step);
	assert_memory_equal(after, want, AREA_BYTES);
	box_close(&b);
}

static void string_up(void **state)
{
	one_string(*state, 0x100, 9, false);
}

static void string_down(void **state)
{
	one_string(*state, 0x200, 9, true);
}

static void string_of_none(void **state)
{
	one_string(*state, 0x100, 0, false);
}

/* Over the end of a page, once between elements and once, where they are wide, within one. */
static void string_over_page(void **state)
{
	one_string(*state, 0x1000 - 12, 20, false);
	one_string(*state, 0x1000 - 11, 20, false);
	one_string(*state, 0x1000 + 12, 20, true);
	one_string(*state, 0x1000 + 11, 20, true);
}

/* The caller itself answers: KVM hands over several elements at once where it can. */
static void string_to_caller(void **state)
{
	const struct string *s = *state;
	uint8_t got[40], want[40];
	unsigned said = 0;
	struct box b;

	box_open(&b, (struct snug_config){0});
	box_load(&b, s->mode, s->code, s->end);
	string_registers(&b, AREA, 10, false);
	while (said < 10) {
		assert_exit(&b, SNUG_EXIT_PIO);
		assert_int_equal(b.x.pio.port, PORT);
		assert_int_equal(b.x.pio.size, s->size);
		assert_int_equal(b.x.pio.write, !s->in);
		assert_in_range(b.x.pio.count, 1, 10 - said);
		for (unsigned i = 0; i < b.x.pio.count; i++)
			memset(b.x.pio.data + i * s->size, (int)++said, s->in ? s->size : 0);
	}
	string_ends(&b, s->mode, AREA, 10ull * s->size);
	for (unsigned i = 0; i < 10 * s->size; i++)
		want[i] = (uint8_t)(s->in ? i / s->size + 1 : 0);
	assert_int_equal(snug_mem_read(b.vm, AREA, got, 10ull * s->size), 0);
	assert_memory_equal(got, want, 10ull * s->size);
	box_close(&b);
}

GUEST64(read_nobody, "mov $0x330, %edx\nxor %eax, %eax\nin %dx, %al\nmov %eax, %ebx\nxor %eax, %eax\n"
                     "in %dx, %ax\nmov %eax, %ecx\nin %dx, %eax\nmov $1, %esi\nmov %al, %dl\nout %al, $0xf4");

static void unclaimed_read_is_ones(void **state)
{
	struct box b;

	BOX(&b, *(const enum snug_mode *)*state, read_nobody);
	for (unsigned size = 1; size <= 4; size *= 2) {
		assert_exit(&b, SNUG_EXIT_PIO);
		assert_false(b.x.pio.write);
		assert_int_equal(b.x.pio.size, size);
		assert_memory_equal(b.x.pio.data, "\xff\xff\xff\xff", size);
	}
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(box_reg(&b, "rbx"), 0xff);
	assert_int_equal(box_reg(&b, "rcx"), 0xffff);
	assert_int_equal(box_reg(&b, "rax"), 0xffffffff);
	box_close(&b);
}

/* All ports from 0 on; rbx says that it is done.  The loop at the end waits for the time limit: hlt is not for CPL 3. */
GUEST64(all_out8, "1: mov $0xff, %al\nout %al, %dx\ninc %dx\njnz 1b\nmov $1, %ebx\n2: jmp 2b");
GUEST64(all_out16, "1: mov $-1, %eax\nout %ax, %dx\ninc %dx\njnz 1b\nmov $1, %ebx\n2: jmp 2b");
GUEST64(all_out32, "1: mov $-1, %eax\nout %eax, %dx\ninc %dx\njnz 1b\nmov $1, %ebx\n2: jmp 2b");
GUEST64(all_in8, "1: in %dx, %al\ninc %dx\njnz 1b\nmov $1, %ebx\n2: jmp 2b");
GUEST64(all_in32, "1: in %dx, %eax\ninc %dx\njnz 1b\nmov $1, %ebx\n2: jmp 2b");

struct sweep {
	const uint8_t *code, *end;
	enum snug_mode mode;
	bool write;
	uint32_t devices;
};
#define SWEEP(guest, ...)                                                                                            \
	&(const struct sweep)                                                                                        \
	{                                                                                                            \
		guest, guest##_end, __VA_ARGS__                                                                      \
	}

/* Some ports end the run when they are written; whoever runs on has a guest that goes on. */
static void sweep(struct box *b, const struct sweep *s)
{
	unsigned ends = 0;

	box_load(b, s->mode, s->code, s->end);
	for (;;) {
		assert_int_equal(snug_vcpu_run(b->cpu, 200 * MS, &b->x, &b->e), 0);
		if (b->x.kind == SNUG_EXIT_TIMEOUT && box_reg(b, "rbx") == 1)
			break;
		assert_true(b->x.kind == SNUG_EXIT_STATUS || b->x.kind == SNUG_EXIT_RESET ||
		            b->x.kind == SNUG_EXIT_RETURN || b->x.kind == SNUG_EXIT_TIMEOUT);
		assert_true(++ends < 256);
	}
}

static void ignore_output(void *ctx, const void *bytes, size_t len)
{
	(void)ctx, (void)bytes, (void)len;
}

static void every_port(void **state)
{
	const struct sweep *s = *state;
	static struct snug_stat rows[1024];
	uint64_t count = 0, unclaimed = 0;
	struct box b;
	int n;

	box_open(&b, (struct snug_config){.devices = s->devices,
	                                  .unclaimed = SNUG_UNCLAIMED_IGNORE,
	                                  .console = {.write = ignore_output}});
	assert_int_equal(snug_stats_start(b.vm, &b.e), 0);
	sweep(&b, s);
	n = snug_stats_read(b.vm, rows, 1024);
	assert_in_range(n, 100, 512);
	for (int i = 0; i < n; i++) {
		if (rows[i].reason != KVM_EXIT_IO)
			continue;
		assert_int_equal(rows[i].write, s->write);
		assert_true(rows[i].group == SNUG_STAT_PORT || rows[i].group == SNUG_STAT_REST);
		count += rows[i].count;
		unclaimed += rows[i].unclaimed;
	}
	assert_int_equal(count, 65536);
	if (s->devices)
		assert_in_range(unclaimed, 65536 - 40, 65536 - 16);
	else
		assert_int_equal(unclaimed, 65536);
	box_close(&b);
}

static const enum snug_mode long_mode = SNUG_MODE_LONG, user_mode = SNUG_MODE_USER;

#define COUNT_STRINGS (sizeof(strings) / sizeof(strings[0]))

static const struct {
	const char *name;
	void (*test)(void **state);
} string_tests[] = {
    {"up", string_up},
    {"down", string_down},
    {"count 0", string_of_none},
    {"over a page", string_over_page},
    {"to the caller", string_to_caller},
};

#define STRING_TESTS (COUNT_STRINGS * sizeof(string_tests) / sizeof(string_tests[0]))

/* Every kind of string test in every row of `strings`. */
static void fill_string_tests(struct CMUnitTest *tests)
{
	static struct guarded guards[STRING_TESTS];
	static char names[STRING_TESTS][64];

	for (size_t i = 0; i < STRING_TESTS; i++) {
		const struct string *s = &strings[i % COUNT_STRINGS];

		guards[i] = (struct guarded){string_tests[i / COUNT_STRINGS].test, s};
		snprintf(names[i], sizeof(names[i]), "rep %s of %u, %s, %s", s->in ? "ins" : "outs", s->size,
		         snug_mode_name(s->mode), string_tests[i / COUNT_STRINGS].name);
		tests[i] = (struct CMUnitTest){names[i], run_guarded, NULL, NULL, &guards[i]};
	}
}

int main(void)
{
	struct CMUnitTest tests[8 + STRING_TESTS] = {
	    KVM_TEST_NAMED("unclaimed read is ones, long", unclaimed_read_is_ones, &long_mode),
	    KVM_TEST_NAMED("unclaimed read is ones, user", unclaimed_read_is_ones, &user_mode),
	    KVM_TEST_NAMED("every port, 1 byte, long", every_port, SWEEP(all_out8, SNUG_MODE_LONG, true, 0)),
	    KVM_TEST_NAMED("every port, 1 byte, user", every_port, SWEEP(all_out8, SNUG_MODE_USER, true, 0)),
	    KVM_TEST_NAMED("every port read, long", every_port, SWEEP(all_in8, SNUG_MODE_LONG, false, 0)),
	    KVM_TEST_NAMED("every port, 2 bytes, devices", every_port,
	                   SWEEP(all_out16, SNUG_MODE_LONG, true, SNUG_DEV_ALL)),
	    KVM_TEST_NAMED("every port, 4 bytes, devices", every_port,
	                   SWEEP(all_out32, SNUG_MODE_LONG, true, SNUG_DEV_ALL)),
	    KVM_TEST_NAMED("every port read, 4 bytes, devices", every_port,
	                   SWEEP(all_in32, SNUG_MODE_LONG, false, SNUG_DEV_ALL)),
	};

	fill_string_tests(tests + 8);
	return cmocka_run_group_tests_name("ports", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* call: functions of a guest, called from outside, in both 64-bit modes */
#include "callee.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#define INT(v) SNUG_INT(v)

/* The guest's stack goes from the end of its RAM to the end of the image; 64 KiB of it and 32 bytes are not for buffers. */
#define FIXED (65536u + 32)

static const enum snug_mode both[] = {SNUG_MODE_USER, SNUG_MODE_LONG};

static enum snug_mode mode_of(void **state)
{
	const enum snug_mode *mode = *state;

	return *mode;
}

static uint64_t room(struct box *b)
{
	struct snug_boot boot;

	assert_int_equal(snug_loaded(b->vm, &boot), 0);
	return ((boot.stack - boot.high) - FIXED) & ~15ull;
}

static void integers(void **state)
{
	struct box b;

	callee_open(&b, mode_of(state));
	assert_int_equal(CALL0(&b, "none"), 0x0123456789abcdef);
	assert_int_equal(CALL0(&b, "mix"), 0); /* registers of arguments that are not given are 0 */
	assert_int_equal(CALL(&b, "mix", INT(1)), 1);
	assert_int_equal(CALL(&b, "mix", INT(1), INT(2)), 21);
	assert_int_equal(CALL(&b, "mix", INT(1), INT(2), INT(3)), 321);
	assert_int_equal(CALL(&b, "mix", INT(1), INT(2), INT(3), INT(4)), 4321);
	assert_int_equal(CALL(&b, "mix", INT(1), INT(2), INT(3), INT(4), INT(5)), 54321);
	assert_int_equal(CALL(&b, "mix", INT(1), INT(2), INT(3), INT(4), INT(5), INT(6)), 654321);
	assert_int_equal(CALL0(&b, "mix"), 0);
	assert_int_equal((int64_t)CALL(&b, "subtract", INT(-3), INT(4)), -7);
	assert_int_equal((int64_t)CALL(&b, "subtract", INT(INT64_MIN), INT(-1)), INT64_MIN + 1);
	box_close(&b);
}

/* What the guest keeps in memory and in registers that no call sets is there for the next. */
static void state_stays(void **state)
{
	struct box b;

	callee_open(&b, mode_of(state));
	for (uint64_t i = 1; i <= 20; i++)
		assert_int_equal(CALL0(&b, "count_up"), i);
	assert_int_equal(snug_vcpu_set_reg(b.cpu, "rbx", 100, &b.e), 0);
	for (uint64_t i = 101; i <= 110; i++) {
		assert_int_equal(CALL0(&b, "rbx_up"), i);
		assert_int_equal(CALL0(&b, "none"), 0x0123456789abcdef);
		if (i == 105)
			assert_int_equal(box_reg(&b, "rbx"), 105); /* a look between two calls changes nothing */
	}
	assert_int_equal(box_reg(&b, "rbx"), 110);
	box_close(&b);
}

static const uint8_t hlt[] = {0xf4};

/* A reset brings back the names of the image too. */
static void names_come_back(void **state)
{
	struct box b;

	callee_open(&b, mode_of(state));
	assert_int_equal(snug_baseline(b.vm, &b.e), 0);
	box_load(&b, mode_of(state), hlt, hlt + 1);
	assert_int_equal(snug_symbol(b.vm, "none", NULL, NULL), -ENOENT);
	assert_int_equal(snug_reset(b.vm, NULL, &b.e), 0);
	assert_int_equal(CALL0(&b, "none"), 0x0123456789abcdef);
	box_close(&b);
}

static void by_address(void **state)
{
	struct snug_function f = {.args = ARGS(INT(9), INT(4))};
	struct box b;

	callee_open(&b, mode_of(state));
	f.address = callee_address(&b, "subtract");
	assert_int_equal(callee_call(&b, f), 5);
	assert_int_equal(snug_call(b.vm, &f, NULL, NULL, NULL), 0); /* nobody has to look */
	f.address = 1ull << 47;
	callee_refuses(&b, f, -EINVAL, "call 0x800000000000: 0x800000000000 is no linear address");
	f.address = 0;
	f.name = "subtrakt";
	callee_refuses(&b, f, -ENOENT, "call 'subtrakt': no such symbol; did you mean 'subtract'?");
	f.name = "something_else_altogether";
	callee_refuses(&b, f, -ENOENT, "call 'something_else_altogether': no such symbol");
	assert_null(strstr(b.e.msg, "did you mean"));
	box_close(&b);
}

/* IN, OUT and INOUT, of every length around alignment, and many at a time. */
static void buffers(void **state)
{
	static const size_t lens[] = {0, 1, 15, 16, 17, 255, 4095, 4096, 4097, 30000};
	uint8_t *from = malloc(30000), *to = malloc(30000), *both_ways = malloc(30000);
	struct box b;

	callee_open(&b, mode_of(state));
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		size_t n = mode_of(state) == SNUG_MODE_LONG && lens[i] > 300 ? 300 : lens[i]; /* it may be emulated */
		uint64_t sum = 0;

		for (size_t j = 0; j < n; j++) {
			from[j] = (uint8_t)(j * 7 + i);
			both_ways[j] = (uint8_t)(j * 3 + 1);
			sum += both_ways[j];
		}
		memset(to, 0xee, 30000);
		assert_int_equal(CALL(&b, "copy", SNUG_OUT(to, n), SNUG_IN(from, n), INT(n)), 0);
		assert_memory_equal(to, from, n);
		if (n < 30000)
			assert_int_equal(to[n], 0xee);
		assert_int_equal(CALL(&b, "exchange", SNUG_INOUT(both_ways, n), INT(n), INT(0x5a)), sum);
		for (size_t j = 0; j < n; j++)
			assert_int_equal(both_ways[j], 0x5a);
		/* What a function leaves alone: zeroes come out, what went in does not come back. */
		assert_int_equal(CALL(&b, "mix", INT(0), SNUG_OUT(to, n), SNUG_IN(from, n)) & 15, 0);
		for (size_t j = 0; j < n; j++)
			assert_int_equal(to[j], 0);
		assert_int_equal(CALL(&b, "exchange", SNUG_IN(from, n), INT(n), INT(1)),
		                 CALL(&b, "exchange", SNUG_IN(from, n), INT(n), INT(2)));
	}
	assert_int_equal(CALL(&b, "length", SNUG_IN("sixteen letters.", 17)), 16);
	assert_int_equal(CALL(&b, "length", SNUG_IN("", 1)), 0);
	free(from);
	free(to);
	free(both_ways);
	box_close(&b);
}

/* Exactly as many bytes as there is room for, and one more. */
static void limits(void **state)
{
	struct snug_function f = {.name = "copy"};
	uint8_t *big = calloc(1, 16u << 20);
	struct box b;
	uint64_t n;
	char text[64];

	callee_open(&b, mode_of(state));
	n = room(&b);
	f = (struct snug_function){.name = "none", .args = ARGS(SNUG_IN(big, n))};
	callee_call(&b, f);
	f.args[0].len = n + 1;
	snprintf(text, sizeof(text), "the stack has %llu for buffers", (unsigned long long)n);
	callee_refuses(&b, f, -E2BIG, text);
	f.args[0].len = SIZE_MAX;
	callee_refuses(&b, f, -E2BIG, text);
	f = (struct snug_function){.name = "none", .args = ARGS(SNUG_IN(big, n - 32), SNUG_OUT(big, 32))};
	callee_call(&b, f);
	f.args[1].len = 33;
	callee_refuses(&b, f, -E2BIG, "argument 1: its 33 bytes do not fit");
	/* The image is whole, and so are 64 KiB for the function's own frames. */
	assert_int_equal(CALL(&b, "deep", INT(mode_of(state) == SNUG_MODE_LONG ? 20 : 150)),
	                 mode_of(state) == SNUG_MODE_LONG ? 20 : 150);
	free(big);
	box_close(&b);
}

static void stack_is_aligned(void **state)
{
	struct box b;
	struct snug_boot boot;
	uint64_t sp;

	callee_open(&b, mode_of(state));
	assert_int_equal(snug_loaded(b.vm, &boot), 0);
	for (size_t n = 0; n < 40; n++) {
		sp = CALL(&b, "sp_at_entry", SNUG_IN("0123456789012345678901234567890123456789", n));
		assert_int_equal((sp + 8) % 16, 0);
		assert_true(sp < boot.stack - n && sp > boot.stack - n - 64);
	}
	if (mode_of(state) == SNUG_MODE_USER)
		assert_int_equal(CALL(&b, "aligned_vector", INT(20)), 41);
	box_close(&b);
}

/* A stack that is no multiple of 16, one below the image, ones where none can be. */
static void other_stacks(void **state)
{
	static const struct {
		uint64_t stack;
		int code;
		const char *text;
	} rows[] = {
	    {0x800009, 0, ""},
	    {0xf0000, 0, ""},
	    {0x10010, -E2BIG, "65552 bytes of stack between 0x0 and 0x10010, at least 65568 are needed"},
	    {0x10020, 0, ""},
	    {0x100010, -E2BIG, "0 bytes of stack"},
	};
	char path[256];
	struct box b;

	snprintf(path, sizeof(path), "%s/callee_%s.elf", CALLEE_DIR, snug_mode_name(mode_of(state)));
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL});
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct snug_image im = {
		    .path = path, .mode = mode_of(state), .flags = SNUG_IMAGE_SYMBOLS, .stack = rows[i].stack};
		struct snug_function f = {.name = "none"};

		assert_int_equal(snug_load(b.vm, &im, &b.e), 0);
		if (rows[i].code) {
			callee_refuses(&b, f, rows[i].code, rows[i].text);
			continue;
		}
		assert_int_equal(callee_call(&b, f), 0x0123456789abcdef);
		assert_int_equal((CALL0(&b, "sp_at_entry") + 8) % 16, 0);
	}
	box_close(&b);
}

static void recursion(void **state)
{
	uint64_t n = mode_of(state) == SNUG_MODE_LONG ? 100 : 20000; /* 6 MiB of stack */
	struct box b;

	callee_open(&b, mode_of(state));
	assert_int_equal(CALL(&b, "deep", INT(n)), n);
	box_close(&b);
}

/* A function that does not come back is stopped, and goes on if the caller runs the guest on. */
static void time_limit(void **state)
{
	struct snug_function f = {.name = "spin", .timeout_ns = 30 * MS};
	struct box b;

	callee_open(&b, mode_of(state));
	callee_ends(&b, f, SNUG_EXIT_TIMEOUT);
	assert_int_equal(snug_vcpu_run(b.cpu, 10 * MS, &b.x, &b.e), 0);
	assert_int_equal(b.x.kind, SNUG_EXIT_TIMEOUT);
	snug_vcpu_kick(b.cpu);
	callee_ends(&b, f, SNUG_EXIT_KICKED); /* before its first instruction */
	assert_int_equal(box_reg(&b, "rip"), callee_address(&b, "spin"));
	assert_int_equal(CALL(&b, "mix", INT(5)), 5);
	box_close(&b);
}

static void nothing(int sig)
{
	(void)sig;
}

/* Somebody's timers, children and profilers are no reason for a call to end; its time limit is. */
static void signals(void **state)
{
	const struct itimerval often = {{0, 3000}, {0, 3000}}, never = {{0, 0}, {0, 0}};
	struct sigaction act = {.sa_handler = nothing}, old;
	struct snug_function f = {.name = "spin", .timeout_ns = 60 * MS};
	struct timespec start, end;
	struct box b;

	callee_open(&b, mode_of(state));
	assert_int_equal(sigaction(SIGALRM, &act, &old), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	clock_gettime(CLOCK_MONOTONIC, &start);
	callee_ends(&b, f, SNUG_EXIT_TIMEOUT);
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_int_equal(CALL(&b, "mix", INT(5)), 5);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
	assert_in_range((end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000, 59, 5000);
	box_close(&b);
}

/* A crash is told, buffers stay as they were, and the next call works: in user mode at CPL 3 again. */
static void crashes(void **state)
{
	bool user = mode_of(state) == SNUG_MODE_USER;
	uint8_t out[4] = "abcd";
	struct box b;

	callee_open(&b, mode_of(state));
	for (int i = 0; i < 3; i++) {
		callee_ends(&b, (struct snug_function){.name = "bad", .args = ARGS(SNUG_OUT(out, 4))},
		            SNUG_EXIT_FAULT);
		assert_int_equal(b.x.fault.vector, 6);
		assert_int_equal(b.x.fault.cs & 3, user ? 3 : 0);
		assert_memory_equal(out, "abcd", 4);
		if (i == 1) /* the caller looked */
			box_reg(&b, "rip");
		assert_int_equal(CALL0(&b, "current_cs") & 3, user ? 3 : 0);
	}
	callee_ends(&b, (struct snug_function){.name = "peek", .args = ARGS(INT(1ull << 40))}, SNUG_EXIT_FAULT);
	assert_int_equal(b.x.fault.vector, 14);
	assert_int_equal(b.x.fault.cr2, 1ull << 40);
	if (user) { /* our tables are out of its reach, and a call after a fault does not change that */
		callee_ends(&b, (struct snug_function){.name = "poke", .args = ARGS(INT(0xfef00000), INT(1))},
		            SNUG_EXIT_FAULT);
		assert_int_equal(b.x.fault.code, 7);
		callee_ends(&b, (struct snug_function){.name = "halt"}, SNUG_EXIT_FAULT);
		assert_int_equal(b.x.fault.vector, 13);
		callee_ends(&b, (struct snug_function){.name = "poke", .args = ARGS(INT(0xfef00000), INT(1))},
		            SNUG_EXIT_FAULT);
		assert_int_equal(b.x.fault.code, 7);
	}
	assert_int_equal(CALL(&b, "mix", INT(5)), 5);
	box_close(&b);
}

static void other_ends(void **state)
{
	struct snug_function mix = {.name = "mix", .args = ARGS(INT(3))};
	struct box b;

	callee_open(&b, mode_of(state));
	callee_ends(&b, (struct snug_function){.name = "leave", .args = ARGS(INT(42))}, SNUG_EXIT_STATUS);
	assert_int_equal(b.x.status.code, 42);
	assert_int_equal(callee_call(&b, mix), 3);
	if (mode_of(state) == SNUG_MODE_LONG) {
		callee_ends(&b, (struct snug_function){.name = "halt"}, SNUG_EXIT_HLT);
		assert_int_equal(callee_call(&b, mix), 3);
	}
	/* It waits for an answer: no call until it has one. */
	callee_ends(&b, (struct snug_function){.name = "ask"}, SNUG_EXIT_PIO);
	assert_int_equal(b.x.pio.port, 0x1234);
	callee_refuses(&b, mix, -EBUSY, "a read waits for its answer");
	memcpy(b.x.pio.data, "\4\3\2\1", 4);
	assert_int_equal(snug_vcpu_complete(b.cpu, &b.e), 0);
	assert_int_equal(callee_call(&b, mix), 3);
	/* Or the caller lets it end. */
	callee_ends(&b, (struct snug_function){.name = "ask"}, SNUG_EXIT_PIO);
	memcpy(b.x.pio.data, "\4\3\2\1", 4);
	assert_exit(&b, SNUG_EXIT_RETURN);
	assert_int_equal(box_reg(&b, "rax"), 0x01020304);
	box_close(&b);
}

/* The way back belongs to the guest: it may break it, for itself. */
static void ways_back(void **state)
{
	struct box b;

	callee_open(&b, mode_of(state));
	callee_ends(&b, (struct snug_function){.name = "smash_return", .args = ARGS(INT(1ull << 40))},
	            SNUG_EXIT_FAULT);
	assert_int_equal(b.x.fault.rip, 1ull << 40);
	callee_ends(&b, (struct snug_function){.name = "smash_stub"}, SNUG_EXIT_FAULT);
	assert_int_equal(b.x.fault.vector, 6);
	assert_int_equal(CALL0(&b, "returns_itself"), 77);
	assert_int_equal(CALL(&b, "mix", INT(5)), 5); /* the next call has a new one */
	/* The stub says it again if it is run again. */
	assert_exit(&b, SNUG_EXIT_RETURN);
	assert_exit(&b, SNUG_EXIT_RETURN);
	assert_int_equal(box_reg(&b, "rax"), 5);
	box_close(&b);
}

static void floating_point(void **state)
{
	static const double values[] = {1.5, 2.25, -0.75, 1e10}, factor = 0.5;
	struct box b;
	uint64_t bits;
	double d;

	(void)state;
	callee_open(&b, SNUG_MODE_USER);
	bits = CALL(&b, "scaled_sum", SNUG_IN(values, sizeof(values)), INT(4), SNUG_IN(&factor, sizeof(factor)));
	memcpy(&d, &bits, sizeof(d));
	assert_true(d == (1.5 + 2.25 - 0.75 + 1e10) * 0.5);
	box_close(&b);
}

static void bad_fields(void **state)
{
	struct snug_function f = {.name = "none", .count = 7};
	struct box b;

	(void)state;
	callee_open(&b, SNUG_MODE_USER);
	callee_refuses(&b, f, -EINVAL, "call 'none': 7 arguments, at most 6");
	f = (struct snug_function){.name = "none", .count = 2, .args = {INT(1), {.kind = (enum snug_arg_kind)4}}};
	callee_refuses(&b, f, -EINVAL, "argument 1: kind 4");
	f.args[1] = SNUG_IN(NULL, 1);
	callee_refuses(&b, f, -EINVAL, "argument 1: 1 bytes at NULL");
	f.args[1] = SNUG_OUT(NULL, 0);
	callee_call(&b, f);
	f.size = 8;
	callee_refuses(&b, f, -EINVAL, "function: size 8");
	f.size = sizeof(f);
	callee_call(&b, f);
	box_close(&b);

	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL & ~SNUG_DEV_GUEST});
	callee_load(&b, SNUG_MODE_USER);
	callee_refuses(&b, f, -EINVAL, "nothing would tell of the function's return");
	assert_non_null(strstr(b.e.hint, "SNUG_DEV_GUEST"));
	box_close(&b);
}

GUEST64(returns, "mov $9, %eax\nret");

/* No guest, one of another width, one without names. */
static void other_guests(void **state)
{
	struct snug_function f = {.name = "none"};
	struct snug_image im = {.data = returns, .len = 6, .kind = SNUG_KIND_FLAT, .mode = SNUG_MODE_USER};
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL});
	callee_refuses(&b, f, -EINVAL, "no guest was loaded");
	box_load(&b, SNUG_MODE_PROTECTED, returns, returns_end);
	callee_refuses(&b, f, -EINVAL, "the guest was loaded in protected mode");
	box_load(&b, SNUG_MODE_USER, returns, returns_end);
	callee_refuses(&b, f, -ENOENT, "the guest was loaded without symbols");
	f = (struct snug_function){.address = BASE};
	assert_int_equal(callee_call(&b, f), 9);
	im.flags = SNUG_IMAGE_SYMBOLS;
	assert_int_equal(snug_load(b.vm, &im, &b.e), -EINVAL);
	assert_string_equal(b.e.msg, "symbols: an image of kind flat has none");
	box_close(&b);
}

static void symbols(void **state)
{
	uint64_t at = 1, bytes = 1, before = 0;
	const char *name;
	struct box b;
	size_t n;

	(void)state;
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL});
	assert_int_equal(snug_symbol(b.vm, "none", &at, &bytes), -ENOENT);
	assert_null(snug_symbol_name(b.vm, 0, &at));
	callee_load(&b, SNUG_MODE_USER);
	assert_int_equal(snug_symbol(b.vm, "buffer", &at, &bytes), 0);
	assert_int_equal(bytes, 3 * 4096);
	assert_int_equal(at % 4096, 0);
	assert_int_equal(snug_symbol(b.vm, "buffer", &at, NULL), 0);
	assert_int_equal(snug_symbol(b.vm, "buffe", &at, NULL), -ENOENT);
	assert_int_equal(snug_symbol(b.vm, "", &at, NULL), -ENOENT);
	for (n = 0; (name = snug_symbol_name(b.vm, n, &at)); n++) {
		uint64_t found;

		assert_true(at >= before);
		assert_int_equal(snug_symbol(b.vm, name, &found, NULL), 0);
		assert_int_equal(found, at);
		before = at;
	}
	assert_true(n > 20);
	assert_non_null(snug_symbol_name(b.vm, 0, NULL));
	assert_null(snug_symbol_name(b.vm, SIZE_MAX, &at));
	box_load(&b, SNUG_MODE_USER, returns, returns_end); /* takes them along */
	assert_int_equal(snug_symbol(b.vm, "buffer", &at, NULL), -ENOENT);
	box_close(&b);
}

/* The guest that comes with snug. */
static void functions(void **state)
{
	struct snug_image im = {
	    .path = GUESTS_DIR "/functions.elf", .mode = SNUG_MODE_USER, .flags = SNUG_IMAGE_SYMBOLS};
	int64_t v[] = {3, -1, 2, INT64_MAX, 0, -7, 2}, sorted[] = {-7, -1, 0, 2, 2, 3, INT64_MAX};
	char text[] = "Two words, or 4.";
	static const double numbers[] = {1, 2.5, 4};
	double average = 0;
	uint16_t row[64];
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL});
	if (snug_load(b.vm, &im, &b.e) < 0)
		fail_msg("%s", b.e.msg);
	assert_int_equal(CALL(&b, "add", INT(-1), INT(43)), 42);
	assert_int_equal(CALL(&b, "fnv1a", SNUG_IN("foobar", 6), INT(6)), 0x85944171f73967e8);
	assert_int_equal(CALL(&b, "crc32", SNUG_IN("123456789", 9), INT(9)), 0xcbf43926);
	CALL(&b, "sort", SNUG_INOUT(v, sizeof(v)), INT(7));
	assert_memory_equal(v, sorted, sizeof(v));
	assert_int_equal(CALL(&b, "words", SNUG_IN(text, sizeof(text) - 1), INT(sizeof(text) - 1)), 4);
	assert_int_equal(CALL(&b, "upper", SNUG_INOUT(text, sizeof(text)), INT(sizeof(text))), 9);
	assert_string_equal(text, "TWO WORDS, OR 4.");
	assert_int_equal(CALL(&b, "mandelbrot", SNUG_OUT(row, sizeof(row)), INT(64), INT(48), INT(24), INT(100)),
	                 4672);
	assert_int_equal(row[40], 100); /* the middle, at -0.2: it never gets away */
	assert_int_equal(row[63], 3);
	CALL(&b, "mean", SNUG_IN(numbers, sizeof(numbers)), INT(3), SNUG_OUT(&average, sizeof(average)));
	assert_true(average == 2.5);
	assert_int_equal((int64_t)CALL(&b, "greet", SNUG_IN("host", 5)), -38);
	callee_ends(&b, (struct snug_function){.name = "crash"}, SNUG_EXIT_FAULT);
	callee_ends(&b, (struct snug_function){.name = "forever", .timeout_ns = 20 * MS}, SNUG_EXIT_TIMEOUT);
	assert_int_equal(snug_load(b.vm, &im, &b.e), 0);
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(CALL(&b, "crc32", SNUG_IN("123456789", 9), INT(9)), 0xcbf43926);
	box_close(&b);
}

struct counts {
	unsigned run, other;
};

static void count(void *ctx, const struct snug_call *call)
{
	struct counts *c = ctx;

	*(strcmp(call->name, "KVM_RUN") == 0 ? &c->run : &c->other) += 1;
}

/* What a call asks of KVM: the run, and before it one that retires the last one's `out` and brings the registers. */
static void few_ioctls(void **state)
{
	struct snug_function f = {.name = "mix", .args = ARGS(INT(1))};
	struct counts c = {0};
	struct box b;
	struct snug_cap caps[64];
	int n = snug_host_caps(NULL, caps, 64, NULL), can = 0;

	for (int i = 0; i < n; i++)
		can |= strcmp(caps[i].name, "KVM_CAP_SYNC_REGS") == 0 ? caps[i].value & 1 : 0;
	if (!can)
		skip();
	box_open(&b, (struct snug_config){.devices = SNUG_DEV_ALL, .on_call = count, .on_call_ctx = &c});
	callee_load(&b, mode_of(state));
	assert_int_equal(snug_call(b.vm, &f, NULL, NULL, &b.e), 0);
	c = (struct counts){0};
	for (int i = 0; i < 10; i++)
		assert_int_equal(snug_call(b.vm, &f, NULL, NULL, &b.e), 0);
	assert_int_equal(c.run, 20);
	assert_int_equal(c.other, 0);
	box_close(&b);
}

#define IN_BOTH(f) KVM_TEST_NAMED(#f ", user mode", f, &both[0]), KVM_TEST_NAMED(#f ", long mode", f, &both[1])

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_BOTH(integers),         IN_BOTH(state_stays),   IN_BOTH(by_address),  IN_BOTH(buffers),
	    IN_BOTH(limits),           IN_BOTH(recursion),     IN_BOTH(time_limit),  IN_BOTH(signals),
	    IN_BOTH(crashes),          IN_BOTH(other_ends),    IN_BOTH(ways_back),   IN_BOTH(few_ioctls),
	    IN_BOTH(stack_is_aligned), IN_BOTH(other_stacks),  KVM_TEST(bad_fields), KVM_TEST(symbols),
	    KVM_TEST(floating_point),  KVM_TEST(other_guests), KVM_TEST(functions),  IN_BOTH(names_come_back),
	};

	return cmocka_run_group_tests_name("call", tests, NULL, NULL);
}

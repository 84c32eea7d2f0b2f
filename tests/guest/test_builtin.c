/* SPDX-License-Identifier: MIT */
/* builtin: the guests of guests/, and every function of <snug/guest.h>, in each mode */
#include "../vmtest.h"

/* GUESTS_DIR and TEST_GUESTS_DIR: where the build put them. */
static const struct guest {
	const char *path;
	enum snug_mode mode;
} demos[] =
    {
        {GUESTS_DIR "/demo_real.bin", SNUG_MODE_REAL},       {GUESTS_DIR "/demo_protected.bin", SNUG_MODE_PROTECTED},
        {GUESTS_DIR "/demo_paged32.bin", SNUG_MODE_PAGED32}, {GUESTS_DIR "/demo_long.bin", SNUG_MODE_LONG},
        {GUESTS_DIR "/demo_user.bin", SNUG_MODE_USER},
},
  hellos[] =
      {
          {GUESTS_DIR "/hello.bin", SNUG_MODE_REAL},
          {GUESTS_DIR "/hello64.elf", SNUG_MODE_AUTO},
},
  allports[] = {
      {TEST_GUESTS_DIR "/allports_real.bin", SNUG_MODE_REAL},
      {TEST_GUESTS_DIR "/allports_protected.bin", SNUG_MODE_PROTECTED},
      {TEST_GUESTS_DIR "/allports_paged32.bin", SNUG_MODE_PAGED32},
      {TEST_GUESTS_DIR "/allports_long.bin", SNUG_MODE_LONG},
      {TEST_GUESTS_DIR "/allports_user.bin", SNUG_MODE_USER},
};

static void box_load_file(struct box *b, const struct guest *g)
{
	struct snug_image im = {.path = g->path, .mode = g->mode};
	struct snug_host h = {0};

	assert_int_equal(snug_host_info(NULL, &h, NULL), 0);
	if (g->mode == SNUG_MODE_PAGED32 && !h.paged32)
		skip();
	box_open(b, (struct snug_config){.devices = SNUG_DEV_ALL});
	if (snug_load(b->vm, &im, &b->e) < 0)
		fail_msg("%s", b->e.msg);
}

/* It finds its mode by itself, and all its checks hold. */
static void demo(void **state)
{
	const struct guest *g = *state;
	char line[64];
	struct box b;

	box_load_file(&b, g);
	assert_exit(&b, SNUG_EXIT_STATUS);
	snprintf(line, sizeof(line), "I find myself in %s mode: right.\n", snug_mode_name(g->mode));
	if (!strstr(b.out, line) || strstr(b.out, "WRONG") || !strstr(b.out, "All is as it should be.\n"))
		fail_msg("it said: %s", b.out);
	assert_int_equal(b.x.status.code, 0);
	box_close(&b);
}

/* The check above can fail: in another mode of the same width the guest finds out. */
static void demo_in_the_wrong_mode(void **state)
{
	struct guest g = {GUESTS_DIR "/demo_user.bin", SNUG_MODE_LONG};
	struct box b;

	(void)state;
	box_load_file(&b, &g);
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_non_null(strstr(b.out, "I find myself in long mode: WRONG.\n"));
	assert_non_null(strstr(b.out, "Something is not as it should be.\n"));
	assert_int_equal(b.x.status.code, 1);
	box_close(&b);
}

static void hello(void **state)
{
	const struct guest *g = *state;
	struct box b;

	box_load_file(&b, g);
	assert_exit(&b, g->mode == SNUG_MODE_REAL ? SNUG_EXIT_HLT : SNUG_EXIT_STATUS);
	assert_string_equal(b.out, "Hello from the guest!\n");
	if (g->mode != SNUG_MODE_REAL)
		assert_int_equal(b.x.status.code, 0);
	box_close(&b);
}

static int to_text(void *ctx, const void *bytes, size_t len)
{
	char **at = ctx;

	memcpy(*at, bytes, len);
	*at += len;
	**at = 0;
	return 0;
}

static void check_marks(struct box *b)
{
	static char text[65536];
	char *at = text;

	assert_int_equal(snug_trace_write(b->vm, 50, to_text, &at, &b->e), 0);
	assert_non_null(strstr(text, "\"s\":\"t\",\"name\":\"four\"}"));
	assert_non_null(strstr(text, "\"s\":\"t\",\"name\":\"\"}"));
	assert_non_null(
	    strstr(text, "\"name\":\"a name of just sixty-three bytes, as long as one can be, or not\"}"));
}

static void guest_header(void **state)
{
	const struct guest *g = *state;
	struct box b;

	box_load_file(&b, g);
	assert_int_equal(snug_trace_start(b.vm, NULL, &b.e), 0);
	for (int write = 1; write >= 0; write--) {
		for (unsigned size = 1; size <= 4; size *= 2) {
			uint16_t port = size == 1 ? 0x330 : (uint16_t)(0x330 + size);

			assert_exit(&b, SNUG_EXIT_PIO);
			assert_int_equal(b.x.pio.port, port);
			assert_int_equal(b.x.pio.size, size);
			assert_int_equal(b.x.pio.write, write);
			if (write)
				assert_memory_equal(b.x.pio.data,
				                    size == 1   ? "\x11"
				                    : size == 2 ? "\x22\x22"
				                                : "\x44\x44\x44\x44",
				                    size);
			memset(b.x.pio.data, (int)size, size);
		}
	}
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(b.x.status.code, 77);
	assert_int_equal(b.x.status.port, 0x5e0);
	assert_string_equal(b.out, "<words>");
	check_marks(&b);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST_NAMED("demo, real", demo, &demos[0]),
	    KVM_TEST_NAMED("demo, protected", demo, &demos[1]),
	    KVM_TEST_NAMED("demo, paged32", demo, &demos[2]),
	    KVM_TEST_NAMED("demo, long", demo, &demos[3]),
	    KVM_TEST_NAMED("demo, user", demo, &demos[4]),
	    KVM_TEST(demo_in_the_wrong_mode),
	    KVM_TEST_NAMED("hello, real", hello, &hellos[0]),
	    KVM_TEST_NAMED("hello, 64-bit ELF", hello, &hellos[1]),
	    KVM_TEST_NAMED("guest.h, real", guest_header, &allports[0]),
	    KVM_TEST_NAMED("guest.h, protected", guest_header, &allports[1]),
	    KVM_TEST_NAMED("guest.h, paged32", guest_header, &allports[2]),
	    KVM_TEST_NAMED("guest.h, long", guest_header, &allports[3]),
	    KVM_TEST_NAMED("guest.h, user", guest_header, &allports[4]),
	};

	return cmocka_run_group_tests_name("builtin", tests, NULL, NULL);
}

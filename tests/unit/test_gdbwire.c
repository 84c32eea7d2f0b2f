/* SPDX-License-Identifier: MIT */
/* Framing: checksums, acknowledgements, escapes, bounds. */
#include "check.h"

#include <stdlib.h>

#include "../gdbfake.h"

struct session {
	struct fake fake;
	struct snug__gdb_engine e;
	char out[4 * SNUG__GDB_PACKET];
};

static struct session *begin(void)
{
	struct session *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	assert_int_equal(snug__gdb_init(&s->e, &fake_ops, &s->fake, FAKE_CPUS), 0);
	s->e.arch = SNUG__GDB_AMD64;
	return s;
}

static void finish(struct session *s)
{
	snug__gdb_destroy(&s->e);
	free(s);
}

/* What the engine says to these bytes, all of which it takes. */
static const char *tell(struct session *s, const char *bytes, size_t len)
{
	assert_int_equal(snug__gdb_input(&s->e, (const uint8_t *)bytes, len), len);
	s->out[snug__gdb_output(&s->e, s->out, sizeof(s->out) - 1)] = 0;
	return s->out;
}

static const char *say(struct session *s, const char *text)
{
	return tell(s, text, strlen(text));
}

static void test_answers_are_framed_and_acknowledged(void **state)
{
	struct session *s = begin();

	(void)state;
	assert_string_equal(say(s, "$?#3f"), "+$T05thread:1;#d7");
	assert_string_equal(say(s, "+"), "");
	assert_string_equal(say(s, "$nonsense#69"), "+$#00"); /* not known: empty */
	finish(s);
}

static void test_a_wrong_sum_is_asked_for_again(void **state)
{
	struct session *s = begin();

	(void)state;
	assert_string_equal(say(s, "$?#3e"), "-");
	assert_string_equal(say(s, "$?#zz"), "-");
	assert_string_equal(say(s, "$?#3"), "");
	assert_string_equal(say(s, "f"), "+$T05thread:1;#d7");
	finish(s);
}

static void test_minus_repeats_the_last_answer(void **state)
{
	struct session *s = begin();

	(void)state;
	assert_string_equal(say(s, "-"), "");
	say(s, "$?#3f");
	assert_string_equal(say(s, "-"), "$T05thread:1;#d7");
	finish(s);
}

static void test_without_acknowledgements(void **state)
{
	struct session *s = begin();

	(void)state;
	assert_string_equal(say(s, "$QStartNoAckMode#b0"), "+$OK#9a");
	assert_string_equal(say(s, "$?#00"), "$T05thread:1;#d7"); /* nobody would send it again */
	assert_string_equal(say(s, "-"), "");
	finish(s);
}

static void test_a_packet_that_broke_off_is_dropped(void **state)
{
	struct session *s = begin();

	(void)state;
	assert_string_equal(say(s, "garbage\x03$m12$?#3f"), "+$T05thread:1;#d7");
	finish(s);
}

static void test_escapes(void **state)
{
	struct session *s = begin();
	/* X1000,3: then }, # and $, each escaped */
	static const char packet[] = "$X1000,3:}]}\x03}\x04#ab";

	(void)state;
	assert_string_equal(say(s, "$QStartNoAckMode#b0"), "+$OK#9a");
	assert_string_equal(tell(s, packet, sizeof(packet) - 1), "$OK#9a");
	assert_memory_equal(s->fake.memory, "}#$", 3);
	finish(s);
}

static void test_too_long_a_packet(void **state)
{
	struct session *s = begin();
	static char big[SNUG__GDB_PACKET + 100];

	(void)state;
	memset(big, 'x', sizeof(big));
	say(s, "$QStartNoAckMode#b0");
	assert_string_equal(say(s, "$"), "");
	assert_string_equal(tell(s, big, sizeof(big)), "");
	assert_string_equal(say(s, "#00"), "$E07#ac");
	assert_string_equal(say(s, "$?#00"), "$T05thread:1;#d7");
	finish(s);
}

static void test_who_does_not_listen_is_not_heard(void **state)
{
	struct session *s = begin();
	size_t taken = 0, total = 0;

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		size_t n = snug__gdb_input(&s->e, (const uint8_t *)"$g#67", 5);

		taken += n;
		if (n < 5)
			break;
	}
	assert_true(taken > 0 && taken < 5 * 100);
	while (snug__gdb_output(&s->e, s->out, 1000))
		total++;
	assert_true(total > 0);
	assert_int_equal(snug__gdb_input(&s->e, (const uint8_t *)"$g#67", 5), 5); /* heard again */
	finish(s);
}

static void test_interrupt_counts_while_it_runs_alone(void **state)
{
	struct session *s = begin();

	(void)state;
	say(s, "\x03");
	assert_false(s->e.interrupt);
	assert_string_equal(say(s, "$vCont;c#a8"), "+");
	assert_int_equal(s->e.state, SNUG_GDB_RUN);
	assert_string_equal(say(s, "$?#3f"), "+"); /* not answered now */
	say(s, "\x03");
	assert_true(s->e.interrupt);
	finish(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_answers_are_framed_and_acknowledged),
	    cmocka_unit_test(test_a_wrong_sum_is_asked_for_again),
	    cmocka_unit_test(test_minus_repeats_the_last_answer),
	    cmocka_unit_test(test_without_acknowledgements),
	    cmocka_unit_test(test_a_packet_that_broke_off_is_dropped),
	    cmocka_unit_test(test_escapes),
	    cmocka_unit_test(test_too_long_a_packet),
	    cmocka_unit_test(test_who_does_not_listen_is_not_heard),
	    cmocka_unit_test(test_interrupt_counts_while_it_runs_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

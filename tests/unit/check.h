/* SPDX-License-Identifier: MIT */
/* check: what the unit tests share beyond cmocka */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

/* cmocka.h wants these four before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <snug.h>

/* Does the error have this code, and this text in its message? */
#define assert_error(e, want_code, text)                                                                             \
	do {                                                                                                         \
		assert_int_equal((e).code, want_code);                                                               \
		if (!strstr((e).msg, text))                                                                          \
			fail_msg("'%s' is not in '%s'", text, (e).msg);                                              \
	} while (0)

#define assert_hint(e, text)                                                                                         \
	do {                                                                                                         \
		if (!strstr((e).hint, text))                                                                         \
			fail_msg("'%s' is not in the hint '%s'", text, (e).hint);                                    \
	} while (0)

#endif

/* SPDX-License-Identifier: MIT */
/* callee: a box with callee.c in it, and calls of its functions */
#ifndef TESTS_KVM_CALLEE_H
#define TESTS_KVM_CALLEE_H

#include "../vmtest.h"

#define ARGS(...) {__VA_ARGS__}, .count = sizeof((struct snug_arg[]){__VA_ARGS__}) / sizeof(struct snug_arg)

static inline void callee_load(struct box *b, enum snug_mode mode)
{
	char path[256];
	struct snug_image im = {.path = path, .mode = mode, .flags = SNUG_IMAGE_SYMBOLS};

	snprintf(path, sizeof(path), "%s/callee_%s.elf", CALLEE_DIR, snug_mode_name(mode));
	if (snug_load(b->vm, &im, &b->e) < 0)
		fail_msg("%s", b->e.msg);
}

static inline void callee_open(struct box *b, enum snug_mode mode)
{
	box_open(b, (struct snug_config){.devices = SNUG_DEV_ALL});
	callee_load(b, mode);
}

static inline uint64_t callee_address(struct box *b, const char *name)
{
	uint64_t at = 0;

	if (snug_symbol(b->vm, name, &at, NULL) < 0)
		fail_msg("no symbol %s", name);
	return at;
}

/* Calls, and wants it to return. */
static inline uint64_t callee_call(struct box *b, struct snug_function f)
{
	uint64_t result = 0xdeadbeef;
	int r;

	if (!f.timeout_ns)
		f.timeout_ns = PATIENCE;
	memset(&b->x, 0, sizeof(b->x));
	r = snug_call(b->vm, &f, &result, &b->x, &b->e);
	if (r < 0)
		fail_msg("%s", b->e.msg);
	assert_string_equal(snug_exit_name(b->x.kind), snug_exit_name(SNUG_EXIT_RETURN));
	assert_int_equal(r, 0);
	return result;
}

/* Calls, and wants it to end otherwise. */
static inline void callee_ends(struct box *b, struct snug_function f, enum snug_exit_kind kind)
{
	uint64_t result = 0xdeadbeef;
	int r;

	if (!f.timeout_ns)
		f.timeout_ns = PATIENCE;
	memset(&b->x, 0, sizeof(b->x));
	r = snug_call(b->vm, &f, &result, &b->x, &b->e);
	if (r < 0)
		fail_msg("%s", b->e.msg);
	assert_string_equal(snug_exit_name(b->x.kind), snug_exit_name(kind));
	assert_int_equal(r, 1);
	assert_int_equal(result, 0xdeadbeef);
}

/* Calls, and wants to be refused with this text in the message. */
static inline void callee_refuses(struct box *b, struct snug_function f, int code, const char *text)
{
	memset(&b->e, 0, sizeof(b->e));
	assert_int_equal(snug_call(b->vm, &f, NULL, NULL, &b->e), code);
	assert_int_equal(b->e.code, code);
	if (!strstr(b->e.msg, text) || !b->e.hint[0])
		fail_msg("'%s' is not in '%s', hint '%s'", text, b->e.msg, b->e.hint);
}

#define CALL(b, fn, ...) callee_call(b, (struct snug_function){.name = fn, .args = ARGS(__VA_ARGS__)})
#define CALL0(b, fn) callee_call(b, (struct snug_function){.name = fn})

#endif

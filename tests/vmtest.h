/* SPDX-License-Identifier: MIT */
/* vmtest: what tests that need /dev/kvm share: guests in place, and a VM with its console in a buffer */
#ifndef VMTEST_H
#define VMTEST_H

/* cmocka.h wants these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <snug.h>

#define MS 1000000ull /* nanoseconds */
#define SECOND 1000000000ull
#define PATIENCE (20 * SECOND) /* for guests that end by themselves, under sanitizers on a busy machine too */

/*
 * A guest's code beside the test that runs it, in assembler of the given width.  Numbered labels ("1:") are local to
 * it.  AT16(label) and AT(label) are a label's address once snug_load has put the code where flat images go.
 */
#define GUEST(name, bits, text)                                                                                      \
	__asm__(".pushsection .rodata\n.code" #bits "\n" #name ":\n" text "\n" #name                                 \
	        "_end:\n.code64\n.popsection\n");                                                                    \
	extern const uint8_t name[], name##_end[]
#define GUEST16(name, text) GUEST(name, 16, text)
#define GUEST32(name, text) GUEST(name, 32, text)
#define GUEST64(name, text) GUEST(name, 64, text)
#define BASE16 0x1000
#define BASE 0x100000

struct box {
	snug_vm *vm;
	snug_vcpu *cpu;
	struct snug_error e;
	struct snug_exit x;
	char out[4096]; /* what the guest said, terminated */
	size_t nout;
	const char *in; /* what it will hear */
};

static inline void box_write(void *ctx, const void *bytes, size_t len)
{
	struct box *b = ctx;

	assert_true(b->nout + len < sizeof(b->out));
	memcpy(b->out + b->nout, bytes, len);
	b->nout += len;
}

static inline size_t box_read(void *ctx, void *bytes, size_t len)
{
	struct box *b = ctx;
	size_t n = b->in ? strnlen(b->in, len) : 0;

	if (n)
		memcpy(bytes, b->in, n);
	b->in += n;
	return n;
}

/* A VM as cfg says, with the console in the box. */
static inline void box_open(struct box *b, struct snug_config cfg)
{
	memset(b, 0, sizeof(*b));
	cfg.size = sizeof(cfg);
	if (!cfg.console.write)
		cfg.console = (struct snug_console){box_write, box_read, b};
	if (snug_vm_new(&cfg, &b->vm, &b->e) < 0)
		fail_msg("%s", b->e.msg);
	b->cpu = snug_vm_vcpu(b->vm, 0);
}

static inline void box_close(struct box *b)
{
	snug_vm_free(b->vm);
	b->vm = NULL;
}

static inline void box_load(struct box *b, enum snug_mode mode, const uint8_t *code, const uint8_t *end)
{
	struct snug_image im = {.data = code, .len = (size_t)(end - code), .kind = SNUG_KIND_FLAT, .mode = mode};

	if (snug_load(b->vm, &im, &b->e) < 0)
		fail_msg("%s", b->e.msg);
}

/* All of a box's story but the run: default memory, all devices. */
#define BOX(b, mode, guest) (box_open(b, (struct snug_config){.devices = SNUG_DEV_ALL}), BOX_LOAD(b, mode, guest))
#define BOX_LOAD(b, mode, guest) box_load(b, mode, guest, guest##_end)

#ifdef REBIRTH
#include "rebirth.h"
#else
#define rebirth(b) ((void)(b))
#endif

/* Runs until something comes back; the exit is in the box too. */
static inline enum snug_exit_kind box_run(struct box *b)
{
	rebirth(b);
	memset(&b->x, 0, sizeof(b->x));
	if (snug_vcpu_run(b->cpu, PATIENCE, &b->x, &b->e) < 0)
		fail_msg("%s", b->e.msg);
	return b->x.kind;
}

static inline uint64_t box_reg(struct box *b, const char *name)
{
	uint64_t v = 0;

	if (snug_vcpu_get_reg(b->cpu, name, &v, &b->e) < 0)
		fail_msg("%s", b->e.msg);
	return v;
}

/* Exit kinds by name: a message a reader can use. */
#define assert_exit(b, want) assert_string_equal(snug_exit_name(box_run(b)), snug_exit_name(want))

static inline bool host_is_pvm(void)
{
	struct snug_host h = {.size = sizeof(h)};

	assert_int_equal(snug_host_info(NULL, &h, NULL), 0);
	return h.kind == SNUG_HOST_PVM;
}

static inline bool kvm_opens(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Each test of a program that needs KVM goes through this: without KVM it is a skip of its name. */
struct guarded {
	void (*test)(void **state);
	const void *arg; /* *state for the test */
};

static inline void run_guarded(void **state)
{
	const struct guarded *g = *state;
	union {
		const void *from;
		void *to;
	} arg = {g->arg};

	if (!kvm_opens())
		skip();
	g->test(&arg.to);
}

#define KVM_TEST_NAMED(name, f, a)                                                                                   \
	{                                                                                                            \
		name, run_guarded, NULL, NULL, &(struct guarded)                                                     \
		{                                                                                                    \
			f, a                                                                                         \
		}                                                                                                    \
	}
#define KVM_TEST(f) KVM_TEST_NAMED(#f, f, NULL)

#endif

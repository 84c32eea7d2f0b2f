/* SPDX-License-Identifier: MIT */
#include "host/seccomp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

bool snug__seccomp_offered(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

#ifdef SNUG_HAVE_SECCOMP

#include <seccomp.h>

bool snug__seccomp_built(void)
{
	return true;
}

static scmp_filter_ctx context(struct snug__seccomp *s)
{
	return s;
}

static int failed(int r, const char *what, struct snug_error *err)
{
	return snug__err(err, r, SNUG_STEP_NONE,
	                 r == -ENOMEM ? "free some memory"
	                              : "use a kernel with CONFIG_SECCOMP_FILTER, Linux 4.14 or newer",
	                 "seccomp: %s: %s (%s)", what, snug__errno_text(-r), snug__errno_name(-r));
}

int snug__seccomp_new(struct snug__seccomp **out, struct snug_error *err)
{
	scmp_filter_ctx s = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!s)
		return failed(-ENOMEM, "init", err);
	r = seccomp_attr_set(s, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* KVM_RUN is made for each exit; all else is rare. */
	if (r >= 0)
		r = seccomp_syscall_priority(s, SCMP_SYS(ioctl), UINT8_MAX);
	if (r < 0) {
		seccomp_release(s);
		return failed(r, "set up", err);
	}
	*out = s;
	return 0;
}

int snug__seccomp_allow(struct snug__seccomp *s, int nr, const struct snug__arg_limit limits[SNUG__ARG_LIMITS],
                        struct snug_error *err)
{
	struct scmp_arg_cmp cmp[SNUG__ARG_LIMITS];
	unsigned n = 0;
	int r;

	for (unsigned i = 0; i < SNUG__ARG_LIMITS; i++)
		if (limits[i].mask)
			cmp[n++] = limits[i].mask == UINT64_MAX
			               ? SCMP_CMP(limits[i].arg, SCMP_CMP_EQ, limits[i].value)
			               : SCMP_CMP(limits[i].arg, SCMP_CMP_MASKED_EQ, limits[i].mask, limits[i].value);
	r = seccomp_rule_add_array(context(s), SCMP_ACT_ALLOW, nr, n, cmp);
	return r < 0 ? failed(r, "rule_add", err) : 0;
}

/* By way of the program, and not by seccomp_load: what failed is then known by its errno. */
static int read_program(struct snug__seccomp *s, struct sock_filter *code, size_t max, struct snug_error *err)
{
	int fd = memfd_create("seccomp", MFD_CLOEXEC), r;
	ssize_t n;

	if (fd < 0)
		return failed(-errno, "memfd_create", err);
	r = seccomp_export_bpf(context(s), fd);
	if (r < 0) {
		close(fd);
		return failed(r, "export_bpf", err);
	}
	n = pread(fd, code, max * sizeof(*code), 0);
	r = n < 0 ? -errno : n == 0 || n == (ssize_t)(max * sizeof(*code)) ? -E2BIG : 0;
	close(fd);
	return r < 0 ? failed(r, "read the program", err) : (int)((size_t)n / sizeof(*code));
}

int snug__seccomp_enter(struct snug__seccomp *s, struct snug_error *err)
{
	struct sock_filter code[512];
	struct sock_fprog prog = {.filter = code};
	int n = read_program(s, code, sizeof(code) / sizeof(code[0]), err);

	if (n < 0)
		return n;
	prog.len = (unsigned short)n;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return failed(-errno, "SECCOMP_SET_MODE_FILTER", err);
	return 0;
}

void snug__seccomp_free(struct snug__seccomp *s)
{
	if (s)
		seccomp_release(context(s));
}

#else

bool snug__seccomp_built(void)
{
	return false;
}

static int absent(struct snug_error *err)
{
	return snug__err(err, -ENOTSUP, SNUG_STEP_NONE, "install libseccomp-dev and build it again",
	                 "seccomp: this snug was built without libseccomp");
}

int snug__seccomp_new(struct snug__seccomp **out, struct snug_error *err)
{
	*out = NULL;
	return absent(err);
}

int snug__seccomp_allow(struct snug__seccomp *s, int nr, const struct snug__arg_limit limits[SNUG__ARG_LIMITS],
                        struct snug_error *err)
{
	(void)s, (void)nr, (void)limits;
	return absent(err);
}

int snug__seccomp_enter(struct snug__seccomp *s, struct snug_error *err)
{
	(void)s;
	return absent(err);
}

void snug__seccomp_free(struct snug__seccomp *s)
{
	(void)s;
}

#endif

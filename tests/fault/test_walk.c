/* SPDX-License-Identifier: MIT */
/* walk: in every public call, for every n, the n-th call into libc fails; what the library then says, keeps and leaks */
#include "../vmtest.h"

#include <ctype.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "calls.h"
#include "inject.h"
#include "ioctls.h"

#define ROOM 128      /* for tests */
#define CALLS_MAX 512 /* into libc, of one public call */

static const int errors[] = {ENOMEM, EINVAL, EMFILE}; /* of ioctls; other functions fail in the way they know */

/* Where the walk is, for messages. */
static char where[160];

#define check(what)                                                                                                  \
	do {                                                                                                         \
		if (!(what))                                                                                         \
			fail_msg("%s: not so: %s", where, #what);                                                    \
	} while (0)

static void check_same(const struct inject_holds *a, const struct inject_holds *b, const char *when)
{
	if (a->blocks != b->blocks || a->maps != b->maps || a->timers != b->timers || a->mutexes != b->mutexes ||
	    a->lines != b->lines || a->fds != b->fds || a->fd_set != b->fd_set)
		fail_msg("%s, %s: blocks %ld to %ld, bytes mapped %ld to %ld, timers %ld to %ld, mutexes %ld to %ld, "
		         "mappings %u to %u, descriptors %u to %u",
		         where, when, a->blocks, b->blocks, a->maps, b->maps, a->timers, b->timers, a->mutexes,
		         b->mutexes, a->lines, b->lines, a->fds, b->fds);
}

/* A message in one line that names what went wrong, and a hint. */
static void check_words(const struct inject_hit *hit, const struct snug_error *e)
{
	const char *name = strerrorname_np(hit->err);
	bool heap = hit->fn == INJECT_MALLOC || hit->fn == INJECT_CALLOC || hit->fn == INJECT_REALLOC ||
	            hit->fn == INJECT_MUTEX_INIT;

	if (!e->msg[0] || strchr(e->msg, '\n') || !e->hint[0])
		fail_msg("%s: message '%s', hint '%s'", where, e->msg, e->hint);
	if (hit->fn == INJECT_IOCTL &&
	    (e->step == SNUG_STEP_NONE || !strstr(e->msg, snug_step_name((enum snug_step)e->step)) ||
	     !strstr(e->msg, ioctl_name(hit->request))))
		fail_msg("%s: the message does not name step and ioctl: '%s'", where, e->msg);
	if (!heap && !strstr(e->msg, name))
		fail_msg("%s: the message does not name the errno: '%s'", where, e->msg);
}

static void check_failure(const struct call_row *row, const struct inject_hit *hit, int r, const struct snug_error *e)
{
	/* A capability that cannot be asked for counts as absent; only some are needed. */
	if (hit->fn == INJECT_IOCTL && hit->request == KVM_CHECK_EXTENSION) {
		check(r >= 0 || r == -ENOTSUP || r == -EINVAL);
		check(r >= 0 || (strstr(e->msg, "KVM_CAP_") && e->hint[0]) || strstr(e->msg, "vCPUs"));
		return;
	}
	/* EINVAL is how KVM says that the CPU has no XSAVE, so nothing to set; but what was got can be set. */
	if (hit->fn == INJECT_IOCTL && (hit->request == KVM_SET_XCRS || hit->request == KVM_GET_XCRS) &&
	    hit->err == EINVAL && r >= 0)
		return;
	/* A frequency nobody knows, files that are tried again under a higher limit, a look at what pages there are. */
	if (row->spares && r >= 0 &&
	    (hit->fn != INJECT_IOCTL || hit->request == KVM_GET_TSC_KHZ || hit->err == EMFILE))
		return;
	/* A timer that cannot be stopped sends SIGURG, which is ignored by default: the run was good. */
	if (hit->fn == INJECT_TIMER_SETTIME && r >= 0)
		return;
	check(r == -hit->err);
	if (row->silent)
		return;
	check(e->code == r);
	check_words(hit, e);
}

/* One step of the walk: false when the n-th call was not reached. */
static bool step(const struct call_row *row, unsigned n, int err, bool *was_ioctl)
{
	struct inject_holds before = inject_holds(), mid, after;
	struct scene s = {0};
	struct snug_error e = {0};
	struct inject_hit hit;
	int r;

	snprintf(where, sizeof(where), "%s (%s), call %u, %s", row->name, row->what, n, strerrorname_np(err));
	if (row->prepare)
		check(row->prepare(&s));
	mid = inject_holds();
	inject_nth(n, err);
	r = row->call(&s, &e);
	hit = inject_off();
	*was_ioctl = hit.fn == INJECT_IOCTL;
	snprintf(where, sizeof(where), "%s (%s), call %u, %s %s, %s", row->name, row->what, n, inject_name(hit.fn),
	         *was_ioctl ? ioctl_name(hit.request) : "", strerrorname_np(hit.err ? hit.err : err));
	if (hit.fn == INJECT_NONE) {
		check(r >= 0);
	} else {
		check_failure(row, &hit, r, &e);
		after = inject_holds();
		if (r < 0 && !row->keeps)
			check_same(&mid, &after, "after the failure");
		check(after.fds <= mid.fds || r >= 0);
	}
	if (r < 0) {
		/* Nothing is broken for good: the same call works when the host does. */
		e = (struct snug_error){0};
		r = row->call(&s, &e);
		if (r < 0)
			fail_msg("%s: the second try fails too: %s", where, e.msg);
	}
	scene_end(&s);
	after = inject_holds();
	check_same(&before, &after, "at the end");
	return hit.fn != INJECT_NONE;
}

/* Once without a failure: what libc keeps for itself from its first use on is there then. */
static void warm_up(const struct call_row *row)
{
	struct scene s = {0};
	struct snug_error e = {0};

	inject_off();
	snprintf(where, sizeof(where), "%s (%s), with no failure", row->name, row->what);
	if (row->prepare)
		check(row->prepare(&s));
	if (row->call(&s, &e) < 0)
		fail_msg("%s: %s", where, e.msg);
	scene_end(&s);
}

static void walk(void **state)
{
	const struct call_row *row = *state;
	bool ioctls[CALLS_MAX] = {false}, again;
	unsigned last = 0;

	warm_up(row);
	while (step(row, last + 1, errors[0], &ioctls[last])) {
		last++;
		assert_in_range(last, 0, CALLS_MAX - 1);
	}
	assert_int_equal(last == 0, row->pure);
	for (size_t i = 1; i < sizeof(errors) / sizeof(errors[0]); i++)
		for (unsigned n = 0; n < last; n++)
			if (ioctls[n])
				assert_true(step(row, n + 1, errors[i], &again));
}

/* Every function of snug.h that can fail for several reasons, one with a struct snug_error, has a row. */
static void every_call_has_a_row(void **state)
{
	static char text[256 * 1024];
	FILE *f = fopen(PUBLIC_HEADER, "re");
	unsigned found = 0;
	char *at;

	(void)state;
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	for (at = text; (at = strstr(at, "\nint snug_")); at++) {
		char name[64], *end = strchr(at, ';');
		size_t len = strcspn(at + 5, "(");
		bool has_row = false;

		assert_non_null(end);
		assert_true(len < sizeof(name));
		if (memmem(at, (size_t)(end - at), "struct snug_error *", 19) == NULL)
			continue;
		memcpy(name, at + 5, len);
		name[len] = '\0';
		for (unsigned i = 0; i < call_row_count; i++)
			has_row |= strcmp(call_rows[i].name, name) == 0;
		if (!has_row)
			fail_msg("%s has no row in calls.c", name);
		found++;
	}
	assert_true(found > 20);
}

/* A wrapper the library's calls do not reach, by another name of the function for one, would test nothing. */
static void every_wrapper_was_used(void **state)
{
	(void)state;
	for (int fn = INJECT_NONE + 1; fn < INJECT_FNS; fn++)
		if (inject_failed((enum inject_fn)fn) == 0)
			fail_msg("no call of %s was ever failed", inject_name((enum inject_fn)fn));
}

int main(void)
{
	struct CMUnitTest tests[ROOM] = {{"every call has a row", every_call_has_a_row, NULL, NULL, NULL}};
	static struct guarded guards[ROOM];
	static char names[ROOM][96];
	unsigned n = call_row_count;

	if (n + 2 > ROOM)
		return 1;
	for (unsigned i = 0; i < n; i++) {
		const struct call_row *row = &call_rows[i];

		snprintf(names[i], sizeof(names[i]), "%s%s%s", row->name, row->what[0] ? ": " : "", row->what);
		guards[i] = (struct guarded){walk, row};
		tests[1 + i] = (struct CMUnitTest){names[i], run_guarded, NULL, NULL, &guards[i]};
	}
	guards[n] = (struct guarded){every_wrapper_was_used, NULL};
	tests[1 + n] = (struct CMUnitTest){"every wrapper was used", run_guarded, NULL, NULL, &guards[n]};
	return _cmocka_run_group_tests("fault_walk", tests, 2 + n, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* sandbox: the layers a process can put around itself */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/num.h"
#include "base/sized.h"
#include "host/confine.h"
#include "host/landlock.h"
#include "svc/sandrules.h"
#include "x86/decode.h"

#define ALL (SNUG_SANDBOX_LOAD | SNUG_SANDBOX_PROCESS | SNUG_SANDBOX_THREAD)
#define SPARE_FILES 16 /* to come: what the keeper of files hands over, a debugger, the kernel's figures */

static int bad_field(struct snug_error *err, const char *hint, const char *field, uint32_t value)
{
	return snug__err(err, -EINVAL, SNUG_STEP_NONE, hint, "sandbox: %s 0x%x", field, value);
}

static int check(struct snug_sandbox *how, struct snug_error *err)
{
	if (!how->parts)
		how->parts = ALL;
	if (how->parts & ~(uint32_t)ALL)
		return bad_field(err, "use the bits of enum snug_sandbox_part", "parts", how->parts);
	if (how->kind >= SNUG_SANDBOX_KINDS)
		return bad_field(err, "use enum snug_sandbox_kind", "kind", how->kind);
	if (how->uses & ~(uint32_t)SNUG_USE_ALL)
		return bad_field(err, "use the bits of enum snug_sandbox_use", "uses", how->uses);
	if (how->kind != SNUG_SANDBOX_FILES && how->dir_count)
		return bad_field(err, "only a thread of SNUG_SANDBOX_FILES has directories", "dir_count",
		                 how->dir_count);
	if (how->kind != SNUG_SANDBOX_FILES && how->child)
		return bad_field(err, "only a thread of SNUG_SANDBOX_FILES has a child", "child",
		                 (uint32_t)how->child);
	if (how->dir_count && !how->dirs)
		return bad_field(err, "give it the descriptors", "dirs is NULL, dir_count", how->dir_count);
	return 0;
}

/* Of the layers that these parts put up. */
static uint32_t layers_of(uint32_t parts)
{
	return (parts & SNUG_SANDBOX_PROCESS
	            ? SNUG_LAYER_NO_NEW_PRIVS | SNUG_LAYER_CAPABILITIES | SNUG_LAYER_LANDLOCK | SNUG_LAYER_LIMITS
	            : 0) |
	       (parts & SNUG_SANDBOX_THREAD ? SNUG_LAYER_SECCOMP : 0);
}

static int refuse(uint32_t lacks, struct snug_error *err)
{
	struct snug_layer rows[8];
	int n = snug_sandbox_layers(rows, sizeof(rows) / sizeof(rows[0]));

	for (int i = 0; i < n; i++)
		if (rows[i].bit & lacks)
			return snug__err(err, -ENOTSUP, SNUG_STEP_NONE, rows[i].what, "sandbox: %s is missing here",
			                 rows[i].name);
	return 0;
}

static int landlock(const struct snug_sandbox *how, struct snug_error *err)
{
	int abi = snug__landlock_abi();
	int fd = snug__landlock_new(abi, how->kind == SNUG_SANDBOX_FILES, err), r = 0;

	if (fd < 0)
		return fd;
	for (uint32_t i = 0; r >= 0 && i < how->dir_count; i++)
		r = snug__landlock_allow(fd, abi, how->dirs[i], err);
	if (r >= 0)
		r = snug__landlock_enter(fd, err);
	close(fd);
	return r;
}

static int by_nothing(const void *a, const void *b)
{
	(void)a, (void)b;
	return 0;
}

/* The C library too looks at the machine at its first use of some functions: a qsort of more than a KiB asks how much
 * memory there is (glibc before 2.37). */
static void load(void)
{
	char more_than_a_kib[1025] = {0};

	qsort(more_than_a_kib, sizeof(more_than_a_kib), 1, by_nothing);
	snug__decoder_keep();
}

/* no_new_privs first: without privileges Landlock and seccomp ask for it. */
static int process(const struct snug_sandbox *how, uint32_t lacks, struct snug_error *err)
{
	int r = snug__confine_no_new_privs(err);

	if (r >= 0)
		r = snug__confine_limits(how->files ? how->files : SPARE_FILES, err);
	if (r >= 0 && !(lacks & SNUG_LAYER_LANDLOCK))
		r = landlock(how, err);
	return r < 0 ? r : snug__confine_no_caps(err);
}

static int allow_all(struct snug__seccomp *s, const struct snug_sandbox *how, struct snug_error *err)
{
	int own = getpid(), r = 0;

	for (size_t i = 0; r >= 0 && i < snug__sand_rule_count; i++) {
		const struct snug__sand_rule *rule = &snug__sand_rules[i];
		struct snug__arg_limit limits[SNUG__ARG_LIMITS];

		if (!snug__sand_rule_for(rule, how->kind, how->uses))
			continue;
		snug__sand_limits(rule, own, how->child, limits);
		r = snug__seccomp_allow(s, rule->nr, limits, err);
	}
	return r;
}

static int thread(const struct snug_sandbox *how, struct snug_error *err)
{
	struct snug__seccomp *s;
	int r = snug__seccomp_new(&s, err);

	if (r < 0)
		return r;
	r = allow_all(s, how, err);
	if (r >= 0)
		r = snug__confine_no_new_privs(err);
	if (r >= 0)
		r = snug__seccomp_enter(s, err);
	snug__seccomp_free(s);
	return r;
}

int snug_sandbox(const struct snug_sandbox *how, uint32_t *lacks, struct snug_error *err)
{
	struct snug_layer rows[8];
	struct snug_sandbox h;
	uint32_t missing = 0;
	int n, r;

	if (!how || !snug__sized_copy(&h, sizeof(h), how))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "set it to sizeof(struct snug_sandbox) or 0",
		                 "sandbox: %s", how ? "size" : "how is NULL");
	r = check(&h, err);
	if (r < 0)
		return r;
	n = snug_sandbox_layers(rows, sizeof(rows) / sizeof(rows[0]));
	for (int i = 0; i < n; i++)
		missing |= rows[i].there ? 0 : rows[i].bit & layers_of(h.parts);
	if (missing && h.strict)
		return refuse(missing, err);
	if (h.parts & SNUG_SANDBOX_LOAD)
		load();
	if (h.parts & SNUG_SANDBOX_PROCESS)
		r = process(&h, missing, err);
	if (r >= 0 && (h.parts & SNUG_SANDBOX_THREAD) && !(missing & SNUG_LAYER_SECCOMP))
		r = thread(&h, err);
	if (r >= 0 && lacks)
		*lacks = missing;
	return r < 0 ? snug__err_wrap(err, r, "sandbox") : 0;
}

/* Of ABI 1 only files; each later one closes more. */
static void tell_landlock(struct snug_layer *l)
{
	int abi = snug__landlock_abi();

	l->there = abi > 0;
	if (!abi)
		snprintf(l->what, sizeof(l->what), "use Linux 5.13 or newer with \"landlock\" in CONFIG_LSM or lsm=");
	else
		snprintf(l->what, sizeof(l->what), "ABI %d: files%s%s%s", abi, abi >= 4 ? ", TCP" : "",
		         abi >= 5 ? ", devices" : "", abi >= 6 ? ", abstract sockets, signals" : "");
}

static void tell_seccomp(struct snug_layer *l)
{
	l->there = snug__seccomp_built() && snug__seccomp_offered();
	snprintf(l->what, sizeof(l->what), "%s",
	         l->there                ? "a filter for each thread; another system call ends the process"
	         : snug__seccomp_built() ? "use Linux 4.14 or newer with CONFIG_SECCOMP_FILTER"
	                                 : "snug was built without it: install libseccomp-dev and build again");
}

/* Those that every kernel has that runs snug tell nothing more. */
static const struct {
	uint32_t bit;
	const char *name, *what;
	void (*tell)(struct snug_layer *l);
} layers[] = {
    {SNUG_LAYER_NO_NEW_PRIVS, "no_new_privs", "nothing that is executed gives more rights", NULL},
    {SNUG_LAYER_CAPABILITIES, "capabilities", "all are given away", NULL},
    {SNUG_LAYER_LANDLOCK, "Landlock", "", tell_landlock},
    {SNUG_LAYER_LIMITS, "resource limits", "few descriptors, no message queues, no locked memory", NULL},
    {SNUG_LAYER_SECCOMP, "seccomp", "", tell_seccomp},
};

#define LAYERS (sizeof(layers) / sizeof(layers[0]))

int snug_sandbox_layers(struct snug_layer *rows, size_t max)
{
	for (size_t i = 0; i < LAYERS && i < max; i++) {
		rows[i] = (struct snug_layer){.bit = layers[i].bit, .there = true, .name = layers[i].name};
		snprintf(rows[i].what, sizeof(rows[i].what), "%s", layers[i].what);
		if (layers[i].tell)
			layers[i].tell(&rows[i]);
	}
	return (int)LAYERS;
}

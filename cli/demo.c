/* SPDX-License-Identifier: MIT */
/* demo: snug demo, the nine steps told as they happen */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define TIME_LIMIT 5000000000ull /* for guests that take milliseconds */

enum {
	CALLS_MAX = 128,
	WORDS_MAX = 2048,
	STEPS = SNUG_STEP_EXIT,
};

/* The built-in guests, see blobs.S. */
extern const unsigned char snug_guest_demo_real[], snug_guest_demo_real_end[];
extern const unsigned char snug_guest_demo_protected[], snug_guest_demo_protected_end[];
extern const unsigned char snug_guest_demo_paged32[], snug_guest_demo_paged32_end[];
extern const unsigned char snug_guest_demo_long[], snug_guest_demo_long_end[];
extern const unsigned char snug_guest_demo_user[], snug_guest_demo_user_end[];

static const struct scene {
	enum snug_mode mode;
	const char *about;
	const unsigned char *image, *end;
} scenes[] = {
    {SNUG_MODE_REAL, "16-bit code with 64 KiB segments: how every PC starts", snug_guest_demo_real,
     snug_guest_demo_real_end},
    {SNUG_MODE_PROTECTED, "32-bit code, flat segments, no paging", snug_guest_demo_protected,
     snug_guest_demo_protected_end},
    {SNUG_MODE_PAGED32, "the same with 32-bit page tables", snug_guest_demo_paged32, snug_guest_demo_paged32_end},
    {SNUG_MODE_LONG, "64-bit code with full privilege, as a kernel has", snug_guest_demo_long,
     snug_guest_demo_long_end},
    {SNUG_MODE_USER, "64-bit code without privilege (CPL 3), as a program has", snug_guest_demo_user,
     snug_guest_demo_user_end},
};

/* One call into the kernel, or several alike in a row. */
struct call {
	struct snug_call first;
	unsigned number; /* its place in the order of calls */
	unsigned times;
	uint64_t ns; /* all of them */
};

struct play {
	const struct cli_args *args;
	const struct scene *scene;
	struct call calls[CALLS_MAX];
	unsigned used, number;
	char words[WORDS_MAX + 1];
	size_t nwords;
};

static const char *bold(void)
{
	return isatty(STDOUT_FILENO) && !getenv("NO_COLOR") ? "\033[1m" : "";
}

static const char *plain(void)
{
	return *bold() ? "\033[0m" : "";
}

/* The row a call adds to: of questions about capabilities and of runs there are many, told as one. */
static struct call *same_row(struct play *p, const struct snug_call *call)
{
	if (call->err || (strcmp(call->name, "KVM_CHECK_EXTENSION") != 0 && strcmp(call->name, "KVM_RUN") != 0))
		return NULL;
	for (unsigned i = 0; i < p->used; i++)
		if (!p->calls[i].first.err && !strcmp(p->calls[i].first.name, call->name))
			return &p->calls[i];
	return NULL;
}

static void note_call(void *ctx, const struct snug_call *call)
{
	struct play *p = ctx;
	struct call *row = same_row(p, call);

	p->number++;
	if (row) {
		row->times++;
		row->ns += call->ns;
	} else if (p->used < CALLS_MAX) {
		p->calls[p->used++] = (struct call){*call, p->number, 1, call->ns};
	}
}

static void note_words(void *ctx, const void *bytes, size_t len)
{
	struct play *p = ctx;
	size_t room = WORDS_MAX - p->nwords;

	if (len > room)
		len = room;
	memcpy(p->words + p->nwords, bytes, len);
	p->nwords += len;
}

/* What snug_call's numbers mean, by the call's name; calls not named here just worked. */
static const struct meaning {
	const char *name, *format;
	bool arg; /* the value given, not the one returned */
} meanings[] = {
    {"open", "fd %lu", false},
    {"KVM_CREATE_VM", "fd %lu", false},
    {"KVM_CREATE_VCPU", "fd %lu", false},
    {"KVM_GET_API_VERSION", "version %lu", false},
    {"KVM_GET_VCPU_MMAP_SIZE", "%lu bytes", false},
    {"KVM_SET_IDENTITY_MAP_ADDR", "at gpa 0x%lx", true},
    {"KVM_SET_TSS_ADDR", "at gpa 0x%lx", true},
    {"KVM_SET_USER_MEMORY_REGION", "at gpa 0x%lx", true},
    {"KVM_SET_SREGS", "cr0 0x%lx", true},
    {"KVM_SET_REGS", "rip 0x%lx", true},
};

static void call_result(const struct call *c, char *out, size_t len)
{
	snprintf(out, len, "%s", c->first.err ? strerror(c->first.err) : "ok");
	if (!c->first.err && !strcmp(c->first.name, "KVM_RUN"))
		snprintf(out, len, c->times == 1 ? "%u exit" : "%u exits", c->times);
	for (size_t i = 0; !c->first.err && i < sizeof meanings / sizeof *meanings; i++)
		if (!strcmp(c->first.name, meanings[i].name))
			snprintf(out, len, meanings[i].format,
			         meanings[i].arg ? (unsigned long)c->first.arg : (unsigned long)c->first.result);
}

static void print_call(const struct call *c, bool first)
{
	char step[64] = "", name[48], result[64], time[16];

	if (first)
		snprintf(step, sizeof step, "%d  %s", c->first.step, snug_step_name((enum snug_step)c->first.step));
	snprintf(name, sizeof name, c->times > 1 ? "%s x %u" : "%s", c->first.name, c->times);
	call_result(c, result, sizeof result);
	printf("  %-29s %4u  %-30s %-20.20s %9s\n", step, c->number, name, result, cli_time(time, c->ns));
}

/* The calls of each step in the order of the story; their numbers tell the order they were made in. */
static void print_calls(const struct play *p)
{
	for (int step = SNUG_STEP_NONE; step <= STEPS; step++) {
		bool first = true;

		for (unsigned i = 0; i < p->used; i++) {
			if (p->calls[i].first.step != step)
				continue;
			print_call(&p->calls[i], first);
			first = false;
		}
	}
}

static void print_words(const struct play *p)
{
	char text[WORDS_MAX + 1], *line, *rest = text;
	const char *label = "the guest says";

	memcpy(text, p->words, p->nwords);
	text[p->nwords] = 0;
	for (size_t i = 0; i < p->nwords; i++)
		if ((unsigned char)text[i] < 0x20 && text[i] != '\n')
			text[i] = text[i] == '\r' || text[i] == 0 ? ' ' : '?';
	while ((line = strsep(&rest, "\n"))) {
		if (!rest && !*line)
			break;
		printf("     %-28s | %s%.60s%s\n", label, bold(), line, plain());
		label = "";
	}
}

/* How the exit reads, and whether it is the one the guest was to end with. */
static bool describe_end(const struct snug_exit *x, char *out, size_t len)
{
	switch (x->kind) {
	case SNUG_EXIT_STATUS:
		snprintf(out, len, "wrote %" PRIu32 " to port 0x%x: exit status %u", x->status.value, x->status.port,
		         x->status.code);
		return x->status.code == 0;
	case SNUG_EXIT_HLT:
		snprintf(out, len, "halted with interrupts %s", x->hlt.interrupts ? "on" : "off: exit status 0");
		return !x->hlt.interrupts;
	case SNUG_EXIT_FAULT:
		snprintf(out, len, "%s at 0x%" PRIx64, snug_vector_name(x->fault.vector), x->fault.rip);
		return false;
	default:
		snprintf(out, len, "%s", snug_exit_name(x->kind));
		return false;
	}
}

enum outcome { RAN, REFUSED, FAILED };

static enum outcome tell_failure(const struct play *p, const struct snug_error *e)
{
	print_calls(p);
	printf("  FAILED: %s\n", e->msg);
	if (e->hint[0])
		printf("  %s\n", e->hint);
	return FAILED;
}

static enum outcome play_guest(struct play *p, snug_vm *vm)
{
	struct snug_image image = {
	    .size = sizeof image,
	    .data = p->scene->image,
	    .len = (size_t)(p->scene->end - p->scene->image),
	    .kind = SNUG_KIND_FLAT,
	    .mode = p->scene->mode,
	};
	struct snug_exit x = {0};
	struct snug_error e;
	char end[64];
	bool good;
	int r = snug_load(vm, &image, &e);

	if (r == -ENOTSUP) {
		printf("  refused by this host: %s\n", e.msg);
		if (e.hint[0])
			printf("  %s\n", e.hint);
		return REFUSED;
	}
	if (r < 0 || snug_vcpu_run(snug_vm_vcpu(vm, 0), TIME_LIMIT, &x, &e) < 0)
		return tell_failure(p, &e);
	good = describe_end(&x, end, sizeof end);
	print_calls(p);
	printf("  %-29s %4s  %s\n", "9  check the exit reason", "", snug_reason_name(x.reason));
	print_words(p);
	printf("     %-28s | %s\n", "its end", end);
	if (!good)
		printf("  FAILED: the guest was to end with exit status 0\n");
	return good ? RAN : FAILED;
}

static enum outcome play(const struct cli_args *args, const struct scene *scene)
{
	struct play p = {.args = args, .scene = scene};
	struct snug_config cfg = {
	    .size = sizeof cfg,
	    .mem_bytes = 2 << 20,
	    .devices = SNUG_DEV_ALL,
	    .unclaimed = SNUG_UNCLAIMED_IGNORE,
	    .console = {.write = note_words, .ctx = &p},
	    .kvm_path = args->kvm,
	    .on_call = note_call,
	    .on_call_ctx = &p,
	};
	struct snug_error e;
	enum outcome o;
	snug_vm *vm;

	printf("\n%s%s mode%s: %s\n", bold(), snug_mode_name(scene->mode), plain(), scene->about);
	if (snug_vm_new(&cfg, &vm, &e) < 0)
		return tell_failure(&p, &e);
	o = play_guest(&p, vm);
	snug_vm_free(vm);
	return o;
}

static void print_sum(const unsigned counts[3])
{
	printf("\n%u %s ran", counts[RAN], counts[RAN] == 1 ? "mode" : "modes");
	if (counts[REFUSED])
		printf(", %u refused by this host", counts[REFUSED]);
	if (counts[FAILED])
		printf(", %u FAILED", counts[FAILED]);
	printf("\n");
}

/* Does the demo have a guest for what --mode says? */
static bool has_scene(int mode)
{
	for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
		if ((int)scenes[i].mode == mode)
			return true;
	return mode == SNUG_MODE_AUTO;
}

int verb_demo(const struct cli_args *args)
{
	struct snug_host host = {.size = sizeof host};
	unsigned counts[3] = {0};
	struct snug_error e;

	if (!has_scene(args->mode)) {
		cli_err(&e, -EINVAL, "it has one for each of real, protected, paged32, long and user",
		        "--mode: the demo has no guest for mode %s", snug_mode_name((enum snug_mode)args->mode));
		cli_say_error(&e);
		return CLI_FAILED;
	}
	if (snug_host_info(args->kvm, &host, &e) < 0) {
		cli_say_error(&e);
		return CLI_CHECK_FAILED;
	}
	printf("snug %s: from %s (%s) to a running guest in nine steps, once per CPU mode.\n", snug_version(),
	       args->kvm ? args->kvm : "/dev/kvm", snug_host_name(host.kind));
	printf("Columns: step, the call's place in the order of calls, the call, its result, the time it took.\n");
	for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
		if (args->mode == SNUG_MODE_AUTO || args->mode == (int)scenes[i].mode)
			counts[play(args, &scenes[i])]++;
	print_sum(counts);
	return cli_flush(counts[FAILED] ? CLI_CHECK_FAILED : CLI_OK);
}

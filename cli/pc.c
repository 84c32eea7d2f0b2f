/* SPDX-License-Identifier: MIT */
#include "pc.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hints.h"
#include "jail.h"

#define EXEC "quiet rdinit=/snug-init"

static int kind_of(const struct cli_args *a, enum snug_kind said)
{
	struct snug_image image = {.size = sizeof image,
	                           .path = a->image,
	                           .kind = said,
	                           .mode = (enum snug_mode)a->mode,
	                           .flags = (a->load.given ? SNUG_IMAGE_LOAD : 0) |
	                                    (a->entry.given ? SNUG_IMAGE_ENTRY : 0)};

	return snug_detect(&image, NULL);
}

int cli_pc_kind(const struct cli_args *a)
{
	int kind = kind_of(a, (enum snug_kind)a->kind);

	return kind == SNUG_KIND_LINUX || kind == SNUG_KIND_PVH || kind == SNUG_KIND_MULTIBOOT ? kind : 0;
}

/*
 * Whether a bzImage says it takes a line as long as Linux does; what only shares its boot protocol, as memtest86+, takes 255
 * bytes and knows none of the hints.  Linux Documentation/arch/x86/boot.rst, cmdline_size.
 */
static bool takes_long_lines(const char *path)
{
	uint32_t size; /* both are little-endian */

	return cli_is_elf(path) || !cli_peek(path, 0x238, &size, sizeof size) || size >= 1024;
}

static const char *hints(const struct cli_args *a)
{
	struct snug_host host = {.size = sizeof host};

	if (a->no_host_hints || snug_host_info(a->kvm, &host, NULL) < 0 || host.kind != SNUG_HOST_PVM ||
	    !takes_long_lines(a->image))
		return NULL;
	return CLI_LINE_PVM;
}

char *cli_pc_cmdline(const struct cli_args *a, int kind)
{
	/* By its bytes, so that it is Linux by whatever protocol. */
	bool linux = (a->kind ? kind_of(a, SNUG_KIND_AUTO) : kind) == SNUG_KIND_LINUX;
	const char *parts[] = {linux ? CLI_LINE_ALWAYS : NULL, linux ? hints(a) : NULL, a->exec ? EXEC : NULL,
	                       a->append};
	size_t len = 1, used = 0;
	char *line;

	if (parts[1] && a->verbose)
		cli_say("for this kind of host (kvm_pvm) the command line gets: %s", parts[1]);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		len += parts[i] ? strlen(parts[i]) + 1 : 0;
	line = calloc(1, len);
	for (size_t i = 0; line && i < sizeof parts / sizeof *parts; i++) {
		if (!parts[i] || !*parts[i])
			continue;
		used += (size_t)snprintf(line + used, len - used, "%s%s", used ? " " : "", parts[i]);
	}
	return line;
}

static int begin(void *ctx, int cpu)
{
	struct cli_run *r = ctx;

	(void)cpu;
	return cli_jail_thread(r->args, &r->begin_error);
}

int cli_pc_start(struct cli_run *r, struct snug_error *e)
{
	struct snug_threads how = {.size = sizeof how, .begin = begin, .ctx = r};
	int code = snug_start(r->vm, &how, e);

	if (code < 0 && r->begin_error.code)
		*e = r->begin_error;
	return code;
}

int cli_pc_some(struct cli_run *r, uint64_t ns, struct snug_exit *x, struct snug_error *e)
{
	int code = snug_resume(r->vm, e);

	return code < 0 ? code : snug_wait(r->vm, ns, x, e);
}

bool cli_pc_panicked(struct cli_run *r, const struct snug_exit *x)
{
	if (!r->pc || (x->kind != SNUG_EXIT_RESET && x->kind != SNUG_EXIT_PANIC) || !r->console.panic[0])
		return false;
	cli_err(&r->result->error, -EFAULT, NULL, "the guest's kernel panicked: %.200s", r->console.panic);
	cli_say("%s", r->result->error.msg);
	r->result->status = CLI_CRASH;
	return true;
}

/* All of it, also into a pipe that somebody made non-blocking; a time limit holds for that too. */
static int write_all(void *ctx, int fd, const void *bytes, size_t len)
{
	struct cli_run *r = ctx;
	const char *at = bytes;

	if (fd == STDOUT_FILENO)
		cli_console_note(&r->console, bytes, len);
	while (len) {
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		ssize_t n = write(fd, at, len);

		if (n > 0) {
			at += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			if (r->deadline && cli_now() >= r->deadline)
				return -ETIMEDOUT;
			cli_poll(&p, 100);
		} else if (n < 0 && errno != EINTR) {
			/* As for a console that cannot be written: the run ends, and says so. */
			r->console.err = errno;
			snug_vcpu_kick(r->console.vcpu);
			return -errno;
		}
	}
	return 0;
}

int cli_pc_exec(struct cli_run *r, struct snug_error *e)
{
	r->exec = (struct cli_exec){r->args->exec, write_all, r};
	return cli_exec_add(r->vm, &r->exec, e);
}

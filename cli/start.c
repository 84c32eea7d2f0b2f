/* SPDX-License-Identifier: MIT */
/* start: makes the machine of a run and puts the guest into it */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "initrd.h"
#include "jail.h"
#include "pc.h"
#include "run.h"
#include "timeline.h"

/* A kernel's console is looked at for its last words; with --exec it is not what stdout is for. */
static void see_console(struct cli_run *r)
{
	r->console.lines = r->pc;
	r->console.apart = r->args->exec;
	r->console.shown = r->args->verbose;
}

static int open_vm(struct cli_run *r, struct snug_error *e)
{
	const struct cli_args *a = r->args;
	struct snug_config cfg = {
	    .size = sizeof cfg,
	    .mem_bytes = a->mem  ? a->mem
	                 : r->pc ? CLI_PC_MEM
	                         : 0,
	    .cpus = (uint32_t)a->cpus,
	    .devices = SNUG_DEV_ALL | (r->pc ? SNUG_DEV_PC : 0),
	    .unclaimed = SNUG_UNCLAIMED_IGNORE,
	    .console = {.write = cli_console_write,
	                .read = a->exec ? NULL : cli_console_read,
	                .ctx = &r->console,
	                .input = r->pc && !a->exec ? STDIN_FILENO + 1 : 0},
	    .flags = cli_jail_config(a),
	    .kvm_path = a->kvm,
	    .cpu = a->cpu,
	};

	return snug_vm_new(&cfg, &r->vm, e);
}

bool cli_peek(const char *path, long at, void *out, size_t len)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	bool all = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && pread(fd, out, len, at) == (ssize_t)len;

	if (fd >= 0)
		close(fd);
	return all;
}

bool cli_is_elf(const char *path)
{
	char magic[4];

	return cli_peek(path, 0, magic, 4) && !memcmp(magic, "\177ELF", 4);
}

/* A snapshot has the names too, so that functions can be called in what is restored from it. */
static bool keep_names(const struct cli_args *a)
{
	return a->save && a->kind != SNUG_KIND_FLAT && a->kind != SNUG_KIND_FIRMWARE && cli_is_elf(a->image);
}

/* "FILE,FILE": each a module, which is told its name.  *names is the caller's to free when they are loaded. */
static int split(const char *list, char **names, struct snug_module *rows, uint32_t *count, struct snug_error *e)
{
	char *next = *names = strdup(list);

	if (!next)
		return cli_err(e, -ENOMEM, NULL, "no memory for the names of --initrd");
	while (next) {
		char *name = strsep(&next, ",");

		if (*count == SNUG_MODULES_MAX)
			return cli_err(e, -EINVAL, "give fewer", "--initrd: more than %d files", SNUG_MODULES_MAX);
		rows[(*count)++] = (struct snug_module){.path = name, .args = name};
	}
	return 0;
}

/* With its command line and initrd, which for --exec is made here. */
static int load_kernel(struct cli_run *r, struct snug_image *image, struct snug_error *e)
{
	const struct cli_args *a = r->args;
	struct snug_module modules[SNUG_MODULES_MAX] = {0};
	struct cli_initrd made = {0};
	char *names = NULL, *cmdline = cli_pc_cmdline(a, r->kernel);
	int code = cmdline ? 0 : cli_err(e, -ENOMEM, NULL, "no memory for the command line");

	if (code >= 0 && a->exec)
		code = cli_initrd_make(&made, a->initrd_dir, a->exec, e);
	if (code >= 0 && a->exec)
		code = cli_pc_exec(r, e);
	image->cmdline = cmdline;
	image->modules = modules;
	image->module_count = a->exec != NULL;
	if (a->exec)
		modules[0] = (struct snug_module){.data = made.bytes, .len = made.len};
	else if (code >= 0 && a->initrd)
		code = split(a->initrd, &names, modules, &image->module_count, e);
	if (code >= 0)
		code = snug_load(r->vm, image, e);
	image->cmdline = NULL;
	image->modules = NULL;
	image->module_count = 0;
	cli_initrd_free(&made);
	free(names);
	free(cmdline);
	malloc_trim(0); /* images and initrds were there a moment ago, megabytes of them */
	return code;
}

static int load(struct cli_run *r, struct snug_error *e)
{
	const struct cli_args *a = r->args;
	struct snug_image image = {
	    .size = sizeof image,
	    .path = a->image,
	    .kind = (enum snug_kind)a->kind,
	    .mode = a->mode || !r->call ? (enum snug_mode)a->mode : SNUG_MODE_USER,
	    .flags = (a->load.given ? SNUG_IMAGE_LOAD : 0) | (a->entry.given ? SNUG_IMAGE_ENTRY : 0) |
	             (r->call || keep_names(a) ? SNUG_IMAGE_SYMBOLS : 0),
	    .load = a->load.value,
	    .entry = a->entry.value,
	    .stack = a->stack.value,
	};

	return r->pc ? load_kernel(r, &image, e) : snug_load(r->vm, &image, e);
}

/* The image's own failures have statuses of their own; those of the machine come before it is looked at. */
static int start_image(struct cli_run *r, int *status, struct snug_error *e)
{
	int code;

	r->kernel = r->call ? 0 : cli_pc_kind(r->args);
	r->pc = r->kernel != 0;
	see_console(r);
	code = open_vm(r, e);
	*status = CLI_FAILED;
	if (code < 0) {
		r->vm = NULL;
		return code;
	}
	code = load(r, e);
	*status = code == -ENOENT ? CLI_NOT_FOUND : code == -ENOEXEC ? CLI_NO_GUEST : CLI_FAILED;
	return code;
}

/* Was it saved with --exec, its output goes where it went then. */
static int kernel_again(struct cli_run *r, struct snug_error *e)
{
	r->pc = true;
	see_console(r);
	return cli_pc_exec(r, e);
}

static int start_snapshot(struct cli_run *r, int *status, struct snug_error *e)
{
	struct snug_config cfg = {
	    .size = sizeof cfg,
	    .unclaimed = SNUG_UNCLAIMED_IGNORE,
	    .console = {.write = cli_console_write,
	                .read = r->args->exec ? NULL : cli_console_read,
	                .ctx = &r->console,
	                .input = r->args->exec ? 0 : STDIN_FILENO + 1},
	    .flags = cli_jail_config(r->args),
	    .kvm_path = r->args->kvm,
	};
	int code = snug_restore(r->args->image, &cfg, &r->vm, e);

	if (code < 0)
		r->vm = NULL;
	else if (snug_vm_devices(r->vm) & SNUG_DEV_PC)
		code = kernel_again(r, e);
	if (code == -ENOEXEC && r->call)
		snprintf(e->hint, sizeof e->hint, "snug call takes a 64-bit ELF file, or a snapshot of one");
	*status = cli_snapshot_status(e, code);
	return code;
}

int cli_snapshot_status(const struct snug_error *e, int code)
{
	if (code == -ENOENT && e->step == SNUG_STEP_NONE) /* with a step it is the KVM device that is not there */
		return CLI_NOT_FOUND;
	return code == -ENOEXEC || code == -EBADMSG ? CLI_NO_GUEST : CLI_FAILED;
}

/* The services that were asked for. */
static int watch(struct cli_run *r, struct snug_error *e)
{
	const struct cli_args *a = r->args;
	int code = snug_autopsy_start(r->vm, e);

	if (code >= 0 && (a->stats || a->json || a->report))
		code = snug_stats_start(r->vm, e);
	if (code >= 0 && (a->trace || a->report))
		code = cli_trace_start(r->vm, a, e);
	return code < 0 ? code : cli_save_arm(&r->save, r->vm, e);
}

/* What the machine is, for the report. */
static void look(struct cli_run *r)
{
	struct cli_result *res = r->result;
	struct snug_region region = {.size = sizeof region};

	res->cpus = res->mem = 0;
	while (snug_vm_vcpu(r->vm, (unsigned)res->cpus))
		res->cpus++;
	for (unsigned i = 0; snug_mem_region(r->vm, i, &region) == 0; i++)
		if (!strcmp(region.name, "ram"))
			res->mem += region.bytes;
	res->boot = (struct snug_boot){.size = sizeof res->boot};
	res->loaded = snug_loaded(r->vm, &res->boot) == 0;
}

bool cli_run_start(struct cli_run *r)
{
	struct snug_boot *boot = &r->result->boot;
	struct snug_error e;
	int status, code = r->snapshot ? start_snapshot(r, &status, &e) : start_image(r, &status, &e);

	if (code >= 0) {
		status = CLI_FAILED;
		cli_console_open(&r->console, snug_vm_vcpu(r->vm, 0));
		code = watch(r, &e);
	}
	if (code < 0) {
		cli_run_fail(r, status, &e);
		return false;
	}
	look(r);
	r->result->started = true;
	if (r->args->verbose && r->result->loaded)
		cli_say("%s: %s%s, mode %s, at 0x%llx-0x%llx, entry 0x%llx, stack 0x%llx", r->args->image,
		        r->snapshot ? "snapshot of " : "", snug_kind_name(boot->kind), snug_mode_name(boot->mode),
		        (unsigned long long)boot->low, (unsigned long long)boot->high,
		        (unsigned long long)boot->entry, (unsigned long long)boot->stack);
	return true;
}

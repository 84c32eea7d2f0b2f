/* SPDX-License-Identifier: MIT */
/* start: makes the machine of a run and puts the guest into it */
#include <errno.h>

#include "cli.h"
#include "run.h"
#include "timeline.h"

static int open_vm(struct cli_run *r, struct snug_error *e)
{
	const struct cli_args *a = r->args;
	struct snug_config cfg = {
	    .size = sizeof cfg,
	    .mem_bytes = a->mem,
	    .cpus = (uint32_t)a->cpus,
	    .devices = SNUG_DEV_ALL,
	    .unclaimed = SNUG_UNCLAIMED_IGNORE,
	    .console = {.write = cli_console_write, .read = cli_console_read, .ctx = &r->console},
	    .kvm_path = a->kvm,
	};
	int code = snug_vm_new(&cfg, &r->vm, e);

	if (code < 0) {
		r->vm = NULL;
		return code;
	}
	cli_console_open(&r->console, snug_vm_vcpu(r->vm, 0));
	code = snug_autopsy_start(r->vm, e);
	if (code >= 0 && (a->stats || a->json || a->report))
		code = snug_stats_start(r->vm, e);
	return code < 0 || !(a->trace || a->report) ? code : cli_trace_start(r->vm, a, e);
}

static int load(struct cli_run *r, struct snug_error *e)
{
	const struct cli_args *a = r->args;
	struct snug_image image = {
	    .size = sizeof image,
	    .path = a->image,
	    .kind = (enum snug_kind)a->kind,
	    .mode = (enum snug_mode)a->mode,
	    .flags = (a->load.given ? SNUG_IMAGE_LOAD : 0) | (a->entry.given ? SNUG_IMAGE_ENTRY : 0),
	    .load = a->load.value,
	    .entry = a->entry.value,
	    .stack = a->stack.value,
	};

	return snug_load(r->vm, &image, e);
}

bool cli_run_start(struct cli_run *r)
{
	struct snug_boot *boot = &r->result->boot;
	struct snug_error e;
	int code = open_vm(r, &e);

	if (code < 0) {
		cli_run_fail(r, CLI_FAILED, &e);
		return false;
	}
	code = load(r, &e);
	if (code < 0) {
		cli_run_fail(r, code == -ENOENT ? CLI_NOT_FOUND : code == -ENOEXEC ? CLI_NO_GUEST : CLI_FAILED, &e);
		return false;
	}
	*boot = (struct snug_boot){.size = sizeof *boot};
	snug_loaded(r->vm, boot);
	r->result->loaded = true;
	if (r->args->verbose)
		cli_say("%s: %s, mode %s, at 0x%llx-0x%llx, entry 0x%llx, stack 0x%llx", r->args->image,
		        snug_kind_name(boot->kind), snug_mode_name(boot->mode), (unsigned long long)boot->low,
		        (unsigned long long)boot->high, (unsigned long long)boot->entry,
		        (unsigned long long)boot->stack);
	return true;
}

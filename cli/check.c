/* SPDX-License-Identifier: MIT */
/* check: snug check, what this host's KVM can do, row by row */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli.h"
#include "jail.h"
#include "device.h"
#include "json.h"

enum state { OK, MISSING, FAIL };

struct check {
	const char *path; /* the device */
	json_t *rows;
	bool failed;
};

/* Prints a text from column `indent` on, folded at words so that it ends before column 100. */
static void print_folded(const char *text, size_t indent)
{
	const size_t width = 99 - indent;

	while (strlen(text) > width) {
		size_t cut = width;

		while (cut > 0 && text[cut] != ' ')
			cut--;
		if (cut == 0)
			cut = width;
		printf("%.*s\n%*s", (int)cut, text, (int)indent, "");
		text += cut + (text[cut] == ' ');
	}
	printf("%s\n", text);
}

static void row(struct check *c, enum state state, const char *name, const char *value, const char *text,
                const char *fix)
{
	static const char *const words[] = {"ok", "missing", "FAIL"};
	json_t *o = json_pack("{s:s, s:s, s:o, s:o}", "name", name, "state", words[state], "value",
	                      cli_json_text(value), "text", cli_json_text(text));

	printf("%-8s %-34s %-8s ", words[state], name, value);
	print_folded(text, 53);
	if (fix && *fix) {
		json_object_set_new(o, "fix", cli_json_text(fix));
		printf("%8s fix: ", "");
		print_folded(fix, 14);
	}
	json_array_append_new(c->rows, o);
	c->failed |= state == FAIL;
}

static void row_error(struct check *c, const char *name, const struct snug_error *e)
{
	row(c, FAIL, name, "", e->msg, e->hint);
}

/* Everything about the device file; false where it cannot be opened. */
static bool check_device(struct check *c)
{
	struct cli_device d;
	char text[320];

	cli_device_look(c->path, &d);
	snprintf(text, sizeof text, "%.100s: %s", c->path, d.text);
	row(c, d.usable ? OK : FAIL, "device", "", text, d.fix);
	return d.usable;
}

static bool check_host(struct check *c, struct snug_host *host)
{
	static const char *const kinds[] = {
	    [SNUG_HOST_UNKNOWN] = "a KVM snug does not know by name",
	    [SNUG_HOST_VMX] = "kvm_intel: Intel's VT-x runs guests natively in every mode",
	    [SNUG_HOST_SVM] = "kvm_amd: AMD's SVM runs guests natively in every mode",
	    [SNUG_HOST_PVM] = "kvm_pvm: KVM without VT-x or SVM; user mode is native, kernel mode emulated and slow",
	};
	struct snug_error e;
	char n[16];

	if (snug_host_info(c->path, host, &e) < 0) {
		row_error(c, "API version", &e);
		return false;
	}
	row(c, OK, "KVM kind", snug_host_name(host->kind), kinds[host->kind <= SNUG_HOST_PVM ? host->kind : 0], NULL);
	snprintf(n, sizeof n, "%d", host->api_version);
	row(c, OK, "API version", n, "the only one there is", NULL);
	snprintf(n, sizeof n, "%" PRIu32, host->max_vcpus);
	row(c, OK, "vCPUs", n, "at most in one VM", NULL);
	snprintf(n, sizeof n, "%" PRIu32, host->mem_slots);
	row(c, OK, "memory slots", n, "at most in one VM", NULL);
	row(c, host->paged32 ? OK : MISSING, "mode paged32", host->paged32 ? "yes" : "no",
	    host->paged32 ? "32-bit paging can run" : "lost: guests with 32-bit paging; all other modes run",
	    host->paged32 ? NULL : "none on this kind of KVM: use long mode, or a host with VT-x or SVM");
	return true;
}

static void check_caps(struct check *c)
{
	struct snug_cap caps[64];
	struct snug_error e;
	int n = snug_host_caps(c->path, caps, 64, &e);
	char value[16], text[256];

	if (n < 0) {
		row_error(c, "capabilities", &e);
		return;
	}
	for (int i = 0; i < n && i < 64; i++) {
		enum state state = caps[i].value > 0 ? OK : caps[i].required ? FAIL : MISSING;

		snprintf(value, sizeof value, "%d", caps[i].value);
		snprintf(text, sizeof text, "%s%s", state == OK ? "for " : "lost: ", caps[i].lost);
		row(c, state, caps[i].name, value, text, state == FAIL ? "a newer kernel" : NULL);
	}
}

static void size_limit(char out[32], rlim_t v)
{
	if (v == RLIM_INFINITY)
		snprintf(out, 32, "none");
	else
		cli_size(out, v);
}

static void check_limits(struct check *c)
{
	enum { FILES_PER_VM = 2, FILES_FEW = 64 };
	const rlim_t room_least = 64 << 20;
	struct rlimit l;
	char value[32], text[128];
	bool few;

	getrlimit(RLIMIT_NOFILE, &l);
	few = l.rlim_cur != RLIM_INFINITY && l.rlim_cur < FILES_FEW;
	snprintf(value, sizeof value, "%" PRIu64, (uint64_t)l.rlim_cur);
	snprintf(text, sizeof text,
	         "open files: a VM takes 1 and 1 for each vCPU, so about %" PRIu64 " small VMs at once",
	         (uint64_t)(l.rlim_cur / FILES_PER_VM));
	row(c, few ? MISSING : OK, "RLIMIT_NOFILE", value, text, few ? "ulimit -n 1024" : NULL);
	getrlimit(RLIMIT_MEMLOCK, &l);
	size_limit(value, l.rlim_cur);
	row(c, OK, "RLIMIT_MEMLOCK", value, "locked memory: guest memory is not locked, so any limit will do", NULL);
	getrlimit(RLIMIT_AS, &l);
	few = l.rlim_cur != RLIM_INFINITY && l.rlim_cur < room_least;
	size_limit(value, l.rlim_cur);
	row(c, few ? MISSING : OK, "RLIMIT_AS", value,
	    l.rlim_cur == RLIM_INFINITY ? "address space: guest memory may be as large as the host's"
	                                : "address space: all guest memory must fit into it",
	    few ? "ulimit -v unlimited" : NULL);
}

/* The proof: three instructions that end with a status only they can have made. */
static void check_guest(struct check *c)
{
	static const uint8_t code[] = {0xb0, 0x15, 0xe6, 0xf4, 0xf4}; /* mov $0x15, %al; out %al, $0xf4; hlt */
	const unsigned status = 0x15 << 1 | 1;
	struct snug_image image = {.size = sizeof image, .data = code, .len = sizeof code, .mode = SNUG_MODE_REAL};
	struct snug_config cfg = {
	    .size = sizeof cfg, .mem_bytes = 1 << 20, .devices = SNUG_DEV_DEBUG_EXIT, .kvm_path = c->path};
	struct snug_exit x = {0};
	struct snug_error e;
	char text[96], time[16];
	snug_vm *vm = NULL;
	uint64_t begin = cli_now();

	if (snug_vm_new(&cfg, &vm, &e) < 0 || snug_load(vm, &image, &e) < 0 ||
	    snug_vcpu_run(snug_vm_vcpu(vm, 0), 2000000000u, &x, &e) < 0) {
		row_error(c, "a guest", &e);
	} else if (x.kind != SNUG_EXIT_STATUS || x.status.code != status) {
		snprintf(text, sizeof text, "a guest of three instructions ended with %s (%s)",
		         snug_exit_name(x.kind), snug_reason_name(x.reason));
		row(c, FAIL, "a guest", "", text, "the kernel log (dmesg) may say more");
	} else {
		snprintf(text, sizeof text, "three instructions ran and ended with status %u", x.status.code);
		row(c, OK, "a guest", cli_time(time, cli_now() - begin), text, NULL);
	}
	snug_vm_free(vm);
}

/* The layers of --sandbox, each with what this kernel has of it. */
static void check_sandbox(struct check *c)
{
	struct snug_layer layers[8];
	int n = snug_sandbox_layers(layers, 8);
	char lacks[300], text[400];

	cli_jail_namespaces(lacks, sizeof lacks);
	snprintf(text, sizeof text, "%s%s",
	         lacks[0] ? "lost: " : "mount, pid, ipc, uts, network; an empty root directory", lacks);
	row(c, lacks[0] ? MISSING : OK, "sandbox, namespaces", lacks[0] ? "" : "yes", text,
	    lacks[0] ? "user.max_*_namespaces (sysctl) above 0, and user namespaces for all" : NULL);
	for (int i = 0; i < n && i < 8; i++) {
		char name[48];

		snprintf(name, sizeof name, "sandbox, %s", layers[i].name);
		row(c, layers[i].there ? OK : MISSING, name, layers[i].there ? "yes" : "no",
		    layers[i].there ? layers[i].what : "lost: this layer", layers[i].there ? NULL : layers[i].what);
	}
}

static int write_json(const struct check *c, const char *path, const struct snug_host *host)
{
	json_t *o =
	    json_pack("{s:i, s:s, s:s, s:s, s:b, s:O}", "schema", CLI_JSON_SCHEMA, "snug", snug_version(), "device",
	              c->path, "host", snug_host_name(host->kind), "guests_run", !c->failed, "rows", c->rows);
	struct snug_error e;

	if (cli_json_write(path, o, &e) == 0)
		return 0;
	cli_say_error(&e);
	return CLI_FAILED;
}

int verb_check(const struct cli_args *args)
{
	struct check c = {.path = args->kvm ? args->kvm : "/dev/kvm", .rows = json_array()};
	struct snug_host host = {.size = sizeof host};
	int status = CLI_OK;

	if (check_device(&c) && check_host(&c, &host)) {
		check_caps(&c);
		check_guest(&c);
	}
	check_limits(&c);
	check_sandbox(&c);
	printf("\n%s\n", c.failed ? "Guests cannot run here: see the rows marked FAIL." : "Guests can run here.");
	if (args->json)
		status = write_json(&c, args->json, &host);
	json_decref(c.rows);
	return cli_flush(status ? status : c.failed ? CLI_CHECK_FAILED : CLI_OK);
}

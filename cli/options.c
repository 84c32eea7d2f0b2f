/* SPDX-License-Identifier: MIT */
/* options: the tables; parse.c reads command lines by them */
#include <stdio.h>
#include <string.h>

#include "cli.h"

#define FIELD(name) offsetof(struct cli_args, name)
#define RUNS (CLI_RUN | CLI_RESTORE)
#define ALL (RUNS | CLI_CLONE | CLI_CALL | CLI_SNAPSHOT | CLI_CHECK | CLI_DEMO)

const struct cli_option cli_options[] = {
    {"kernel", "FILE", "run this kernel: the same as IMAGE", NULL, CLI_RUN, CLI_TYPE_PATH, FIELD(kernel)},
    {"exec", "CMD", "run CMD by /bin/sh in the guest: its output and status are snug's",
     "The kernel is Linux. It gets an initrd that is made in memory: of --initrd-dir, else of /bin/busybox "
     "(package busybox-static), and a process 1 of snug's own. CMD's stdin is empty; what it prints comes out on "
     "stdout and stderr, byte for byte. A panic of the kernel is status 123. With --save the guest is saved when it "
     "is "
     "ready to run CMD.",
     CLI_RUN, CLI_TYPE_TEXT, FIELD(exec)},
    {"exec", "CMD", "of a guest saved by 'snug run --exec --save': run CMD",
     "Of a clone stdout and stderr come out together.", CLI_RESTORE | CLI_CLONE, CLI_TYPE_TEXT, FIELD(exec)},
    {"initrd", "FILE", "a kernel's initial RAM disk; several, or Multiboot modules: FILE,FILE",
     "Each Multiboot module is told the name it has here. Linux sees one disk that is all of them, in this order.",
     CLI_RUN, CLI_TYPE_PATH, FIELD(initrd)},
    {"initrd-dir", "DIR", "for --exec: what the guest has as its root directory", NULL, CLI_RUN, CLI_TYPE_PATH,
     FIELD(initrd_dir)},
    {"append", "TEXT", "add TEXT to a kernel's command line",
     "snug itself says console=ttyS0 panic=-1 reboot=k, and what --no-host-hints is about.", CLI_RUN, CLI_TYPE_TEXT,
     FIELD(append)},
    {"no-host-hints", NULL, "leave out what only this kind of host wants on a command line",
     "On kvm_pvm a kernel boots faster with some options, which --verbose shows: docs/kvm-pvm.md.", CLI_RUN,
     CLI_TYPE_FLAG, FIELD(no_host_hints), .rare = true},
    {"as", "KIND", "flat, elf, firmware, linux, pvh or multiboot (default: by its bytes)",
     "A flat image is raw code. An ELF file must be static, for x86 and not relocatable. A firmware image ends at "
     "4 GiB and starts at the reset vector.",
     CLI_RUN, CLI_TYPE_KIND, FIELD(kind)},
    {"mode", "MODE", "CPU mode to start in: real, protected, paged32, long, user or reset",
     "The default is what the image asks for: real for a boot sector, protected for 32-bit ELF, long for 64-bit ELF "
     "and other flat images, reset for firmware.",
     CLI_RUN, CLI_TYPE_MODE, FIELD(mode)},
    {"mode", "MODE", "show one CPU mode only: real, protected, paged32, long or user", NULL, CLI_DEMO, CLI_TYPE_MODE,
     FIELD(mode)},
    {"mode", "MODE", "CPU mode to call in: user or long (default user)", NULL, CLI_CALL, CLI_TYPE_MODE, FIELD(mode)},
    {"mem", "SIZE", "guest memory, a multiple of 4K, in K, M, G, T (default 16M, kernels 256M)", NULL,
     CLI_RUN | CLI_CALL, CLI_TYPE_SIZE, FIELD(mem)},
    {"cpus", "N", "virtual CPUs (default 1)",
     "CPU 0 starts the guest. A kernel starts the others; a bare guest has no way to.", CLI_RUN, CLI_TYPE_COUNT,
     FIELD(cpus)},
    {"cpu", "CPU", "host or baseline, then ,+NAME and ,-NAME: what CPU the guest sees",
     "host (the default) is all that KVM can give; baseline is x86-64-v2, which a snapshot can take to other hosts. "
     "NAME is a "
     "feature as /proc/cpuinfo has it.",
     CLI_RUN | CLI_CALL, CLI_TYPE_TEXT, FIELD(cpu), .rare = true},
    {"load", "ADDR", "where a flat image goes (default 0x100000; real mode 0x1000)",
     "Addresses are decimal, or hexadecimal after 0x. A boot sector goes to 0x7c00.", CLI_RUN, CLI_TYPE_ADDRESS,
     FIELD(load), .rare = true},
    {"entry", "ADDR", "first instruction (default: start of a flat image, or as the ELF file says)", NULL, CLI_RUN,
     CLI_TYPE_ADDRESS, FIELD(entry), .rare = true},
    {"stack", "ADDR", "initial stack pointer (default: end of memory; real mode 0x7000)", NULL, CLI_RUN,
     CLI_TYPE_ADDRESS, FIELD(stack), .rare = true},
    {"count", "N", "how many clones to make and run", NULL, CLI_CLONE, CLI_TYPE_COUNT, FIELD(count), 'n'},
    {"list", NULL, "list the names of IMAGE instead: address, size, name", NULL, CLI_CALL, CLI_TYPE_FLAG,
     FIELD(list)},
    {"hex", NULL, "print the result in hexadecimal", NULL, CLI_CALL, CLI_TYPE_FLAG, FIELD(hex)},
    {"quiet", NULL, "do not print the result", NULL, CLI_CALL, CLI_TYPE_FLAG, FIELD(quiet)},
    {"repeat", "N", "call N times, each from the same state, and tell on stderr how long it took",
     "All calls must give what the first one gave, else the status is 125. What the guest prints is shown of the "
     "first "
     "call alone.",
     CLI_CALL, CLI_TYPE_COUNT, FIELD(repeat)},
    {"timeout", "SECONDS", "stop the guest after so long, with status 124; decimals are fine", NULL,
     RUNS | CLI_CLONE | CLI_CALL, CLI_TYPE_SECONDS, FIELD(timeout_ns)},
    {"reboot", NULL, "a reset by the guest starts it over instead of ending the run",
     "The image, or the snapshot, is read again into a new machine. The time of --timeout goes on.", RUNS,
     CLI_TYPE_FLAG, FIELD(reboot)},
    {"stats", NULL, "at the end, print what each kind of exit cost, to stderr", NULL, RUNS | CLI_CALL, CLI_TYPE_FLAG,
     FIELD(stats)},
    {"stats", NULL, "at the end, print how long restoring, cloning and running took, to stderr", NULL, CLI_CLONE,
     CLI_TYPE_FLAG, FIELD(stats)},
    {"gdb", "WHERE", "let gdb drive the guest from its first instruction on: tcp:PORT or unix:PATH",
     "TCP is on 127.0.0.1 alone; port 0 takes a free one and says which. The guest stands until gdb connects, and "
     "again where gdb goes away without detaching.",
     RUNS, CLI_TYPE_PATH, FIELD(gdb)},
    {"json", "FILE", "write the results to FILE as JSON",
     "FILE appears whole or not at all. That it cannot be written is status 125.",
     RUNS | CLI_CLONE | CLI_CALL | CLI_SNAPSHOT | CLI_CHECK, CLI_TYPE_PATH, FIELD(json)},
    {"trace", "FILE", "write a timeline to FILE, for ui.perfetto.dev or chrome://tracing",
     "It shows KVM_RUN, each exit with its arguments, the work of devices and the marks of the guest (snug_mark of "
     "snug/guest.h), the newest 131072 exits of them; otherData in the file counts the lost events. With --reboot it "
     "is the last machine's.",
     RUNS, CLI_TYPE_PATH, FIELD(trace)},
    {"stream", NULL, "let --trace lose nothing: records go to a file beside FILE as the guest runs", NULL, RUNS,
     CLI_TYPE_FLAG, FIELD(stream), .rare = true},
    {"report", "FILE", "write a page for a browser to FILE: result, exits, timeline, console",
     "One HTML file that needs no network. It has the newest 8192 exits and the last 256K of the console.", RUNS,
     CLI_TYPE_PATH, FIELD(report)},
    {"core", "FILE", "if the guest crashes, write an ELF core file to FILE, for gdb",
     "It holds all guest memory, zeros as holes, at the addresses the guest's page tables give it. FILE appears "
     "whole or "
     "not at all, and only after a crash.",
     RUNS, CLI_TYPE_PATH, FIELD(core)},
    {"save", "FILE", "write a snapshot to FILE at the mark \"ready\", on SIGUSR1, or at the halt",
     "At the first mark of that name the guest makes (snug_mark of snug/guest.h), and then it runs on; each time "
     "SIGUSR1 "
     "comes; where it halts if nothing was saved till then. FILE appears whole or not at all. A run that ends "
     "without "
     "having saved has status 125.",
     RUNS, CLI_TYPE_PATH, FIELD(save)},
    {"sandbox", "HOW", "confine snug itself: on, off or strict (default on)",
     "Before the guest's first instruction: namespaces of its own, an empty root directory, no capabilities, "
     "Landlock, "
     "and a filter of system calls. What this kernel lacks is told and gone without; strict refuses to run then.",
     RUNS | CLI_CLONE | CLI_CALL, CLI_TYPE_SANDBOX, FIELD(sandbox)},
    {"dumpable", NULL, "leave guest memory in core dumps of snug itself", NULL, RUNS | CLI_CLONE | CLI_CALL,
     CLI_TYPE_FLAG, FIELD(dumpable), .rare = true},
    {"verify", NULL, "read all of memory too, and compare its checksums", NULL, CLI_SNAPSHOT, CLI_TYPE_FLAG,
     FIELD(verify)},
    {"kvm", "PATH", "the KVM device (default /dev/kvm)", NULL, ALL, CLI_TYPE_PATH, FIELD(kvm), .rare = true},
    {"verbose", NULL, "tell on stderr what was loaded where, and what ended the run", NULL,
     RUNS | CLI_CLONE | CLI_CALL, CLI_TYPE_FLAG, FIELD(verbose)},
    {"help", NULL, "show this", NULL, ALL, CLI_TYPE_FLAG, FIELD(help)},
    {NULL},
};

const struct cli_verb cli_verbs[] = {
    {"run", CLI_RUN, "[OPTIONS] IMAGE [-- ARG...]", "run a guest: its console is stdin and stdout",
     "Status: the guest's own; crash 123, timeout 124, snug failed 125, no guest 126, no IMAGE 127.",
     .operands = {"IMAGE"}, .min = 1, .max = 1, .guest_args = true},
    {"restore", CLI_RESTORE, "[OPTIONS] FILE", "run a guest on from where it was saved: see 'snug run --save'",
     "Status: as of 'snug run'; no snapshot in FILE 126, no FILE 127.", .operands = {"FILE"}, .min = 1, .max = 1},
    {"clone", CLI_CLONE, "[OPTIONS] FILE -n N", "run many clones of a snapshot, each to its end",
     "Status: the highest of the clones; snug failed 125, no snapshot in FILE 126, no FILE 127.",
     .operands = {"FILE"}, .min = 1, .max = 1},
    {"call", CLI_CALL, "[OPTIONS] IMAGE FUNCTION [ARG...]", "call one function of an ELF file, or of a snapshot",
     "ARG: a number, s:TEXT, @FILE (address and length), o:N (output), io:TEXT, io:@FILE (both).\n"
     "Status: 0 if the function returned; crash 123, timeout 124, snug failed 125, no IMAGE 127.",
     .operands = {"IMAGE", "FUNCTION", "ARG"}, .min = 1, .max = CLI_OPERANDS_MAX, .numbers = true},
    {"snapshot", CLI_SNAPSHOT, "info [OPTIONS] FILE",
     "say what a snapshot holds, and whether it can be restored here",
     "Status: 0 if it can be restored here, 1 if not; no snapshot or damaged 126, no FILE 127.", .operands = {"FILE"},
     .min = 1, .max = 1, .words = "info"},
    {"check", CLI_CHECK, "[OPTIONS]", "say what this host's KVM can do, and what to do about what it can't",
     "Status: 0 if guests can run here, else 1."},
    {"demo", CLI_DEMO, "[OPTIONS]", "show the nine steps from /dev/kvm to a running guest, in each CPU mode",
     "Status: 0 if every mode ran, or is one this host cannot have; else 1."},
    {NULL},
};

const struct cli_verb *cli_verb_find(const char *name)
{
	const struct cli_verb *v;

	for (v = cli_verbs; v->name; v++)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

/* As enum cli_sandbox has them. */
static const char *const sandboxes[] = {"on", "off", "strict"};

const char *cli_choice(enum cli_type type, unsigned index)
{
	if (type == CLI_TYPE_KIND)
		return index < SNUG_KIND_MULTIBOOT ? snug_kind_name(SNUG_KIND_FLAT + index) : NULL;
	if (type == CLI_TYPE_MODE)
		return index < SNUG_MODE_RESET ? snug_mode_name(SNUG_MODE_REAL + index) : NULL;
	if (type == CLI_TYPE_SANDBOX)
		return index < sizeof sandboxes / sizeof *sandboxes ? sandboxes[index] : NULL;
	return NULL;
}

void cli_choices(enum cli_type type, char *out, size_t len)
{
	const char *name;
	size_t used = 0;

	out[0] = 0;
	for (unsigned i = 0; (name = cli_choice(type, i)) && used < len; i++) {
		const char *glue = i == 0 ? "" : cli_choice(type, i + 1) ? ", " : " and ";
		int n = snprintf(out + used, len - used, "%s%s", glue, name);

		used += n > 0 ? (size_t)n : 0;
	}
}

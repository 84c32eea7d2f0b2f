/* SPDX-License-Identifier: MIT */
#include "facts.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void cpu_name(char name[128])
{
	char line[256];
	FILE *f = fopen("/proc/cpuinfo", "re");

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "model name : %127[^\n]", name) == 1)
			break;
	if (f)
		fclose(f);
}

static void make_nonce(char out[33])
{
	unsigned char bytes[16];

	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return;
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void for_report(struct cli_facts *f)
{
	struct utsname u;

	cpu_name(f->cpu);
	if (uname(&u) == 0)
		snprintf(f->kernel, sizeof f->kernel, "%s", u.release);
	f->host_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	make_nonce(f->nonce);
	tzset(); /* strftime looks at the host's time zone, the first time */
}

void cli_facts_gather(struct cli_facts *f, const struct cli_args *args)
{
	struct snug_host host = {.size = sizeof host};

	*f = (struct cli_facts){0};
	if (!args->json && !args->report)
		return;
	snug_host_info(args->kvm, &host, NULL);
	f->kind = host.kind;
	if (args->report)
		for_report(f);
}

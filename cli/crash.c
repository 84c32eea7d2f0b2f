/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "crash.h"
#include "outfile.h"

static void write_line(void *ctx, const char *line, size_t len)
{
	fwrite(line, 1, len, ctx);
}

char *cli_crash_text(const struct snug_exit *x, struct snug_autopsy *a)
{
	struct snug_error e;
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	*a = (struct snug_autopsy){.size = sizeof *a};
	if (!to)
		return NULL;
	if (snug_autopsy(x->vcpu, x, a, &e) < 0) {
		snprintf(a->what, sizeof a->what, "%s", snug_exit_name(x->kind));
		fprintf(to, "  no autopsy: %s\n", e.msg);
	} else {
		snug_autopsy_text(a, write_line, to);
	}
	if (fclose(to) == 0)
		return text;
	free(text);
	return NULL;
}

/* What lies between two offsets stays a hole. */
static int write_at(void *ctx, uint64_t offset, const void *bytes, size_t len)
{
	const struct cli_out *o = ctx;
	const char *from = bytes;

	while (len) {
		ssize_t n = pwrite(o->fd, from, len, (off_t)offset);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			from += n;
			offset += (uint64_t)n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int cli_crash_core(const char *path, const struct snug_exit *x, struct snug_error *e)
{
	struct cli_out out;
	struct stat st;
	uint64_t bytes;
	int r = cli_out_open(&out, "core", path, e);

	if (r < 0)
		return r;
	r = snug_core_write(x->vcpu, x, write_at, &out, &bytes, e);
	/* A link leads to a plain file too. */
	if (r == 0 && fstat(out.fd, &st) == 0 && S_ISREG(st.st_mode) && ftruncate(out.fd, (off_t)bytes) < 0)
		r = -errno;
	return cli_out_close(&out, r, e);
}

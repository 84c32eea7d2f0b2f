/* SPDX-License-Identifier: MIT */
/* json: results for programs to read */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "json.h"

#define HINT "--json FILE needs a directory that can be written"

/* Only what is a plain file, or nothing yet, may be replaced by a rename: never /dev/null. */
static bool replaceable(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 ? errno == ENOENT : S_ISREG(st.st_mode);
}

static int failed(struct snug_error *e, const char *path, int err)
{
	return cli_err(e, -err, HINT, "--json: %.300s: %s", path, strerror(err));
}

int cli_json_check(const char *path, struct snug_error *e)
{
	const char *slash = strrchr(path, '/');
	char dir[4096];
	size_t len = slash ? (size_t)(slash - path) : 0;
	struct stat st;

	if (len >= sizeof dir)
		return failed(e, path, ENAMETOOLONG);
	memcpy(dir, path, len);
	dir[len] = 0;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return failed(e, path, EISDIR);
	if (!replaceable(path))
		return access(path, W_OK) < 0 ? failed(e, path, errno) : 0;
	return access(len ? dir : slash ? "/" : ".", W_OK | X_OK) < 0 ? failed(e, path, errno) : 0;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int write_file(const char *path, const char *text)
{
	char temp[4096];
	bool fresh = replaceable(path);
	mode_t mask;
	int fd, r;

	if (!fresh) {
		fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	} else {
		if ((size_t)snprintf(temp, sizeof temp, "%s.XXXXXX", path) >= sizeof temp)
			return -ENAMETOOLONG;
		fd = mkstemp(temp);
	}
	if (fd < 0)
		return -errno;
	r = write_all(fd, text, strlen(text));
	if (fresh && r == 0) {
		mask = umask(0);
		umask(mask);
		r = fchmod(fd, 0666 & ~mask) < 0 ? -errno : 0;
	}
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (!fresh)
		return r;
	if (r == 0 && rename(temp, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(temp);
	return r;
}

int cli_json_write(const char *path, json_t *value, struct snug_error *e)
{
	char *text = value ? json_dumps(value, JSON_INDENT(2)) : NULL, *line;
	size_t len = text ? strlen(text) : 0;
	int r = -ENOMEM;

	json_decref(value);
	line = text ? realloc(text, len + 2) : NULL;
	if (line) {
		memcpy(line + len, "\n", 2);
		r = write_file(path, line);
	} else {
		free(text);
	}
	free(line);
	return r < 0 ? failed(e, path, -r) : 0;
}

json_t *cli_json_text(const char *s)
{
	json_t *text = json_string(s);
	char *copy;

	if (text)
		return text;
	copy = strdup(s);
	for (char *c = copy; c && *c; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	text = copy ? json_string(copy) : NULL;
	free(copy);
	return text;
}

json_t *cli_json_error(const struct snug_error *e)
{
	return json_pack("{s:i, s:i, s:o, s:o}", "errno", -e->code, "step", e->step, "message", cli_json_text(e->msg),
	                 "hint", cli_json_text(e->hint));
}

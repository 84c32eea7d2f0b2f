/* SPDX-License-Identifier: MIT */
/* callarg: the arguments of snug call, as people type them */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "callarg.h"
#include "cli.h"
#include "sizes.h"

/* The next argument, an integer of 0; NULL where there is none left. */
static struct snug_arg *add(struct cli_call_args *a, const char *word, struct snug_error *e)
{
	if (a->count < SNUG_ARGS_MAX)
		return &a->arg[a->count++];
	cli_err(e, -E2BIG, "@FILE counts twice: its address and its length",
	        "'%.100s': a function takes at most %d arguments", word, SNUG_ARGS_MAX);
	return NULL;
}

static int add_integer(struct cli_call_args *a, uint64_t value, const char *word, struct snug_error *e)
{
	struct snug_arg *arg = add(a, word, e);

	if (!arg)
		return e->code;
	arg->value = value;
	return 0;
}

/* Takes data over, also where it fails. */
static int add_buffer(struct cli_call_args *a, enum snug_arg_kind kind, void *data, size_t len, size_t show,
                      const char *word, struct snug_error *e)
{
	void *initial = kind == SNUG_ARG_INOUT ? malloc(len + 1) : NULL;
	struct snug_arg *arg = NULL;

	if (!data || (kind == SNUG_ARG_INOUT && !initial))
		cli_err(e, -ENOMEM, NULL, "'%.100s': no memory", word);
	else
		arg = add(a, word, e);
	if (!arg) {
		free(data);
		free(initial);
		return e->code;
	}
	if (initial)
		memcpy(initial, data, len);
	arg->kind = kind;
	arg->data = data;
	arg->len = len;
	a->initial[arg - a->arg] = initial;
	a->show[arg - a->arg] = show;
	return 0;
}

static int add_text(struct cli_call_args *a, enum snug_arg_kind kind, const char *text, const char *word,
                    struct snug_error *e)
{
	size_t len = strlen(text);

	/* The NUL is the guest's need, and not shown. */
	return add_buffer(a, kind, strdup(text), len + 1, kind == SNUG_ARG_INOUT ? len : 0, word, e);
}

/* All of a file, which may be a pipe; *len is how much.  NULL: errno says why. */
static unsigned char *read_all(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), saved;
	size_t size = 0, used = 0;
	unsigned char *bytes = NULL, *more;
	ssize_t n = fd < 0 ? -1 : 1;

	while (n > 0) {
		if (used == size) {
			size = size ? 2 * size : 65536;
			more = realloc(bytes, size);
			n = more ? n : -1;
			bytes = more ? more : bytes;
		}
		if (n > 0)
			n = read(fd, bytes + used, size - used);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			used += (size_t)n;
		if (used > CLI_BUFFER_MAX) {
			errno = EFBIG;
			n = -1;
		}
	}
	saved = errno;
	if (fd >= 0)
		close(fd);
	*len = used;
	if (n == 0)
		return bytes;
	free(bytes);
	errno = saved;
	return NULL;
}

static int add_file(struct cli_call_args *a, enum snug_arg_kind kind, const char *path, const char *word,
                    struct snug_error *e)
{
	size_t len;
	unsigned char *bytes = read_all(path, &len);
	int r;

	if (!bytes)
		return cli_err(e, -errno, errno == EFBIG ? "a buffer is at most 64 MiB" : NULL, "'%.200s': %s", word,
		               strerror(errno));
	r = add_buffer(a, kind, bytes, len, kind == SNUG_ARG_INOUT ? len : 0, word, e);
	return r < 0 ? r : add_integer(a, len, word, e);
}

static int add_out(struct cli_call_args *a, const char *number, const char *word, struct snug_error *e)
{
	uint64_t bytes = 0;
	const char *wrong = cli_parse_count(number, &bytes);

	if (wrong)
		return cli_err(e, -EINVAL, "o:N is a buffer of N bytes for output", "'%.100s': '%.100s' %s", word,
		               number, wrong);
	if (bytes > CLI_BUFFER_MAX)
		return cli_err(e, -EFBIG, "a buffer is at most 64 MiB", "'%.100s': too large", word);
	return add_buffer(a, SNUG_ARG_OUT, calloc(1, bytes), bytes, bytes, word, e);
}

static int add_number(struct cli_call_args *a, const char *word, struct snug_error *e)
{
	uint64_t value = 0;
	const char *wrong = cli_parse_integer(word, &value);

	if (!wrong)
		return add_integer(a, value, word, e);
	return cli_err(e, -EINVAL, "an argument is a number, s:TEXT, @FILE, o:N (output), io:TEXT or io:@FILE",
	               "argument '%.200s' %s", word, wrong);
}

static int add_word(struct cli_call_args *a, const char *word, struct snug_error *e)
{
	if (word[0] == '@')
		return add_file(a, SNUG_ARG_IN, word + 1, word, e);
	if (!strncmp(word, "s:", 2))
		return add_text(a, SNUG_ARG_IN, word + 2, word, e);
	if (!strncmp(word, "o:", 2))
		return add_out(a, word + 2, word, e);
	if (!strncmp(word, "io:@", 4))
		return add_file(a, SNUG_ARG_INOUT, word + 4, word, e);
	if (!strncmp(word, "io:", 3))
		return add_text(a, SNUG_ARG_INOUT, word + 3, word, e);
	return add_number(a, word, e);
}

int cli_call_args_read(const char *const *words, unsigned count, struct cli_call_args *out, struct snug_error *e)
{
	int r = 0;

	*out = (struct cli_call_args){0};
	for (unsigned i = 0; i < count && r == 0; i++)
		r = add_word(out, words[i], e);
	return r;
}

void cli_call_args_free(struct cli_call_args *a)
{
	for (unsigned i = 0; i < a->count; i++) {
		free(a->arg[i].data);
		free(a->initial[i]);
	}
	a->count = 0;
}

void cli_call_args_renew(struct cli_call_args *a)
{
	for (unsigned i = 0; i < a->count; i++)
		if (a->initial[i])
			memcpy(a->arg[i].data, a->initial[i], a->arg[i].len);
}

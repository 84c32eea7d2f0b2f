/* SPDX-License-Identifier: MIT */
/*
 * httpd: a web server that runs a function it does not trust for each request
 *
 *     httpd [--port N] [--mode snug|fork|native] [--threads N] [--timeout-ms N] [GUEST.elf]
 *
 * This file is HTTP (libmicrohttpd) and options; mode_snug.c is what the example is about.
 */
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <microhttpd.h>

#include "mode.h"

struct request {
	size_t len;
	bool too_long;
	char text[REQUEST_MAX];
};

void answer_say(struct answer *a, unsigned status, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(a->text, a->max - 1, format, ap);
	va_end(ap);
	a->status = status;
	a->len = n < 0 ? 0 : strlen(a->text);
	a->text[a->len++] = '\n';
}

void answer_take(struct answer *a, int64_t result)
{
	if (result >= 0 && (uint64_t)result <= a->max) {
		a->status = MHD_HTTP_OK;
		a->len = (size_t)result;
	} else if (result > -500 && result <= -400) {
		answer_say(a, (unsigned)-result, "the function says %d", (int)-result);
	} else {
		answer_say(a, 500, "the function returned nonsense");
	}
}

static void take(struct request *r, const char *bytes, size_t len)
{
	if (len > sizeof(r->text) - r->len) {
		r->too_long = true;
		return;
	}
	memcpy(r->text + r->len, bytes, len);
	r->len += len;
}

static struct request *begin(const char *method, const char *url)
{
	struct request *r = malloc(sizeof(*r));

	if (!r)
		return NULL;
	r->len = 0;
	r->too_long = false;
	take(r, method, strlen(method));
	take(r, " ", 1);
	take(r, url, strlen(url));
	take(r, "\n", 1);
	return r;
}

static enum MHD_Result respond(struct MHD_Connection *connection, struct answer *a)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(a->len, a->text, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result done;

	if (!response) {
		free(a->text);
		return MHD_NO;
	}
	/* The type is not the function's to choose; and what it wrote is a stranger's for the browser too. */
	MHD_add_response_header(response, "Content-Type",
	                        a->status == MHD_HTTP_OK ? "text/html; charset=utf-8" : "text/plain; charset=utf-8");
	MHD_add_response_header(response, "Content-Security-Policy", "sandbox; default-src 'none'");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	done = MHD_queue_response(connection, a->status, response);
	MHD_destroy_response(response);
	return done;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **state)
{
	const struct mode *mode = cls;
	struct request *r = *state;
	struct answer a = {.max = r ? RESPONSE_MAX(r->len) : 0};

	(void)version;
	if (!r)
		return (*state = begin(method, url)) ? MHD_YES : MHD_NO;
	if (*upload_size) {
		take(r, upload, *upload_size);
		*upload_size = 0;
		return MHD_YES;
	}
	a.text = malloc(a.max);
	if (!a.text)
		return MHD_NO;
	if (r->too_long)
		answer_say(&a, MHD_HTTP_CONTENT_TOO_LARGE, "at most %u bytes", REQUEST_MAX);
	else
		mode->call(r->text, r->len, &a);
	return respond(connection, &a);
}

static void on_end(void *cls, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode how)
{
	(void)cls, (void)connection, (void)how;
	free(*state);
}

static unsigned number(const char *option, const char *text, unsigned min, unsigned max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n < min || n > max) {
		fprintf(stderr, "httpd: --%s is %u to %u\n", option, min, max);
		exit(2);
	}
	return (unsigned)n;
}

static const struct mode *mode_named(const char *name)
{
	static const struct mode *const modes[] = {&mode_snug, &mode_fork, &mode_native, NULL};

	for (size_t i = 0; modes[i]; i++)
		if (!strcmp(modes[i]->name, name))
			return modes[i];
	fprintf(stderr, "httpd: --mode is snug, fork or native\n");
	exit(2);
}

static const struct mode *parse(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {{"port", required_argument, NULL, 'p'},
	                                      {"mode", required_argument, NULL, 'm'},
	                                      {"threads", required_argument, NULL, 't'},
	                                      {"timeout-ms", required_argument, NULL, 'l'},
	                                      {0}};
	const struct mode *mode = &mode_snug;
	bool good = true;

	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		if (c == 'p')
			o->port = number("port", optarg, 0, 65535);
		else if (c == 'm')
			mode = mode_named(optarg);
		else if (c == 't')
			o->threads = number("threads", optarg, 2, 256);
		else if (c == 'l')
			o->timeout_ms = number("timeout-ms", optarg, 1, 60000);
		else
			good = false;
	}
	o->guest = argv[optind];
	if (!good || (mode == &mode_snug && !o->guest) || argc - optind > 1) {
		fprintf(stderr, "usage: httpd [--port N] [--mode snug|fork|native] [--threads N] [--timeout-ms N] "
		                "GUEST.elf\n");
		exit(2);
	}
	return mode;
}

/* Serves until a signal of `until` comes. */
static int serve(const struct mode *mode, const struct options *o, const sigset_t *until)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)o->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct MHD_Daemon *daemon = MHD_start_daemon(
	    MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request,
	    (void *)(uintptr_t)mode, MHD_OPTION_SOCK_ADDR, &at, MHD_OPTION_THREAD_POOL_SIZE, o->threads,
	    MHD_OPTION_CONNECTION_LIMIT, 1000u, MHD_OPTION_CONNECTION_TIMEOUT, 10u, MHD_OPTION_NOTIFY_COMPLETED,
	    on_end, NULL, MHD_OPTION_END);
	int sig;

	if (!daemon) {
		fprintf(stderr, "httpd: cannot listen on 127.0.0.1:%u\n", o->port);
		return 1;
	}
	printf("%s: http://127.0.0.1:%u/\n", mode->name,
	       (unsigned)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
	fflush(stdout);
	sigwait(until, &sig);
	/* A native function that loops would keep its thread, and so this process, for ever: the second signal kills. */
	pthread_sigmask(SIG_UNBLOCK, until, NULL);
	MHD_stop_daemon(daemon);
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = {.port = 8080, .threads = 2, .timeout_ms = 1000};
	const struct mode *mode = parse(argc, argv, &o);
	sigset_t until;
	int status;

	/* Before there are threads: they inherit it, and only sigwait gets the signals. */
	sigemptyset(&until);
	sigaddset(&until, SIGTERM);
	sigaddset(&until, SIGINT);
	pthread_sigmask(SIG_BLOCK, &until, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (mode->start(&o) < 0)
		return 1;
	status = serve(mode, &o, &until);
	mode->stop();
	return status;
}

/* SPDX-License-Identifier: MIT */
/* native: a plain call.  Nothing is protected: a crash is the server's, a loop is for ever, memory is shared. */
#include <pthread.h>

#include "mode.h"
#include "page.h"

/* handle is written for one request at a time.  A machine or a process of its own has no need of this. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int start(const struct options *o)
{
	(void)o;
	return 0;
}

static void call(const char *request, size_t len, struct answer *a)
{
	long result;

	pthread_mutex_lock(&lock);
	result = handle(request, len, a->text, a->max);
	pthread_mutex_unlock(&lock);
	answer_take(a, result);
}

static void stop(void)
{
}

const struct mode mode_native = {"native", start, call, stop};

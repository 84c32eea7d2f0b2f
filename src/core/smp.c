/* SPDX-License-Identifier: MIT */
#include "core/smp.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/sized.h"
#include "host/clock.h"

/* ---- vCPU threads. */

static void kick_all(struct snug__smp *s)
{
	for (unsigned i = 0; i < s->made; i++) {
		struct snug__smp_thread *t = &s->thread[i];

		if (t->cpu < 0)
			continue;
		t->kicked = true;
		snug__kick(&s->vm->vcpus[t->cpu].kick);
	}
}

/* Devices stand still while the VM is paused: what came meanwhile is looked at afterwards. */
static void set_live(snug_vm *vm, bool live)
{
	pthread_mutex_lock(&vm->bus_lock);
	vm->live = live;
	pthread_mutex_unlock(&vm->bus_lock);
}

void snug__smp_live(snug_vm *vm, bool live)
{
	if (!vm->smp)
		return;
	set_live(vm, live);
	if (live)
		snug__loop_wake(&vm->smp->loop);
}

static void want_pause(struct snug__smp *s)
{
	if (s->want != SNUG__SMP_RUN)
		return;
	s->want = SNUG__SMP_PAUSE;
	kick_all(s);
	pthread_cond_broadcast(&s->changed);
}

/*
 * A vCPU came out.  The first exit is the VM's; a vCPU that came out with one while another's was being told keeps it for
 * its next run.  No signal but the kick's reaches these threads.
 */
static void came_out(struct snug__smp *s, struct snug__smp_thread *t, int r, const struct snug_exit *x,
                     const struct snug_error *e)
{
	snug_vcpu *vcpu = &s->vm->vcpus[t->cpu];

	if (r < 0 && s->code >= 0) {
		s->code = r;
		s->error = *e;
	}
	if (r >= 0 && x->kind == SNUG_EXIT_KICKED && t->kicked) {
		t->kicked = false;
		return;
	}
	if (r >= 0 && s->has_exit) {
		vcpu->held = *x;
		vcpu->has_held = true;
	} else if (r >= 0) {
		s->exit = *x;
		s->has_exit = true;
	}
	want_pause(s);
}

static void run_vcpu(struct snug__smp *s, struct snug__smp_thread *t)
{
	struct snug_exit x;
	struct snug_error e;
	int r;

	pthread_mutex_lock(&s->lock);
	while (s->want != SNUG__SMP_STOP) {
		if (s->want == SNUG__SMP_PAUSE) {
			pthread_cond_wait(&s->changed, &s->lock);
			continue;
		}
		s->running++;
		pthread_mutex_unlock(&s->lock);
		r = snug_vcpu_run(&s->vm->vcpus[t->cpu], 0, &x, &e);
		pthread_mutex_lock(&s->lock);
		came_out(s, t, r, &x, &e);
		s->running--;
		pthread_cond_broadcast(&s->changed);
	}
	pthread_mutex_unlock(&s->lock);
}

/* ---- The loop's thread. */

void snug__smp_timer(snug_vm *vm)
{
	if (vm->smp)
		snug__loop_at(&vm->smp->loop, snug__machine_next(vm));
}

static void run_loop(struct snug__smp *s)
{
	snug_vm *vm = s->vm;

	while (snug__loop_wait(&s->loop)) {
		pthread_mutex_lock(&vm->bus_lock);
		if (vm->live)
			snug__machine_events(vm, snug__now_ns());
		pthread_mutex_unlock(&vm->bus_lock);
	}
}

/* ---- Making and ending them. */

static void *thread_main(void *arg)
{
	struct snug__smp_thread *t = arg;
	struct snug__smp *s = t->smp;
	int r = s->how.begin ? s->how.begin(s->how.ctx, t->cpu) : 0;

	pthread_mutex_lock(&s->lock);
	s->begun = true;
	s->begun_code = r;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	if (r >= 0 && t->cpu < 0)
		run_loop(s);
	else if (r >= 0)
		run_vcpu(s, t);
	return NULL;
}

/* One thread, up to where it has begun.  Signals of the process are for the threads of the program. */
static int make_thread(struct snug__smp *s, int cpu, struct snug_error *err)
{
	struct snug__smp_thread *t = &s->thread[s->made];
	sigset_t all, old;
	int r;

	*t = (struct snug__smp_thread){.smp = s, .cpu = cpu};
	s->begun = false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&t->thread, NULL, thread_main, t);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r < 0)
		return snug__err(err, r, SNUG_STEP_INIT, "raise the limit on processes: ulimit -u",
		                 "no thread %d of %u could be made: %s (%s)", cpu + 2, s->vm->cpus + 1,
		                 snug__errno_text(-r), snug__errno_name(-r));
	s->made++;
	pthread_mutex_lock(&s->lock);
	while (!s->begun)
		pthread_cond_wait(&s->changed, &s->lock);
	r = s->begun_code;
	pthread_mutex_unlock(&s->lock);
	return r >= 0 ? 0
	              : snug__err(err, r, SNUG_STEP_INIT, "see what snug_threads.begin says",
	                          "thread %d of %u: begin returned %d", cpu + 2, s->vm->cpus + 1, r);
}

static void join_all(struct snug__smp *s)
{
	pthread_mutex_lock(&s->lock);
	s->want = SNUG__SMP_STOP;
	kick_all(s);
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	snug__loop_stop(&s->loop);
	for (unsigned i = 0; i < s->made; i++)
		pthread_join(s->thread[i].thread, NULL);
	for (unsigned i = 0; i < s->vm->cpus; i++)
		snug__kick_take(&s->vm->vcpus[i].kick);
}

static void destroy(struct snug__smp *s)
{
	snug__loop_close(&s->loop);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static struct snug__smp *create(snug_vm *vm, const struct snug_threads *how)
{
	struct snug__smp *s = calloc(1, sizeof(*s) + (vm->cpus + 1ul) * sizeof(s->thread[0]));
	pthread_condattr_t attr;

	if (!s)
		return NULL;
	s->vm = vm;
	s->how = *how;
	s->loop = (struct snug__loop){.epoll = -1, .wake = -1, .timer = -1};
	if (pthread_mutex_init(&s->lock, NULL) != 0) {
		free(s);
		return NULL;
	}
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &attr);
	pthread_condattr_destroy(&attr);
	return s;
}

/* A file cannot be waited for and needs not be: its bytes are looked for when the loop is woken. */
static int watch_input(struct snug__smp *s)
{
	int fd = s->vm->console.input - 1, r;

	if (fd < 0)
		return 0;
	r = snug__loop_add(&s->loop, fd, 0);
	return r == -EPERM ? 0 : r;
}

int snug_start(snug_vm *vm, const struct snug_threads *threads, struct snug_error *err)
{
	static const struct snug_threads none;
	struct snug_threads how;
	struct snug__smp *s;
	int r = 0;

	if (!threads)
		threads = &none;
	if (!snug__sized_copy(&how, sizeof(how), threads))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "set it to sizeof(struct snug_threads) or 0",
		                 "threads: size %zu", threads->size);
	if (vm->smp)
		return snug__err(err, -EALREADY, SNUG_STEP_NONE, "call snug_stop first", "the VM has its threads");
	s = create(vm, &how);
	if (!s)
		return snug__err(err, -ENOMEM, SNUG_STEP_INIT, "free some memory", "threads: out of memory");
	r = snug__loop_open(&s->loop);
	if (r >= 0)
		r = watch_input(s);
	if (r < 0) {
		destroy(s);
		return snug__err(err, r, SNUG_STEP_INIT, "raise the limit on open files: ulimit -n",
		                 "no event loop: %s (%s)", snug__errno_text(-r), snug__errno_name(-r));
	}
	for (int cpu = -1; r >= 0 && cpu < (int)vm->cpus; cpu++)
		r = make_thread(s, cpu, err);
	if (r < 0) {
		join_all(s);
		destroy(s);
		return r;
	}
	vm->smp = s;
	return 0;
}

static int not_started(struct snug_error *err)
{
	return snug__err(err, -ESRCH, SNUG_STEP_NONE, "call snug_start first", "the VM has no threads");
}

int snug_resume(snug_vm *vm, struct snug_error *err)
{
	struct snug__smp *s = vm->smp;

	if (!s)
		return not_started(err);
	pthread_mutex_lock(&s->lock);
	if (s->want == SNUG__SMP_PAUSE && s->running == 0) {
		for (unsigned i = 0; i < s->made; i++) {
			if (s->thread[i].kicked)
				snug__kick_take(&vm->vcpus[s->thread[i].cpu].kick);
			s->thread[i].kicked = false;
		}
		s->has_exit = false;
		s->code = 0;
		s->want = SNUG__SMP_RUN;
		set_live(vm, true);
		snug__loop_wake(&s->loop);
		pthread_cond_broadcast(&s->changed);
	}
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static void wait_out(struct snug__smp *s)
{
	while (s->running)
		pthread_cond_wait(&s->changed, &s->lock);
	set_live(s->vm, false);
}

int snug_pause(snug_vm *vm, struct snug_error *err)
{
	struct snug__smp *s = vm->smp;

	if (!s)
		return not_started(err);
	pthread_mutex_lock(&s->lock);
	want_pause(s);
	wait_out(s);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

/* Till the time is up or the VM is to be paused. */
static bool wait_until(struct snug__smp *s, uint64_t timeout_ns)
{
	uint64_t now = snug__now_ns(), end = timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
	struct timespec at = {(time_t)(end / SNUG__NS_PER_S), (long)(end % SNUG__NS_PER_S)};
	int r = 0;

	while (s->want == SNUG__SMP_RUN && r == 0)
		r = timeout_ns ? pthread_cond_timedwait(&s->changed, &s->lock, &at)
		               : pthread_cond_wait(&s->changed, &s->lock);
	return r == 0;
}

int snug_wait(snug_vm *vm, uint64_t timeout_ns, struct snug_exit *exit, struct snug_error *err)
{
	struct snug__smp *s = vm->smp;
	bool in_time;
	int r;

	if (!s)
		return not_started(err);
	pthread_mutex_lock(&s->lock);
	in_time = wait_until(s, timeout_ns);
	want_pause(s);
	wait_out(s);
	r = s->code;
	if (s->has_exit)
		*exit = s->exit;
	else
		*exit = (struct snug_exit){.kind = in_time ? SNUG_EXIT_KICKED : SNUG_EXIT_TIMEOUT,
		                           .reason = KVM_EXIT_INTR,
		                           .vcpu = &vm->vcpus[0]};
	if (r < 0 && err)
		*err = s->error;
	s->has_exit = false;
	s->code = 0;
	pthread_mutex_unlock(&s->lock);
	return r < 0 ? r : 0;
}

void snug__smp_free(snug_vm *vm)
{
	struct snug__smp *s = vm->smp;

	if (!s)
		return;
	join_all(s);
	set_live(vm, false);
	vm->smp = NULL;
	destroy(s);
}

int snug_stop(snug_vm *vm, struct snug_error *err)
{
	if (!vm->smp)
		return not_started(err);
	snug__smp_free(vm);
	return 0;
}

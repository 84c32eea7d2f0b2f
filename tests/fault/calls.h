/* SPDX-License-Identifier: MIT */
/* calls: every public call that can fail, as a row: what to make ready, and the call */
#ifndef CALLS_H
#define CALLS_H

#include <stdbool.h>

#include <snug.h>

struct scene {
	snug_vm *vm; /* NULL: none yet */
	snug_vcpu *cpu;
	struct snug_exit x;
	char path[32]; /* of a file, where there is one */
	snug_gdb *gdb; /* NULL: no session */
	snug_vm *clones[2];
	snug_pool *pool;
	int fd; /* of an empty file, where it is not 0 */
};

struct call_row {
	const char *name; /* the public function */
	const char *what; /* how it is called here */
	bool (*prepare)(struct scene *s);
	int (*call)(struct scene *s, struct snug_error *e);
	bool keeps;  /* what a failure left half done stays with the VM until it is freed: tables, a ROM, a timer */
	bool spares; /* it asks the host for some things it can do without: it may also succeed */
	bool silent; /* takes no struct snug_error */
	bool pure;   /* calls nothing that could fail: only its arguments can be wrong */
};

extern const struct call_row call_rows[];
extern const unsigned call_row_count;

/* Frees what prepare and call made. */
void scene_end(struct scene *s);

int call_sandbox_vcpu(struct scene *s, struct snug_error *e);
int call_sandbox_files(struct scene *s, struct snug_error *e);

/* callspc.c */
bool scene_pc(struct scene *s);
bool scene_bare(struct scene *s);
bool scene_pc_loaded(struct scene *s);
bool scene_pc_fd(struct scene *s);
bool scene_pc_at_baseline(struct scene *s);
bool scene_started(struct scene *s);
bool scene_running(struct scene *s);
int call_pc_new(struct scene *s, struct snug_error *e);
int call_load_linux(struct scene *s, struct snug_error *e);
int call_detect(struct scene *s, struct snug_error *e);
int call_start(struct scene *s, struct snug_error *e);
int call_resume_wait(struct scene *s, struct snug_error *e);
int call_pause(struct scene *s, struct snug_error *e);
int call_stop(struct scene *s, struct snug_error *e);

#endif

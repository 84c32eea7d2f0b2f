/* SPDX-License-Identifier: MIT */
/* lives: the rows of reset, call, clone and restore.  Each gives NULL, or why it could not be measured. */
#ifndef BENCH_LIVES_H
#define BENCH_LIVES_H

#include "bench.h"

const char *lives_reset(struct bench *b, struct figure *f); /* arg: dirty pages */
const char *lives_clean(struct bench *b, struct figure *f); /* floor: snug with 16 MiB */
const char *lives_call(struct bench *b, struct figure *f);
const char *lives_pool(struct bench *b, struct figure *f);
const char *lives_clone(struct bench *b, struct figure *f);
const char *lives_restore(struct bench *b, struct figure *f); /* arg: MiB of memory */
const char *lives_pss(struct bench *b, struct figure *f);     /* arg: clones */

#endif

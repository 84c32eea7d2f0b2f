/* SPDX-License-Identifier: MIT */
/* confined: what the filter of system calls costs the thread that has it */
#ifndef BENCH_CONFINED_H
#define BENCH_CONFINED_H

#include "measure.h"

/* As measure, each of the two in a thread of its own, and that of ours confined by snug_sandbox. */
int measure_confined(measure_fn ours, measure_fn floor, void *ctx, unsigned blocks, struct figure *out);

#endif

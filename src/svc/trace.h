/* SPDX-License-Identifier: MIT */
/* trace: a trace as its writer needs it */
#ifndef SNUG_SVC_TRACE_H
#define SNUG_SVC_TRACE_H

#include "core/core.h"
#include "svc/tracelog.h"

/*
 * Writes a log as Chrome's trace JSON: the newest records of each lane (0: all), by time.  Whatever the records say, the
 * result is JSON of valid UTF-8, its events are sorted by ts, and those of one track do not overlap.  The VM gives names
 * and clock.  -ENOMEM, -EIO (the spill file), or what write returned.
 */
int snug__trace_json(const snug_vm *vm, const struct snug__tracelog *log, uint64_t newest,
                     int (*write)(void *ctx, const void *bytes, size_t len), void *ctx, struct snug_error *err);

#endif

/* SPDX-License-Identifier: MIT */
/* bench: what the rows share */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include <snug.h>

#include "measure.h"
#include "raw.h"

struct bench {
	const char *snug, *raw; /* programs */
	unsigned blocks;
	bool wide;    /* long mode, else real */
	unsigned arg; /* the row's */
	char image[64];
	/* the exit rows */
	struct raw_vm raw_vm;
	snug_vm *vm;
	uint64_t writes;
	/* the rows of services: the same guest without any */
	snug_vm *plain;
};

#endif

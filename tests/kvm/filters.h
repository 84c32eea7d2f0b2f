/* SPDX-License-Identifier: MIT */
/* filters: the seccomp filters of a process that runs, against the table they are made from */
#ifndef FILTERS_H
#define FILTERS_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Reads the filter of every thread of a process out of the kernel (PTRACE_SECCOMP_GET_FILTER, ptrace(2)) and runs it for
 * every number and, where the table limits arguments, for those limits and for what lies beside them.  own: the number
 * the process has for itself; child: the one it may signal.  Returns how many threads there were, each with one filter
 * that lets pass what the table does and nothing else; or -EBADE and why[200], or a negative errno of ptrace.
 */
int filters_check(pid_t pid, unsigned kind, uint32_t uses, int own, int child, char why[200]);

#endif

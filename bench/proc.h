/* SPDX-License-Identifier: MIT */
/* proc: what a whole process costs: its time, and the memory it had at most */
#ifndef BENCH_PROC_H
#define BENCH_PROC_H

/* Nanoseconds from before the spawn to after the wait; its output goes nowhere.  Below 0: it did not end with 0. */
double proc_time(char *const argv[]);

/*
 * VmHWM in KiB without the guest's pages.  The process runs under ptrace: VmHWM is read from /proc/PID/status where
 * PTRACE_O_TRACEEXIT stops it, with its memory still there.  The ranges that are guest memory are those it hands to
 * KVM_SET_USER_MEMORY_REGION; what of them is resident is summed up from /proc/PID/smaps at each system call that
 * follows a KVM_RUN, and the most that was seen is taken off.  Below 0: it did not work.
 */
double proc_memory(char *const argv[]);

#endif

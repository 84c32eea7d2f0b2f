/* SPDX-License-Identifier: MIT */
/*
 * sandrules: what is not here ends the process
 *
 * A row more is a hole more: it needs a reason, and tests/kvm/test_sandbox.c holds the filters that are really in force
 * against this table.  No row opens a file by name for a thread that runs a guest, makes a process, a thread or a
 * socket, or maps memory that can be executed.
 */
#include "svc/sandrules.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define VCPU (1u << SNUG_SANDBOX_VCPU)
#define FILES (1u << SNUG_SANDBOX_FILES)
#define BOTH (VCPU | FILES)
#define KEEPS (SNUG_USE_STATE | SNUG_USE_SAVE)
#define CUTS (SNUG_USE_FILES | SNUG_USE_SAVE)

#define IS(n, v)                                                                                                     \
	{                                                                                                            \
		.arg = (n), .mask = UINT64_MAX, .value = (uint64_t)(v)                                               \
	}
#define WITHOUT(n, bits)                                                                                             \
	{                                                                                                            \
		.arg = (n), .mask = (bits), .value = 0                                                               \
	}
#define LIMITS(...) .limits = {__VA_ARGS__}
#define KVM(request, uses, why)                                                                                      \
	{                                                                                                            \
		SYS_ioctl, VCPU, uses, LIMITS(IS(1, request)), SNUG__PID_ANY, why                                    \
	}

const struct snug__sand_rule snug__sand_rules[] = {
    /* KVM: what a vCPU that exists needs.  Making VMs, vCPUs and devices, and wiring them to others, is not here. */
    KVM(KVM_RUN, 0, "step 8"),
    KVM(KVM_CHECK_EXTENSION, 0, "what this KVM can do; changes nothing"),
    KVM(KVM_GET_REGS, 0, "registers after an exit"),
    KVM(KVM_SET_REGS, 0, "a call sets RIP; a caller sets registers"),
    KVM(KVM_GET_SREGS, 0, "the mode a guest is in, for its addresses"),
    KVM(KVM_SET_SREGS, 0, "a call, or its end, changes the mode"),
    KVM(KVM_GET_VCPU_EVENTS, 0, "what was being delivered when it stopped"),
    KVM(KVM_SET_VCPU_EVENTS, 0, "an exception is put in or taken back"),
    KVM(KVM_SET_SIGNAL_MASK, 0, "a kick ends KVM_RUN; asked for at the first run"),
    KVM(KVM_IRQ_LINE, SNUG_USE_PC, "a device raises its interrupt"),
    KVM(KVM_GET_XSAVE, KEEPS | SNUG_USE_GDB | SNUG_USE_PC, "state: FPU, SSE, AVX"),
    KVM(KVM_SET_XSAVE, SNUG_USE_STATE | SNUG_USE_GDB | SNUG_USE_PC, "state: FPU, SSE, AVX"),
    KVM(KVM_GET_FPU, KEEPS | SNUG_USE_GDB, "state: FPU and SSE on a CPU without XSAVE"),
    KVM(KVM_SET_FPU, SNUG_USE_STATE | SNUG_USE_GDB, "state: FPU and SSE on a CPU without XSAVE"),
    KVM(KVM_GET_XCRS, KEEPS | SNUG_USE_PC, "state: XCR0"),
    KVM(KVM_SET_XCRS, SNUG_USE_STATE | SNUG_USE_GDB | SNUG_USE_PC, "state: XCR0"),
    KVM(KVM_GET_DEBUGREGS, KEEPS | SNUG_USE_GDB, "state: debug registers"),
    KVM(KVM_SET_DEBUGREGS, SNUG_USE_STATE | SNUG_USE_GDB, "state: debug registers"),
    KVM(KVM_GET_MSRS, KEEPS | SNUG_USE_GDB | SNUG_USE_PC, "state: model-specific registers"),
    KVM(KVM_SET_MSRS, SNUG_USE_STATE | SNUG_USE_GDB | SNUG_USE_PC, "state: model-specific registers"),
    KVM(KVM_GET_MP_STATE, KEEPS, "state: does the vCPU run or wait"),
    KVM(KVM_SET_MP_STATE, SNUG_USE_STATE, "state: does the vCPU run or wait"),
    KVM(KVM_GET_IRQCHIP, KEEPS, "state: a PC's interrupt controllers"),
    KVM(KVM_SET_IRQCHIP, SNUG_USE_STATE, "state: a PC's interrupt controllers"),
    KVM(KVM_GET_PIT2, KEEPS, "state: a PC's timer"),
    KVM(KVM_SET_PIT2, SNUG_USE_STATE, "state: a PC's timer"),
    KVM(KVM_GET_LAPIC, KEEPS, "state: local APICs"),
    KVM(KVM_SET_LAPIC, SNUG_USE_STATE, "state: local APICs"),
    KVM(KVM_GET_CLOCK, KEEPS, "state: the VM's clock"),
    KVM(KVM_SET_CLOCK, SNUG_USE_STATE, "state: the VM's clock"),
    KVM(KVM_GET_CPUID2, KEEPS, "state: the table a restored vCPU is given"),
    KVM(KVM_GET_TSC_KHZ, KEEPS, "state: how fast the TSC goes"),
    KVM(KVM_GET_DIRTY_LOG, KEEPS, "a reset undoes the pages that were written"),
    KVM(KVM_CLEAR_DIRTY_LOG, SNUG_USE_STATE, "and looks at them anew"),
    KVM(KVM_SET_USER_MEMORY_REGION, SNUG_USE_STATE, "a reset takes away memory added since"),
    KVM(KVM_SET_GUEST_DEBUG, SNUG_USE_GDB | SNUG_USE_PC,
        "breakpoints and single steps; on kvm_pvm the one at the page-fault handler"),
    KVM(KVM_GET_STATS_FD, SNUG_USE_STATS, "the kernel's own figures"),
    {SYS_ioctl, FILES, 0, LIMITS(IS(1, TCSETS)), SNUG__PID_ANY, "the terminal is put back as it was"},
    {SYS_ioctl, BOTH, 0, LIMITS(IS(1, TCGETS)), SNUG__PID_ANY, "stdio asks whether stdout is a terminal"},

    /* Bytes on what is open. */
    {SYS_read, VCPU, 0, {{0}}, SNUG__PID_ANY, "the console's input"},
    {SYS_write, BOTH, 0, {{0}}, SNUG__PID_ANY, "the console's output, messages"},
    {SYS_pread64, VCPU, KEEPS | SNUG_USE_STATS, {{0}}, SNUG__PID_ANY, "/proc/self/pagemap, KVM's figures"},
    {SYS_pwrite64, VCPU, CUTS | SNUG_USE_STATE, {{0}}, SNUG__PID_ANY, "memory goes to its place in a file"},
    {SYS_ftruncate, VCPU, CUTS, {{0}}, SNUG__PID_ANY, "a file's end may be a hole"},
    {SYS_lseek, VCPU, SNUG_USE_SAVE, LIMITS(IS(2, SEEK_DATA)), SNUG__PID_ANY, "what a restored VM's memory has"},
    {SYS_lseek, VCPU, SNUG_USE_SAVE, LIMITS(IS(2, SEEK_HOLE)), SNUG__PID_ANY, "and has not"},
    {SYS_recvmsg, VCPU, SNUG_USE_FILES, {{0}}, SNUG__PID_ANY, "a file that the keeper of files opened"},
    {SYS_recvmsg, FILES, 0, {{0}}, SNUG__PID_ANY, "its requests"},
    {SYS_newfstatat, BOTH, 0, {{0}}, SNUG__PID_ANY, "stdio looks at stdout; is it a plain file?"},
    {SYS_close, BOTH, 0, {{0}}, SNUG__PID_ANY, "a VM's end, a written file"},
    {SYS_ppoll, BOTH, 0, {{0}}, SNUG__PID_ANY, "is there input, is there room for output"},
    {SYS_epoll_wait, VCPU, SNUG_USE_PC, {{0}}, SNUG__PID_ANY, "the event loop waits for input and timers"},
    {SYS_timerfd_settime, VCPU, SNUG_USE_PC, {{0}}, SNUG__PID_ANY, "a device wants to be called at a time"},
    {SYS_accept4, VCPU, SNUG_USE_GDB, {{0}}, SNUG__PID_ANY, "gdb comes, on a socket that listens"},

    /* Memory, which is never for execution. */
    {SYS_mmap, BOTH, 0, LIMITS(WITHOUT(2, PROT_EXEC)), SNUG__PID_ANY, "malloc; a reset's fresh pages"},
    {SYS_mprotect, VCPU, SNUG_USE_THREADS | SNUG_USE_PC, LIMITS(WITHOUT(2, PROT_EXEC)), SNUG__PID_ANY,
     "malloc in threads"},
    {SYS_munmap, BOTH, 0, {{0}}, SNUG__PID_ANY, "free; a VM's end"},
    {SYS_mremap, BOTH, 0, {{0}}, SNUG__PID_ANY, "realloc"},
    {SYS_madvise, BOTH, 0, {{0}}, SNUG__PID_ANY, "pages given back"},
    {SYS_brk, BOTH, 0, {{0}}, SNUG__PID_ANY, "malloc"},

    /* Threads, time and signals, within the process. */
    {SYS_futex, BOTH, 0, {{0}}, SNUG__PID_ANY, "locks"},
    {SYS_clock_gettime, BOTH, 0, {{0}}, SNUG__PID_ANY, "the time, where the vDSO has none"},
    {SYS_timer_create, VCPU, 0, {{0}}, SNUG__PID_ANY, "a time limit"},
    {SYS_timer_settime, VCPU, 0, {{0}}, SNUG__PID_ANY, "a time limit"},
    {SYS_timer_delete, VCPU, 0, {{0}}, SNUG__PID_ANY, "a time limit"},
    {SYS_rt_sigprocmask, BOTH, 0, {{0}}, SNUG__PID_ANY, "the kick's signal is let into KVM_RUN alone"},
    {SYS_rt_sigtimedwait, VCPU, 0, {{0}}, SNUG__PID_ANY, "a kick that came too late"},
    {SYS_rt_sigreturn, BOTH, 0, {{0}}, SNUG__PID_ANY, "a signal handler ends"},
    {SYS_gettid, BOTH, 0, {{0}}, SNUG__PID_ANY, "the thread a time limit signals"},
    {SYS_getpid, BOTH, 0, {{0}}, SNUG__PID_ANY, "pthread_kill and abort ask"},
    {SYS_tgkill, BOTH, 0, {{0}}, SNUG__PID_OWN, "kicks; abort"},
    {SYS_restart_syscall, BOTH, 0, {{0}}, SNUG__PID_ANY, "the kernel goes on with a wait after SIGCONT"},
    {SYS_exit, VCPU, SNUG_USE_THREADS | SNUG_USE_PC, {{0}}, SNUG__PID_ANY, "a thread ends"},
    {SYS_exit_group, BOTH, 0, {{0}}, SNUG__PID_ANY, "the process ends"},
    {SYS_getrandom, VCPU, KEEPS, {{0}}, SNUG__PID_ANY, "a new life's generation"},
    {SYS_getrandom, FILES, 0, {{0}}, SNUG__PID_ANY, "names of unfinished files"},

    /* The keeper of files, which runs no guest: below directories it holds open. */
    {SYS_openat, FILES, 0, {{0}}, SNUG__PID_ANY, "an unfinished file is made"},
    {SYS_sendmsg, FILES, 0, {{0}}, SNUG__PID_ANY, "and handed over"},
    {SYS_fchmod, FILES, 0, {{0}}, SNUG__PID_ANY, "finished, it gets its mode"},
    {SYS_fsync, FILES, 0, {{0}}, SNUG__PID_ANY, "and outlives a power cut"},
    {SYS_renameat, FILES, 0, {{0}}, SNUG__PID_ANY, "and its name"},
    {SYS_unlinkat, FILES, 0, {{0}}, SNUG__PID_ANY, "or it goes"},
    {SYS_faccessat2, FILES, 0, {{0}}, SNUG__PID_ANY, "can the directory be written?"},
    {SYS_faccessat, FILES, 0, {{0}}, SNUG__PID_ANY, "the same, asked by an older libc"},
    {SYS_wait4, FILES, 0, {{0}}, SNUG__PID_ANY, "the end of the process it serves"},
    {SYS_kill, FILES, 0, {{0}}, SNUG__PID_CHILD, "a signal is handed on to it"},
    {SYS_kill, FILES, 0, {{0}}, SNUG__PID_OWN, "it stops, or ends by a signal, as the user asked"},
    {SYS_rt_sigaction, FILES, 0, {{0}}, SNUG__PID_ANY, "the same"},
};

const size_t snug__sand_rule_count = sizeof(snug__sand_rules) / sizeof(snug__sand_rules[0]);

void snug__sand_limits(const struct snug__sand_rule *r, int own, int child,
                       struct snug__arg_limit out[SNUG__ARG_LIMITS])
{
	memcpy(out, r->limits, sizeof(r->limits));
	if (r->pid != SNUG__PID_ANY)
		out[0] = (struct snug__arg_limit)IS(0, r->pid == SNUG__PID_OWN ? own : child);
}

/* SPDX-License-Identifier: MIT */
/* hints: what the command puts on a Linux kernel's command line; bench/ boots its floor with the same */
#ifndef SNUG_CLI_HINTS_H
#define SNUG_CLI_HINTS_H

/*
 * The console is the serial port.  A kernel that panics starts over at once, by the keyboard controller, which ends the run:
 * it cannot tell in another way that every kernel has.
 */
#define CLI_LINE_ALWAYS "console=ttyS0 panic=-1 reboot=k"

/*
 * Features the kernel is to do without.  It reads the first 127 characters of the list (arch/x86/kernel/cpu/common.c) and takes
 * a name cut short for the one it then is: avx512vl became avx.  AVX stays, or the kernel would not switch its registers, which
 * user mode has on kvm_pvm all the same.
 */
#define CLI_CLEARED                                                                                                  \
	"popcnt,smap,smep,umip,erms,fsrm,pcid,invpcid,fsgsbase,clwb,ssse3,sse4_1,sse4_2,aes,pclmulqdq,sha_ni,"       \
	"avx512vl,avx512bw,avx512dq"
_Static_assert(sizeof CLI_CLEARED <= 128, "Linux reads 127 characters of clearcpuid=");

/*
 * For kvm_pvm, where what the kernel does itself is emulated, a microsecond an instruction: no calibrating of what is known,
 * no long tables and tests at boot, no instructions that take an exit each where there are others.  docs/kvm-pvm.md has them
 * one by one.
 */
#define CLI_LINE_PVM                                                                                                 \
	"no_timer_check tsc=reliable random.trust_cpu=on noreplace-smp cryptomgr.notests nokaslr norandmaps "        \
	"mitigations=off nowatchdog lsm= audit=0 rodata=off rcupdate.rcu_expedited=1 8250.nr_uarts=1 "               \
	"initcall_blacklist=trace_eval_init,tracer_init_tracefs,jent_mod_init,jent_init,"                            \
	"load_system_certificate_list clearcpuid=" CLI_CLEARED

#endif

/* SPDX-License-Identifier: MIT */
/*
 * gdb: the parts of the debugger's stub
 *
 *   gdbwire.c   bytes to packets and back: checksums, acknowledgements, bounds
 *   gdbcmd.c    what each packet asks for
 *   gdbreg.c    the registers as gdb numbers them, and the target description
 *   gdbmon.c    `monitor` commands
 *   gdbpoint.c  breakpoints and watchpoints put into a VM and taken out again
 *   gdbfault.c  a vCPU back from our fault stub to the code that faulted
 *   gdbrun.c    running and stepping, and what an exit means to a debugger (gdbrun.h)
 *   gdb.c       the public calls, and what the engine asks of a VM
 *
 * The first three know no VM, only struct snug__gdb_ops: the fuzzer gives them one of its own.  References: "RSP" is
 * the GDB manual's appendix E, "gdb Remote Serial Protocol"; "TDESC" its appendix G, "Target Descriptions".
 */
#ifndef SNUG_SVC_GDB_H
#define SNUG_SVC_GDB_H

#include <snug.h>

#include "guest/mem.h"
#include "host/kvmconst.h"

/* A packet's payload, in either direction: PacketSize of qSupported. */
#define SNUG__GDB_PACKET 0x4000u

/* Signals as the protocol numbers them: gdb's include/gdb/signals.def. */
enum snug__gdb_signal {
	SNUG__GDB_SIG0 = 0,
	SNUG__GDB_SIGINT = 2,
	SNUG__GDB_SIGILL = 4,
	SNUG__GDB_SIGTRAP = 5,
	SNUG__GDB_SIGABRT = 6,
	SNUG__GDB_SIGFPE = 8,
	SNUG__GDB_SIGBUS = 10,
	SNUG__GDB_SIGSEGV = 11,
};

/* What Z and z packets number; RSP "Packets". */
enum snug__gdb_point { SNUG__GDB_SW, SNUG__GDB_HW, SNUG__GDB_WRITE, SNUG__GDB_READ, SNUG__GDB_ACCESS };

enum snug__gdb_why { SNUG__GDB_PLAIN, SNUG__GDB_AT_SW, SNUG__GDB_AT_HW, SNUG__GDB_AT_WATCH };

/* Why the guest stands. */
struct snug__gdb_stop {
	unsigned cpu;
	enum snug__gdb_signal signal;
	enum snug__gdb_why why;
	enum snug__gdb_point point; /* for AT_WATCH: which kind */
	uint64_t addr;              /* for AT_WATCH */
	bool fatal;                 /* going on with the signal ends the guest */
};

/* All registers of a vCPU that gdb sees. */
struct snug__gdb_regs {
	struct snug_regs regs;
	struct snug_sregs sregs;
	struct kvm_fpu fpu;
};

enum snug__gdb_set { SNUG__GDB_REGS = 1, SNUG__GDB_SREGS = 2, SNUG__GDB_FPU = 4 };

/* Text that grows to a bound; what does not fit sets `over`. */
struct snug__gdb_text {
	char *at;
	size_t len, room;
	bool over;
};

void snug__gdb_put(struct snug__gdb_text *t, const void *bytes, size_t len);
__attribute__((format(printf, 2, 3))) void snug__gdb_printf(struct snug__gdb_text *t, const char *fmt, ...);

/* What the engine asks of the machine while it stands; 0 or more, or a negative errno. */
struct snug__gdb_ops {
	int (*get_regs)(void *ctx, unsigned cpu, struct snug__gdb_regs *out);
	int (*set_regs)(void *ctx, unsigned cpu, const struct snug__gdb_regs *in, unsigned which);
	size_t (*read)(void *ctx, unsigned cpu, uint64_t addr, void *to, size_t len); /* how many could be read */
	int (*write)(void *ctx, unsigned cpu, uint64_t addr, const void *from, size_t len);
	/* -ENOTSUP: this machine has none of that kind. */
	int (*point)(void *ctx, unsigned cpu, bool set, enum snug__gdb_point type, uint64_t addr, uint64_t len);
	void (*describe)(void *ctx, unsigned cpu, struct snug__gdb_text *out);
	void (*monitor)(void *ctx, unsigned cpu, const char *line, struct snug__gdb_text *out);
};

/* gdbreg.c: the three architectures of a target description; the last two words of an address have its width. */
enum snug__gdb_arch { SNUG__GDB_I8086, SNUG__GDB_I386, SNUG__GDB_AMD64 };

enum snug__gdb_arch snug__gdb_arch_of(const struct snug_sregs *s);
bool snug__gdb_code64(const struct snug_sregs *s); /* is the CPU in 64-bit mode proper? */
/* The address the next instruction is fetched from. */
uint64_t snug__gdb_pc(const struct snug_regs *r, const struct snug_sregs *s);
void snug__gdb_xml(enum snug__gdb_arch arch, struct snug__gdb_text *out);
unsigned snug__gdb_reg_count(enum snug__gdb_arch arch);
/* The number-th register into or from little-endian bytes; how many, at most 16.  0: there is none. */
unsigned snug__gdb_reg_get(enum snug__gdb_arch arch, unsigned number, const struct snug__gdb_regs *r, uint8_t *out);
unsigned snug__gdb_reg_set(enum snug__gdb_arch arch, unsigned number, struct snug__gdb_regs *r, const uint8_t *in);

enum snug__gdb_step { SNUG__GDB_STAY, SNUG__GDB_CONT, SNUG__GDB_STEP };

enum snug__gdb_rx { SNUG__GDB_IDLE, SNUG__GDB_DATA, SNUG__GDB_ESCAPED, SNUG__GDB_SUM1, SNUG__GDB_SUM2 };

/* One debugger's session. */
struct snug__gdb_engine {
	const struct snug__gdb_ops *ops;
	void *ctx;
	unsigned cpus;
	uint8_t *actions; /* enum snug__gdb_step of each vCPU, while it runs; owned */
	enum snug_gdb_state state;
	enum snug__gdb_arch arch;
	struct snug__gdb_stop stop;
	unsigned cpu_g; /* which vCPU packets without a number mean */
	bool no_ack, swbreak, hwbreak;
	bool interrupt; /* Ctrl-C came while the guest ran */
	enum snug__gdb_rx rx;
	uint8_t sum, want;
	bool too_long, bad;
	size_t in_len, out_len, out_sent, last_len;
	char in[SNUG__GDB_PACKET + 1];       /* a terminating 0 too */
	char last[SNUG__GDB_PACKET + 8];     /* framed, for another time */
	char out[2 * SNUG__GDB_PACKET + 16]; /* what the debugger did not take yet */
};

/* gdbwire.c: -ENOMEM.  Frees what init took; the struct itself is the caller's. */
int snug__gdb_init(struct snug__gdb_engine *e, const struct snug__gdb_ops *ops, void *ctx, unsigned cpus);
void snug__gdb_destroy(struct snug__gdb_engine *e);
/* How many bytes were taken: fewer where there is no room for an answer until output was fetched. */
size_t snug__gdb_input(struct snug__gdb_engine *e, const uint8_t *bytes, size_t len);
size_t snug__gdb_output(struct snug__gdb_engine *e, void *to, size_t max);
/* Frames and queues a payload. */
void snug__gdb_send(struct snug__gdb_engine *e, const char *payload, size_t len);

/* gdbcmd.c: one packet; in[in_len] is 0. */
void snug__gdb_packet(struct snug__gdb_engine *e);
/* The guest came to a stand, or to its end with that status: told to the debugger. */
void snug__gdb_stopped(struct snug__gdb_engine *e, const struct snug__gdb_stop *stop);
void snug__gdb_exited(struct snug__gdb_engine *e, uint8_t status);

/* gdbmon.c: one line of `monitor`; what it says is lines too. */
void snug__gdb_monitor(snug_vcpu *vcpu, const char *line, struct snug__gdb_text *out);

/* gdbpoint.c */
#define SNUG__GDB_POINTS 256
#define SNUG__GDB_WATCHED 64 /* bytes, of a watchpoint found by comparing */
#define SNUG__GDB_DEBUG_REGS 4

struct snug__gdb_place {
	enum snug__gdb_point type;
	uint64_t addr, len;
	bool watched; /* by comparing */
	bool patched; /* int3 stands at gpa in place of `saved` */
	uint8_t saved;
	snug_gpa gpa;
	uint8_t old[SNUG__GDB_WATCHED]; /* what was seen last */
};

struct snug__gdb_places {
	unsigned count;
	bool native;       /* KVM's own debugging works for all code and data */
	unsigned reserved; /* debug registers that are not the debugger's */
	struct snug__gdb_place at[SNUG__GDB_POINTS];
};

int snug__gdb_place(struct snug__gdb_places *p, snug_vcpu *vcpu, bool set, enum snug__gdb_point type, uint64_t addr,
                    uint64_t len);
/*
 * Into guest memory as this vCPU maps it, but for what debug registers do, and out again.  What is not mapped now stays
 * out.
 */
int snug__gdb_patch(struct snug__gdb_places *p, snug_vcpu *vcpu,
                    const struct snug__gdb_place *const regs[SNUG__GDB_DEBUG_REGS], struct snug_error *err);
void snug__gdb_unpatch(struct snug__gdb_places *p, snug_vcpu *vcpu);
/*
 * What KVM is to do; regs gets which place each debug register has.  With step: one instruction.  The last debug
 * registers are for handlers that are to be stopped at, where there are any (0: none).
 */
#define SNUG__GDB_GATES 2
struct kvm_guest_debug snug__gdb_debug(const struct snug__gdb_places *p, bool step,
                                       const uint64_t gates[SNUG__GDB_GATES],
                                       const struct snug__gdb_place *regs[SNUG__GDB_DEBUG_REGS]);
/* A breakpoint at addr, or NULL. */
const struct snug__gdb_place *snug__gdb_break_at(const struct snug__gdb_places *p, uint64_t addr);
/* Are there watchpoints that only comparing finds?  Takes what is there now; the first that changed since, or NULL. */
bool snug__gdb_compares(const struct snug__gdb_places *p);
const struct snug__gdb_place *snug__gdb_changed(struct snug__gdb_places *p, const struct snug__mem *mem,
                                                const struct snug_sregs *s);

/*
 * gdbfault.c: after SNUG_EXIT_FAULT, puts the registers back to those of the faulting code, as `iret` would.  A trap flag
 * that was not the guest's own is taken off with drop_tf.
 */
int snug__gdb_unfault(snug_vcpu *vcpu, const struct snug_exit_fault *f, bool drop_tf, struct snug_error *err);
/* At the first instruction of a guest's own handler, *f is the frame; false: it was not user mode that led there. */
bool snug__gdb_gate_frame(snug_vcpu *vcpu, unsigned vector, struct snug_exit_fault *f);
/* The segment register a selector loads in the CPU's present mode.  false: its descriptor cannot be read. */
bool snug__gdb_segment(snug_vcpu *vcpu, const struct snug_sregs *s, uint16_t selector, struct snug_segment *out);

#endif

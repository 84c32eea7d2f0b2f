/* SPDX-License-Identifier: MIT */
/*
 * gdbpoint: breakpoints and watchpoints
 *
 * Where KVM debugs guests itself ("native"), a software breakpoint is an int3 in guest memory that KVM stops at, and
 * hardware ones and watchpoints are debug registers.  kvm_pvm's debug registers see neither data nor user mode, and it
 * has no stop for int3.  There every breakpoint gets a debug register while one is free, and besides, or instead, an
 * int3, which the run loop knows by the exit it makes; and a watchpoint is found by comparing after each instruction.
 * What does not fit into a debug register is compared on any host.
 *
 * The int3s are in memory only while a vCPU runs, so that nobody who reads it sees them.
 */
#include <errno.h>
#include <string.h>

#include "core/core.h"
#include "svc/gdb.h"
#include "x86/walk.h"
#include "x86/x86.h"

#define INT3 0xcc

static bool is_break(const struct snug__gdb_place *p)
{
	return p->type == SNUG__GDB_SW || p->type == SNUG__GDB_HW;
}

/* A debug register watches 1, 2, 4 or 8 bytes at a multiple of that; SDM 3B 17.2.5. */
static bool fits(uint64_t addr, uint64_t len)
{
	return (len == 1 || len == 2 || len == 4 || len == 8) && snug__aligned(addr, len);
}

/* Does it want a debug register? */
static bool wants_register(const struct snug__gdb_places *ps, const struct snug__gdb_place *p)
{
	return ps->native ? p->type != SNUG__GDB_SW && !p->watched : is_break(p);
}

static unsigned registers_used(const struct snug__gdb_places *ps)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ps->count; i++)
		n += wants_register(ps, &ps->at[i]);
	return n;
}

static int add(struct snug__gdb_places *ps, snug_vcpu *vcpu, struct snug__gdb_place p)
{
	bool free_register = ps->native && registers_used(ps) < SNUG__GDB_DEBUG_REGS - ps->reserved;
	snug_gpa gpa;

	if (ps->count == SNUG__GDB_POINTS)
		return -ENOSPC;
	if (is_break(&p)) {
		/* A kernel maps itself later: break start_kernel. */
		if (snug_vcpu_translate(vcpu, p.addr, &gpa, NULL) < 0 && !vcpu->vm->pc)
			return -EFAULT;
		if (p.type == SNUG__GDB_HW && ps->native && !free_register)
			return -ENOSPC;
	} else if (!free_register || !fits(p.addr, p.len)) {
		if (p.type != SNUG__GDB_WRITE)
			return ps->native ? -ENOSPC : -ENOTSUP; /* comparing tells nothing of reads */
		if (p.len == 0 || p.len > SNUG__GDB_WATCHED)
			return -E2BIG;
		p.watched = true;
		if (snug_vcpu_read(vcpu, p.addr, p.old, (size_t)p.len, NULL) != (int)p.len)
			return -EFAULT;
	}
	ps->at[ps->count++] = p;
	return 0;
}

int snug__gdb_place(struct snug__gdb_places *ps, snug_vcpu *vcpu, bool set, enum snug__gdb_point type, uint64_t addr,
                    uint64_t len)
{
	for (unsigned i = 0; i < ps->count; i++) {
		struct snug__gdb_place *p = &ps->at[i];

		if (p->type != type || p->addr != addr || (!is_break(p) && p->len != len))
			continue;
		if (!set)
			memmove(p, p + 1, (--ps->count - i) * sizeof(*p));
		return 0;
	}
	return set ? add(ps, vcpu, (struct snug__gdb_place){.type = type, .addr = addr, .len = len}) : 0;
}

/* Which places get the first n debug registers: the first that want one. */
static void assign(const struct snug__gdb_places *ps, unsigned max,
                   const struct snug__gdb_place *regs[SNUG__GDB_DEBUG_REGS])
{
	unsigned n = 0;

	for (unsigned i = 0; i < ps->count && n < max; i++)
		if (wants_register(ps, &ps->at[i]))
			regs[n++] = &ps->at[i];
	while (n < SNUG__GDB_DEBUG_REGS)
		regs[n++] = NULL;
}

/* DR7's four bits for a register: what makes it hit, and how many bytes; SDM 3B 17.2.4. */
static uint64_t condition(const struct snug__gdb_place *p)
{
	static const uint8_t lengths[] = {[1] = 0, [2] = 1, [4] = 3, [8] = 2};

	if (is_break(p))
		return 0;
	return (p->type == SNUG__GDB_WRITE ? 1u : 3u) | (unsigned)lengths[p->len] << 2;
}

struct kvm_guest_debug snug__gdb_debug(const struct snug__gdb_places *ps, bool step,
                                       const uint64_t gates[SNUG__GDB_GATES],
                                       const struct snug__gdb_place *regs[SNUG__GDB_DEBUG_REGS])
{
	struct kvm_guest_debug d = {0};
	unsigned n = SNUG__GDB_DEBUG_REGS - ps->reserved;

	for (unsigned i = 0; i < SNUG__GDB_GATES; i++) {
		if (!gates[i])
			continue;
		d.control |= KVM_GUESTDBG_USE_HW_BP;
		d.arch.debugreg[--n] = gates[i];
		d.arch.debugreg[7] |= 2ull << (2 * n);
	}
	assign(ps, n, regs);
	for (unsigned i = 0; i < SNUG__GDB_DEBUG_REGS; i++) {
		if (!regs[i] || (step && is_break(regs[i]))) /* else the instruction stepped over would hit at once */
			continue;
		d.control |= KVM_GUESTDBG_USE_HW_BP;
		d.arch.debugreg[i] = regs[i]->addr;
		d.arch.debugreg[7] |= 2ull << (2 * i) | condition(regs[i]) << (16 + 4 * i);
	}
	if (step)
		d.control |= KVM_GUESTDBG_SINGLESTEP;
	for (unsigned i = 0; ps->native && i < ps->count; i++)
		if (ps->at[i].type == SNUG__GDB_SW)
			d.control |= KVM_GUESTDBG_USE_SW_BP;
	if (d.control)
		d.control |= KVM_GUESTDBG_ENABLE;
	return d;
}

/* Must it be an int3?  On kvm_pvm user mode, and so all of long mode, needs one beside the debug register. */
static bool wants_int3(const struct snug__gdb_places *ps, const struct snug__gdb_place *p, bool has_register,
                       bool lma)
{
	if (ps->native)
		return p->type == SNUG__GDB_SW;
	return is_break(p) && (!has_register || lma);
}

int snug__gdb_patch(struct snug__gdb_places *ps, snug_vcpu *vcpu,
                    const struct snug__gdb_place *const regs[SNUG__GDB_DEBUG_REGS], struct snug_error *err)
{
	struct snug__mem *mem = &vcpu->vm->mem;
	static const uint8_t int3 = INT3;
	struct snug_sregs s;
	int r = ps->count ? snug_vcpu_get_sregs(vcpu, &s, err) : 0;

	if (r < 0)
		return r;
	for (unsigned i = 0; i < ps->count; i++) {
		struct snug__gdb_place *p = &ps->at[i];
		bool has_register = p == regs[0] || p == regs[1] || p == regs[2] || p == regs[3];

		if (wants_int3(ps, p, has_register, s.efer & X86_EFER_LMA))
			p->patched = snug__walk(mem, &s, p->addr, &p->gpa, NULL) >= 0 &&
			             snug__mem_read(mem, p->gpa, &p->saved, 1) >= 0 &&
			             snug__mem_write(mem, p->gpa, &int3, 1) >= 0;
	}
	return 0;
}

/* Last in, first out: two addresses may be one byte.  What the guest wrote over an int3 stays. */
void snug__gdb_unpatch(struct snug__gdb_places *ps, snug_vcpu *vcpu)
{
	struct snug__mem *mem = &vcpu->vm->mem;
	uint8_t now;

	for (unsigned i = ps->count; i-- > 0;) {
		struct snug__gdb_place *p = &ps->at[i];

		if (p->patched && snug__mem_read(mem, p->gpa, &now, 1) >= 0 && now == INT3)
			snug__mem_write(mem, p->gpa, &p->saved, 1);
		p->patched = false;
	}
}

const struct snug__gdb_place *snug__gdb_break_at(const struct snug__gdb_places *ps, uint64_t addr)
{
	for (unsigned i = 0; i < ps->count; i++)
		if (is_break(&ps->at[i]) && ps->at[i].addr == addr)
			return &ps->at[i];
	return NULL;
}

bool snug__gdb_compares(const struct snug__gdb_places *ps)
{
	for (unsigned i = 0; i < ps->count; i++)
		if (ps->at[i].watched)
			return true;
	return false;
}

/* All are looked at, so that each is told of its own changes only. */
const struct snug__gdb_place *snug__gdb_changed(struct snug__gdb_places *ps, const struct snug__mem *mem,
                                                const struct snug_sregs *s)
{
	const struct snug__gdb_place *first = NULL;
	uint8_t now[SNUG__GDB_WATCHED];

	for (unsigned i = 0; i < ps->count; i++) {
		struct snug__gdb_place *p = &ps->at[i];

		if (!p->watched || snug__walk_read(mem, s, p->addr, now, (size_t)p->len) != p->len ||
		    !memcmp(now, p->old, (size_t)p->len))
			continue;
		memcpy(p->old, now, (size_t)p->len);
		first = first ? first : p;
	}
	return first;
}

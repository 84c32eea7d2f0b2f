/* SPDX-License-Identifier: MIT */
/* integer: general-register instructions that KVM's emulator lacks; each by its page in SDM 2 */
#ifdef SNUG_HAVE_ZYDIS

#include <string.h>

#include "base/bytes.h"
#include "host/cpu.h"
#include "x86/assist/insn.h"
#include "x86/x86.h"

#define ARITHMETIC (X86_RFLAGS_CF | X86_RFLAGS_PF | X86_RFLAGS_AF | X86_RFLAGS_ZF | X86_RFLAGS_SF | X86_RFLAGS_OF)

static uint64_t cut(uint64_t v, unsigned bits)
{
	return bits < 64 ? v & ((1ull << bits) - 1) : v;
}

/* Operands of at most 64 bits. */
static bool get(struct snug__assist *a, const struct snug__insn *i, unsigned n, uint64_t *out)
{
	uint8_t bytes[8] = {0};

	if (!snug__insn_read(a, i, &i->ops[n], bytes, i->ops[n].size / 8))
		return false;
	*out = snug__le_load(bytes, 8);
	return true;
}

static enum snug__assist_result put(struct snug__assist *a, const struct snug__insn *i, unsigned n, uint64_t value)
{
	uint8_t bytes[8];

	snug__le_store(bytes, 8, value);
	return snug__insn_write(a, i, &i->ops[n], bytes, i->ops[n].size / 8) ? SNUG__ASSIST_DONE
	                                                                     : snug__insn_failed(a);
}

/* Sets and clears flags once the result is in place; of the undefined ones these CPUs clear some, which is allowed. */
static enum snug__assist_result put_flags(struct snug__assist *a, const struct snug__insn *i, uint64_t value,
                                          uint64_t change, uint64_t flags)
{
	enum snug__assist_result r = put(a, i, 0, value);

	if (r == SNUG__ASSIST_DONE)
		a->regs.rflags = (a->regs.rflags & ~change) | (flags & change);
	return r;
}

static uint64_t flag(bool on, uint64_t which)
{
	return on ? which : 0;
}

static uint64_t zero_and_sign(uint64_t v, unsigned bits)
{
	return flag(v == 0, X86_RFLAGS_ZF) | flag(v >> (bits - 1) & 1, X86_RFLAGS_SF);
}

static enum snug__assist_result popcnt(struct snug__assist *a, const struct snug__insn *i)
{
	uint64_t v;

	if (!get(a, i, 1, &v))
		return snug__insn_failed(a);
	return put_flags(a, i, (uint64_t)__builtin_popcountll(v), ARITHMETIC, flag(v == 0, X86_RFLAGS_ZF));
}

/* Of 0 they give the width, and CF. */
static enum snug__assist_result count_zeros(struct snug__assist *a, const struct snug__insn *i)
{
	unsigned bits = i->ops[0].size;
	uint64_t v, n;

	if (!get(a, i, 1, &v))
		return snug__insn_failed(a);
	if (v == 0)
		n = bits;
	else if (i->in.mnemonic == ZYDIS_MNEMONIC_TZCNT)
		n = (uint64_t)__builtin_ctzll(v);
	else
		n = (uint64_t)__builtin_clzll(v) - (64 - bits);
	return put_flags(a, i, n, X86_RFLAGS_CF | X86_RFLAGS_ZF,
	                 flag(v == 0, X86_RFLAGS_CF) | flag(n == 0, X86_RFLAGS_ZF));
}

/* Castagnoli's polynomial, bit-reflected: SDM 2A CRC32. */
static enum snug__assist_result crc32(struct snug__assist *a, const struct snug__insn *i)
{
	unsigned bits = i->ops[1].size;
	uint64_t crc, v;

	if (!get(a, i, 0, &crc) || !get(a, i, 1, &v))
		return snug__insn_failed(a);
	crc = (uint32_t)crc;
	for (unsigned n = 0; n < bits; n++) {
		unsigned low = (crc ^ v >> n) & 1;

		crc = crc >> 1 ^ (low ? 0x82f63b78u : 0);
	}
	return put(a, i, 0, crc);
}

static enum snug__assist_result andn(struct snug__assist *a, const struct snug__insn *i)
{
	unsigned bits = i->ops[0].size;
	uint64_t x, y, v;

	if (!get(a, i, 1, &x) || !get(a, i, 2, &y))
		return snug__insn_failed(a);
	v = cut(~x & y, bits);
	return put_flags(a, i, v, X86_RFLAGS_CF | X86_RFLAGS_ZF | X86_RFLAGS_SF | X86_RFLAGS_OF,
	                 zero_and_sign(v, bits));
}

static enum snug__assist_result lowest_bit(struct snug__assist *a, const struct snug__insn *i)
{
	ZydisMnemonic m = i->in.mnemonic;
	unsigned bits = i->ops[0].size;
	uint64_t x, v;
	bool carry;

	if (!get(a, i, 1, &x))
		return snug__insn_failed(a);
	v = m == ZYDIS_MNEMONIC_BLSI ? x & -x : m == ZYDIS_MNEMONIC_BLSR ? x & (x - 1) : x ^ (x - 1);
	v = cut(v, bits);
	carry = m == ZYDIS_MNEMONIC_BLSI ? x != 0 : x == 0;
	return put_flags(
	    a, i, v, X86_RFLAGS_CF | X86_RFLAGS_ZF | X86_RFLAGS_SF | X86_RFLAGS_OF,
	    (m == ZYDIS_MNEMONIC_BLSMSK ? zero_and_sign(v, bits) & X86_RFLAGS_SF : zero_and_sign(v, bits)) |
	        flag(carry, X86_RFLAGS_CF));
}

static enum snug__assist_result bextr(struct snug__assist *a, const struct snug__insn *i)
{
	uint64_t x, control, v;
	unsigned start, len;

	if (!get(a, i, 1, &x) || !get(a, i, 2, &control))
		return snug__insn_failed(a);
	start = control & 0xff;
	len = control >> 8 & 0xff;
	v = start < 64 ? x >> start : 0;
	v = cut(v, len < 64 ? len : 64);
	if (len == 0)
		v = 0;
	return put_flags(a, i, v, X86_RFLAGS_CF | X86_RFLAGS_ZF | X86_RFLAGS_OF, flag(v == 0, X86_RFLAGS_ZF));
}

static enum snug__assist_result bzhi(struct snug__assist *a, const struct snug__insn *i)
{
	unsigned bits = i->ops[0].size, n;
	uint64_t x, index, v;

	if (!get(a, i, 1, &x) || !get(a, i, 2, &index))
		return snug__insn_failed(a);
	n = index & 0xff;
	v = n < bits ? cut(x, n) : x;
	if (n == 0)
		v = 0;
	return put_flags(a, i, v, X86_RFLAGS_CF | X86_RFLAGS_ZF | X86_RFLAGS_SF | X86_RFLAGS_OF,
	                 zero_and_sign(v, bits) | flag(n >= bits, X86_RFLAGS_CF));
}

/* The high half first: where both go to one register, that is what it has afterwards. */
static enum snug__assist_result mulx(struct snug__assist *a, const struct snug__insn *i)
{
	unsigned bits = i->ops[0].size;
	unsigned __int128 product;
	uint64_t x;

	if (!get(a, i, 2, &x))
		return snug__insn_failed(a);
	product = (unsigned __int128)x * cut(a->regs.rdx, bits);
	put(a, i, 1, (uint64_t)product);
	return put(a, i, 0, (uint64_t)(product >> bits));
}

static enum snug__assist_result scatter(struct snug__assist *a, const struct snug__insn *i)
{
	bool deposit = i->in.mnemonic == ZYDIS_MNEMONIC_PDEP;
	uint64_t x, mask, v = 0;

	if (!get(a, i, 1, &x) || !get(a, i, 2, &mask))
		return snug__insn_failed(a);
	for (unsigned n = 0; mask; n++, mask &= mask - 1) {
		unsigned at = (unsigned)__builtin_ctzll(mask);

		v |= deposit ? (x >> n & 1) << at : (x >> at & 1) << n;
	}
	return put(a, i, 0, v);
}

static enum snug__assist_result rorx(struct snug__assist *a, const struct snug__insn *i)
{
	unsigned bits = i->ops[0].size, n;
	uint64_t x, by;

	if (!get(a, i, 1, &x) || !get(a, i, 2, &by))
		return snug__insn_failed(a);
	n = by & (bits - 1);
	return put(a, i, 0, n ? cut(x >> n | x << (bits - n), bits) : x);
}

static enum snug__assist_result shift(struct snug__assist *a, const struct snug__insn *i)
{
	unsigned bits = i->ops[0].size, n;
	uint64_t x, by, v;

	if (!get(a, i, 1, &x) || !get(a, i, 2, &by))
		return snug__insn_failed(a);
	n = by & (bits - 1);
	if (i->in.mnemonic == ZYDIS_MNEMONIC_SHLX)
		v = x << n;
	else if (i->in.mnemonic == ZYDIS_MNEMONIC_SHRX)
		v = x >> n;
	else
		v = (uint64_t)((bits == 32 ? (int64_t)(int32_t)x : (int64_t)x) >> n);
	return put(a, i, 0, cut(v, bits));
}

static enum snug__assist_result add_carry(struct snug__assist *a, const struct snug__insn *i)
{
	uint64_t which = i->in.mnemonic == ZYDIS_MNEMONIC_ADCX ? X86_RFLAGS_CF : X86_RFLAGS_OF, x, y;
	unsigned bits = i->ops[0].size;
	unsigned __int128 sum;

	if (!get(a, i, 0, &x) || !get(a, i, 1, &y))
		return snug__insn_failed(a);
	sum = (unsigned __int128)x + y + ((a->regs.rflags & which) != 0);
	return put_flags(a, i, cut((uint64_t)sum, bits), which, flag((sum >> bits) != 0, which));
}

static enum snug__assist_result movbe(struct snug__assist *a, const struct snug__insn *i)
{
	uint64_t x;

	if (!get(a, i, 1, &x))
		return snug__insn_failed(a);
	return put(a, i, 0, __builtin_bswap64(x) >> (64 - i->ops[0].size));
}

static enum snug__assist_result movdiri(struct snug__assist *a, const struct snug__insn *i)
{
	uint64_t x;

	return get(a, i, 1, &x) ? put(a, i, 0, x) : snug__insn_failed(a);
}

/* The host CPU's own, tried as often as hardware needs; CF says whether there was one. */
static enum snug__assist_result random_number(struct snug__assist *a, const struct snug__insn *i)
{
	bool seed = i->in.mnemonic == ZYDIS_MNEMONIC_RDSEED, good = false;
	uint64_t v = 0;
	uint32_t leaf[4];

	snug__host_cpuid(seed ? 7 : 1, 0, leaf);
	if (!(seed ? leaf[1] >> 18 & 1 : leaf[2] >> 30 & 1))
		return snug__assist_raise(a, X86_VECTOR_UD);
	for (unsigned n = 0; n < 100 && !good; n++) {
		if (seed)
			__asm__ volatile("rdseed %0" : "=r"(v), "=@ccc"(good));
		else
			__asm__ volatile("rdrand %0" : "=r"(v), "=@ccc"(good));
	}
	return put_flags(a, i, good ? v : 0, ARITHMETIC, flag(good, X86_RFLAGS_CF));
}

/* SDM 2A CMPXCHG8B/CMPXCHG16B: atomic with or without a LOCK prefix. */
static enum snug__assist_result cmpxchg16b(struct snug__assist *a, const struct snug__insn *i)
{
	uint64_t at = snug__insn_address(a, i, &i->ops[0]), low = a->regs.rax, high = a->regs.rdx;
	bool equal;
	void *p;

	if (i->ops[0].size != 128)
		return SNUG__ASSIST_UNKNOWN;
	if (at & 15)
		return snug__assist_raise_code(a, X86_VECTOR_GP, 0);
	/* Canonical, and there: its fault is told as a write's by what follows. */
	p = snug__assist_lock(a, at, 16);
	if (!p)
		return snug__insn_failed(a);
	__asm__ volatile("lock cmpxchg16b %1"
	                 : "=@ccz"(equal), "+m"(*(unsigned __int128 *)p), "+a"(low), "+d"(high)
	                 : "b"(a->regs.rbx), "c"(a->regs.rcx)
	                 : "memory");
	a->regs.rax = low;
	a->regs.rdx = high;
	a->regs.rflags = (a->regs.rflags & ~X86_RFLAGS_ZF) | flag(equal, X86_RFLAGS_ZF);
	return SNUG__ASSIST_DONE;
}

#define ROW(name, fn)                                                                                                \
	{                                                                                                            \
		ZYDIS_MNEMONIC_##name, SNUG__ASSIST_INTEGER, fn                                                      \
	}

const struct snug__assist_row snug__assist_integer[] = {
    ROW(POPCNT, popcnt),
    ROW(CRC32, crc32),
    ROW(TZCNT, count_zeros),
    ROW(LZCNT, count_zeros),
    ROW(ANDN, andn),
    ROW(BLSI, lowest_bit),
    ROW(BLSR, lowest_bit),
    ROW(BLSMSK, lowest_bit),
    ROW(BEXTR, bextr),
    ROW(BZHI, bzhi),
    ROW(MULX, mulx),
    ROW(PDEP, scatter),
    ROW(PEXT, scatter),
    ROW(RORX, rorx),
    ROW(SARX, shift),
    ROW(SHLX, shift),
    ROW(SHRX, shift),
    ROW(ADCX, add_carry),
    ROW(ADOX, add_carry),
    ROW(MOVBE, movbe),
    ROW(MOVDIRI, movdiri),
    ROW(RDRAND, random_number),
    ROW(RDSEED, random_number),
    {ZYDIS_MNEMONIC_CMPXCHG16B, SNUG__ASSIST_CX16, cmpxchg16b},
    {ZYDIS_MNEMONIC_INVALID, SNUG__ASSIST_OTHER, NULL},
};

#endif

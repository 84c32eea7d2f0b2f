/* SPDX-License-Identifier: MIT */
/*
 * gdbreg: the registers as gdb numbers them: their order here is that of `g` packets and of the target description
 *
 * Features are gdb's own (TDESC "Standard Target Features", "i386 Features") and one of ours for what only the kernel
 * of a guest sees.  Outside 64-bit mode eip is told with the code segment's base added, since gdb knows no segments:
 * it is where the instruction is.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/num.h"
#include "svc/gdb.h"
#include "x86/x86.h"

enum feature { CORE, SSE, SEGMENTS, SYSTEM };

enum source { GENERAL, SPECIAL, FLOAT, PC, TAG, ZERO };

enum { IN32 = 1, IN64 = 2, BOTH = 3 };

static const char *const features[] = {
    [CORE] = "org.gnu.gdb.i386.core",
    [SSE] = "org.gnu.gdb.i386.sse",
    [SEGMENTS] = "org.gnu.gdb.i386.segments",
    [SYSTEM] = "org.snug.x86.system",
};

struct row {
	const char *name;
	const char *type;
	uint8_t in, feature, source;
	uint8_t bytes; /* as gdb sees it; 0: 4 or 8, as wide as an address */
	uint8_t held;  /* bytes of the field */
	uint16_t at;
};

#define REG(f) .source = GENERAL, .held = 8, .at = offsetof(struct snug_regs, f)
#define SPEC(f, n) .source = SPECIAL, .held = (n), .at = offsetof(struct snug_sregs, f)
#define FPU(f, n) .source = FLOAT, .held = (n), .at = offsetof(struct kvm_fpu, f)

#define GEN32(n, f, t)                                                                                               \
	{                                                                                                            \
		n, t, IN32, CORE, .bytes = 4, REG(f)                                                                 \
	}
#define GEN64(n, t)                                                                                                  \
	{                                                                                                            \
#n, t, IN64, CORE, .bytes = 8, REG(n)                                                                \
	}
#define SEL(n, f)                                                                                                    \
	{                                                                                                            \
		n, "int32", BOTH, CORE, .bytes = 4, SPEC(f, 2)                                                       \
	}
#define ST(n)                                                                                                        \
	{                                                                                                            \
		"st" #n, "i387_ext", BOTH, CORE, .bytes = 10, FPU(fpr[n], 10)                                        \
	}
#define CTL(n, f, size)                                                                                              \
	{                                                                                                            \
		n, "int", BOTH, CORE, .bytes = 4, FPU(f, size)                                                       \
	}
#define NONE(n)                                                                                                      \
	{                                                                                                            \
		n, "int", BOTH, CORE, .bytes = 4, .source = ZERO                                                     \
	}
#define XMM(n, where)                                                                                                \
	{                                                                                                            \
		"xmm" #n, "vec128", where, SSE, .bytes = 16, FPU(xmm[n], 16)                                         \
	}
#define SYS(n, f, size, held)                                                                                        \
	{                                                                                                            \
		n, "uint" #size, BOTH, SYSTEM, .bytes = (size) / 8, SPEC(f, held)                                    \
	}
#define WORD(n, f)                                                                                                   \
	{                                                                                                            \
		n, "long", BOTH, SYSTEM, SPEC(f, 8)                                                                  \
	}

static const struct row rows[] = {
    GEN32("eax", rax, "int32"),
    GEN32("ecx", rcx, "int32"),
    GEN32("edx", rdx, "int32"),
    GEN32("ebx", rbx, "int32"),
    GEN32("esp", rsp, "data_ptr"),
    GEN32("ebp", rbp, "data_ptr"),
    GEN32("esi", rsi, "int32"),
    GEN32("edi", rdi, "int32"),
    {"eip", "code_ptr", IN32, CORE, .bytes = 4, .source = PC},
    GEN64(rax, "int64"),
    GEN64(rbx, "int64"),
    GEN64(rcx, "int64"),
    GEN64(rdx, "int64"),
    GEN64(rsi, "int64"),
    GEN64(rdi, "int64"),
    GEN64(rbp, "data_ptr"),
    GEN64(rsp, "data_ptr"),
    GEN64(r8, "int64"),
    GEN64(r9, "int64"),
    GEN64(r10, "int64"),
    GEN64(r11, "int64"),
    GEN64(r12, "int64"),
    GEN64(r13, "int64"),
    GEN64(r14, "int64"),
    GEN64(r15, "int64"),
    {"rip", "code_ptr", IN64, CORE, .bytes = 8, .source = PC},
    {"eflags", "i386_eflags", BOTH, CORE, .bytes = 4, REG(rflags)},
    SEL("cs", cs.selector),
    SEL("ss", ss.selector),
    SEL("ds", ds.selector),
    SEL("es", es.selector),
    SEL("fs", fs.selector),
    SEL("gs", gs.selector),
    ST(0),
    ST(1),
    ST(2),
    ST(3),
    ST(4),
    ST(5),
    ST(6),
    ST(7),
    CTL("fctrl", fcw, 2),
    CTL("fstat", fsw, 2),
    {"ftag", "int", BOTH, CORE, .bytes = 4, .source = TAG},
    NONE("fiseg"),
    CTL("fioff", last_ip, 4),
    NONE("foseg"),
    CTL("fooff", last_dp, 4),
    CTL("fop", last_opcode, 2),
    XMM(0, BOTH),
    XMM(1, BOTH),
    XMM(2, BOTH),
    XMM(3, BOTH),
    XMM(4, BOTH),
    XMM(5, BOTH),
    XMM(6, BOTH),
    XMM(7, BOTH),
    XMM(8, IN64),
    XMM(9, IN64),
    XMM(10, IN64),
    XMM(11, IN64),
    XMM(12, IN64),
    XMM(13, IN64),
    XMM(14, IN64),
    XMM(15, IN64),
    {"mxcsr", "int", BOTH, SSE, .bytes = 4, FPU(mxcsr, 4)},
    {"fs_base", "long", IN64, SEGMENTS, SPEC(fs.base, 8)},
    {"gs_base", "long", IN64, SEGMENTS, SPEC(gs.base, 8)},
    WORD("cr0", cr0),
    WORD("cr2", cr2),
    WORD("cr3", cr3),
    WORD("cr4", cr4),
    WORD("cr8", cr8),
    SYS("efer", efer, 64, 8),
    WORD("cs_base", cs.base),
    WORD("ss_base", ss.base),
    WORD("ds_base", ds.base),
    WORD("es_base", es.base),
    {"fs_base", "long", IN32, SYSTEM, SPEC(fs.base, 8)},
    {"gs_base", "long", IN32, SYSTEM, SPEC(gs.base, 8)},
    WORD("gdt_base", gdt.base),
    SYS("gdt_limit", gdt.limit, 32, 2),
    WORD("idt_base", idt.base),
    SYS("idt_limit", idt.limit, 32, 2),
    SYS("tr", tr.selector, 32, 2),
    WORD("tr_base", tr.base),
    SYS("ldt", ldt.selector, 32, 2),
    WORD("ldt_base", ldt.base),
    WORD("apic_base", apic_base),
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static bool is_in(const struct row *r, enum snug__gdb_arch arch)
{
	return r->in & (arch == SNUG__GDB_AMD64 ? IN64 : IN32);
}

static unsigned width(const struct row *r, enum snug__gdb_arch arch)
{
	return r->bytes ? r->bytes : arch == SNUG__GDB_AMD64 ? 8 : 4;
}

static const struct row *find(enum snug__gdb_arch arch, unsigned number)
{
	for (unsigned i = 0; i < ROWS; i++)
		if (is_in(&rows[i], arch) && number-- == 0)
			return &rows[i];
	return NULL;
}

unsigned snug__gdb_reg_count(enum snug__gdb_arch arch)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ROWS; i++)
		n += is_in(&rows[i], arch);
	return n;
}

bool snug__gdb_code64(const struct snug_sregs *s)
{
	return (s->efer & X86_EFER_LMA) && s->cs.l;
}

enum snug__gdb_arch snug__gdb_arch_of(const struct snug_sregs *s)
{
	if (s->efer & X86_EFER_LMA)
		return SNUG__GDB_AMD64;
	return s->cs.db ? SNUG__GDB_I386 : SNUG__GDB_I8086;
}

uint64_t snug__gdb_pc(const struct snug_regs *r, const struct snug_sregs *s)
{
	return snug__gdb_code64(s) ? r->rip : (uint32_t)(s->cs.base + r->rip);
}

/*
 * The x87's tag word in two bits a register (SDM 1 8.1.7) from the one bit FXSAVE keeps, by what the register holds.
 * Tags go by physical register, the saved values by stack position.
 */
static uint64_t tags(const struct kvm_fpu *f)
{
	unsigned top = f->fsw >> 11 & 7;
	uint64_t out = 0;

	for (unsigned i = 0; i < 8; i++) {
		const uint8_t *st = f->fpr[(i + 8 - top) % 8];
		uint64_t fraction = snug__le_load(st, 8);
		unsigned exponent = (unsigned)snug__le_load(st + 8, 2) & 0x7fff, tag = 0;

		if (!(f->ftwx >> i & 1))
			tag = 3; /* empty */
		else if (exponent == 0 && fraction == 0)
			tag = 1; /* zero */
		else if (exponent == 0 || exponent == 0x7fff || !(fraction >> 63))
			tag = 2; /* special */
		out |= (uint64_t)tag << (2 * i);
	}
	return out;
}

static void set_tags(struct kvm_fpu *f, uint64_t full)
{
	f->ftwx = 0;
	for (unsigned i = 0; i < 8; i++)
		f->ftwx |= (uint8_t)((full >> (2 * i) & 3) != 3) << i;
}

/* The field behind a row, in a copy that is const or not. */
static size_t offset(const struct row *r)
{
	static const size_t start[] = {
	    [GENERAL] = offsetof(struct snug__gdb_regs, regs),
	    [SPECIAL] = offsetof(struct snug__gdb_regs, sregs),
	    [FLOAT] = offsetof(struct snug__gdb_regs, fpu),
	};

	return start[r->source] + r->at;
}

unsigned snug__gdb_reg_get(enum snug__gdb_arch arch, unsigned number, const struct snug__gdb_regs *r, uint8_t *out)
{
	const struct row *row = find(arch, number);
	unsigned n;

	if (!row)
		return 0;
	n = width(row, arch);
	memset(out, 0, 16);
	if (row->source == PC)
		snug__le_store(out, n, snug__gdb_pc(&r->regs, &r->sregs));
	else if (row->source == TAG)
		snug__le_store(out, n, tags(&r->fpu));
	else if (row->source != ZERO)
		memcpy(out, (const uint8_t *)r + offset(row), snug__min(n, row->held));
	return n;
}

unsigned snug__gdb_reg_set(enum snug__gdb_arch arch, unsigned number, struct snug__gdb_regs *r, const uint8_t *in)
{
	const struct row *row = find(arch, number);
	unsigned n;

	if (!row)
		return 0;
	n = width(row, arch);
	if (row->source == PC)
		r->regs.rip = snug__gdb_code64(&r->sregs) ? snug__le_load(in, n)
		                                          : (uint32_t)(snug__le_load(in, n) - r->sregs.cs.base);
	else if (row->source == TAG)
		set_tags(&r->fpu, snug__le_load(in, n));
	else if (row->source != ZERO)
		memcpy((uint8_t *)r + offset(row), in, snug__min(n, row->held));
	return n;
}

/* TDESC "Target Types": how gdb shows an XMM register. */
static const char vec128[] = "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
                             "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
                             "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
                             "<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
                             "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
                             "<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
                             "<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"
                             "<field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/>"
                             "<field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/>"
                             "<field name=\"v2_int64\" type=\"v2i64\"/><field name=\"uint128\" type=\"uint128\"/>"
                             "</union>";

/* SDM 1 figure 3-8 */
static void put_eflags(struct snug__gdb_text *out)
{
	static const struct {
		const char *name;
		unsigned first, last;
	} flags[] = {
	    {"CF", 0, 0},   {"PF", 2, 2},   {"AF", 4, 4},    {"ZF", 6, 6},     {"SF", 7, 7},   {"TF", 8, 8},
	    {"IF", 9, 9},   {"DF", 10, 10}, {"OF", 11, 11},  {"IOPL", 12, 13}, {"NT", 14, 14}, {"RF", 16, 16},
	    {"VM", 17, 17}, {"AC", 18, 18}, {"VIF", 19, 19}, {"VIP", 20, 20},  {"ID", 21, 21},
	};

	snug__gdb_printf(out, "<flags id=\"i386_eflags\" size=\"4\">");
	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		snug__gdb_printf(out, "<field name=\"%s\" start=\"%u\" end=\"%u\"%s/>", flags[i].name, flags[i].first,
		                 flags[i].last, flags[i].first == flags[i].last ? "" : " type=\"uint32\"");
	snug__gdb_printf(out, "</flags>");
}

static void put_row(const struct row *r, enum snug__gdb_arch arch, struct snug__gdb_text *out)
{
	unsigned n = width(r, arch);
	const char *type = r->type;

	if (!strcmp(type, "long"))
		type = n == 8 ? "uint64" : "uint32";
	snug__gdb_printf(out, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"%s/>", r->name, 8 * n, type,
	                 r->feature == SYSTEM ? " group=\"system\"" : "");
}

void snug__gdb_xml(enum snug__gdb_arch arch, struct snug__gdb_text *out)
{
	static const char *const names[] = {
	    [SNUG__GDB_I8086] = "i8086", [SNUG__GDB_I386] = "i386", [SNUG__GDB_AMD64] = "i386:x86-64"};
	int open = -1;

	snug__gdb_printf(out,
	                 "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"
	                 "<architecture>%s</architecture><osabi>none</osabi>",
	                 names[arch]);
	for (unsigned i = 0; i < ROWS; i++) {
		if (!is_in(&rows[i], arch))
			continue;
		if (rows[i].feature != open) {
			if (open >= 0)
				snug__gdb_printf(out, "</feature>");
			open = rows[i].feature;
			snug__gdb_printf(out, "<feature name=\"%s\">", features[open]);
			if (open == CORE)
				put_eflags(out);
			if (open == SSE)
				snug__gdb_put(out, vec128, sizeof(vec128) - 1);
		}
		put_row(&rows[i], arch, out);
	}
	snug__gdb_printf(out, "</feature></target>");
}

/* SPDX-License-Identifier: MIT */
#include "x86/decode.h"

#include <stdio.h>
#include <string.h>

#ifdef SNUG_HAVE_ZYDIS

#include <dlfcn.h>

#include "x86/zydis.h"

/* What is called; the types are those of the headers. */
enum fn { VERSION, DECODER_INIT, DECODE, FORMATTER_INIT, FORMATTER_SET, FORMAT, NAME, ISA, FNS };

static const char *const names[FNS] = {
    [VERSION] = "ZydisGetVersion",
    [DECODER_INIT] = "ZydisDecoderInit",
    [DECODE] = "ZydisDecoderDecodeFull",
    [FORMATTER_INIT] = "ZydisFormatterInit",
    [FORMATTER_SET] = "ZydisFormatterSetProperty",
    [FORMAT] = "ZydisFormatterFormatInstruction",
    [NAME] = "ZydisMnemonicGetString",
    [ISA] = "ZydisISAExtGetString",
};

_Static_assert(FNS <= sizeof(((struct snug__decoder *)0)->fn) / sizeof(void *), "room for the functions");

#define CALL(d, index, type) ((__typeof__(&(type)))(d)->fn[index])

/* The versions whose structs are those of the headers have the same major and minor number, which the soname holds. */
static bool same_version(const struct snug__decoder *d)
{
	ZyanU64 v = CALL(d, VERSION, ZydisGetVersion)();

	return v >> 32 == ZYDIS_VERSION >> 32;
}

static void soname(char name[32])
{
	snprintf(name, 32, "libZydis.so.%u.%u", ZYDIS_VERSION_MAJOR(ZYDIS_VERSION),
	         ZYDIS_VERSION_MINOR(ZYDIS_VERSION));
}

void snug__decoder_keep(void)
{
	char name[32];
	void *lib;

	soname(name);
	lib = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (lib)
		dlclose(lib);
}

void snug__decoder_open(struct snug__decoder *d)
{
	char name[32];

	memset(d, 0, sizeof(*d));
	soname(name);
	d->lib = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (!d->lib) {
		snprintf(d->why, sizeof(d->why), "%s (Debian: libzydis4.0) could not be loaded", name);
		return;
	}
	for (unsigned i = 0; i < FNS; i++) {
		d->fn[i] = dlsym(d->lib, names[i]);
		if (!d->fn[i]) {
			snug__decoder_close(d);
			snprintf(d->why, sizeof(d->why), "%s lacks %s", name, names[i]);
			return;
		}
	}
	if (same_version(d))
		return;
	snug__decoder_close(d);
	snprintf(d->why, sizeof(d->why), "%s is not the version snug was built with", name);
}

void snug__decoder_close(struct snug__decoder *d)
{
	if (d->lib)
		dlclose(d->lib);
	d->lib = NULL;
}

static ZyanStatus init(const struct snug__decoder *d, struct snug__code_mode mode, ZydisDecoder *z)
{
	ZydisMachineMode m = mode.bits == 64   ? ZYDIS_MACHINE_MODE_LONG_64
	                     : mode.bits == 32 ? ZYDIS_MACHINE_MODE_LEGACY_32
	                     : mode.real       ? ZYDIS_MACHINE_MODE_REAL_16
	                                       : ZYDIS_MACHINE_MODE_LEGACY_16;
	ZydisStackWidth w = mode.bits == 64   ? ZYDIS_STACK_WIDTH_64
	                    : mode.bits == 32 ? ZYDIS_STACK_WIDTH_32
	                                      : ZYDIS_STACK_WIDTH_16;

	return CALL(d, DECODER_INIT, ZydisDecoderInit)(z, m, w);
}

bool snug__zydis_decode(const struct snug__decoder *d, struct snug__code_mode mode, const uint8_t *bytes, size_t len,
                        ZydisDecodedInstruction *in, ZydisDecodedOperand *ops, bool *cut)
{
	ZydisDecoder z;
	ZyanStatus s;

	*cut = true;
	if (!d->lib || !ZYAN_SUCCESS(init(d, mode, &z)))
		return false;
	s = CALL(d, DECODE, ZydisDecoderDecodeFull)(&z, bytes, len, in, ops);
	*cut = s == ZYDIS_STATUS_NO_MORE_DATA;
	return ZYAN_SUCCESS(s);
}

/* Zydis numbers general registers as the CPU does: ax, cx, dx, bx, sp, bp, si, di, r8 to r15. */
static uint64_t general(const struct snug_regs *r, unsigned index)
{
	const uint64_t values[16] = {r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi, r->rdi,
	                             r->r8,  r->r9,  r->r10, r->r11, r->r12, r->r13, r->r14, r->r15};

	return values[index & 15];
}

static uint64_t value_of(ZydisRegister reg, const struct snug_regs *r, unsigned len)
{
	if (reg >= ZYDIS_REGISTER_RAX && reg <= ZYDIS_REGISTER_R15)
		return general(r, reg - ZYDIS_REGISTER_RAX);
	if (reg >= ZYDIS_REGISTER_EAX && reg <= ZYDIS_REGISTER_R15D)
		return (uint32_t)general(r, reg - ZYDIS_REGISTER_EAX);
	if (reg >= ZYDIS_REGISTER_AX && reg <= ZYDIS_REGISTER_R15W)
		return (uint16_t)general(r, reg - ZYDIS_REGISTER_AX);
	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
		return r->rip + len;
	return 0; /* none, or the index of a gather, of which the base alone is told */
}

static uint64_t base_of(ZydisRegister seg, const struct snug_sregs *s, unsigned bits)
{
	switch (seg) {
	case ZYDIS_REGISTER_FS:
		return s->fs.base;
	case ZYDIS_REGISTER_GS:
		return s->gs.base;
	case ZYDIS_REGISTER_CS:
		return bits == 64 ? 0 : s->cs.base;
	case ZYDIS_REGISTER_DS:
		return bits == 64 ? 0 : s->ds.base;
	case ZYDIS_REGISTER_ES:
		return bits == 64 ? 0 : s->es.base;
	case ZYDIS_REGISTER_SS:
		return bits == 64 ? 0 : s->ss.base;
	default:
		return 0;
	}
}

static void fill_memory(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *ops, unsigned bits,
                        const struct snug_regs *regs, const struct snug_sregs *sregs, struct snug__decoded *out)
{
	for (unsigned i = 0; i < in->operand_count && !out->mem; i++) {
		const ZydisDecodedOperand *op = &ops[i];
		uint64_t at;

		if (op->type != ZYDIS_OPERAND_TYPE_MEMORY || op->mem.type != ZYDIS_MEMOP_TYPE_MEM ||
		    (op->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && op->mem.segment == ZYDIS_REGISTER_SS))
			continue;
		at = value_of(op->mem.base, regs, in->length) +
		     value_of(op->mem.index, regs, in->length) * op->mem.scale +
		     (op->mem.disp.has_displacement ? (uint64_t)op->mem.disp.value : 0);
		if (in->address_width < 64)
			at &= (1ull << in->address_width) - 1;
		at += base_of(op->mem.segment, sregs, bits);
		out->mem = true;
		out->mem_at = bits == 64 ? at : at & 0xffffffff;
		out->mem_write = (op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
		out->mem_bytes = op->size / 8;
	}
}

static bool is_vector(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *ops)
{
	for (unsigned i = 0; i < in->operand_count; i++)
		if (ops[i].type == ZYDIS_OPERAND_TYPE_REGISTER && ops[i].reg.value >= ZYDIS_REGISTER_MM0 &&
		    ops[i].reg.value <= ZYDIS_REGISTER_ZMM31)
			return true;
	return in->meta.category == ZYDIS_CATEGORY_SSE;
}

bool snug__decode(const struct snug__decoder *d, struct snug__code_mode mode, const uint8_t *bytes, size_t len,
                  const struct snug_regs *regs, const struct snug_sregs *sregs, struct snug__decoded *out)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;
	ZydisFormatter f;
	ZydisDecoder z;
	const char *s;

	memset(out, 0, sizeof(*out));
	if (!d->lib || ZYAN_FAILED(init(d, mode, &z)) ||
	    ZYAN_FAILED(CALL(d, DECODE, ZydisDecoderDecodeFull)(&z, bytes, len, &in, ops)) ||
	    ZYAN_FAILED(CALL(d, FORMATTER_INIT, ZydisFormatterInit)(&f, ZYDIS_FORMATTER_STYLE_INTEL)))
		return false;
	CALL(d, FORMATTER_SET, ZydisFormatterSetProperty)(&f, ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, 0);
	CALL(d, FORMATTER_SET, ZydisFormatterSetProperty)
	(&f, ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE, (ZyanUPointer)ZYDIS_PADDING_DISABLED);
	CALL(d, FORMAT, ZydisFormatterFormatInstruction)
	(&f, &in, ops, in.operand_count_visible, out->text, sizeof(out->text), regs->rip, NULL);
	out->text[sizeof(out->text) - 1] = '\0'; /* what does not fit is left as far as it came */
	s = CALL(d, NAME, ZydisMnemonicGetString)(in.mnemonic);
	snprintf(out->name, sizeof(out->name), "%s", s ? s : "?");
	s = CALL(d, ISA, ZydisISAExtGetString)(in.meta.isa_ext);
	snprintf(out->isa, sizeof(out->isa), "%s", s ? s : "?");
	out->len = in.length;
	out->privileged = (in.attributes & ZYDIS_ATTRIB_IS_PRIVILEGED) != 0;
	out->vector = is_vector(&in, ops);
	fill_memory(&in, ops, mode.bits, regs, sregs, out);
	return true;
}

#else

void snug__decoder_keep(void)
{
}

void snug__decoder_open(struct snug__decoder *d)
{
	memset(d, 0, sizeof(*d));
	snprintf(d->why, sizeof(d->why), "this snug was built without Zydis");
}

void snug__decoder_close(struct snug__decoder *d)
{
	(void)d;
}

bool snug__decode(const struct snug__decoder *d, struct snug__code_mode mode, const uint8_t *bytes, size_t len,
                  const struct snug_regs *regs, const struct snug_sregs *sregs, struct snug__decoded *out)
{
	(void)d, (void)mode, (void)bytes, (void)len, (void)regs, (void)sregs;
	memset(out, 0, sizeof(*out));
	return false;
}

#endif

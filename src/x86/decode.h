/* SPDX-License-Identifier: MIT */
/*
 * decode: instructions as text, by Zydis
 *
 * Zydis is loaded when it is first needed: who never looks into a guest does not pay for it, and a program linked with
 * libsnug needs no library more.  Where the build had no Zydis headers, or the library is not there, a decoder says why.
 */
#ifndef SNUG_X86_DECODE_H
#define SNUG_X86_DECODE_H

#include <snug.h>

struct snug__decoder {
	void *lib; /* NULL: none */
	void *fn[8];
	char why[96]; /* no decoder: why */
};

/* How the CPU reads code. */
struct snug__code_mode {
	unsigned bits; /* 16, 32 or 64 */
	bool real;
};

struct snug__decoded {
	unsigned len;
	char text[64]; /* Intel's notation, cut to fit */
	char name[16]; /* "addps" */
	char isa[16];  /* "SSE2"; of old ones "BASE" */
	bool privileged;
	bool vector; /* works on mm, xmm, ymm or zmm registers, or is of the same family */
	bool mem;    /* has a memory operand, not counting that of a push or call */
	bool mem_write;
	unsigned mem_bytes;
	uint64_t mem_at; /* linear */
};

/* Loads Zydis for as long as the process lives: later opens need no file. */
void snug__decoder_keep(void);

/* Never fails: without Zydis, decoding does. */
void snug__decoder_open(struct snug__decoder *d);
void snug__decoder_close(struct snug__decoder *d);

/*
 * Decodes the instruction that starts at bytes; regs->rip is taken for its address.  false: it is none, it is longer than
 * len bytes, or there is no decoder.
 */
bool snug__decode(const struct snug__decoder *d, struct snug__code_mode mode, const uint8_t *bytes, size_t len,
                  const struct snug_regs *regs, const struct snug_sregs *sregs, struct snug__decoded *out);

#endif

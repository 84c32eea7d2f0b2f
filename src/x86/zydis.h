/* SPDX-License-Identifier: MIT */
/* zydis: the decoder with Zydis' own types; included only where SNUG_HAVE_ZYDIS is defined */
#ifndef SNUG_X86_ZYDIS_H
#define SNUG_X86_ZYDIS_H

#include <Zydis/Zydis.h>

#include "x86/decode.h"

/* ops has ZYDIS_MAX_OPERAND_COUNT rows.  false: it is none; *cut: of these bytes, or there is no decoder. */
bool snug__zydis_decode(const struct snug__decoder *d, struct snug__code_mode mode, const uint8_t *bytes, size_t len,
                        ZydisDecodedInstruction *in, ZydisDecodedOperand *ops, bool *cut);

#endif

/* SPDX-License-Identifier: MIT */
#ifdef SNUG_HAVE_ZYDIS
#include "x86/assist/insn.h"
const struct snug__assist_row snug__assist_simd[] = {{ZYDIS_MNEMONIC_INVALID, SNUG__ASSIST_OTHER, NULL}};
#endif

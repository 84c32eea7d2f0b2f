/* SPDX-License-Identifier: MIT */
/* ends: what an exit means to the command */
#include "ends.h"

/*
 * Accesses no device claims do not come here (SNUG_UNCLAIMED_IGNORE); if one does, it reads all-ones.  A function that
 * says it returned, with no call under way, says nothing.
 */
static const enum cli_end ends[] = {
    [SNUG_EXIT_PIO] = CLI_END_NOT,       [SNUG_EXIT_MMIO] = CLI_END_NOT,     [SNUG_EXIT_KICKED] = CLI_END_NOT,
    [SNUG_EXIT_TIMEOUT] = CLI_END_NOT,   [SNUG_EXIT_SIGNAL] = CLI_END_NOT,   [SNUG_EXIT_HLT] = CLI_END_HLT,
    [SNUG_EXIT_STATUS] = CLI_END_STATUS, [SNUG_EXIT_RESET] = CLI_END_RESET,  [SNUG_EXIT_MARK] = CLI_END_MARK,
    [SNUG_EXIT_RETURN] = CLI_END_NOT,    [SNUG_EXIT_POWEROFF] = CLI_END_OFF,
};

enum cli_end cli_end(const struct snug_exit *x)
{
	return (unsigned)x->kind < sizeof ends / sizeof *ends ? ends[x->kind] : CLI_END_CRASH;
}

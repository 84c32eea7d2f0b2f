/* SPDX-License-Identifier: MIT */
/* ends: what an exit means to the command */
#ifndef SNUG_CLI_ENDS_H
#define SNUG_CLI_ENDS_H

#include <snug.h>

enum cli_end {
	CLI_END_CRASH = 0,
	CLI_END_NOT, /* the guest runs on */
	CLI_END_HLT,
	CLI_END_STATUS,
	CLI_END_RESET,
	CLI_END_OFF,
	CLI_END_MARK, /* the one that was to be stopped at */
};

enum cli_end cli_end(const struct snug_exit *x);

#endif

/* SPDX-License-Identifier: MIT */
/* inherited: descriptors that snug was started with */
#ifndef SNUG_CLI_INHERITED_H
#define SNUG_CLI_INHERITED_H

/* Closes them, but for stdin, stdout and stderr. */
void cli_close_inherited(void);

#endif

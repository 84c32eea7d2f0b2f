/* SPDX-License-Identifier: MIT */
/* tty: the terminal, which passes each key on while a guest has it, and is always put back */
#ifndef SNUG_CLI_TTY_H
#define SNUG_CLI_TTY_H

#include <stdbool.h>

/* Remembers what stdin's terminal is like now; cli_tty_restore puts that back.  Of the process that ends last. */
void cli_tty_keep(void);
void cli_tty_restore(void);

/* Each key goes to the guest; false: stdin is no terminal. */
bool cli_tty_raw(void);

/* The same, and it is put back whatever ends this process, but for SIGKILL: where no other process would do it. */
bool cli_tty_raw_here(void);

#endif

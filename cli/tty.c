/* SPDX-License-Identifier: MIT */
#include "tty.h"

#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static struct termios kept;
static bool has_kept;

void cli_tty_keep(void)
{
	has_kept = tcgetattr(STDIN_FILENO, &kept) == 0;
}

void cli_tty_restore(void)
{
	if (has_kept)
		tcsetattr(STDIN_FILENO, TCSANOW, &kept);
}

bool cli_tty_raw(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &raw) < 0)
		return false;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST; /* lines of snug's own end as they should */
	return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static void on_signal(int sig)
{
	cli_tty_restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

bool cli_tty_raw_here(void)
{
	static const int ends[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGABRT, SIGSEGV, SIGBUS};

	cli_tty_keep();
	if (!has_kept)
		return false;
	for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++)
		signal(ends[i], on_signal);
	atexit(cli_tty_restore);
	return cli_tty_raw();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* What runs until it is stopped ends as it would by itself: files are closed, the terminal is put right. */
#include <signal.h>

#include "ctl.h"

static volatile sig_atomic_t asked;

static void ask(int number)
{
	(void)number;
	asked = 1;
}

void stop_by_signals(void)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
	struct sigaction action = {.sa_handler = ask}; /* without SA_RESTART: waiting ends */

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sigaction(numbers[i], &action, NULL);
}

bool stopped(void)
{
	return asked;
}

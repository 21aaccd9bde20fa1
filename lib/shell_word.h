/* SPDX-License-Identifier: GPL-2.0-only */
/* Names in commands that a person is told to type: a device or a network namespace may be called as nobody would expect. */
#ifndef WEIR_SHELL_WORD_H
#define WEIR_SHELL_WORD_H

#include <net/if.h>

#define SHELL_WORD_MAX(size) (4 * (size) + 3)
#define DEV_WORD_MAX	     SHELL_WORD_MAX(IF_NAMESIZE)

/* A name as a word that a shell takes as it is; in buf, which has SHELL_WORD_MAX() of the most that the name and its end take. */
const char *shell_word(const char *name, char *buf);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* Whoever named the device may have thought of whoever pastes the command. */
#include "shell_word.h"

#include <string.h>

const char *shell_word(const char *name, char *buf)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:/@-";
	char *end = buf;

	if (*name && *name != '-' && strspn(name, plain) == strlen(name))
		return strcpy(buf, name);
	*end++ = '\'';
	for (; *name; name++) {
		if (*name == '\'')
			end = stpcpy(end, "'\\'");
		*end++ = *name;
	}
	strcpy(end, "'");
	return buf;
}

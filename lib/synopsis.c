/* SPDX-License-Identifier: GPL-2.0-only */
/* A synopsis as people read it. */
#include <ctype.h>
#include <string.h>

#include "grammar.h"

const char *synopsis_text(const char *synopsis, char buf[SYNOPSIS_MAX])
{
	size_t length = 0;

	while (*synopsis && length + 1 < SYNOPSIS_MAX) {
		size_t name = strcspn(synopsis, " []=.");

		if (isupper((unsigned char)*synopsis) && synopsis[name] == '=')
			synopsis += name + 1; /* ACTION=allow|deny: the choices say it all */
		buf[length++] = *synopsis++;
	}
	buf[length] = '\0';
	return buf;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's settings. */
#include "sysctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SYSCTL_DIR "/proc/sys/"

long sysctl_number(const char *format, ...)
{
	char path[128] = SYSCTL_DIR;
	long value = -1;
	va_list list;
	FILE *in;

	va_start(list, format);
	vsnprintf(path + strlen(SYSCTL_DIR), sizeof(path) - strlen(SYSCTL_DIR), format, list);
	va_end(list);
	in = fopen(path, "re");
	if (!in)
		return -1;
	if (fscanf(in, "%ld", &value) != 1 || value < 0)
		value = -1;
	fclose(in);
	return value;
}

const char *sysctl_dev(const char *name, char ret[IF_NAMESIZE])
{
	snprintf(ret, IF_NAMESIZE, "%s", name);
	for (char *c = ret; *c; c++)
		*c = *c == '.' ? '/' : *c;
	return ret;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's settings. */
#include "sysctl.h"

#include <stdarg.h>
#include <stdio.h>

#define SYSCTL_DIR "/proc/sys/"

long sysctl_field(unsigned int field, const char *key)
{
	char path[128];
	long value = -1;
	FILE *in;

	snprintf(path, sizeof(path), SYSCTL_DIR "%s", key);
	in = fopen(path, "re");
	if (!in)
		return -1;
	for (unsigned int i = 0; i <= field; i++)
		if (fscanf(in, "%ld", &value) != 1 || value < 0)
			value = -1;
	fclose(in);
	return value;
}

long sysctl_number(const char *format, ...)
{
	char key[112];
	va_list list;

	va_start(list, format);
	vsnprintf(key, sizeof(key), format, list);
	va_end(list);
	return sysctl_field(0, key);
}

const char *sysctl_dev(const char *name, char ret[IF_NAMESIZE])
{
	snprintf(ret, IF_NAMESIZE, "%s", name);
	for (char *c = ret; *c; c++)
		*c = *c == '.' ? '/' : *c;
	return ret;
}

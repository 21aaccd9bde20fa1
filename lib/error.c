/* SPDX-License-Identifier: GPL-2.0-only */
/* Filling struct weir_error. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

size_t control_length(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	if (*s == 0xc2 && (s[1] & 0xe0) == 0x80)
		return 2;
	return (*s && *s < ' ') || *s == 0x7f;
}

/* Messages quote what the user, or a file from elsewhere, wrote: a terminal must not obey it. */
static void defuse(char *text)
{
	for (; *text; text++)
		memset(text, '?', control_length(text));
}

static enum weir_exit exit_status(int code)
{
	if (code == EPERM || code == EACCES)
		return WEIR_EXIT_PRIVILEGE;
	if (code == EOPNOTSUPP)
		return WEIR_EXIT_UNSUPPORTED;
	return code == EINVAL ? WEIR_EXIT_USAGE : WEIR_EXIT_FAILED;
}

int weir_fail(struct weir_error *err, int code, const char *format, ...)
{
	char text[ERROR_TEXT_MAX]; /* an argument may be part of *err */
	va_list list;

	if (!err)
		return -code;
	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	defuse(text);
	memset(err, 0, sizeof(*err));
	strcpy(err->text, text);
	err->status = exit_status(code);
	return -code;
}

int weir_hint(struct weir_error *err, int code, const char *format, ...)
{
	char hint[ERROR_TEXT_MAX];
	va_list list;

	if (!err)
		return code;
	va_start(list, format);
	vsnprintf(hint, sizeof(hint), format, list);
	va_end(list);
	defuse(hint);
	strcpy(err->hint, hint);
	return code;
}

int no_memory(struct weir_error *err)
{
	return weir_fail(err, ENOMEM, "out of memory");
}

int weir_full(struct weir_error *err, enum weir_limit_name limit, unsigned long fits)
{
	static const char *const names[WEIR_LIMITS] = {
#define LIMIT(id, value, what) #id,
#include "weir/limits.def"
#undef LIMIT
	};
	static const char *const texts[WEIR_LIMITS] = {
#define LIMIT(id, value, what) what,
#include "weir/limits.def"
#undef LIMIT
	};
	int rc = weir_fail(err, ENOSPC, "table full: %lu %s is the limit", fits, texts[limit]);

	return weir_hint(err, rc, "raise %s in include/weir/limits.def, build again and `weir reset`", names[limit]);
}

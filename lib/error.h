/* SPDX-License-Identifier: GPL-2.0-only */
/* What went wrong, in words for a person. lib/ never prints and never exits: a function that can fail returns 0 or -errno
 * and fills a struct weir_error; ctl/ prints it once. Outputs named ret_ are untouched on failure. */
#ifndef WEIR_ERROR_H
#define WEIR_ERROR_H

#include <stddef.h>

/* exit statuses of the command, which are part of its interface */
enum weir_exit {
	WEIR_EXIT_OK = 0,
	WEIR_EXIT_FAILED = 1,
	WEIR_EXIT_USAGE = 2,	   /* wrong usage or configuration */
	WEIR_EXIT_NO = 3,	   /* a difference, a check that does not hold */
	WEIR_EXIT_PRIVILEGE = 4,   /* no privilege */
	WEIR_EXIT_UNSUPPORTED = 5, /* the kernel or NIC lacks it */
};

#define ERROR_TEXT_MAX 512

struct weir_error {
	char text[ERROR_TEXT_MAX]; /* lower case, subjects quoted 'like this', no full stop */
	char hint[ERROR_TEXT_MAX]; /* what to do about it, or "" */
	enum weir_exit status;
	/* where, when it comes from text: file "" = the command line */
	char file[256];
	unsigned int line, column; /* from 1; 0: unknown */
	/* the offending line; of a long one the part around the column, beginning source_offset bytes into it: the caret stands
	 * at column - source_offset */
	char source[512];
	unsigned int source_offset;
};

/* Bytes of the control character that the text begins with, which a terminal would obey: one, or the two that C1 has in UTF-8
 * (c2 80 to c2 9f). 0: it begins with none. */
size_t control_length(const char *text);

/* Fill err (when not NULL) and return -code, so that callers write `return weir_fail(...)`. The exit status is derived from
 * code: EPERM/EACCES -> PRIVILEGE, EOPNOTSUPP -> UNSUPPORTED, EINVAL -> USAGE, all else FAILED. */
int weir_fail(struct weir_error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Add a hint to an error that is already filled; returns code so that it can be chained: return weir_hint(err, rc, "..."). */
int weir_hint(struct weir_error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

int no_memory(struct weir_error *err); /* -ENOMEM */

/* A table is full: -ENOSPC with the limit's name, its meaning and its size (weir/limits.def). `fits` is how many there can
 * be, which may be less than the limit's value where some numbers are reserved. */
enum weir_limit_name {
#define LIMIT(id, value, what) WEIR_LIMIT_##id,
#include "weir/limits.def"
#undef LIMIT
	WEIR_LIMITS
};
int weir_full(struct weir_error *err, enum weir_limit_name limit, unsigned long fits);

#endif

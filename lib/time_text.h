/* SPDX-License-Identifier: GPL-2.0-only */
/* Durations and moments as people write them. */
#ifndef WEIR_TIME_TEXT_H
#define WEIR_TIME_TEXT_H

#include <linux/types.h>

#include "error.h"

#define TIME_TEXT_MAX 32

/* "90s", "15m", "1h30m", "2d": whole seconds, 1 s to 10 years. */
int duration_parse(const char *text, __u32 *ret_seconds, struct weir_error *err);
/* "2030-01-31T12:00:00Z" (RFC 3339, UTC, whole seconds, the years 1970 to 9999) <-> seconds since 1970. */
int time_parse(const char *text, __s64 *ret, struct weir_error *err);
const char *time_text(__s64 seconds, char buf[TIME_TEXT_MAX]);

#endif

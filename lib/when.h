/* SPDX-License-Identifier: GPL-2.0-only */
/* How long something holds: as people say it, as UTC, and by the packet path's own clock. */
#ifndef WEIR_WHEN_H
#define WEIR_WHEN_H

#include <linux/types.h>

#include "error.h"

/* A moment: UTC, seconds since 1970, up to WHEN_MAX; 0 stands for "for good". */
#define WHEN_MAX 0xffffffffll

__s64 when_now(void);

/* "90s", "1h30m", "6h", "2d", "1w": that long from now. "2026-11-21T07:00:00Z": that moment, which may be past. -EINVAL with a
 * hint. */
int when_duration(const char *text, __u64 *ret_seconds, struct weir_error *err);
int when_for(const char *text, __s64 *ret_until, struct weir_error *err);
int when_until(const char *text, __s64 *ret_until, struct weir_error *err);

/* as when_until() reads it; returns buf */
#define WHEN_TEXT_MAX 32
const char *when_text(__s64 until, char buf[WHEN_TEXT_MAX]);

/* The moment by CLOCK_MONOTONIC, in ns, never 0; from then on a change of the wall clock does not move it. */
__u64 when_monotonic(__s64 until);

#endif

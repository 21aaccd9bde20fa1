/* SPDX-License-Identifier: GPL-2.0-only */
/* All counters of the packet path at one time, which `weir stats`, `weir metrics` and `weir top` show. */
#ifndef WEIR_COUNTERS_H
#define WEIR_COUNTERS_H

#include "stats.h"

/* zeros included; arrays by slot, hook and reason, or by id */
struct counters {
	struct weir_count devices[WEIR_MAX_DEVS][WEIR_HOOKS][WEIR_REASONS];
	struct weir_service_stats vips[WEIR_MAX_VIPS];
	struct weir_count replies[WEIR_MAX_VIPS]; /* of WEIR_MODE_NAT */
	struct weir_service_stats backends[WEIR_MAX_BACKENDS];
	struct weir_count rules[WEIR_MAX_RULES];   /* of policy */
	struct hits filter[WEIR_MAX_FILTER_RULES]; /* of the filter */
	struct hits sets[WEIR_MAX_SETS];
};

int counters_read(struct plane *p, struct counters *ret, struct weir_error *err);

/* of all devices together; a packet may pass several hooks */
void counters_totals(const struct counters *c, struct weir_count ret[WEIR_HOOKS][WEIR_VERDICTS]);

#endif

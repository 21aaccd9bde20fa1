/* SPDX-License-Identifier: GPL-2.0-only */
/* The packet path's counters, summed over CPUs. */
#ifndef WEIR_STATS_H
#define WEIR_STATS_H

#include "plane.h"

extern const char *const reason_names[WEIR_REASONS];
extern const char *const reason_texts[WEIR_REASONS];
extern const enum weir_verdict reason_verdicts[WEIR_REASONS];
extern const char *const verdict_names[WEIR_VERDICTS];
extern const char *const hook_names[WEIR_HOOKS];

/* by device slot and hook; slot 0 counts for devices that found no slot */
int stats_device(struct plane *p, __u32 slot, enum weir_hook hook, struct weir_count ret[WEIR_REASONS],
		 struct weir_error *err);
/* by id; all at once: arrays of WEIR_MAX_VIPS, WEIR_MAX_BACKENDS, WEIR_MAX_RULES */
int stats_vips(struct plane *p, struct weir_service_stats *ret, struct weir_error *err);
int stats_backends(struct plane *p, struct weir_service_stats *ret, struct weir_error *err);
int stats_rules(struct plane *p, struct weir_count *ret, struct weir_error *err);
/* Begin again at 0: an id given out anew. `map` is one of vip_stats, be_stats, rule_stats. */
int stats_clear(struct plane *p, enum plane_map map, __u32 id, struct weir_error *err);

#endif

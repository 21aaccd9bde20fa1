/* SPDX-License-Identifier: GPL-2.0-only */
/* The packet path's counters, summed over CPUs. */
#ifndef WEIR_STATS_H
#define WEIR_STATS_H

#include <stddef.h>

#include "plane.h"

extern const char *const reason_names[WEIR_REASONS];
extern const char *const reason_texts[WEIR_REASONS];
extern const enum weir_verdict reason_verdicts[WEIR_REASONS];
/* where a reason occurs: bit HOOK of enum weir_hook */
extern const __u8 reason_hooks[WEIR_REASONS];
extern const char *const verdict_names[WEIR_VERDICTS];
extern const char *const hook_names[WEIR_HOOKS];

/* by device slot and hook; slot 0 counts for devices that found no slot */
int stats_device(struct plane *p, __u32 slot, enum weir_hook hook, struct weir_count ret[WEIR_REASONS],
		 struct weir_error *err);
/* by id; all at once: arrays of WEIR_MAX_VIPS, WEIR_MAX_BACKENDS, WEIR_MAX_RULES */
int stats_vips(struct plane *p, struct weir_service_stats *ret, struct weir_error *err);
/* the replies of its backends, which only a VIP of WEIR_MODE_NAT has */
int stats_replies(struct plane *p, struct weir_count *ret, struct weir_error *err);
int stats_backends(struct plane *p, struct weir_service_stats *ret, struct weir_error *err);
int stats_rules(struct plane *p, struct weir_count *ret, struct weir_error *err);
/* the same by identity; counted only while somebody looks (lib/top.h): WEIR_MAX_IDENTITIES */
int stats_identities(struct plane *p, struct weir_id_stats *ret, struct weir_error *err);
/* what captures took and lost, [place * WEIR_MAX_DEVS + device slot]: WEIR_CAPTURES * WEIR_MAX_DEVS */
int stats_captures(struct plane *p, struct weir_capture_stats *ret, struct weir_error *err);
/* Hits with their age, of filter rules (PLANE_filter_stats, WEIR_MAX_FILTER_RULES) or sets (PLANE_set_stats, WEIR_MAX_SETS),
 * by id. The packet path keeps the low word of jiffies: an age past 2^32 of them (49 days at 1000 a second) begins again. */
struct hits {
	struct weir_count count;
	__u64 shared;  /* of a rule that limits: packets measured by a bucket that served others, too */
	__u64 idle_ms; /* since the last one; without any: since the counter was made */
};
int stats_hits(struct plane *p, enum plane_map map, __u32 entries, struct hits *ret, struct weir_error *err);
/* These begin again at no hits, as of now. */
int stats_hits_new(struct plane *p, enum plane_map map, const __u32 *ids, size_t count, struct weir_error *err);
/* Begin again at 0: an id given out anew. `map` is one of vip_stats, reply_stats, be_stats, rule_stats. */
int stats_clear(struct plane *p, enum plane_map map, __u32 id, struct weir_error *err);
/* The same for a device's, whose slot is given back. */
int stats_device_clear(struct plane *p, __u32 slot, struct weir_error *err);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* All counters of the packet path at one time. */
#include "counters.h"

#include <string.h>

int counters_read(struct plane *p, struct counters *ret, struct weir_error *err)
{
	int rc = stats_vips(p, ret->vips, err);

	if (!rc)
		rc = stats_replies(p, ret->replies, err);
	if (!rc)
		rc = stats_backends(p, ret->backends, err);
	if (!rc)
		rc = stats_rules(p, ret->rules, err);
	if (!rc)
		rc = stats_hits(p, PLANE_filter_stats, WEIR_MAX_FILTER_RULES, ret->filter, err);
	if (!rc)
		rc = stats_hits(p, PLANE_set_stats, WEIR_MAX_SETS, ret->sets, err);
	memset(ret->devices, 0, sizeof(ret->devices));
	for (__u32 slot = 0; slot < WEIR_MAX_DEVS; slot++) {
		if (slot && !p->devs[slot].ifindex)
			continue;
		for (int hook = 0; hook < WEIR_HOOKS && !rc; hook++)
			rc = stats_device(p, slot, hook, ret->devices[slot][hook], err);
	}
	return rc;
}

void counters_totals(const struct counters *c, struct weir_count ret[WEIR_HOOKS][WEIR_VERDICTS])
{
	memset(ret, 0, WEIR_HOOKS * sizeof(*ret));
	for (size_t i = 0; i < (size_t)WEIR_MAX_DEVS * WEIR_HOOKS * WEIR_REASONS; i++) {
		__u32 slot = i / (WEIR_HOOKS * WEIR_REASONS), hook = i / WEIR_REASONS % WEIR_HOOKS;
		__u32 reason = i % WEIR_REASONS;
		const struct weir_count *count = &c->devices[slot][hook][reason];
		struct weir_count *total = &ret[hook][reason_verdicts[reason]];

		total->packets += count->packets;
		total->bytes += count->bytes;
	}
}

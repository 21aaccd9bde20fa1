/* SPDX-License-Identifier: GPL-2.0-only */
/* What `weir top` alone wants counted (weir/abi_top.h): who sends most, and what each identity does. */
#ifndef WEIR_BPF_TOP_H
#define WEIR_BPF_TOP_H

#include "bpf/watch.h"

PINNED_MAP(weir_sketch, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct weir_sketch_line,
	   2 * WEIR_SKETCH_ROWS * WEIR_SKETCH_LINES, 0);
PINNED_MAP(weir_heavy, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct weir_heavy, 2 * WEIR_HEAVY_BUCKETS, 0);
PINNED_MAP(weir_id_stats, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct weir_id_stats, WEIR_MAX_IDENTITIES, 0);

static __always_inline bool top_is_wanted(struct weir_ctl *ctl)
{
	return ctl->watch & WEIR_WATCH_TOP &&
	       watch_leased(ctl, WEIR_WATCH_TOP, *(volatile __u64 *)&ctl->watching.top_until_ns);
}

static __always_inline void top_identity(__u32 identity, __u32 bytes, bool refused)
{
	struct weir_id_stats *stats = bpf_map_lookup_elem(&weir_id_stats, &identity);

	if (!stats)
		return;
	stats->sent.packets++;
	stats->sent.bytes += bytes;
	stats->refused += refused;
}

#endif

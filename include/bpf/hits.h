/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters of what matched: filter rules and sets. */
#ifndef WEIR_BPF_HITS_H
#define WEIR_BPF_HITS_H

#include "bpf/explain.h"
#include "bpf/maps.h"

PINNED_MAP(weir_filter_stats, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct weir_hits, WEIR_MAX_FILTER_RULES, 0);
PINNED_MAP(weir_set_stats, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct weir_hits, WEIR_MAX_SETS, 0);

/* `hits` may be NULL: an id that has no counters. */
static __always_inline void hits_count(struct weir_hits *hits, __u32 bytes)
{
	if (!CHANGES || !hits)
		return;
	hits->hit.packets++;
	hits->hit.bytes += bytes;
	hits->last = (__u32)bpf_jiffies64();
}

static __always_inline void rule_hit(__u32 id, __u32 bytes)
{
	hits_count(bpf_map_lookup_elem(&weir_filter_stats, &id), bytes);
}

static __always_inline void set_hit(__u32 id, __u32 bytes)
{
	hits_count(bpf_map_lookup_elem(&weir_set_stats, &id), bytes);
}

#endif

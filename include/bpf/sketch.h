/* SPDX-License-Identifier: GPL-2.0-only */
/* Who sends most: a count-min sketch, and the addresses that it has the highest counts of (weir/abi_top.h). */
#ifndef WEIR_BPF_SKETCH_H
#define WEIR_BPF_SKETCH_H

#include "bpf/top.h"
#include "weir/hash.h"

/* Count it in one row; what the row then has of it. */
static __always_inline __u32 sketch_add(__u64 hash, __u32 row, __u32 window)
{
	__u32 at = weir_sketch_at(hash, row);
	__u32 index = ((window & 1) * WEIR_SKETCH_ROWS + row) * WEIR_SKETCH_LINES + at / WEIR_SKETCH_LINE;
	struct weir_sketch_line *line = bpf_map_lookup_elem(&weir_sketch, &index);

	if (!line)
		return 0;
	if (line->window != window)
		*line = (struct weir_sketch_line){.window = window};
	return ++line->count[at & (WEIR_SKETCH_LINE - 1)];
}

/* Keep it among the heaviest: in its own place, or in that of the least, if that is less. */
static __always_inline int heavy_keep(const struct weir_addr *addr, __u64 hash, __u32 count, __u32 window)
{
	__u32 index = (window & 1) * WEIR_HEAVY_BUCKETS + weir_heavy_at(hash), least = 0;
	struct weir_heavy *heavy = bpf_map_lookup_elem(&weir_heavy, &index);

	if (!heavy)
		return 0;
	if (heavy->window != window)
		*heavy = (struct weir_heavy){.window = window};
	for (__u32 way = 0; way < WEIR_HEAVY_WAYS; way++) {
		if (heavy->way[way].addr.d[0] == addr->d[0] && heavy->way[way].addr.d[1] == addr->d[1]) {
			heavy->way[way].count = count;
			return 0;
		}
		if (heavy->way[way].count < heavy->way[least & (WEIR_HEAVY_WAYS - 1)].count)
			least = way;
	}
	least &= WEIR_HEAVY_WAYS - 1;
	if (heavy->way[least].count >= count)
		return 0;
	heavy->way[least].addr = *addr;
	heavy->way[least].count = count;
	return 0;
}

/* A packet of this sender, in this window; returns 0. */
static __always_inline int source_count(const struct weir_addr *addr, __u32 window)
{
	struct weir_ctl *ctl = control();
	__u32 least = ~0u;
	struct weir_addr sender;
	__u64 hash;

	if (!ctl || !addr)
		return 0;
	sender = *addr;
	if (!(sender.d[0] | sender.d[1]))
		return 0; /* it could not be read so far */
	hash = weir_hash_finish(sender.d[0] * ctl->flow_seed[0] + sender.d[1] * ctl->flow_seed[1]);
	for (__u32 row = 0; row < WEIR_SKETCH_ROWS; row++) {
		__u32 count = sketch_add(hash, row, window);

		least = count < least ? count : least;
	}
	return heavy_keep(&sender, hash, least, window);
}

#endif

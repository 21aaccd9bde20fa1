/* SPDX-License-Identifier: GPL-2.0-only */
/* What the balancer remembers for packets that do not say by themselves which flow they belong to, and of the messages that it
 * sends itself. */
#ifndef WEIR_BPF_EDGE_H
#define WEIR_BPF_EDGE_H

#include "bpf/maps.h"

PINNED_MAP(weir_fragments, BPF_MAP_TYPE_LRU_HASH, struct weir_fragment_key, struct weir_fragment_first,
	   WEIR_MAX_FRAGMENTS, 0);
PINNED_MAP(weir_answers, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct weir_answers, 1, 0);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* What the balancer remembers for packets that do not say by themselves which flow they belong to, and of the messages that it
 * sends itself. */
#ifndef WEIR_BPF_EDGE_H
#define WEIR_BPF_EDGE_H

#include "bpf/fragment.h"

#define FRAGMENTS_MAX 1024

/* ports of a packet whose first fragment came by */
struct fragment_first {
	__be16 sport_be, dport_be;
	__u32 seen; /* low word of jiffies */
	__u8 proto;
	__u8 pad[3];
};

/* too-big messages sent in the running second */
struct weir_answers {
	__u32 second; /* low word of jiffies at its beginning */
	__u32 sent;
};

PINNED_MAP(weir_fragments, BPF_MAP_TYPE_LRU_HASH, struct fragment_key, struct fragment_first, FRAGMENTS_MAX, 0);
PINNED_MAP(weir_answers, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct weir_answers, 1, 0);

#endif

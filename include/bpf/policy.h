/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps of identity policy: who a packet's sender is, the first flows, the rules' counters. What the rules say is in table
 * memory (tc/judge.h). */
#ifndef WEIR_BPF_POLICY_H
#define WEIR_BPF_POLICY_H

#include "bpf/maps.h"

struct policy_cgroups { /* cgroup id (inode) -> identity */
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u64);
	__type(value, __u32);
	__uint(max_entries, WEIR_MAX_CGROUPS);
};

struct policy_whos { /* weir_who() -> identity, and WEIR_WHO_STRICT */
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u64);
	__type(value, __u32);
	__uint(max_entries, WEIR_MAX_CGROUPS);
};

/* by generation */
PINNED_MAP_OF_MAPS(weir_cgroups, policy_cgroups, 2);
PINNED_MAP_OF_MAPS(weir_whos, policy_whos, 2);
PINNED_MAP(weir_flows, BPF_MAP_TYPE_ARRAY, __u32, struct weir_flow, WEIR_FLOW_LEVEL1, BPF_F_MMAPABLE);
PINNED_MAP(weir_rule_stats, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct weir_rule_stats, WEIR_MAX_RULES, 0);

#endif

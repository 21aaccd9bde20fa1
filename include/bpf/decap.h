/* SPDX-License-Identifier: GPL-2.0-only */
/* The addresses that a backend decapsulates for, and who of their clients went on to another one. */
#ifndef WEIR_BPF_DECAP_H
#define WEIR_BPF_DECAP_H

#include "bpf/maps.h"

PINNED_MAP(weir_addresses, BPF_MAP_TYPE_HASH, struct weir_addr, __u32, WEIR_MAX_DECAP, BPF_F_NO_PREALLOC);
PINNED_MAP(weir_chances, BPF_MAP_TYPE_HASH, struct weir_chance_key, struct weir_chance_stats, WEIR_MAX_CHANCES,
	   BPF_F_NO_PREALLOC);
PINNED_MAP(weir_chance_flows, BPF_MAP_TYPE_ARRAY, __u32, __u32, WEIR_CHANCE_FLOWS, 0);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* The addresses that a backend decapsulates for. */
#ifndef WEIR_BPF_DECAP_H
#define WEIR_BPF_DECAP_H

#include "bpf/maps.h"

PINNED_MAP(weir_addresses, BPF_MAP_TYPE_HASH, struct weir_addr, __u32, WEIR_MAX_DECAP, BPF_F_NO_PREALLOC);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* The one exit: every packet of every program leaves with a reason, counted here, and the reason decides the verdict. */
#ifndef WEIR_BPF_ACCOUNT_H
#define WEIR_BPF_ACCOUNT_H

#include <stdbool.h>

#include "bpf/explain.h"
#include "bpf/maps.h"

PINNED_MAP(weir_ctl, BPF_MAP_TYPE_ARRAY, __u32, struct weir_ctl, 1, BPF_F_MMAPABLE);
PINNED_MAP(weir_devs, BPF_MAP_TYPE_ARRAY, __u32, struct weir_dev, WEIR_MAX_DEVS, BPF_F_MMAPABLE);
PINNED_MAP(weir_stats, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct weir_dev_stats, WEIR_MAX_DEVS *WEIR_HOOKS, 0);

/* what a stage returns: a reason to leave with, or NEXT = go on to the next stage */
#define NEXT (-1)

static __always_inline struct weir_ctl *control(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&weir_ctl, &zero);
}

/* The device's record without claiming one, or NULL. */
static __always_inline struct weir_dev *device_find(__u32 ifindex)
{
	for (__u32 i = 0; i < WEIR_DEV_PROBES; i++) {
		__u32 slot = (ifindex + i) % WEIR_MAX_DEVS;
		struct weir_dev *dev = bpf_map_lookup_elem(&weir_devs, &slot);

		if (dev && slot && dev->ifindex == ifindex)
			return dev;
	}
	return NULL;
}

/* The device's slot, claimed on its first packet; 0 when all its places are taken. */
static __always_inline __u32 device_slot(__u32 ifindex)
{
	for (__u32 i = 0; i < WEIR_DEV_PROBES; i++) {
		__u32 slot = (ifindex + i) % WEIR_MAX_DEVS;
		struct weir_dev *dev = bpf_map_lookup_elem(&weir_devs, &slot);

		if (!dev || !slot)
			continue;
		if (dev->ifindex == ifindex)
			return slot;
		if (dev->ifindex == 0) {
			__u32 was;

			if (!CHANGES)
				return slot;
			was = __sync_val_compare_and_swap(&dev->ifindex, 0, ifindex);

			if (was == 0 || was == ifindex)
				return slot;
		}
	}
	return 0;
}

/* Packets that have left so on this CPU, this one included; 0: not known. */
static __always_inline __u64 account(__u32 ifindex, enum weir_hook hook, __u32 reason, __u32 bytes)
{
	__u32 index = device_slot(ifindex) * WEIR_HOOKS + hook;
	struct weir_dev_stats *stats = bpf_map_lookup_elem(&weir_stats, &index);

	FOUND(reason, reason);
	barrier_var(reason); /* else a copy is compared, of which Linux 6.1 learns nothing for this one */
	if (!CHANGES || !stats || reason >= WEIR_REASONS)
		return 0;
	stats->by_reason[reason].bytes += bytes;
	return ++stats->by_reason[reason].packets;
}

/* Verdicts by reason, the two bits of each in two words. Constants and no table: looked up in memory, every reason would have to be
 * proven by itself, and the verifier of Linux 6.1 lost the bound of the index. */
#define REASON(id, name, verdict, text) | (__u64)(WEIR_##verdict >> BIT & 1) << WEIR_R_##id
#define BIT				0
static const __u64 reason_verdicts_low = 0
#include "weir/reasons.def"
	;
#undef BIT
#define BIT 1
static const __u64 reason_verdicts_high = 0
#include "weir/reasons.def"
	;
#undef BIT
#undef REASON
_Static_assert(WEIR_REASONS <= 64 && WEIR_VERDICTS <= 4, "one word for each bit of a verdict");

static __always_inline enum weir_verdict reason_verdict(__u32 reason)
{
	return (reason_verdicts_low >> reason & 1) | (reason_verdicts_high >> reason & 1) << 1;
}

static __always_inline bool reason_passes(__u32 reason)
{
	return reason_verdict(reason) == WEIR_PASS;
}

#endif

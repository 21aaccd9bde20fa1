/* SPDX-License-Identifier: GPL-2.0-only */
/* Device records: claimed, flagged, named. */
#include "device.h"

#include <stdio.h>

__u32 device_claim(struct plane *p, __u32 ifindex)
{
	for (__u32 i = 0; i < WEIR_DEV_PROBES; i++) {
		__u32 slot = (ifindex + i) % WEIR_MAX_DEVS, there = 0;

		if (slot && (__atomic_compare_exchange_n(&p->devs[slot].ifindex, &there, ifindex, false,
							 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) ||
			     there == ifindex))
			return slot;
	}
	return 0;
}

void device_flag(struct plane *p, __u32 ifindex, __u32 flag, bool on)
{
	__u32 slot = device_claim(p, ifindex);

	if (slot && on)
		__atomic_or_fetch(&p->devs[slot].flags, flag, __ATOMIC_RELAXED);
	else if (slot)
		__atomic_and_fetch(&p->devs[slot].flags, ~flag, __ATOMIC_RELAXED);
}

void device_name(struct plane *p, __u32 ifindex, const char *name)
{
	__u32 slot = device_claim(p, ifindex);

	if (slot)
		snprintf(p->devs[slot].name, sizeof(p->devs[slot].name), "%s", name);
}

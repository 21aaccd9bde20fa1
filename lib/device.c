/* SPDX-License-Identifier: GPL-2.0-only */
/* Device records: claimed, flagged, named. */
#include "device.h"

#include <stdio.h>

struct weir_dev *device_claim(struct plane *p, __u32 ifindex)
{
	for (__u32 i = 0; i < WEIR_DEV_PROBES; i++) {
		__u32 slot = (ifindex + i) % WEIR_MAX_DEVS, free_slot = 0;
		struct weir_dev *dev = &p->devs[slot];

		if (slot && (__atomic_compare_exchange_n(&dev->ifindex, &free_slot, ifindex, false, __ATOMIC_ACQ_REL,
							 __ATOMIC_ACQUIRE) ||
			     free_slot == ifindex))
			return dev;
	}
	return NULL;
}

void device_flag(struct plane *p, __u32 ifindex, __u32 flag, bool on)
{
	struct weir_dev *dev = device_claim(p, ifindex);

	if (dev && on)
		__atomic_or_fetch(&dev->flags, flag, __ATOMIC_RELAXED);
	else if (dev)
		__atomic_and_fetch(&dev->flags, ~flag, __ATOMIC_RELAXED);
}

void device_name(struct plane *p, __u32 ifindex, const char *name)
{
	struct weir_dev *dev = device_claim(p, ifindex);

	if (dev)
		snprintf(dev->name, sizeof(dev->name), "%s", name);
}

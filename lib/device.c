/* SPDX-License-Identifier: GPL-2.0-only */
/* Slots of devices. */
#include "device.h"

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

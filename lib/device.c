/* SPDX-License-Identifier: GPL-2.0-only */
/* Device records: claimed, flagged, named. */
#include "device.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "netlink.h"
#include "stats.h"

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

int device_claim_slot(struct plane *p, __u32 ifindex, __u32 *ret_slot, struct weir_error *err)
{
	*ret_slot = device_claim(p, ifindex);
	return *ret_slot ? 0 : weir_full(err, WEIR_LIMIT_DEVS, WEIR_MAX_DEVS - 1); /* slot 0 is that of all others */
}

__u32 device_slot(const struct plane *p, __u32 ifindex)
{
	for (__u32 i = 0; i < WEIR_DEV_PROBES; i++) {
		__u32 slot = (ifindex + i) % WEIR_MAX_DEVS;

		if (slot && p->devs[slot].ifindex == ifindex)
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

const char *device_label(__u32 ifindex, char buf[IF_NAMESIZE])
{
	if (!if_indextoname(ifindex, buf))
		snprintf(buf, IF_NAMESIZE, "#%u", ifindex);
	return buf;
}

/* It was never attached by weir, and its name went with it. */
const char *device_gone_name(const struct weir_dev *dev, char ret[IF_NAMESIZE])
{
	if (*dev->name)
		snprintf(ret, IF_NAMESIZE, "%s", dev->name);
	else
		snprintf(ret, IF_NAMESIZE, "#%u", dev->ifindex);
	return ret;
}

int devices_forget(struct plane *p, const char *name, struct weir_error *err)
{
	char gone[IF_NAMESIZE];
	struct link l;
	int count = 0;

	for (__u32 slot = 1; slot < WEIR_MAX_DEVS; slot++) {
		struct weir_dev *dev = &p->devs[slot];
		int rc;

		if (!dev->ifindex || strcmp(device_gone_name(dev, gone), name) ||
		    link_by_index((int)dev->ifindex, &l, NULL) != -ENODEV)
			continue;
		rc = stats_device_clear(p, slot, err);
		if (rc)
			return rc;
		dev->flags = 0;
		*dev->name = '\0';
		__atomic_store_n(&dev->ifindex, 0, __ATOMIC_RELEASE);
		count++;
	}
	return count;
}

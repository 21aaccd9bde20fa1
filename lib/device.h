/* SPDX-License-Identifier: GPL-2.0-only */
/* The records of devices that the packet path and the user side share (weir/abi.h). */
#ifndef WEIR_DEVICE_H
#define WEIR_DEVICE_H

#include <net/if.h>

#include "plane.h"

/* The device's slot, claimed as the packet path does (include/bpf/account.h) if it has none; 0: all its places are taken. */
__u32 device_claim(struct plane *p, __u32 ifindex);

/* The same for who cannot do without: -ENOSPC when all its places are taken. */
int device_claim_slot(struct plane *p, __u32 ifindex, __u32 *ret_slot, struct weir_error *err);

/* The same without claiming; 0: it has none. */
__u32 device_slot(const struct plane *p, __u32 ifindex);

/* Set or clear a flag of the device's record; of one that has no place, nothing. */
void device_flag(struct plane *p, __u32 ifindex, __u32 flag, bool on);

/* Keep the device's name, which goes with it. */
void device_name(struct plane *p, __u32 ifindex, const char *name);

/* What a device is called now, or "#NUMBER" if it is no more. */
const char *device_label(__u32 ifindex, char buf[IF_NAMESIZE]);

/* What a device was called that is no more: its name, or "#NUMBER" if that was never kept. */
const char *device_gone_name(const struct weir_dev *dev, char ret[IF_NAMESIZE]);

/* Give back the slots of vanished devices that were called so, and with them their counters. How many, or -errno. */
int devices_forget(struct plane *p, const char *name, struct weir_error *err);

#endif

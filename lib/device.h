/* SPDX-License-Identifier: GPL-2.0-only */
/* The records of devices that the packet path and the user side share (weir/abi.h). */
#ifndef WEIR_DEVICE_H
#define WEIR_DEVICE_H

#include "plane.h"

/* The device's slot, claimed as the packet path does (include/bpf/account.h) if it has none; 0: all its places are taken. */
__u32 device_claim(struct plane *p, __u32 ifindex);

/* Set or clear a flag of the device's record; of one that has no place, nothing. */
void device_flag(struct plane *p, __u32 ifindex, __u32 flag, bool on);

/* Keep the device's name, which goes with it. */
void device_name(struct plane *p, __u32 ifindex, const char *name);

#endif

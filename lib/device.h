/* SPDX-License-Identifier: GPL-2.0-only */
/* Slots of devices: where the packet path counts for them (weir/abi.h). */
#ifndef WEIR_DEVICE_H
#define WEIR_DEVICE_H

#include "plane.h"

/* The device's slot, claimed as the packet path does (include/bpf/account.h) if it has none; 0: all its places are taken. Needs the
 * lock. */
__u32 device_claim(struct plane *p, __u32 ifindex);

#endif

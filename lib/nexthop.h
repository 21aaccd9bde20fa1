/* SPDX-License-Identifier: GPL-2.0-only */
/* What the packet path cannot find out by itself about the way to a backend: the outer source address, which devices take
 * redirected frames; and a request to the kernel to resolve the neighbour. */
#ifndef WEIR_NEXTHOP_H
#define WEIR_NEXTHOP_H

#include "plane.h"

/* For each backend with a dst in one generation's table (WEIR_MAX_BACKENDS records): src and csum from the kernel's routes of
 * now; where they have none, src stays as it is. Flags of the next hops' devices are set in devs. */
void nexthops_fill(struct plane *p, struct weir_backend *table);

/* A device that packets may leave by: does it take redirected frames? */
void nexthop_device(struct plane *p, int ifindex);

/* nexthops_fill() for the running configuration, as one atomic change. For `attach`: devices and routes may be new. */
int nexthops_refresh(struct plane *p, struct weir_error *err);

#endif

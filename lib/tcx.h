/* SPDX-License-Identifier: GPL-2.0-only */
/* The tcx hooks of a device, which run before the TC filters of clsact, where the kernel has them. For lib/attach*.c. */
#ifndef WEIR_TCX_H
#define WEIR_TCX_H

#include "netlink_hooks.h"

#define TCX_PROGRAMS_MAX 64 /* the kernel's own limit */

enum tcx_order { TCX_FIRST, TCX_LAST };

/* Program ids in the order in which they run. -EOPNOTSUPP: this kernel has no tcx. */
int tcx_programs(int ifindex, enum tc_hook hook, __u32 ret_ids[TCX_PROGRAMS_MAX], size_t *ret_count,
		 struct weir_error *err);
/* Another program, at one end of the row. */
int tcx_add(int ifindex, enum tc_hook hook, int prog_fd, enum tcx_order order, struct weir_error *err);
/* One program in the place of another; no packet goes without. */
int tcx_replace(int ifindex, enum tc_hook hook, int prog_fd, __u32 old_id, struct weir_error *err);
int tcx_del(int ifindex, enum tc_hook hook, __u32 id, struct weir_error *err);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* The places on a device where programs can be hung: TC filters of the clsact qdisc. For lib/attach*.c. */
#ifndef WEIR_NETLINK_HOOKS_H
#define WEIR_NETLINK_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/abi.h"

#include "error.h"

enum tc_hook { TC_HOOK_INGRESS, TC_HOOK_EGRESS };

/* where a filter stands on its hook, and its program */
struct tc_filter {
	__u32 handle;
	__u32 chain;
	__u16 priority;
	__u16 protocol; /* host order */
	__u32 prog_id;	/* 0: not a BPF filter */
};

/* All filters of a hook, none when there is no clsact; the caller frees *ret. */
int tc_filters(int ifindex, enum tc_hook hook, struct tc_filter **ret, size_t *ret_count, struct weir_error *err);
/* Put a program (direct action) where `at` says: atomically replacing the BPF filter there, or as a new one with `exclusive`
 * (-EEXIST: the place is taken). */
int tc_filter_set(int ifindex, enum tc_hook hook, const struct tc_filter *at, int prog_fd, const char *name,
		  bool exclusive, struct weir_error *err);
int tc_filter_del(int ifindex, enum tc_hook hook, const struct tc_filter *at, struct weir_error *err);

/* Take the clsact qdisc away. */
int clsact_remove(int ifindex, struct weir_error *err);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* What the ingress program forwards for the balancer passes the egress program of another device, or of the same. It is not
 * this host's speech but a client's, as are the packets that XDP forwards past TC, so egress policy has no say in it. */
#ifndef WEIR_TC_FORWARDED_H
#define WEIR_TC_FORWARDED_H

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

/* skb->tc_index lives from one TC hook to the next and sockets cannot set it. */
#define TC_INDEX_FORWARDED 0x7765

static __always_inline void set_forwarded(struct __sk_buff *skb)
{
	skb->tc_index = TC_INDEX_FORWARDED;
}

static __always_inline bool is_forwarded(const struct __sk_buff *skb)
{
	return skb->tc_index == TC_INDEX_FORWARDED;
}

#endif

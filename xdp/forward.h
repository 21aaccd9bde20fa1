/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage: the packet leaves for its backend, by XDP where the next hop is known and through the stack where it is not. IP in IP
 * is done here, all other ways in xdp/modes.h. */
#ifndef WEIR_XDP_FORWARD_H
#define WEIR_XDP_FORWARD_H

#include "icmp.h"
#include "modes.h"

/* Why nothing can be sent there. */
static __always_inline int hop_refuses(__u64 dmac)
{
	if (weir_hop_state(dmac) == WEIR_HOP_LOCAL)
		return WEIR_R_LOCAL;
	return weir_hop_state(dmac) == WEIR_HOP_NO_ROUTE ? WEIR_R_NO_ROUTE : WEIR_R_FORWARDING_OFF;
}

/* *ret_ifindex: where to, for WEIR_R_FORWARD_REDIRECT. */
static __always_inline int forward(struct xdp_md *ctx, const struct packet *p, const struct target *t, __u32 hz,
				   __u32 *ret_ifindex)
{
	struct weir_backend *b = hop_of(&t->index);
	bool probe = false, slow, v4;
	__u32 ifindex, added;
	__u64 dmac;
	int reason;

	if (!b)
		return WEIR_R_NO_BACKEND;
	REACHED(FORWARD);
	dmac = hop_get(ctx, b, hz, &probe);
	ifindex = b->ifindex;
	if (weir_hop_state(dmac) > WEIR_HOP_SLOW)
		return hop_refuses(dmac);
	v4 = addr_is_v4(&b->dst);
	added = t->flags & VIP_OTHER ? mode_bytes(t, v4) : outer_bytes(v4);
	FOUND(added, added);
	FOUND(probe, probe);
	if (b->mtu && p->ip_bytes + added > b->mtu)
		return too_big(ctx, p, b->mtu - added);
	slow = probe || weir_hop_state(dmac) != WEIR_HOP_READY || (ifindex != p->ifindex && !(dmac & WEIR_HOP_XMIT));
	FOUND(slow, slow);
	if (t->flags & VIP_OTHER)
		reason = forward_mode(ctx, p, t, slow);
	else
		reason = slow ? forward_slow(ctx, t) : encapsulate(ctx, p, t, b, dmac, v4);
	if (reason != NEXT)
		return reason;
	*ret_ifindex = ifindex;
	return ifindex == p->ifindex ? WEIR_R_FORWARD_TX : WEIR_R_FORWARD_REDIRECT;
}

#endif

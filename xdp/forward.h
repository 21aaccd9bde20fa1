/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage: the packet leaves for its backend, inside a tunnel header, by XDP where the next hop is known and through the stack
 * where it is not. */
#ifndef WEIR_XDP_FORWARD_H
#define WEIR_XDP_FORWARD_H

#include "balance.h"
#include "bpf/nexthop.h"
#include "bpf/tunnel.h"

/* The stack's part is tc/ingress.bpf.c; the metadata tells it which backend. */
static __always_inline int forward_slow(struct xdp_md *ctx, __u32 backend_index)
{
	struct weir_meta *meta;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)))
		return WEIR_R_SLOW_LOST;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return WEIR_R_SLOW_LOST;
	meta->magic = WEIR_META_MAGIC;
	meta->backend = backend_index;
	return WEIR_R_SLOW_PATH;
}

/* Ethernet and outer header in front of the IP packet; VLAN tags and the old Ethernet header go. The inner packet stays as
 * it is, byte for byte. */
static __always_inline int encapsulate(struct xdp_md *ctx, const struct packet *p, const struct target *t,
				       const struct weir_backend *b, __u64 dmac)
{
	bool v4 = addr_is_v4(&b->dst);
	__u64 smac = b->smac;
	struct ethhdr *eth;
	void *end;

	if (bpf_xdp_adjust_head(ctx, (int)p->l3 - (int)(sizeof(*eth) + outer_bytes(b))))
		return WEIR_R_NO_HEADROOM;
	eth = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if ((void *)(eth + 1) + (v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr)) > end)
		return WEIR_R_TRUNCATED;
	__builtin_memcpy(eth->h_dest, &dmac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, &smac, ETH_ALEN);
	eth->h_proto = v4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
	if (v4)
		outer_ipv4_write((void *)(eth + 1), b, p);
	else
		outer_ipv6_write((void *)(eth + 1), b, p, t->hash);
	return NEXT;
}

/* *ret_ifindex: where to, for WEIR_R_FORWARD_REDIRECT. */
static __always_inline int forward(struct xdp_md *ctx, const struct packet *p, const struct target *t, __u32 hz,
				   __u32 *ret_ifindex)
{
	struct weir_backend *b = bpf_map_lookup_elem(&weir_backends, &t->index);
	bool probe = false;
	__u32 ifindex;
	__u64 dmac;
	int reason;

	if (!b)
		return WEIR_R_NO_BACKEND;
	dmac = hop_get(ctx, b, hz, &probe);
	ifindex = b->ifindex;
	if (hop_state(dmac) == WEIR_HOP_NO_ROUTE)
		return WEIR_R_NO_ROUTE;
	if (hop_state(dmac) == WEIR_HOP_FORWARDING_OFF)
		return WEIR_R_FORWARDING_OFF;
	if (b->mtu && p->ip_bytes + outer_bytes(b) > b->mtu)
		return WEIR_R_TOO_BIG;
	if (probe || hop_state(dmac) != WEIR_HOP_READY || (ifindex != p->ifindex && !(dmac & WEIR_HOP_XMIT)))
		return forward_slow(ctx, t->index);
	reason = encapsulate(ctx, p, t, b, dmac);
	if (reason != NEXT)
		return reason;
	*ret_ifindex = ifindex;
	return ifindex == p->ifindex ? WEIR_R_FORWARD_TX : WEIR_R_FORWARD_REDIRECT;
}

#endif

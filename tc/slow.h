/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage: packets that XDP could not forward, since the kernel must resolve the next hop or the device takes no XDP frames.
 * XDP has chosen the backend; here the packet is encapsulated and given to the kernel's neighbour layer, which queues it
 * while it resolves. (Encapsulated packets that were passed up instead would die as martians: their source is our own.) */
#ifndef WEIR_TC_SLOW_H
#define WEIR_TC_SLOW_H

#include "bpf/fib.h"
#include "bpf/service.h"
#include "bpf/tunnel.h"
#include "forwarded.h"
#include "frame.h"

/* What XDP says about this packet (false: nothing, it is for the stack), and the backend, where that still matters. */
static __always_inline bool slow_read(struct __sk_buff *skb, struct weir_meta *ret)
#ifdef WEIR_EXPLAIN /* a test run has no metadata */
{
	(void)skb;
	*ret = weir_notes.asked.meta;
	return weir_notes.asked.has_meta;
}
#else
{
	struct weir_meta *meta = (void *)(long)skb->data_meta;

	if ((void *)(meta + 1) > (void *)(long)skb->data || meta->magic != WEIR_META_MAGIC)
		return false;
	*ret = *meta;
	return true;
}
#endif

/* Tags in the skb or the packet: XDP's forwarding drops them as well. */
static __always_inline void vlan_remove(struct __sk_buff *skb)
{
	for (int i = 0; i < VLAN_TAGS_MAX; i++)
		bpf_skb_vlan_pop(skb);
}

/* Look up where to, and keep the way for bpf_redirect_neigh() in *hop: an outer header or a rewritten packet names it by its
 * own destination (nh_family 0), a packet that goes by MAC does not. */
struct slow_hop {
	__u32 ifindex;
	struct bpf_redir_neigh neigh;
};

static __always_inline int slow_route(struct __sk_buff *skb, const struct weir_addr *src, const struct weir_addr *dst,
				      bool by_mac, struct slow_hop *ret)
{
	struct bpf_fib_lookup fib;
	long rc = fib_look_up(skb, skb->ifindex, src, dst, &fib);

	FOUND(route, rc);
	FOUND(ifindex, fib.ifindex);
	FOUND(mtu, fib.mtu_result);
	if (rc == BPF_FIB_LKUP_RET_FWD_DISABLED)
		return WEIR_R_FORWARDING_OFF;
	if (rc == BPF_FIB_LKUP_RET_FRAG_NEEDED)
		return WEIR_R_TOO_BIG;
	if (rc != BPF_FIB_LKUP_RET_SUCCESS && rc != BPF_FIB_LKUP_RET_NO_NEIGH)
		return WEIR_R_NO_ROUTE;
	ret->ifindex = fib.ifindex;
	if (!by_mac)
		return NEXT;
	if (!fib_on_link(&fib, dst))
		return WEIR_R_NO_ROUTE;
	ret->neigh.nh_family = fib.family;
	__builtin_memcpy(ret->neigh.ipv6_nh, fib.ipv6_dst, sizeof(ret->neigh.ipv6_nh));
	return NEXT;
}

/* all headers that come before a packet */
struct slow_headers {
	union {
		struct iphdr v4;
		struct ipv6hdr v6;
	} outer;
	struct gue_room gue;
};

/* The inner packet stays as it is, byte for byte. GRO may have joined segments since XDP saw them: FIXED_GSO has them parted
 * again at the same places, each with outer headers of its own. */
static __always_inline long slow_store(struct __sk_buff *skb, const struct slow_headers *h, __u32 outer, __u32 gue)
{
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO;

	flags |= outer == sizeof(h->outer.v4) ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV6;
	if (gue)
		flags |= BPF_F_ADJ_ROOM_ENCAP_L4_UDP;
	if (bpf_skb_adjust_room(skb, outer + gue, BPF_ADJ_ROOM_MAC, flags))
		return -1;
	if (outer == sizeof(h->outer.v4) ? bpf_skb_store_bytes(skb, ETH_HLEN, &h->outer.v4, sizeof(h->outer.v4), 0)
					 : bpf_skb_store_bytes(skb, ETH_HLEN, &h->outer.v6, sizeof(h->outer.v6), 0))
		return -1;
	if (gue == GUE_BYTES)
		return bpf_skb_store_bytes(skb, ETH_HLEN + outer, &h->gue, GUE_BYTES, 0);
	if (gue == GUE_BYTES_CHANCE4)
		return bpf_skb_store_bytes(skb, ETH_HLEN + outer, &h->gue, GUE_BYTES_CHANCE4, 0);
	return gue ? bpf_skb_store_bytes(skb, ETH_HLEN + outer, &h->gue, GUE_BYTES_CHANCE6, 0) : 0;
}

static __always_inline int slow_encapsulate(struct __sk_buff *skb, const struct packet *p, const struct weir_backend *b,
					    const struct weir_meta *meta)
{
	__u64 hash = weir_hash_flow(&p->src, &p->dst, p->sport_be, p->dport_be, p->proto);
	struct middle middle = middle_ipip(p);
	struct slow_headers h = {};

	if (meta->mode == WEIR_MODE_GUE) {
		middle.bytes = gue_prepare(&h.gue, meta->backend / WEIR_MAX_BACKENDS, meta->next, p, hash);
		middle.proto = IPPROTO_UDP;
	}
	if (addr_is_v4(&b->dst))
		outer_ipv4_write(&h.outer.v4, b, p, middle);
	else
		outer_ipv6_write(&h.outer.v6, b, p, middle, hash);
	return slow_store(skb, &h, outer_bytes(addr_is_v4(&b->dst)), middle.bytes) ? WEIR_R_SLOW_LOST : NEXT;
}

static __always_inline int slow_forward(struct __sk_buff *skb, struct packet *p, const struct weir_meta *meta,
					struct slow_hop *hop)
{
	__u32 index = meta->backend;
	struct weir_backend *b;
	int reason;

	REACHED(SLOW);
	vlan_remove(skb);
	if (frame_read(skb, p) != NEXT || p->l3 != ETH_HLEN)
		return WEIR_R_SLOW_LOST;
	if (meta->mode == WEIR_MODE_NAT) {
		reason = slow_route(skb, &p->src, &p->dst, false, hop);
	} else {
		b = bpf_map_lookup_elem(&weir_backends, &index);
		if (!b || addr_is_zero(&b->dst))
			return WEIR_R_SLOW_LOST;
		reason = slow_route(skb, &b->src, &b->dst, meta->mode == WEIR_MODE_L2, hop);
		if (reason == NEXT && meta->mode != WEIR_MODE_L2)
			reason = slow_encapsulate(skb, p, b, meta);
	}
	if (reason != NEXT)
		return reason;
	set_forwarded(skb);
	return WEIR_R_FORWARD_STACK;
}

#endif

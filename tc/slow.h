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

/* The backend that XDP chose for this packet, or NULL: XDP passed it for the stack. */
static __always_inline struct weir_backend *slow_backend(struct __sk_buff *skb)
{
	struct weir_meta *meta = (void *)(long)skb->data_meta;
	struct weir_backend *b;
	__u32 index;

	if ((void *)(meta + 1) > (void *)(long)skb->data || meta->magic != WEIR_META_MAGIC)
		return NULL;
	index = meta->backend;
	b = bpf_map_lookup_elem(&weir_backends, &index);
	return b && (b->dst.w[0] | b->dst.w[2]) ? b : NULL; /* an empty record has no address of either family */
}

/* Tags in the skb or the packet: XDP's forwarding drops them as well. */
static __always_inline void vlan_remove(struct __sk_buff *skb)
{
	for (int i = 0; i < VLAN_TAGS_MAX; i++)
		bpf_skb_vlan_pop(skb);
}

static __always_inline int slow_route(struct __sk_buff *skb, const struct weir_backend *b, __u32 *ret_ifindex)
{
	struct bpf_fib_lookup fib;
	long rc = fib_look_up(skb, skb->ifindex, &b->src, &b->dst, &fib);

	if (rc == BPF_FIB_LKUP_RET_FWD_DISABLED)
		return WEIR_R_FORWARDING_OFF;
	if (rc == BPF_FIB_LKUP_RET_FRAG_NEEDED)
		return WEIR_R_TOO_BIG;
	if (rc != BPF_FIB_LKUP_RET_SUCCESS && rc != BPF_FIB_LKUP_RET_NO_NEIGH)
		return WEIR_R_NO_ROUTE;
	*ret_ifindex = fib.ifindex;
	return NEXT;
}

/* The inner packet stays as it is, byte for byte. GRO may have joined segments since XDP saw them: FIXED_GSO has them parted
 * again at the same places, each with an outer header of its own. */
static __always_inline int slow_encapsulate(struct __sk_buff *skb, const struct packet *p, const struct weir_backend *b)
{
	union {
		struct iphdr v4;
		struct ipv6hdr v6;
	} outer = {};
	__u64 hash;
	long rc;

	if (addr_is_v4(&b->dst)) {
		outer_ipv4_write(&outer.v4, b, p);
		rc = bpf_skb_adjust_room(skb, sizeof(outer.v4), BPF_ADJ_ROOM_MAC,
					 BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_FIXED_GSO) ||
		     bpf_skb_store_bytes(skb, ETH_HLEN, &outer.v4, sizeof(outer.v4), BPF_F_RECOMPUTE_CSUM);
	} else {
		hash = weir_hash_flow(&p->src, &p->dst, p->sport_be, p->dport_be, p->proto);
		outer_ipv6_write(&outer.v6, b, p, hash);
		rc = bpf_skb_adjust_room(skb, sizeof(outer.v6), BPF_ADJ_ROOM_MAC,
					 BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 | BPF_F_ADJ_ROOM_FIXED_GSO) ||
		     bpf_skb_store_bytes(skb, ETH_HLEN, &outer.v6, sizeof(outer.v6), BPF_F_RECOMPUTE_CSUM);
	}
	return rc ? WEIR_R_SLOW_LOST : NEXT;
}

static __always_inline int slow_forward(struct __sk_buff *skb, struct packet *p, const struct weir_backend *b,
					__u32 *ret_ifindex)
{
	int reason;

	vlan_remove(skb);
	if (frame_read(skb, p) != NEXT || p->l3 != ETH_HLEN)
		return WEIR_R_SLOW_LOST;
	reason = slow_route(skb, b, ret_ifindex);
	if (reason == NEXT)
		reason = slow_encapsulate(skb, p, b);
	if (reason != NEXT)
		return reason;
	set_forwarded(skb);
	return WEIR_R_FORWARD_STACK;
}

#endif

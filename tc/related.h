/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage: an ICMP error about a tracked flow? It passes with the flow: hosts that lose "fragmentation needed" or "unreachable"
 * hang. Believed only when it carries the header of a packet of a flow that policy allows now, and goes to who sent that. */
#ifndef WEIR_TC_RELATED_H
#define WEIR_TC_RELATED_H

#include "verdict.h"

#define ICMP_HEADER_BYTES 8 /* of an error, before what it carries */

struct ports_header {
	__be16 sport_be, dport_be;
};

struct echo_header {
	__u8 type, code;
	__be16 checksum;
	__be16 id;
};

static __always_inline bool carried_ports(void *at, void *end, struct packet *ret)
{
	struct ports_header *ports = at;
	struct echo_header *echo = at;

	if (ret->proto == IPPROTO_TCP || ret->proto == IPPROTO_UDP) {
		if ((void *)(ports + 1) > end)
			return false;
		ret->sport_be = ports->sport_be;
		ret->dport_be = ports->dport_be;
		return true;
	}
	if (!is_icmp(ret))
		return true;
	if ((void *)(echo + 1) > end)
		return false;
	ret->flags = echo->type;
	if (is_echo_request(ret))
		ret->sport_be = echo->id;
	else if (is_echo_reply(ret))
		ret->dport_be = echo->id;
	else
		return false;
	return true;
}

/* The packet that an error carries, of which there may be no more than its first bytes: family, protocol, addresses, ports.
 * One behind IPv6 extension headers, or a later fragment, is not recognised. A global function, for the verifier. */
__noinline int carried_read(struct __sk_buff *skb, const struct packet *p, struct packet *ret)
{
	void *end = (void *)(long)skb->data_end, *at;
	struct ipv6hdr *v6;
	struct iphdr *v4;

	if (!p || !ret)
		return -1;
	at = (void *)(long)skb->data + (p->l4 & L4_OFFSET_MASK) + ICMP_HEADER_BYTES;
	*ret = (struct packet){.v4 = p->v4};
	if (p->v4) {
		v4 = at;
		if ((void *)(v4 + 1) > end || v4->version != 4 || v4->ihl < 5 || v4->frag_off & bpf_htons(0x1fff))
			return -1;
		ret->proto = v4->protocol;
		addr_from_v4(&ret->src, v4->saddr);
		addr_from_v4(&ret->dst, v4->daddr);
		at += v4->ihl * 4;
	} else {
		v6 = at;
		if ((void *)(v6 + 1) > end || v6->version != 6)
			return -1;
		ret->proto = v6->nexthdr;
		addr_from_v6(&ret->src, &v6->saddr);
		addr_from_v6(&ret->dst, &v6->daddr);
		at += sizeof(*v6);
	}
	return carried_ports(at, end, ret) ? 0 : -1;
}

/* Does an error carry a packet of a flow that may go on? Global, for the stack. */
__noinline bool error_is_related(struct __sk_buff *skb, const struct packet *p, const struct weir_ctl *ctl,
				 const struct weir_gen *gen)
{
	struct packet carried;
	struct flow_hit hit;

	if (!p || !ctl || !gen)
		return false;
	if (carried_read(skb, p, &carried) || addr_differs(&carried.src, &p->dst))
		return false;
	REACHED(RELATED);
	flow_find(ctl, &carried, &hit);
	if (!hit.flow)
		return false;
	return !(hit.flow->flags & JUDGED) || hit.flow->policy_version == gen->policy_version;
}

static __always_inline int flow_related(struct __sk_buff *skb, const struct packet *p, const struct view *view)
{
	if (!is_icmp_error(p) || p->fragment == FRAGMENT_LATER)
		return NEXT;
	return error_is_related(skb, p, view->ctl, view->gen) ? WEIR_R_RELATED : NEXT;
}

#endif
